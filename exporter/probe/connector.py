"""Connects to the first of several addresses that answers, and keeps the time of a conversation.

The next address is tried while the attempts before go on (the idea of RFC 8305 5). What is said over the connection is
the business of `shell`.
"""

import asyncio
import errno
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

from exporter.model import Ended, Peer, Session
from exporter.probe import failures
from exporter.probe.lag import LoopBlockedError, LoopLag
from exporter.probe.redaction import Redactor
from exporter.probe.stopwatch import Stopwatch
from exporter.probe.transcript import Transcript
from exporter.reasons import Stage, Untestable
from exporter.wire import Wire, has_route

DELAY_SHARE = 1 / 4
"""The part of `connect_timeout` after which the next address is tried as well."""

MOST_ADDRESSES = 64
"""The most addresses of one name that one probe tries: a name may have thousands."""


class Attempt:
    """The listener of a wire that has not connected yet, while its owner listens to a later one."""

    def __init__(self, wire: Wire, address: str, expires: float, owner: "Connector") -> None:
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


class Connector(ABC):
    """The connection of one probe: the attempts to make it, and the one timer that ends whatever takes too long."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, peer: Peer, addresses: Sequence[str], lag: LoopLag, redactor: Redactor
    ) -> None:
        self._loop, self._peer, self._lag = loop, peer, lag
        self._addresses = list(addresses[:MOST_ADDRESSES])
        self._wire = Wire(loop, self)
        self._earlier: list[Attempt] = []
        """Attempts that go on beside that of `_wire`, the oldest first."""
        self._timer: asyncio.TimerHandle | None = None
        self._deadline = self._expires = 0.0
        """When the probe, and when the attempt of `_wire`, must have ended, on the clock of the loop."""
        self.watch = Stopwatch()
        self.transcript = Transcript(self.watch.lasted, redactor)
        self.address = self.own_address = self._failed_to = ""
        self.connected_to: bool | None = None
        self.ended: Ended | None = None
        self.untestable: Untestable | None = None

    @abstractmethod
    def connected(self, own_address: str) -> None:
        """The latest attempt, or an earlier one that took its place, has connected."""

    @abstractmethod
    def received(self, data: bytes) -> None:
        """Bytes came."""

    @abstractmethod
    def secured(self, session: Session) -> None:
        """The TLS handshake is finished."""

    @abstractmethod
    def failed(self, error: Exception) -> None:
        """The latest attempt failed, or the connection ended."""

    @abstractmethod
    def _guard(self, action: Callable[..., None], *args: Any) -> None:
        """Call, and take whatever goes wrong for a mistake of ours."""

    @abstractmethod
    def _time_is_up(self) -> None:
        """The timer has run out."""

    @abstractmethod
    def _finish(self) -> None:
        """End the conversation."""

    def _connect(self) -> None:
        """Try the next address. `ended` and `untestable` keep what became of those before."""
        settings, now = self._peer.settings, self._loop.time()
        self.address = self._addresses.pop(0)
        self._expires = min(now + settings.connect_timeout, self._deadline)
        self._set_timer(min(now + settings.connect_timeout * (DELAY_SHARE if self._addresses else 1), self._deadline))
        source = next((source for source in settings.source_address if (":" in source) == (":" in self.address)), None)
        self.transcript.remark(Stage.CONNECT, f"connecting to {self.address} port {self._peer.port}")
        try:
            if ":" in self.address and not has_route(self.address):
                raise OSError(errno.ENETUNREACH, "no route for IPv6 on this machine")  # noqa: TRY301 - one handler
            self.watch.skip()
            self._wire.connect(self.address, self._peer.port, source)
        except OSError as error:
            self._loop.call_soon(self._failed_at_once, self._wire, error)

    def _failed_at_once(self, wire: Wire, error: OSError) -> None:
        if wire is self._wire:  # no earlier attempt has connected meanwhile
            self.failed(error)

    def _connect_beside(self) -> None:
        """Try the next address while the attempts before go on, each until its own time is up (RFC 8305 5)."""
        self.watch.lap(Stage.CONNECT)
        self._earlier.append(Attempt(self._wire, self.address, self._expires, self))
        self._wire = Wire(self._loop, self)
        while self._earlier and self._earlier[0].expires <= self._loop.time():
            self._drop(self._earlier[0], self._timeout())
        self._connect()

    def _go_on_with(self, attempt: Attempt) -> None:
        """Listen to an earlier attempt instead."""
        self._wire.close()
        self._earlier.remove(attempt)
        self._wire, self.address = attempt.wire, attempt.address
        self._wire.tell(self)
        self._set_timer(attempt.expires)

    def attempt_connected(self, attempt: Attempt, own_address: str) -> None:
        """Go on with the attempt that connected first."""
        self._guard(self._go_on_with, attempt)
        self.connected(own_address)

    def attempt_failed(self, attempt: Attempt, error: Exception) -> None:
        """Go on without it."""
        self._guard(self._drop, attempt, error)

    def _drop(self, attempt: Attempt, error: Exception) -> None:
        self._earlier.remove(attempt)
        attempt.close()
        self._note_failure(attempt.address, error)

    def _give_up_earlier(self) -> None:
        for attempt in self._earlier:
            attempt.close()
        self._earlier.clear()

    def _note_failure(self, address: str, error: Exception) -> None:
        """Sort the failure of one address."""
        untestable = failures.untestable(error, address)
        if untestable:
            if self.untestable is not Untestable.LOCAL_RESOURCES:
                self.untestable = untestable
        else:
            self.connected_to, self._failed_to = False, address
            self.ended = failures.ended(Stage.CONNECT, error, self._peer.settings.security, self._peer.port)
        self.transcript.remark(Stage.CONNECT, f"{address}: {failures.detail(error) or 'no answer'}")

    def _not_connected(self, error: Exception) -> None:
        """Try the next address, go on with an earlier attempt, or give up."""
        self._wire.close()
        self._note_failure(self.address, error)
        if self._addresses and self._loop.time() < self._deadline:
            self._connect()
            return
        if self._earlier:
            self._go_on_with(self._earlier[-1])
            return
        if self.untestable is Untestable.LOCAL_RESOURCES:  # that address may be well
            self.connected_to = self.ended = None
        elif self.ended:  # one that could be tried has failed: that counts
            self.untestable, self.address = None, self._failed_to
        self._finish()

    def _set_timer(self, when: float) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._time_is_up)

    def _timeout(self) -> TimeoutError:
        """Time is up: for the server, unless our own event loop was blocked."""
        return LoopBlockedError() if self._lag.blocked_within(self.watch.lasted()) else TimeoutError()
