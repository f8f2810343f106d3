"""Probes once, with the agent's engine: the same resolver, prober, board and checks. Shows nothing."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from exporter.board import Board
from exporter.checks import CLOSED
from exporter.config import Config
from exporter.egress import Egress
from exporter.machine import own_name
from exporter.model import Domain, Endpoint, Lookup, Result, Target, Tlsa
from exporter.policies import PolicyCache
from exporter.probe.prober import Prober
from exporter.report.asked import Asked
from exporter.resolve import MX_NOT_SIGNED, Addresses, Resolver, connectable
from exporter.state import DomainState, State
from exporter.sts import Fetcher
from exporter.targets import Site, sites, speaks_tls
from exporter.trust import Judge


@dataclass(slots=True)
class Seen:
    """Everything that was found out."""

    board: Board = field(default_factory=Board)
    closed: set[Endpoint] = field(default_factory=set)

    def rows(self) -> list[tuple[Endpoint, State]]:
        """The endpoints, in the order asked."""
        return list(self.board.endpoints.items())

    def word(self, endpoint: Endpoint, state: State) -> str:
        """The state of an endpoint; `closed` for a usual port that this host does not use."""
        return "closed" if endpoint in self.closed else state.word


async def look(config: Config, asked: Sequence[Asked], progress: Callable[[int, int], None]) -> Seen:
    """Probe everything asked for, as the agent would: one connection at a time to an address.

    Args:
        config: for resolver and limits; its targets are not probed.
        asked: what to probe.
        progress: called with (finished, all) endpoints.
    """
    egress = Egress(min_hosts=config.egress.min_hosts, min_networks=config.egress.min_networks)
    seen = Seen(Board(egress))
    resolver = Resolver(config.nameservers, max_lookups=config.max_concurrent_lookups, trusted=config.trusted_resolver)
    resolver.mx_on_this_machine = config.mx_on_this_machine
    fetcher, fetches = Fetcher(resolver, allow_private=config.mta_sts_allow_private), list[asyncio.Task[None]]()
    policies = PolicyCache(
        seen.board, resolver, fetcher, clock=time.time,
        spawn=lambda _, work: fetches.append(asyncio.get_running_loop().create_task(work)),
    )  # fmt: skip
    prober = Prober(asyncio.get_running_loop(), Judge(), ehlo_name=await own_name())
    try:
        asking = (_endpoints(seen, some.target, resolver, policies, config.max_addresses) for some in asked)
        found = {work[0]: work for some in await asyncio.gather(*asking) for work in some}
        for endpoint in found:
            seen.board.add(endpoint)
        work = _by_address(found.values())
        finished, every = 0, len(found)
        progress(0, every)

        async def one_address(endpoints: list[Work]) -> None:
            nonlocal finished
            for endpoint, addresses, lookup in endpoints:
                async with at_once:
                    seen.board.record(await _probe(prober, endpoint, addresses, lookup))
                finished += 1
                progress(finished, every)

        at_once = asyncio.Semaphore(config.max_concurrent_probes)
        await asyncio.gather(*(one_address(endpoints) for endpoints in work), *fetches)
    finally:
        prober.abort()
        await resolver.close()
    for some in asked:
        if some.tried:
            seen.closed |= _closed(seen.board, some.target)
    return seen


Work = tuple[Endpoint, tuple[str, ...], Lookup | None]


async def _endpoints(seen: Seen, target: Target, resolver: Resolver, policies: PolicyCache, limit: int) -> list[Work]:
    """The endpoints of a target, after asking DNS. Its domains are put on the board."""
    hosts = [target.host] if target.host else []
    hops: dict[str, tuple[str, ...]] = {}
    for name in target.domains:
        domain = Domain(target, name)
        exchanges, told = await asyncio.gather(resolver.exchanges(name), policies.ask(name))
        state = seen.board.domains[domain] = DomainState(domain, 300.0, exchanges, time.time())
        policies.learn(state, told)
        hosts += [host for _, host in exchanges.hosts if host not in hosts]
        for _, host in exchanges.hosts if exchanges.secure else ():
            hops[host] = (*hops.get(host, ()), name)
    found: list[Work] = []
    for host in hosts:
        for site in sites(target, host):
            found += await _of_site(site, resolver, limit, hops.get(host, ()))
    return found


async def _of_site(site: Site, resolver: Resolver, limit: int, next_hops: tuple[str, ...]) -> list[Work]:
    name, loop = site.name, asyncio.get_running_loop()
    began = loop.time()
    answer = await resolver.addresses(name.host, mode=name.resolve, family=name.family)
    if site.target.domains and answer.addresses:  # what a stranger's MX points to on this machine is left alone
        allowed = resolver.mx_on_this_machine
        usable = tuple(each for each in answer.addresses if connectable(each, on_this_machine=allowed))
        if not usable:
            return []
        answer = replace(answer, addresses=usable)
    literal = answer.addresses == (site.host,)
    pool = site.settings.addresses == "any"
    left_out = 0 if pool else max(0, len(answer.addresses) - limit)
    tlsa = await _tlsa(site, resolver, answer, next_hops)
    waited = loop.time() - began
    lookup = None if literal else Lookup(waited, answer.problem, left_out, resolver.unavailable, tlsa, next_hops)
    return [
        (endpoint, (endpoint.peer.address,) if endpoint.peer.address else answer.addresses, lookup)
        for endpoint in site.endpoints(answer.addresses, limit)
    ]


async def _tlsa(site: Site, resolver: Resolver, found: Addresses, next_hops: tuple[str, ...]) -> Tlsa:
    """The TLSA records, where they matter: nobody looks at those of a host that he knows from unsigned MX records."""
    if not speaks_tls(site.settings):
        return Tlsa()
    if resolver.trusted and site.target.domains and not next_hops:
        return MX_NOT_SIGNED
    return await resolver.tlsa(site.host, site.port, found)


def _by_address(found: Iterable[Work]) -> list[list[Work]]:
    grouped: dict[str, list[Work]] = {}
    for work in found:
        grouped.setdefault(work[0].peer.address or work[0].peer.host, []).append(work)
    return list(grouped.values())


async def _probe(prober: Prober, endpoint: Endpoint, addresses: tuple[str, ...], lookup: Lookup | None) -> Result:
    done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
    prober.probe(endpoint.peer, addresses, lookup, done.set_result)
    return await done


def _closed(board: Board, target: Target) -> set[Endpoint]:
    """The usual ports that are closed at a host of which another one is open."""
    of_host = {
        endpoint: state.result
        for endpoint, state in board.endpoints.items()
        if endpoint.target == target.name and state.result
    }
    in_use = {endpoint.peer.port for endpoint, result in of_host.items() if result.connected}
    return {
        endpoint
        for endpoint, result in of_host.items()
        if in_use and endpoint.peer.port not in in_use and result.ended and result.ended.reason in CLOSED
    }


def exit_code(seen: Seen) -> int:
    """0 success, 1 warnings, 2 critical, 3 untestable; the worst of several in the order 2, 3, 1, 0."""
    words = {seen.word(endpoint, state) for endpoint, state in seen.rows()}
    for domain in seen.board.domains.values():
        words |= {problem.severity.value for problem in domain.problems}
    return next((code for word, code in (("critical", 2), ("untestable", 3), ("warning", 1)) if word in words), 0)
