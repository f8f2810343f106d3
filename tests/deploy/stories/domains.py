"""Stories of mail domains: items 5 and 6 of the issue."""

from typing import Any

from exporter.reasons import Reason
from tests.deploy.stories.agents import Agent, Domain, Host
from tests.deploy.stories.fleet import MX, START, agent, host, of
from tests.deploy.stories.outcomes import FOREVER, GOOD, Outcome, Script, during, each, fails, since, warns
from tests.deploy.stories.story import CRITICAL, FEW, WARNING, Expect, Story

R = Reason

TIMEOUT, REFUSED = fails(R.CONNECTION_TIMEOUT), fails(R.CONNECTION_REFUSED)
STAGES = (fails(R.GREETING_TIMEOUT), fails(R.STARTTLS_TEMPORARY), fails(R.CONNECTION_REFUSED))
DOMAIN = "example.com"
NAMES = ("mx1.example.com", "mx2.example.com", "mx3.example.com")
OF_DOMAIN = {"domain": DOMAIN}
LATER = ((START, FOREVER),)


def with_mx(*scripts: Script | Outcome, interval: float = 60, **others: Any) -> tuple[Agent, ...]:
    """Make an agent that watches a domain with an MX host for each script."""
    hosts = of(DOMAIN, dict(zip(NAMES, scripts, strict=False)), interval=interval, labels=others.pop("labels", {}))
    labels = hosts[0].labels
    domain = Domain(DOMAIN, NAMES[: len(scripts)], labels=labels, **others)
    return agent(*hosts, domains=(domain,))


def customers(count: int, *mx: str, hosts: tuple[Host, ...] = (), gone: int = 0) -> tuple[Agent, ...]:
    """Make an agent that watches a file of domains with these MX hosts, of which some do not exist any more."""
    problems = {(R.MX_NOT_FOUND, CRITICAL): LATER}
    domains = tuple(Domain(f"customer{n}.example", mx, "customers", problems if n < gone else {}) for n in range(count))
    return agent(*hosts, domains=domains)


ONE = since(START, TIMEOUT)
MX_HOSTS = (
    Story("all three MX hosts of a domain are down: one page for the domain", with_mx(ONE, ONE, ONE), 60,
          (Expect(CRITICAL, OF_DOMAIN, by=START + 5, says=(DOMAIN,)),), pages=1),
    Story("all three MX hosts of a domain are down at mixed stages",
          with_mx(*(since(START, each(*STAGES[n:], *STAGES[:n])) for n in range(3))), 120,
          (Expect(CRITICAL, OF_DOMAIN, by=START + 6),), pages=1),
    Story("all three MX hosts of a domain are down, probed every 5m", with_mx(ONE, ONE, ONE, interval=300), 60,
          (Expect(CRITICAL, OF_DOMAIN, by=START + 10),), pages=1),
    Story("one of three MX hosts of a domain is down: a ticket", with_mx(ONE, GOOD, GOOD), 90,
          (Expect(WARNING, {"host": NAMES[0]}, by=START + 15),), tickets=1),
    Story("two of three MX hosts of a domain are down: a ticket", with_mx(ONE, ONE, GOOD), 90,
          (Expect(WARNING, {}, by=START + 15),), tickets=(1, 2)),
    Story("one of three MX hosts fails at mixed stages: a ticket",
          with_mx(since(START, each(*STAGES)), GOOD, GOOD), 120,
          (Expect(WARNING, {"host": NAMES[0]}, by=START + 15),), tickets=1),
    Story("one of three MX hosts fails every second probe: a ticket",
          with_mx(since(START, each(REFUSED, GOOD)), GOOD, GOOD), 90,
          (Expect(WARNING, {"host": NAMES[0]}, by=START + 31),), tickets=1),
    Story("the MX hosts of a domain go down one after the other: tickets, then one page",
          with_mx(ONE, since(30, TIMEOUT), since(50, TIMEOUT)), 90,
          (Expect(CRITICAL, OF_DOMAIN, after=50, by=56), Expect(WARNING, {}, by=START + 15, until=(50, 90))),
          pages=1, tickets=(1, 2)),
    Story("all MX hosts of a domain are down for ten minutes: one page, one resolved",
          with_mx(*[during(TIMEOUT, (START, START + 10))] * 3), 90,
          (Expect(CRITICAL, OF_DOMAIN, by=START + 5, until=(START + 9, START + 45)),), pages=1, resolved=1),
    Story("one of three MX hosts has planned work", with_mx(ONE, GOOD, GOOD), 90,
          (Expect(WARNING, {"host": NAMES[0]}, by=START + 15),), silence=(f"host = {NAMES[0]}",)),
    Story("the label team survives on the page for a domain", with_mx(ONE, ONE, labels={"team": "mail"}), 60,
          (Expect(CRITICAL, OF_DOMAIN | {"team": "mail"}, by=START + 5),), pages=1),
    Story("the only MX host of a domain is down: one page", with_mx(ONE), 60,
          (Expect(CRITICAL, {}, by=START + 5, says=(DOMAIN,)),), pages=1),
    Story("a domain and its MX hosts work", with_mx(GOOD, GOOD, GOOD, sts="enforce"), 120),
)  # fmt: skip


def policy_broken(reason: R) -> tuple[Story, ...]:
    """Tell of a reason on all MX hosts, and on one."""
    bad = since(START, fails(reason))
    return (
        Story(f"{reason} on all MX hosts: one page for the domain", with_mx(bad, bad, sts="enforce"), 60,
              (Expect(CRITICAL, OF_DOMAIN, by=START + 6, says=(DOMAIN,)),), pages=1),
        Story(f"{reason} on one of two MX hosts: a ticket", with_mx(bad, GOOD, sts="enforce"), 90,
              (Expect(WARNING, {"host": NAMES[0]}, by=START + 15),), tickets=1),
    )  # fmt: skip


README = Domain(DOMAIN, (MX,), DOMAIN)


def readme(**scripts: Script | Outcome) -> tuple[Agent, ...]:
    """Make the agent of the README: a host with three ports, and the domain whose MX host it is."""
    ports = {int(port[1:]): script for port, script in scripts.items()}
    mail = host(ports={25: GOOD, 465: GOOD, 587: GOOD} | ports)
    return agent(mail, Host(MX, {25: ports.get(25, GOOD)}, target=DOMAIN), domains=(README,))


ALIKE = (
    Story("the README's example: the host is down", readme(p25=ONE, p465=ONE, p587=ONE), 60,
          (Expect(CRITICAL, {}, by=START + 5),), pages=1),
    Story("the README's example: port 25 is down", readme(p25=ONE), 60, (Expect(CRITICAL, {}, by=START + 5),), pages=1),
    Story("the README's example: port 587 is down", readme(p587=ONE), 60,
          (Expect(CRITICAL, {"host": MX, "port": "587"}),), pages=1),
    Story("200 domains have the same MX host, which is down: few notifications, with the count",
          customers(200, "mx.customers.example", hosts=of("customers", {"mx.customers.example": ONE})), 45,
          (Expect(CRITICAL, {}, by=START + 5, says=("200", "mx.customers.example")),), pages=FEW, at=40),
    Story("200 domains share one of their two MX hosts, which is down: few tickets",
          customers(200, "mx.customers.example", "mx2.customers.example",
                    hosts=of("customers", {"mx.customers.example": ONE, "mx2.customers.example": GOOD})), 60,
          (Expect(WARNING, {}, by=START + 15, says=("mx.customers.example",)),), tickets=FEW, at=40),
    Story("20 of 200 domains do not exist any more: few notifications, with the count",
          customers(200, "mx.customers.example", hosts=of("customers", {"mx.customers.example": GOOD}), gone=20), 60,
          (Expect(CRITICAL, {}, by=START + 31, says=("20",)),), pages=FEW, tickets=(0, 1), at=50),
    Story("a domain has no MX record any more: one page that names it",
          with_mx(GOOD, problems={(R.MX_NOT_FOUND, CRITICAL): LATER}), 60,
          (Expect(CRITICAL, OF_DOMAIN, by=START + 20, says=(DOMAIN, R.MX_NOT_FOUND)),), pages=1, at=50),
)  # fmt: skip


def warned(reason: R, by: float, minutes: int = 90, port: int = 25) -> Story:
    """Tell of an endpoint with a problem of severity warning."""
    return Story(f"{reason} is a warning on an endpoint: a ticket that names the host",
                 agent(host(ports={port: since(START, warns(reason))})), minutes,
                 (Expect(WARNING, {"host": MX}, by=by, says=(MX,)),), tickets=1, at=minutes - 10)  # fmt: skip


def warned_of_domain(reason: R, by: float, minutes: int = 90) -> Story:
    """Tell of a domain with a problem of severity warning."""
    return Story(f"{reason} is a warning on a domain: a ticket that names it",
                 with_mx(GOOD, problems={(reason, WARNING): LATER}, sts="testing"), minutes,
                 (Expect(WARNING, OF_DOMAIN, by=by, says=(DOMAIN,)),), tickets=1, at=minutes - 10)  # fmt: skip


WARNINGS = (
    warned(R.DNS_FAILURE, START + 15, 50), warned(R.DNS_TIMEOUT, START + 15, 50), warned(R.TLSA_UNUSABLE, START + 65),
    warned(R.CERTIFICATE_EXPIRED, START + 65), warned(R.STS_MX_MISMATCH, START + 65),
    warned(R.TLSA_INVALID, START + 65, port=465),
    warned_of_domain(R.MX_INVALID, START + 65), warned_of_domain(R.STS_POLICY_INVALID, START + 65),
    warned_of_domain(R.DNS_FAILURE, START + 15, 50), warned_of_domain(R.STS_POLICY_FETCH_ERROR, START + 65),
    Story("dns_failure for one probe, while old addresses are probed",
          agent(host(ports={25: during(warns(R.DNS_FAILURE), (20, 20.9))})), 90),
    Story("the label team survives on the ticket about DNS", agent(host(
        ports={25: since(START, warns(R.DNS_TIMEOUT))}, labels={"team": "mail"})), 60,
        (Expect(WARNING, {"host": MX, "team": "mail"}, by=START + 15),), tickets=1),
)  # fmt: skip

DOMAINS = (*MX_HOSTS, *policy_broken(R.STS_MX_MISMATCH), *policy_broken(R.TLSA_INVALID), *ALIKE, *WARNINGS)
