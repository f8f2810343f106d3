"""How many probes on demand run at once, in all and at one address. Who asks too often waits, and not for long."""

import asyncio
from collections import Counter
from collections.abc import Sequence


class Room:
    """Room for `at_once` probes, `per_address` of them at one IP address. Both may be changed at any time."""

    def __init__(self, at_once: int, per_address: int) -> None:
        self.at_once, self.per_address = at_once, per_address
        self.taken = 0
        self._at: Counter[str] = Counter()
        self._freed = asyncio.Event()

    def fits(self, addresses: Sequence[str]) -> bool:
        """Whether one more may start, which may connect to any of these."""
        return self.taken < self.at_once and all(self._at[each] < self.per_address for each in addresses)

    async def take(self, addresses: Sequence[str], patience: float) -> None:
        """Wait until one more may start, and count it.

        Raises:
            TimeoutError: not within `patience` seconds.
        """
        async with asyncio.timeout(patience):
            while not self.fits(addresses):
                await self._freed.wait()
        self.taken += 1
        self._at.update(addresses)

    def give_back(self, addresses: Sequence[str]) -> None:
        """Say that one is over."""
        self.taken -= 1
        self._at -= Counter(addresses)
        self._freed.set()  # all look whether they fit, in the order in which they came
        self._freed = asyncio.Event()
