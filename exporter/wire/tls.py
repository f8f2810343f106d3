"""TLS between two memory buffers, by pyOpenSSL: what goes in and out are bytes, sockets are no business of this file.

Its OpenSSL is that of `cryptography`'s wheel, the same on every Python: 4.0 shakes hands in two thirds of the time that
3.0, Debian 12's, takes. One context for all; it looks and does not protect: `trust` judges afterwards.
"""

import contextlib
from functools import cache

from OpenSSL import SSL, crypto
from OpenSSL._util import lib  # for what pyOpenSSL has no public call

from exporter.model import Session
from exporter.wire.errors import ClosedError, TlsError
from exporter.wire.groups import dh_bits

LEGACY_SERVER_CONNECT = 0x4  # SSL_OP_LEGACY_SERVER_CONNECT (openssl/ssl.h), which pyOpenSSL does not name
OPENSSL = SSL.OpenSSL_version(SSL.OPENSSL_VERSION).split()[1].decode()
"""The version of the OpenSSL that probes."""
GROUPS = b"X25519:P-256:P-384:X448:P-521:ffdhe2048:ffdhe3072"
"""What mail servers know (RFC 8446 4.2.7), the usual first: only the first gets a key share. No post-quantum group, for
which OpenSSL would send a ClientHello of 1.5 kB: some servers and middleboxes hang on it."""
PIECE = 4096
"""Bytes read at a time: most messages are shorter, and pyOpenSSL makes room for that many each time."""


@cache
def context() -> SSL.Context:
    """The one client context: it looks, it does not protect (contract 5).

    It offers TLSv1 to TLSv1.3 at SECLEVEL 0 with legacy renegotiation and verifies nothing: its trust store is empty,
    because OpenSSL would search a full one at every handshake (425 against 750 us). It sets whatever an openssl.cnf
    might set otherwise.
    """
    ctx = SSL.Context(SSL.TLS_CLIENT_METHOD)
    ctx.set_min_proto_version(SSL.TLS1_VERSION)
    ctx.set_max_proto_version(0)  # the highest there is
    lib.SSL_CTX_set1_curves_list(ctx._context, GROUPS)
    ctx.set_cipher_list(b"DEFAULT:@SECLEVEL=0")
    ctx.set_options(LEGACY_SERVER_CONNECT)
    return ctx


class Tls:
    """Our end of one TLS connection, for this server name (RFC 6066 3: never a literal)."""

    def __init__(self, server_name: str | None) -> None:
        self._connection = SSL.Connection(context())
        if server_name:
            self._connection.set_tlsext_host_name(server_name.encode())
        self._connection.set_connect_state()
        self._agreed = False

    def feed(self, data: bytes) -> None:
        """Take in what came from the peer."""
        if data:
            self._connection.bio_write(data)

    def outgoing(self) -> bytes:
        """What is to be sent to the peer; empty where there is nothing."""
        out = b""
        try:
            while len(out) % PIECE == 0:
                out += self._connection.bio_read(PIECE)
        except SSL.WantReadError:
            pass  # that was all
        return out

    def shake_hands(self) -> bool:
        """Go on with the handshake; whether it is finished.

        Raises:
            TlsError: it failed.
            ClosedError: the peer said close_notify.
        """
        try:
            self._connection.do_handshake()
        except SSL.WantReadError:
            return False
        except SSL.Error as error:
            raise _translated(error) from None
        self._agreed = True
        return True

    def read(self) -> bytes | None:
        """Some bytes of one record; None where more must come from the peer first.

        Raises:
            TlsError: what came is no TLS, or an alert.
            ClosedError: the peer said close_notify.
        """
        try:
            return self._connection.recv(PIECE)
        except SSL.WantReadError:
            return None
        except SSL.Error as error:
            raise _translated(error) from None

    def write(self, data: bytes) -> None:
        """Encrypt bytes of ours.

        Raises:
            TlsError: the connection is broken.
            ClosedError: we have said close_notify.
        """
        try:
            self._connection.sendall(data)
        except SSL.Error as error:
            raise _translated(error) from None

    def say_goodbye(self) -> None:
        """Say close_notify; the peer's is not waited for (RFC 8446 6.1)."""
        with contextlib.suppress(SSL.Error):  # it is broken: there is nothing to say
            self._connection.shutdown()

    def session(self, raw: bytes) -> Session:
        """What the handshake has shown so far; `raw` are the first bytes of the server in it."""
        if not self._agreed:
            return Session(chain=self._sent_chain())
        cipher = self._connection.get_cipher_name() or ""
        bits = dh_bits(raw) if cipher.startswith("DHE-") else None
        return Session(self._connection.get_protocol_version_name(), cipher, self._sent_chain(), bits)

    def _sent_chain(self) -> tuple[bytes, ...]:
        """The DER certificates the server sent, the leaf first; also after a handshake that failed late."""
        chain = self._connection.get_peer_cert_chain() or ()
        return tuple(crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate) for certificate in chain)


def _translated(error: SSL.Error) -> TlsError | ClosedError:
    """What pyOpenSSL raised, in our words."""
    if isinstance(error, SSL.ZeroReturnError | SSL.SysCallError):
        return ClosedError()
    queue = error.args[0] if error.args else ()
    return TlsError(queue[-1][2].lower() if queue else "")


def is_tls_record(data: bytes) -> bool:
    """Whether these bytes begin an alert or handshake record (RFC 8446 5.1)."""
    return data[:1] in (b"\x15", b"\x16") and data[1:2] in (b"", b"\x03")
