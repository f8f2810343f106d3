"""Telling a silent server that waits for a ClientHello from a slow one: when it is tried, how, and what stands then."""

import asyncio
import errno
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from exporter.checks import assess
from exporter.model import Ended, Expect, Peer, Reply, Result, Security
from exporter.probe import prober as prober_module
from exporter.probe import second_look
from exporter.probe.prober import Prober
from exporter.probe.second_look import AGAIN, SILENCE, SecondLooks
from exporter.reasons import Reason, Stage
from exporter.simulated.client import Client
from exporter.simulated.dialogues import after_client_hello, in_order, sending
from exporter.simulated.healthy import SmtpServer, saying
from exporter.simulated.server import Script, in_turn
from exporter.trust import Judge
from exporter.wire import Wire
from tests.probe.scenarios import HOST, IMPATIENT, RELAY
from tests.results import failed, healthy, peer

if TYPE_CHECKING:
    from exporter.simulated.certificates import Zoo
    from tests.conftest import Serve
    from tests.probe.conftest import Probe

ALERT, HANDSHAKE = b"\x15\x03\x01\x00\x02\x02\x28", b"\x16\x03\x03\x00\x04"
SUBMISSION = peer(port=587)


def silent(
    reason: Reason = Reason.GREETING_TIMEOUT, of: Peer = SUBMISSION, waited: float = SILENCE, **seen: Any
) -> Result:
    return failed(reason, of, stages={Stage.CONNECT: 9.0, Stage.GREETING: waited}, **seen)


def after_a_look(*, tls: bool, at: float = 0.0) -> SecondLooks:
    looks = SecondLooks()
    looks.begin(SUBMISSION, at)
    looks.note(SUBMISSION, tls)
    return looks


# --- when ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("result", "said", "due"),
    [
        (silent(), b"", True),
        (silent(Reason.GREETING_CLOSED), b"", True),
        (silent(of=peer(port=2525, security=Security.NONE)), b"", True),
        (silent(waited=SILENCE - 0.01), b"", False),
        (silent(Reason.GREETING_CLOSED, waited=0.0), b"", False),
        (silent(of=peer(port=25)), b"", False),
        (silent(of=peer(port=25, security=Security.NONE)), b"", False),
        (silent(of=peer(port=465, security=Security.IMPLICIT)), b"", False),
        (silent(of=peer(port=587, expect=Expect(port="closed"))), b"", False),
        (silent(), b"220-mail.example.test\r\n", False),
        (silent(), b"\r\n", False),
        (silent(Reason.GREETING_MALFORMED), b"SSH-2.0", False),
        (silent(Reason.IMPLICIT_TLS_REQUIRED), ALERT, False),
        (failed(Reason.CONNECTION_TIMEOUT, SUBMISSION, stages={Stage.CONNECT: 9.0}), b"", False),
        (failed(Reason.EHLO_TIMEOUT, SUBMISSION, stages={Stage.GREETING: 9.0}), b"", False),
        (healthy(SUBMISSION, stages={Stage.GREETING: 9.0}), b"", False),
    ],
    ids=[
        "timed out",
        "closed silently",
        "no security",
        "timed out too early",
        "closed too early",
        "port 25",
        "port 25, no security",
        "implicit",
        "to be closed",
        "a teaser came",
        "an empty line came",
        "another protocol",
        "an alert came",
        "not connected",
        "EHLO timed out",
        "slow and healthy",
    ],
)
def test_what_makes_us_look_again(result: Result, said: bytes, due: bool) -> None:
    assert SecondLooks().due(result, said, 0.0) is due


@pytest.mark.parametrize("tls", [True, False])
@pytest.mark.parametrize(("after", "due"), [(60.0, False), (AGAIN - 1, False), (AGAIN, True)])
def test_a_peer_that_goes_on_failing_so_is_looked_at_every_six_hours(tls: bool, after: float, due: bool) -> None:
    assert after_a_look(tls=tls, at=1000.0).due(silent(), b"", 1000.0 + after) is due


def test_other_peers_are_not_concerned() -> None:
    assert after_a_look(tls=True).due(silent(of=peer(port=588)), b"", 1.0)


# --- what stands -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", [Reason.GREETING_TIMEOUT, Reason.GREETING_CLOSED])
@pytest.mark.parametrize("tls", [True, False])
def test_the_verdict_stands_instead_of_the_greeting_reason(reason: Reason, tls: bool) -> None:
    told = after_a_look(tls=tls).judged(silent(reason, waited=0.0)).ended
    assert told is not None
    assert told.reason is (Reason.IMPLICIT_TLS_REQUIRED if tls else reason)


@pytest.mark.parametrize("reason", [Reason.CONNECTION_REFUSED, Reason.GREETING_MALFORMED])
def test_what_is_no_silence_keeps_its_reason(reason: Reason) -> None:
    result = failed(reason, SUBMISSION)
    assert after_a_look(tls=True).judged(result) is result


@pytest.mark.parametrize(
    ("result", "said", "stands"),
    [
        (healthy(SUBMISSION), b"", False),
        (failed(Reason.GREETING_TEMPORARY, SUBMISSION, ended=None, greeting=Reply(421, ("busy",))), b"", False),
        (silent(), b"220-mail.example.test\r\n", False),
        (silent(Reason.IMPLICIT_TLS_REQUIRED), ALERT, True),
        (failed(Reason.CONNECTION_REFUSED, SUBMISSION), b"", True),
        (silent(), b"", True),
    ],
    ids=["healthy", "421", "a teaser", "an alert", "refused", "silence"],
)
def test_the_verdict_stands_until_a_greeting_is_seen(result: Result, said: bytes, stands: bool) -> None:
    looks = after_a_look(tls=True)
    looks.due(result, said, 1.0)
    assert (looks.judged(silent()).ended == second_look.VERDICT) is stands


def test_after_a_greeting_it_starts_to_fail_anew() -> None:
    looks = after_a_look(tls=True)
    looks.due(healthy(SUBMISSION), b"", 60.0)
    assert looks.due(silent(), b"", 120.0)


@pytest.mark.parametrize(("told", "stands"), [(True, True), (False, False), (None, True)], ids=str)
def test_a_later_look_decides_unless_it_told_nothing(told: bool | None, stands: bool) -> None:
    looks = after_a_look(tls=True)
    looks.begin(SUBMISSION, AGAIN)
    looks.note(SUBMISSION, told)
    assert (looks.judged(silent()).ended == second_look.VERDICT) is stands


def test_a_peer_forgotten_during_the_look_stays_forgotten() -> None:
    looks = SecondLooks()
    looks.begin(SUBMISSION, 0.0)
    looks.forget(SUBMISSION)
    looks.note(SUBMISSION, tls=True)
    assert looks.due(silent(), b"", 1.0)


# --- over loopback ---------------------------------------------------------------------------------------------------


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any silence is long enough, and a second connection has no time to lose."""
    monkeypatch.setattr(second_look, "SILENCE", 0.0)
    monkeypatch.setattr(second_look, "PATIENCE", 0.5)


def reason_of(result: Result) -> Reason:
    [problem] = assess(result).problems
    assert problem.stage is Stage.GREETING
    return problem.reason


async def breath(client: Client) -> None:
    await client.pause(0)


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize(
    ("second", "reason"),
    [
        (after_client_hello(sending(HANDSHAKE)), Reason.IMPLICIT_TLS_REQUIRED),
        (after_client_hello(sending(ALERT)), Reason.IMPLICIT_TLS_REQUIRED),
        (
            after_client_hello(in_order(sending(ALERT[:1]), breath, sending(ALERT[1:]))),
            Reason.IMPLICIT_TLS_REQUIRED,
        ),
        (after_client_hello(sending(b"\x16")), Reason.GREETING_CLOSED),
        (after_client_hello(sending(b"\x16\x02\x00")), Reason.GREETING_CLOSED),
        (saying("220 mail.example.test ESMTP"), Reason.GREETING_CLOSED),
        (after_client_hello(saying("554 5.5.0 SMTP protocol synchronization error")), Reason.GREETING_CLOSED),
        (after_client_hello(sending(b"HTTP/1.1 400 Bad Request\r\n")), Reason.GREETING_CLOSED),
        (Client.stall, Reason.GREETING_CLOSED),
        (Client.hang_up, Reason.GREETING_CLOSED),
        (Client.reset, Reason.GREETING_CLOSED),
    ],
    ids=[
        "handshake",
        "alert",
        "alert in pieces",
        "one byte only",
        "not TLS",
        "greets late",
        "refuses the ClientHello",
        "HTTP",
        "silent",
        "closes",
        "resets",
    ],
)
async def test_only_a_tls_record_tells(serve: "Serve", probe: "Probe", second: Script, reason: Reason) -> None:
    server = await serve(in_turn(Client.hang_up, second))
    result = await probe(server.port, RELAY)
    assert (reason_of(result), len(server.conversations)) == (reason, 2)


@pytest.mark.usefixtures("soon")
async def test_one_more_connection_says_a_client_hello_and_nothing_else(
    serve: "Serve", probe: "Probe", zoo: "Zoo"
) -> None:
    server = await serve(SmtpServer(zoo.good, implicit=True))
    assert reason_of(await probe(server.port, IMPATIENT)) is Reason.IMPLICIT_TLS_REQUIRED
    await server.settled()
    first, second = server.conversations
    length = int.from_bytes(second.raw[3:5])
    assert (bytes(first.raw), bytes(second.raw[:3]), len(second.raw)) == (
        b"",
        b"\x16\x03\x01",
        5 + length,
    )  # RFC 8446 5.1
    assert HOST.encode() in second.raw


@pytest.mark.usefixtures("soon")
async def test_the_first_connection_is_closed_before_the_second_is_opened(serve: "Serve", probe: "Probe") -> None:
    first: list[Client] = []
    left: list[str | None] = []

    async def script(client: Client) -> None:
        if not first:
            first.append(client)
            await client.stall()
        await client.hear_record()
        left.append(first[0].conversation.left)
        await client.send(ALERT)

    server = await serve(script)
    assert reason_of(await probe(server.port, IMPATIENT)) is Reason.IMPLICIT_TLS_REQUIRED
    assert left == ["FIN"]


@pytest.mark.usefixtures("soon")
async def test_times_are_those_of_the_first_connection_and_the_transcript_tells_of_the_second(
    serve: "Serve", probe: "Probe"
) -> None:
    server = await serve(in_turn(Client.hang_up, Client.stall))
    began = time.time()
    result = await probe(server.port, RELAY)
    second_ended = time.time()
    assert set(result.stages) == {Stage.CONNECT, Stage.GREETING}
    assert sum(result.stages.values()) <= result.duration <= second_ended - began - second_look.PATIENCE
    assert began <= result.started <= result.finished <= second_ended - second_look.PATIENCE
    assert result.steps[-1].lines == ("a ClientHello on a second connection was not answered by TLS",)
    assert result.steps[-1].at >= second_look.PATIENCE - 0.01


@pytest.mark.parametrize("script", [Client.stall, Client.hang_up], ids=["timed out", "closed"])
async def test_a_silence_of_less_than_three_seconds_is_not_enough(
    serve: "Serve", probe: "Probe", script: Script
) -> None:
    server = await serve(script)
    await probe(server.port, IMPATIENT)
    assert len(server.conversations) == 1


@pytest.mark.usefixtures("soon")
async def test_a_teaser_is_no_silence(serve: "Serve", probe: "Probe") -> None:
    server = await serve(in_order(saying("220-wait"), Client.stall))
    assert reason_of(await probe(server.port, IMPATIENT)) is Reason.GREETING_TIMEOUT
    assert len(server.conversations) == 1


@pytest.mark.usefixtures("soon")
async def test_from_failing_to_healthy_and_back(serve: "Serve", probe: "Probe", zoo: "Zoo") -> None:
    now = 0.0
    by = Prober(asyncio.get_running_loop(), Judge(), monotonic=lambda: now)
    tls, clear = SmtpServer(zoo.good, implicit=True), SmtpServer(zoo.good)
    server = await serve(tls)

    async def probed(at: float) -> tuple[Reason | None, int]:
        nonlocal now
        now, before = at, len(server.conversations)
        result = await probe(server.port, IMPATIENT, by=by)
        return result.ended.reason if result.ended else None, len(server.conversations) - before

    assert await probed(0.0) == (Reason.IMPLICIT_TLS_REQUIRED, 2)
    assert await probed(AGAIN - 1) == (Reason.IMPLICIT_TLS_REQUIRED, 1)
    assert await probed(AGAIN) == (Reason.IMPLICIT_TLS_REQUIRED, 2)
    server.script = clear
    assert (await probed(AGAIN + 60))[1] == 1
    server.script = Client.stall
    assert await probed(AGAIN + 120) == (Reason.GREETING_TIMEOUT, 2)
    server.script = tls
    assert await probed(AGAIN + 180) == (Reason.GREETING_TIMEOUT, 1)
    by.forget(Peer(HOST, "127.0.0.1", server.port, IMPATIENT))
    assert await probed(AGAIN + 240) == (Reason.IMPLICIT_TLS_REQUIRED, 2)


@pytest.mark.parametrize("code", [errno.ECONNREFUSED, errno.EMFILE])
@pytest.mark.usefixtures("soon")
async def test_where_no_second_connection_is_to_be_had_the_greeting_reason_stands(
    serve: "Serve", probe: "Probe", monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    monkeypatch.setattr(Wire, "connect", once(Wire.connect, OSError(code, "no")))
    server = await serve(Client.hang_up)
    result = await probe(server.port, RELAY)
    assert (reason_of(result), result.steps[-1].lines) == (Reason.GREETING_CLOSED, ("no second connection",))
    assert assess(result).untestable is None


def once(function: Callable[..., None], error: Exception) -> Callable[..., None]:
    """Make a function that works once, and raises an error from then on."""
    left = iter([function])

    def work(*arguments: Any) -> None:
        if (function := next(left, None)) is None:
            raise error
        function(*arguments)

    return work


@pytest.mark.usefixtures("soon")
async def test_refused_over_the_wire_it_stands_too(probe: "Probe") -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0)
        under_way = asyncio.ensure_future(probe(listener.getsockname()[1], RELAY))
        connection, _ = await asyncio.get_running_loop().sock_accept(listener)
        listener.close()
        connection.close()
        result = await under_way
    assert (reason_of(result), result.steps[-1].lines) == (Reason.GREETING_CLOSED, ("no second connection",))


@pytest.mark.usefixtures("soon")
async def test_abort_ends_the_second_connection_as_well(
    serve: "Serve", probe: "Probe", prober: Prober, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(second_look, "PATIENCE", 60.0)
    hello = asyncio.Event()

    async def second(client: Client) -> None:
        await client.hear_record()
        hello.set()
        await client.stall()

    server = await serve(in_turn(Client.hang_up, second))
    under_way = asyncio.ensure_future(probe(server.port, RELAY))
    await hello.wait()
    assert not prober.idle.is_set()
    prober.abort()
    result = await under_way
    assert (result.ended, prober.idle.is_set()) == (Ended(Stage.GREETING, Reason.GREETING_CLOSED), True)
    await server.settled()


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("where", ["connecting", "greeting"])
async def test_a_bug_of_ours_is_an_internal_error_and_no_lost_result(
    serve: "Serve",
    probe: "Probe",
    prober: Prober,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    where: str,
) -> None:
    def broken(*_: object) -> bytes:
        raise ZeroDivisionError("a bug of ours")

    if where == "greeting":
        monkeypatch.setattr(second_look, "client_hello", broken)
    else:
        monkeypatch.setattr(Wire, "connect", once(Wire.connect, ZeroDivisionError("a bug of ours")))
    result = await probe((await serve(Client.hang_up)).port, RELAY)
    assert result.ended == Ended(Stage.INTERNAL, Reason.INTERNAL_ERROR, "ZeroDivisionError")
    assert "ZeroDivisionError: a bug of ours" in caplog.text
    assert {(vars(each)["port"], vars(each)["address"]) for each in caplog.records} == {(result.peer.port, "127.0.0.1")}
    assert prober.idle.is_set()


async def test_a_healthy_probe_makes_one_connection_and_no_second_look(
    serve: "Serve", probe: "Probe", monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[object] = []
    monkeypatch.setattr(prober_module, "SecondLook", made.append)
    server = await serve(SmtpServer())
    await probe(server.port, RELAY)
    assert (len(server.conversations), made) == (1, [])


@pytest.mark.parametrize(("name", "named"), [("mail.example.test", True), ("192.0.2.1", False), ("2001:db8::1", False)])
def test_a_client_hello_is_one_record_and_names_no_literal(name: str, named: bool) -> None:
    hello = second_look.client_hello(name)
    assert (hello[0], len(hello)) == (0x16, 5 + int.from_bytes(hello[3:5]))
    assert (name.encode() in hello) is named


@pytest.mark.usefixtures("soon")
async def test_it_comes_from_the_address_that_was_configured(serve: "Serve", probe: "Probe") -> None:
    server = await serve(Client.hang_up)
    sources: list[str] = []
    accepting = replace(RELAY, source_address=("127.0.0.9",))

    async def script(client: Client) -> None:
        sources.append(client._socket.getpeername()[0])
        await client.hang_up()

    server.script = script
    await probe(server.port, accepting)
    await server.settled()
    assert sources == ["127.0.0.9"] * 2
