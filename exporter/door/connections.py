"""The connections to our web server: how many there may be, and how long each may take for what. Knows no HTTP.

aiohttp bounds the size of headers, but neither their number of connections nor (before a request is complete) the
time. Every connection has one deadline, that of what it is at. Where all places are taken, or all of one client, one of
those connections gives way: the one that has waited longest without a complete request, else the one that has not
taken any of its response for longest. One in ten places is left to known clients and to health checks.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from itertools import chain
from typing import cast

from exporter.door.clients import client_network
from exporter.door.settings import Settings
from exporter.door.transport import TlsTransport

TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Limits:
    """What strangers may take of us: connections at once, bytes of a question, and seconds."""

    at_once: int = 100
    per_client: int = 32
    """From one address; an IPv6 /64 counts as one."""
    stalled: int = 16
    """Responses at once that wait for their clients: each holds up to 1 MB."""
    question: int = 64 * 1024
    """Bytes of a request line, its headers, and what comes with them before the answer begins."""
    asking: float = 10.0
    """From the first byte (or from the connection on, TLS handshake included) to the end of the headers."""
    answering: float = 120.0
    """Until the answer is taken."""
    idle: float = 300.0
    """Between two questions: longer than most scrape intervals."""
    closing: float = 5.0
    """Until what was last said is taken."""


BOUNDS = Limits()


class Connections:
    """All connections, those first that have waited longest."""

    def __init__(self, latest: Callable[[], Awaitable[Settings]], limits: Limits = BOUNDS) -> None:
        self.latest, self.limits = latest, limits
        self.later: Callable[[float, Callable[[], None]], asyncio.Handle] = asyncio.get_running_loop().call_later
        self.waiting: dict[Connection, None] = {}
        self.answering: dict[Connection, None] = {}
        self.stalled: dict[Connection, None] = {}
        """Those of `answering` whose client takes nothing for now."""
        self.by_protocol: dict[asyncio.BaseProtocol, Connection] = {}

    def admit(self, connection: "Connection") -> bool:
        """Give a place to a connection, if need be that of another one. False: none is free."""
        everybody = {**self.waiting, **self.answering}
        alike = [each for each in everybody if each.client == connection.client]
        crowd = alike if len(alike) >= self.limits.per_client else everybody
        full = crowd is alike or len(everybody) >= self.limits.at_once
        if full and not self._make_room(crowd):
            return False
        self.waiting[connection] = None
        return True

    def has_room(self) -> bool:
        """Whether a stranger may be answered: one place in ten is left to others. A stalled response gives way."""
        most = self.limits.at_once - self.limits.at_once // 10
        return len(self.answering) <= most or self._make_room(self.stalled)

    def _make_room(self, crowd: "Collection[Connection]") -> bool:
        """Close one of these connections: strangers without a request, then who takes nothing, then known ones."""
        strangers = (each for each in self.waiting if not each.known)
        longest = next((each for each in chain(strangers, self.stalled, self.waiting) if each in crowd), None)
        if longest:
            longest.abort()
        return longest is not None

    def stall(self, connection: "Connection") -> None:
        """Note that the client of a connection takes nothing for now; of too many, one has to go."""
        self.stalled[connection] = None
        if len(self.stalled) > self.limits.stalled:
            self._make_room(self.stalled)

    def move(self, connection: "Connection", place: "dict[Connection, None] | None" = None) -> None:
        """Put a connection at the end of a queue, or of none."""
        self.waiting.pop(connection, None)
        self.answering.pop(connection, None)
        self.stalled.pop(connection, None)
        if place is not None:
            place[connection] = None

    def abort(self) -> None:
        """Close all connections at once."""
        for each in (*self.waiting, *self.answering):
            each.abort()


class Connection(asyncio.Protocol):
    """One TCP connection, between the transport and the protocol of the web server."""

    def __init__(self, connections: Connections, upper: asyncio.Protocol) -> None:
        self._all, self._upper = connections, upper
        self._deadline: asyncio.Handle | None = None
        self._transport: asyncio.Transport | None = None
        self._talking: asyncio.Transport | None = None
        """What the web server writes to, once it is connected."""
        self._tls: TlsTransport | None = None
        self._opening: asyncio.Task[None] | None = None
        self._early = b""
        """What came before it was known how to read it; never more than a question may have."""
        self.heard = 0
        """Bytes of the question that it is asking."""
        self._idle = self._refused = False
        self.known = False
        """It has asked a question that was answered, and not refused."""
        self.client = ""
        """The client network to which the connection counts."""

    # --- what it is at ----------------------------------------------------------------------------------------

    def begin_answer(self) -> None:
        """A question was understood: leave time for its answer."""
        self._all.move(self, self._all.answering)
        self._expect(self._all.limits.answering)

    def end_answer(self, *, known: bool) -> None:
        """Its answer was taken; `known`: by somebody who may come in. Others are to go."""
        if self._transport is not None and self in self._all.answering:
            self.known, self._refused = known, not known
            self.heard, self._idle = 0, known
            self._all.move(self, self._all.waiting)
            self._expect(self._all.limits.idle if known else self._all.limits.closing)

    def _expect(self, seconds: float) -> None:
        if self._deadline:
            self._deadline.cancel()
        self._deadline = self._all.later(seconds, self._overdue)

    def _overdue(self) -> None:
        asking = self in self._all.waiting and self._talking and self.heard
        if asking and not (self._idle or self._refused):
            self._refuse(TOO_SLOW)
        else:
            self.abort()

    def _refuse(self, answer: bytes) -> None:
        """Say why in one answer, and close; what does not take that in time is cut off."""
        self._refused = True
        self._expect(self._all.limits.closing)
        if self._talking and not self._talking.is_closing():
            self._talking.write(answer)
            self._talking.close()

    def abort(self) -> None:
        """Close at once."""
        self._all.move(self)
        if self._transport:
            self._transport.abort()

    # --- from the transport -----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a place, or be refused."""
        self._transport = transport = cast("asyncio.Transport", transport)  # uvloop's is of no class that says so
        peer = transport.get_extra_info("peername")
        self.client = client_network(peer[0]) if peer else ""
        if not self._all.admit(self):
            transport.abort()
            return
        self._expect(self._all.limits.asking)
        self._opening = asyncio.create_task(self._open(transport))

    async def _open(self, transport: asyncio.Transport) -> None:
        settings = await self._all.latest()
        if transport.is_closing() or self not in self._all.waiting:
            return
        if settings.tls:
            self._tls = TlsTransport(transport, settings.tls, self._upper, self._connect)
        else:
            self._connect()
        early, self._early = self._early, b""
        if early:
            self._hand_on(early)

    def _connect(self) -> None:
        self._talking = self._tls or self._transport
        if self._talking:
            self._all.by_protocol[self._upper] = self
            self._upper.connection_made(self._talking)

    def data_received(self, data: bytes) -> None:
        """Hand on what comes, unless it is too much for a question."""
        if self._refused:
            return
        if self in self._all.waiting:
            if self._idle:
                self._idle = False
                self._expect(self._all.limits.asking)
            self.heard += len(data)
            if self.heard > self._all.limits.question:
                self._refuse(TOO_LARGE)
                return
        if self._opening and not self._opening.done():
            self._early += data
        else:
            self._hand_on(data)

    def _hand_on(self, data: bytes) -> None:
        if self._tls:
            self._tls.feed(data)
        elif self._talking and not self._talking.is_closing():
            self._upper.data_received(data)

    def eof_received(self) -> None:
        """Let the transport close: half-closed connections are not for us."""

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the place back."""
        self._all.move(self)
        if self._deadline:
            self._deadline.cancel()
        if self._all.by_protocol.pop(self._upper, None):
            self._upper.connection_lost(exc)
        self._transport = self._talking = self._tls = None

    def pause_writing(self) -> None:
        """Tell the web server to wait."""
        self._all.stall(self)
        if self._talking:
            self._upper.pause_writing()

    def resume_writing(self) -> None:
        """Tell it to go on."""
        self._all.stalled.pop(self, None)
        if self._talking:
            self._upper.resume_writing()
