"""How large the finite-field group of a DHE handshake is, which OpenSSL does not tell. Pure; judges nothing.

Up to TLS 1.2 it is in the ServerKeyExchange, in clear (RFC 5246 7.4.3). The bytes are a peer's: however they are cut
or forged, the answer is a number or None, never an exception, in a time that grows with their number alone.
"""

from collections.abc import Iterator

HANDSHAKE = 22
"""The type of a record (RFC 5246 6.2.1); a ChangeCipherSpec, another one, ends what is in clear."""
SERVER_KEY_EXCHANGE = 12
"""The type of a handshake message (RFC 5246 7.4)."""


def dh_bits(raw: bytes) -> int | None:
    """The size of dh_p in bits, from the first bytes of the server in a handshake that agreed on DHE.

    None: the bytes that were kept end before it.
    """
    handshake = b"".join(_fragments(memoryview(raw)))
    for kind, message in _messages(memoryview(handshake)):
        if kind == SERVER_KEY_EXCHANGE:
            size = int.from_bytes(message[:2])  # of dh_p, which opens ServerDHParams
            dh_p = message[2 : 2 + size]
            return int.from_bytes(dh_p).bit_length() if 0 < size == len(dh_p) else None
    return None


def _fragments(raw: memoryview) -> Iterator[memoryview]:
    """What the handshake records hold, up to the first record of another type (RFC 5246 6.2.1)."""
    while len(raw) > 5 and raw[0] == HANDSHAKE:
        end = 5 + int.from_bytes(raw[3:5])
        yield raw[5:end]
        raw = raw[end:]


def _messages(data: memoryview) -> Iterator[tuple[int, memoryview]]:
    """The handshake messages, type and body each; the last may be cut short (RFC 5246 7.4)."""
    while len(data) > 4:
        end = 4 + int.from_bytes(data[1:4])
        yield data[0], data[4:end]
        data = data[end:]
