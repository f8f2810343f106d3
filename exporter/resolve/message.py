"""DNS messages as octets (RFC 1035 4.1). Hostile: what cannot be understood is told apart from what is not there."""

import re
import secrets
import struct
from dataclasses import dataclass

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.wire

from exporter.resolve.answer import host_text
from exporter.resolve.weight import HEADER

OPAQUE = dns.rdatatype.TLSA
"""Records of this type are kept as octets: dnspython refuses those that merely nobody can use."""
UDP_PAYLOAD = 1232  # fits every path unfragmented: the DNS flag day 2020
OPT = struct.pack("!BHHIH", 0, dns.rdatatype.OPT, UDP_PAYLOAD, 0, 0)  # RFC 6891 6.1.2
FLAGS = int(dns.flags.RD | dns.flags.AD)  # AD: we understand it in the answer (RFC 6840 5.7)
USUAL, LONGEST_USUAL = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*"), 253
"""Names that stand in a message as they are written (RFC 1035 3.1): dnspython needs ten times as long to say how."""


def without_edns(query: bytes) -> bytes:
    """The same query, its id included, as before RFC 6891."""
    return query[:10] + b"\0\0" + query[HEADER.size :].removesuffix(OPT)


class UnreadableError(Exception):
    """A nameserver's answer to our question cannot be understood."""

    def __init__(self) -> None:
        super().__init__("an answer that cannot be understood")


@dataclass(frozen=True, slots=True)
class Question:
    """A name and a record type; `section` is how a message asks for them, `text` how the name is shown."""

    text: str
    rdtype: dns.rdatatype.RdataType
    section: bytes

    @classmethod
    def of(cls, name: str, rdtype: str) -> "Question":
        """Ask for the records of a type.

        Raises:
            dns.exception.DNSException: it is no domain name.
        """
        kind = dns.rdatatype.RdataType[rdtype]
        end = struct.pack("!HH", kind, dns.rdataclass.IN)
        if USUAL.fullmatch(name) and len(name) <= LONGEST_USUAL:
            labels = [bytes((len(label),)) + label for label in name.encode().split(b".")]
            return cls(name, kind, b"".join(labels) + b"\0" + end)
        asked = dns.name.from_text(name)
        return cls(host_text(asked), kind, asked.to_digestable() + end)

    @property
    def name(self) -> dns.name.Name:
        """The name that is asked for."""
        return dns.name.from_text(self.text)

    def query(self, more: int = 0, *, edns: bool = True) -> bytes:
        """A query with an id of its own, as `dns.message.make_query` makes it in fifty times as long. `more`: flags."""
        header = HEADER.pack(secrets.randbits(16), FLAGS | more, 1, 0, 0, edns)
        return header + self.section + (OPT if edns else b"")

    def stands_in(self, heard: bytes, query: bytes) -> bool:
        """Whether these octets begin as an answer to this query of it does, by its id and name (RFC 5452 9.1)."""
        return heard[:2] == query[:2] and heard.startswith(self.section, HEADER.size)


def response_to(query: bytes, heard: bytes) -> dns.message.Message | None:
    """Read a response; None where it is none, or to another question.

    Raises:
        UnreadableError: it is the one, and a record in it is broken: without that one it would say something else.
    """
    asked = dns.message.from_wire(query)
    try:
        response = dns.message.from_wire(heard, continue_on_error=True)
    except (dns.exception.DNSException, ValueError):
        return None
    if not asked.is_response(response):
        return None
    if asked.question[0].rdtype == OPAQUE:
        _keep_octets(response, heard)
    elif response.errors:
        raise UnreadableError
    return response


def _keep_octets(response: dns.message.Message, heard: bytes) -> None:
    """Put the records of the opaque type into the answer as they came (RFC 1035 4.1)."""
    for rrset in response.answer:
        if rrset.rdtype == OPAQUE:
            rrset.items.clear()
    parser = dns.wire.Parser(heard)
    try:
        *_, questions, answers, _, _ = parser.get_struct("!HHHHHH")
        for _ in range(questions):
            _name(parser)
            parser.get_struct("!HH")
        for _ in range(answers):
            name = _name(parser)
            rdtype, rdclass, ttl, size = parser.get_struct("!HHIH")
            data = parser.get_bytes(size)
            if (rdtype, rdclass) == (OPAQUE, dns.rdataclass.IN):
                _add(response, name, ttl, data)
    except (dns.exception.DNSException, ValueError):
        raise UnreadableError from None


def _name(parser: dns.wire.Parser) -> dns.name.Name:
    name, length = dns.name.from_wire(parser.wire, parser.current)
    parser.seek(parser.current + length)
    return name


def _add(response: dns.message.Message, name: dns.name.Name, ttl: int, data: bytes) -> None:
    rrset = response.find_rrset(response.answer, name, dns.rdataclass.IN, OPAQUE, create=True)
    rrset.add(dns.rdata.GenericRdata(dns.rdataclass.IN, OPAQUE, data), ttl if ttl < 2**31 else 0)
