"""Results as data for programs: their shape is that of docs/api.md, and any result has one."""

import asyncio
import json
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from exporter import facts, page
from exporter.board import Board
from exporter.model import (
    AuthSettings,
    Endpoint,
    Expect,
    Hello,
    Peer,
    Reply,
    Result,
    Settings,
    Step,
    TlsSettings,
    Verdict,
)
from exporter.probe.prober import Prober
from exporter.reasons import Reason, Stage, Untestable
from exporter.simulated.healthy import SmtpServer, saying
from exporter.simulated.scripts import SCRIPTS
from exporter.trust import Judge
from tests.results import LEAF, NOW, endpoint, failed, healthy, peer

if TYPE_CHECKING:
    from exporter.simulated.certificates import Zoo
    from tests.conftest import Serve

DOCUMENT = Path(__file__).parent.parent / "docs" / "api.md"
EVIL = "\x00\x1b[31m\u202e\u2028\udcff</script>" + "\U0001f600" * 2000


def shape(value: Any) -> Any:
    """Keys and kinds of value, without the values."""
    match value:
        case dict():
            return {key: shape(each) for key, each in value.items()}
        case list():
            return [shape(each) for each in value]
        case bool() | None:
            return value
        case int() | float():
            return "number"
    return "text"


def rendered(board: Board, now: float = NOW) -> Any:
    return json.loads("".join(facts.render(board, now)))


async def probed(one: Endpoint) -> tuple[Board, Result]:
    board, done = Board(), asyncio.get_running_loop().create_future()
    board.add(one)
    prober = Prober(asyncio.get_running_loop(), Judge(), ehlo_name="probe.example.net")
    prober.probe(one.peer, ("127.0.0.1",), None, done.set_result)
    board.record(await done)
    return board, await done


async def test_the_documented_example_is_what_comes_key_by_key(serve: "Serve", zoo: "Zoo") -> None:
    server = await serve(SCRIPTS["certificate_expired"](zoo))
    settings = Settings("submission", tls=TlsSettings(str(zoo.ca_file)), expect=Expect(certificate="trusted"))
    one = endpoint("corporate mail", (("team", "mail"),), Peer("mail.example.test", "127.0.0.1", server.port, settings))
    board, result = await probed(one)
    (example,) = re.findall(r"```json\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
    assert shape(json.loads(example)) == shape(rendered(board, result.finished)[0])


def test_every_key_is_documented(board: Board) -> None:
    board.record(failed(Reason.GREETING_TIMEOUT))
    board.record(healthy(verdict=Verdict(LEAF, NOW, expired="expired"), steps=(Step(0.1, Stage.QUIT, "C", "QUIT"),)))
    text = DOCUMENT.read_text("utf-8").partition("```")[0]
    (found,) = rendered(board)
    parts = found["problems"][0], found["certificate"], found["last_failures"][0], found["tls"], found["transcript"][0]
    assert [key for part in (found, *parts) for key in part if f"`{key}`" not in text] == []


async def test_no_credentials_are_in_what_is_kept(serve: "Serve", zoo: "Zoo", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSWORD", "Spring2019")
    repeating = saying("535 5.7.8 AHVzZXIAU3ByaW5nMjAxOQ== was: Spring2019")
    server = await serve(SmtpServer(zoo.good, auth=("PLAIN",), on={"AUTH": repeating}))
    login = Settings("login", tls=TlsSettings(str(zoo.ca_file)), auth=AuthSettings("user", password_env="PASSWORD"))
    one = endpoint(of=Peer("mail.example.test", "127.0.0.1", server.port, login))
    board, result = await probed(one)
    board.record(healthy(one.peer))
    shown = "".join((*facts.render(board, result.finished), *page.render(board, result.finished)))
    assert shown.count("535 5.7.8 ") == 2
    for secret in ("Spring2019", "U3ByaW5nMjAxOQ", "AHVzZXIAU3ByaW5nMjAxOQ"):
        assert secret not in shown


@pytest.fixture
def board() -> Board:
    board = Board()
    board.add(endpoint())
    return board


@pytest.mark.parametrize(
    "result",
    [
        pytest.param(healthy(), id="healthy"),
        pytest.param(failed(Reason.DNS_NOT_FOUND), id="no address"),
        pytest.param(failed(Reason.CONNECTION_TIMEOUT), id="not connected"),
        pytest.param(failed(Reason.INTERNAL_ERROR), id="our own mistake"),
        pytest.param(failed(Reason.CONNECTION_TIMEOUT, untestable=Untestable.NO_IPV6, ended=None), id="untestable"),
        pytest.param(healthy(verdict=Verdict(replace(LEAF, not_after=math.inf), math.nan)), id="dates beyond JSON"),
        pytest.param(
            healthy(
                greeting=Reply(220, (EVIL,)),
                hello_tls=Hello("EHLO", {"X": EVIL}),
                verdict=Verdict(replace(LEAF, subject=EVIL, names=(EVIL,)), NOW),
                steps=(Step(0.1, Stage.GREETING, "S", Reply(220, (EVIL,))),),
            ),
            id="hostile",
        ),
    ],
)
def test_any_result_has_the_same_keys_and_comes_as_printable_ascii(board: Board, result: Result) -> None:
    board.record(result)
    text = "".join(facts.render(board, NOW))
    assert text.isascii()
    assert not [c for c in text if not c.isprintable() and c != "\n"]
    other = Board()
    other.add(endpoint())
    other.record(healthy())
    assert json.loads(text)[0].keys() == rendered(other)[0].keys()


def test_before_the_first_result_there_is_no_success(board: Board) -> None:
    (found,) = rendered(board)
    assert (found["state"], found["success"], found["since"], found["withdrawn"]) == ("pending", None, None, True)


def test_the_past_of_an_endpoint(board: Board) -> None:
    steps = (Step(0.25, Stage.GREETING, "S", Reply(554, ("go", "away"))),)
    for second in range(2):
        board.record(failed(Reason.GREETING_TIMEOUT, finished=NOW + second, steps=steps))
    (found,) = rendered(board, NOW + 1)
    assert (found["since"], found["consecutive_failures"], found["withdrawn"]) == (NOW, 2, False)
    assert [(each["finished"], each["reason"]) for each in found["last_failures"]] == [
        (NOW + 1, "greeting_timeout"),
        (NOW, "greeting_timeout"),
    ]
    assert found["last_failures"][0]["transcript"] == [
        {"at": 0.25, "stage": "greeting", "who": "S", "lines": ["554-go"]},
        {"at": 0.25, "stage": "greeting", "who": "S", "lines": ["554 away"]},
    ]


def test_no_endpoints_are_an_empty_list() -> None:
    assert rendered(Board()) == []


def test_many_endpoints_come_in_many_pieces() -> None:
    board = Board()
    for port in range(1, 201):
        board.add(endpoint(of=peer(port=port)))
        board.record(failed(Reason.GREETING_TIMEOUT, peer(port=port)))
    pieces = list(facts.render(board, NOW))
    assert max(map(len, pieces)) < 2 * facts.PIECE
    assert len(pieces) >= sum(map(len, pieces)) // (2 * facts.PIECE)
    assert len(json.loads("".join(pieces))) == 200
