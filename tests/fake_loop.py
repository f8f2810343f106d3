"""A clock for schedules: time moves only when a test says so. Not a test."""

import heapq
from collections.abc import Callable


class Handle:
    def __init__(self) -> None:
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Loop:
    """A loop without I/O: `run(until)` calls what is due, in order."""

    def __init__(self) -> None:
        self.now, self._calls, self._count = 1000.0, list[tuple[float, int, Handle, Callable[[], None]]](), 0

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], None]) -> Handle:
        handle = Handle()
        self._count += 1
        heapq.heappush(self._calls, (when, self._count, handle, callback))
        return handle

    def run(self, seconds: float) -> None:
        until = self.now + seconds
        while self._calls and self._calls[0][0] <= until:
            when, _, handle, callback = heapq.heappop(self._calls)
            self.now = max(self.now, when)
            if not handle.cancelled:
                callback()
        self.now = until
