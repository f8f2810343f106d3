"""How late the event loop runs what is due, and when it was last away: then a time-out says nothing of a server."""

import asyncio
import logging
from collections.abc import Callable
from math import inf

log = logging.getLogger(__name__)

BEAT_SECONDS = 0.25
AWAY_SECONDS = 1.0
"""An event loop that runs nothing for so long was away."""


class LoopAwayError(TimeoutError):
    """Time was up in a probe during which our own event loop was away: busy, or the process was stopped."""

    def __str__(self) -> str:
        """Say what a transcript says of it."""
        return "time is up, but our own event loop was away meanwhile"


class LoopLag:
    """Measures the lag of an event loop from now on. `observe` is told each time how many seconds it was late."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        observe: Callable[[float], object] = lambda _: None,
    ) -> None:
        self._loop, self._observe = loop, observe
        self._clock = loop.time  # by which time-outs run
        self._last, self._returned = self._loop.time(), -inf
        self._timer = loop.call_later(BEAT_SECONDS, self._beat)

    def _beat(self) -> None:
        now = self._loop.time()
        late = max(0.0, now - self._last - BEAT_SECONDS)
        self._observe(late)
        if now - self._last >= AWAY_SECONDS:
            self._returned = now
            log.warning("event loop was away: this machine is busy, or it stopped the agent", extra={"seconds": late})
        self._last = now
        self._timer = self._loop.call_later(BEAT_SECONDS, self._beat)

    def away_within(self, seconds: float) -> bool:
        """Whether the loop was away in the last so many seconds, also where it has only just come back."""
        now = self._loop.time()
        began = now - seconds
        return self._returned - began >= AWAY_SECONDS or now - max(self._last, began) >= AWAY_SECONDS

    def stop(self) -> None:
        """Measure no more."""
        self._timer.cancel()
