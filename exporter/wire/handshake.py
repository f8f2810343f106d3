"""What the clear part of a server's handshake tells, up to TLS 1.2, that OpenSSL keeps to itself. Pure; judges nothing.

The bytes are a peer's: however they are cut or forged, there is no exception, and the time grows with their number
alone. Only two messages are kept; the certificates, however many, are passed over.
"""

HANDSHAKE = 22
"""The type of a record (RFC 5246 6.2.1). Others may come in between: a warning, a ChangeCipherSpec."""
SERVER_HELLO, SERVER_KEY_EXCHANGE, CERTIFICATE_REQUEST, SERVER_HELLO_DONE = 2, 12, 13, 14
"""Types of handshake messages (RFC 5246 7.4)."""
KEPT = (SERVER_HELLO, SERVER_KEY_EXCHANGE)
MAX_MESSAGE_BYTES = 100 * 1024
"""OpenSSL takes no longer ServerKeyExchange."""
UNREAD_BYTES = 16 * 1024
"""How much of a connection is kept to find the end of its last record."""
TLS_1_2 = b"\x03\x03"
TLS_1_3 = b"\x13"
"""The first byte of its cipher suites (RFC 8446 B.4)."""
RENEGOTIATION_INFO = 0xFF01
"""The extension of RFC 5746 3.2."""
SHA1 = 2
"""HashAlgorithm (RFC 5246 7.4.1.4.1)."""


class ServerFlight:
    """The first messages of a server, read as they come."""

    __slots__ = ("_message", "_rest", "_skip", "certificate_requested", "hello", "key_exchange", "over", "suite")

    def __init__(self) -> None:
        self.hello = self.key_exchange = b""
        """ServerHello and ServerKeyExchange; empty until they are complete."""
        self.suite = b""
        """The cipher suite chosen, two bytes; fewer where no ServerHello came."""
        self.certificate_requested = False
        self.over = False
        """Nothing more comes in clear."""
        self._rest, self._message, self._skip = b"", bytearray(), 0

    def feed(self, data: bytes) -> None:
        """Read on: each record once it is complete, as OpenSSL does."""
        if self._rest:
            data, self._rest = self._rest + data, b""
        at, size = 0, len(data)
        while not self.over and size >= at + 5:
            end = at + 5 + (data[at + 3] << 8 | data[at + 4])
            if end > size:
                break
            if data[at] == HANDSHAKE:
                whole = not self._message and not self._skip and at + 9 + int.from_bytes(data[at + 6 : at + 9]) == end
                if whole:  # the usual case: one message
                    self._take(data[at + 5], data, at + 9, end)
                else:
                    self._read(data[at + 5 : end])
            at = end
        self._rest = data[at:]

    def _read(self, fragment: bytes) -> None:
        """Messages may be cut by records, and share them (RFC 5246 6.2.1)."""
        messages, at = self._message, self._skip
        messages += fragment
        while not self.over and len(messages) >= at + 4:
            end = at + 4 + int.from_bytes(messages[at + 1 : at + 4])
            if messages[at] in KEPT:
                self.over = end - at > MAX_MESSAGE_BYTES
                if end > len(messages):
                    break
            self._take(messages[at], messages, at + 4, end)
            at = end
        self._skip = max(0, at - len(messages))
        del messages[:at]

    def _take(self, kind: int, data: bytes | bytearray, start: int, end: int) -> None:
        """Take in the first ServerHello and ServerKeyExchange: OpenSSL takes no second one."""
        if kind == SERVER_HELLO and not self.hello:
            self.hello = body = bytes(data[start:end])
            at = 35 + int.from_bytes(body[34:35])  # after version, random and session id (RFC 5246 7.4.1.3)
            self.suite = body[at : at + 2]
            self.over = self.suite[:1] == TLS_1_3  # what follows is encrypted
        elif kind == SERVER_KEY_EXCHANGE:
            self.key_exchange = self.key_exchange or bytes(data[start:end])
        elif kind == CERTIFICATE_REQUEST:
            self.certificate_requested = True
        elif kind == SERVER_HELLO_DONE:
            self.over = True

    # --- what the messages say ------------------------------------------------------------------------------------

    @property
    def secure_renegotiation(self) -> bool | None:
        """Whether the server knows RFC 5746; None where none came, or TLS 1.3 was chosen."""
        if not self.hello or self.suite[:1] == TLS_1_3:
            return None
        extensions = self.hello[35 + self.hello[34] + 5 :] if len(self.hello) > 34 else b""
        while len(extensions) >= 4:
            if int.from_bytes(extensions[:2]) == RENEGOTIATION_INFO:
                return True
            extensions = extensions[4 + int.from_bytes(extensions[2:4]) :]
        return False

    @property
    def dh_bits(self) -> int | None:
        """The size of dh_p in bits, where a DHE suite was chosen (RFC 5246 7.4.3); None where it is not there."""
        size = int.from_bytes(self.key_exchange[:2])  # of dh_p, which opens ServerDHParams
        dh_p = self.key_exchange[2 : 2 + size]
        return int.from_bytes(dh_p).bit_length() if 0 < size == len(dh_p) else None

    def signed_with_sha1(self, *, dhe: bool) -> bool:
        """Whether the key exchange is signed with SHA-1, which only TLS 1.2 tells. `dhe`: the suite is a DHE one."""
        if self.hello[:2] != TLS_1_2 or not self.key_exchange:
            return False
        if dhe:  # dh_p, dh_g, dh_Ys
            at = 0
            for _ in range(3):
                at += 2 + int.from_bytes(self.key_exchange[at : at + 2])
        else:  # curve type, curve, point (RFC 8422 5.4)
            at = 4 + int.from_bytes(self.key_exchange[3:4])
        return self.key_exchange[at : at + 1] == bytes([SHA1])


class RecordBoundary:
    """Where the records of a peer end (RFC 8446 5.1). It is rarely asked, so it reads what it was fed only then."""

    __slots__ = ("_fed", "_header", "_left", "_unread")

    def __init__(self) -> None:
        self._fed: list[bytes] = []
        self._unread, self._left, self._header = 0, 0, b""

    def feed(self, data: bytes) -> None:
        """Go on to the end of these bytes."""
        self._fed.append(data)
        self._unread += len(data)
        if self._unread > UNREAD_BYTES:
            self._read()

    @property
    def complete(self) -> bool:
        """Whether the last record is complete."""
        self._read()
        return not (self._left or self._header)

    def _read(self) -> None:
        data = self._header + b"".join(self._fed)
        self._fed.clear()
        at, size, self._unread = self._left, len(data), 0
        while at + 5 <= size:
            at += 5 + (data[at + 3] << 8 | data[at + 4])
        self._header, self._left = (data[at:], 0) if at < size else (b"", at - size)
