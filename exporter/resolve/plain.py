"""Plain answers, read quickly: records of the type and name asked for, or none, and at most the SOA that says so.

dnspython takes a quarter of a millisecond for a message, and tens of thousands of domains are asked for in a minute. So
the frame of a message (RFC 1035 4.1) is read here; what stands in it, names and data, is read by dnspython. What is not
plain in every respect is none of this file's: aliases, failures, truncated answers, EDNS options, records beside.
"""

import struct
from functools import lru_cache

import dns.exception
import dns.flags
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.SOA

from exporter.resolve.answer import SHORT, Answer, Record, negative, record
from exporter.resolve.message import Question
from exporter.resolve.weight import HEADER, RECORD

TYPES = frozenset({dns.rdatatype.A, dns.rdatatype.AAAA, dns.rdatatype.MX, dns.rdatatype.TXT})
OWNER, ROOT = b"\xc0\x0c", b"\0"
"""A pointer to the name in the question (RFC 1035 4.1.4), and the name of the root."""
POINTS = 0xC0
"""No octet below it can be part of a pointer."""
LONGEST_TTL, TTL_WITHOUT_SOA = 2**31 - 1, 300  # as dnspython has it

_IN, _SOA, _MX = dns.rdataclass.IN, dns.rdatatype.SOA, dns.rdatatype.MX
_AD, _TOLD = int(dns.flags.AD), {int(dns.flags.QR) | rcode for rcode in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN)}


class _Other(Exception):  # noqa: N818 - not a mistake
    """It is not plain."""


def plain(question: Question, query: bytes, heard: bytes) -> Answer | None:
    """What a response to this query says, just as `answer.read` would read it; None where it is not plain."""
    if not question.stands_in(heard, query):
        return None
    at = HEADER.size + len(question.section)
    _, flags, questions, answers, authorities, others = HEADER.unpack_from(heard)
    if flags & 0xFA0F not in _TOLD or questions != 1:  # QR, opcode, TC, rcode
        return None
    authentic, rcode = bool(flags & _AD), flags & 0xF
    try:
        if not answers:
            at, ttl = _soa(question, heard, at, authorities)
            _end(heard, at, others)
            return negative(question.text, question.rdtype, rcode, ttl, authentic=authentic)
        if rcode or authorities or question.rdtype not in TYPES:
            return None
        at, records, ttl = _records(question, heard, at, answers)
        _end(heard, at, others)
    except (_Other, struct.error, dns.exception.DNSException):
        return None
    return Answer("ok", records, ttl, authentic=authentic)


def _records(question: Question, heard: bytes, at: int, count: int) -> tuple[int, tuple[Record, ...], int]:
    """Where the records of the answer end, each of them once, and their shortest TTL."""
    found: dict[Record, None] = {}
    shortest = LONGEST_TTL
    for _ in range(count):
        rdtype, rdclass, ttl, size = RECORD.unpack_from(heard, at + len(OWNER))
        if not heard.startswith(OWNER, at) or (rdtype, rdclass) != (question.rdtype, _IN) or ttl > LONGEST_TTL:
            raise _Other
        start = at + len(OWNER) + RECORD.size
        at, shortest = start + size, min(shortest, ttl)
        data = heard[start:at]
        alone = len(data) <= SHORT and (rdtype != _MX or max(data, default=0) < POINTS)
        read = _alone(question.rdtype, data) if alone else record(_rdata(question.rdtype, heard, start, size))
        found[read] = None
    return at, tuple(found), shortest


@lru_cache(maxsize=1 << 13)
def _alone(rdtype: dns.rdatatype.RdataType, data: bytes) -> Record:
    """A record whose data point nowhere else in the message; many domains have the same."""
    return record(_rdata(rdtype, data, 0, len(data)))


def _rdata(rdtype: dns.rdatatype.RdataType, message: bytes, start: int, size: int) -> dns.rdata.Rdata:
    """Have dnspython read the data of a record."""
    return dns.rdata.from_wire(_IN, rdtype, message, start, size)


def _soa(question: Question, heard: bytes, at: int, count: int) -> tuple[int, int]:
    """Where the authority section ends, and for how long there are no records (RFC 2308 5)."""
    if count == 0:
        return at, TTL_WITHOUT_SOA
    owner, size = dns.name.from_wire(heard, at)
    rdtype, rdclass, ttl, octets = RECORD.unpack_from(heard, at + size)
    at += size + RECORD.size
    if count > 1 or (rdtype, rdclass) != (_SOA, _IN) or ttl > LONGEST_TTL or not question.name.is_subdomain(owner):
        raise _Other
    soa = _rdata(_SOA, heard, at, octets)
    return at + octets, min(ttl, soa.minimum if isinstance(soa, dns.rdtypes.ANY.SOA.SOA) else 0)


def _end(heard: bytes, at: int, count: int) -> None:
    """See that the message ends with an OPT record that says nothing of interest (RFC 6891 6.1), or without one."""
    if count:
        rdtype, _, extended, options = RECORD.unpack_from(heard, at + len(ROOT))
        if count > 1 or not heard.startswith(ROOT, at) or rdtype != dns.rdatatype.OPT or extended >> 24 or options:
            raise _Other
        at += len(ROOT) + RECORD.size
    if at != len(heard):
        raise _Other
