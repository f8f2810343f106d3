"""A nameserver on loopback that answers from a table, a clock turned by hand, a resolver that knows only these."""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rdata
import dns.rdatatype
import dns.rrset
import pytest

from exporter.resolve import Resolver
from tests.patience import PATIENCE

TTL = 300
NEGATIVE_TTL = 30


class ScriptedDns(asyncio.DatagramProtocol):
    """Answers over UDP and TCP what `says` has for "NAME TYPE".

    A value is a word (see `answers` and `_fill`), or the data of the records ("192.0.2.1 192.0.2.2", "10 mx.example.,
    20 mx2.example."), or whole records, each ending in a semicolon ("a.example. 60 CNAME b.example.; ...;").
    "signed ..." has the AD flag, "once ..., then ..." is another word the next time, "octets ..." is
    data in hex. Names that are not in the table do not exist. `asked` lists the questions heard; `without_edns` those
    without EDNS; `unchecked` those with the CD flag, for which "NAME TYPE CD" is looked up first.
    """

    def __init__(self) -> None:
        self.says: dict[str, str] = {}
        self.asked: list[str] = []
        self.unchecked: list[str] = []
        self.without_edns: list[str] = []
        self.over_tcp: list[str] = []
        self.port = 0
        self.tcp = "answered"
        """What becomes of questions over TCP: answered, closed, silent; `refuse_tcp` makes it refused."""
        self.listener: asyncio.Server
        self._transport: asyncio.DatagramTransport
        self._heard = asyncio.Event()

    @property
    def address(self) -> str:
        """How a resolver is told to ask it."""
        return f"127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Listen on UDP."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", self.port))

    def stop(self) -> None:
        """From now on the system says that nobody listens here: no answer, and no time is lost."""
        self._transport.abort()

    def refuse_tcp(self) -> None:
        """From now on nobody listens on TCP."""
        self.listener.close()

    async def until_asked(self, count: int) -> None:
        """Wait until so many questions were heard."""
        while len(self.asked) < count:
            self._heard.clear()
            await self._heard.wait()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer over UDP."""
        for answer in self.answers(data):
            self._transport.sendto(answer, addr)

    async def stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one question over TCP."""
        if self.tcp != "answered":
            if self.tcp == "silent":
                await reader.read()
            writer.close()
            return
        data = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
        self.over_tcp.append(dns.message.from_wire(data).question[0].to_text())
        for answer in self.answers(data, tcp=True):
            writer.write(len(answer).to_bytes(2, "big") + answer)
        writer.close()
        await writer.wait_closed()

    def answers(self, data: bytes, *, tcp: bool = False) -> Iterator[bytes]:
        """The datagrams that answer a question: none, one or more."""
        query = dns.message.from_wire(data)
        asked = (
            f"{query.question[0].name.to_text(omit_final_dot=True)} {dns.rdatatype.to_text(query.question[0].rdtype)}"
        )
        checked = not query.flags & dns.flags.CD
        (self.asked if checked else self.unchecked).append(asked)
        self.without_edns += [asked] if query.edns < 0 else []
        self._heard.set()
        word = self.says.get(asked, "NXDOMAIN")
        word = word if checked else self.says.get(f"{asked} CD", word)
        response = dns.message.make_response(query, recursion_available=True)
        if word.startswith("once "):
            word, self.says[asked] = word.removeprefix("once ").split(", then ")
        if word.startswith("signed ") and query.flags & dns.flags.AD:
            response.flags |= dns.flags.AD
        word = word.removeprefix("signed ")
        if word == "silence":
            return
        if word.startswith("to EDNS "):
            rcode, word = word.removeprefix("to EDNS ").split(", ", 1)
            word = rcode if query.edns >= 0 else word
        if word.startswith("drops EDNS, "):
            if query.edns >= 0:
                return
            word = word.removeprefix("drops EDNS, ")
        if word == "damaged and forged first":
            yield from (data[:7], _forged(data), _garbage(data))
            word = "192.0.2.1"
        if word == "heavy":
            yield _heavy(data)
            return
        if word == "flood":
            yield from [_forged(data)] * 100
            word = "192.0.2.1"
        if word == "truncated always":
            response.flags |= dns.flags.TC
            word = "NODATA"
        if word.startswith("truncated "):
            response.flags |= 0 if tcp else dns.flags.TC
            word = word.removeprefix("truncated ") if tcp else "NODATA"
        _fill(response, word)
        yield response.to_wire(max_size=65535)


def _forged(data: bytes) -> bytes:
    """A response to another question: its id is wrong."""
    forged = dns.message.from_wire(data)
    forged.flags |= dns.flags.QR
    forged.id ^= 1
    return forged.to_wire()


def _garbage(data: bytes) -> bytes:
    """A response with the right id to hundreds of questions, none of them ours."""
    return data[:2] + struct.pack("!HHHHH", dns.flags.QR, 400, 0, 0, 0) + 400 * b"\x01z\0\0\1\0\1"


def _heavy(data: bytes) -> bytes:
    """A response to our question, of many records that nobody asked for and that hold names (RP, RFC 1183 2.2)."""
    record = b"\xc0\x0c" + struct.pack("!HHIH", dns.rdatatype.RP, 1, 60, 4) + 2 * b"\xc0\x0c"
    return data[:2] + struct.pack("!HHHHH", dns.flags.QR, 1, 40, 0, 0) + data[12:-11] + 40 * record


def _fill(response: dns.message.Message, word: str) -> None:
    """Let the response say what the word means."""
    question = response.question[0]
    if word == "bogus":
        response.set_rcode(dns.rcode.SERVFAIL)
        error = dns.edns.EDEOption(dns.edns.EDECode.DNSSEC_BOGUS, "signature \x1b[31mexpired")
        response.use_edns(0, options=[error])
    elif word == "referral":
        response.flags &= ~dns.flags.RA
        response.authority.append(dns.rrset.from_text("example.", TTL, "IN", "NS", "ns.example."))
    elif word in {"NXDOMAIN", "NODATA", "FORMERR", "NOTIMP", "BADVERS", "SERVFAIL", "REFUSED"}:
        response.set_rcode(dns.rcode.from_text(word.replace("NODATA", "NOERROR")))
        soa = f"ns.example. root.example. 1 2 3 4 {NEGATIVE_TTL}"
        response.authority.append(dns.rrset.from_text(".", TTL, "IN", "SOA", soa))
    elif word.startswith("octets "):
        given = [bytes.fromhex(each.strip("-")) for each in word.split()[1:]]
        records = [dns.rdata.GenericRdata(question.rdclass, question.rdtype, each) for each in given]
        response.answer.append(dns.rrset.from_rdata_list(question.name, TTL, records))
    elif word.endswith(";"):
        for line in word.removesuffix(";").split("; "):
            owner, ttl, rdtype, rdata = line.split(maxsplit=3)
            response.answer.append(dns.rrset.from_text(owner, int(ttl), "IN", rdtype, rdata))
    else:
        several = question.rdtype in {dns.rdatatype.MX, dns.rdatatype.TLSA}
        data = word.split(", ") if several else word.split()
        response.answer.append(dns.rrset.from_text_list(question.name, TTL, "IN", question.rdtype, data))


class Clock:
    """Stands still until it is turned."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def _listening(server: ScriptedDns) -> asyncio.Server:
    """Listen where both are free: a port that is free for TCP may be taken for UDP."""
    while True:
        tcp = await asyncio.start_server(server.stream, "127.0.0.1", 0)
        server.port = tcp.sockets[0].getsockname()[1]
        try:
            await server.start()
        except OSError:
            tcp.close()
        else:
            return tcp


@contextlib.asynccontextmanager
async def serving(server: ScriptedDns) -> AsyncIterator[ScriptedDns]:
    """The server on one free loopback port, UDP and TCP."""
    server.listener = tcp = await _listening(server)
    try:
        yield server
    finally:
        server.stop()
        tcp.close()
        await tcp.wait_closed()


@pytest.fixture
async def dns_server() -> AsyncIterator[ScriptedDns]:
    """A nameserver that answers from its table."""
    async with serving(ScriptedDns()) as server:
        yield server


@pytest.fixture
def serve() -> Callable[[], contextlib.AbstractAsyncContextManager[ScriptedDns]]:
    """Run such a nameserver on a loop of the test's own."""
    return lambda: serving(ScriptedDns())


@pytest.fixture
async def second_dns_server() -> AsyncIterator[ScriptedDns]:
    """Another one."""
    async with serving(ScriptedDns()) as server:
        yield server


@pytest.fixture
def clock() -> Clock:
    """The resolver's clock."""
    return Clock()


@pytest.fixture
def hosts_file(tmp_path: Path) -> Path:
    """The resolver's hosts file; missing until it is written."""
    return tmp_path / "hosts"


@pytest.fixture
def resolv_conf(tmp_path: Path) -> Path:
    """The resolver's resolv.conf, with nothing but an empty search list."""
    path = tmp_path / "resolv.conf"
    path.write_text("search .\n")
    return path


@pytest.fixture
def write_hosts(hosts_file: Path) -> Callable[[str], object]:
    """Write the hosts file."""
    return hosts_file.write_text


@pytest.fixture
def write_resolv_conf(resolv_conf: Path) -> Callable[[str], object]:
    """Write resolv.conf."""
    return resolv_conf.write_text


@pytest.fixture
async def make_resolver(
    dns_server: ScriptedDns, clock: Clock, hosts_file: Path, resolv_conf: Path
) -> AsyncIterator[Callable[..., Resolver]]:
    """Make a resolver that asks the scripted nameserver; closed after the test."""
    made: list[Resolver] = []

    def make(*nameservers: str, timeout: float = PATIENCE, **more: object) -> Resolver:
        asked = nameservers or (dns_server.address,)
        files = {"hosts_file": hosts_file, "resolv_conf": resolv_conf}
        more.setdefault("jitter", lambda: 0.0)
        made.append(Resolver(asked, clock=clock, timeout=timeout, **files, **more))  # type: ignore[arg-type]  # kept loose: a test's own keywords
        return made[-1]

    yield make
    for resolver in made:
        await resolver.close()


@pytest.fixture
def resolver(make_resolver: Callable[..., Resolver]) -> Resolver:
    """A resolver that asks the scripted nameserver."""
    return make_resolver()
