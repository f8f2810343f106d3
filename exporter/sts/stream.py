"""TLS with a policy host, between memory buffers: what it may make us do is bounded. No HTTP, and no reasons.

By Python's own OpenSSL, unlike a probe: it verifies while it shakes hands, with the trust anchors of the system.
"""

import asyncio
import ssl
from typing import Self

from exporter.wire import ServerFlight, TlsError, refuse_large_group

AT_A_TIME = 4096
"""Bytes that are read before others may run."""
MOST_BESIDE_BYTES = 256 * 1024
"""What may come beside data: the handshake, with 100 KiB of certificates, session tickets, key updates."""


class TlsStream:
    """One connection, verified for `host` by `context`. The caller that opens it must abort it."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, context: ssl.SSLContext, host: str
    ) -> None:
        self._reader, self._writer = reader, writer
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self._flight, self._beside = ServerFlight(), 0

    @classmethod
    async def open(cls, address: str, port: int, context: ssl.SSLContext, host: str) -> Self:
        """Connect and shake hands.

        Raises:
            OSError: the network or TLS failed, ssl.SSLCertVerificationError among it.
            TlsError: the host asks too much of us.
        """
        stream = cls(*await asyncio.open_connection(address, port, limit=AT_A_TIME), context, host)
        try:
            await stream._shake_hands()
        except BaseException:
            stream.abort()
            raise
        return stream

    def abort(self) -> None:
        """Close at once."""
        self._writer.transport.abort()

    async def _shake_hands(self) -> None:
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._flush()
                if not await self._receive():
                    raise TlsError("the connection was closed") from None
            else:
                self._flush()
                return

    def _flush(self) -> None:
        if data := self._outgoing.read():
            self._writer.write(data)

    async def _receive(self) -> bool:
        """Take in what comes next; whether there was anything."""
        data = await self._reader.read(AT_A_TIME)
        await asyncio.sleep(0)  # what has come already is read without waiting: let others run in between
        self._beside += len(data)
        if self._beside > MOST_BESIDE_BYTES:
            raise TlsError(f"more than {MOST_BESIDE_BYTES // 1024} KiB beside the data")
        if not self._flight.over:
            self._flight.feed(data)
            refuse_large_group(self._flight)
        self._incoming.write(data)
        return bool(data)

    def write(self, data: bytes) -> None:
        """Send all of it."""
        self._tls.write(data)
        self._flush()

    async def read(self, size: int) -> bytes:
        """Read at most so many bytes; none where the peer has closed.

        Raises:
            OSError: the network or TLS failed.
            TlsError: the peer asks too much of us.
        """
        while True:
            try:
                data = self._tls.read(size)
            except ssl.SSLWantReadError:
                self._flush()
                if not await self._receive():
                    return b""
            except ssl.SSLZeroReturnError:
                return b""
            else:
                self._beside -= len(data)
                return data
