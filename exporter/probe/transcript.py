"""What was said and heard in one conversation: bounded, and without secrets, also where the peer says them again.

A naive server repeats our AUTH line in its 535, a hostile one might anywhere. So whatever it says passes through
`cleaned` before anybody else sees it. Nothing here speaks or judges.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import chain, groupby

from exporter.model import Reply, Step
from exporter.reasons import Stage

MAX_LINES, MAX_LINE = 40, 200
"""What the transcript keeps of one reply: more than any honest server says."""
MAX_TEXT = 8192
"""Characters of replies that one transcript keeps, and of one reply that a result keeps: hostile servers are many."""
WINDOW = 8
"""A part of a secret of so many characters is hidden as well: servers cut what they repeat."""
SHORTEST = 4
"""Shorter secrets are not looked for: stars in the place of every "a" would only tell them."""


class Transcript:
    """The steps of one conversation. `clock` says how many seconds it has lasted."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._secret: re.Pattern[str] | None = None
        self._pieces: set[str] = set()
        self._room = MAX_TEXT
        self.steps: list[Step] = []

    def hide(self, secret: str) -> None:
        """From now on show no part of this, unless it is shorter than SHORTEST."""
        size = min(len(secret), WINDOW)
        if size < SHORTEST:
            return
        self._pieces |= {secret[start : start + size] for start in range(len(secret) - size + 1)}
        either = "|".join(re.escape(piece) for piece in sorted(self._pieces, key=len, reverse=True))
        self._secret = re.compile(f"(?=({either}))", re.IGNORECASE) if either else None

    def cleaned(self, text: str) -> str:
        """The text with `***` in the place of what is secret."""
        if self._secret is None:
            return text
        hidden = set(chain.from_iterable(range(*found.span(1)) for found in self._secret.finditer(text)))
        runs = groupby(range(len(text)), key=hidden.__contains__)
        return "".join("***" if secret else "".join(text[at] for at in run) for secret, run in runs)

    def said(self, stage: Stage, line: str) -> None:
        """A line of ours, as it may be shown."""
        self.steps.append(Step(self._clock(), stage, "C", line))

    def remark(self, stage: Stage, text: str) -> None:
        """What was neither said nor heard."""
        self.steps.append(Step(self._clock(), stage, "-", text))

    def kept(self, reply: Reply | None) -> Reply | None:
        """A reply as a result keeps it: without secrets, cut where it is absurdly long."""
        if reply is None or sum(map(len, reply.lines)) <= MAX_TEXT:
            return self.without_secrets(reply) if reply else None
        cut, room = [], MAX_TEXT
        for line in reply.lines:
            cut.append(line[:room])
            room -= len(line)
            if room <= 0:
                break
        return self.without_secrets(replace(reply, lines=tuple(cut)))

    def without_secrets(self, reply: Reply) -> Reply:
        """A reply as it may be shown, whole."""
        return replace(reply, lines=tuple(map(self.cleaned, reply.lines))) if self._secret else reply

    def heard(self, stage: Stage, reply: Reply) -> None:
        """Note a reply, without secrets and cut."""
        size = sum(map(len, reply.lines))
        if self._secret or size > MAX_LINE or size > self._room:
            reply = self._cut(self.without_secrets(reply))
        else:
            self._room -= size
        self.steps.append(Step(self._clock(), stage, "S", reply))

    def _cut(self, reply: Reply) -> Reply:
        shown: list[str] = []
        for line in reply.lines[: MAX_LINES if self._room > 0 else 0]:
            shown.append(line[:MAX_LINE])
            self._room -= len(shown[-1])
        if len(reply.lines) > len(shown):
            shown.append(f"({len(reply.lines) - len(shown)} more lines)")
        return replace(reply, lines=tuple(shown))
