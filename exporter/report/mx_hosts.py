"""A host that no target names may be an MX host of the mail domains of some: then it is probed with their keys."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace

from exporter.model import Exchanges
from exporter.report.asked import Asked, once
from exporter.resolve import Resolver

MOST_ASKED = 1000
"""Mail domains whose MX records are asked for: more take too long for somebody who waits."""
MOST_PROBED = 10
"""Mail domains that may say what they expect of a host: one with thousands of domains is a provider's."""
PATIENCE = 10.0
"""Seconds for all MX records."""
TOO_MANY = "it is not looked for among the MX hosts of {} mail domains: name one with --domain"


async def with_domains(resolver: Resolver, asked: Sequence[Asked]) -> list[Asked]:
    """Put the targets of mail domains in the place of hosts that their MX records name."""
    domains = dict.fromkeys(name for some in asked for target in some.among for name in target.domains)
    if not domains:
        return list(asked)
    if len(domains) > MOST_ASKED:
        return [_unresolved(some, len(domains)) for some in asked]
    told = await _told(resolver, list(domains))
    placed, only = [found for some in asked for found in _placed(some, told)], dict[str, tuple[str, ...]]()
    for each in placed:
        only[each.target.name] = (*only.get(each.target.name, ()), *each.only)
    return list(once([replace(each, only=only[each.target.name] if each.only else ()) for each in placed]))


async def _told(resolver: Resolver, domains: Sequence[str]) -> dict[str, set[str]]:
    """The MX hosts of each domain that answers in time."""
    asking = {asyncio.ensure_future(resolver.exchanges(name)): name for name in domains}
    done, late = await asyncio.wait(asking, timeout=PATIENCE)
    for task in late:
        task.cancel()
    return {asking[task]: _hosts(task.result()) for task in done if not task.exception()}


def _hosts(exchanges: Exchanges) -> set[str]:
    return {host for _, host in exchanges.hosts}


def _placed(some: Asked, told: dict[str, set[str]]) -> Iterator[Asked]:
    host, found = some.target.host or "", False
    for target in some.among:
        naming = tuple(name for name in target.domains if host in told.get(name, ()))
        if naming:
            found = True
            yield Asked(replace(target, domains=naming[:MOST_PROBED]), configured=True, only=(host,))
    if not found:
        yield some


def _unresolved(some: Asked, domains: int) -> Asked:
    return replace(some, notice=f"{some.notice}; {TOO_MANY.format(domains)}") if some.among and some.notice else some
