"""Verdicts that stand until a date passes, so that a probe that sees the same chain again pays a look-up.

Bounded, in number and by how long nobody asked: a server that shows a new certificate every minute must not fill us.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from exporter.trust.certificate import Reading, unchanged

TEXT_STANDS = 3600.0
"""Seconds for which "expired 3 hours ago" may be repeated."""
UNUSED = 6 * 3600.0
"""Seconds after which a verdict that nobody asked for again is forgotten."""

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
Shown = tuple[bytes, tuple[int, ...]]
"""What tells chains apart."""


def fingerprint(chain: tuple[bytes, ...]) -> Shown:
    """A digest of the certificates as sent, and where each of them ends."""
    return hashlib.sha256(b"".join(chain)).digest(), tuple(map(len, chain))


@dataclass(slots=True)
class Standing(Generic[V]):
    """A verdict, from when until when (exclusive) it stands, and when it was asked for last."""

    since: float
    until: float
    verdict: V
    used: float = 0.0


def until_a_date_passes(verdict: V, looked_at: Iterable[Reading], now: float, *, tells_age: bool) -> Standing[V]:
    """A verdict on these certificates: only a date changes it, and for how long ago it says something was."""
    since, until = unchanged((one.dates for one in looked_at), now)
    return Standing(since, min(until, now + TEXT_STANDS) if tells_age else until, verdict)


class Standings(Generic[K, V]):
    """The verdicts of so many questions, those asked last."""

    def __init__(self, remembered: int) -> None:
        self._remembered = remembered
        self._standing: OrderedDict[K, Standing[V]] = OrderedDict()

    def __iter__(self) -> Iterator[K]:
        """The questions, the one asked last at the end."""
        return iter(self._standing)

    def verdict(self, key: K, now: float, weigh: Callable[[], Standing[V]]) -> V:
        """The verdict that stands, else what `weigh` says. `now` is in Unix seconds."""
        standing = self._standing.get(key)
        if standing is None or not standing.since <= now < standing.until:
            standing = self._standing[key] = weigh()
        standing.used = now
        self._standing.move_to_end(key)
        self._forget(now)
        return standing.verdict

    def _forget(self, now: float) -> None:
        while self._standing:
            oldest = next(iter(self._standing.values()))
            if len(self._standing) <= self._remembered and oldest.used > now - UNUSED:
                return
            self._standing.popitem(last=False)
