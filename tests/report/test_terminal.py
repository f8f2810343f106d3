"""How lines are written: on terminals of every width, and where there is none."""

import os
from io import StringIO

import pytest

from exporter.report.terminal import Screen, cells, columns, cut

FACTS = {"name": "one two  three", "empty": "", "another name": "x" * 30}


class Terminal(StringIO):
    """A stream that says it is a terminal of some width."""

    def __init__(self, width: int | None = None) -> None:
        super().__init__()
        self.width = width

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return -1


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COLUMNS", "NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)

    def size(_: int) -> os.terminal_size:
        raise OSError

    monkeypatch.setattr(os, "get_terminal_size", size)


def written(screen: Screen) -> list[str]:
    screen.line(("OK", "green"), ("mail.example.com:25", "bold"), ("192.0.2.1", ""))
    screen.facts(FACTS, indent=2)
    assert isinstance(screen.stream, StringIO)
    return screen.stream.getvalue().splitlines()


def test_no_terminal_gets_one_plain_line_for_each_fact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    assert written(Screen.of(StringIO())) == [
        "OK mail.example.com:25 192.0.2.1",
        "  name: one two  three",
        f"  another name: {'x' * 30}",
    ]


def test_a_terminal_has_columns() -> None:
    assert written(Screen(StringIO(), 44)) == [
        "OK          mail.example.com:25  192.0.2.1",
        "  name            one two  three",
        "  another name    xxxxxxxxxxxxxxxxxxxxxxxxxx",
        "                  xxxx",
    ]


def test_a_narrow_one_puts_values_below_their_names() -> None:
    assert written(Screen(StringIO(), 31)) == [
        "OK          mail.example.com:25",
        "    192.0.2.1",
        "  name            one two",
        "    three",
        "  another name",
        "    xxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "    xxx",
    ]


@pytest.mark.parametrize("width", [20, 21, 35, 36, 37, 80, 1_000_000])
def test_nothing_is_lost_and_nothing_longer_than_a_line(width: int) -> None:
    text = "a bb ccc 日本語 " + "é" * 90 + " e\u0301nd"
    screen = StringIO()
    Screen(screen, width).facts({"greeting": text}, 2)
    lines = screen.getvalue().splitlines()
    assert "".join("".join(lines).split()) == "greeting" + "".join(text.split())
    assert all(cells(line) <= width for line in lines)


@pytest.mark.parametrize(
    ("environment", "codes"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
    ids=str,
)
def test_colours_only_where_they_are_wanted(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], codes: bool
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert ("\x1b[1;32mOK\x1b[0m" in written(Screen.of(Terminal()))[0]) is codes


@pytest.mark.parametrize(
    ("wish", "reported", "width"),
    [
        ("", 100, 100),
        ("60", 100, 60),
        ("0", 100, 100),
        ("-5", 100, 100),
        ("wide", 100, 100),
        ("9" * 5000, 100, 100),
        ("", 0, 80),
        ("", 1, 1),
        ("", 1_000_000, 1_000_000),
        ("", None, 80),
    ],
)
def test_a_width_that_makes_no_sense_is_not_believed(
    monkeypatch: pytest.MonkeyPatch, wish: str, reported: int | None, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", wish)
    if reported is not None:
        monkeypatch.setattr(os, "get_terminal_size", lambda _: os.terminal_size((reported, 24)))
    assert columns(Terminal()) == width
    assert (Screen.of(Terminal()).width or 0) >= 20


@pytest.mark.parametrize(
    ("text", "taken"), [("", 0), ("abc", 3), ("日本", 4), ("e\u0301", 1), ("a\u200db", 2), ("🙂", 2)]
)
def test_characters_take_the_columns_that_a_terminal_gives_them(text: str, taken: int) -> None:
    assert cells(text) == taken


@pytest.mark.parametrize(
    ("text", "width", "kept"), [("abcdef", 4, "abcd"), ("日本語", 4, "日本"), ("日本語", 3, "日"), ("ab", 9, "ab")]
)
def test_a_text_is_cut_between_characters(text: str, width: int, kept: str) -> None:
    assert cut(text, width) == kept
