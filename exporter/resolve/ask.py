"""One question to the nameservers: over UDP, over TCP where the answer was cut, until one of them answers.

No cache, no clock, no judgement of what an answer means for a host. Never raises for what a nameserver did; what it
sent is hostile: only a response to this very question counts (RFC 5452 9.1: fresh port, id, question, source), and
the texts for the operator are clean and bounded.
"""

import asyncio
import itertools
import socket
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdatatype

from exporter.resolve.files import Nameserver
from exporter.resolve.message import UnreadableError, response_to
from exporter.resolve.weight import too_heavy

Type = Literal["A", "AAAA", "CNAME", "MX", "TLSA", "TXT"]
Said = Literal["ok", "nxdomain", "nodata", "failure", "bogus", "timeout"]

UDP_PAYLOAD = 1232  # fits every path unfragmented: the DNS flag day 2020
LONGEST_DATAGRAM = 4096  # of servers that pass over what we ask for; what is cut off cannot be understood
TRIES = 3  # with one nameserver; with more each is asked at least once
MAX_TEXT = 160
LONGEST_TTL = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Answer:
    """What DNS said to one question.

    `records` are of the type asked for; `ttl` in seconds is the shortest on the way to them, or that of a negative
    answer (RFC 2308 5). `alias` is the name that a CNAME led to. `detail` says for the operator why there are none.
    `authentic`: the nameserver says that DNSSEC vouches for all of it (AD, RFC 4035 3.2.3); whether it is to be
    believed is another question.
    """

    said: Said
    records: tuple[dns.rdata.Rdata, ...] = ()
    ttl: float = 0
    alias: str = ""
    detail: str = ""
    authentic: bool = False


async def ask(name: str, rdtype: Type, servers: Sequence[Nameserver], patience: float) -> Answer:
    """Ask the servers in turn, `patience` seconds in all, until one of them says whether there are such records.

    Where one of them fails, a third of that may pass to find out why.
    """
    try:
        question = dns.name.from_text(name)
    except dns.exception.DNSException:
        return Answer("nxdomain", ttl=LONGEST_TTL, detail=f"{clean(name)} is no domain name")
    tries, kind = max(TRIES, len(servers)), dns.rdatatype.from_text(rdtype)
    refused: dict[Nameserver, str] = {}
    silent: dict[Nameserver, str] = {}
    broken: list[Nameserver] = []
    for server in itertools.islice(itertools.cycle(servers), tries):
        if server in refused:
            continue
        try:
            async with asyncio.timeout(patience / tries):
                response = await _converse(question, kind, server)
        except TimeoutError:
            silent[server] = f"no answer from {server}"
        except (OSError, EOFError) as error:
            silent[server] = f"no answer from {server} ({getattr(error, 'strerror', None) or 'connection closed'})"
        except UnreadableError as error:
            refused[server] = f"{error} from {server}"
        else:
            answer = _read(response)
            if answer.said != "failure":
                return answer
            refused[server] = f"{answer.detail} from {server}"
            broken += [server] if response.rcode() == dns.rcode.SERVFAIL else []
    told = f"{rdtype} {name}: {'; '.join((silent | refused).values())}"
    if broken and (unchecked := await _unchecked(question, kind, broken[0], patience / tries)):
        return replace(unchecked, detail=f"bogus: {told}") if unchecked.said == "bogus" else unchecked
    return Answer("failure" if refused else "timeout", detail=told)


async def _unchecked(
    name: dns.name.Name, rdtype: dns.rdatatype.RdataType, server: Nameserver, patience: float
) -> Answer | None:
    """What a server that failed is able to tell: `bogus` where it answers only if it need not validate (CD, RFC 4035).

    It is asked the first question once more then: it may have failed for another reason, and have recovered.
    """
    try:
        async with asyncio.timeout(patience):
            unchecked = _read(await _converse(name, rdtype, server, dns.flags.CD))
            if unchecked.said == "failure":
                return None
            again = _read(await _converse(name, rdtype, server))
            return Answer("bogus") if again.said == "failure" else again
    except (TimeoutError, OSError, EOFError, UnreadableError):
        return None


async def _converse(
    name: dns.name.Name, rdtype: dns.rdatatype.RdataType, server: Nameserver, more: int = 0
) -> dns.message.Message:
    """Ask one server; without EDNS a second time where it does not know that (RFC 6891 7). `more`: flags."""
    flags = dns.flags.RD | dns.flags.AD | more  # AD: we understand it in the answer (RFC 6840 5.7)
    query = dns.message.make_query(name, rdtype, use_edns=0, payload=UDP_PAYLOAD, flags=flags)
    response = await _exchange(query, server)
    if response.rcode() in {dns.rcode.FORMERR, dns.rcode.NOTIMP, dns.rcode.BADVERS}:
        response = await _exchange(dns.message.make_query(name, rdtype, flags=flags), server)
    return response


async def _exchange(query: dns.message.Message, server: Nameserver) -> dns.message.Message:
    """Send a query over UDP from a fresh port and wait for its response; over TCP where that was truncated."""
    loop = asyncio.get_running_loop()
    sent = query.to_wire()
    with socket.socket(server.family, socket.SOCK_DGRAM) as sock:
        sock.settimeout(0)
        sock.connect(server.sockaddr)  # of UDP: sends nothing, but lets only this server's datagrams in
        sock.send(sent)
        while True:
            heard = await loop.sock_recv(sock, LONGEST_DATAGRAM)
            if heard[:2] == sent[:2] and int.from_bytes(heard[2:4], "big") & dns.flags.TC:
                break
            if response := _understood(query, heard):
                return response  # damaged or forged ones are passed over: the real one may still come
            await asyncio.sleep(0)  # what has come already is read without waiting: let others run in between
    return await _exchange_over_tcp(query, server)


async def _exchange_over_tcp(query: dns.message.Message, server: Nameserver) -> dns.message.Message:
    """Send a query over a TCP connection of its own (RFC 7766 8: two bytes of length first)."""
    loop = asyncio.get_running_loop()
    with socket.socket(server.family, socket.SOCK_STREAM) as sock:
        sock.settimeout(0)
        await loop.sock_connect(sock, server.sockaddr)
        await loop.sock_sendall(sock, query.to_wire(prepend_length=True))
        length = int.from_bytes(await _receive(sock, 2), "big")
        heard = await _receive(sock, length)
    response = await asyncio.to_thread(_understood, query, heard)  # long ones are a third of a second of work
    if response is None:
        raise OSError(0, "its answer over TCP is none, or to another question")
    if response.flags & dns.flags.TC:
        raise UnreadableError
    return response


def _understood(query: dns.message.Message, heard: bytes) -> dns.message.Message | None:
    """Read a response; None where it is none, or to another question. Raises UnreadableError as `response_to` does."""
    if int.from_bytes(heard[:2], "big") == query.id and too_heavy(heard):
        raise UnreadableError
    return response_to(query, heard)


async def _receive(sock: socket.socket, length: int) -> bytes:
    """Exactly so many bytes; EOFError where the connection is closed before."""
    received = bytearray()
    while len(received) < length:
        piece = await asyncio.get_running_loop().sock_recv(sock, length - len(received))
        if not piece:
            raise EOFError
        received += piece
    return bytes(received)


def _read(response: dns.message.Message) -> Answer:
    """What a response means. `failure`: this server cannot or will not tell, another one may."""
    rcode = response.rcode()
    if rcode not in {dns.rcode.NOERROR, dns.rcode.NXDOMAIN}:
        errors = [f", {clean(o.to_text())}" for o in response.options if isinstance(o, dns.edns.EDEOption)]
        return Answer("failure", detail=dns.rcode.to_text(rcode) + "".join(errors[:3]))  # RFC 8914
    if not isinstance(response, dns.message.QueryMessage):
        return Answer("failure", detail="an answer that is none")
    try:
        chain = response.resolve_chaining()
    except dns.exception.DNSException as error:
        return Answer(
            "failure", detail=f"aliases in a loop, or an answer that contradicts itself ({type(error).__name__})"
        )
    alias = host_text(chain.canonical_name) if chain.cnames else ""
    authentic = bool(response.flags & dns.flags.AD)
    if chain.answer is not None:
        return Answer("ok", tuple(chain.answer), chain.minimum_ttl, alias, authentic=authentic)
    if rcode == dns.rcode.NOERROR and _refers(response):
        return Answer("failure", detail="a referral (it does not recurse)")
    asked, kind = host_text(response.question[0].name), dns.rdatatype.to_text(response.question[0].rdtype)
    who = f"{asked} is an alias of {alias}, which" if alias else asked
    if rcode == dns.rcode.NXDOMAIN:
        return Answer("nxdomain", (), chain.minimum_ttl, alias, f"{who} does not exist (NXDOMAIN)", authentic)
    return Answer("nodata", (), chain.minimum_ttl, alias, f"{who} has no {kind} record", authentic)


def _refers(response: dns.message.Message) -> bool:
    """A server that does not recurse points to others: neither its own word nor recursion, NS and no SOA."""
    types = {rrset.rdtype for rrset in response.authority}
    told = response.flags & (dns.flags.AA | dns.flags.RA)
    return not told and dns.rdatatype.NS in types and dns.rdatatype.SOA not in types


def host_text(name: dns.name.Name) -> str:
    r"""A name from DNS as lower-case text without the last dot; odd octets stand as \DDD (RFC 4343 2.1)."""
    return name.to_text(omit_final_dot=True).lower()


def clean(text: str) -> str:
    """Foreign text, fit for a log line: one line, printable, bounded."""
    return "".join(char if char.isprintable() else "�" for char in text[:MAX_TEXT])
