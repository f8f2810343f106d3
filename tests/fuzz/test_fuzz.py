"""Whatever a peer sends, only a Result comes out. A short run in every suite; `make fuzz` gives FUZZ_EXAMPLES many.

The short run always tries the same; a long one tries what was never tried, and prints how to repeat a failure.
"""

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from exporter import exposition, facts, page
from exporter.board import Board
from exporter.checks import assess
from exporter.model import Endpoint, Peer, Reply, Result, Security, Session, TlsSettings, Verdict
from exporter.probe import shell
from exporter.probe.prober import Prober
from exporter.reasons import REASONS, Reason, Stage
from exporter.simulated.client import Client
from exporter.simulated.dialogues import after_ready
from exporter.simulated.healthy import SmtpServer
from exporter.simulated.server import Script, Server
from exporter.smtp.commands import Command, Connect, Handshake, Hear, Judge, Password, Quit, Say
from exporter.smtp.dialogue import Seen, converse
from exporter.smtp.reply import MAX_REPLY, MalformedReplyError, ReplyParser, ReplyTooLongError
from exporter.trust import Judge as TrustJudge
from exporter.trust.certificate import certificate
from tests.cpu_time_loop import CpuTimeLoop
from tests.patience import PATIENCE
from tests.probe.scenarios import HOST, IMPLICIT, IN_CLEAR, LOGIN, PASSWORD_ENV, RELAY, STRICT
from tests.results import LEAF, NOW

if TYPE_CHECKING:
    from exporter.simulated.certificates import Zoo

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))
LONG = EXAMPLES > 0


def examples(short: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """How many are tried: so many in the short run."""
    return settings(max_examples=EXAMPLES or short, derandomize=not LONG, database=None, deadline=None,
                    print_blob=LONG, suppress_health_check=list(HealthCheck))  # fmt: skip


WORDS = (
    *(b"220 ", b"220-", b"250 ", b"250-", b"334 ", b"354 ", b"421 ", b"454 ", b"535 ", b"550 ", b"554 ", b"2", b"99 "),
    *(b"\r\n", b"\n", b"\r", b" ", b"-", b"\0", b"\xff", b"\x1b[31m", b"x" * 600, b"250-x\r\n" * 300, b"4.7.0 "),
    *(b"STARTTLS", b"AUTH PLAIN LOGIN CRAM-MD5", b"AUTH=PLAIN", b"SIZE 0", b"SIZE 99999999999999999999", b"XXXXXXXX"),
    *(b"\x16\x03\x01", b"\x15\x03\x03\x00\x02\x02\x28", b"\x17\x03\x03", b"too many connections from your IP", b"Kg=="),
)
NOISE = some.lists(some.sampled_from(WORDS) | some.binary(max_size=30), max_size=20).map(b"".join)
TEXT = some.text(max_size=30) | some.sampled_from(WORDS).map(lambda word: word.decode("utf-8", "replace"))
REPLIES = some.builds(
    Reply,
    some.sampled_from((220, 250, 334, 235, 421, 454, 500, 535, 550, 554)) | some.integers(200, 599),
    some.lists(TEXT.map(lambda text: text.replace("\n", "")), min_size=1, max_size=6).map(tuple),
)


def shown(result: Result) -> None:
    """Everything that is made of a result can be made of this one."""
    board = Board()
    board.add(Endpoint("fuzz", result.peer))
    board.record(result)
    problems = board.states[result.peer].assessment.problems
    assert not [each for each in problems if each.stage not in REASONS[each.reason].stages]
    assert not [each for each in problems if each.reason is Reason.INTERNAL_ERROR]
    written = [
        "".join(made)
        for made in (exposition.render(board, NOW, openmetrics=True), facts.render(board, NOW), page.render(board, NOW))
    ]
    assert all(written)
    assert not {c for c in "".join(written) if not c.isprintable() and c != "\n"}


# --- without sockets ------------------------------------------------------------------------------------------


@examples(300)
@given(pieces=some.lists(NOISE, max_size=8))
def test_the_parser_gives_replies_or_says_that_they_are_none(pieces: list[bytes]) -> None:
    parser = ReplyParser()
    with contextlib.suppress(MalformedReplyError, ReplyTooLongError):
        for piece in pieces:
            reply = parser.feed(piece)
            while reply:
                assert 200 <= reply.code <= 599
                assert reply.lines
                reply = parser.feed(b"")
            assert len(parser.pending) <= MAX_REPLY


PEERS = tuple(
    Peer(HOST, "192.0.2.1", 25, each)
    for each in (RELAY, IMPLICIT, IN_CLEAR, STRICT, LOGIN, replace(LOGIN, security=Security.IMPLICIT))
)
JUDGEMENTS = (None, Verdict(LEAF, NOW), Verdict(LEAF, NOW, expired="expired"))
SESSIONS = some.builds(Session, some.sampled_from((None, "TLSv1", "TLSv1.3")), some.just("RC4-SHA"))


@examples(300)
@given(data=some.data(), peer=some.sampled_from(PEERS))
def test_the_dialogue_says_only_what_it_may_and_ends(data: Any, peer: Peer) -> None:
    def answer(command: Command) -> object:
        match command:
            case Say() | Hear():
                return data.draw(REPLIES)
            case Handshake():
                return data.draw(SESSIONS)
            case Judge():
                return data.draw(some.sampled_from(JUDGEMENTS))
            case Password():
                return data.draw(some.sampled_from((None, "password")))
            case Connect():
                return "192.0.2.99"
            case Quit():
                return None

    seen, said = Seen(), list[str]()
    script = converse(peer, seen, "probe.example.net")
    command = next(script)
    for _ in range(20):
        if isinstance(command, Say):
            said.append(command.line)
        try:
            command = script.send(answer(command))
        except (StopIteration, MalformedReplyError):  # the shell makes a reason of the second
            break
    else:
        pytest.fail(f"it never ends: {said}")
    assert not [line for line in said if {"\r", "\n", "\0"} & set(line)]
    assert {line.partition(" ")[0] for line in said} & {"MAIL", "RCPT", "VRFY", "EXPN", "DATA"} == set()
    learned = {name: getattr(seen, name) for name in Seen.__slots__}
    shown(Result(peer, NOW - 1, NOW, 1.0, {Stage.CONNECT: 0.1}, connected=True, **learned))


@examples(200)
@given(data=some.data())
def test_any_certificate_is_judged(zoo: "Zoo", data: Any) -> None:
    kind = data.draw(some.sampled_from(sorted(zoo)))
    der = bytearray(zoo[kind].certificate.public_bytes(Encoding.DER))
    for at in data.draw(some.lists(some.integers(0, len(der) - 1), max_size=4)):
        size = data.draw(some.integers(0, 3))
        der[at : at + size] = data.draw(some.binary(max_size=3))
    with contextlib.suppress(ValueError):  # not even OpenSSL can read it
        assert certificate(bytes(der)).fingerprint_sha256
    others = [one.public_bytes(Encoding.DER) for one in zoo[kind].chain]
    chain = (bytes(der), *others, data.draw(some.binary(max_size=40)))
    verdict = TrustJudge().judge(chain, HOST, str(zoo.ca_file), NOW)
    assert verdict is not None


# --- over loopback --------------------------------------------------------------------------------------------


def script(zoo: "Zoo", stage: str, noise: bytes, leave: Any) -> Script:
    """A healthy server, but for what it says at this stage."""

    async def noisy(client: Client) -> None:
        await client.send(noise)
        await leave(client)

    match stage:
        case "greeting":
            return noisy
        case "tls":
            return after_ready(noisy)
        case "EHLO inside":
            return SmtpServer(zoo.good, inside_tls={"EHLO": noisy})
    return SmtpServer(zoo.good, auth=("PLAIN", "LOGIN"), on={stage: noisy})


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> Iterator[asyncio.Runner]:
    """One loop for all examples."""
    monkeypatch.setenv(PASSWORD_ENV, "password")
    monkeypatch.setattr(shell, "QUIT_PATIENCE", 0.1)
    monkeypatch.setattr(shell, "CLOSE_PATIENCE", 0.01)
    with asyncio.Runner(loop_factory=CpuTimeLoop) as runner:
        yield runner


async def probed(script: Script, peer_settings: Any) -> Result:
    loop = asyncio.get_running_loop()
    prober, done = Prober(loop, TrustJudge(), ehlo_name="probe.example.net"), loop.create_future()
    async with Server(script) as server:
        prober.probe(Peer(HOST, "127.0.0.1", server.port, peer_settings), ("127.0.0.1",), None, done.set_result)
        result: Result = await asyncio.wait_for(done, PATIENCE)
    return result


@pytest.mark.parametrize("stage", ["greeting", "EHLO", "STARTTLS", "tls", "EHLO inside", "AUTH", "QUIT"])
def test_noise_at_any_stage_gives_a_result(
    zoo: "Zoo", runner: asyncio.Runner, caplog: pytest.LogCaptureFixture, stage: str
) -> None:
    @examples(15)
    @given(noise=NOISE, leave=some.sampled_from((Client.hang_up, Client.reset)))
    def examine(noise: bytes, leave: Any) -> None:
        asked = replace(LOGIN, timeout=2.0, tls=TlsSettings(str(zoo.ca_file)))
        began = runner.get_loop().time()
        result = runner.run(probed(script(zoo, stage, noise, leave), asked))
        assert assess(result).problems or result.connected
        assert runner.get_loop().time() - began < 5
        shown(result)

    with caplog.at_level(logging.WARNING):
        examine()
    assert caplog.messages == []
