"""Servers known to answer, asked while others do not, to tell a blocked way from hosts that are down.

Contract 5, Egress. A canary is connected to, its greeting awaited, QUIT said. All that is kept of it is its vote.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import replace
from typing import Literal

from exporter.board import Board
from exporter.egress import Way, vote_of
from exporter.model import Expect, Peer, Result, Settings
from exporter.probe.prober import Prober
from exporter.resolve import Resolver
from exporter.schedule import Clock, Timer
from exporter.targets import log_fields, name_of

log = logging.getLogger(__name__)

EVERY = 300.0
"""Seconds between two connections to one canary, at least."""
FRESH = 3 * EVERY
"""Seconds for which a vote counts if its canary is not asked again."""
GREETING_ONLY = Expect(port="closed")
"""Where a port is meant to be closed, the dialogue hears the greeting and quits."""

FAMILIES: dict[int, Literal["ipv4", "ipv6"]] = {4: "ipv4", 6: "ipv6"}


class Canaries:
    """The canaries of `servers`, (host, port) each. One has a vote in each address family in which it is asked.

    `settings_for` tells how a port is connected to: from which address, and for how long.
    """

    def __init__(
        self,
        clock: Clock,
        board: Board,
        resolver: Resolver,
        prober: Prober,
        servers: Iterable[tuple[str, int]],
        *,
        settings_for: Callable[[int], Settings],
        on_internal_error: Callable[[], None] = lambda: None,
    ) -> None:
        self._clock, self._board, self._resolver, self._prober = clock, board, resolver, prober
        self._on_internal_error = on_internal_error
        self._of: dict[Way, list[Peer]] = {}
        self._due: dict[Peer, float] = {}
        self._withdrawals: dict[Peer, Timer] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False
        self.follow(servers, settings_for)

    def follow(self, servers: Iterable[tuple[str, int]], settings_for: Callable[[int], Settings]) -> None:
        """Ask these from now on. Those that stay keep their votes and their patience."""
        self._of = {}
        for host, port in servers:
            settings = replace(settings_for(port), auth=None, expect=GREETING_ONLY)
            for version, family in FAMILIES.items():
                canary = Peer(host, "", port, replace(settings, addresses=family))
                self._of.setdefault(Way(port, version), []).append(canary)
        for canary in self._withdrawals.keys() - self._all():
            self._withdrawals.pop(canary).cancel()
            self._board.vote(canary, None)
        self._due = {canary: due for canary, due in self._due.items() if canary in self._all()}

    def _all(self) -> set[Peer]:
        return {canary for canaries in self._of.values() for canary in canaries}

    def ask(self, way: Way) -> None:
        """Somebody cannot be connected to that way: ask its canaries, those that were not asked lately."""
        now = self._clock.time()
        for canary in self._of.get(way, ()):
            if self._due.get(canary, now) <= now:
                self._due[canary] = now + EVERY
                self._spawn(self._connect(canary))

    async def close(self) -> None:
        """Ask no more, take no more votes."""
        self._closed = True
        for task in self._tasks:
            task.cancel()
        for withdrawal in self._withdrawals.values():
            withdrawal.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connect(self, canary: Peer) -> None:
        name = name_of(canary)
        answer = await self._resolver.addresses(name.host, mode=name.resolve, family=name.family)
        self._prober.probe(canary, answer.addresses, None, self._answered)

    def _answered(self, result: Result) -> None:
        """Cast the vote in the place of the last one. One that is not asked any more loses it in time."""
        canary = result.peer
        if self._closed or canary not in self._all():
            return
        if waiting := self._withdrawals.pop(canary, None):
            waiting.cancel()
        vote = vote_of(replace(canary, settings=Settings()), result)
        self._board.vote(canary, vote)
        if vote:
            log.debug("canary", extra=log_fields(result.peer) | {"reason": vote.reason or "connected"})
            due = self._clock.time() + FRESH
            self._withdrawals[canary] = self._clock.call_at(due, lambda: self._board.vote(canary, None))

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        """A mistake of ours costs one vote."""
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("internal error", exc_info=error)
            self._on_internal_error()
