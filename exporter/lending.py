"""A mapping that is gone through in slices, while others change it.

A copy of ten thousand entries for each who goes through them is new to Python's garbage collector, which looks at every
entry of it, twice, while all else waits. Here only a change makes a copy, and only where somebody may still be reading.
"""

from collections.abc import Iterator, MutableMapping
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Lendable(MutableMapping[K, V]):
    """A dict of which `snapshot` costs nothing."""

    def __init__(self) -> None:
        self._entries: dict[K, V] = {}
        self._lent = False
        self.changes = 0
        """How often entries came, went or were replaced."""

    def snapshot(self) -> dict[K, V]:
        """The entries of now, whatever happens to the mapping afterwards. Not to be changed."""
        self._lent = True
        return self._entries

    def _own(self) -> dict[K, V]:
        """The entries to change, where nobody else reads them."""
        self.changes += 1
        if self._lent:
            self._entries, self._lent = self._entries.copy(), False
        return self._entries

    def __setitem__(self, key: K, value: V) -> None:
        self._own()[key] = value

    def __delitem__(self, key: K) -> None:
        del self._own()[key]

    def __getitem__(self, key: K) -> V:
        return self._entries[key]

    def __contains__(self, key: object) -> bool:
        return key in self._entries

    def __iter__(self) -> Iterator[K]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)
