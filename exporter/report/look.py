"""Probes once, by the agent's own parts: resolver, roster, prober, board and checks. Shows nothing."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from exporter.board import Board
from exporter.checks import CLOSED
from exporter.config import Config
from exporter.egress import Egress
from exporter.filters import word_of_domain
from exporter.machine import descriptors_for, own_name
from exporter.model import Domain, Endpoint, Peer, Target
from exporter.probe.prober import Prober
from exporter.report.asked import Asked
from exporter.report.mx_hosts import with_domains
from exporter.report.once import OneLook, OneRound
from exporter.resolve import Resolver
from exporter.sites import Bounds
from exporter.state import DomainState, State
from exporter.sts import Fetcher
from exporter.trust import Judge

GLANCE = 0.25
"""Seconds between two looks at how far it has come."""
WORST_FIRST = (("critical", 2), ("untestable", 3), ("warning", 1))


@dataclass(slots=True)
class Seen:
    """Everything that was found out."""

    board: Board = field(default_factory=Board)
    asked: Sequence[Asked] = ()
    closed: set[Endpoint] = field(default_factory=set)

    def rows(self) -> list[tuple[Endpoint, State]]:
        """The endpoints, in the order asked, and in that of the MX records."""
        places: dict[tuple[str, str, int], int] = {}
        for place in self._places():
            places.setdefault(place, len(places))
        last = len(places)
        return sorted(
            self.board.endpoints.items(),
            key=lambda row: places.get((row[0].target, row[0].peer.host, row[0].peer.port), last),
        )

    def _places(self) -> Iterator[tuple[str, str, int]]:
        """The target, host and port of each endpoint, some more than once."""
        for some in self.asked:
            target, hosts = some.target, [some.target.host] if some.target.host else [*some.only]
            for name in target.domains:
                state = self.board.domains.get(Domain(replace(target, domains=()), name))
                hosts += [host for _, host in state.exchanges.hosts] if state and state.exchanges else []
            yield from ((target.name, host, port) for host in hosts for port, _ in target.ports)

    def of_domains(self) -> set[Endpoint]:
        """The endpoints that nobody asked for but as MX hosts: they are judged by their domain."""
        named = {
            (domain.target.name, host)
            for domain, state in self.board.domains.items()
            for _, host in (state.exchanges.hosts if state.exchanges else ())
        } - {(some.target.name, some.target.host) for some in self.asked}
        return {each for each in self.board.endpoints if (each.target, each.peer.host) in named}

    def word(self, endpoint: Endpoint, state: State) -> str:
        """The state of an endpoint; `closed` for a usual port that this host does not use."""
        return "closed" if endpoint in self.closed else state.word

    def word_of_domain(self, state: DomainState) -> str:
        """The state of a mail domain: a warning where it works, and one of its hosts does not or has a problem."""
        hosts = tuple(self.board.of_domain(state))
        word = word_of_domain(state, hosts, state.updated)
        if word == "ok" and any(host.word != "ok" for host in hosts):
            return "warning"
        return "untestable" if word == "pending" else word  # none of its hosts could be probed

    @property
    def exit_code(self) -> int:
        """0 success, 1 warnings, 2 critical, 3 untestable; the worst of several in the order 2, 3, 1, 0."""
        of_domains = self.of_domains()
        words = {self.word(*row) for row in self.board.endpoints.items() if row[0] not in of_domains}
        words |= {self.word_of_domain(state) for state in self.board.domains.values()}
        return next((code for word, code in WORST_FIRST if word in words), 0)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a look has come."""

    finished: int
    every: int
    """Of the endpoints that are known by now."""
    seconds: float
    waits_for: Sequence[Peer | Domain]
    """The oldest first."""


async def look(config: Config, asked: Sequence[Asked], told: Callable[[Progress], None] | None = None) -> Seen:
    """Probe everything asked for, as the agent would.

    Args:
        config: for its global keys; of its targets only those asked for are probed.
        asked: what to probe.
        told: called several times a second with how far it has come.
    """
    seen = Seen(Board(Egress(min_hosts=config.egress.min_hosts, min_networks=config.egress.min_networks)))
    async with _roster(config, seen.board) as roster:
        watching = asyncio.ensure_future(_watch(roster, told)) if told else None
        asked = seen.asked = await with_domains(roster.resolver, asked)
        roster.only = _only(asked)
        for _ in roster.follow((), [some.target for some in asked]):
            pass
        await roster.done()
        roster.leave_out()
        if watching:
            watching.cancel()
    seen.board.look_at_all()
    for some in asked:
        if some.tried:
            seen.closed |= _closed(seen.board, some.target)
    return seen


def _only(asked: Sequence[Asked]) -> dict[str, tuple[str, ...]]:
    """By target, the MX hosts that are asked for, where they are not all."""
    whole = {some.target.name for some in asked if not some.only}
    return {name: some.only for some in asked if some.only and (name := some.target.name) not in whole}


@asynccontextmanager
async def _roster(config: Config, board: Board) -> AsyncIterator[OneLook]:
    """The parts that probe, made for a configuration."""
    loop = asyncio.get_running_loop()
    resolver = Resolver(config.nameservers, max_lookups=config.max_concurrent_lookups, trusted=config.trusted_resolver)
    resolver.mx_on_this_machine = config.mx_on_this_machine
    prober = Prober(loop, Judge(), ehlo_name=await own_name())
    fetcher = Fetcher(resolver, allow_private=config.mta_sts_allow_private)
    at_once, per_address = descriptors_for(config.max_concurrent_probes), config.max_probes_per_host
    schedule = OneRound(loop, at_once=at_once, per_address=per_address)
    bounds = Bounds(config.max_addresses, config.mx_on_this_machine)
    roster = OneLook(board, schedule, resolver, prober, fetcher, bounds=bounds, clock=time.time)
    try:
        yield roster
    finally:
        await roster.close()
        prober.abort()
        await resolver.close()


async def _watch(roster: OneLook, told: Callable[[Progress], None]) -> None:
    """Tell how far it has come, until it is over."""
    began = time.monotonic()
    while True:
        states = roster.board.states.values()
        finished = sum(state.result is not None for state in states)
        told(Progress(finished, len(states), time.monotonic() - began, roster.round.running))
        await asyncio.sleep(GLANCE)


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
