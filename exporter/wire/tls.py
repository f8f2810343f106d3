"""TLS between two memory buffers, by OpenSSL: what goes in and out are bytes, sockets are no business of this file.

Its OpenSSL is that of `cryptography`'s wheel, the same on every Python: 4.0 shakes hands in two thirds of the time that
3.0, Debian 12's, takes. One context for all; it looks and does not protect: `trust` judges afterwards.
The context is pyOpenSSL's. A connection calls OpenSSL itself: pyOpenSSL's raises an exception wherever more must come
from the peer, and takes a tenth of the bytecode of a probe.
"""

from functools import cache, lru_cache
from typing import Any

from OpenSSL import SSL
from OpenSSL._util import ffi, lib, text

from exporter.model import Session
from exporter.wire.errors import ClosedError, TlsError
from exporter.wire.handshake import RecordBoundary, ServerFlight

NULL = ffi.NULL
LEGACY_SERVER_CONNECT = 0x4  # SSL_OP_LEGACY_SERVER_CONNECT (openssl/ssl.h), which pyOpenSSL does not name
OPENSSL = SSL.OpenSSL_version(SSL.OPENSSL_VERSION).split()[1].decode()
"""The version of the OpenSSL that probes."""
GROUPS = b"X25519:P-256:P-384:X448:P-521:ffdhe2048:ffdhe3072"
"""What mail servers know (RFC 8446 4.2.7), the usual first: only the first gets a key share. No post-quantum group, for
which OpenSSL would send a ClientHello of 1.5 kB: some servers and middleboxes hang on it."""
ASN1 = "asn1 encoding routines"
"""What OpenSSL's error queue calls its reader of certificates and signatures."""
MODES = lib.SSL_MODE_AUTO_RETRY | lib.SSL_MODE_ENABLE_PARTIAL_WRITE
"""Without them OpenSSL reads one message at a time, and writes all that it is given."""
PIECE = 4096
"""Bytes read at a time: most messages are shorter."""
BUFFER = ffi.new("char[]", PIECE)
"""Where OpenSSL puts them, until they are copied at once."""
DER = lib.BIO_new(lib.BIO_s_mem())
"""Where OpenSSL encodes certificates, one after the other."""
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
        self._ssl = ssl = ffi.gc(lib.SSL_new(context()._context), lib.SSL_free)
        self._incoming, self._outgoing = lib.BIO_new(lib.BIO_s_mem()), lib.BIO_new(lib.BIO_s_mem())
        lib.SSL_set_bio(ssl, self._incoming, self._outgoing)  # which frees them
        lib.SSL_clear_mode(ssl, MODES)
        if server_name:
            lib.SSL_set_tlsext_host_name(ssl, server_name.encode())
        lib.SSL_set_connect_state(ssl)
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
        lib.BIO_write(self._incoming, data, len(data))

    def outgoing(self) -> bytes:
        """What is to be sent to the peer; empty where there is nothing."""
        return _drained(self._outgoing)

    def shake_hands(self) -> bool:
        """Go on with the handshake; whether it is finished.

        Raises:
            TlsError: it failed.
            ClosedError: the peer said close_notify.
        """
        result = lib.SSL_do_handshake(self._ssl)
        if result <= 0:
            self._check(result)
        self._agreed = result == 1
        return self._agreed

    def read(self) -> bytes | None:
        """Some bytes of one record; None where more must come from the peer first.

        Raises:
            TlsError: what came is no TLS, or an alert, or too much beside the application's data.
            ClosedError: the peer said close_notify.
        """
        while (unread := _pending(self._incoming)) or self._rest:
            size = lib.SSL_read(self._ssl, BUFFER, PIECE)
            self._rest = size == PIECE
            if size > 0:
                return ffi.buffer(BUFFER, size)[:]  # type: ignore[no-any-return]  # cffi has no types: bytes
            self._check(size)
            self._note_message(unread)
        return None

    def _note_message(self, unread: int) -> None:
        """OpenSSL was asked for data, and there is none: it has read a message, or a part of a record, or nothing.

        Nothing: it turns to what it has to answer, once after each record.
        """
        left = _pending(self._incoming)
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
        result = lib.SSL_write(self._ssl, data, len(data))
        if result <= 0:
            self._check(result)

    def say_goodbye(self) -> None:
        """Say close_notify; the peer's is not waited for (RFC 8446 6.1)."""
        if lib.SSL_shutdown(self._ssl) < 0:
            _errors()  # it is broken: there is nothing to say

    @property
    def certificate_requested(self) -> bool:
        """Whether the server asked for a certificate of ours, where it did so in clear (up to TLS 1.2)."""
        return self._flight.certificate_requested

    def session(self) -> Session:
        """What the handshake has shown so far."""
        if not self._agreed:
            return Session(chain=self._sent_chain())
        version = text(lib.SSL_get_version(self._ssl))
        cipher = text(lib.SSL_CIPHER_get_name(lib.SSL_get_current_cipher(self._ssl)))
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
        chain = lib.SSL_get_peer_cert_chain(self._ssl)
        return tuple(_der(lib.sk_X509_value(chain, each)) for each in range(lib.sk_X509_num(chain) if chain else 0))

    def _check(self, result: int) -> None:
        """Tell why a call failed that had this result; say nothing where more must come from the peer first.

        No frame keeps the error in a variable: they would keep each other until garbage is collected.

        Raises:
            TlsError: OpenSSL says what is wrong.
            ClosedError: the peer said close_notify, or OpenSSL says nothing.
        """
        kind = lib.SSL_get_error(self._ssl, result)
        if kind != lib.SSL_ERROR_WANT_READ:
            errors = _errors()
            raise _translated(errors) if errors and kind != lib.SSL_ERROR_ZERO_RETURN else ClosedError()


def _pending(bio: Any) -> int:
    """Bytes in a memory BIO."""
    size: int = lib.BIO_get_mem_data(bio, NULL)
    return size


def _drained(bio: Any) -> bytes:
    """Take all bytes out of a memory BIO."""
    data, size = b"", PIECE
    while size == PIECE:
        size = lib.BIO_read(bio, BUFFER, PIECE)
        if size > 0:
            data += ffi.buffer(BUFFER, size)[:]
    return data


def _der(certificate: Any) -> bytes:
    lib.i2d_X509_bio(DER, certificate)
    return _drained(DER)


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
    return text(lib.SSL_CIPHER_get_name(found)) if found else ""


def _errors() -> list[tuple[str, str]]:
    """Take all errors out of OpenSSL's queue, which is the thread's: the library and the reason of each."""
    return [
        (text(lib.ERR_lib_error_string(each)), text(lib.ERR_reason_error_string(each)))
        for each in iter(lib.ERR_get_error, 0)
    ]


def _translated(errors: list[tuple[str, str]]) -> TlsError:
    """What OpenSSL's queue tells, in our words."""
    malformed = next((reason for library, reason in errors if library == ASN1), None)
    if malformed:
        return TlsError(f"a certificate or a signature is malformed: {malformed.lower()}")
    return TlsError(errors[-1][1].lower())


def is_tls_record(data: bytes) -> bool:
    """Whether these bytes begin an alert or handshake record (RFC 8446 5.1)."""
    return data[:1] in (b"\x15", b"\x16") and data[1:2] in (b"", b"\x03")
