"""TLS between a TCP transport and a protocol, by OpenSSL's memory buffers. Knows no HTTP and judges no one.

Unlike asyncio's own it takes a pyOpenSSL context, gives no connection a buffer of 256 KiB, and waits for nothing:
deadlines are those of `connections`.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from OpenSSL import SSL

from exporter.door.identity import reason

log = logging.getLogger(__name__)

PIECE = 16 * 1024
"""Bytes of a TLS record (RFC 8446 5.1)."""
HTTP = (b"GET ", b"HEAD", b"POST", b"PUT ", b"OPTI")
PLAIN = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nThis port speaks HTTPS.\n"


class TlsTransport(asyncio.Transport):
    """Call `feed` with what comes from the peer; `upper` is connected once the handshake is done."""

    def __init__(
        self,
        lower: asyncio.Transport,
        context: SSL.Context,
        upper: asyncio.Protocol,
        on_established: Callable[[], None],
    ) -> None:
        super().__init__()
        self._lower, self._context, self._upper, self._on_established = lower, context, upper, on_established
        self._tls = SSL.Connection(context, None)
        self._tls.set_accept_state()
        self._established = self._closing = self._paused = False

    # --- from the peer ----------------------------------------------------------------------------------------

    def feed(self, data: bytes) -> None:
        """Take bytes that the peer sent."""
        if self.is_closing():
            return
        if not self._established and data.startswith(HTTP):
            self._lower.write(PLAIN)
            self._lower.close()
            return
        self._tls.bio_write(data)
        self._deliver()

    def _deliver(self) -> None:
        """Hand on what is decrypted, until nothing is left or the protocol has enough."""
        while not (self._paused or self.is_closing()):
            try:
                data = self._next()
            except SSL.WantReadError:
                break
            except SSL.ZeroReturnError:  # RFC 8446 6.1: close_notify
                self.close()
            except SSL.Error as error:
                log.debug("TLS failed", extra={"peer": self.get_extra_info("peername"), "reason": reason(error)})
                self._flush()  # an alert that says why
                self._lower.close()
            else:
                self._upper.data_received(data)
        self._flush()

    def _next(self) -> bytes:
        if not self._established:
            self._tls.do_handshake()
            self._established = True
            self._on_established()
        return self._tls.recv(PIECE)

    # --- to the peer ------------------------------------------------------------------------------------------

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Encrypt and send."""
        rest = memoryview(data)
        try:
            while rest and not self.is_closing():
                rest = rest[self._tls.send(rest[:PIECE]) :]
                self._flush()
        except SSL.Error:
            self.abort()

    def _flush(self) -> None:
        while not self._lower.is_closing():
            try:
                self._lower.write(self._tls.bio_read(PIECE))
            except SSL.WantReadError:
                return

    def close(self) -> None:
        """Say goodbye (close_notify), and close when all is sent."""
        if self.is_closing():
            return
        try:
            self._tls.shutdown()
        except SSL.Error:
            log.debug("no close_notify", extra={"peer": self.get_extra_info("peername")})
        self._flush()
        self._closing = True
        self._lower.close()

    # --- as every transport -----------------------------------------------------------------------------------

    def abort(self) -> None:
        """Close at once."""
        self._lower.abort()

    def is_closing(self) -> bool:
        """Whether no more is read or written."""
        return self._closing or self._lower.is_closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Give the TLS context as `sslcontext`: that is how aiohttp knows https."""
        return self._context if name == "sslcontext" else self._lower.get_extra_info(name, default)

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Give the protocol above."""
        return self._upper

    def pause_reading(self) -> None:
        """Hand nothing on for now."""
        self._paused = True
        self._lower.pause_reading()

    def resume_reading(self) -> None:
        """Hand on again, first what is decrypted already."""
        self._paused = False
        self._lower.resume_reading()
        asyncio.get_running_loop().call_soon(self._deliver)

    def is_reading(self) -> bool:
        """Whether anything is handed on."""
        return not self._paused and self._lower.is_reading()

    def get_write_buffer_size(self) -> int:
        """Bytes that wait to be sent."""
        return self._lower.get_write_buffer_size()

    def can_write_eof(self) -> bool:
        """TLS has no half-closed connections here."""
        return False
