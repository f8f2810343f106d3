"""An event loop whose clock other processes do not move. Not a test.

On a busy machine this process may run for 50 ms of a second. Time-outs by the wall clock would pass meanwhile, and the
simulated servers, which run in the same loop, would seem to be silent.
"""

import asyncio
import selectors
import time


class CountingSelector(selectors.DefaultSelector):
    """Counts the seconds for which nothing was ready."""

    def __init__(self) -> None:
        super().__init__()
        self.waited = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait for what is ready. What is ready at once takes no time, however late this process asks."""
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        began = time.monotonic()
        ready = super().select(timeout)
        elapsed = time.monotonic() - began
        self.waited += elapsed if timeout is None else min(elapsed, timeout)
        return ready


class CpuTimeLoop(asyncio.SelectorEventLoop):
    """Its clock is the CPU time of this process and the time for which it had nothing to do."""

    def __init__(self) -> None:
        self._counting = CountingSelector()
        super().__init__(self._counting)

    def time(self) -> float:
        """Seconds that only computing and waiting take."""
        return time.process_time() + self._counting.waited
