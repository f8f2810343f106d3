"""What a nameserver's answer says, once it is understood. Pure: no octets, no lookups, no clock.

The texts for the operator are escaped and bounded. Others decide what an answer means for a host or a mail domain.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdatatype
import dns.rdtypes.ANY.CNAME
import dns.rdtypes.ANY.MX
import dns.rdtypes.ANY.TXT
import dns.rdtypes.IN.A
import dns.rdtypes.IN.AAAA

from exporter.peer_text import excerpt

Type = Literal["A", "AAAA", "CNAME", "MX", "TLSA", "TXT"]
Said = Literal["ok", "nxdomain", "nodata", "failure", "bogus", "timeout"]

SHORT = 255
"""Octets of a usual record, and of a TXT record that others may share; hostile ones have 65,000."""


class Mx(NamedTuple):
    """One MX record; in the order in which a sender tries them."""

    preference: int
    host: str


class Txt(NamedTuple):
    """The strings of one TXT record."""

    strings: tuple[bytes, ...]


Record = str | bytes | Mx | Txt
"""An address (A, AAAA), the name that an alias stands for (CNAME), octets (TLSA), or one of the above."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What DNS said to one question.

    `records` are of the type asked for; `ttl` in seconds is the shortest on the way to them, or that of a negative
    answer (RFC 2308 5). `alias` is the name that a CNAME led to. `detail` says for the operator why there are none.
    `authentic`: the nameserver says that DNSSEC vouches for all of it (AD, RFC 4035 3.2.3); whether it is to be
    believed is another question.
    """

    said: Said
    records: tuple[Record, ...] = ()
    ttl: float = 0
    alias: str = ""
    detail: str = ""
    authentic: bool = False


def read(response: dns.message.Message) -> Answer:
    """What a response means. `failure`: this server cannot or will not tell, another one may."""
    rcode = response.rcode()
    if rcode not in {dns.rcode.NOERROR, dns.rcode.NXDOMAIN}:
        errors = [f", {excerpt(o.to_text())}" for o in response.options if isinstance(o, dns.edns.EDEOption)]
        return Answer("failure", detail=dns.rcode.to_text(rcode) + "".join(errors[:3]))  # RFC 8914
    if not isinstance(response, dns.message.QueryMessage):
        return Answer("failure", detail="an answer that is none")
    try:
        chain = response.resolve_chaining()
    except dns.exception.DNSException:
        return Answer("failure", detail="aliases in a loop, or an answer that contradicts itself")
    alias = host_text(chain.canonical_name) if chain.cnames else ""
    authentic = bool(response.flags & dns.flags.AD)
    if chain.answer is not None:
        return Answer("ok", tuple(map(record, chain.answer)), chain.minimum_ttl, alias, authentic=authentic)
    if rcode == dns.rcode.NOERROR and _refers(response):
        return Answer("failure", detail="a referral (it does not recurse)")
    question = response.question[0]
    asked = host_text(question.name)
    return negative(asked, question.rdtype, rcode, chain.minimum_ttl, alias, authentic=authentic)


def negative(
    asked: str,
    rdtype: dns.rdatatype.RdataType,
    rcode: int,
    ttl: float,
    alias: str = "",
    *,
    authentic: bool,
) -> Answer:
    """That there are no such records, or that the name does not exist."""
    who = f"{asked} is an alias of {alias}, which" if alias else asked
    if rcode == dns.rcode.NXDOMAIN:
        return Answer("nxdomain", (), ttl, alias, f"{who} does not exist (NXDOMAIN)", authentic)
    return Answer("nodata", (), ttl, alias, f"{who} has no {rdtype.name} record", authentic)


def record(rdata: dns.rdata.Rdata) -> Record:
    """What is kept of a record: thousands of domains name the same hosts, and share these."""
    match rdata:
        case dns.rdtypes.IN.A.A() | dns.rdtypes.IN.AAAA.AAAA():
            return _same(rdata.address)
        case dns.rdtypes.ANY.MX.MX():
            return _same(Mx(rdata.preference, host_text(rdata.exchange)))
        case dns.rdtypes.ANY.TXT.TXT():
            return _same(Txt(rdata.strings)) if sum(map(len, rdata.strings)) <= SHORT else Txt(rdata.strings)
        case dns.rdtypes.ANY.CNAME.CNAME():
            return host_text(rdata.target)
    return rdata.to_generic().data


@lru_cache(maxsize=1 << 13)
def _same(value: Record) -> Record:
    """The first of those that are equal."""
    return value


def weight(record: Record) -> int:
    """How much room a record takes, in those of usual ones."""
    match record:
        case Txt(strings):
            return 1 + sum(map(len, strings)) // SHORT
        case bytes():
            return 1 + len(record) // SHORT
    return 1


def _refers(response: dns.message.Message) -> bool:
    """A server that does not recurse points to others: neither its own word nor recursion, NS and no SOA."""
    types = {rrset.rdtype for rrset in response.authority}
    told = response.flags & (dns.flags.AA | dns.flags.RA)
    return not told and dns.rdatatype.NS in types and dns.rdatatype.SOA not in types


def host_text(name: dns.name.Name) -> str:
    r"""A name from DNS as lower-case text without the last dot; odd octets stand as \DDD (RFC 4343 2.1)."""
    return name.to_text(omit_final_dot=True).lower()
