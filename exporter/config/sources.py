"""The files that a configuration was made of, and what is in them now. Told apart by content, never by date alone.

Content is kept as a keyed digest: it may be that of a password.
"""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from exporter.config import files
from exporter.config.files import Digests, Role, digest

FOLLOWED: frozenset[Role] = frozenset({"target file", "domains file", "certificate"})
"""Those that are always followed; the others with --config.enable-auto-reload."""
RECENT = 10.0
"""Seconds since a file was written in which its date does not tell versions apart: clocks are coarse, and differ."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What one reading looked into, whether or not it came to a configuration."""

    patterns: tuple[str, ...] = ()
    """Those of target files, absolute: other files may come to match."""
    digests: Digests = field(default_factory=dict)


class Looking:
    """Looks at files again, and reads those that seem to be other versions. May block: not for an event loop."""

    def __init__(self, key: bytes, now: Callable[[], float] = time.time) -> None:
        self._key, self._now = key, now
        self._known: dict[str, tuple[tuple[int, ...], str]] = {}

    def look(self, sources: Sources) -> Digests:
        """See what is in the files of `sources` now, and in all that its patterns now match."""
        seen = {place: self._digest(place[1]) for place in _places(sources)}
        self._known = {path: self._known[path] for _, path in seen if path in self._known}
        return seen

    def _digest(self, path: str) -> str:
        try:
            found = os.stat(path)  # noqa: PTH116 - follows links as Path.stat: orchestrators swap them
            version = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
            known, content = self._known.get(path, (None, ""))
            if version != known or abs(self._now() - found.st_ctime) < RECENT:
                content = digest(files.read(Path(path)), self._key)
                self._known[path] = version, content
        except (OSError, ValueError):
            return ""
        return content


def _places(sources: Sources) -> Iterator[tuple[Role, str]]:
    for role, path in sources.digests:
        if role != "target file":
            yield role, path
    for pattern in sources.patterns:
        try:
            yield from (("target file", str(file)) for file in files.matching(Path(), pattern))
        except ValueError:
            continue  # a folder that cannot be listed: nothing matches
