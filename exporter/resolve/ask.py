"""One question to the nameservers: over UDP, over TCP where the answer was cut, until one of them answers.

No cache, no clock, no judgement of what an answer means for a host. Never raises for what a nameserver did; what it
sent is hostile: only a response to this very question counts (RFC 5452 9.1: fresh port, id, question, source), and
the texts for the operator are escaped and bounded.
"""

import asyncio
import itertools
import socket
from collections.abc import Sequence
from dataclasses import replace

import dns.exception
import dns.flags
import dns.rcode

from exporter.peer_text import excerpt
from exporter.resolve.answer import Answer, Type, read
from exporter.resolve.ears import Ears
from exporter.resolve.files import Nameserver
from exporter.resolve.message import Question, UnreadableError, response_to
from exporter.resolve.plain import LONGEST_TTL, plain
from exporter.resolve.weight import too_heavy

LONGEST_DATAGRAM = 4096  # of servers that pass over what we ask for; what is cut off cannot be understood
TRIES = 3  # with one nameserver; with more each is asked at least once
TC = int(dns.flags.TC)
Heard = tuple[Answer, dns.rcode.Rcode]
"""What one server said."""


async def ask(name: str, rdtype: Type, servers: Sequence[Nameserver], patience: float, ears: Ears) -> Answer:
    """Ask the servers in turn, `patience` seconds in all, until one of them says whether there are such records.

    Where one of them fails, a third of that may pass to find out why.
    """
    try:
        question = Question.of(name, rdtype)
    except dns.exception.DNSException:
        return Answer("nxdomain", ttl=LONGEST_TTL, detail=f"{excerpt(name)} is no domain name")
    tries = max(TRIES, len(servers))
    refused: dict[Nameserver, str] = {}
    silent: dict[Nameserver, str] = {}
    broken: list[Nameserver] = []
    for server in itertools.islice(itertools.cycle(servers), tries):
        if server in refused:
            continue
        try:
            async with asyncio.timeout(patience / tries):
                answer, rcode = await _converse(question, server, ears)
        except TimeoutError:
            silent[server] = f"no answer from {server}"
        except (OSError, EOFError) as error:
            silent[server] = f"no answer from {server} ({getattr(error, 'strerror', None) or 'connection closed'})"
        except UnreadableError as error:
            refused[server] = f"{error} from {server}"
        else:
            if answer.said != "failure":
                return answer
            refused[server] = f"{answer.detail} from {server}"
            broken += [server] if rcode == dns.rcode.SERVFAIL else []
    told = f"{rdtype} {name}: {'; '.join((silent | refused).values())}"
    if broken and (unchecked := await _unchecked(question, broken[0], patience / tries, ears)):
        return replace(unchecked, detail=f"bogus: {told}") if unchecked.said == "bogus" else unchecked
    return Answer("failure" if refused else "timeout", detail=told)


async def _unchecked(question: Question, server: Nameserver, patience: float, ears: Ears) -> Answer | None:
    """What a server that failed is able to tell: `bogus` where it answers only if it need not validate (CD, RFC 4035).

    It is asked the first question once more then: it may have failed for another reason, and have recovered.
    """
    try:
        async with asyncio.timeout(patience):
            unchecked, _ = await _converse(question, server, ears, dns.flags.CD)
            if unchecked.said == "failure":
                return None
            again, _ = await _converse(question, server, ears)
            return Answer("bogus") if again.said == "failure" else again
    except (TimeoutError, OSError, EOFError, UnreadableError):
        return None


async def _converse(question: Question, server: Nameserver, ears: Ears, more: int = 0) -> Heard:
    """Ask one server; without EDNS a second time where it does not know that (RFC 6891 7). `more`: flags."""
    answer, rcode = await _exchange(question, question.query(more), server, ears)
    if rcode in {dns.rcode.FORMERR, dns.rcode.NOTIMP, dns.rcode.BADVERS}:
        return await _exchange(question, question.query(more, edns=False), server, ears)
    return answer, rcode


async def _exchange(question: Question, query: bytes, server: Nameserver, ears: Ears) -> Heard:
    """Send a query over UDP from a fresh port and wait for its response; over TCP where that was truncated."""
    with socket.socket(server.family, socket.SOCK_DGRAM) as sock:
        sock.settimeout(0)
        sock.connect(server.sockaddr)  # of UDP: sends nothing, but lets only this server's datagrams in
        sock.send(query)
        while True:
            heard = await ears.hear(sock, LONGEST_DATAGRAM)
            if heard[:2] == query[:2] and _truncated(heard):
                break
            if understood := _understood(question, query, heard):
                return understood  # damaged or forged ones are passed over: the real one may still come
    return await _exchange_over_tcp(question, query, server)


async def _exchange_over_tcp(question: Question, query: bytes, server: Nameserver) -> Heard:
    """Send a query over a TCP connection of its own (RFC 7766 8: two bytes of length first)."""
    loop = asyncio.get_running_loop()
    with socket.socket(server.family, socket.SOCK_STREAM) as sock:
        sock.settimeout(0)
        await loop.sock_connect(sock, server.sockaddr)
        await loop.sock_sendall(sock, len(query).to_bytes(2, "big") + query)
        length = int.from_bytes(await _receive(sock, 2), "big")
        heard = await _receive(sock, length)
    # in a thread: long ones are a third of a second of work
    understood = await asyncio.to_thread(_understood, question, query, heard)
    if understood is None:
        raise OSError(0, "its answer over TCP is none, or to another question")
    if _truncated(heard):
        raise UnreadableError
    return understood


def _truncated(heard: bytes) -> bool:
    return bool(int.from_bytes(heard[2:4], "big") & TC)


def _understood(question: Question, query: bytes, heard: bytes) -> Heard | None:
    """What these octets say; None where they are no response, or one to another question.

    Raises:
        UnreadableError: as `response_to` does.
    """
    if too_heavy(heard):
        if question.stands_in(heard, query):
            raise UnreadableError
        return None
    if answer := plain(question, query, heard):
        return answer, dns.rcode.NOERROR
    response = response_to(query, heard)
    return (read(response), response.rcode()) if response else None


async def _receive(sock: socket.socket, length: int) -> bytes:
    """Exactly so many bytes; EOFError where the connection is closed before."""
    received = bytearray()
    while len(received) < length:
        piece = await asyncio.get_running_loop().sock_recv(sock, length - len(received))
        if not piece:
            raise EOFError
        received += piece
    return bytes(received)
