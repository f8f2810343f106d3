"""A nameserver on loopback that answers from one zone file (RFC 1035 5): `async with Nameserver(ZONE) as dns`.

The zone is the whole world: it begins at the root, and what is not in it does not exist. UDP only, no
delegations, no DNSSEC.
"""

import asyncio
from types import TracebackType
from typing import Self

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.zone

SOA = "@ 60 SOA ns.test. hostmaster.test. 1 3600 600 86400 60\n"
"""The start of the zone; negative answers may be kept for its last number of seconds (RFC 2308)."""


class Nameserver(asyncio.DatagramProtocol):
    """Serves the records of `zone`; each has a full name, which may end without a dot."""

    def __init__(self, zone: str, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self._zone = dns.zone.from_text(SOA + zone, origin=".", relativize=False, check_origin=False)
        self._host, self._port = host, port
        self._transport: asyncio.DatagramTransport

    async def __aenter__(self) -> Self:
        where = (self._host, self._port)
        self._transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, local_addr=where)
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._transport.abort()

    @property
    def address(self) -> str:
        """Where it listens, as `global.nameservers` names it."""
        host, port = self._transport.get_extra_info("sockname")[:2]
        return f"{host}:{port}"

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer a question; be silent where there is none."""
        try:
            query = dns.message.from_wire(data)
            (question,) = query.question
        except (dns.exception.DNSException, ValueError):
            return
        self._transport.sendto(self._answer(query, question).to_wire(max_size=65535), addr)

    def _answer(self, query: dns.message.Message, question: dns.rrset.RRset) -> dns.message.Message:
        response = dns.message.make_response(query, recursion_available=True)
        response.flags |= dns.flags.AA
        name, kind = question.name, question.rdtype
        while kind != dns.rdatatype.CNAME and (alias := self._records(name, dns.rdatatype.CNAME)):
            if alias in response.answer:
                return response
            response.answer.append(alias)
            name = alias[0].target
        if records := self._records(name, kind):
            response.answer.append(records)
            return response
        if soa := self._records(dns.name.root, dns.rdatatype.SOA):
            response.authority.append(soa)
        if not any(other.is_subdomain(name) for other in self._zone):  # RFC 8020: a name above another one exists
            response.set_rcode(dns.rcode.NXDOMAIN)
        return response

    def _records(self, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> dns.rrset.RRset | None:
        return self._zone.get_rrset(name, kind)
