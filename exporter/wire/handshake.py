"""What the clear part of a server's handshake tells, up to TLS 1.2, that OpenSSL keeps to itself. Pure; judges nothing.

The bytes are a peer's: however they are cut or forged, there is no exception, and the time grows with their number
alone. Only two messages are kept; the certificates, however many, are passed over.
"""

HANDSHAKE = 22
"""The type of a record (RFC 5246 6.2.1). Others may come in between: a warning, a ChangeCipherSpec."""
SERVER_HELLO, SERVER_KEY_EXCHANGE, CERTIFICATE_REQUEST, SERVER_HELLO_DONE = 2, 12, 13, 14
"""Types of handshake messages (RFC 5246 7.4)."""
MAX_MESSAGE_BYTES = 100 * 1024
"""OpenSSL takes no longer ServerKeyExchange."""
TLS_1_2 = b"\x03\x03"
RENEGOTIATION_INFO = 0xFF01
"""The extension of RFC 5746 3.2."""
SHA1 = 2
"""HashAlgorithm (RFC 5246 7.4.1.4.1)."""


class ServerFlight:
    """The first messages of a server, read as they come."""

    __slots__ = (
        "_body_left", "_header", "_message", "_record_left", "certificate_requested", "hello", "key_exchange", "over",
    )  # fmt: skip

    def __init__(self) -> None:
        self.hello = self.key_exchange = b""
        """ServerHello and ServerKeyExchange; empty until they are complete."""
        self.certificate_requested = False
        self.over = False
        """Nothing more comes in clear."""
        self._header, self._message = bytearray(), bytearray()
        self._record_left = self._body_left = 0

    def feed(self, data: bytes) -> None:
        """Read on."""
        view = memoryview(data)
        while view and not self.over:
            if not self._record_left:
                view = self._read_record_header(view)
                continue
            fragment, view = view[: self._record_left], view[self._record_left :]
            self._record_left -= len(fragment)
            if self._header[0] == HANDSHAKE:
                self._read_messages(fragment)

    def _read_record_header(self, view: memoryview) -> memoryview:
        if len(self._header) == 5:
            self._header.clear()
        missing = 5 - len(self._header)
        self._header += view[:missing]
        if len(self._header) == 5:
            self._record_left = int.from_bytes(self._header[3:])
        return view[missing:]

    def _read_messages(self, fragment: memoryview) -> None:
        """Messages may be cut by records, and share them (RFC 5246 6.2.1)."""
        message = self._message
        while fragment and not self.over:
            if self._body_left:
                passed_over = min(self._body_left, len(fragment))
                self._body_left -= passed_over
                fragment = fragment[passed_over:]
                continue
            size = int.from_bytes(message[1:4]) if len(message) >= 4 else 0
            missing = 4 + size - len(message)
            message += fragment[:missing]
            fragment = fragment[missing:]
            if len(message) >= 4:
                self._read_message()

    def _read_message(self) -> None:
        """Take in the message, if it is complete and one of those that matter."""
        message = self._message
        kind, size = message[0], int.from_bytes(message[1:4])
        if kind not in (SERVER_HELLO, SERVER_KEY_EXCHANGE):
            self.certificate_requested |= kind == CERTIFICATE_REQUEST
            self.over = kind == SERVER_HELLO_DONE
            self._body_left = size
            message.clear()
        elif size > MAX_MESSAGE_BYTES:
            self.over = True
        elif len(message) == 4 + size:
            if kind == SERVER_HELLO:  # the first of each kind counts: OpenSSL takes no second one
                self.hello = self.hello or bytes(message[4:])
                self.over = self.suite[:1] == b"\x13"  # TLS 1.3 (RFC 8446 B.4): what follows is encrypted
            else:
                self.key_exchange = self.key_exchange or bytes(message[4:])
            message.clear()

    # --- what the messages say ------------------------------------------------------------------------------------

    @property
    def suite(self) -> bytes:
        """The cipher suite chosen, two bytes; fewer where no ServerHello came (RFC 5246 7.4.1.3)."""
        at = 35 + int.from_bytes(self.hello[34:35])  # after version, random and session id
        return self.hello[at : at + 2]

    @property
    def secure_renegotiation(self) -> bool | None:
        """Whether the server knows RFC 5746; None where none came, or TLS 1.3 was chosen."""
        if not self.hello or self.suite[:1] == b"\x13":
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
    """Where the records of a peer end (RFC 8446 5.1)."""

    __slots__ = ("_header", "_left")

    def __init__(self) -> None:
        self._left, self._header = 0, b""

    @property
    def complete(self) -> bool:
        """Whether the last record is complete."""
        return not (self._left or self._header)

    def feed(self, data: bytes) -> None:
        """Go on to the end of these bytes."""
        if self._header:
            data, self._header = self._header + data, b""
        at, size = self._left, len(data)
        while at + 5 <= size:
            at += 5 + (data[at + 3] << 8 | data[at + 4])
        if at < size:
            self._header, self._left = data[at:], 0
        else:
            self._left = at - size
