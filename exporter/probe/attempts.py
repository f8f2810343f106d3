"""A connection attempt that goes on while the next address is tried (the idea of RFC 8305 5)."""

from typing import Protocol

from exporter.model import Session
from exporter.wire import Wire

DELAY_SHARE = 1 / 4
"""The part of `connect_timeout` after which the next address is tried as well (contract 3, `addresses: any`)."""

MOST_ADDRESSES = 64
"""Addresses of one name that one probe tries: whoever owns the name may list thousands."""


class Owner(Protocol):
    """Who made the attempts, and takes the first that connects."""

    def attempt_connected(self, attempt: "Attempt", own_address: str) -> None:
        """It connected."""

    def attempt_failed(self, attempt: "Attempt", error: Exception) -> None:
        """It failed."""


class Attempt:
    """The listener of a wire that has not connected yet, while its owner listens to a later one."""

    def __init__(self, wire: Wire, address: str, expires: float, owner: Owner) -> None:
        self.wire, self.address, self.expires, self._owner = wire, address, expires, owner
        wire.tell(self)

    def connected(self, own_address: str) -> None:
        """Tell the owner."""
        self._owner.attempt_connected(self, own_address)

    def failed(self, error: Exception) -> None:
        """Tell the owner."""
        self._owner.attempt_failed(self, error)

    def received(self, data: bytes) -> None:
        """Never called: the owner listens once it is connected."""

    def secured(self, session: Session) -> None:
        """Never called."""

    def close(self) -> None:
        """Give it up."""
        self.wire.close()
        self.wire.forget()
