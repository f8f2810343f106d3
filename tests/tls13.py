"""The server's end of TLS 1.3, which says after the handshake what a test likes (RFC 8446 5, 7). Not a test."""

import contextlib
import hashlib
import hmac
import struct
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from OpenSSL import SSL

from exporter.simulated.certificates import Credentials

HANDSHAKE, APPLICATION_DATA = 22, 23
NEW_SESSION_TICKET = b"\x04\x00\x00\x12" + struct.pack("!II", 7200, 1) + b"\x01\x00" + b"\x00\x04tick" + b"\x00\x00"


class Server13:
    """Feed it what the client sends until `sender` is there."""

    def __init__(self, credentials: Credentials) -> None:
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.set_min_proto_version(SSL.TLS1_3_VERSION)
        context.set_tls13_ciphersuites(b"TLS_AES_128_GCM_SHA256")
        context.set_options(SSL.OP_NO_TICKET)
        context.use_privatekey(credentials.key)
        context.use_certificate(credentials.certificate)
        for certificate in credentials.chain:
            context.add_extra_chain_cert(certificate)
        self._secrets: dict[bytes, bytes] = {}
        context.set_keylog_callback(self._note)
        self._connection = SSL.Connection(context)
        self._connection.set_accept_state()
        self.sender: Sender | None = None

    def _note(self, _connection: Any, line: bytes) -> None:
        label, _, secret = line.split()
        self._secrets[label] = bytes.fromhex(secret.decode())

    def feed(self, data: bytes) -> bytes:
        """Take bytes of the client; return what OpenSSL answers. Its tickets are dropped: they would use up numbers."""
        self._connection.bio_write(data)
        with contextlib.suppress(SSL.WantReadError):
            self._connection.do_handshake()
            self.sender = Sender(self._secrets[b"SERVER_TRAFFIC_SECRET_0"])
            return b""
        try:
            return self._connection.bio_read(1 << 16)
        except SSL.WantReadError:
            return b""


class Sender:
    """Encrypts records of the server (RFC 8446 5.2), of TLS_AES_128_GCM_SHA256."""

    def __init__(self, secret: bytes) -> None:
        self._use(secret)

    def _use(self, secret: bytes) -> None:
        self._secret, self._number = secret, 0
        self._key, self._iv = AESGCM(_expand(secret, b"key", 16)), _expand(secret, b"iv", 12)

    def record(self, kind: int, content: bytes) -> bytes:
        """One record."""
        inner = content + bytes([kind])
        header = b"\x17\x03\x03" + struct.pack("!H", len(inner) + 16)
        nonce = bytes(a ^ b for a, b in zip(self._iv, struct.pack("!4xQ", self._number), strict=True))
        self._number += 1
        return header + self._key.encrypt(nonce, inner, header)

    def key_update(self, *, requested: bool = True) -> bytes:
        """A KeyUpdate (RFC 8446 4.6.3): what follows has another key."""
        record = self.record(HANDSHAKE, b"\x18\x00\x00\x01" + bytes([requested]))
        self._use(_expand(self._secret, b"traffic upd", 32))
        return record

    def tickets(self, count: int) -> bytes:
        """So many session tickets in one record."""
        return self.record(HANDSHAKE, NEW_SESSION_TICKET * count)

    def data(self, content: bytes) -> bytes:
        """Bytes of the application."""
        return self.record(APPLICATION_DATA, content)


def _expand(secret: bytes, label: bytes, size: int) -> bytes:
    """HKDF-Expand-Label (RFC 8446 7.1), for at most one block."""
    info = struct.pack("!H", size) + bytes([len(label) + 6]) + b"tls13 " + label + b"\x00"
    return hmac.new(secret, info + b"\x01", hashlib.sha256).digest()[:size]
