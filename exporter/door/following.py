"""The web configuration as its files now say. Looks at them when somebody asks, at most every LOOK_EVERY seconds.

A change is taken once its files have been left alone for SETTLED seconds, so none is read half written. One that
cannot be used leaves the old settings in force, and is logged once.
"""

import asyncio
import logging
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from exporter.aside import aside
from exporter.config.errors import ConfigError, ConfigErrors
from exporter.door.reading import Reading
from exporter.door.settings import Settings

log = logging.getLogger(__name__)

LOOK_EVERY = 2.0
SETTLED = 0.5

Seen = tuple[tuple[int, ...] | None, ...]
"""What tells a file from its next version, for each file; None where there is none."""


def look_at(files: Iterable[Path]) -> tuple[Seen, float]:
    """See which versions of files are there, links followed, and when the last one was written (Unix seconds)."""
    seen: list[tuple[int, ...] | None] = []
    written = 0.0
    for file in files:
        try:
            found = os.stat(file)  # noqa: PTH116 - the same as Path.stat, which follows links by default, too
        except OSError:
            seen.append(None)
        else:
            seen.append((found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns))
            written = max(written, found.st_mtime)
    return tuple(seen), written


class Following:
    """Settings that follow their files. `clock` is monotonic, `now` that of the files."""

    def __init__(
        self, path: Path, clock: Callable[[], float] = time.monotonic, now: Callable[[], float] = time.time
    ) -> None:
        """Read the file for the first time. Raises ConfigErrors."""
        self._path, self._clock, self._now = path, clock, now
        reading = Reading(path)
        self.settings = reading.settings()
        self._remember(reading.files)
        self._looked = clock()
        self._looking = asyncio.Lock()

    async def latest(self) -> Settings:
        """Give the settings that are in force. While one caller looks at the files, others get what is known."""
        if self._clock() - self._looked >= LOOK_EVERY and not self._looking.locked():
            async with self._looking:
                try:
                    await aside(self._follow)
                except Exception as bug:  # noqa: BLE001 - a bug of ours must not lock everybody out
                    log.error("internal error", extra={"error": type(bug).__name__})  # noqa: TRY400 - a message may hold a secret
                self._looked = self._clock()
        return self.settings

    def _follow(self) -> None:
        seen, written = look_at(self._files)
        if seen == self._seen or self._is_fresh(written):
            return
        reading = Reading(self._path)
        try:
            self.settings = self._fit(reading, reading.settings())
        except ConfigErrors as errors:
            for error in errors.told:
                log.error("the web configuration has errors, the previous one stays in force", extra={"error": error})  # noqa: TRY400 - no traceback for what an operator wrote
            self._remember((*reading.files, *self._files))
        else:
            log.info("web configuration read", extra={"file": self._path})
            self._remember(reading.files)

    def _remember(self, files: Iterable[Path]) -> None:
        """Note what was read; files written a moment ago may have changed meanwhile, and are read again."""
        self._files = tuple(dict.fromkeys(files))
        seen, written = look_at(self._files)
        self._seen: Seen = () if self._is_fresh(written) else seen

    def _is_fresh(self, written: float) -> bool:
        return 0 <= self._now() - written < SETTLED

    def _fit(self, reading: Reading, settings: Settings) -> Settings:
        """Refuse what would open by mistake what was closed: a file cut to nothing, TLS or passwords switched off."""
        before = self.settings
        if reading.empty and before != Settings():
            raise ConfigErrors([ConfigError(self._path, "it is empty now: restart to take that over")])
        if (settings.tls is None) != (before.tls is None):
            raise ConfigErrors([ConfigError(self._path, "switching TLS on or off takes a restart")])
        if before.clients_verified and not settings.clients_verified:
            raise ConfigErrors([ConfigError(self._path, "letting in clients without a certificate takes a restart")])
        if before.users and not settings.users:
            log.warning("basic_auth_users was removed: the old passwords are required until a restart")
            return replace(settings, users=before.users)
        return settings
