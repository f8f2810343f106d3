"""Log lines that programs read back, whatever a peer said."""

import contextlib
import json
import logging
import os
import re
import select
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from exporter.logs import LEVELS, MAX_VALUE, Json, Lines, Logfmt, Seldom, journal_reads, set_up

HOSTILE = [
    "two words",
    'a "quote"',
    "back\\slash",
    "line\nbreak\r",
    "\x1b[31mred",
    "\u202eleft",
    "\udcff",
    "\U000e0041",
    "\x00\x7f\x85\u2028",
    "a=b",
    "",
    "ü",
]


def record(level: int = logging.INFO, message: str = "endpoint changed", **extra: object) -> logging.LogRecord:
    facts = {"name": "x", "levelno": level, "levelname": logging.getLevelName(level), "msg": message}
    made = logging.makeLogRecord(facts | {"created": 1_800_000_000.25, "module": "roster", "lineno": 7})
    vars(made).update(extra)
    return made


def logfmt(line: str) -> dict[str, str]:
    """Read a logfmt line; fail where there is more than pairs."""
    pair = re.compile(r'([a-z_]+)=("(?:[^"\\]|\\.)*"|[^\s"=\\]+)(?: |$)')
    found, at = {}, 0
    while at < len(line):
        match = pair.match(line, at)
        assert match, line[at:]
        name, value = match.groups()
        if value[0] == '"':
            value = json.loads(value)  # go-logfmt reads JSON's escapes only, and so does Loki
        found[name] = value
        at = match.end()
    return found


def test_a_line_byte_for_byte() -> None:
    assert Logfmt().format(record(endpoint="mail.example.test:25", state="critical")) == (
        'time=2027-01-15T08:00:00.250Z level=info source=roster.py:7 msg="endpoint changed" '
        "endpoint=mail.example.test:25 state=critical"
    )


@pytest.mark.parametrize("form", [Logfmt, Json])
def test_seconds_are_written_to_the_millisecond(form: type[logging.Formatter]) -> None:
    assert "3.7789" not in (line := form().format(record(seconds=3.7789999999995416)))
    assert "3.779" in line


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_logfmt_reads_back(text: str) -> None:
    line = Logfmt().format(record(detail=text, after="x"))
    assert line.isprintable()
    read = logfmt(line)
    assert (read["detail"], read["after"]) == (text, "x")


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_json_reads_back(text: str) -> None:
    line = Json().format(record(detail=text))
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["detail"] == text


@pytest.mark.parametrize("style", [Logfmt(), Json()], ids=["logfmt", "json"])
def test_a_traceback_stands_in_one_line(style: logging.Formatter) -> None:
    try:
        raise ZeroDivisionError("by\nzero")  # noqa: TRY301 - the traceback is what the test is about
    except ZeroDivisionError:
        line = style.format(record(exc_info=sys.exc_info()))
    assert "\n" not in line
    assert "ZeroDivisionError: by" in line


@pytest.mark.parametrize("name", ["time", "level", "source"])
def test_what_is_given_replaces_nothing_of_the_line_itself(name: str) -> None:
    forged = record()
    vars(forged)[name] = "forged"
    line = Logfmt().format(forged)
    assert "forged" not in line
    assert logfmt(line)["level"] == "info"


@pytest.mark.parametrize(("name", "number"), LEVELS.items())
def test_level_names(name: str, number: int) -> None:
    assert logfmt(Logfmt().format(record(number)))["level"] == name


def test_a_level_of_nobody_here_is_an_error() -> None:
    assert logfmt(Logfmt().format(record(logging.CRITICAL)))["level"] == "error"


@pytest.mark.parametrize("style", [Logfmt(), Json()], ids=["logfmt", "json"])
def test_of_an_endless_value_the_end_is_kept(style: logging.Formatter) -> None:
    line = style.format(record(detail="a" * 1_000_000 + "z"))
    assert len(line) < MAX_VALUE + 300
    assert "aaaz" in line


@pytest.mark.parametrize(
    ("name", "written"), [("asyncio", [0, 10]), ("aiohttp.server", [0, 10]), ("exporter.roster", [0, 1, 9, 10])]
)
def test_what_libraries_repeat_is_written_seldom(name: str, written: list[int]) -> None:
    times = iter([0, 1, 9, 10])
    seldom = Seldom(10, lambda: next(times))
    lines = (record(name=name, pathname="x.py", number=number) for number in (0, 1, 9, 10))
    assert [vars(line)["number"] for line in lines if seldom.filter(line)] == written


def test_another_line_of_a_library_is_another_matter() -> None:
    seldom = Seldom(10, lambda: 0)
    assert [seldom.filter(record(name="asyncio", pathname="x.py", lineno=line)) for line in (1, 2, 1)] == [
        True,
        True,
        False,
    ]


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch) -> logging.Logger:
    """The root logger, as it was before after the test."""
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(root, "level", root.level)
    monkeypatch.setattr(logging, "raiseExceptions", True)
    return root


@pytest.mark.parametrize(("level", "lines"), [("debug", 4), ("info", 3), ("warn", 2), ("error", 1)])
def test_only_what_is_grave_enough_is_written_to_stderr(
    level: str, lines: int, capfd: pytest.CaptureFixture[str], root: logging.Logger
) -> None:
    set_up(level)
    for number in LEVELS.values():
        root.getChild("exporter").log(number, "said")
    assert len(capfd.readouterr().err.splitlines()) == lines


# --- where it goes --------------------------------------------------------------------------------------------


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Both ends of a pipe: to read from, to write to."""
    ends = os.pipe()
    os.set_blocking(ends[0], False)
    yield ends
    for each in ends:
        with contextlib.suppress(OSError):
            os.close(each)


def logging_to(descriptor: int, **options: bool) -> Lines:
    handler = Lines(descriptor, **options)
    handler.setFormatter(Logfmt())
    return handler


def lines_in(descriptor: int) -> list[dict[str, str]]:
    """What has been written since the last look; the last line may be cut."""
    return [logfmt(line) for line in os.read(descriptor, 1 << 20).decode().split("\n")[:-1]]


@pytest.mark.parametrize(("name", "prefix"), [("debug", "<7>"), ("info", "<6>"), ("warn", "<4>"), ("error", "<3>")])
def test_the_journal_is_told_the_level(name: str, prefix: str, pipe: tuple[int, int]) -> None:
    logging_to(pipe[1], priorities=True).emit(record(LEVELS[name]))
    assert os.read(pipe[0], 5000).decode().startswith(f"{prefix}time=")


@pytest.mark.parametrize(
    ("environ", "reads"),
    [
        pytest.param(lambda one: {"JOURNAL_STREAM": f"{one.st_dev}:{one.st_ino}"}, True, id="it does"),
        pytest.param(lambda one: {"JOURNAL_STREAM": f"{one.st_dev}:{one.st_ino + 1}"}, False, id="sent elsewhere"),
        pytest.param(lambda _: {}, False, id="no journal"),
    ],
)
def test_whether_the_journal_reads(
    environ: Callable[[os.stat_result], dict[str, str]], reads: bool, pipe: tuple[int, int]
) -> None:
    assert journal_reads(pipe[1], environ(os.fstat(pipe[1]))) is reads


def test_the_journal_does_not_read_what_is_closed() -> None:
    assert journal_reads(9999, {"JOURNAL_STREAM": "1:1"}) is False


def test_a_reader_that_has_stopped_reading_is_not_waited_for_and_told_later(pipe: tuple[int, int]) -> None:
    handler = logging_to(pipe[1])
    for number in range(2000):
        handler.emit(record(number=number))
    taken = len(lines_in(pipe[0]))
    handler.emit(record(number=2000))
    loss, last = lines_in(pipe[0])
    assert 0 < taken < 2000
    assert (loss["msg"], loss["lines"]) == ("log lines were lost: stderr did not take them", str(2000 - taken))
    assert last["number"] == "2000"


def test_the_line_after_a_torn_one_begins_a_line_of_its_own(pipe: tuple[int, int]) -> None:
    handler = logging_to(pipe[1])
    while select.select([], [pipe[1]], [], 0)[1]:
        handler.emit(record(detail="x" * 10_000))
    torn = os.read(pipe[0], 1 << 20)
    assert not torn.endswith(b"\n")
    handler.emit(record(number=1))
    os.read(pipe[0], 1)
    assert [each.get("number") for each in lines_in(pipe[0])] == [None, "1"]


def test_what_cannot_be_written_costs_the_line_only(pipe: tuple[int, int]) -> None:
    handler = logging_to(pipe[1])
    os.close(pipe[0])
    handler.emit(record())
    os.close(pipe[1])
    handler.emit(record())


def test_a_full_disk_costs_the_line_only() -> None:
    with Path("/dev/full").open("wb", buffering=0) as full:
        logging_to(full.fileno()).emit(record())
