"""How much work a DNS message would be to read, told before it is read: a hostile one must not hold the event loop.

A name may end in a pointer to another (RFC 1035 4.1.4), so any two octets can be a name of 127 labels, and dnspython
takes a time that grows with the square of these: a quarter of a minute for a message of 64 KiB. Honest ones are far
below what is allowed here: a thousand MX records with the addresses of all hosts pass.
"""

import struct
from collections.abc import Mapping
from math import inf

from dns.rdatatype import RdataType

HEADER, RECORD = struct.Struct("!6H"), struct.Struct("!HHIH")
"""Of a message: id, flags, how many records each section has; of a record, after its name: type, class, TTL, size."""
LIGHT = 300
"""Octets of a message that is no work, whatever they are."""
ALLOWED, AN_OCTET = 4_000, 8
"""The sum of the squares of all names' labels: so much for a message, and more for each octet of it."""
POINTER, MOST_STEPS = 0xC0, 128
"""Octets below it are the length of a label. Labels and pointers that no honest name has."""
NO_NAME = (0, 0)
NAMES_IN: Mapping[int, tuple[int, int]] = {
    RdataType.A: NO_NAME, RdataType.AAAA: NO_NAME, RdataType.TXT: NO_NAME, RdataType.TLSA: NO_NAME,
    RdataType.OPT: NO_NAME, RdataType.DS: NO_NAME, RdataType.DNSKEY: NO_NAME, RdataType.NSEC3: NO_NAME,
    RdataType.NS: (0, 1), RdataType.CNAME: (0, 1), RdataType.DNAME: (0, 1), RdataType.NSEC: (0, 1),
    RdataType.MX: (2, 1), RdataType.RRSIG: (18, 1), RdataType.SOA: (0, 2),
}  # fmt: skip
"""Where names begin in the data of a record, and how many. Other types nobody asked for, nor needs beside."""


def too_heavy(message: bytes) -> bool:
    """Whether no honest server would send this. What cannot be read to its end is not: its reading ends soon, too."""
    if len(message) <= LIGHT:
        return False
    left: float = ALLOWED + AN_OCTET * len(message)
    try:
        _, _, questions, *records = HEADER.unpack_from(message)
        if questions > 1:  # we put one
            return True
        at = HEADER.size
        if questions:
            _, at = _name(message, at)
            at += 4
        for _ in range(sum(records)):
            weight, at = _name(message, at)
            rdtype, _, _, size = RECORD.unpack_from(message, at)
            at += RECORD.size
            left -= weight + _data(message, at, rdtype)
            at += size
            if left < 0:
                return True
    except (IndexError, struct.error):
        pass
    return False


def _data(message: bytes, at: int, rdtype: int) -> float:
    """The weight of the names in a record."""
    if rdtype not in NAMES_IN:
        return inf
    (skip, count), total = NAMES_IN[rdtype], 0.0
    at += skip
    try:
        for _ in range(count):
            weight, at = _name(message, at)
            total += weight
    except IndexError:
        pass  # this one record is broken, and those after it are read
    return total


def _name(message: bytes, at: int) -> tuple[float, int]:
    """The weight of the name that begins here, and where it ends."""
    steps, end = 0, 0
    while octet := message[at]:
        steps += 1
        if steps == MOST_STEPS:
            return inf, at
        if octet >= POINTER:
            end = end or at + 2
            at = (octet - POINTER) << 8 | message[at + 1]
        else:
            at += 1 + octet
    return steps**2, end or at + 1
