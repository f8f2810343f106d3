"""How late the event loop runs what is due, and whether it was blocked: then a time-out says nothing of a server."""

import asyncio
import logging
from collections.abc import Callable
from math import inf

log = logging.getLogger(__name__)

BEAT_SECONDS = 0.25
BLOCKED_SECONDS = 1.0
"""An event loop that runs nothing for so long was blocked."""


class LoopBlockedError(TimeoutError):
    """Time was up in a probe during which our own event loop was blocked: busy, or the process was stopped."""

    def __str__(self) -> str:
        """Say what a transcript says of it."""
        return "time is up, but our own event loop was blocked during this probe"


class LoopLag:
    """Measures the lag of an event loop from now on. `observe` is told each time how many seconds it was late."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        observe: Callable[[float], object] = lambda _: None,
    ) -> None:
        self._loop, self._observe = loop, observe
        self._last, self._returned = loop.time(), -inf  # on the clock by which time-outs run
        self._timer = loop.call_later(BEAT_SECONDS, self._beat)

    def _beat(self) -> None:
        now = self._loop.time()
        late = max(0.0, now - self._last - BEAT_SECONDS)
        self._observe(late)
        if now - self._last >= BLOCKED_SECONDS:
            self._returned = now
            log.warning("event loop was blocked: this machine is busy, or stopped the agent", extra={"seconds": late})
        self._last = now
        self._timer = self._loop.call_later(BEAT_SECONDS, self._beat)

    def blocked_within(self, seconds: float) -> bool:
        """Whether the loop was blocked in the last so many seconds, also where it runs again only now."""
        now = self._loop.time()
        began = now - seconds
        return self._returned - began >= BLOCKED_SECONDS or now - max(self._last, began) >= BLOCKED_SECONDS

    def stop(self) -> None:
        """Measure no more."""
        self._timer.cancel()
