"""When: who is probed next, and how often. Whether there is room for it: `turns`. Knows no SMTP, and no wall clock.

Each turn has its own interval and keeps its place in it. A turn that is due while the one before still runs or waits
is an overrun: counted, not stacked. Where the turns at one address cannot fit, their intervals grow by the same factor.
A run may be confirmed: once more after a shorter time, beside the turn's places, and only where there is room.
"""

import heapq
from collections.abc import Callable, Hashable
from math import ceil, inf
from typing import Protocol

from exporter.turns import Room, Turn

FIRST_ROUND = 60.0
"""The first round is spread over at most this many seconds."""
GOLDEN = 0.618033988749895
"""Multiples of it, modulo 1, spread any number of turns evenly."""
MAX_BACK_OFF, BACK_OFF_SECONDS = 8, 900.0
"""A 421 doubles the wait, up to so many intervals or seconds."""
EARLY = 0.001
"""uvloop's timers count whole milliseconds, and may come so many seconds early; to wait again would be a busy loop."""
CROWD = 5
"""Turns that start before others may run: with all that are due at once the loop was away for up to 24 ms, so 19."""
LATE = 10.0
"""Seconds after which a schedule that should have moved has come to a halt."""


class Timer(Protocol):
    """What `call_at` gives: something to cancel."""

    def cancel(self) -> None:
        """Never call it."""


class Clock(Protocol):
    """The part of an event loop that a schedule needs."""

    def time(self) -> float:
        """Monotonic seconds."""

    def call_at(self, when: float, callback: Callable[[], None]) -> Timer:
        """Call at a time of this clock."""


class Schedule:
    """Starts turns when they are due and there is room for them.

    With a `tick`, in seconds, turns start only at multiples of it, several together: for a process that sleeps in
    between, waking up costs as much as the work.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        at_once: int = 1000,
        per_address: int = 1,
        tick: float = 0.0,
        on_delay: Callable[[float], None] = lambda _: None,
        on_overrun: Callable[[], None] = lambda: None,
    ) -> None:
        self._clock, self._grid = clock, tick
        self.room = Room(at_once, per_address)
        self._on_delay, self._on_overrun = on_delay, on_overrun
        self._turns: dict[Hashable, Turn] = {}
        self._heap: list[tuple[float, int, Turn]] = []
        self._added = self._pushed = 0
        self._starting = False
        self._timer: Timer | None = None
        self._stopped = False
        self._moved = 0.0

    @property
    def in_flight(self) -> int:
        """How many runs are under way and take room."""
        return self.room.taken

    @property
    def overloaded(self) -> int:
        """How many addresses have more to do than fits."""
        return self.room.overloaded

    # --- who ----------------------------------------------------------------------------------------------------

    def add(
        self,
        key: Hashable,
        interval: float,
        address: str,
        start: Callable[[Turn], None],
        *,
        after: float | None = None,
    ) -> Turn:
        """Add a turn. Its first start comes `after` seconds, or else at its place in min(interval, FIRST_ROUND)."""
        turn = Turn(key, interval, address, start, interval, self._added * GOLDEN % 1)
        self._added += 1
        turn.due = self._clock.time() + (turn.place * min(interval, FIRST_ROUND) if after is None else after)
        turn.settled = interval <= FIRST_ROUND
        self._turns[key] = turn
        self.room.add(turn)
        self._push(turn, turn.due)
        return turn

    def remove(self, key: Hashable) -> None:
        """Forget a turn. One that runs goes on; `finished` is still to be called for it."""
        turn = self._turns.pop(key, None)
        if turn and not (turn.running or turn.queued):
            self.room.remove(turn)

    def limit(self, *, at_once: int, per_address: int) -> None:
        """Go by these limits from now on. What runs beyond lower ones ends as it would, and nothing takes its place."""
        self.room.limit(at_once=at_once, per_address=per_address)
        self._start_ready()

    def starts_in(self, key: Hashable) -> float | None:
        """Seconds until a turn starts, 0 while it runs or waits for room; None where there is no such turn."""
        turn = self._turns.get(key)
        if turn is None:
            return None
        return 0.0 if turn.running or turn.queued else max(0.0, turn.next - self._clock.time())

    def _gone(self, turn: Turn) -> bool:
        return self._turns.get(turn.key) is not turn

    # --- when ---------------------------------------------------------------------------------------------------

    def _push(self, turn: Turn, due: float) -> None:
        self._pushed += 1
        heapq.heappush(self._heap, (due, self._pushed, turn))
        if self._heap[0][2] is turn:
            self._set_timer()

    def _set_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = None
        if self._heap and not self._stopped:
            due = self._heap[0][0]
            self._timer = self._clock.call_at(ceil(due / self._grid) * self._grid if self._grid else due, self._tick)

    def _tick(self) -> None:
        """Start what is due, as far as there is room; where that is a crowd, by and by."""
        now = self._clock.time() + EARLY
        for _ in range(CROWD):
            if not self._heap or self._heap[0][0] > now:
                break
            due, _, turn = heapq.heappop(self._heap)
            if self._gone(turn):
                continue
            if confirms := due == turn.again:
                turn.again = None
            if due == turn.due:
                self._come_due(turn)
            elif confirms:
                self._come(turn, due, confirms=True)
        self._set_timer()

    def _come_due(self, turn: Turn) -> None:
        """Its place comes: it runs, unless it runs still or is about to confirm its last run."""
        due = turn.due
        turn.due = due + turn.wait
        if not turn.settled:  # from its place in the first round to that in the whole interval
            turn.settled = True
            turn.due += turn.interval * (turn.place - 0.5) - turn.place * FIRST_ROUND
        self._push(turn, turn.due)
        busy = turn.running or turn.queued
        if turn.again is not None or (busy and turn.confirms):
            return
        if busy:
            self._on_overrun()
        else:
            self._come(turn, due, confirms=False)

    def _come(self, turn: Turn, slot: float, *, confirms: bool) -> None:
        """Let a turn wait for room."""
        turn.queued, turn.slot, turn.confirms = True, slot, confirms
        self.room.come(turn)
        self._start_ready()

    def _start_ready(self) -> None:
        if self._starting:
            return  # a turn that finished at once: the loop below goes on with the next, and no stack grows
        self._starting = True
        try:
            while not self._stopped and (turn := self.room.take()):
                self._begin(turn)
        finally:
            self._starting = False

    def _begin(self, turn: Turn) -> None:
        self._moved = self._clock.time()
        if not turn.paused:
            turn.queued, turn.running, turn.began = False, True, self._clock.time()
        if turn.go:
            turn.paused, go, turn.go = False, turn.go, None
            go()
        elif self._gone(turn):
            self.finished(turn)
        else:
            self._on_delay(max(0.0, turn.began - turn.slot))
            turn.start(turn)

    def pause(self, turn: Turn) -> None:
        """Say that a run waits for something else than a server: dead name servers must not keep others waiting."""
        turn.paused = True
        self.room.pause(turn)
        self._start_ready()

    def resume(self, turn: Turn, go: Callable[[], None]) -> None:
        """Go on with a paused run as soon as there is room."""
        turn.go = go
        self.room.come(turn)
        self._start_ready()

    def finished(self, turn: Turn, *, refused: bool = False, within: float = inf, confirm: float = inf) -> float:
        """Say that a run is over. Returns the wait in force until the next, in seconds.

        It counts from start to start, but from the end of a run that is to be confirmed.

        Args:
            turn: whose.
            refused: it was told to come less often (421), so its wait doubles and nothing is confirmed.
            within: seconds within which the next run is to start, where that comes before its place.
            confirm: seconds after which a run is to confirm this one, if there is room for it; it keeps its place.
        """
        now = self._moved = self._clock.time()
        self.room.leave(turn)
        self.room.note(turn, now - turn.began)
        turn.running = turn.paused = False
        if self._gone(turn):
            self.room.remove(turn)
        else:
            turn.back_off = min(2 * turn.back_off, MAX_BACK_OFF) if refused else 1
            if refused or not turn.confirms:
                self._set_wait(turn)
            if (soon := now + within) < turn.due:
                turn.due = soon
                self._push(turn, soon)
        self._start_ready()
        if refused or confirm >= turn.interval or self._gone(turn) or not self.room.spare(turn):
            return turn.wait
        left = max(0.0, turn.began + turn.interval - now)  # after a long run no later than else
        turn.again = now + min(confirm, left)
        self._push(turn, turn.again)
        return min(confirm, left) or confirm  # 0 would say that there is no wait

    def _set_wait(self, turn: Turn) -> None:
        """The interval, longer after a refusal or where the address has more to do than fits."""
        backing_off = min(turn.interval * turn.back_off, max(turn.interval, BACK_OFF_SECONDS))
        wait = max(turn.interval, backing_off, turn.interval * self.room.crowded(turn.address))
        if wait != turn.wait:
            turn.wait = wait
            turn.due = max(turn.slot + wait, self._clock.time())
            self._push(turn, turn.due)

    def moves(self, longest: float) -> bool:
        """Whether turns come due and their places become free. `longest`: seconds that a run may take."""
        now = self._clock.time()
        overdue = bool(self._heap) and now - self._heap[0][0] > LATE
        stuck = self.room.wanted and now - self._moved > longest + LATE
        return self._stopped or not (overdue or stuck)

    # --- the end ------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Start nothing any more."""
        self._stopped = True
        if self._timer:
            self._timer.cancel()
