"""Stories of whole mail servers, and of many: items 5, 7 and 11 of the issue."""

from exporter.reasons import Reason, Untestable
from tests.deploy.stories.fleet import MX, OTHERS, START, agent, host, many, one_port
from tests.deploy.stories.outcomes import GOOD, cycle, during, each, fails, since, untestable
from tests.deploy.stories.story import CRITICAL, FEW, WARNING, Expect, Story

R, U = Reason, Untestable

TIMEOUT, REFUSED = fails(R.CONNECTION_TIMEOUT), fails(R.CONNECTION_REFUSED)
CLOSED, TLS_CLOSED = fails(R.GREETING_CLOSED), fails(R.TLS_CLOSED)
OF_HOST = {"host": MX, "port": ""}
HOSTILE = 'cust"omers} {{ $value }} {{ template "x" }} \\ \n<b>\u2709\ufe0f %s'
"""A target name that means to break whatever it is put into."""


DOWN_25_465_587 = host(ports=dict.fromkeys((25, 465, 587), since(START, TIMEOUT)))
WHOLE_HOSTS = (
    Story("no port of a host answers: one page for the host", agent(DOWN_25_465_587), fires=(
        Expect(CRITICAL, OF_HOST, says=(MX, "25", "465", "587")),), pages=1),
    Story("a load balancer without backends is a host that is down, not TLS that fails",
          agent(host(ports={25: since(START, CLOSED), 465: since(START, TLS_CLOSED), 587: since(START, CLOSED)})),
          fires=(Expect(CRITICAL, OF_HOST, says=(MX,)),), pages=1, never=("TLS with it fails",)),
    Story("two ports of a host fail at mixed stages: one page for the host",
          agent(host(ports={465: since(START, each(fails(R.TLS_CLOSED), CLOSED)),
                            587: since(START, each(CLOSED, fails(R.EHLO_TIMEOUT), fails(R.AUTH_TEMPORARY)))})), 120,
          (Expect(CRITICAL, {"host": MX}),), pages=1),
    Story("a host loses one port, and another port 20 minutes later",
          agent(host(ports={25: since(START, REFUSED), 465: GOOD, 587: since(START + 20, REFUSED)})), 60,
          (Expect(CRITICAL, {"host": MX, "port": "25"}), Expect(CRITICAL, {"host": MX, "port": "587"})), pages=(1, 2)),
    Story("a host is down for ten minutes: one page, one resolved",
          agent(host(ports=dict.fromkeys((25, 465, 587), during(TIMEOUT, (START, START + 10))))), 90,
          (Expect(CRITICAL, OF_HOST, until=(START + 9, START + 40)),), pages=1, resolved=1),
    Story("a host flaps on all ports, five minutes down and seven up",
          agent(host(ports=dict.fromkeys((25, 465, 587), cycle(TIMEOUT, 5, 7)))), START + 120,
          (Expect(CRITICAL, {"host": MX}),), pages=1, resolved=0),
    Story("the same port of the same host in two targets is one incident",
          agent(*(host(ports={25: since(START, REFUSED)}, target=target) for target in "ab")),
          fires=(Expect(CRITICAL, {"host": MX}),), pages=1),
    Story("the same host in two targets fails every second probe: one ticket",
          agent(*(host(ports={25: since(START, each(REFUSED, GOOD))}, target=target) for target in "ab")), 90,
          (Expect(WARNING, {"host": MX}, by=START + 31),), tickets=1),
    Story("two agents watch the same host that is down: one page",
          tuple(agent(host(ports={25: since(START, REFUSED)}), instance=f"agent{n}:10225")[0] for n in range(2)),
          fires=(Expect(CRITICAL, {"host": MX}),), pages=1),
    Story("a silence for planned work covers everything about a host",
          agent(host(ports={25: since(START, TIMEOUT), 465: since(START, each(TLS_CLOSED, GOOD)),
                            587: since(START, untestable(U.RATE_LIMITED))})), 120,
          (Expect(CRITICAL, {"host": MX}, by=START + 4), Expect(WARNING, {"host": MX, "port": "465"}, by=START + 31)),
          silence=(f"host = {MX}",)),
    Story("a port that should be closed is open",
          agent(host(ports={3306: since(START, fails(R.PORT_OPEN))}, closed=(3306,))),
          fires=(Expect(CRITICAL, {"host": MX, "port": "3306"}, says=(MX, "3306", "should be closed")),), pages=1),
    Story("a port that should be closed is closed, and the only other port is down",
          agent(host(ports={3306: GOOD, 25: since(START, REFUSED)}, closed=(3306,))),
          fires=(Expect(CRITICAL, {"host": MX}),), pages=1),
    Story("a target's name is hostile, and its host is down",
          agent(host(ports=dict.fromkeys((25, 587), since(START, REFUSED)), target=HOSTILE)),
          fires=(Expect(CRITICAL, OF_HOST | {"target": HOSTILE}, says=(MX, "{{ $value }}")),), pages=1),
    Story("a target's name is hostile, and every second probe fails",
          one_port(since(START, each(REFUSED, GOOD)), target=HOSTILE), 90,
          (Expect(WARNING, {"host": MX, "target": HOSTILE}, by=START + 31, says=(MX, "25")),), tickets=1),
    Story("the label team survives on the page for a host", agent(host(
        ports=dict.fromkeys((25, 587), since(START, TIMEOUT)), labels={"team": "mail"})),
        fires=(Expect(CRITICAL, OF_HOST | {"team": "mail"}),), pages=1),
    Story("the label team survives on the page for a port", agent(host(
        ports={25: GOOD, 587: since(START, TIMEOUT)}, labels={"team": "mail"})),
        fires=(Expect(CRITICAL, {"host": MX, "port": "587", "team": "mail"}),), pages=1),
    Story("the label team survives on the ticket about a failure rate",
          one_port(since(START, each(REFUSED, GOOD)), labels={"team": "mail"}), 90,
          (Expect(WARNING, {"host": MX, "port": "25", "team": "mail"}, by=START + 31),), tickets=1),
    Story("a server takes 15 seconds to greet on one port",
          agent(host(ports={587: GOOD}, greets_after=15)), 60,
          (Expect(WARNING, {"host": MX}, by=45, says=(MX, "587")),), tickets=1),
    Story("the page for a port links to the agent's page of the endpoint, and to the runbook",
          one_port(since(START, REFUSED)), fires=(
              Expect(CRITICAL, {"host": MX, "port": "25"}, says=("agent:10225/endpoint?", "/runbooks/")),), pages=1),
)  # fmt: skip

MANY_HOSTS = (
    Story("two hosts are down: each is named",
          agent(*(host(f"{name}.example.com", ports={25: since(START, TIMEOUT)}, addresses=(f"{net}.9",))
                  for name, net in (("a", "192.0.2"), ("b", "198.51.100")))),
          fires=(Expect(CRITICAL, {"host": "a.example.com"}), Expect(CRITICAL, {"host": "b.example.com"})),
          pages=(1, 2)),
    Story("200 hosts of one network are down, of 240: few notifications",
          agent(*many(200, since(START, TIMEOUT)), *many(40, GOOD, "good%d.example.net")), 26,
          (Expect(CRITICAL, by=START + 15),), pages=FEW, tickets=(0, 1)),
    Story("60 hosts of one network are down, of 150: few notifications",
          agent(*many(60, since(START, TIMEOUT)), *many(90, GOOD, "good%d.example.net")), 30,
          (Expect(CRITICAL, by=START + 15),), pages=FEW, tickets=(0, 1)),
    Story("nine of ten endpoints fail: a page about the agent",
          agent(*many(18, since(START, TIMEOUT))[:18]), 60,
          (Expect(CRITICAL, by=START + 15),), pages=FEW, tickets=(0, 1)),
    Story("60 hosts of one network fail every second probe, of 150: few notifications",
          agent(*many(60, since(START, each(REFUSED, GOOD))), *many(90, GOOD, "good%d.example.net")), 45,
          (Expect(WARNING, by=START + 31),), tickets=FEW),
    Story("50 healthy endpoints for a day", (FIFTY := agent(*many(44, GOOD), *OTHERS)), 1440, step=10),
    Story("50 healthy endpoints for an hour", FIFTY, 60),
)  # fmt: skip

UNTESTABLE = (
    Story("a host limits us for two hours: a ticket that names it",
          one_port(since(START, untestable(U.RATE_LIMITED))), 130, (Expect(WARNING, {}, by=90, says=(MX,)),), tickets=1,
          at=120),
    Story("a host limits us for ten minutes", one_port(during(untestable(U.RATE_LIMITED), (START, START + 10))), 90),
    Story("the IPv6 address of a host cannot be tested from here",
          agent(host(ports={25: {"2001:db8::1": untestable(U.NO_IPV6)}}, addresses=("192.0.2.1", "2001:db8::1"))), 120),
    Story("a host is down on the address that can be tested, and has another that cannot",
          agent(host(ports={25: {"2001:db8::1": untestable(U.NO_IPV6), "192.0.2.1": since(START, TIMEOUT)}},
                     addresses=("192.0.2.1", "2001:db8::1"))), 60,
          (Expect(CRITICAL, {"host": MX}, by=START + 3),), pages=1),
    Story("a host that is down becomes untestable for ten minutes: no second page",
          one_port(during(untestable(U.RATE_LIMITED), (30, 40), otherwise=REFUSED)), 80,
          (Expect(CRITICAL, {"host": MX}, by=5),), pages=1, resolved=0),
)  # fmt: skip

HOSTS = (*WHOLE_HOSTS, *MANY_HOSTS, *UNTESTABLE)
