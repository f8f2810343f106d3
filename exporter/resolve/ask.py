"""One question to the nameservers: over UDP, over TCP where the answer was cut, until one of them answers.

No cache, no clock, no judgement of what an answer means for a host. Never raises for what a nameserver did; what it
sent is hostile: only a response to this very question counts (RFC 5452 9.1: fresh port, id, question, source), and
the texts for the operator are escaped and bounded.
"""

import asyncio
import contextlib
import itertools
import socket
from collections.abc import Sequence
from dataclasses import replace
from math import inf

import dns.exception
import dns.flags
import dns.rcode

from exporter.peer_text import excerpt
from exporter.resolve.answer import Answer, Type, read
from exporter.resolve.ears import Ears
from exporter.resolve.files import Nameserver
from exporter.resolve.message import Question, UnreadableError, response_to, without_edns
from exporter.resolve.plain import LONGEST_TTL, plain
from exporter.resolve.weight import too_heavy

LONGEST_DATAGRAM = 4096  # of servers that pass over what we ask for; what is cut off cannot be understood
TRIES = 3  # with one nameserver; with more each is asked at least once
TC = int(dns.flags.TC)
NO_EDNS = frozenset({dns.rcode.FORMERR, dns.rcode.NOTIMP, dns.rcode.BADVERS})
"""What a server says that does not know EDNS (RFC 6891 7)."""
Heard = tuple[Answer, dns.rcode.Rcode]
"""What one server said."""


class TruncatedError(Exception):
    """A nameserver answered, its answer did not fit into a datagram, and over TCP it did not give the whole one."""


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
    loop = asyncio.get_running_loop()
    for server in itertools.islice(itertools.cycle(servers), tries):
        if server in refused:
            continue
        try:
            until = loop.time() + patience / tries
            answer, rcode = await _converse(question, server, ears, until, fallback=server not in silent)
        except TimeoutError:
            silent[server] = f"no answer from {server}"
        except (OSError, EOFError) as error:
            silent[server] = f"no answer from {server} ({getattr(error, 'strerror', None) or 'connection closed'})"
        except UnreadableError as error:
            refused[server] = f"{error} from {server}"
        except TruncatedError as error:
            refused[server] = f"truncated, and TCP is {error}: {server}"
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
    until = asyncio.get_running_loop().time() + patience
    try:
        unchecked, _ = await _converse(question, server, ears, until, dns.flags.CD)
        if unchecked.said == "failure":
            return None
        again, _ = await _converse(question, server, ears, until)
    except (TimeoutError, OSError, EOFError, UnreadableError, TruncatedError):
        return None
    return Answer("bogus") if again.said == "failure" else again


async def _converse(
    question: Question, server: Nameserver, ears: Ears, until: float, more: int = 0, *, fallback: bool = False
) -> Heard:
    """Ask one server until a time on the loop's clock; once more where it does not know EDNS. `more`: flags.

    `fallback`: also where it is silent.
    """
    answer, rcode = await _exchange(question, question.query(more), server, ears, until, fallback=fallback)
    if rcode in NO_EDNS:
        return await _exchange(question, question.query(more, edns=False), server, ears, until)
    return answer, rcode


async def _exchange(
    question: Question, query: bytes, server: Nameserver, ears: Ears, until: float, *, fallback: bool = False
) -> Heard:
    """Send a query over UDP from a fresh port and wait for its response; over TCP where that was truncated.

    With `fallback` it is sent without EDNS after half the time without a response: some servers, and firewalls before
    them, drop what they do not know.
    """
    loop = asyncio.get_running_loop()
    halfway = (loop.time() + until) / 2 if fallback else inf
    with socket.socket(server.family, socket.SOCK_DGRAM) as sock:
        sock.settimeout(0)
        sock.connect(server.sockaddr)  # of UDP: sends nothing, but lets only this server's datagrams in
        sock.send(query)
        again = loop.call_at(halfway, _send, sock, without_edns(query)) if fallback else None
        try:
            async with asyncio.timeout_at(until):
                if understood := await _hear(question, query, sock, ears):
                    return understood
        finally:
            if again:
                again.cancel()
    return await _over_tcp(question, query if loop.time() < halfway else without_edns(query), server, until)


def _send(sock: socket.socket, query: bytes) -> None:
    with contextlib.suppress(OSError):  # the caller that waits for the response gets the error
        sock.send(query)


async def _hear(question: Question, query: bytes, sock: socket.socket, ears: Ears) -> Heard | None:
    """Wait for the response to a query; None where it was truncated."""
    while True:
        heard = await ears.hear(sock, LONGEST_DATAGRAM)
        if heard[:2] == query[:2] and _truncated(heard):
            return None
        if understood := _understood(question, query, heard):
            return understood  # damaged or forged ones are passed over: the real one may still come


async def _over_tcp(question: Question, query: bytes, server: Nameserver, until: float) -> Heard:
    """Ask over TCP. The time that it takes us to understand a long answer is not the server's.

    Raises:
        TruncatedError: there is no whole answer; says how.
        UnreadableError: it cannot be understood.
    """
    try:
        async with asyncio.timeout_at(until):
            heard = await _exchange_over_tcp(query, server)
    except TimeoutError:
        raise TruncatedError("not answered") from None
    except ConnectionRefusedError:
        raise TruncatedError("refused") from None
    except (ConnectionError, EOFError):
        raise TruncatedError("closed") from None
    except OSError as error:  # no route, no descriptor
        raise TruncatedError(f"not possible ({error.strerror})") from None
    # in a thread: long ones are a third of a second of work
    understood = await asyncio.to_thread(_understood, question, query, heard)
    if understood is None:
        raise TruncatedError("answered with something else")
    if _truncated(heard):
        raise UnreadableError
    return understood


async def _exchange_over_tcp(query: bytes, server: Nameserver) -> bytes:
    """Send a query over a TCP connection of its own (RFC 7766 8: two bytes of length first)."""
    loop = asyncio.get_running_loop()
    with socket.socket(server.family, socket.SOCK_STREAM) as sock:
        sock.settimeout(0)
        await loop.sock_connect(sock, server.sockaddr)
        await loop.sock_sendall(sock, len(query).to_bytes(2, "big") + query)
        length = int.from_bytes(await _receive(sock, 2), "big")
        return await _receive(sock, length)


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
