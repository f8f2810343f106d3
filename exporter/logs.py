"""Log lines as logfmt or JSON on stderr. What a peer sent is escaped: no line break or terminal code gets through.

A line that stderr does not take at once is lost and counted: a full disk, a reader that is gone or one that has
stopped reading must not stop the agent. Nothing here knows what is logged.
"""

import contextlib
import json
import logging
import os
import select
import time
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Literal

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}
Format = Literal["logfmt", "json"]

FOREIGN = ("aiohttp", "asyncio")
STDERR = 2
PRIORITIES = {"debug": b"<7>", "info": b"<6>", "warn": b"<4>", "error": b"<3>"}
"""By which the journal tells levels apart, and which it takes off again (sd-daemon(3))."""
MAX_VALUE = 16_000
"""Characters of one value. Its end is kept, where a traceback says what went wrong; the journal cuts at 48 KiB."""

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_NAMES = {number: name for name, number in LEVELS.items()} | {logging.CRITICAL: "error"}


# --- what a line says -------------------------------------------------------------------------------------------


def fields(record: logging.LogRecord) -> dict[str, object]:
    """What a line says, in order: time, level, source, message, then what was given as `extra`."""
    when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    said: dict[str, object] = {
        "time": when,
        "level": level_of(record),
        "source": f"{record.module}.py:{record.lineno}",
        "msg": record.getMessage(),
    }
    said |= {name: value for name, value in vars(record).items() if name not in _STANDARD and name not in said}
    if record.exc_info:
        said["traceback"] = "".join(traceback.format_exception(*record.exc_info))
    return {name: _written(value) for name, value in said.items()}


def level_of(record: logging.LogRecord) -> str:
    """The name of its level, one of LEVELS where it has such a one."""
    return _NAMES.get(record.levelno, record.levelname.lower())


def _written(value: object) -> object:
    """Keep integers, round fractions to milliseconds, bound the text of anything else."""
    if isinstance(value, float):
        return round(value, 3)
    return value if isinstance(value, int) else _bounded(str(value))


def _bounded(text: str) -> str:
    return text if len(text) <= MAX_VALUE else "…" + text[-MAX_VALUE:]


def quoted(value: object) -> str:
    """A logfmt value: quoted where it holds more than plain characters, everything unprintable escaped.

    The escapes are those of JSON: go-logfmt, by which Loki reads, drops a line that holds any other.
    """
    text = str(value)
    if text and text.isascii() and text.isprintable() and not any(c in text for c in ' "=\\'):
        return text
    return '"' + "".join(c if c.isprintable() and c not in '"\\' else json.dumps(c)[1:-1] for c in text) + '"'


class Logfmt(logging.Formatter):
    """`time=… level=info source=… msg="…" key=value`, as Prometheus' own servers write."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        return " ".join(f"{name}={quoted(value)}" for name, value in fields(record).items())


class Json(logging.Formatter):
    """One JSON object a line, ASCII only."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        return json.dumps(fields(record))


class Seldom(logging.Filter):
    """Lets a line of asyncio or aiohttp through once in so many seconds for each place in their code.

    Without descriptors left asyncio logs a traceback a hundred times a second.
    """

    def __init__(self, seconds: float = 10.0, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._seconds, self._clock = seconds, clock
        self._next: dict[tuple[str, int], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line may be written."""
        if record.name.partition(".")[0] not in FOREIGN:
            return True
        now, place = self._clock(), (record.pathname, record.lineno)
        if now < self._next.get(place, now):
            return False
        self._next[place] = now + self._seconds
        return True


# --- where it goes ----------------------------------------------------------------------------------------------


class Lines(logging.Handler):
    """Writes lines to a descriptor that may be slow, full or gone. `priorities`: the journal reads it."""

    def __init__(self, descriptor: int, *, priorities: bool = False) -> None:
        super().__init__()
        self._descriptor, self._priorities = descriptor, priorities
        self._ready = select.poll()
        self._ready.register(descriptor, select.POLLOUT)
        self._lost = 0
        self._torn = False

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line, after one that tells how many were lost before it."""
        try:
            if self._lost and self._write(self._loss()):
                self._lost = 0
            self._lost += not self._write(record)
        except Exception:  # noqa: BLE001 - a mistake of ours in a log line; raised in tests only
            self.handleError(record)

    def _write(self, record: logging.LogRecord) -> bool:
        """Whether all of a line was taken. What `poll` finds ready takes PIPE_BUF bytes without waiting (pipe(7))."""
        priority = PRIORITIES.get(level_of(record), b"") if self._priorities else b""
        line = b"\n" * self._torn + priority + self.format(record).encode() + b"\n"
        rest = line
        with contextlib.suppress(OSError):
            while rest and self._ready.poll(0):
                rest = rest[os.write(self._descriptor, rest[: select.PIPE_BUF]) :]
        self._torn = 0 < len(rest) < len(line) or (self._torn and rest == line)
        return not rest

    def _loss(self) -> logging.LogRecord:
        message = "log lines were lost: stderr did not take them"
        record = logging.LogRecord(__name__, logging.WARNING, __file__, 0, message, (), None)
        vars(record)["lines"] = self._lost
        return record


def journal_reads(descriptor: int, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether a descriptor leads to the journal (systemd.exec(5), JOURNAL_STREAM)."""
    try:
        found = os.fstat(descriptor)
    except OSError:
        return False
    return environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


def occupy_standard_streams() -> None:
    """Open /dev/null where stdin, stdout or stderr is closed: no connection may get a number that others write to."""
    with contextlib.suppress(OSError):
        while (descriptor := os.open(os.devnull, os.O_RDWR)) <= STDERR:
            os.set_inheritable(descriptor, True)  # noqa: FBT003 - the standard library's signature
        os.close(descriptor)


def set_up(level: str = "info", style: Format = "logfmt") -> None:
    """Log to stderr from now on."""
    occupy_standard_streams()
    handler = Lines(STDERR, priorities=journal_reads(STDERR))
    handler.setFormatter(Json() if style == "json" else Logfmt())
    handler.addFilter(Seldom())
    logging.basicConfig(level=LEVELS[level], handlers=[handler], force=True)
    logging.raiseExceptions = False  # a mistake in a log line must not stop the agent
    for name in FOREIGN:
        logging.getLogger(name).setLevel(max(LEVELS[level], logging.WARNING))
