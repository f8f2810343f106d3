"""One TCP connection to a peer, in clear or inside TLS.

Raw non-blocking sockets and TLS between memory buffers instead of asyncio's transports, because a probe must tell apart
what those hide: a reset from a close, bytes that came before our ClientHello, what a failed handshake looked like.
Events arrive by calling the listener; nothing here waits, and nothing but our own bugs is raised from a callback.
"""

import asyncio
import contextlib
import errno
import os
import socket
import time
from typing import Protocol

from exporter.model import Session
from exporter.targets import is_literal
from exporter.wire.arrival import ROOM, connected_for, stamp, waited
from exporter.wire.errors import ClosedError, EarlyDataError, HandshakeError, TlsError
from exporter.wire.tls import Tls, is_tls_record

RECEIVE = 16 * 1024
"""Bytes that are read of one connection before others have their turn."""
MORE = getattr(socket, "MSG_MORE", 0)
"""Linux: what is sent may wait for what follows at once."""
WAS_CONNECTED = frozenset({errno.ECONNRESET, errno.EPIPE})
"""A SYN that is refused is answered by ECONNREFUSED: these say that a connection was there, and is gone."""
RAW = 16 * 1024
"""How many bytes of a handshake are kept until it ends: OpenSSL does not tell what it stumbled over."""


class Listener(Protocol):
    """Whom a wire tells what happens."""

    def connected(self, own_address: str) -> None:
        """The TCP connection is there."""

    def received(self, data: bytes) -> None:
        """Bytes came, decrypted inside TLS."""

    def secured(self, session: Session) -> None:
        """The TLS handshake is finished."""

    def failed(self, error: Exception) -> None:
        """It is over: an OSError, ClosedError, EarlyDataError, HandshakeError or TlsError tells why."""


class Wire:
    """One connection. Call `connect` once; after `failed` or `close` nothing is heard of it any more."""

    def __init__(self, loop: asyncio.AbstractEventLoop, listener: Listener) -> None:
        self._loop, self._listener = loop, listener
        self._socket: socket.socket | None = None
        self._fd = -1
        self._syn = 0.0
        self._unsent = bytearray()
        self._tls: Tls | None = None
        self._handshaking = False
        self._raw = b""
        self.waited = 0.0
        """Seconds for which the connection had been there when it was told of; later, the bytes that were read last."""

    def connect(self, address: str, port: int, source: str | None = None) -> None:
        """Begin to connect to an IP literal.

        Raises:
            OSError: it failed at once (no route, out of descriptors, `source` is not an address of this machine).
        """
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            stamp(sock)
            if source:
                sock.bind((source, 0))
            self._syn = time.monotonic()
            sock.connect((address, port))
        except BlockingIOError:
            pass  # EINPROGRESS: the loop tells when it is done
        except OSError:
            sock.close()
            raise
        self._socket, self._fd = sock, sock.fileno()
        self._loop.add_writer(self._fd, self._connect_done)

    def _connect_done(self) -> None:
        assert self._socket  # noqa: S101 - the loop calls only while the descriptor is registered
        code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code and code not in WAS_CONNECTED:
            self._fail(OSError(code, os.strerror(code)))
            return
        self._loop.add_reader(self._fd, self._readable)  # first, so that the loop keeps its handle of the descriptor
        self._loop.remove_writer(self._fd)
        self.waited = connected_for(self._socket, time.monotonic() - self._syn)
        self._listener.connected(self._socket.getsockname()[0])
        if code:  # uvloop tells of it only once
            self._readable(code)

    # --- writing ------------------------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Send all of `data`, inside TLS where it is up."""
        if self._tls:
            try:
                self._tls.write(data)
            except (TlsError, ClosedError) as error:
                self._loop.call_soon(self._fail, error)
                return
            data = self._tls.outgoing()
        self._send(data)

    def _send(self, data: bytes | bytearray, flags: int = 0) -> None:
        if not (self._socket and data):
            return
        if self._unsent:
            self._unsent += data
            return
        try:
            sent = self._socket.send(data, flags)
        except BlockingIOError:
            sent = 0
        except ConnectionError:
            return  # the peer is gone: what it said before is still to be read, and then its end
        except OSError as error:
            self._loop.call_soon(self._fail, error)  # never while the listener is still asking
            return
        if sent < len(data):
            self._unsent += data[sent:]
            self._loop.add_writer(self._fd, self._writable)

    def _writable(self) -> None:
        unsent, self._unsent = self._unsent, bytearray()
        self._loop.remove_writer(self._fd)
        self._send(unsent)

    # --- reading ------------------------------------------------------------------------------------------------

    def _readable(self, code: int = 0) -> None:
        """Read what is there, and then what went wrong: libuv tells of a connection that was reset only once.

        `code` is what is known already of what went wrong.
        """
        if not self._socket:
            return
        try:
            data, ancillary, _, _ = self._socket.recvmsg(RECEIVE, ROOM)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._ended(error)
            return
        self.waited = waited(ancillary)
        if len(data) == RECEIVE:
            self._loop.remove_reader(self._fd)
            self._loop.call_soon(self._read_on, code)
            self._take(data)
            return
        # that was all: to ask what went wrong is cheaper than to read in vain; once we speak, nobody tells any more
        code = code or self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if data:
            self._take(data)
        if code or not data:
            self._ended(_end(code))

    def _read_on(self, code: int) -> None:
        """Others had their turn."""
        if self._socket:
            self._loop.add_reader(self._fd, self._readable)
            self._readable(code)

    def _take(self, data: bytes) -> None:
        if not self._tls:
            self._listener.received(data)
            return
        if self._handshaking:
            self._raw = (self._raw + data)[:RAW]
        if self._feed(data):
            (self._shake_hands if self._handshaking else self._decrypt)()

    def _feed(self, data: bytes) -> bool:
        """Give bytes to TLS, if it takes them."""
        assert self._tls  # noqa: S101 - asked for where it is there
        try:
            self._tls.feed(data)
        except TlsError as error:
            self._loop.call_soon(self._ended, error)  # never while the listener is still asking
            return False
        return True

    def _decrypt(self) -> None:
        """Hand on what the bytes hold, one TLS record after the other."""
        heard = False
        try:
            while self._tls and (data := self._tls.read()):
                heard = True
                self._listener.received(data)
        except (TlsError, ClosedError) as error:
            self._fail(error)
            return
        if self._tls and not heard:  # what wants an answer: a key update, a request to renegotiate
            self._send(self._tls.outgoing())

    # --- TLS ----------------------------------------------------------------------------------------------------

    def start_tls(self, server_name: str | None, early: bytes | None = None) -> None:
        """Begin the handshake, for this name or an IP literal.

        `early` is what came since the server's go-ahead (RFC 3207): it must be TLS, or nothing. None: there was no
        go-ahead, TLS begins with the connection.
        """
        assert self._socket  # noqa: S101 - asked for between `connected` and `failed`
        if early is not None:
            with contextlib.suppress(OSError):  # nothing there, or an error that the next reading meets again
                early += self._socket.recv(RECEIVE)
        early = early or b""
        if early and not is_tls_record(early):
            self._loop.call_soon(self._fail, EarlyDataError(early))
            return
        if server_name and is_literal(server_name):  # RFC 6066 3: no literals
            server_name = None
        self._tls = Tls(server_name)
        self._handshaking, self._raw = True, early[:RAW]
        if not self._feed(early):
            return
        if early:  # it may fail at once: never while the listener is still asking
            self._loop.call_soon(self._shake_hands)
        else:
            self._shake_hands()

    def _shake_hands(self) -> None:
        if not self._tls:
            return
        if self._raw and not 0x14 <= self._raw[0] <= 0x17:  # RFC 8446 5.1: no record of TLS
            if b"\n" in self._raw or len(self._raw) == RAW:  # a line of it is there
                self._ended(TlsError("answered in clear"))
            return
        try:
            finished = self._tls.shake_hands()
        except (TlsError, ClosedError) as error:
            self._send(self._tls.outgoing())  # our alert tells the server's log why
            self._ended(error)
            return
        if not finished:
            self._send(self._tls.outgoing())
            return
        agreed, self._handshaking, self._raw = self._tls.session(), False, b""
        self._listener.secured(agreed)
        if self._tls:
            self._send(self._tls.outgoing())  # our Finished, unless it has gone out with what the listener wrote
        self._acknowledge()
        self._decrypt()

    def _acknowledge(self) -> None:
        """Acknowledge at once what comes next. Nagle's server holds its reply back until its TLS 1.3 tickets are.

        Without it Postfix answers the EHLO inside TLS 40 ms late, and it would look slow.
        """
        if self._socket and hasattr(socket, "TCP_QUICKACK"):  # Linux
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    # --- the end ------------------------------------------------------------------------------------------------

    def _ended(self, error: Exception) -> None:
        """The peer is gone; during a handshake say how far that came."""
        self._fail(self.handshake_error(error) or error)

    def _fail(self, error: Exception) -> None:
        if self._socket:
            self.close()
            self._listener.failed(error)

    def handshake_error(self, cause: Exception) -> HandshakeError | None:
        """What is to be said of a handshake that ends now, for this cause; None where none is under way."""
        if not (self._tls and self._handshaking):
            return None
        asked = self._tls.certificate_requested
        return HandshakeError(cause, self._raw, self._tls.session(), certificate_requested=asked)

    def finish(self) -> None:
        """Say that we have nothing more to say: close_notify inside TLS, then FIN. Reading goes on."""
        if self._tls and not self._handshaking:
            self._tls.say_goodbye()
            self._send(self._tls.outgoing(), MORE)  # the FIN travels with it
        if self._socket:
            with contextlib.suppress(OSError):  # the peer was faster
                self._socket.shutdown(socket.SHUT_WR)

    def tell(self, listener: Listener) -> None:
        """Tell this listener from now on."""
        self._listener = listener

    def forget(self) -> None:
        """Let go of the listener: the two would keep each other until garbage is collected."""
        del self._listener

    def close(self) -> None:
        """Close at once and call the listener no more."""
        if self._socket:
            self._loop.remove_reader(self._fd)
            self._loop.remove_writer(self._fd)
            self._socket.close()
            self._socket = self._tls = None


def _end(code: int) -> Exception:
    """How a connection ended with this error, 0 for none. EPIPE: it had closed, and answered by RST what we said."""
    return OSError(code, os.strerror(code)) if code and code != errno.EPIPE else ClosedError()
