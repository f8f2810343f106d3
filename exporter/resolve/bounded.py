"""A cache that hostile answers do not make larger than it may be. Knows neither time nor what it holds."""

from collections.abc import Callable
from itertools import islice
from typing import Generic, TypeVar

CAPACITY = 500_000
"""Entries and usual records that a cache holds, some 100 MB at most: hostile answers carry thousands of records, or
long ones. 50,000 domains take 300,000."""
AT_ONCE = 0.01
"""The part of the entries that goes when it is full: each time, those that went before are passed over once more."""

K = TypeVar("K")
V = TypeVar("V")


class Bounded(Generic[K, V]):
    """A cache of bounded weight: `put` drops what was put longest ago.

    `records` tells how many an entry holds; a long one counts for several.
    """

    def __init__(self, records: Callable[[V], int]) -> None:
        self._entries: dict[K, V] = {}
        self._records, self._weight = records, 0

    def __len__(self) -> int:
        """How many entries it holds."""
        return len(self._entries)

    def get(self, key: K) -> V | None:
        """What was put last; None where that is nothing, or was dropped."""
        return self._entries.get(key)

    def put(self, key: K, value: V) -> None:
        """Store as the newest entry."""
        self._drop(key)
        self._entries[key] = value
        self._weight += 1 + self._records(value)
        while self._weight > CAPACITY and len(self._entries) > 1:
            for oldest in list(islice(self._entries, 1 + int(AT_ONCE * len(self._entries)))):
                self._drop(oldest)

    def _drop(self, key: K) -> None:
        if (value := self._entries.pop(key, None)) is not None:
            self._weight -= 1 + self._records(value)
