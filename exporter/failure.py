"""What is kept of a failed probe when newer results have taken its place: when, why, and its conversation, bounded.

A result may hold a megabyte of a talkative server; of its failures each endpoint keeps a few kilobytes, in one string
of bytes each. The conversation comes from `probe.transcript`, where secrets have been masked. Shows nothing.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Self

from exporter.model import Result, Step
from exporter.reasons import Untestable

KEPT = 3
"""Failures of an endpoint that are kept."""
MAX_DETAIL = 200
"""Characters of a problem's detail that are kept."""
MAX_SIZE, MAX_LINES, MAX_LINE = 1600, 40, 200
"""Bytes and lines of a conversation that are kept, and bytes of each line: a real one fits whole."""

UNTESTABLE = frozenset(map(str, Untestable))


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a conversation: `what` was said by `who` ("C" we, "S" the server, "-" a remark), and when."""

    at: str
    """Seconds after the start, as text."""
    stage: str
    who: str
    what: str


@dataclass(frozen=True, slots=True)
class Failure:
    """One failed or untestable probe."""

    finished: float
    """Unix seconds."""
    reason: str
    """The primary problem, or why it was untestable."""
    detail: str
    """What was seen of that."""
    conversation: bytes
    """One line each, as `excerpt` made them."""

    @classmethod
    def of(cls, result: Result, reason: str, detail: str = "") -> Self:
        """Keep what is worth it of a result."""
        return cls(result.finished, reason, detail[:MAX_DETAIL], excerpt(result.steps))

    @property
    def untestable(self) -> bool:
        """Nothing could be said of the server."""
        return self.reason in UNTESTABLE

    @property
    def lines(self) -> Iterator[Line]:
        """The conversation, line by line. What a peer sent is hostile: escape it where it is shown."""
        for line in self.conversation.decode().split("\n") if self.conversation else ():
            yield Line(*line.split(" ", 3))


def keep(failure: Failure, earlier: tuple[Failure, ...]) -> tuple[Failure, ...]:
    """The last ones, the latest first. Where they are too many, the oldest goes; those that were untestable go first.

    So a server that refuses us for an hour does not push out what it did wrong before.
    """
    kept = [failure, *earlier]
    if len(kept) > KEPT:
        kept.remove(next((each for each in reversed(kept) if each.untestable), kept[-1]))
    return tuple(kept)


def excerpt(steps: Iterable[Step]) -> bytes:
    """Write the steps as lines of UTF-8; of too many the first and the last ones, which tell most."""
    lines = [_line(step, text) for step in steps for text in step.lines]
    whole = b"\n".join(lines)
    if len(lines) <= MAX_LINES and len(whole) <= MAX_SIZE:
        return whole
    first, last = _half(lines), _half(lines[::-1])[::-1]
    at, stage, _ = last[0].split(b" ", 2)
    left_out = len(lines) - len(first) - len(last)
    return b"\n".join((*first, b"%b %b - (%d more lines)" % (at, stage, left_out), *last))


def _line(step: Step, text: str) -> bytes:
    shown = text[:MAX_LINE].replace("\n", " ").encode("utf-8", "replace")[:MAX_LINE].decode("utf-8", "ignore")
    return f"{step.at:.3f} {step.stage} {step.who} {shown}".encode()


def _half(lines: list[bytes]) -> list[bytes]:
    """As many from the beginning as fit into half of what is kept."""
    sizes = accumulate(len(line) + 1 for line in lines[: (MAX_LINES - 1) // 2])
    return lines[: sum(size <= MAX_SIZE // 2 for size in sizes)]
