"""A cache that hostile answers do not make larger than it may be. Knows neither time nor what it holds."""

from typing import Generic, TypeVar

CAPACITY = 200_000
"""Entries and records that a cache holds: hostile answers carry thousands of records."""

K = TypeVar("K")
V = TypeVar("V")


class Bounded(Generic[K, V]):
    """A cache of bounded weight: `put` drops what was put longest ago."""

    def __init__(self) -> None:
        self._entries: dict[K, tuple[V, int]] = {}
        self._weight = 0

    def __len__(self) -> int:
        """How many entries it holds."""
        return len(self._entries)

    def get(self, key: K) -> V | None:
        """What was put last; None where that is nothing, or was dropped."""
        found = self._entries.get(key)
        return found[0] if found else None

    def put(self, key: K, value: V, records: int) -> None:
        """Store as the newest entry one that holds so many records."""
        self._drop(key)
        self._entries[key] = value, 1 + records
        self._weight += 1 + records
        while self._weight > CAPACITY and len(self._entries) > 1:
            self._drop(next(iter(self._entries)))

    def _drop(self, key: K) -> None:
        _, weight = self._entries.pop(key, (None, 0))
        self._weight -= weight
