"""What strangers may take of us: time, bytes and places, over real sockets on loopback; time passes by hand."""

import asyncio
import base64
import contextlib
import gc
import logging
import random
import weakref
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import web

from exporter.door import Limits
from exporter.door.site import SEND_BUFFER_BYTES
from tests.door.conftest import CANARY, HASH, Build, House, Write
from tests.patience import PATIENCE

GET = b"GET /metrics HTTP/1.1\r\nHost: x\r\n"
LIMITS = Limits()
MOST_BYTES = 50_000_000
"""More than kernels keep of a response."""
LAST = GET + b"Connection: close\r\n\r\n"


class Knock:
    """A connection that is held open."""

    def __init__(self, house: House) -> None:
        self.house = house

    async def __aenter__(self) -> "Knock":
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.house.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.transport.abort()

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    def take(self) -> None:
        """Read what comes, after `stalled`."""
        self.writer.transport.resume_reading()  # type: ignore[attr-defined]  # it reads as well

    async def answer(self) -> bytes:
        """Read one answer of known text."""
        return await self.reader.readuntil(b"up 1 http\n")

    async def ended(self) -> bytes:
        """Read to the end, however it comes. An endless response fails here, and does not fill the memory."""
        self.take()
        said = bytearray()
        with contextlib.suppress(ConnectionError):
            while piece := await self.reader.read(100_000):
                said += piece
                assert len(said) < MOST_BYTES
        return bytes(said)


async def until(condition: Callable[[], bool]) -> None:
    """Let the server notice what happened to its connections."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - the sockets of loopback tell no event
            await asyncio.sleep(0)


async def heard(house: House, count: int) -> None:
    """Wait until the one connection was heard to say so much."""
    await until(lambda: [each.heard for each in house.door.connections.waiting] == [count])


async def held(house: House, count: int) -> None:
    """Wait until so many connections have a place."""
    places = house.door.connections
    await until(lambda: len(places.waiting) + len(places.answering) == count)


async def running(house: House, seconds: float) -> None:
    """Wait until the only deadline is this one."""
    await until(lambda: house.timers.running == [seconds])


@pytest.mark.parametrize(
    ("said", "answer"),
    [(b"", b""), (b"GET /metrics", b"HTTP/1.1 408 "), (GET, b"HTTP/1.1 408 "), (GET + b"X: 1\r\n", b"HTTP/1.1 408 ")],
    ids=["nothing", "half a request line", "no end of the headers", "half the headers"],
)
async def test_who_asks_too_slowly_is_sent_away(said: bytes, answer: bytes, build: Build) -> None:
    house = await build()
    async with Knock(house) as one:
        await one.say(said)
        await heard(house, len(said))
        house.timers.expire(LIMITS.asking)
        assert (await one.ended()).startswith(answer)
    await held(house, 0)
    assert house.timers.running == []


async def test_dripping_bytes_buy_no_time(build: Build) -> None:
    house = await build()
    async with Knock(house) as one:
        for count, byte in enumerate(GET, 1):
            await one.say(bytes([byte]))
            await heard(house, count)
        assert [seconds for seconds, *_ in house.timers.set] == [LIMITS.asking]


async def test_the_second_question_may_not_be_slow_either(build: Build) -> None:
    house = await build()
    async with Knock(house) as one:
        await one.say(GET + b"\r\n")
        await one.answer()
        await one.say(GET)
        await running(house, LIMITS.asking)
        house.timers.expire(LIMITS.asking)
        assert (await one.ended()).startswith(b"HTTP/1.1 408 ")


async def test_who_asks_no_more_is_sent_away_without_a_word(build: Build) -> None:
    house = await build()
    async with Knock(house) as one:
        await one.say(GET + b"\r\n")
        await one.answer()
        await running(house, LIMITS.idle)
        house.timers.expire(LIMITS.idle)
        assert await one.ended() == b""


async def test_who_does_not_hear_that_it_was_refused_is_let_go(build: Build) -> None:
    house = await build(limits=Limits(question=3000))
    async with Knock(house) as one:
        await one.say(GET + b"X: " + b"a" * 4000)
        await running(house, LIMITS.closing)
        house.timers.expire(LIMITS.closing)
        await held(house, 0)


@pytest.mark.parametrize(
    "said",
    [b"GET /" + b"a" * 9000, GET + b"X: " + b"a" * 9000, GET + b"".join(b"X%d: 1\r\n" % n for n in range(9000))],
    ids=["request line", "one header", "many headers"],
)
async def test_who_asks_too_much_is_sent_away(said: bytes, build: Build) -> None:
    house = await build()
    async with Knock(house) as one:
        with contextlib.suppress(ConnectionError):
            await one.say(said + b"\r\n\r\n")
        assert (await one.ended())[9:13] in {b"400 ", b"431 ", b""}  # nothing where it was reset
    await held(house, 0)


async def test_endless_headers_are_cut_off(build: Build) -> None:
    house = await build(limits=Limits(question=3000))
    answer = await house.ask(GET, *(b"X%d: 1\r\n" % n for n in range(100)), b"Y: " + b"a" * 3000)
    assert answer.startswith(b"HTTP/1.1 431 ")


async def test_a_body_that_is_too_large_is_refused(build: Build) -> None:
    house = await build()
    async with Knock(house) as one:
        await one.say(b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n")
        await running(house, LIMITS.closing)
        house.timers.expire(LIMITS.closing)
        assert (await one.ended()).startswith(b"HTTP/1.1 413 ")


async def test_a_body_that_does_not_come_takes_only_the_time_of_an_answer(build: Build) -> None:
    house = await build()
    async with Knock(house) as one:
        await one.say(b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n")
        await running(house, LIMITS.answering)
        house.timers.expire(LIMITS.answering)
        assert await one.ended() == b""
    await held(house, 0)


async def test_an_answer_that_nobody_takes_is_dropped(build: Build) -> None:
    async def large(_: web.Request) -> web.Response:
        return web.Response(body=b"x" * 50_000_000)

    house = await build(get=large)
    async with Knock(house) as one:
        await one.say(GET + b"\r\n")
        await one.reader.readuntil(b"\r\n\r\n")
        await running(house, LIMITS.answering)
        house.timers.expire(LIMITS.answering)
        await until(lambda: not house.door.connections.by_protocol)


async def test_strangers_give_way_to_who_comes(build: Build) -> None:
    house = await build(limits=Limits(at_once=3))
    async with Knock(house) as first, Knock(house) as second, Knock(house) as third:
        for one in (first, second, third):
            await one.say(b"GET")
        await held(house, 3)
        assert b"up 1" in await house.ask(LAST)
        assert await first.ended() == b""


async def test_who_is_known_is_kept_while_strangers_give_way(build: Build) -> None:
    house = await build(limits=Limits(at_once=2))
    async with Knock(house) as known:
        await known.say(GET + b"\r\n")
        await known.answer()
        await running(house, LIMITS.idle)
        for _ in range(10):
            async with Knock(house) as stranger:
                await stranger.say(b"GET")
                await held(house, 2)
        await known.say(GET + b"\r\n")
        assert b"up 1" in await known.answer()


async def test_a_wrong_password_makes_nobody_known(build: Build, write: Write) -> None:
    house = await build(write(f"basic_auth_users: {{alice: {HASH}}}"))
    assert (await house.ask(GET + b"\r\n")).startswith(b"HTTP/1.1 401 ")
    await held(house, 0)


async def test_while_all_are_being_answered_nobody_is_let_in(build: Build) -> None:
    go = asyncio.Event()

    async def slow(_: web.Request) -> web.Response:
        await go.wait()
        return web.Response(text="up 1 http\n")

    house = await build(limits=Limits(at_once=1), get=slow)
    async with Knock(house) as one:
        await one.say(GET + b"\r\n")
        await until(lambda: bool(house.door.connections.answering))
        async with Knock(house) as late:
            assert await late.ended() == b""
        go.set()
        assert b"up 1" in await one.answer()


async def test_a_thousand_connections_hold_only_so_many_places(build: Build) -> None:
    house = await build(limits=Limits(at_once=20))
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(300):
            one = await stack.enter_async_context(Knock(house))
            await one.say(b"GET /")
        await asyncio.sleep(0)
        assert len(house.door.connections.by_protocol) <= 21
        assert b"up 1" in await house.ask(LAST)
    await held(house, 0)


async def test_questions_sent_together_are_answered_in_order(build: Build) -> None:
    house = await build()
    answer = await house.ask(GET + b"\r\n" + GET + b"\r\n" + LAST)
    assert answer.count(b"HTTP/1.1 200 OK") == 3


@pytest.mark.parametrize("seed", range(20))
async def test_rubbish_harms_nobody(seed: int, build: Build) -> None:
    house = await build()
    chance = random.Random(seed)  # noqa: S311 - rubbish is no secret
    said = bytearray(LAST * 3)
    for _ in range(chance.randrange(1, 30)):
        said[chance.randrange(len(said))] = chance.randrange(256)
    async with Knock(house) as one:
        with contextlib.suppress(ConnectionError):
            await one.say(bytes(said))
            one.writer.write_eof()
        await one.ended()
    await held(house, 0)
    assert b"up 1" in await house.ask(LAST)


# --- clients that read nothing --------------------------------------------------------------------------------


async def endless(request: web.Request) -> web.StreamResponse:
    """A response that never ends, sent as fast as the client takes it."""
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b"x" * 100_000)


async def endless_or_short(request: web.Request) -> web.StreamResponse:
    return await endless(request) if "endless" in request.query else web.Response(text="up 1 http\n")


ENDLESS = GET.replace(b"/metrics", b"/metrics?endless") + b"\r\n"


@contextlib.asynccontextmanager
async def stalled(house: House, count: int) -> AsyncIterator[list[Knock]]:
    """Connections that ask, read nothing, and whose responses have come to a halt, the first one first."""
    async with contextlib.AsyncExitStack() as stack:
        clients = []
        for number in range(1, count + 1):
            clients.append(await stack.enter_async_context(Knock(house)))
            clients[-1].writer.transport.pause_reading()  # type: ignore[attr-defined]  # it reads as well
            await clients[-1].say(ENDLESS)
            await until(lambda number=number: len(house.door.connections.stalled) == number)  # type: ignore[misc]  # a default
        yield clients


async def test_where_all_read_nothing_the_longest_stalled_gives_way_to_who_comes(build: Build) -> None:
    house = await build(limits=Limits(at_once=3), get=endless_or_short)
    async with stalled(house, 3) as clients:
        _, *others = house.door.connections.stalled
        assert b"up 1" in await house.ask(LAST)
        await clients[0].ended()
        assert list(house.door.connections.stalled) == others
    await held(house, 0)


async def test_who_takes_some_of_its_response_is_not_the_longest_stalled(build: Build) -> None:
    house = await build(limits=Limits(at_once=2), get=endless_or_short)
    async with stalled(house, 2) as (reader, _):
        first, second = house.door.connections.stalled
        reader.take()
        while list(house.door.connections.stalled) != [second, first]:
            await reader.reader.read(100_000)
        assert b"up 1" in await house.ask(LAST)
        assert list(house.door.connections.stalled) == [first]


async def test_only_so_many_responses_wait_for_their_clients(build: Build) -> None:
    house = await build(limits=Limits(stalled=3), get=endless)
    async with stalled(house, 3) as clients, Knock(house) as late:
        first, *others = house.door.connections.stalled
        await late.say(ENDLESS)
        await until(lambda: first not in house.door.connections.answering)
        await clients[0].ended()
        await until(lambda: len(house.door.connections.stalled) == 3)
        assert list(house.door.connections.stalled)[:2] == others


async def test_little_is_made_of_a_response_that_nobody_reads(build: Build) -> None:
    made = 0

    async def counted(request: web.Request) -> web.StreamResponse:
        nonlocal made
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            made += 50_000
            await response.write(bytes(50_000))

    house = await build(get=counted)
    async with stalled(house, 1):
        assert made < 5 * SEND_BUFFER_BYTES


async def test_one_client_has_only_so_many_places_and_gives_way_to_itself(build: Build) -> None:
    house = await build(limits=Limits(per_client=2))
    async with Knock(house) as first, Knock(house) as second:
        for one in (first, second):
            await one.say(b"GET")
        await until(lambda: [each.heard for each in house.door.connections.waiting] == [3, 3])
        async with Knock(house) as third:
            await third.say(LAST)
            assert b"up 1" in await third.answer()
        assert await first.ended() == b""
        assert len(house.door.connections.waiting) == 1


@pytest.mark.parametrize(
    ("path", "status"),
    [(b"/metrics", b"503 "), (b"/-/healthy", b"200 "), (b"/-/ready", b"200 "), (b"/prefix/-/healthy", b"200 ")],
)
async def test_one_place_in_ten_is_left_to_health_checks(path: bytes, status: bytes, build: Build) -> None:
    async with slow_house(build, answering=9) as house:
        assert (await house.ask(LAST.replace(b"/metrics", path))).startswith(b"HTTP/1.1 " + status)


async def test_a_stranger_without_a_place_is_told_to_come_back(build: Build) -> None:
    async with slow_house(build, answering=9) as house:
        assert b"\r\nRetry-After: 1\r\n" in await house.ask(LAST)


async def test_one_place_in_ten_is_left_to_who_was_answered_before(build: Build) -> None:
    async with slow_house(build, answering=0) as house, Knock(house) as known:
        await known.say(GET.replace(b"/metrics", b"/-/healthy") + b"\r\n")
        await known.answer()
        async with slow(house, 9):
            await known.say(LAST.replace(b"/metrics", b"/quick"))
            assert b"up 1" in await known.answer()


async def test_one_place_in_ten_is_left_to_who_has_the_password(build: Build, write: Write) -> None:
    header = b"Authorization: Basic " + base64.b64encode(f"alice:{CANARY}".encode()) + b"\r\n"
    async with slow_house(build, 9, write(f"basic_auth_users: {{alice: {HASH}}}"), header) as house:
        assert b"up 1" in await house.ask(LAST.replace(b"/metrics", b"/quick").replace(b"Host", header + b"Host"))


@contextlib.asynccontextmanager
async def slow_house(
    build: Build, answering: int, path: Path | None = None, header: bytes = b""
) -> AsyncIterator[House]:
    """A house of ten places, in which so many are being answered, and read what comes."""
    go = asyncio.Event()

    async def handler(request: web.Request) -> web.Response:
        if request.path == "/metrics":
            await go.wait()
        return web.Response(text="up 1 http\n")

    house = await build(path, limits=Limits(at_once=10), get=handler, paths="/{any:.*}")
    try:
        async with slow(house, answering, header):
            yield house
    finally:
        go.set()


@contextlib.asynccontextmanager
async def slow(house: House, count: int, header: bytes = b"") -> AsyncIterator[None]:
    async with contextlib.AsyncExitStack() as stack:
        for number in range(1, count + 1):
            one = await stack.enter_async_context(Knock(house))
            await one.say(GET + header + b"\r\n")
            await until(lambda number=number: len(house.door.connections.answering) == number)  # type: ignore[misc]  # a default
        yield


# --- clients that leave ---------------------------------------------------------------------------------------


async def test_a_client_that_leaves_during_a_response_is_no_error(
    build: Build, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    house = await build(get=endless)
    async with stalled(house, 1):
        pass
    await until(lambda: any("exporter" in each.name for each in caplog.records))
    assert [each for each in caplog.records if each.levelno > logging.DEBUG or each.exc_info] == []
    assert caplog.records[-1].getMessage() == "the client left"


async def test_a_response_that_is_broken_off_leaves_no_cycle(build: Build) -> None:
    async def large(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        kept.append(weakref.ref(owner := Owner(bytes(100_000))))
        await response.prepare(request)
        while owner:
            await response.write(owner.data)
        return response

    kept = list[weakref.ref[Owner]]()
    house = await build(get=large)
    gc.collect()
    gc.disable()
    try:
        async with stalled(house, 1):
            assert kept[0]()
        await until(lambda: not kept[0]())
    finally:
        gc.enable()


@dataclass
class Owner:
    """What a response is made of."""

    data: bytes


@pytest.mark.parametrize(
    "pieces",
    [
        (b"POST /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",),
        (b"POST /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", b"\r\n\r\n\r\nzz"),
        (b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nab",),
        (b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nContent-Length: 11\r\n\r\nab",),
        (b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nabcde",),
        (b"HEAD /metrics HTTP/1.1\r\nHost: x\r\nRange: bytes=0-5,7-\r\nConnection: close\r\n\r\n",),
        (b"GET /metrics HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\nrubbish",),
        (b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",),
    ],
    ids=["no chunk size", "a bad chunk later", "half a body", "two lengths", "no gzip", "ranges", "an upgrade",
         "CONNECT", "HTTP/2", "TLS"],
)  # fmt: skip
@pytest.mark.parametrize("reads", [True, False], ids=["reads it", "does not read it"])
async def test_hostile_requests_are_no_error_of_ours(
    pieces: tuple[bytes, ...], *, reads: bool, build: Build, caplog: pytest.LogCaptureFixture
) -> None:
    async def handler(request: web.Request) -> web.Response:
        if reads:
            await request.read()
        return web.Response(text="up 1 http\n")

    house = await build(get=handler)
    async with Knock(house) as one:
        for piece in pieces:
            await one.say(piece)
            await asyncio.sleep(0)
            await until(lambda: not house.door.connections.by_protocol or bool(house.timers.running))
    await held(house, 0)
    assert [each.getMessage() for each in caplog.records if each.levelno > logging.DEBUG] == []
    assert b"up 1" in await house.ask(LAST)
