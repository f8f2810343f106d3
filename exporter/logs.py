"""Log lines as logfmt or JSON on stderr. What a peer sent is escaped: no line break or terminal code gets through."""

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Literal

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}
Format = Literal["logfmt", "json"]

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_NAMES = {number: name for name, number in LEVELS.items()}


def fields(record: logging.LogRecord) -> dict[str, object]:
    """What a line says, in order: time, level, source, message, then what was given as `extra`."""
    time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    said: dict[str, object] = {
        "time": time,
        "level": _NAMES.get(record.levelno, record.levelname.lower()),
        "source": f"{record.module}.py:{record.lineno}",
        "msg": record.getMessage(),
    }
    said |= {name: value for name, value in vars(record).items() if name not in _STANDARD and name not in said}
    if record.exc_info:
        said["traceback"] = "".join(traceback.format_exception(*record.exc_info))
    return said


def quoted(value: object) -> str:
    """A logfmt value: quoted where it holds more than plain characters, everything unprintable escaped."""
    text = str(value)
    if text and text.isascii() and text.isprintable() and not any(c in text for c in ' "=\\'):
        return text
    escaped = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text.replace("\\", "\\\\"))
    return '"' + escaped.replace('"', '\\"') + '"'


class Logfmt(logging.Formatter):
    """`time=… level=info source=… msg="…" key=value`, as Prometheus' own servers write."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        return " ".join(f"{name}={quoted(value)}" for name, value in fields(record).items())


class Json(logging.Formatter):
    """One JSON object a line, ASCII only."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        return json.dumps(fields(record), default=str)


def set_up(level: str = "info", style: Format = "logfmt") -> None:
    """Log to stderr from now on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Json() if style == "json" else Logfmt())
    logging.basicConfig(level=LEVELS[level], handlers=[handler], force=True)
    logging.raiseExceptions = False  # stderr may be closed: that must not stop the agent
    for name in ("aiohttp", "asyncio"):
        logging.getLogger(name).setLevel(max(LEVELS[level], logging.WARNING))
