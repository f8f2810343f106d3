"""Stories of agents that are blind, gone or restarted, and of scrapes: items 7 and 8 of the issue."""

from dataclasses import replace
from typing import Any

from exporter.reasons import Reason, Untestable
from tests.deploy.stories.agents import Agent, Domain, Host
from tests.deploy.stories.domains import DOMAIN, NAMES
from tests.deploy.stories.fleet import MX, START, agent, host, many, of
from tests.deploy.stories.outcomes import FOREVER, GOOD, Outcome, Script, during, fails, since, untestable, warns
from tests.deploy.stories.story import CRITICAL, EITHER, FEW, WARNING, Expect, Story

R, U = Reason, Untestable

TIMEOUT, REFUSED = fails(R.CONNECTION_TIMEOUT), fails(R.CONNECTION_REFUSED)
DOWN = since(START, REFUSED)
BLIND, LATER = 20.0, 35.0
"""The minutes in which an agent becomes blind, and when somebody is awake."""
NO_DNS = Outcome(warnings=(R.DNS_TIMEOUT,), untestable=U.DNS_UNAVAILABLE)
AWAKE = Expect(CRITICAL, {"host": ""}, after=BLIND, by=LATER)
HOST_DOWN = Expect(CRITICAL, {"host": MX}, by=START + 4, apart=True, until=(BLIND, 1000))
"""It may be explained while the agent is blind."""


def fleet(script: Script | Outcome, **others: Any) -> tuple[Agent, ...]:
    """Make an agent all of whose ten endpoints follow a script."""
    return (Agent(many(10, script), **others),)


def down_while(**others: Any) -> tuple[Agent, ...]:
    """Make an agent that watches a host that is down, and others."""
    return agent(host(ports={25: DOWN}), **others)


BLIND_AGENTS = (
    Story("an agent probes nothing any more: one page", fleet(GOOD, hangs=((BLIND, FOREVER),)), 90, (AWAKE,),
          pages=1, tickets=(0, 1)),
    Story("an agent does not probe one of its hosts any more: a ticket that names it",
          agent(host(ports={25: GOOD}, stalled=((BLIND, FOREVER),))), 90,
          (Expect(WARNING, {}, by=50, says=(MX,)),), tickets=1, at=80),
    Story("no name server answers, and old addresses are probed for an hour",
          fleet(during(warns(R.DNS_TIMEOUT), (BLIND, 80), otherwise=GOOD)), 75,
          (Expect(EITHER, {}, after=BLIND, by=LATER),), pages=(0, 1), tickets=(0, 3)),
    Story("no name server answers, and no address is known: one page", (Agent(tuple(
        replace(each, addresses=lambda minute: ("192.0.2.1",) if minute < BLIND else ()) for each in many(
            10, since(BLIND, NO_DNS)))),), 90, (AWAKE,), pages=1, tickets=(0, 1)),
    Story("an agent ran out of file descriptors for all endpoints: one page",
          fleet(since(BLIND, untestable(U.LOCAL_RESOURCES))), 90, (AWAKE,), pages=1, tickets=(0, 1)),
    Story("port 25 is blocked: one page", (Agent(
        (*many(10, since(BLIND, untestable(U.EGRESS_BLOCKED))), host(ports={587: GOOD})),
        blocked={(25, "ipv4"): ((BLIND, FOREVER),)}),), 120, (
            Expect(CRITICAL, {"host": "", "port": "25"}, after=BLIND, by=LATER, says=("25",)),), pages=1),
    Story("port 25 is blocked, which takes a minute to find out: one page", (Agent(
        (*many(10, since(BLIND, TIMEOUT)), host(ports={587: GOOD})),
        blocked={(25, "ipv4"): ((BLIND + 1.2, FOREVER),)}),), 90, (
            Expect(CRITICAL, {"host": ""}, after=BLIND, by=LATER + 1),), pages=1),
    Story("port 25 is blocked for IPv6 only, hosts answer over IPv4", (Agent(
        (*(Host(f"mx{n}.example.org", {25: {f"2001:db8:{n}::1": since(BLIND, untestable(U.EGRESS_BLOCKED))}},
                (f"198.51.100.{n + 1}", f"2001:db8:{n}::1")) for n in range(5)), host(ports={587: GOOD})),
        blocked={(25, "ipv6"): ((BLIND, FOREVER),)}),), 90, (
            Expect(EITHER, {"host": ""}, after=BLIND, by=LATER),), pages=(0, 1), tickets=(0, 1)),
    Story("the uplink is gone: ten of ten endpoints fail, one page explains it", fleet(
        since(BLIND, fails(R.NETWORK_UNREACHABLE))), 60, (
            Expect(CRITICAL, {}, after=BLIND, by=LATER),), pages=FEW, tickets=(0, 1)),
    Story("half of ten endpoints cannot be tested: no page about the agent",
          (Agent((*many(5, since(BLIND, untestable(U.NO_IPV4))), *many(5, GOOD, "good%d.example.org"))),), 60,
          tickets=(0, 1)),
)  # fmt: skip

OUTAGE_AND_AGENT = (
    Story("an agent dies during an outage: no resolved", down_while(runs=((0, 30), (70, FOREVER))), 90,
          (HOST_DOWN, replace(AWAKE, after=30, by=45, until=(70, 90))), pages=(1, 3),
          tickets=(0, 1), unresolved={"host": MX}),
    Story("results go stale during an outage: no resolved", down_while(hangs=((30, 70),)), 100,
          (HOST_DOWN, replace(AWAKE, after=30, by=45, until=(70, 95))), pages=(1, 3),
          tickets=(0, 1), unresolved={"host": MX}),
    Story("an agent restarts during an outage: one page, no resolved", down_while(runs=((0, 30), (32, FOREVER))), 60,
          (Expect(CRITICAL, {"host": MX, "port": "25"}),), pages=1, resolved=0),
    Story("an agent restarts during the outage of a whole host",
          agent(host(ports=dict.fromkeys((25, 465, 587), DOWN)), runs=((0, 30), (33, FOREVER))), 60,
          (Expect(CRITICAL, {"host": MX, "port": ""}),), pages=1, resolved=0),
    Story("an agent restarts during the outage of a domain", agent(
        *of(DOMAIN, dict.fromkeys(NAMES, DOWN)), domains=(Domain(DOMAIN, NAMES),), runs=((0, 30), (33, FOREVER))), 60,
          (Expect(CRITICAL, {"domain": DOMAIN}, by=START + 5),), pages=1, resolved=0),
    Story("an agent restarts during the outage of a host that is probed every 5m",
          agent(host(ports={25: DOWN}, interval=300), runs=((0, 40), (42, FOREVER))), 90,
          (Expect(CRITICAL, {"host": MX, "port": "25"}),), pages=1, resolved=0),
    Story("an agent restarts while all works", fleet(GOOD, runs=((0, 30), (32, FOREVER))), 60),
    Story("an agent is gone for an hour: one page", fleet(GOOD, runs=((0, BLIND), (80, FOREVER))), 100, (
        replace(AWAKE, until=(80, 95)),), pages=1, resolved=1, tickets=(0, 1)),
    Story("a host is taken out of the configuration while it is down: it resolves",
          agent(host(ports={25: DOWN}, configured=(0, 30))), 120,
          (Expect(CRITICAL, {"host": MX, "port": "25"}, until=(30, 75)),), pages=1, resolved=1),
)  # fmt: skip


def often_killed(minutes: float, down: float) -> tuple[tuple[float, float], ...]:
    """The lives of an agent that is killed after some minutes, again and again."""
    return (
        (0, START), *((START + n * (minutes + down), START + n * (minutes + down) + minutes) for n in range(60)),
    )  # fmt: skip


def twice(**others: Any) -> tuple[Agent, ...]:
    """Make two agents of the same job; what is said is about the second."""
    return (
        Agent(many(5, GOOD, "a%d.example.net"), instance="a:10225"),
        Agent(many(5, GOOD, "b%d.example.net"), instance="b:10225", **others),
    )


def in_clusters(**scripts: Script | Outcome) -> tuple[Agent, ...]:
    """Make the same agent in two clusters: same job, same instance."""
    return tuple(
        agent(host(ports={25: script, 587: script}), *of(DOMAIN, dict.fromkeys(NAMES[:2], script)),
              domains=(Domain(DOMAIN, NAMES[:2]),), scraped={"cluster": cluster})[0]
        for cluster, script in scripts.items()
    )  # fmt: skip


A_ONLY = {"cluster": "a"}
SCRAPES = (
    Story("every second scrape fails: a ticket", fleet(GOOD, lost=lambda minute: minute > START and minute % 2), 90,
          (Expect(WARNING, {}, by=START + 35),), tickets=1),
    Story("every second scrape fails, and a host is down: one page, which stays",
          down_while(lost=lambda minute: minute > 5 and minute % 2 == 0), 90,
          (Expect(CRITICAL, {"host": MX}, by=START + 6), Expect(WARNING, {"host": ""}, by=45)), pages=1, resolved=0,
          tickets=1),
    Story("a single scrape fails", fleet(GOOD, lost=lambda minute: minute == 30), 90),
    Story("an agent is killed every three minutes: a ticket", fleet(GOOD, runs=often_killed(2.5, 0.5)), 90,
          (Expect(WARNING, {}, by=START + 35),), tickets=1),
    Story("one of two agents disappears from service discovery", twice(listed=((0, BLIND),)), 90,
          (Expect(EITHER, {}, after=BLIND, by=50, until=(60, 1000)),), pages=(0, 1), tickets=(0, 1)),
    Story("one of two agents does not answer: one page that names it", twice(runs=((0, BLIND),)), 60,
          (Expect(CRITICAL, {"instance": "b:10225"}, after=BLIND, by=LATER, says=("b:10225",)),), pages=1),
    Story("the only agent disappears from service discovery: one page", fleet(GOOD, listed=((0, BLIND),)), 60,
          (AWAKE,), pages=1, tickets=(0, 1)),
    Story("Prometheus never knew an agent: one page", (), 60, (Expect(CRITICAL, {}, by=15),), pages=1),
    Story("two clusters share job and instance: a host is down in one", in_clusters(a=DOWN, b=GOOD), 60,
          (Expect(CRITICAL, A_ONLY, by=START + 6),), pages=(1, 2)),
    Story("two clusters share job and instance, and all works", in_clusters(a=GOOD, b=GOOD), 60),
    Story("two clusters share job and instance: an agent is gone in one", (
        *fleet(GOOD, scraped={"cluster": "a"}, runs=((0, BLIND),)), *fleet(GOOD, scraped={"cluster": "b"})), 60,
        (Expect(CRITICAL, A_ONLY, after=BLIND, by=LATER),), pages=1),
    Story("two clusters share job and instance: an agent is blind in one", (
        *fleet(since(BLIND, untestable(U.DNS_UNAVAILABLE)), scraped={"cluster": "a"}),
        *fleet(GOOD, scraped={"cluster": "b"})), 60,
        (Expect(CRITICAL, A_ONLY, after=BLIND, by=LATER),), pages=1, tickets=(0, 1)),
    Story("the label vantage survives", down_while(scraped={"vantage": "fra"}), 60,
          (Expect(CRITICAL, {"host": MX, "vantage": "fra"}),), pages=1),
    Story("honor_labels is missing: an alert, and none with a wrong host", agent(
        host(ports={25: DOWN, 587: DOWN}), scraped={"host": "monitor1"}, honor_labels=False), 60,
        (Expect(WARNING, {}, by=30),), tickets=1),
    Story("honor_labels is missing, and two hosts fail", (Agent(
        (host("a.example.com", ports={25: DOWN}), host("b.example.com", ports={25: DOWN}), *many(4, GOOD)),
        scraped={"host": "monitor1", "target": "monitor1"}, honor_labels=False),), 60,
        (Expect(WARNING, {}, by=30),), tickets=1),
)  # fmt: skip

AGENTS = (*BLIND_AGENTS, *OUTAGE_AND_AGENT, *SCRAPES)
