"""Log lines that programs read back, whatever a peer said."""

import json
import logging
import re
import sys

import pytest

from exporter.logs import LEVELS, Json, Logfmt, set_up

HOSTILE = [
    "two words",
    'a "quote"',
    "back\\slash",
    "line\nbreak\r",
    "\x1b[31mred",
    "\u202eleft",
    "\udcff",
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
            value = re.sub(r"\\(x..|u....|U.{8}|.)", _unescape, value[1:-1])
        found[name] = value
        at = match.end()
    return found


def _unescape(match: re.Match[str]) -> str:
    code = match[1]
    if len(code) > 1:
        return chr(int(code[1:], 16))
    return {"n": "\n", "r": "\r", "t": "\t"}.get(code, code)


def test_a_line_byte_for_byte() -> None:
    assert Logfmt().format(record(endpoint="mail.example.test:25", state="critical")) == (
        'time=2027-01-15T08:00:00.250Z level=info source=roster.py:7 msg="endpoint changed" '
        "endpoint=mail.example.test:25 state=critical"
    )


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


@pytest.mark.parametrize(("level", "lines"), [("debug", 4), ("info", 3), ("warn", 2), ("error", 1)])
def test_only_what_is_grave_enough_is_written_to_stderr(
    level: str, lines: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(root, "level", root.level)
    monkeypatch.setattr(logging, "raiseExceptions", True)
    set_up(level)
    for number in LEVELS.values():
        logging.getLogger("exporter.x").log(number, "said")
    assert len(capsys.readouterr().err.splitlines()) == lines
