"""How a script is performed on a wire: what goes over it, how it ends, and that nothing of ours hurts others."""

import asyncio
from base64 import b64encode
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporter.checks import assess
from exporter.model import Peer, Result, Settings, TlsSettings
from exporter.probe import prober as prober_module
from exporter.probe.logins import Logins
from exporter.probe.prober import Prober
from exporter.probe.transcript import MAX_KEPT_LINES, MAX_LINES, Transcript
from exporter.reasons import REASONS, Reason, Stage
from exporter.simulated.client import Client
from exporter.simulated.dialogues import after_starttls, flooding, in_order, sending
from exporter.simulated.healthy import EXTENSIONS, SmtpServer, saying
from exporter.simulated.scripts import SCRIPTS
from exporter.simulated.server import Script, Server
from exporter.smtp.dialogue import converse
from exporter.trust import Judge
from tests.cpu_time_loop import CpuTimeLoop
from tests.patience import PATIENCE
from tests.probe.scenarios import IMPLICIT, IN_CLEAR, LOGIN, PASSWORD_ENV, RELAY, SCENARIOS, STRICT

if TYPE_CHECKING:
    from exporter.simulated.certificates import Zoo
    from tests.conftest import Serve
    from tests.probe.conftest import Probe


def anchored(settings: Settings, zoo: "Zoo") -> Settings:
    return replace(settings, tls=TlsSettings(str(zoo.ca_file)))


TALKING = [
    scenario
    for scenario in SCENARIOS
    if scenario.port == "server"
    and not scenario.judge_fails
    and (scenario.settings.security != "implicit" or scenario.id.startswith("healthy"))  # others hear a ClientHello
]


@pytest.mark.parametrize("scenario", TALKING, ids=[scenario.id for scenario in TALKING])
async def test_speaks_only_when_it_is_its_turn(
    scenario: Any, serve: "Serve", probe: "Probe", zoo: "Zoo", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PASSWORD_ENV, scenario.password)
    server = await serve(scenario.made(zoo))
    await probe(server.port, scenario.tls(zoo))
    assert len(server.conversations) == 1
    conversation = server.conversations[0]
    assert not conversation.early or scenario.id == "starttls_injection_later"  # whose ClientHello is in time
    assert all(line.data.endswith(b"\r\n") and line.data.count(b"\n") == 1 for line in conversation.lines)
    assert not {line.partition(" ")[0] for line in conversation.heard} & {"MAIL", "RCPT", "VRFY", "EXPN"}


NO_QUIT = (
    "greeting_timeout",
    "greeting_http",
    "greeting_mixed_codes",
    "greeting_temporary",
    "greeting_rate_limited",
    "ehlo_timeout",
    "ehlo_closed",
    "ehlo_mixed_codes",
    "ehlo_malformed",
    "starttls_injection",
    "starttls_timeout",
    "starttls_not_tls",
    "tls_timeout",
    "tls_handshake_failed",
    "client_certificate_required_1_2",
)
WITH_QUIT = (
    "healthy",
    "greeting_rejected",
    "greeting_client_rejected",
    "ehlo_temporary",
    "ehlo_rejected",
    "starttls_temporary",
    "starttls_rejected",
    "starttls_masked",
    "certificate_expired",
    "tls_weak",
    "healthy_in_clear",
)


@pytest.mark.parametrize(("name", "quit"), [*((n, False) for n in NO_QUIT), *((n, True) for n in WITH_QUIT)])
async def test_quit_is_said_as_the_contract_has_it(
    serve: "Serve",
    probe: "Probe",
    zoo: "Zoo",
    name: str,
    quit: bool,  # noqa: A002 - a column
) -> None:
    server = await serve(SCRIPTS[name](zoo))
    await probe(server.port, anchored(replace(RELAY, timeout=0.3), zoo))
    await server.settled()
    assert server.conversations[0].quit is quit


async def test_it_leaves_politely(serve: "Serve", probe: "Probe", zoo: "Zoo") -> None:
    server = await serve(SCRIPTS["healthy"](zoo))
    result = await probe(server.port, anchored(STRICT, zoo))
    await server.settled()
    conversation = server.conversations[0]
    assert (conversation.close_notify, conversation.left, conversation.heard[-1]) == (True, "FIN", "QUIT")
    assert [step.lines for step in result.steps[-2:]] == [("QUIT",), ("221 2.0.0 Bye",)]


async def test_a_farewell_in_pieces_is_heard_whole(serve: "Serve", probe: "Probe") -> None:
    async def bye(client: Client) -> None:
        await client.drip("221-so", "221 long")
        await client.hang_up()

    result = await probe((await serve(SmtpServer(on={"QUIT": bye}))).port, IN_CLEAR)
    assert result.steps[-1].lines == ("221-so", "221 long")
    assert result.ended is None


@pytest.mark.parametrize("data", ["no reply", "250-a\n251 b"], ids=["no reply", "mixed codes"])
async def test_nothing_from_quit_on_is_a_problem(serve: "Serve", probe: "Probe", data: str) -> None:
    result = await probe((await serve(SmtpServer(on={"QUIT": saying(*data.split("\n"))}))).port, IN_CLEAR)
    assert assess(result).problems == ()


async def test_every_stage_that_was_reached_has_its_time(serve: "Serve", probe: "Probe", zoo: "Zoo") -> None:
    result = await probe((await serve(SCRIPTS["healthy"](zoo))).port, anchored(STRICT, zoo))
    reached = {Stage.CONNECT, Stage.GREETING, Stage.EHLO, Stage.STARTTLS, Stage.TLS, Stage.QUIT}
    assert set(result.stages) == reached
    assert 0 < sum(result.stages.values()) <= result.duration
    assert result.finished - result.started == pytest.approx(result.duration, abs=1e-5)


async def test_what_lay_here_before_we_came_to_it_took_no_time(
    serve: "Serve", probe: "Probe", zoo: "Zoo", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.wire.connection.connected_for", lambda _socket, _since: 60.0)
    monkeypatch.setattr("exporter.wire.connection.waited", lambda _ancillary: 60.0)
    result = await probe((await serve(SCRIPTS["healthy"](zoo))).port, anchored(STRICT, zoo))
    assert set(result.stages.values()) == {0.0}


async def test_our_own_work_is_in_no_stage(
    serve: "Serve", probe: "Probe", zoo: "Zoo", monkeypatch: pytest.MonkeyPatch
) -> None:
    now, remark = [1000.0], Transcript.remark

    def work(*args: Any) -> None:
        now[0] += 5.0
        remark(*args)

    monkeypatch.setattr("exporter.probe.stopwatch.time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(Transcript, "remark", work)
    result = await probe((await serve(SCRIPTS["healthy"](zoo))).port, anchored(STRICT, zoo))
    assert set(result.stages.values()) == {0.0}
    assert result.duration >= 10.0


async def test_tls_that_was_not_begun_has_no_time(serve: "Serve", probe: "Probe", zoo: "Zoo") -> None:
    result = await probe((await serve(SCRIPTS["starttls_injection"](zoo))).port, anchored(STRICT, zoo))
    assert set(result.stages) == {Stage.CONNECT, Stage.GREETING, Stage.EHLO, Stage.STARTTLS}


async def test_the_deadline_is_for_the_whole_probe(serve: "Serve", probe: "Probe") -> None:
    async def slow(client: Client) -> None:
        await client.drip("250-mail", *["250-X"] * 200, "250 Y", size=7)

    async def nap(_seconds: float) -> None:
        await asyncio.sleep(0.03)

    server = await serve(SmtpServer(on={"EHLO": slow}), sleep=nap)
    loop = asyncio.get_running_loop()
    began = loop.time()
    result = await probe(server.port, replace(IN_CLEAR, timeout=0.15))
    assert result.ended is not None
    assert (result.ended.reason, loop.time() - began < 0.4) == (Reason.EHLO_TIMEOUT, True)


# --- our own bugs ------------------------------------------------------------------------------------------------


async def test_a_bug_in_a_script_is_an_internal_error_with_the_facts_kept(
    serve: "Serve", probe: "Probe", prober: Prober, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(peer: Any, seen: Any, *args: Any, **options: Any) -> Any:
        script = converse(peer, seen, *args, **options)
        command, answer = next(script), None
        while not seen.hello:
            answer = yield command
            command = script.send(answer)
        raise ZeroDivisionError("a bug of ours")

    server = await serve(SmtpServer())
    monkeypatch.setattr(prober_module, "converse", broken)
    bad = asyncio.ensure_future(probe(server.port, IN_CLEAR))
    await asyncio.sleep(0)
    monkeypatch.setattr(prober_module, "converse", converse)
    results = await asyncio.gather(bad, *(probe(server.port, IN_CLEAR) for _ in range(3)))
    assert [result.ended and result.ended.reason for result in results] == [Reason.INTERNAL_ERROR, None, None, None]
    assert results[0].greeting is not None
    assert results[0].hello is not None
    assert "ZeroDivisionError: a bug of ours" in caplog.text
    assert {(vars(each)["port"], vars(each)["address"]) for each in caplog.records} == {(server.port, "127.0.0.1")}
    assert prober.idle.is_set()


@pytest.mark.parametrize("name", ["healthy", "client_certificate_required_1_2"])
async def test_a_bug_in_the_judge_is_an_internal_error_and_no_lost_result(
    serve: "Serve", probe: "Probe", prober: Prober, zoo: "Zoo", monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def fails(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(prober, "_verdict", fails)
    result = await probe((await serve(SCRIPTS[name](zoo))).port, anchored(STRICT, zoo))
    assert result.ended is not None
    assert (result.ended.reason, result.ended.detail) == (Reason.INTERNAL_ERROR, "ZeroDivisionError")
    assert result.session is not None


async def test_a_bug_while_the_result_is_made_loses_no_result(
    serve: "Serve", probe: "Probe", monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise KeyError("a bug of ours")

    monkeypatch.setattr(Logins, "note", fails)
    result = await probe((await serve(SmtpServer())).port, IN_CLEAR)
    assert result.ended is not None
    assert (result.ended.reason, result.ended.detail) == (Reason.INTERNAL_ERROR, "KeyError")


async def test_abort_ends_all_conversations_at_once(serve: "Serve", probe: "Probe", prober: Prober) -> None:
    server = await serve(Client.stall)
    under_way = [asyncio.ensure_future(probe(server.port, RELAY)) for _ in range(3)]
    await asyncio.sleep(0.01)
    prober.abort()
    results = await asyncio.gather(*under_way)
    assert [type(result) for result in results] == [Result] * 3
    assert prober.idle.is_set()


# --- what a server sends is hostile ------------------------------------------------------------------------------


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5"])
@pytest.mark.parametrize("cut", [None, 30], ids=["whole", "cut"])
async def test_a_password_is_nowhere_though_the_server_repeats_it(
    serve: "Serve", probe: "Probe", zoo: "Zoo", monkeypatch: pytest.MonkeyPatch, mechanism: str, cut: int | None
) -> None:
    password = "correct horse battery staple"
    monkeypatch.setenv(PASSWORD_ENV, password)
    heard: list[str] = []

    async def echo(client: Client) -> None:
        heard.append(client.conversation.heard[-1])
        if mechanism != "PLAIN":
            for challenge in {"LOGIN": ("VXNlcg==", "UGFzcw=="), "CRAM-MD5": ("PDE4OTYuNjk3MTcwOTUyQGI+",)}[mechanism]:
                await client.say(f"334 {challenge}")
                heard.append(await client.hear())
        await client.say(f"535-no such thing as {' and '.join(heard)[:cut]}", f"535 nor {password}, {password.upper()}")

    server = await serve(SmtpServer(zoo.good, auth=(mechanism,), on={"AUTH": echo}))
    result = await probe(server.port, anchored(LOGIN, zoo))
    shown = repr((result, assess(result)))
    assert assess(result).problems[0].reason is Reason.AUTH_REJECTED
    assert password not in shown.lower()
    assert not [word for line in heard for word in line.split() if len(word) > 9 and word in shown]
    assert "AUTH " + mechanism in shown


async def test_a_password_is_nowhere_in_a_probe_without_a_login_either(
    serve: "Serve", probe: "Probe", zoo: "Zoo", monkeypatch: pytest.MonkeyPatch
) -> None:
    """The verdict of the login before stands, and its reply; and a server may say it again whenever it likes."""
    password, line = "correct horse battery staple", "AHVzZXIAY29ycmVjdCBob3JzZSBiYXR0ZXJ5IHN0YXBsZQ=="
    monkeypatch.setenv(PASSWORD_ENV, password)
    again = f"{password}, {b64encode(password.encode()).decode()}, {line}"
    server = await serve(
        SmtpServer(zoo.good, greeting=saying(f"220 {again}"), auth=("PLAIN",), on={"AUTH": saying(f"535 {again}")})
    )
    for _ in range(2):
        result = await probe(server.port, anchored(LOGIN, zoo))
        shown = repr((result, assess(result)))
        assert assess(result).problems[0].reason is Reason.AUTH_REJECTED
        assert not [each for each in (password, line, b64encode(password.encode()).decode()) if each in shown]
    assert Stage.AUTH not in result.stages


async def test_a_malformed_answer_hides_the_password_as_well(
    serve: "Serve", probe: "Probe", zoo: "Zoo", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PASSWORD_ENV, "correct horse battery staple")
    script = saying("what is 'correct horse battery staple'?")
    server = await serve(SmtpServer(zoo.good, auth=("PLAIN",), on={"AUTH": script}))
    result = await probe(server.port, anchored(LOGIN, zoo))
    assert result.ended is not None
    assert (result.ended.reason, result.ended.detail) == (Reason.REPLY_MALFORMED, "not an SMTP reply: what is '***'?")


async def test_a_reply_sent_before_it_was_asked_for_is_no_answer(serve: "Serve", probe: "Probe") -> None:
    ahead = sending(b"220 mail.example.test ESMTP\r\n250 not asked yet\r\n")
    result = await probe((await serve(SmtpServer(greeting=ahead))).port, IN_CLEAR)
    assert result.greeting is not None
    assert result.ehlo is None
    assert result.ended is not None
    assert (result.ended.reason, result.ended.stage) == (Reason.REPLY_MALFORMED, Stage.EHLO)


async def test_of_many_empty_lines_few_are_kept(serve: "Serve", probe: "Probe") -> None:
    lines = ("220-",) * 9000
    result = await probe((await serve(SmtpServer(greeting=saying(*lines, "220 mail")))).port, IN_CLEAR)
    assert result.greeting is not None
    assert len(result.greeting.lines) == MAX_KEPT_LINES
    assert next(step.lines[-1] for step in result.steps if step.who == "S") == f"220 ({9001 - MAX_LINES} more lines)"


async def test_the_transcript_of_a_giant_is_cut(serve: "Serve", probe: "Probe") -> None:
    lines = [f"250-X{number}" for number in range(5000)]
    result = await probe((await serve(SmtpServer(on={"EHLO": saying(*lines, "250 " + "x" * 9000)}))).port, IN_CLEAR)
    assert max(len(step.lines) for step in result.steps) == MAX_LINES + 1
    cut = [step.lines[-1] for step in result.steps if len(step.lines) > MAX_LINES]
    assert cut == [f"250 ({5001 - MAX_LINES} more lines)"]
    assert assess(result).problems == ()


@pytest.mark.parametrize(
    "script",
    [flooding(b"250 ok\r\n"), flooding(b"220 ok\r\n"), flooding(b"\r\n"), flooding(b"\x00"), flooding(b"2")],
    ids=["250", "220", "empty lines", "NUL", "digits"],
)
async def test_a_flood_ends_bounded(serve: "Serve", probe: "Probe", script: Script) -> None:
    result = await probe((await serve(script)).port, RELAY)
    assert len(result.steps) < 20
    assert result.ended is None or result.ended.reason not in {Reason.GREETING_TIMEOUT, Reason.EHLO_TIMEOUT}


@pytest.mark.parametrize("stage", ["greeting", "EHLO", "STARTTLS", "tls", "inside", "AUTH", "QUIT"])
def test_random_bytes_at_any_stage_give_a_result(zoo: "Zoo", monkeypatch: pytest.MonkeyPatch, stage: str) -> None:
    monkeypatch.setenv(PASSWORD_ENV, "password")
    likely = st.sampled_from(
        [b"220", b"250", b"334", b"421", b"554", b"-", b" ", b"\r\n", b"\n", b"\x16\x03\x01", b"STARTTLS"]
    )
    noise = st.one_of(st.binary(max_size=200), st.lists(likely, max_size=12).map(b"".join))

    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(data=noise)
    def examine(data: bytes) -> None:
        async def noisy(client: Client) -> None:
            await client.send(data)
            await client.hang_up()

        with asyncio.Runner(loop_factory=CpuTimeLoop) as runner:
            runner.run(_examine(script_of(noisy)))

    def script_of(noisy: Script) -> Script:
        match stage:
            case "greeting":
                return noisy
            case "tls":
                return after_starttls(in_order(saying("220 go"), Client.hear_record, noisy))  # type: ignore[arg-type]  # what it returns is not looked at
            case "inside":
                return SmtpServer(zoo.good, inside_tls={"EHLO": noisy})
        return SmtpServer(zoo.good, auth=("PLAIN",), extensions=EXTENSIONS, on={stage: noisy})

    async def _examine(script: Script) -> None:
        loop = asyncio.get_running_loop()
        prober, done = Prober(loop, Judge()), loop.create_future()
        async with Server(script) as server:
            peer_settings = anchored(replace(LOGIN, timeout=1.0), zoo)
            prober.probe(
                Peer("mail.example.test", "127.0.0.1", server.port, peer_settings),
                ("127.0.0.1",),
                None,
                done.set_result,
            )
            result = await asyncio.wait_for(done, PATIENCE)
        for problem in assess(result).problems:
            assert problem.reason is not Reason.INTERNAL_ERROR
            assert problem.stage in REASONS[problem.reason].stages

    examine()


async def test_a_refusal_that_came_before_our_client_hello_is_a_greeting_reason(
    serve: "Serve", probe: "Probe", zoo: "Zoo"
) -> None:
    server = await serve(saying("421 4.3.2 busy"))
    result = await probe(server.port, anchored(IMPLICIT, zoo))
    assert result.greeting is not None
    assert [problem.reason for problem in assess(result).problems] == [Reason.GREETING_TEMPORARY]
