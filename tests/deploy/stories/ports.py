"""Stories of one port of one mail server: items 1 to 4 of the issue."""

from typing import Any

from exporter.reasons import Reason
from tests.deploy.stories.fleet import MX, START, agent, host, one_port, pool, rotating
from tests.deploy.stories.outcomes import FOREVER, GOOD, cycle, during, each, fails, shuffled, since
from tests.deploy.stories.story import CRITICAL, EITHER, FEW, WARNING, Expect, Story

R = Reason

REFUSED, TIMEOUT = fails(R.CONNECTION_REFUSED), fails(R.CONNECTION_TIMEOUT)
STAGES = (fails(R.GREETING_TIMEOUT), fails(R.TLS_HANDSHAKE_FAILED), fails(R.AUTH_TEMPORARY))
"""An overloaded server: now it fails here, now there."""
INTERVALS = {"15s": 15, "60s": 60, "5m": 300}
MAY_PAUSE: dict[str, Any] = {"5m": {"apart": True, "until": (START, FOREVER)}}
"""At such an interval a port is good for a quarter of an hour in between."""
BAD = fails(R.CONNECTION_REFUSED)
ALONG = {
    "every second probe": each(BAD, GOOD),
    "two of three probes": each(BAD, GOOD, BAD),
    "a quarter of the probes": each(BAD, GOOD, GOOD, GOOD),
}


def down(port: int = 25, **others: Any) -> Expect:
    """The one critical alert that a port is down."""
    return Expect(CRITICAL, {"host": MX, "port": str(port)}, **others)


STAGES_DO_NOT_MATTER = (
    Story("a port refuses every probe", one_port(since(START, REFUSED)), fires=(down(says=(MX, "25")),), pages=1),
    Story("a port fails every probe, at three stages in turn, for three hours",
          one_port(since(START, each(*STAGES)), 587), 190, (down(587, says=(MX, "587")),), pages=1),
    *(Story(f"a port fails every probe, at random stages, every {name}",
            one_port(since(START, shuffled(*STAGES, seed=n)), 587, interval=interval), 60, (down(587),), pages=1)
      for n, (name, interval) in enumerate(INTERVALS.items())),
    Story("a port fails at the greeting and in TLS by turns, on 465",
          one_port(since(START, each(fails(R.TLS_CLOSED), fails(R.TLS_TIMEOUT), fails(R.TLS_HANDSHAKE_FAILED),
                                     fails(R.GREETING_TIMEOUT))), 465), 120, (down(465),), pages=1),
    Story("19 failures in a row at mixed stages, then the port works",
          one_port(during(shuffled(*STAGES), (START, START + 18)), 587), 90,
          (down(587, until=(START + 18, START + 50)),), pages=1, resolved=1),
    Story("two addresses fail, each at another stage",
          agent(host(ports={25: {pool(2)[0]: since(START, TIMEOUT),
                                 pool(2)[1]: since(START, fails(R.STARTTLS_TEMPORARY))}}, addresses=pool(2))),
          fires=(down(),), pages=1),
    Story("two addresses fail at changing stages, never the same",
          agent(host(ports={587: {pool(2)[0]: since(START, each(*STAGES)),
                                  pool(2)[1]: since(START, each(*STAGES[1:], STAGES[0]))}}, addresses=pool(2))),
          120, (down(587),), pages=1),
    Story("one of two addresses is dead: a ticket",
          agent(host(ports={25: {pool(2)[1]: since(START, TIMEOUT)}}, addresses=pool(2))), 90,
          (Expect(WARNING, {"host": MX}, by=START + 30),), tickets=1),
    Story("one of two addresses fails at random stages: a ticket or a page, once",
          agent(host(ports={587: {pool(2)[1]: since(START, shuffled(*STAGES))}}, addresses=pool(2))), 120,
          (Expect(EITHER, {"host": MX}, by=START + 30),), pages=(0, 1), tickets=(0, 1)),
    *(Story(f"{reason} on every probe: one page that names the port", one_port(since(START, fails(reason)), port),
            fires=(down(port, says=(MX, str(port), reason)),), pages=1)
      for reason, port in ((R.STARTTLS_TEMPORARY, 25), (R.CERTIFICATE_EXPIRED, 465), (R.AUTH_REJECTED, 587),
                           (R.TLSA_INVALID, 25), (R.BANNER_MISMATCH, 25), (R.DNS_FAILURE, 25))),
)  # fmt: skip

ADDRESSES_COME_AND_GO = (
    Story("DNS gives another dead address every two minutes, probed every 60s",
          one_port(since(START, TIMEOUT), addresses=rotating(2, *pool(40))), 50, (down(),), pages=1),
    Story("DNS gives another dead address every two minutes, probed every 5m",
          one_port(since(START, TIMEOUT), addresses=rotating(2, *pool(40)), interval=300), 50, (down(),), pages=1),
    Story("DNS gives another dead address every two minutes, and they fail at mixed stages",
          one_port(since(START, shuffled(*STAGES)), 587, addresses=rotating(2, *pool(40))), 50, (down(587),), pages=1),
    Story("DNS gives another good address every two minutes",
          one_port(GOOD, addresses=rotating(2, *pool(40))), 50),
    Story("DNS gives two dead addresses and a good one in turn, two minutes each",
          agent(host(ports={25: {pool(3)[0]: since(START, TIMEOUT), pool(3)[1]: since(START, TIMEOUT)}},
                     addresses=rotating(2, *pool(3)))), 120,
          (Expect(CRITICAL, {"host": MX, "port": "25"}, by=START + 15),), pages=1, tickets=(0, 1)),
    Story("a dead address leaves for ten minutes and returns, beside a good one",
          agent(host(ports={25: {pool(2)[1]: since(START, TIMEOUT)}},
                     addresses=lambda minute: pool(2) if minute % 20 < 10 else pool(1))), 120,
          (Expect(WARNING, {"host": MX}, by=START + 31),), tickets=(1, 2)),
    Story("the name of a dead host is gone from DNS",
          one_port(during(fails(R.DNS_NOT_FOUND), (30, FOREVER), otherwise=REFUSED),
                   addresses=lambda minute: pool(1) if minute < 30 else ()), 60, (down(by=5),), pages=1),
)  # fmt: skip

FLAPPING = (
    *(Story(f"{which} fail{'s' if 'every' in which else ''}, every {name}: a ticket within 30 minutes",
            one_port(since(START, script), interval=interval), 60,
            (Expect(EITHER, {"host": MX, "port": "25"}, by=START + 31),), pages=(0, 1 if "two" in which else 0),
            tickets=(0 if "two" in which else 1, 1))
      for which, script in ALONG.items() for name, interval in INTERVALS.items()),
    *(Story(f"three probes fail and three do not, every {name}: one alert",
            one_port(since(START, each(BAD, BAD, BAD, GOOD, GOOD, GOOD)), interval=interval), 60,
            (Expect(EITHER, {"host": MX, "port": "25"}, by=START + 31, **MAY_PAUSE.get(name, {})),),
            pages=FEW if name in MAY_PAUSE else (0, 1), tickets=(0, 1))
      for name, interval in INTERVALS.items()),
    Story("every second probe fails, at another stage each time",
          one_port(since(START, each(STAGES[0], GOOD, STAGES[1], GOOD)), 587), 60,
          (Expect(WARNING, {"host": MX, "port": "587"}, by=START + 31),), tickets=1),
    Story("every second probe fails for an hour, then none: the ticket closes",
          one_port(during(each(BAD, GOOD), (START, 70))), 150,
          (Expect(WARNING, {"host": MX, "port": "25"}, by=START + 31, until=(70, 110)),), tickets=1),
    Story("one probe in ten fails", one_port(since(START, each(BAD, *[GOOD] * 9))), 90),
    Story("five minutes down and seven up, for two hours: one critical alert that stays",
          one_port(cycle(REFUSED, 5, 7)), START + 120, (down(),), pages=1, resolved=0),
    Story("five minutes down and seven up, for two hours, then good: it resolves once",
          one_port(during(cycle(REFUSED, 5, 7), (START, START + 120))), START + 165,
          (down(until=(START + 113, START + 155)),), pages=1, resolved=1),
    Story("five minutes down and seven up, probed every 5m",
          one_port(cycle(REFUSED, 5, 7), interval=300), START + 120,
          (Expect(EITHER, {"host": MX, "port": "25"}, by=START + 31, **MAY_PAUSE["5m"]),),
          pages=(0, 1), tickets=(0, 1)),
)  # fmt: skip

OUTAGES = (
    Story("one probe fails", one_port(during(REFUSED, (20, 20.3))), 60),
    Story("the first probe after a start fails", one_port(during(REFUSED, (0, 0.2))), 60),
    *(Story(f"an outage of {minutes} minutes: one page, one resolved, and nothing after it",
            one_port(during(TIMEOUT, (START, START + minutes))), 90,
            (down(until=(START + minutes - 1, START + minutes + 30)),), pages=1, resolved=1)
      for minutes in (4, 10, 30)),
    Story("an outage of 20 minutes, probed every 5m, with confirmation probes",
          one_port(during(REFUSED, (START, START + 20)), interval=300), 100,
          (down(until=(START + 19, START + 60)),), pages=1, resolved=1),
    Story("a port refuses every probe, every 5m", one_port(since(START, REFUSED), interval=300), 60,
          (down(),), pages=1),
    Story("a port refuses every probe, every 5m, and confirm_interval is off",
          one_port(since(START, REFUSED), interval=300, confirms=False), 60, (down(),), pages=1),
    Story("a port refuses every probe, every 15s", one_port(since(START, REFUSED), interval=15), 60,
          (down(),), pages=1),
    Story("two outages of 10 minutes, an hour and a half apart: two pages",
          one_port(during(REFUSED, (START, START + 10), (110, 120))), 155,
          (down(until=(120, 150), apart=True),), pages=2, resolved=2),
)  # fmt: skip

PORTS = (*STAGES_DO_NOT_MATTER, *ADDRESSES_COME_AND_GO, *FLAPPING, *OUTAGES)
