"""TLS between two memory buffers, by pyOpenSSL: what goes in and out are bytes, sockets are no business of this file.

Its OpenSSL is that of `cryptography`'s wheel, the same on every Python: 4.0 shakes hands in two thirds of the time that
3.0, Debian 12's, takes. One context for all; it looks and does not protect: `trust` judges afterwards.
"""

import contextlib
from functools import cache, lru_cache

from OpenSSL import SSL, crypto
from OpenSSL._util import ffi, lib  # for what pyOpenSSL has no public call

from exporter.model import Session
from exporter.wire.errors import ClosedError, TlsError
from exporter.wire.handshake import RecordBoundary, ServerFlight

NULL, BIO_get_mem_data = ffi.NULL, lib.BIO_get_mem_data
LEGACY_SERVER_CONNECT = 0x4  # SSL_OP_LEGACY_SERVER_CONNECT (openssl/ssl.h), which pyOpenSSL does not name
OPENSSL = SSL.OpenSSL_version(SSL.OPENSSL_VERSION).split()[1].decode()
"""The version of the OpenSSL that probes."""
GROUPS = b"X25519:P-256:P-384:X448:P-521:ffdhe2048:ffdhe3072"
"""What mail servers know (RFC 8446 4.2.7), the usual first: only the first gets a key share. No post-quantum group, for
which OpenSSL would send a ClientHello of 1.5 kB: some servers and middleboxes hang on it."""
ASN1 = "asn1 encoding routines"
"""What OpenSSL's error queue calls its reader of certificates and signatures."""
PIECE = 4096
"""Bytes read at a time: most messages are shorter, and pyOpenSSL makes room for that many each time."""
MOST_HANDSHAKE_BYTES = 256 * 1024
"""OpenSSL takes 100 KiB of certificates, and any number of messages that it ignores."""
MOST_MESSAGES = 64
"""Messages after the handshake in one connection: session tickets, key updates, requests to renegotiate."""
MOST_DH_BITS = 4096
"""The computation grows with the cube of it, and takes a third of a second at 8,000."""


@cache
def context() -> SSL.Context:
    """The one client context: it looks, it does not protect.

    It offers TLSv1 to TLSv1.3 at SECLEVEL 0 with legacy renegotiation and verifies nothing: its trust store is empty,
    because OpenSSL would search a full one at every handshake (425 against 750 us). It sets whatever an openssl.cnf
    might set otherwise.
    """
    ctx = SSL.Context(SSL.TLS_CLIENT_METHOD)
    ctx.set_min_proto_version(SSL.TLS1_VERSION)
    ctx.set_max_proto_version(0)  # the highest there is
    lib.SSL_CTX_set1_curves_list(ctx._context, GROUPS)
    ctx.set_cipher_list(b"DEFAULT:@SECLEVEL=0")
    ctx.set_options(LEGACY_SERVER_CONNECT | SSL.OP_NO_RENEGOTIATION)
    return ctx


class Tls:
    """Our end of one TLS connection, for this server name (RFC 6066 3: never a literal)."""

    def __init__(self, server_name: str | None) -> None:
        self._connection = SSL.Connection(context())
        lib.SSL_clear_mode(self._connection._ssl, lib.SSL_MODE_AUTO_RETRY)  # read one message at a time
        if server_name:
            self._connection.set_tlsext_host_name(server_name.encode())
        self._connection.set_connect_state()
        self._flight = ServerFlight()
        self._fed = self._messages = 0
        self._agreed = self._rest = self._turned = False
        self._record = RecordBoundary()

    def feed(self, data: bytes) -> None:
        """Take in what came from the peer.

        Raises:
            TlsError: it asks too much of us.
        """
        if not data:
            return
        self._record.feed(data)
        if not self._agreed:
            self._fed += len(data)
            if self._fed > MOST_HANDSHAKE_BYTES:
                raise TlsError(f"a handshake of more than {MOST_HANDSHAKE_BYTES // 1024} KiB")
            if not self._flight.over:
                self._flight.feed(data)
                refuse_large_group(self._flight)
        self._connection.bio_write(data)

    def outgoing(self) -> bytes:
        """What is to be sent to the peer; empty where there is nothing."""
        waiting = _pending(self._connection._from_ssl)
        return self._connection.bio_read(waiting) if waiting else b""

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
            TlsError: what came is no TLS, or an alert, or too much beside the application's data.
            ClosedError: the peer said close_notify.
        """
        while (unread := _pending(self._connection._into_ssl)) or self._rest:
            try:
                data = self._connection.recv(PIECE)
            except SSL.WantReadError:
                self._rest = False
                self._note_message(unread)
            except SSL.Error as error:
                raise _translated(error) from None
            else:
                self._rest = len(data) == PIECE
                return data
        return None

    def _note_message(self, unread: int) -> None:
        """OpenSSL was asked for data, and there is none: it has read a message, or a part of a record, or nothing.

        Nothing: it turns to what it has to answer, once after each record.
        """
        left = _pending(self._connection._into_ssl)
        if left < unread:
            self._turned = False
            if not (left or self._record.complete):
                return
        elif not self._turned:
            self._turned = True
            return
        self._messages += 1
        if self._messages > MOST_MESSAGES:
            raise TlsError(f"more than {MOST_MESSAGES} messages after the handshake")

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

    @property
    def certificate_requested(self) -> bool:
        """Whether the server asked for a certificate of ours, where it did so in clear (up to TLS 1.2)."""
        return self._flight.certificate_requested

    def session(self) -> Session:
        """What the handshake has shown so far."""
        if not self._agreed:
            return Session(chain=self._sent_chain())
        version, cipher = self._connection.get_protocol_version_name(), self._connection.get_cipher_name() or ""
        flight = self._flight
        if version == "TLSv1.3":  # which tells nothing more in clear
            return Session(version, cipher, self._sent_chain())
        return Session(
            version,
            cipher,
            self._sent_chain(),
            _dh_bits(flight),
            signed_with_sha1=flight.signed_with_sha1(dhe=_dhe(flight)),
            secure_renegotiation=flight.secure_renegotiation,
        )

    def _sent_chain(self) -> tuple[bytes, ...]:
        """The DER certificates the server sent, the leaf first; also after a handshake that failed late."""
        chain = self._connection.get_peer_cert_chain() or ()
        return tuple(crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate) for certificate in chain)


def _pending(bio: object) -> int:
    """Bytes in a memory BIO."""
    size: int = BIO_get_mem_data(bio, NULL)
    return size


def refuse_large_group(flight: ServerFlight) -> None:
    """Look at the group before OpenSSL computes with it.

    Raises:
        TlsError: that would take too long.
    """
    bits = _dh_bits(flight)
    if bits and bits > MOST_DH_BITS:
        raise TlsError(f"a Diffie-Hellman group of {bits} bits; more than {MOST_DH_BITS} are not computed")


def _dh_bits(flight: ServerFlight) -> int | None:
    return flight.dh_bits if _dhe(flight) else None


def _dhe(flight: ServerFlight) -> bool:
    return bool(flight.key_exchange) and _suite_name(flight.suite).startswith(("DHE-", "ADH-"))


@lru_cache(maxsize=256)
def _suite_name(suite: bytes) -> str:
    """OpenSSL's name of a cipher suite, empty where it knows none."""
    found = lib.SSL_CIPHER_find(SSL.Connection(context())._ssl, suite) if len(suite) == 2 else NULL
    return ffi.string(lib.SSL_CIPHER_get_name(found)).decode() if found else ""


def _translated(error: SSL.Error) -> TlsError | ClosedError:
    """What pyOpenSSL raised, in our words."""
    if isinstance(error, SSL.ZeroReturnError | SSL.SysCallError):
        return ClosedError()
    queue = error.args[0] if error.args else ()
    malformed = next((text for library, _, text in queue if library == ASN1), None)
    if malformed:
        return TlsError(f"a certificate or a signature is malformed: {malformed.lower()}")
    return TlsError(queue[-1][2].lower() if queue else "")


def is_tls_record(data: bytes) -> bool:
    """Whether these bytes begin an alert or handshake record (RFC 8446 5.1)."""
    return data[:1] in (b"\x15", b"\x16") and data[1:2] in (b"", b"\x03")
