"""What is kept of a failed probe: bounded, whatever a peer said."""

import pytest

from exporter.failure import MAX_LINE, MAX_LINES, MAX_SIZE, Failure, Line
from exporter.model import Reply, Step
from exporter.reasons import Reason, Stage
from tests.results import NOW, failed


def heard(*lines: str, at: float = 0.25) -> Step:
    return Step(at, Stage.GREETING, "S", Reply(554, lines))


def kept(*steps: Step) -> Failure:
    return Failure.of(failed(Reason.GREETING_REJECTED, steps=steps), "greeting_rejected")


def test_a_conversation_is_kept_line_by_line() -> None:
    failure = kept(Step(0.0, Stage.CONNECT, "-", "connecting to 192.0.2.1 port 25"), heard("go", " away "))
    assert (failure.finished, failure.reason) == (NOW, "greeting_rejected")
    assert list(failure.lines) == [
        Line("0.000", "connect", "-", "connecting to 192.0.2.1 port 25"),
        Line("0.250", "greeting", "S", "554-go"),
        Line("0.250", "greeting", "S", "554  away "),
    ]


def test_a_conversation_without_a_word() -> None:
    assert list(kept().lines) == []


@pytest.mark.parametrize(
    ("lines", "left_out"),
    [
        pytest.param(["x"] * 41, "(3 more lines)", id="more lines than fit"),
        pytest.param(["x" * 1000] * 12, "(4 more lines)", id="long lines"),
        pytest.param(["\U0001f600" * 1000] * 12, "(4 more lines)", id="four bytes a character"),
        pytest.param([""] * 5000, "(4962 more lines)", id="many empty lines"),
    ],
)
def test_of_too_much_the_beginning_and_the_end_are_kept(lines: list[str], left_out: str) -> None:
    failure = kept(heard("first", *lines[1:-1], "last"))
    said = [line.what for line in failure.lines]
    assert (said[0], said[-1]) == ("554-first", "554 last")
    assert left_out in said
    assert len(said) <= MAX_LINES
    assert len(failure.conversation) <= MAX_SIZE + 100
    assert all(len(line.encode()) <= MAX_LINE for line in said)


@pytest.mark.parametrize("text", ["a\nb", "a\rb", "\udcff", "\x00\x1b[31m", "\u2028", "", " ", "0.1 connect C x"])
def test_hostile_text_stays_one_line(text: str) -> None:
    (line,) = kept(heard(text)).lines
    assert (line.at, line.stage, line.who) == ("0.250", "greeting", "S")
    assert line.what == f"554 {text}".replace("\n", " ").replace("\udcff", "?")
