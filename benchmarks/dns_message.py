"""Messages of DNS as octets (RFC 1035 4.1), the malformed ones too. Not a benchmark."""

import socket
import struct
from dataclasses import dataclass

UDP_PAYLOAD = 1232
ANSWER, CUT, REFUSED, SECURE = 0x8180, 0x8380, 0x8185, 0x81A0
"""Flags: what recursion found; the same, cut; no; what DNSSEC vouches for."""
A, CNAME, MX, TXT, TLSA = 1, 5, 15, 16, 52
ASKED = b"\xc0\x0c"
"""The name that was asked, where it stands in every message (RFC 1035 4.1.4)."""


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked, and whether over TCP."""

    wire: bytes
    over_tcp: bool = False

    @property
    def section(self) -> bytes:
        return self.wire[12 : self.wire.index(b"\0", 12) + 5]

    @property
    def labels(self) -> list[str]:
        labels, rest = [], self.section
        while length := rest[0]:
            labels.append(rest[1 : 1 + length].decode().lower())
            rest = rest[1 + length :]
        return labels

    @property
    def rdtype(self) -> int:
        return int.from_bytes(self.section[-4:-2], "big")

    def sent(self, *records: bytes, flags: int = ANSWER) -> bytes:
        """An answer as it goes out: over UDP cut where it is too long (RFC 2181 9), over TCP with its length first."""
        head = struct.pack("!HHHHH", flags, 1, len(records), 0, 0)
        message = self.wire[:2] + head + self.section + b"".join(records)
        if self.over_tcp:
            return struct.pack("!H", len(message)) + message
        return message if len(message) <= UDP_PAYLOAD else self.sent(flags=CUT)


def record(rdtype: int, data: bytes, *, owner: bytes = ASKED, ttl: int = 60) -> bytes:
    return owner + struct.pack("!HHIH", rdtype, 1, ttl, len(data)) + data


def name(*labels: str | bytes, then: bytes = b"\0") -> bytes:
    """A name in a message: these labels, and the root or a pointer."""
    octets = [label.encode() if isinstance(label, str) else label for label in labels]
    return b"".join(bytes([len(label)]) + label for label in octets) + then


def mx(number: int, exchange: bytes, *, ttl: int = 60) -> bytes:
    return record(MX, struct.pack("!H", number) + exchange, ttl=ttl)


def txt(*strings: str) -> bytes:
    return record(TXT, b"".join(name(string, then=b"") for string in strings))


def a(text: str) -> bytes:
    return record(A, socket.inet_aton(text))
