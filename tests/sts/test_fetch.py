"""Policies over HTTPS, from a web server that says whatever a test wants: what is fetched, what is refused and why."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import h11
import pytest

from exporter.model import Ended, Policy, Problem
from exporter.reasons import Reason, Stage
from exporter.resolve import Addresses
from exporter.simulated.certificates import DAY, Credentials, Kind, Zoo
from exporter.sts.fetch import DOUBTFUL_AT_ONCE, MOST_WAITING, Fetcher, public
from exporter.sts.http import receive
from exporter.sts.stream import AT_A_TIME
from tests.test_handshake import DONE, dhe_exchange, message, records, server_hello
from tests.tls13 import Server13

DOMAIN = "example.test"
BODY = b"version: STSv1\r\nmode: enforce\r\nmx: mx.example.test\r\nmax_age: 86400\r\n"
POLICY = Policy("enforce", frozenset({"mx.example.test"}), 86400)
Script = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]


def answer(body: bytes = BODY, status: str = "200 OK", kind: str = "text/plain", **headers: str) -> bytes:
    """A response; an underscore in a header's name is a hyphen."""
    given = {"Content-Length": str(len(body)), **({"Content-Type": kind} if kind else {}), **headers}
    lines = [f"HTTP/1.1 {status}", *(f"{name.replace('_', '-')}: {value}" for name, value in given.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def for_ever(writer: asyncio.StreamWriter, first: bytes, again: bytes) -> None:
    """Say something, then something again and again, as fast as it is taken."""
    writer.write(first)
    while True:
        writer.write(again)
        await writer.drain()


def endless(first: bytes, again: bytes = b"x" * 65536) -> Script:
    return lambda writer: for_ever(writer, first, again)


async def silent(writer: asyncio.StreamWriter) -> None:
    """Say the half of it, and no more."""
    writer.write(answer()[:-10])
    await writer.drain()
    await asyncio.Event().wait()


async def dripping(writer: asyncio.StreamWriter) -> None:
    """Give a byte each hundredth of a second."""
    for number in range(10**6):
        writer.write(answer(b"#" * 10**6)[number : number + 1])
        await writer.drain()
        await asyncio.sleep(0.01)


class Names:
    """A resolver that knows one address."""

    def __init__(self, found: Addresses) -> None:
        self.found = found
        self.asked: list[str] = []

    async def addresses(self, host: str, *, mode: str, family: str) -> Addresses:
        self.asked.append(f"{host} {mode} {family}")
        return self.found


class PolicyHost:
    """Where a scripted web server listens, and what it was asked."""

    def __init__(self) -> None:
        self.port = 0
        self.requests: list[bytes] = []
        self.asked = asyncio.Event()

    async def until_asked(self, count: int) -> None:
        """Wait for so many requests."""
        while len(self.requests) < count:
            self.asked.clear()
            await self.asked.wait()


@contextlib.asynccontextmanager
async def policy_host(script: Script, credentials: Credentials | None) -> AsyncIterator[PolicyHost]:
    """Serve with a certificate, or in clear; what is still being said at the end is cut short."""
    host, talks = PolicyHost(), set[asyncio.Task[Any]]()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.add(asyncio.current_task())  # type: ignore[arg-type]  # there is one
        with contextlib.suppress(OSError, asyncio.CancelledError):
            with contextlib.suppress(asyncio.IncompleteReadError):
                host.requests.append(await reader.readuntil(b"\r\n\r\n" if credentials else b"\x16"))
                host.asked.set()
            if isinstance(script, bytes):
                writer.write(script)
                await writer.drain()
            else:
                await script(writer)
        writer.transport.abort()

    tls = None
    if credentials:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(credentials.pem_file)
    server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=tls)
    host.port = server.sockets[0].getsockname()[1]
    try:
        yield host
    finally:
        server.close()
        for each in talks:
            each.cancel()
        await asyncio.gather(*talks, return_exceptions=True)


@contextlib.asynccontextmanager
async def fetching(
    host: PolicyHost, names: Names | None = None, *, allow_private: bool = True, patience: float = 5.0
) -> AsyncIterator[Fetcher]:
    resolver: Any = names or Names(Addresses(("127.0.0.1",)))
    yield Fetcher(resolver, allow_private=allow_private, port=host.port, patience=patience)


def certified(zoo: Zoo, **kind: Any) -> Credentials:
    return zoo.issue(Kind(**{"names": (f"mta-sts.{DOMAIN}",), **kind}))


async def fetched(zoo: Zoo, script: Script, patience: float = 5.0, **kind: Any) -> Policy | Problem:
    """What comes of a fetch from a server that says this, with a certificate of this kind."""
    async with policy_host(script, certified(zoo, **kind)) as host, fetching(host, patience=patience) as fetcher:
        return await fetcher.fetch(DOMAIN, str(zoo.ca_file))


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(answer(), id="a length"),
        pytest.param(answer(kind="Text/Plain; charset=UTF-8"), id="a charset"),
        pytest.param(answer(kind="text/plain; charset=iso-8859-1"), id="a web server's own charset"),
        pytest.param(answer(kind="text/plain; charset=no-such"), id="a charset that nobody knows"),
        pytest.param(answer(Set_Cookie="a=b; Domain=test"), id="a cookie"),
        pytest.param(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n" + BODY, id="until the end"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
            + b"".join(b"1\r\n%c\r\n" % byte for byte in BODY)
            + b"0\r\n\r\n",
            id="in chunks",
        ),
        pytest.param(answer(BODY + b"x: " + b"y" * (64 * 1024 - len(BODY) - 4) + b"\n"), id="64 KiB"),
    ],
)
async def test_a_policy_is_fetched(zoo: Zoo, script: bytes) -> None:
    assert await fetched(zoo, script) == POLICY


NOT_HAD = Reason.STS_POLICY_FETCH_ERROR
REFUSED: dict[str, tuple[Script, Reason, str]] = {
    "404": (answer(status="404 Not Found"), NOT_HAD, "HTTP status 404"),
    "204": (answer(b"", status="204 No Content"), NOT_HAD, "HTTP status 204"),
    "304": (answer(b"", status="304 Not Modified"), NOT_HAD, "HTTP status 304"),
    "a redirect to a private address": (
        answer(status="301 Moved", Location="https://10.0.0.1/"), NOT_HAD,
        "HTTP status 301 to https://10.0.0.1/: redirects are not followed",
    ),
    "a redirect to itself": (
        answer(status="302 Found", Location=f"https://mta-sts.{DOMAIN}/.well-known/mta-sts.txt"), NOT_HAD,
        f"HTTP status 302 to https://mta-sts.{DOMAIN}/.well-known/mta-sts.txt: redirects are not followed",
    ),
    "HTML": (
        answer(kind="text/html; charset=utf-8"), Reason.STS_POLICY_INVALID,
        "its Content-Type is 'text/html; charset=utf-8'; text/plain is required",
    ),
    "a type without a name": (answer(kind="; charset=utf-8"), Reason.STS_POLICY_INVALID, "Content-Type is '; charset"),
    "another type": (answer(kind="text/plainer"), Reason.STS_POLICY_INVALID, "its Content-Type is 'text/plainer'"),
    "no type": (answer(kind=""), Reason.STS_POLICY_INVALID, "it has no Content-Type; text/plain is required"),
    "gzip that was not asked for": (
        answer(Content_Encoding="gzip"), NOT_HAD, "its Content-Encoding is 'gzip', which was not asked for"
    ),
    "UTF-16": (
        answer(BODY.decode().encode("utf-16"), kind="text/plain; charset=utf-16"), Reason.STS_POLICY_INVALID,
        "it is not UTF-8 text",
    ),
    "no policy": (answer(b"hello"), Reason.STS_POLICY_INVALID, "'hello' is no line of a policy"),
    "64 KiB and a byte": (answer(b"#" * (64 * 1024 + 1)), NOT_HAD, "more than 64 KiB"),
    "an endless body": (endless(answer(b"").replace(b"h: 0", b"h: 1000000000000")), NOT_HAD, "more than 64 KiB"),
    "endless chunks": (
        endless(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"1000\r\n" + b"x" * 4096 + b"\r\n",
        ),
        NOT_HAD, "more than 64 KiB",
    ),
    "a chunk for each byte": (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"1\r\n#\r\n" * 20_000 + b"0\r\n\r\n",
        NOT_HAD, "in more than 1000 pieces",
    ),
    "a header without end": (endless(b"HTTP/1.1 200 OK\r\nX: "), NOT_HAD, "no whole answer in HTTP ("),
    "endless headers": (endless(b"HTTP/1.1 200 OK\r\n", b"X-More: y\r\n" * 500), NOT_HAD, "no whole answer in HTTP ("),
    "a status line without end": (endless(b"HTTP/1.1 200 "), NOT_HAD, "no whole answer in HTTP ("),
    "endless chunk extensions": (
        endless(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"y" * 65536),
        NOT_HAD, "",
    ),
    "SMTP": (b"220 mail.example.test ESMTP\r\n", NOT_HAD, "no whole answer in HTTP ("),
    "hostile bytes": (b"HTTP/1.1 200 \x1b[31m\x00\r\n\r\n", NOT_HAD, ""),
    "a hostile place": (answer(status="301 x", Location="/\x1b[31m"), NOT_HAD, ""),
    "two lengths": (answer(Content_length="1"), NOT_HAD, ""),
    "a length that is none": (answer(Content_Length="12abc"), NOT_HAD, "no whole answer in HTTP ("),
    "nothing": (b"", NOT_HAD, "it closed the connection without an answer"),
    "the half": (answer()[:-10], NOT_HAD, "no whole answer in HTTP (peer closed connection without"),
}  # fmt: skip
"""What a web server says, and what that is called."""


@pytest.mark.parametrize(("script", "reason", "said"), REFUSED.values(), ids=REFUSED)
async def test_whatever_a_web_server_says_is_bounded_and_has_a_name(
    zoo: Zoo, script: Script, reason: Reason, said: str
) -> None:
    problem = await fetched(zoo, script)
    assert isinstance(problem, Problem)
    assert (problem.reason, problem.stage, problem.severity) == (reason, Stage.POLICY, "warning")
    assert said in problem.detail
    assert f"mta-sts.{DOMAIN}: " in problem.detail
    assert problem.detail.isprintable()
    assert len(problem.detail) < 400


@pytest.mark.parametrize("script", [silent, dripping], ids=["falls silent", "drips"])
async def test_a_slow_web_server_is_given_up(zoo: Zoo, script: Script) -> None:
    problem = await fetched(zoo, script, patience=0.3)
    assert isinstance(problem, Problem)
    assert (problem.reason, problem.detail) == (NOT_HAD, f"mta-sts.{DOMAIN}: no whole answer within 0.3 s")


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        pytest.param({"names": ("example.test",)}, "Hostname mismatch", id="another name"),
        pytest.param({"names": ("*.test",)}, "Hostname mismatch", id="a wildcard for one label only"),
        pytest.param({"names": (), "subject": f"mta-sts.{DOMAIN}"}, "Hostname mismatch", id="the name as CN only"),
        pytest.param({"starts": -2 * DAY, "ends": -DAY}, "certificate has expired", id="expired"),
        pytest.param({"issuer": None}, "self-signed certificate", id="self-signed"),
        pytest.param({"issuer": "unknown_root"}, "unable to get local issuer certificate", id="unknown CA"),
        pytest.param({"sends_chain": False}, "unable to get local issuer certificate", id="no intermediate"),
    ],
)
async def test_a_certificate_that_is_not_valid_for_the_policy_host(zoo: Zoo, kind: dict[str, Any], said: str) -> None:
    problem = await fetched(zoo, answer(), **kind)
    assert isinstance(problem, Problem)
    assert problem.reason is Reason.STS_WEBPKI_INVALID
    assert said in problem.detail


async def test_what_is_asked_and_of_whom(zoo: Zoo) -> None:
    names = Names(Addresses(("127.0.0.1",)))
    async with policy_host(answer(), certified(zoo)) as host, fetching(host, names) as fetcher:
        await fetcher.fetch(DOMAIN, str(zoo.ca_file))
        await fetcher.fetch(DOMAIN, str(zoo.ca_file))
    assert names.asked == [f"mta-sts.{DOMAIN} dns any"] * 2
    lines = host.requests[1].decode().split("\r\n")
    assert lines[0] == "GET /.well-known/mta-sts.txt HTTP/1.1"
    assert "Accept-Encoding: identity" in lines
    assert f"Host: mta-sts.{DOMAIN}" in lines
    assert not any(line.startswith(("Cookie:", "Authorization:")) for line in lines)


async def test_the_roots_of_the_system_know_nobody_of_the_zoo(zoo: Zoo) -> None:
    async with policy_host(answer(), certified(zoo)) as host, fetching(host) as fetcher:
        fetcher.load([None])
        problem = await fetcher.fetch(DOMAIN, None)
    assert isinstance(problem, Problem)
    assert problem.reason is Reason.STS_WEBPKI_INVALID


async def test_a_web_server_that_speaks_no_tls(zoo: Zoo) -> None:
    async with policy_host(answer(), None) as host, fetching(host) as fetcher:
        problem = await fetcher.fetch(DOMAIN, str(zoo.ca_file))
    assert isinstance(problem, Problem)
    assert (problem.reason, "TLS failed" in problem.detail) == (NOT_HAD, True)


async def test_proxies_of_the_environment_are_not_asked(zoo: Zoo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    assert await fetched(zoo, answer()) == POLICY


@pytest.mark.parametrize(
    ("found", "said"),
    [
        pytest.param(Addresses(("127.0.0.1", "10.0.0.1")), "127.0.0.1, 10.0.0.1 is not public", id="private"),
        pytest.param(Addresses((), Ended(Stage.DNS, Reason.DNS_NOT_FOUND, "no such name")), "no such name", id="none"),
        pytest.param(Addresses(()), "it has no address", id="no address"),
    ],
)
async def test_where_no_policy_host_may_be_nobody_connects(zoo: Zoo, found: Addresses, said: str) -> None:
    async with policy_host(answer(), certified(zoo)) as host, fetching(host, Names(found), allow_private=False) as one:
        problem = await one.fetch(DOMAIN, str(zoo.ca_file))
    assert isinstance(problem, Problem)
    assert (problem.reason, said in problem.detail, host.requests) == (NOT_HAD, True, [])


async def test_of_several_addresses_one_that_answers_will_do(zoo: Zoo) -> None:
    names = Names(Addresses(("127.0.0.2", "127.0.0.1")))
    async with policy_host(answer(), certified(zoo)) as host, fetching(host, names) as fetcher:
        assert await fetcher.fetch(DOMAIN, str(zoo.ca_file)) == POLICY


async def test_nobody_listens(zoo: Zoo) -> None:
    async with policy_host(answer(), None) as host:
        pass
    async with fetching(host) as fetcher:
        problem = await fetcher.fetch(DOMAIN, str(zoo.ca_file))
    assert isinstance(problem, Problem)
    assert problem.reason is NOT_HAD
    assert "refused" in problem.detail.lower() or "connect" in problem.detail.lower()


@pytest.mark.parametrize(
    ("address", "is_public"),
    [
        ("1.1.1.1", True),
        ("2606:4700::1111", True),
        ("::ffff:1.1.1.1", True),
        ("64:ff9b::1.1.1.1", True),
        ("10.0.0.1", False),
        ("127.0.0.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("192.0.2.1", False),
        ("198.18.0.1", False),
        ("224.0.0.1", False),
        ("240.0.0.1", False),
        ("255.255.255.255", False),
        ("0.0.0.0", False),
        ("::", False),
        ("::1", False),
        ("fd00::1", False),
        ("fe80::1", False),
        ("fec0::1", False),
        ("ff02::1", False),
        ("2001:db8::1", False),
        ("::ffff:10.0.0.1", False),
        ("2002:a00:1::1", False),
        ("64:ff9b::10.0.0.1", False),
        ("64:ff9b:1::10.0.0.1", False),
    ],
)
def test_what_the_whole_world_can_reach(address: str, is_public: bool) -> None:
    assert public(address) is is_public


async def test_hung_web_servers_keep_only_those_waiting_that_failed_before(
    zoo: Zoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.sts.fetch.SPACING", 0.0)
    async with policy_host(silent, certified(zoo)) as tarpit, fetching(tarpit, patience=60.0) as fetcher:
        hung = [
            asyncio.ensure_future(fetcher.fetch(DOMAIN, str(zoo.ca_file), doubtful=True))
            for _ in range(DOUBTFUL_AT_ONCE + 5)
        ]
        await tarpit.until_asked(DOUBTFUL_AT_ONCE)
        of_another = await fetcher.fetch("another.test", str(zoo.ca_file))
        assert isinstance(of_another, Problem)
        assert of_another.reason is Reason.STS_WEBPKI_INVALID
        assert not any(each.done() for each in hung)
        for each in hung:
            each.cancel()
        await asyncio.gather(*hung, return_exceptions=True)


async def test_when_too_many_wait_others_are_to_come_again(zoo: Zoo) -> None:
    async with policy_host(silent, certified(zoo)) as tarpit, fetching(tarpit, patience=60.0) as fetcher:
        assert fetcher.has_room(doubtful=True)
        stuck = [asyncio.ensure_future(fetcher.fetch(f"d{n}.test", None, doubtful=True)) for n in range(MOST_WAITING)]
        await asyncio.sleep(0)
        assert (fetcher.has_room(doubtful=True), fetcher.has_room(doubtful=False)) == (False, True)
        for each in stuck:
            each.cancel()
        await asyncio.gather(*stuck, return_exceptions=True)


async def test_others_run_while_a_long_answer_is_read() -> None:
    """What has come already would be read to its end without waiting."""
    reader, turns = asyncio.StreamReader(limit=1 << 20), 0
    reader.feed_data(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n")
    reader.feed_data((b"1;" + b"x" * 100 + b"\r\na\r\n") * 900 + b"0\r\n\r\n")

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.ensure_future(count())
    talk = h11.Connection(h11.CLIENT)
    talk.send(h11.Request(method="GET", target="/", headers=[("Host", "a")]))
    talk.send(h11.EndOfMessage())
    assert await receive(talk, reader) == b"a" * 900
    counting.cancel()
    assert turns >= 90_000 // AT_A_TIME


# --- what a web server may make TLS do ----------------------------------------------------------------------------

Raw = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def told_by(zoo: Zoo, script: Raw) -> Problem:
    """What comes of a fetch from a server that speaks TLS itself."""
    talks = set[asyncio.Task[Any]]()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.add(asyncio.current_task())  # type: ignore[arg-type]  # there is one
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await script(reader, writer)
        writer.transport.abort()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    host = PolicyHost()
    host.port = server.sockets[0].getsockname()[1]
    async with fetching(host, patience=20.0) as fetcher:
        problem = await fetcher.fetch(DOMAIN, str(zoo.ca_file))
    server.close()
    await asyncio.gather(*talks, return_exceptions=True)
    assert isinstance(problem, Problem)
    assert problem.reason is NOT_HAD
    return problem


async def record(reader: asyncio.StreamReader) -> bytes:
    header = await reader.readexactly(5)
    return header + await reader.readexactly(int.from_bytes(header[3:]))


async def test_a_group_that_takes_too_long_is_not_computed(zoo: Zoo) -> None:
    flight = server_hello() + message(11, b"c" * 900) + dhe_exchange((1 << 8191 | 1).to_bytes(1024)) + DONE

    async def large_group(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await record(reader)
        writer.write(records(flight))
        await reader.read()

    problem = await told_by(zoo, large_group)
    assert "TLS failed (a Diffie-Hellman group of 8192 bits; more than 4096 are not computed)" in problem.detail


async def test_key_updates_without_end_are_ended(zoo: Zoo) -> None:
    async def update_for_ever(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server = Server13(certified(zoo))
        while server.sender is None:
            writer.write(server.feed(await record(reader)))
        while True:
            writer.write(b"".join(server.sender.key_update() for _ in range(100)))
            await writer.drain()
            await asyncio.sleep(0)  # the client runs in the same loop

    assert "TLS failed (more than 256 KiB beside the data)" in (await told_by(zoo, update_for_ever)).detail


@pytest.mark.parametrize("said", [b"", b"\x16\x03\x03"], ids=["nothing", "a part of a record"])
async def test_a_close_in_the_handshake(zoo: Zoo, said: bytes) -> None:
    async def leave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await record(reader)
        writer.write(said)
        writer.write_eof()
        await reader.read()

    assert (await told_by(zoo, leave)).detail == f"mta-sts.{DOMAIN}: TLS failed (the connection was closed)"
