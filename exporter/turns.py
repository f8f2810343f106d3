"""Turns, and the room for them: at their address, and among all. Knows no time, and not when a turn is due.

Probes that wait for dead servers must not keep others waiting. Turns whose last run was long queue up beside the rest,
after it, and fill no more than a part of the room.
"""

from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

CROWDED = 0.9
"""The share of the time that the turns at one address may fill."""
LONG = 3.0
"""A run of so many seconds is a long one: nobody answers, or slowly. The next one of that turn may be as long."""
LONG_SHARE = 0.8
"""The part of the room among all that turns may fill whose last run was long."""
FIRST = 4
"""So many others go first, then one whose last run was long: where others alone fill all room, it still has turns."""


@dataclass(slots=True, eq=False)
class Turn:
    """Something that is done at intervals. `start` begins it; whoever began it calls `Schedule.finished`."""

    key: Hashable
    interval: float
    address: str
    """Where at most `per_address` run at once; empty: anywhere."""
    start: "Callable[[Turn], None]"
    wait: float
    """Seconds between two starts in force: the interval, or longer."""
    place: float = 0.0
    """Where in the interval it starts, 0 to 1."""
    due: float = 0.0
    """When its next place comes."""
    again: float | None = None
    """When a run that confirms the last one is due; the places that come before it are passed over."""
    confirms: bool = False
    """The run under way, or waiting, confirms the one before."""
    slot: float = 0.0
    """When the run under way, or waiting, was due."""
    began: float = 0.0
    took: float = 0.0
    """Seconds that its last run took."""
    filled: float = 0.0
    """Seconds that its runs took since its last place: one run, and those that confirmed it."""
    back_off: int = 1
    running: bool = False
    queued: bool = False
    placed: bool = False
    """It has its place at its address: it runs there, or waits for room among all."""
    paused: bool = False
    """It waits for something else than a server, and takes no room meanwhile."""
    go: "Callable[[], None] | None" = None
    """How a paused run goes on."""
    settled: bool = False
    """It has its place in the whole interval; the first round was squeezed into FIRST_ROUND."""

    @property
    def next(self) -> float:
        """When its next run is due."""
        return self.due if self.again is None else self.again

    @property
    def long(self) -> bool:
        """Whether its last run was long."""
        return self.took >= LONG


@dataclass(slots=True)
class Address:
    """The turns at one IP address."""

    running: int = 0
    turns: int = 0
    """How many there are."""
    waiting: list[Turn] = field(default_factory=list)
    """A few at most; an empty deque would take 600 bytes, for ten thousand addresses."""
    load: float = 0.0
    """The share of the time that its turns fill at their own intervals; 2.0 needs two at once."""


class Room:
    """Who may run: at most `at_once` in all, at most `per_address` at one address."""

    def __init__(self, at_once: int, per_address: int) -> None:
        self.at_once, self.per_address, self.taken = at_once, per_address, 0
        self._addresses: dict[str, Address] = {}
        self._queue: deque[Turn] = deque()
        self._long_queue: deque[Turn] = deque()
        self._long_taken = self._went_first = 0

    # --- at an address ------------------------------------------------------------------------------------------

    def add(self, turn: Turn) -> None:
        """Know of a turn at its address."""
        if (at := self._addresses.get(turn.address)) is None:
            at = self._addresses[turn.address] = Address()
        at.turns += 1

    def remove(self, turn: Turn) -> None:
        """Forget a turn that neither runs nor waits."""
        at = self._addresses[turn.address]
        at.turns -= 1
        at.load -= turn.filled / turn.interval
        if not at.turns:
            del self._addresses[turn.address]

    def note(self, turn: Turn, took: float) -> None:
        """Note how many seconds a run took, once it has left."""
        filled = turn.filled + took if turn.confirms else took
        self._addresses[turn.address].load += (filled - turn.filled) / turn.interval
        turn.took, turn.filled = took, filled

    def crowded(self, address: str) -> float:
        """By which factor the intervals of the turns at one address must grow for them to fit."""
        at = self._addresses[address]
        return at.load / self.per_address / CROWDED if address and at.turns > self.per_address else 1.0

    def spare(self, turn: Turn) -> bool:
        """Whether a turn may run once more than its interval asks for: nobody waits, and its address is not crowded."""
        return not self.wanted and self.crowded(turn.address) <= 1

    @property
    def overloaded(self) -> int:
        """How many addresses have more to do than fits."""
        return sum(self.crowded(address) > 1 for address in self._addresses)

    def limit(self, *, at_once: int, per_address: int) -> None:
        """Go by these limits from now on. What runs beyond lower ones ends as it would, and nothing takes its place."""
        self.at_once, self.per_address = at_once, per_address
        for at in self._addresses.values():
            self._let_in(at)

    def _let_in(self, at: Address) -> None:
        """Give the free places at an address to those that wait there."""
        while at.waiting and at.running < self.per_address:
            self._place(turn := at.waiting.pop(0))
            self.come(turn)

    def _place(self, turn: Turn) -> bool:
        """Give a turn its place at its address; False where it must wait for one there."""
        at = self._addresses[turn.address]
        if turn.address and at.running >= self.per_address:
            at.waiting.append(turn)
            return False
        at.running += 1
        turn.placed = True
        return True

    # --- among all ----------------------------------------------------------------------------------------------

    @property
    def wanted(self) -> bool:
        """Whether anybody waits for room among all."""
        return bool(self._queue or self._long_queue)

    def come(self, turn: Turn) -> None:
        """Let a turn wait for room: it is due, or goes on after a pause.

        Many whose last run was long may wait here. They take their place at the address later, to keep no other from
        it; one that has it waits no more than a moment.
        """
        if turn.long:
            (self._long_queue.appendleft if turn.placed else self._long_queue.append)(turn)
        elif turn.placed or self._place(turn):
            self._queue.append(turn)

    def take(self) -> Turn | None:
        """Give room to the turn that is next; None where nobody waits, or there is none."""
        while self.taken < self.at_once:
            long = bool(self._long_queue) and self._long_taken < max(1, int(self.at_once * LONG_SHARE))
            if self._queue and not (long and self._went_first >= FIRST):
                turn = self._queue.popleft()
                self._went_first += 1
            elif long:
                turn = self._long_queue.popleft()
                self._went_first = 0
            else:
                return None
            if turn.placed or self._place(turn):
                self.taken += 1
                self._long_taken += turn.long
                return turn
        return None

    def pause(self, turn: Turn) -> None:
        """Take the room among all back; the place at its address stays its own."""
        self.taken -= 1
        self._long_taken -= turn.long

    def leave(self, turn: Turn) -> None:
        """Take all room back, before it is noted how long the run took."""
        if not turn.paused:
            self.pause(turn)
        turn.placed = False
        at = self._addresses[turn.address]
        at.running -= 1
        self._let_in(at)
