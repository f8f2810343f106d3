"""What was said and heard in one conversation: bounded, and without secrets, also where the peer says them again.

Replies are cut first and searched for secrets then. Nothing here speaks or judges.
"""

from collections.abc import Callable
from dataclasses import replace

from exporter.model import Reply, Step
from exporter.probe.redaction import Redactor
from exporter.reasons import Stage

MAX_LINES, MAX_LINE = 40, 200
"""What the transcript keeps of one reply: more than any honest server says."""
MAX_TEXT = 8192
"""Characters of replies that one transcript keeps, and of one reply that a result keeps: hostile servers are many."""
MAX_KEPT_LINES = 200
"""Lines of one reply that a result keeps."""


class Transcript:
    """The steps of one conversation. `clock` says how many seconds it has lasted."""

    def __init__(self, clock: Callable[[], float], redactor: Redactor) -> None:
        self._clock = clock
        self.redactor = redactor
        self._room, self._whole = MAX_TEXT, True
        """Characters that are left, and whether every reply so far is in the transcript as it was heard."""
        self.steps: list[Step] = []

    def hide(self, secret: str) -> None:
        """From now on show no part of this."""
        self.redactor = self.redactor.including(secret)

    def said(self, stage: Stage, line: str) -> None:
        """A line of ours, as it may be shown."""
        self.steps.append(Step(self._clock(), stage, "C", line))

    def remark(self, stage: Stage, text: str) -> None:
        """What was neither said nor heard."""
        self.steps.append(Step(self._clock(), stage, "-", self.redactor.text(text, MAX_TEXT)))

    def kept(self, reply: Reply | None) -> Reply | None:
        """A reply that was heard, as a result keeps it: without secrets, cut where it is absurdly long."""
        if reply is None or (self._whole and not self.redactor.active):
            return reply
        kept, room = list[str](), MAX_TEXT
        for line in reply.lines[:MAX_KEPT_LINES]:
            kept.append(self.redactor.text(line, room))
            room -= len(line)
            if room <= 0:
                break
        return reply if tuple(kept) == reply.lines else replace(reply, lines=tuple(kept))

    def heard(self, stage: Stage, reply: Reply) -> None:
        """Note a reply, without secrets and cut."""
        size = sum(map(len, reply.lines))
        if self.redactor.active or size > MAX_LINE or size > self._room or len(reply.lines) > MAX_LINES:
            self._whole, reply = False, self._cut(reply)
        else:
            self._room -= size
        self.steps.append(Step(self._clock(), stage, "S", reply))

    def _cut(self, reply: Reply) -> Reply:
        shown: list[str] = []
        for line in reply.lines[: MAX_LINES if self._room > 0 else 0]:
            shown.append(self.redactor.text(line, MAX_LINE))
            self._room -= len(shown[-1])
        if len(reply.lines) > len(shown):
            shown.append(f"({len(reply.lines) - len(shown)} more lines)")
        return replace(reply, lines=tuple(shown))
