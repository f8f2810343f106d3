"""What most stories are made of: a mail server among others that work."""

from collections.abc import Mapping
from typing import Any

from tests.deploy.stories.agents import Addresses, Agent, Domain, Host
from tests.deploy.stories.outcomes import GOOD, Outcome, Script

MX = "mx.example.com"
START = 10
"""The minute in which trouble begins."""

OTHERS = tuple(Host(f"ok{n}.example.net", {25: GOOD}, (f"203.0.{n}.25",)) for n in range(6))
"""Hosts that work: an agent that watches them is not blind."""


def host(name: str = MX, /, **others: Any) -> Host:
    """Make a mail server; ports that are not named do not exist."""
    ports = others.pop("ports", {25: GOOD})
    return Host(name, ports, **others)


def agent(*hosts: Host, domains: tuple[Domain, ...] = (), **others: Any) -> tuple[Agent]:
    """Make an agent that also watches hosts that work, as many as there are endpoints of interest, at most."""
    return (Agent((*hosts, *OTHERS[: max(2, sum(len(each.ports) for each in hosts))]), domains, **others),)


def one_port(script: Script | Outcome, port: int = 25, **others: Any) -> tuple[Agent]:
    """Make an agent that watches one port of interest."""
    return agent(host(ports={port: script}, **others))


def rotating(every: float, *pool: str) -> Any:
    """DNS that gives one address of a pool after another, for some minutes each."""
    return lambda minute: (pool[int(minute / every) % len(pool)],)


def pool(count: int) -> Addresses:
    """Addresses of one network."""
    return tuple(f"198.51.100.{n + 1}" for n in range(count))


def many(count: int, script: Script | Outcome, name: str = "mx%d.example.org", **others: Any) -> tuple[Host, ...]:
    """Make hosts of one network with the same script."""
    return tuple(
        Host(name % n, {25: script}, (f"198.51.{100 + n // 200}.{n % 200 + 1}",), **others) for n in range(count)
    )


def of(target: str, hosts: Mapping[str, Script | Outcome], **others: Any) -> tuple[Host, ...]:
    """Make the MX hosts of a domain target."""
    return tuple(
        Host(name, {25: script}, (f"192.0.2.{n + 1}",), target=target, **others)
        for n, (name, script) in enumerate(hosts.items())
    )
