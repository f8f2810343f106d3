"""The running configuration, and the way to the next: read it apart, take it over or leave everything as it is.

One reload at a time; who asks while one runs gets the next. What is read and how it is taken over is handed in.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from exporter.aside import aside
from exporter.config import FOLLOWED, Config, ConfigErrors, Looking, Sources
from exporter.config.files import Digests
from exporter.garbage import left_for_later
from exporter.telemetry import Telemetry

log = logging.getLogger(__name__)

LOOK_EVERY, LOOK_AGAIN = 5.0, 1.0
"""Seconds between two looks at the files, and after one that saw a change: two equal ones make it true."""

Read = Callable[[Config, bytes | None], Awaitable[Config]]
"""Reads the next configuration, given the running one and, where it is not to be read anew, the text of its file."""


class NotApplied(Exception):  # noqa: N818 - says what happened; it is no error of the program
    """Why a configuration that could be read cannot be used, as one line for the operator."""


@dataclass(slots=True)
class Baseline:
    """What the last reading saw, good or bad: only another content is worth another reading."""

    sources: Sources
    digests: Digests
    complete: bool
    """False after a reading that failed: it may not have come to all files, and has seen the others when they are
    looked at first."""


class Reloads:
    """Holds `config`. `follow` looks at its files; `ask` and `reload` are for signals and requests."""

    def __init__(
        self,
        config: Config,
        read: Read,
        apply: Callable[[Config], Awaitable[None]],
        telemetry: Telemetry,
        looking: Looking,
        *,
        auto: bool = False,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        began: Callable[[], None] = lambda: None,
        ended: Callable[[bool], None] = lambda _good: None,
    ) -> None:
        self.config, self._read, self._apply, self._telemetry, self._looking = config, read, apply, telemetry, looking
        self._auto, self._clock, self._sleep, self._began, self._ended = auto, clock, sleep, began, ended
        self._seen = Baseline(config.sources, config.sources.digests, complete=True)
        self.one_at_a_time = asyncio.Lock()
        """Held during a reload, and by the start: who asks meanwhile gets the next."""
        self._next: asyncio.Task[list[str]] | None = None
        self._tasks: set[asyncio.Task[list[str]]] = set()
        self._whole = False
        """The next reading includes the configuration itself."""

    def ask(self, *, whole: bool = True) -> "asyncio.Task[list[str]]":
        """Have a reload done; where one runs, after it. Without `whole` the configuration itself is not read anew."""
        self._whole |= whole
        if self._next is None:
            self._next = asyncio.get_running_loop().create_task(self._in_turn())
            self._tasks.add(self._next)
            self._next.add_done_callback(self._tasks.discard)
        return self._next

    async def reload(self) -> list[str]:
        """Reload; return what is wrong with the new configuration, one line each. Empty: it runs."""
        return await asyncio.shield(self.ask())

    async def close(self) -> None:
        """Leave a reload that is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _in_turn(self) -> list[str]:
        async with self.one_at_a_time:
            whole, self._next, self._whole = self._whole, None, False
            self._began()
            try:
                with left_for_later():
                    errors = await self._reload(None if whole else self.config.text)
            except Exception as error:
                log.exception("internal error")
                self._telemetry.internal_errors.inc()
                errors = [f"internal error: {type(error).__name__}"]
            self._telemetry.reload_successful.set(not errors)
            self._ended(not errors)
            return errors

    async def _reload(self, text: bytes | None) -> list[str]:
        before, began = self.config, time.monotonic()
        try:
            config = await self._read(before, text)
        except ConfigErrors as errors:
            return self._refused(errors.told, errors.sources)
        except RuntimeError as error:
            return self._refused([str(error)], None)
        try:
            await self._apply(config)
        except NotApplied as error:
            return self._refused([str(error)], config.sources)
        self.config = config
        self._seen = Baseline(config.sources, config.sources.digests, complete=True)
        self._telemetry.reload_time.set(self._clock())
        seconds = round(time.monotonic() - began, 3)
        log.info("configuration reloaded", extra={"targets": len(config.targets), "seconds": seconds})
        return []

    def _refused(self, errors: list[str], sources: Sources | None) -> list[str]:
        """Say what is wrong, and remember what was read, so that it is said once."""
        for each in errors:
            log.error("configuration not reloaded, the old one runs on", extra={"error": each})
        running, tried = self.config.sources, sources or Sources()
        patterns = tuple(dict.fromkeys((*running.patterns, *tried.patterns)))
        self._seen = Baseline(Sources(patterns, {**running.digests, **tried.digests}), tried.digests, complete=False)
        return errors

    # --- following ----------------------------------------------------------------------------------------------

    async def follow(self) -> None:
        """Look at the files for ever; reload when they have changed and then stayed as they are."""
        last: Digests | None = None
        while True:
            await self._sleep(LOOK_EVERY if last is None else LOOK_AGAIN)
            try:
                last = await self._look(last)
            except Exception:
                log.exception("internal error")
                self._telemetry.internal_errors.inc()

    async def _look(self, last: Digests | None) -> Digests | None:
        """Look once. Returns what is there where it is new, to be seen once more."""
        seen = self._seen
        there = await aside(lambda: self._looking.look(seen.sources))
        if seen is not self._seen:
            return None  # a reload came between
        if not seen.complete:
            seen.digests, seen.complete = {**there, **seen.digests}, True
        there = self._of_interest(there)
        if there == self._of_interest(seen.digests):
            return None
        if there != last:
            return there
        await asyncio.shield(self.ask(whole=self._auto))
        return None

    def _of_interest(self, digests: Digests) -> Digests:
        return {place: digest for place, digest in digests.items() if self._auto or place[0] in FOLLOWED}
