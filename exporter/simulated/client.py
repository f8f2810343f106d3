"""The client as a script sees it: say, hear, start TLS, drip, stall, hang up, reset, flood.

What is sent, in which segments, and when, is the script's alone: TCP_NODELAY, and TLS by ssl.MemoryBIO. Nothing here
knows SMTP beyond its lines, and nothing accepts connections.
"""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn

from exporter.simulated.certificates import Credentials
from exporter.simulated.conversation import Conversation, Line
from exporter.simulated.tls import server_context

CHUNK = 65536


class ClientLeft(Exception):  # noqa: N818 - not an error: how every script ends
    """The client closed or reset the connection, or ended TLS."""


class UnexpectedLineError(AssertionError):
    """The client said something else than the script hears."""


class Client:
    """The client as a script sees it: the verbs of a conversation. Each ends the script once the client has left."""

    def __init__(self, connection: socket.socket, number: int, sleep: Callable[[float], Awaitable[object]]) -> None:
        self.number = number
        """1 for the first client of a server, 2 for the second."""
        self.conversation = Conversation()
        self.pause = sleep
        """Wait for so many seconds, by the server's clock."""
        self._socket = connection
        self._unread = bytearray()
        self._tls: ssl.SSLObject | None = None
        self._tls_over = False
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()

    @property
    def inside_tls(self) -> bool:
        """TLS is up."""
        return self._tls is not None

    # --- to speak -----------------------------------------------------------------------------------------------

    async def say(self, *lines: str) -> None:
        """Send lines in one write, each ended by CRLF."""
        await self.send(_on_the_wire(lines))

    async def send(self, data: bytes) -> None:
        """Send bytes as they are, in one write; inside TLS they are encrypted."""
        self._look()
        if self._unread and not self.conversation.early:
            self.conversation.early = bytes(self._unread)
        if self._tls:
            self._tls.write(data)
            data = self._outgoing.read()
        await self._transmit(data)

    async def drip(self, *lines: str, gap: float = 0.0, size: int = 1) -> None:
        """Send lines in pieces of `size` bytes, `gap` seconds apart."""
        data = _on_the_wire(lines)
        for start in range(0, len(data), size):
            await self.pause(gap)
            await self.send(data[start : start + size])

    async def flood(self, data: bytes, limit: int = 64 * 1024 * 1024) -> NoReturn:
        """Send the same bytes again and again until the client leaves; after `limit` bytes only wait for that."""
        many = data * max(1, CHUNK // len(data))
        for _ in range(limit // len(many)):
            await self.send(many)
            await asyncio.sleep(0)
        await self.stall()

    # --- to listen ----------------------------------------------------------------------------------------------

    async def hear(self, verb: str = "") -> str:
        """Hear one line and return its text. Raises UnexpectedLineError where it does not begin with the verb."""
        while b"\n" not in self._unread:
            await self._receive()
        line = Line(self._take(self._unread.index(b"\n") + 1), self.inside_tls)
        self.conversation.lines.append(line)
        if verb and line.text.partition(" ")[0].upper() != verb:
            raise UnexpectedLineError(f"{verb} was to be heard, and the client said {line.text!r}")
        return line.text

    async def hear_raw(self, size: int) -> bytes:
        """Hear so many bytes; they are in `conversation.raw` only."""
        while len(self._unread) < size:
            await self._receive()
        return self._take(size)

    async def listen(self) -> None:
        """Wait until the client says something, and leave it to be heard."""
        while not self._unread:
            await self._receive()

    async def hear_record(self) -> bytes:
        """Hear one TLS record (a ClientHello, say) without speaking TLS."""
        header = await self.hear_raw(5)
        return header + await self.hear_raw(int.from_bytes(header[3:], "big"))  # RFC 8446 5.1: type, version, length

    # --- TLS ----------------------------------------------------------------------------------------------------

    async def start_tls(self, credentials: Credentials | ssl.SSLContext, **options: Any) -> None:
        """Shake hands; `options` are those of `tls.server_context`. Where it fails, send the alert and end."""
        context = credentials if isinstance(credentials, ssl.SSLContext) else server_context(credentials, **options)
        self._incoming.write(self._take(len(self._unread)))
        tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                await self._transmit(self._outgoing.read())
                await self._receive()
                self._incoming.write(self._take(len(self._unread)))
            except ssl.SSLError as error:
                self.conversation.tls_error = error.reason or str(error)
                await self._transmit(self._outgoing.read())
                raise ClientLeft from error
        await self._transmit(self._outgoing.read())
        self._tls, self.conversation.tls_version = tls, tls.version()
        self._decrypt(b"")

    # --- to leave -----------------------------------------------------------------------------------------------

    async def stall(self) -> NoReturn:
        """Say nothing until the client leaves, or ends TLS."""
        while True:
            await self._receive()

    async def hang_up(self, *, close_notify: bool = True) -> NoReturn:
        """Send FIN, inside TLS after close_notify, and see how the client leaves."""
        if self._socket.fileno() < 0:  # after reset()
            raise ClientLeft
        if self._tls and close_notify:
            with contextlib.suppress(ssl.SSLError):  # it wants the client's close_notify, we do not
                self._tls.unwrap()
            await self._transmit(self._outgoing.read())
        with contextlib.suppress(OSError):  # reset meanwhile
            self._socket.shutdown(socket.SHUT_WR)
        while True:
            await self._receive(even_without_tls=True)

    async def reset(self) -> NoReturn:
        """Send RST."""
        self._look()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()
        raise ClientLeft

    def close(self, _performed: object = None) -> None:
        """Note what has come, and close without waiting."""
        self._look()
        self.conversation.unheard = bytes(self._unread)
        self._socket.close()

    # --- bytes --------------------------------------------------------------------------------------------------

    def _take(self, size: int) -> bytes:
        data = bytes(self._unread[:size])
        del self._unread[:size]
        return data

    async def _transmit(self, data: bytes) -> None:
        try:
            await asyncio.get_running_loop().sock_sendall(self._socket, data)
        except OSError as error:
            self.conversation.left = self.conversation.left or "RST"
            raise ClientLeft from error

    async def _receive(self, *, even_without_tls: bool = False) -> None:
        """Wait until something comes, be it the end. Raises ClientLeft where nothing can come any more."""
        if self.conversation.left or (self._tls_over and not even_without_tls):
            raise ClientLeft
        try:
            self._arrived(await asyncio.get_running_loop().sock_recv(self._socket, CHUNK))
        except OSError:
            self.conversation.left = "RST"

    def _look(self) -> None:
        """Take what has come already, without waiting."""
        while self.conversation.left is None and self._socket.fileno() >= 0:
            try:
                self._arrived(self._socket.recv(CHUNK))
            except BlockingIOError:
                return
            except OSError:
                self.conversation.left = "RST"

    def _arrived(self, data: bytes) -> None:
        if not data:
            self.conversation.left = "FIN"
        self.conversation.raw += data
        if self._tls:
            self._decrypt(data)
        else:
            self._unread += data

    def _decrypt(self, data: bytes) -> None:
        self._incoming.write(data)
        while self._tls and not self._tls_over:
            try:
                read = self._tls.read(CHUNK)
            except ssl.SSLWantReadError:
                return
            except ssl.SSLZeroReturnError:
                read = b""
            except ssl.SSLError as error:
                self.conversation.tls_error = error.reason or str(error)
                self._tls_over = True
                return
            self._unread += read
            if not read:
                self.conversation.close_notify = self._tls_over = True


def _on_the_wire(lines: tuple[str, ...]) -> bytes:
    return b"".join(line.encode("utf-8", "surrogateescape") + b"\r\n" for line in lines)
