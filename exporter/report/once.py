"""The agent's roster and schedule for one look: everything starts at once, and nothing starts twice."""

import asyncio
from collections.abc import Callable, Container, Hashable, Mapping
from math import inf
from typing import Any

from exporter.board import Board
from exporter.model import Domain, Peer, Tlsa
from exporter.resolve import Addresses, Resolver
from exporter.roster import Roster
from exporter.schedule import Schedule
from exporter.targets import Name
from exporter.turns import Turn


class OneRound(Schedule):
    """A schedule whose turns are due when they come, and over when they have run."""

    def __init__(self, loop: asyncio.AbstractEventLoop, *, at_once: int, per_address: int) -> None:
        super().__init__(loop, at_once=at_once, per_address=per_address)
        self.moved = asyncio.Event()
        """Set when a turn is over."""

    @property
    def running(self) -> list[Peer | Domain]:
        """Whose turns have begun, the oldest first."""
        return [turn.key for turn in self._turns.values() if turn.running]  # type: ignore[misc]  # what a roster adds

    @property
    def left(self) -> int:
        """How many turns are not over."""
        return len(self._turns)

    def add(
        self,
        key: Hashable,
        interval: float,
        address: str,
        start: Callable[[Turn], None],
        *,
        after: float | None = None,
    ) -> Turn:
        """Add a turn. It starts as soon as there is room."""
        return super().add(key, interval, address, start, after=0.0)

    def finished(
        self,
        turn: Turn,
        *,
        refused: bool = False,
        within: float = inf,
        confirm: float = inf,
    ) -> float:
        """Say that a run is over, and with it the turn."""
        self.remove(turn.key)
        wait = super().finished(turn, refused=refused, within=within, confirm=confirm)
        self.moved.set()
        return wait


class OneLook(Roster):
    """A roster whose endpoints are probed once."""

    def __init__(self, board: Board, schedule: OneRound, *others: Any, **more: Any) -> None:
        super().__init__(board, schedule, *others, **more)
        self.round = schedule
        self.only: Mapping[str, Container[str]] = {}
        """By target, the MX hosts that are to be probed, where they are not all."""
        self._waited: dict[tuple[Name, int], float] = {}

    @property
    def resolver(self) -> Resolver:
        """Who asks DNS."""
        return self._resolver

    async def done(self) -> None:
        """Wait until everything has been looked up and probed."""
        while self.round.left or self._tasks:
            if self._tasks:
                await asyncio.wait(tuple(self._tasks))
            else:
                await self.round.moved.wait()
                self.round.moved.clear()

    def leave_out(self) -> None:
        """Forget what was only needed to know what the mail domains of a host expect of it."""
        for endpoint in [each for each in self.board.endpoints if self._is_left_out(each.target, each.peer.host)]:
            self.board.remove(endpoint)
        for domain in [each for each in self.board.domains if each.target.name in self.only]:
            del self.board.domains[domain]

    def _is_left_out(self, target: str, host: str) -> bool:
        return target in self.only and host not in self.only[target]

    def _turn(self, turn: Turn) -> None:
        """A peer's turn; it is over at once where nobody asked for that MX host."""
        peer: Peer = turn.key  # type: ignore[assignment]  # as in the roster
        state = self.board.states.get(peer)
        if state and all(self._is_left_out(target, peer.host) for target in state.targets):
            self.round.finished(turn)
        else:
            super()._turn(turn)

    def _resolved(self, turn: Turn, peer: Peer, name: Name, told: tuple[Addresses, Tlsa], waited: float) -> None:
        """Go on to probe. The endpoints that an answer brings have waited for it, too."""
        waited = self._waited[name, peer.port] = max(waited, self._waited.get((name, peer.port), 0.0))
        super()._resolved(turn, peer, name, told, waited)
