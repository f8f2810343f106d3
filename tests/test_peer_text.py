"""What is not printable looks the same wherever text of a peer is shown."""

import html
import json
import logging
from collections.abc import Callable
from io import StringIO

import pytest

from exporter import exposition, facts, page
from exporter.board import Board
from exporter.changes import endpoint_changed
from exporter.logs import Json
from exporter.model import Reply, Step
from exporter.multitarget.shown import debug
from exporter.peer_text import MAX_EXCERPT, escape, excerpt, quote, replace_unprintable
from exporter.reasons import Reason, Stage
from exporter.report.look import Seen
from exporter.report.terminal import Screen
from exporter.report.text import print_text
from tests.results import ADDRESS, HOST, NOW, endpoint, failed, peer

CASES = [
    pytest.param("mail.example.test ESMTP <ü> \U0001f600", "mail.example.test ESMTP <ü> \U0001f600", id="printable"),
    pytest.param("\x1b]0;x\x07\x1b[2J", r"\x1b]0;x\x07\x1b[2J", id="terminal"),
    pytest.param("\x9b31m\x85\x7f", r"\x9b31m\x85\x7f", id="C1"),
    pytest.param("\u202eevil\u2066\u200f", r"\u202eevil\u2066\u200f", id="bidirectional"),
    pytest.param("a\r\nb\tc\u2028d\xa0e", r"a\r\nb\tc\u2028d\xa0e", id="breaks and spaces"),
    pytest.param("\udcff\ufeff\U000e0041", r"\udcff\ufeff\U000e0041", id="surrogate, mark and tag"),
    pytest.param(r"\x1b and \\", r"\x1b and \\", id="backslashes stay"),
]
EVIL, SHOWN = "5.7.1 \x1b[31m\u202e\x9b\u2028no\tway", r"5.7.1 \x1b[31m\u202e\x9b\u2028no\tway"


@pytest.mark.parametrize(("text", "shown"), CASES)
def test_escapes_are_written_once_however_often_it_is_done(text: str, shown: str) -> None:
    assert escape(text) == escape(escape(text)) == shown
    assert escape(text).isprintable()
    assert quote(text) == f"'{shown}'"


@pytest.mark.parametrize(("text", "shown"), CASES)
def test_a_label_has_a_replacement_for_each_character(text: str, shown: str) -> None:
    value = replace_unprintable(text)
    assert value.isprintable()
    assert (len(value), value == text) == (len(text), text == shown)


@pytest.mark.parametrize("cut", [excerpt, lambda text: replace_unprintable(text, MAX_EXCERPT)])
@pytest.mark.parametrize("text", ["x" * 1000, "\x1b" * 1000, "\U000f0000" * 1000], ids=["x", "controls", "private"])
def test_no_escape_makes_a_text_longer_than_its_bound(cut: Callable[[str], str], text: str) -> None:
    assert len(cut(text)) == MAX_EXCERPT


def board_of_an_evil_server() -> Board:
    board, one = Board(), endpoint()
    board.add(one)
    reply = Reply(554, (EVIL,))
    steps = (Step(0.1, Stage.GREETING, "S", reply),)
    board.record(failed(Reason.GREETING_REJECTED, greeting=reply, steps=steps, ended=None))
    return board


def terminal(board: Board) -> str:
    screen = StringIO()
    print_text(Seen(board), Screen(screen, 200))
    return screen.getvalue()


def api(board: Board) -> str:
    """An answer without the quoting of JSON itself."""
    said = json.loads("".join(facts.render(board, NOW)))
    return json.dumps(said, ensure_ascii=False).replace("\\\\", "\\")


SURFACES: dict[str, Callable[[Board], str]] = {
    "page": lambda board: html.unescape("".join(page.render(board, NOW))),
    "endpoint": lambda board: html.unescape("".join(page.render_endpoint(board, NOW, ("mail", HOST, ADDRESS, "25")))),
    "API": api,
    "terminal": terminal,
    "debug": lambda board: debug(next(iter(board.endpoints.values())), peer().settings),
}


@pytest.mark.parametrize("show", SURFACES.values(), ids=SURFACES)
def test_every_place_shows_the_same_escapes(show: Callable[[Board], str]) -> None:
    said = show(board_of_an_evil_server())
    assert SHOWN in said
    assert said.replace("\n", "").isprintable()


def test_the_log_has_the_same_escapes(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    board = Board()
    board.add(endpoint())
    change = board.record(failed(Reason.GREETING_REJECTED, greeting=Reply(554, (EVIL,)), ended=None))
    assert change
    endpoint_changed(board.states[peer()], change)
    assert json.loads(Json().format(caplog.records[-1]))["detail"] == f"554 {SHOWN}"


def test_metrics_have_no_text_of_a_reply() -> None:
    said = "".join(exposition.render(board_of_an_evil_server(), NOW, openmetrics=False))
    assert "way" not in said
    assert said.replace("\n", "").isprintable()
