"""One connection, against the test bed: what a wire tells of it, on asyncio and on uvloop."""

import asyncio
import contextlib
import errno
import os
import select
import socket
import ssl
import struct
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import uvloop
from cryptography.hazmat.primitives.serialization import Encoding

from exporter.model import Session
from exporter.simulated.client import Client
from exporter.simulated.dialogues import HANDSHAKE_FAILURE
from exporter.simulated.ports import closed_port
from exporter.simulated.server import Script, Server
from exporter.trust import Judge
from exporter.wire import ClosedError, EarlyDataError, HandshakeError, Tls, TlsError, Wire, has_route, is_tls_record
from exporter.wire.arrival import ROOM, SO_TIMESTAMPNS, STAMP, connected_for, stamp, waited
from tests.patience import PATIENCE
from tests.test_handshake import dhe_exchange, message, records, server_hello
from tests.tls13 import Server13

if TYPE_CHECKING:
    from exporter.simulated.certificates import Zoo

HOST = "mail.example.test"
LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> Callable[[Awaitable[Any]], Any]:
    """Run something on a loop of either kind; whatever is raised from a callback fails the test."""

    def perform(work: Any) -> Any:
        raised: list[dict[str, Any]] = []
        with asyncio.Runner(loop_factory=LOOPS[request.param]) as runner:
            runner.get_loop().set_exception_handler(lambda _loop, context: raised.append(context))
            done = runner.run(asyncio.wait_for(work, PATIENCE))
        assert raised == []
        return done

    return perform


class Ear:
    """Listens to a wire, and does what the test says as things happen."""

    def __init__(self) -> None:
        self.wire = Wire(asyncio.get_running_loop(), self)
        self.heard = b""
        self.own_address = ""
        self.session: Session | None = None
        self.over: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()
        self.calls_after_the_end = 0
        self.on_connected: Callable[[], object] = lambda: None
        self.on_received: Callable[[], object] = lambda: None
        self.on_secured: Callable[[], object] = lambda: None

    def connected(self, own_address: str) -> None:
        self.own_address = own_address
        self.on_connected()

    def received(self, data: bytes) -> None:
        self.heard += data
        self.on_received()

    def secured(self, session: Session) -> None:
        self.session = session
        self.on_secured()

    def failed(self, error: Exception) -> None:
        if self.over.done():
            self.calls_after_the_end += 1
        else:
            self.over.set_result(error)

    async def end(self) -> Exception:
        """What ended it."""
        error = await self.over
        await asyncio.sleep(0)
        assert self.calls_after_the_end == 0
        return error


async def greeted(script: Script, *, prepare: Callable[[Ear], object] = lambda _: None, host: str = "127.0.0.1") -> Ear:
    """Talk to a server that performs this script, until the wire says that it is over."""
    async with Server(script, host=host) as server:
        ear = Ear()
        prepare(ear)
        ear.wire.connect(host, server.port)
        await ear.end()
    return ear


def error(ear: Ear) -> Exception:
    return ear.over.result()


async def hello(client: Client) -> None:
    await client.say("220 hello")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_hears_what_comes_until_the_peer_closes(run: Any, host: str) -> None:
    ear = run(greeted(hello, host=host))
    assert (ear.heard, ear.own_address, type(error(ear))) == (b"220 hello\r\n", host, ClosedError)


def test_a_refusal_is_an_error_of_the_system(run: Any) -> None:
    async def work() -> Exception:
        with closed_port() as port:
            ear = Ear()
            ear.wire.connect("127.0.0.1", port)
            return await ear.end()

    refused = run(work())
    assert isinstance(refused, ConnectionRefusedError)


def test_an_address_that_is_not_ours_fails_at_once(run: Any) -> None:
    async def work() -> None:
        Ear().wire.connect("127.0.0.1", 9, source="192.0.2.1")

    with pytest.raises(OSError, match=os.strerror(errno.EADDRNOTAVAIL)):
        run(work())


def test_the_source_address_is_used(run: Any) -> None:
    async def work() -> str:
        async with Server(hello) as server:
            ear = Ear()
            ear.wire.connect("127.0.0.1", server.port, source="127.0.0.5")
            await ear.end()
            return ear.own_address

    assert run(work()) == "127.0.0.5"


def test_a_reset_is_told_from_a_close(run: Any) -> None:
    assert isinstance(error(run(greeted(Client.reset))), ConnectionResetError)


def test_what_came_before_a_reset_is_heard(run: Any) -> None:
    async def script(client: Client) -> None:
        await client.say("554 go away")
        await client.reset()

    ear = run(greeted(script))
    assert (ear.heard, isinstance(error(ear), OSError)) == (b"554 go away\r\n", True)


def test_what_came_before_a_reset_is_heard_though_we_write_first(run: Any) -> None:
    async def script(client: Client) -> None:
        await client.say("554 go away")
        await client.reset()

    async def work() -> Ear:
        async with Server(script) as server:
            ear = Ear()

            def write_when_it_is_too_late() -> None:
                loop = asyncio.get_running_loop()
                loop.remove_reader(ear.wire._fd)
                loop.call_later(0.05, ear.wire.write, b"EHLO a\r\n")
                loop.call_later(0.06, lambda: loop.add_reader(ear.wire._fd, ear.wire._readable))

            ear.on_connected = write_when_it_is_too_late
            ear.wire.connect("127.0.0.1", server.port)
            await ear.end()
            return ear

    assert run(work()).heard == b"554 go away\r\n"


def leaving(ear: Ear, *, reset: bool) -> Callable[[], None]:
    """Connect to a server that says a line and is gone before the loop comes round again."""
    listener = socket.create_server(("127.0.0.1", 0))
    ear.wire.connect("127.0.0.1", listener.getsockname()[1])

    def leave() -> None:
        with listener, listener.accept()[0] as client:
            client.sendall(b"220 hello\r\n")
            if reset:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return leave


@pytest.mark.parametrize(
    "speak",
    [lambda wire: wire.write(b"EHLO a\r\n"), lambda wire: wire.start_tls("x", b"")],
    ids=["a command", "a ClientHello"],
)
def test_a_reset_that_came_with_data_is_heard_though_we_speak_at_once(run: Any, speak: Callable[[Wire], None]) -> None:
    async def work() -> Ear:
        ear = Ear()
        ear.on_connected, ear.on_received = leaving(ear, reset=True), lambda: speak(ear.wire)
        await asyncio.wait_for(ear.end(), PATIENCE)
        return ear

    ear = run(work())
    assert ear.heard == b"220 hello\r\n"
    over = error(ear)
    assert isinstance(over.cause if isinstance(over, HandshakeError) else over, ConnectionResetError)


def test_a_close_is_no_broken_pipe_though_what_we_said_met_a_reset(run: Any) -> None:
    async def work() -> Ear:
        ear = Ear()
        leave = leaving(ear, reset=False)

        def speak_too_late() -> None:
            leave()
            ear.wire.write(b"EHLO a\r\n")

        ear.on_connected = speak_too_late
        await asyncio.wait_for(ear.end(), PATIENCE)
        return ear

    ear = run(work())
    assert (ear.heard, type(error(ear))) == (b"220 hello\r\n", ClosedError)


def gone_at_once(ear: Ear, said: bytes, *, close_first: bool) -> None:
    """Connect to a server that resets the connection before the loop can tell that it is there."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ear.wire.connect("127.0.0.1", listener.getsockname()[1])
        with listener.accept()[0] as client:
            client.sendall(said)
            if close_first:
                client.shutdown(socket.SHUT_WR)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.mark.parametrize("said", [b"", b"220 hello\r\n"], ids=["nothing said", "a line said"])
@pytest.mark.parametrize(("close_first", "end"), [(False, ConnectionResetError), (True, ClosedError)])
def test_a_connection_that_is_reset_at_once_was_there(
    run: Any, said: bytes, close_first: bool, end: type[Exception]
) -> None:
    async def work() -> Ear:
        ear = Ear()
        gone_at_once(ear, said, close_first=close_first)
        await asyncio.wait_for(ear.end(), PATIENCE)
        return ear

    ear = run(work())
    assert (ear.own_address, ear.heard, type(error(ear))) == ("127.0.0.1", said, end)


def test_a_connection_that_is_reset_at_once_may_be_closed_by_its_listener(run: Any) -> None:
    async def work() -> Ear:
        ear = Ear()
        ear.on_connected = ear.wire.close
        gone_at_once(ear, b"", close_first=False)
        await asyncio.sleep(0.05)
        return ear

    assert not run(work()).over.done()


def test_nothing_is_heard_after_close(run: Any) -> None:
    async def work() -> bytes:
        async with Server(hello) as server:
            ear = Ear()
            ear.on_connected = ear.wire.close
            ear.wire.connect("127.0.0.1", server.port)
            await server.settled()
            assert not ear.over.done()
            return ear.heard

    assert run(work()) == b""


def test_a_line_that_the_kernel_does_not_take_at_once_is_sent_whole(run: Any) -> None:
    size = 8 * 1024 * 1024

    async def script(client: Client) -> None:
        await client.say("220 go")
        await client.hear_raw(size)
        await client.say("250 all of it")

    async def work() -> tuple[bytes, int]:
        async with Server(script) as server:
            ear = Ear()

            def answer() -> None:
                if ear.heard == b"220 go\r\n":
                    ear.wire.write(b"x" * (size // 2))
                    ear.wire.write(b"y" * (size // 2))

            ear.on_received = answer
            ear.wire.connect("127.0.0.1", server.port)
            await ear.end()
            return ear.heard, len(server.conversations[0].raw)

    assert run(work()) == (b"220 go\r\n250 all of it\r\n", size)


# --- TLS ---------------------------------------------------------------------------------------------------------


def with_tls(*, early: bytes | None = None, name: str = HOST) -> Callable[[Ear], object]:
    """Begin TLS with the connection."""

    def prepare(ear: Ear) -> None:
        ear.on_connected = lambda: ear.wire.start_tls(name, early)

    return prepare


def secure(zoo: "Zoo", *, kind: str = "good", close_notify: bool = True, **options: Any) -> Script:
    async def script(client: Client) -> None:
        await client.start_tls(zoo[kind], **options)
        await client.say("220 inside")
        await client.hang_up(close_notify=close_notify)

    return script


@pytest.mark.parametrize("version", ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"])
def test_speaks_every_version_of_tls(run: Any, zoo: "Zoo", version: str) -> None:
    ear = run(greeted(secure(zoo, versions=(version, version)), prepare=with_tls()))
    assert (ear.session.version, len(ear.session.chain), ear.heard) == (version, 2, b"220 inside\r\n")
    assert ear.session.cipher


@pytest.mark.parametrize("version", ["TLSv1", "TLSv1.1", "TLSv1.2"])
@pytest.mark.parametrize("bits", [1024, 2048])
def test_tells_the_size_of_a_finite_field_group(run: Any, zoo: "Zoo", version: str, bits: int) -> None:
    script = secure(zoo, kind="good_rsa", versions=(version, version), ciphers="kDHE", dh_bits=bits)
    session = run(greeted(script, prepare=with_tls())).session
    assert (session.version, session.cipher[:4], session.dh_bits) == (version, "DHE-", bits)


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_without_dhe_there_is_no_group_to_tell(run: Any, zoo: "Zoo", version: str) -> None:
    ear = run(greeted(secure(zoo, versions=(version, version)), prepare=with_tls()))
    assert ear.session.dh_bits is None


@pytest.mark.parametrize("close_notify", [True, False], ids=["close_notify", "without"])
def test_the_end_of_tls_is_a_close_either_way(run: Any, zoo: "Zoo", close_notify: bool) -> None:
    ear = run(greeted(secure(zoo, close_notify=close_notify), prepare=with_tls()))
    assert (type(error(ear)), ear.heard) == (ClosedError, b"220 inside\r\n")


def test_a_handshake_that_fails_late_still_shows_the_chain(run: Any, zoo: "Zoo") -> None:
    script = secure(zoo, client_certificate="required", versions=("TLSv1.2", "TLSv1.2"))
    failed = error(run(greeted(script, prepare=with_tls())))
    assert isinstance(failed, HandshakeError)
    assert len(failed.session.chain) == 2
    assert isinstance(failed.cause, TlsError)
    assert failed.raw[:1] == b"\x16"


def test_an_alert_is_in_the_raw_bytes(run: Any) -> None:
    async def script(client: Client) -> None:
        await client.hear_record()
        await client.send(HANDSHAKE_FAILURE)

    failed = error(run(greeted(script, prepare=with_tls())))
    assert isinstance(failed, HandshakeError)
    assert failed.raw == HANDSHAKE_FAILURE


@pytest.mark.parametrize("leave", [Client.hang_up, Client.reset], ids=["closed", "reset"])
def test_a_peer_that_leaves_in_the_handshake(run: Any, leave: Script) -> None:
    async def script(client: Client) -> None:
        await client.hear_record()
        await leave(client)

    failed = error(run(greeted(script, prepare=with_tls())))
    assert isinstance(failed, HandshakeError)
    assert isinstance(failed.cause, ClosedError | OSError)
    assert not isinstance(failed.cause, TlsError)


@pytest.mark.parametrize("size", [1, 3, 100])
def test_a_line_in_clear_is_told_whole(run: Any, size: int) -> None:
    async def script(client: Client) -> None:
        await client.hear_record()
        await client.drip("500 5.5.2 Error: bad syntax", size=size)
        await client.stall()

    failed = error(run(greeted(script, prepare=with_tls())))
    assert isinstance(failed, HandshakeError)
    assert failed.raw == b"500 5.5.2 Error: bad syntax\r\n"


def test_bytes_before_our_client_hello_are_early(run: Any) -> None:
    ear = run(greeted(Client.stall, prepare=with_tls(early=b"250 injected\r\n")))
    assert error(ear).args == (b"250 injected\r\n",)
    assert (type(error(ear)), ear.session) == (EarlyDataError, None)


def test_bytes_in_a_later_segment_before_our_client_hello_are_early_too(run: Any) -> None:
    async def work() -> tuple[Exception, bytes]:
        ready = asyncio.Event()

        async def script(client: Client) -> None:
            await client.say("220 go")
            await ready.wait()
            await client.send(b"250 injected\r\n")
            ear.wire.start_tls(HOST, b"")  # the bytes are in the kernel, and the wire has not looked again
            await client.stall()

        async with Server(script) as server:
            ear = Ear()

            def look_no_more() -> None:
                asyncio.get_running_loop().remove_reader(ear.wire._fd)
                ready.set()

            ear.on_received = look_no_more
            ear.wire.connect("127.0.0.1", server.port)
            return await ear.end(), bytes(server.conversations[0].raw)

    ended, sent = run(work())
    assert (ended.args, type(ended), sent) == ((b"250 injected\r\n",), EarlyDataError, b"")


@pytest.mark.parametrize("name", ["127.0.0.1", "::1"])
def test_an_ip_literal_is_no_server_name(run: Any, zoo: "Zoo", name: str) -> None:
    script = secure(zoo, sni={HOST: zoo.good}, unknown_name="default")
    ear = run(greeted(script, prepare=with_tls(name=name)))
    assert ear.session is not None


def test_finish_ends_tls_and_closes_our_side(run: Any, zoo: "Zoo") -> None:
    async def script(client: Client) -> None:
        await client.start_tls(zoo.good)
        await client.say("221 bye")
        await client.stall()

    async def work() -> tuple[bool, str | None]:
        async with Server(script) as server:
            ear = Ear()
            with_tls()(ear)
            ear.on_received = ear.wire.finish
            ear.wire.connect("127.0.0.1", server.port)
            await ear.end()
            await server.settled()
            return server.conversations[0].close_notify, server.conversations[0].left

    assert run(work()) == (True, "FIN")


def test_a_handshake_under_way_tells_what_it_has_shown(run: Any, zoo: "Zoo") -> None:
    async def work() -> tuple[object, object]:
        async with Server(Client.stall) as server:
            ear = Ear()
            connected = asyncio.Event()
            ear.on_connected = connected.set
            ear.wire.connect("127.0.0.1", server.port)
            await connected.wait()
            before = ear.wire.handshake_error(TimeoutError())
            ear.wire.start_tls(HOST)
            during = ear.wire.handshake_error(TimeoutError())
            ear.wire.close()
            return before, during

    before, during = run(work())
    assert (before, type(during)) == (None, HandshakeError)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_no_descriptor_is_left_behind(run: Any, zoo: "Zoo") -> None:
    scripts = (hello, Client.reset, Client.hang_up, secure(zoo), secure(zoo, client_certificate="required"))

    async def work() -> int:
        before = descriptors()
        for script in scripts * 3:
            await greeted(script, prepare=with_tls())
        with closed_port() as port:
            for _ in range(3):
                ear = Ear()
                ear.wire.connect("127.0.0.1", port)
                await ear.end()
        return descriptors() - before

    assert run(work()) <= 0


# --- routes and records ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_loopback_has_a_route(address: str) -> None:
    assert has_route(address)


class NoRoute:
    def __init__(self, code: int | None, source: str) -> None:
        self.code, self.source = code, source

    def __call__(self, *_: object) -> "NoRoute":
        return self

    def __enter__(self) -> "NoRoute":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def connect(self, _address: object) -> None:
        if self.code:
            raise OSError(self.code, os.strerror(self.code))

    def getsockname(self) -> tuple[str, int]:
        return self.source, 0


@pytest.mark.parametrize(
    ("address", "code", "source", "route"),
    [
        ("2001:4860::8888", errno.ENETUNREACH, "", False),
        ("2001:4860::8888", errno.EADDRNOTAVAIL, "", False),
        ("2001:4860::8888", errno.EAFNOSUPPORT, "", False),
        ("2001:4860::8888", errno.EACCES, "", True),
        ("2001:4860::8888", None, "2001:470::2", True),
        ("2001:4860::8888", None, "fd00::2", False),
        ("2001:4860::8888", None, "fe80::2%eth0", False),
        ("fd00::1", None, "fd00::2", True),
        ("8.8.8.8", None, "10.0.0.2", True),
        ("8.8.8.8", errno.ENETUNREACH, "", False),
    ],
)
def test_whether_a_packet_could_leave(
    monkeypatch: pytest.MonkeyPatch,
    address: str,
    code: int | None,
    source: str,
    route: bool,
) -> None:
    monkeypatch.setattr("exporter.wire.route.socket.socket", NoRoute(code, source))
    assert has_route(address) is route


@pytest.mark.parametrize(
    ("data", "tls"),
    [
        (b"\x15\x03\x03", True),
        (b"\x16\x03\x01", True),
        (b"\x16", True),
        (b"\x16\x02", False),
        (b"220", False),
        (b"", False),
    ],
)
def test_a_tls_record_is_known_by_its_first_bytes(data: bytes, tls: bool) -> None:
    assert is_tls_record(data) is tls


# --- when bytes arrived ---------------------------------------------------------------------------------------


def test_the_kernel_tells_how_long_bytes_have_waited(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.create_connection(listening.getsockname()) as ours:
        stamp(ours)
        theirs, _ = listening.accept()
        with theirs:
            ancillary: list[Any] = []
            until = time.monotonic() + PATIENCE
            while not ancillary and time.monotonic() < until:  # the kernel begins to stamp a moment after it was asked
                theirs.send(b"220 here\r\n")
                data, ancillary, _, _ = ours.recvmsg(100, ROOM)
                assert data == b"220 here\r\n"
    now = time.time()
    monkeypatch.setattr("exporter.wire.arrival.time.time", lambda: now + 60)
    assert 60 <= waited(ancillary) < 120


@pytest.mark.parametrize(
    "ancillary",
    [
        [],
        [(socket.SOL_SOCKET, SO_TIMESTAMPNS, b"short")],
        [(socket.SOL_SOCKET, 1, bytes(16))],
        [(socket.IPPROTO_TCP, SO_TIMESTAMPNS, bytes(16))],
    ],
    ids=["nothing", "another size", "another option", "another level"],
)
def test_where_nothing_is_told_bytes_arrived_when_they_were_read(ancillary: list[tuple[int, int, bytes]]) -> None:
    assert waited(ancillary) == 0


def test_a_clock_that_was_set_back_makes_no_negative_time() -> None:
    ahead = STAMP.pack(int(time.time()) + 3600, 0)
    assert waited([(socket.SOL_SOCKET, SO_TIMESTAMPNS, ahead)]) == 0


def test_the_kernel_tells_how_long_a_connection_took() -> None:
    with socket.create_server(("127.0.0.1", 0)) as there, socket.create_connection(there.getsockname()) as ours:
        assert 59 < connected_for(ours, 60.0) < 60


def test_a_syn_that_was_lost_is_the_time_of_the_network() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as there, socket.socket() as first, socket.socket() as ours:
        first.connect(there.getsockname())
        ours.settimeout(0)
        assert ours.connect_ex(there.getsockname()) == errno.EINPROGRESS  # the queue is full: our SYN is dropped
        there.accept()[0].close()
        assert select.select([], [ours], [], PATIENCE)[1]
        assert connected_for(ours, 60.0) == 0


@pytest.mark.parametrize("told", [OSError(errno.ENOPROTOOPT, "no"), bytes(60), bytes(104)], ids=["no", "less", "zero"])
def test_where_the_system_does_not_tell_a_connection_took_until_we_heard_of_it(told: OSError | bytes) -> None:
    class Sandboxed(socket.socket):
        def getsockopt(self, *_: Any) -> Any:
            if isinstance(told, OSError):
                raise told
            return told

    with Sandboxed() as ours:
        assert connected_for(ours, 60.0) == 0


def test_a_connection_that_is_told_of_late_took_no_longer(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("exporter.wire.connection.time", SimpleNamespace(monotonic=lambda: now[0]))

    async def late() -> float:
        async with Server(hello, host="127.0.0.1") as server:
            ear = Ear()
            told = asyncio.get_running_loop().create_future()
            ear.on_connected = lambda: told.set_result(None)
            ear.wire.connect("127.0.0.1", server.port)
            now[0] = 60.0
            await told
            ear.wire.close()
            return ear.wire.waited

    assert 59 < run(late()) < 60


def test_an_error_that_another_call_left_behind_is_none_of_a_connection(zoo: "Zoo") -> None:
    """OpenSSL keeps one queue of errors for the whole thread."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(zoo.good.pem_file)
    incoming, outgoing, tls = ssl.MemoryBIO(), ssl.MemoryBIO(), Tls(None)
    peer = server.wrap_bio(incoming, outgoing, server_side=True)
    while not tls.shake_hands():
        incoming.write(tls.outgoing())
        with contextlib.suppress(ssl.SSLWantReadError):
            peer.do_handshake()
        tls.feed(outgoing.read())
    leaf, *others = (each.public_bytes(Encoding.DER) for each in (zoo.good.certificate, *zoo.good.chain))
    tampered = leaf.replace(b"localhost", b"localh0st")
    verdict = Judge().judge((tampered, *others), "localhost", str(zoo.ca_file), zoo.now.timestamp())
    assert verdict
    assert "signature failure" in str(verdict.not_trusted)
    assert tls.read() is None


# --- what a hostile peer may make us do ---------------------------------------------------------------------------


def key_updates(zoo: "Zoo") -> Script:
    async def script(client: Client) -> None:
        server = Server13(zoo.good)
        while server.sender is None:
            await client.send(server.feed(await client.hear_record()))
        await client.send(b"".join(server.sender.key_update() for _ in range(5000)))
        await client.stall()

    return script


def test_a_flood_of_key_updates_ends_the_conversation(run: Any, zoo: "Zoo") -> None:
    ear = run(greeted(key_updates(zoo), prepare=with_tls()))
    assert (ear.heard, str(error(ear))) == (b"", "more than 64 messages after the handshake")


@pytest.mark.parametrize("inside_tls", [False, True])
def test_others_have_their_turn_after_16_kib(run: Any, zoo: "Zoo", inside_tls: bool) -> None:
    size = 1024 * 1024

    async def script(client: Client) -> None:
        if inside_tls:
            await client.start_tls(zoo.good)
        for _ in range(size // 8192):
            await client.send(b"x" * 8192)
        await client.hang_up()

    async def work() -> tuple[int, int]:
        async with Server(script) as server:
            ear, most, last = Ear(), 0, 0

            def turn() -> None:
                nonlocal most, last
                most, last = max(most, len(ear.heard) - last), len(ear.heard)
                if not ear.over.done():
                    asyncio.get_running_loop().call_soon(turn)

            if inside_tls:
                with_tls()(ear)
            ear.wire.connect("127.0.0.1", server.port)
            turn()
            await ear.end()
            return len(ear.heard), most

    heard, most = run(work())
    assert heard == size
    assert most <= 2 * 16 * 1024


def test_a_group_that_takes_too_long_ends_the_handshake(run: Any) -> None:
    flight = server_hello() + message(11, b"\x00\x00\x00") + dhe_exchange((1 << 8191 | 1).to_bytes(1024)) + message(14)

    async def script(client: Client) -> None:
        await client.hear_record()
        await client.send(records(flight))
        await client.stall()

    failed = error(run(greeted(script, prepare=with_tls())))
    assert isinstance(failed, HandshakeError)
    assert str(failed.cause) == "a Diffie-Hellman group of 8192 bits; more than 4096 are not computed"
