"""A name server that means harm: each row of NAMES is one way, and a script of what it sends to a question.

A mail domain KIND-N.example misbehaves as its kind does, for one type of record. All else is answered truthfully: it
has an MX host at an address in WORLD, a policy host where `hostile_policies` knows its kind, and a host hN.example has
the Nth of `server.addresses`. `python -m benchmarks.hostile_names` answers on 127.0.0.1, port 53.
"""

import asyncio
import random
import struct
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from zlib import crc32

from benchmarks.dns_message import (
    ANSWER,
    ASKED,
    CNAME,
    CUT,
    MX,
    REFUSED,
    SECURE,
    TLSA,
    TXT,
    A,
    Question,
    a,
    mx,
    name,
    record,
    txt,
)
from benchmarks.hostile_policies import place_of, policies_of, serving
from benchmarks.server import addresses

HEALTHY = addresses(10_000)
EVERY = 0
"""Instead of a type of record: whatever is asked of a domain and the names in it."""
Script = Callable[[Question], AsyncIterator[bytes]]
"""What is sent to a question: datagrams, or over TCP pieces of a stream."""


def address(labels: Iterable[str], number: int = 0) -> str:
    """An address in WORLD for each name, and further ones."""
    bits = crc32(f"{number} {'.'.join(labels)}".encode())
    return f"44.{64 + (bits >> 16) % 192}.{bits >> 8 & 255}.{1 + bits % 250}"


def kind_of(labels: list[str]) -> str:
    """Of which kind a domain, or a name in it, is."""
    return labels[-2].rpartition("-")[0] if len(labels) > 1 else ""


def truth(question: Question) -> bytes:
    """What an honest server sends."""
    first, *above = labels = question.labels
    policies, records = policies_of(kind_of(labels)), []
    if question.rdtype == MX and above == ["example"]:
        records = [mx(10, name("mx", then=ASKED))]
    elif question.rdtype == A and first[1:].isdecimal():
        records = [a(HEALTHY[int(first[1:])])]
    elif question.rdtype == A and (first != "mta-sts" or policies):
        records = [a(place_of(policies) if policies and first == "mta-sts" else address(labels))]
    elif question.rdtype == TXT and first == "_mta-sts" and policies:
        records = [txt(f"v=STSv1; id={random.randrange(10**9) if policies.ever_new else 1}")]
    hostile = NAMES.get(kind_of(labels))
    return question.sent(*records, flags=SECURE if hostile and hostile.secure else ANSWER)


# --- scripts --------------------------------------------------------------------------------------------------------


def saying(*records: bytes, flags: int = ANSWER) -> Script:
    """These records, at once."""

    async def script(question: Question) -> AsyncIterator[bytes]:
        yield question.sent(*records, flags=flags)

    return script


def aliases(count: int, *, closed: bool) -> Script:
    """So many aliases, the last of which leads back to the first or nowhere."""
    names = [ASKED, *(name(f"a{n}", then=ASKED) for n in range(1, count)), ASKED if closed else name("nowhere")]
    return saying(*(record(CNAME, to, owner=of) for of, to in pairwise(names)))


async def deep_names(question: Question) -> AsyncIterator[bytes]:
    """One exchange has a name of 112 labels, and all others point to it."""
    first = mx(0, name(*"a" * 110, then=ASKED))
    pointer = struct.pack("!H", 0xC000 + 12 + len(question.section) + len(mx(0, b"")))
    yield question.sent(first, *(mx(n, pointer) for n in range(1, 3500)))


async def many_addresses(question: Question) -> AsyncIterator[bytes]:
    yield question.sent(*(a(address(question.labels, n)) for n in range(1000)))


async def silence(_: Question) -> AsyncIterator[bytes]:
    await asyncio.sleep(3600)
    yield b""


async def half_an_answer(question: Question) -> AsyncIterator[bytes]:
    """Over TCP the connection is closed in the middle."""
    yield question.sent(mx(10, ASKED))[:30] if question.over_tcp else question.sent(flags=CUT)


async def drip(question: Question) -> AsyncIterator[bytes]:
    """Over TCP a byte comes each second."""
    if not question.over_tcp:
        yield question.sent(flags=CUT)
        return
    for byte in question.sent(mx(10, ASKED)):
        yield bytes([byte])
        await asyncio.sleep(1)


async def garbage(question: Question) -> AsyncIterator[bytes]:
    """Octets by chance behind the right id."""
    yield question.wire[:2] + struct.pack("!H", ANSWER) + random.randbytes(500)


async def flood(question: Question) -> AsyncIterator[bytes]:
    """As many forged answers, to another question, as a socket's buffer holds, before the true one."""
    other = Question(question.wire[:12] + name("other", "example") + struct.pack("!HH", MX, 1))
    for _ in range(0 if question.over_tcp else 200):
        yield other.sent(mx(10, ASKED))
    yield truth(question)


# --- the table ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Names:
    """What is sent to questions for one type of record, and what the agent is to say of the domain and of its host."""

    rdtype: int
    script: Script
    reasons: frozenset[str] = frozenset()
    endpoint: str = ""
    at: str = ""
    """A label of the names for which it is said; empty: of the domain itself."""
    secure: bool = False
    """DNSSEC vouches for the rest."""


INVALID, FAILS, SILENT = frozenset({"sts_policy_invalid"}), frozenset({"dns_failure"}), frozenset({"dns_timeout"})
LOST = frozenset({"mx_not_found", "mx_invalid"})
NAMES: Mapping[str, Names] = {
    "huge-text": Names(TXT, saying(txt("v=STSv1; id=", *["1" * 250] * 240)), INVALID, at="_mta-sts"),
    "thousand-texts": Names(TXT, saying(*(txt(f"v=STSv1; id={n}") for n in range(1000))), INVALID, at="_mta-sts"),
    "alias-loop": Names(MX, aliases(2, closed=True), FAILS),
    "many-aliases": Names(MX, aliases(100, closed=False), FAILS),
    "thousand-exchanges": Names(
        MX, saying(*(mx(n, name("mx", str(n), then=ASKED)) for n in range(1000))), frozenset({"too_many_addresses"})
    ),
    "deep-names": Names(MX, deep_names, FAILS),
    "odd-names": Names(
        MX, saying(mx(1, name(b"a\0b\n", "x")), mx(2, b"\0"), mx(3, name(*"1234")), mx(4, name("<b>", "x"))), LOST
    ),
    "own-loopback": Names(A, saying(a("127.0.0.1"), a("169.254.169.254")), LOST, at="mx"),
    "thousand-addresses": Names(A, many_addresses, endpoint="too_many_addresses", at="mx"),
    "thousand-keys": Names(
        TLSA, saying(*(record(TLSA, b"\3\1\1" + struct.pack("!I", n) * 8) for n in range(1000)), flags=SECURE),
        endpoint="tlsa_invalid", at="_tcp", secure=True,
    ),
    "ttl-zero": Names(MX, saying(mx(10, name("mx", then=ASKED), ttl=0))),
    "truncated": Names(MX, saying(flags=CUT), FAILS),
    "half-an-answer": Names(MX, half_an_answer, FAILS),
    "drip": Names(MX, drip, FAILS),
    "silence": Names(MX, silence, SILENT),
    "silence-of-all": Names(EVERY, silence, SILENT),
    "garbage": Names(MX, garbage, SILENT),
    "broken-record": Names(MX, saying(mx(10, b"\xff\xff")), FAILS),
    "refusal": Names(MX, saying(flags=REFUSED), FAILS),
    "flood": Names(MX, flood),
}  # fmt: skip


# --- serving --------------------------------------------------------------------------------------------------------


async def said(question: Question) -> AsyncIterator[bytes]:
    """What is sent to a question, piece by piece."""
    row = NAMES.get(kind_of(question.labels))
    below = question.labels[:-2]
    if row and (row.rdtype == EVERY or (question.rdtype == row.rdtype and (row.at in below if row.at else not below))):
        async for piece in row.script(question):
            yield piece
    else:
        yield truth(question)


class Datagrams(asyncio.DatagramProtocol):
    """Questions over UDP."""

    transport: asyncio.DatagramTransport

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        task = asyncio.get_running_loop().create_task(self._answer(Question(data), addr))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, question: Question, addr: tuple[str, int]) -> None:
        async for piece in said(question):
            self.transport.sendto(piece, addr)


async def over_tcp(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    length = int.from_bytes(await reader.readexactly(2), "big")
    return said(Question(await reader.readexactly(length), over_tcp=True))


async def main() -> None:
    """Serve until the process is ended."""
    datagrams = Datagrams()
    loop = asyncio.get_running_loop()
    datagrams.transport, _ = await loop.create_datagram_endpoint(lambda: datagrams, local_addr=("127.0.0.1", 53))
    async with await asyncio.start_server(serving(over_tcp), "127.0.0.1", 53, backlog=1000) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
