"""The last outcomes as a strip: up to 24 hours in bars, the share of good ones, and the same in words.

A bar shows the worst that came within its time, by its height as well as by its colour. Pure functions of states.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from itertools import groupby
from math import ceil
from typing import NamedTuple

from markupsafe import Markup, escape

from exporter.outcomes import DAY, KNOWN, Entry, entries, share
from exporter.state import DomainState, State

BARS = 48
"""Bars of a strip: half an hour each where it shows a day."""
SPANS = {900.0: "15 min", 3600.0: "1 h", 6 * 3600.0: "6 h", DAY: "24 h"}
"""Seconds that a strip shows: the shortest that shows all there is, at most a day."""
HEIGHTS = {"": 1, "ok": 6, "untestable": 4, "warning": 8, "critical": 10}
"""Tenths of the height that a bar takes."""
RANKED = ("", "ok", "untestable", "warning", "critical")
"""The states, the worst last."""
RANKS = tuple(RANKED.index(state) for state, _ in KNOWN)
"""Their places, by the code of an outcome."""
TOLD = 3
"""Periods that are told in words, the latest first."""
WORDS = {"critical": "failed", "untestable": "untestable", "warning": "warning"}


class Bar(NamedTuple):
    """Bars of one state, side by side: where they begin and how many they are."""

    state: str
    first: int
    number: int

    @property
    def rect(self) -> str:
        """As SVG."""
        height = HEIGHTS[self.state]
        place = f'x="{self.first}" y="{10 - height}" width="{self.number}" height="{height}"'
        return f'<rect class="{self.state or "nothing"}" {place}/>'


@dataclass(frozen=True, slots=True)
class Period:
    """Outcomes of one state and reason in a row."""

    state: str
    reason: str
    began: float
    ended: float
    whole: bool
    """It began within the time that is shown."""
    goes_on: bool
    """It is the latest, and not too old."""
    number: int
    failed: int

    @property
    def when(self) -> str:
        """14:05 to 14:20 UTC, since 14:05 UTC, or until 14:20 UTC."""
        began, ended = clock(self.began), clock(self.ended)
        if self.goes_on:
            return f"since {began} UTC" if self.whole else "all the time"
        if not self.whole:
            return f"until {ended} UTC"
        return f"{began} UTC" if began == ended else f"{began} to {ended} UTC"

    @property
    def text(self) -> str:
        """In words."""
        return f"{WORDS[self.state]} {self.when}: {self.reason}"


class History:
    """What is shown of the last outcomes of an endpoint or domain; `now`: Unix seconds."""

    def __init__(self, state: State | DomainState, now: float) -> None:
        every = entries(state.outcomes)
        self.now = now
        self.goes_on = bool(every) and not state.withdrawn(now)
        if self.goes_on:
            every[-1] = every[-1]._replace(ended=max(now, every[-1].ended))
        self.seconds = next((each for each in SPANS if every and now - every[0].began <= each), DAY)
        """How long a time it shows."""
        self.entries = [each for each in every if each.ended > now - self.seconds]

    @cached_property
    def good(self) -> str:
        """The share of good outcomes, such as 97 %; empty where none was tested."""
        return percent(share(self.entries, self.now - self.seconds))

    @property
    def bars(self) -> Iterator[Bar]:
        """All bars, those of one state in one."""
        start, width, at = self.now - self.seconds, self.seconds / BARS, 0
        for state, alike in groupby(_worst(self.entries, start, width)):
            number = len(list(alike))
            yield Bar(state, at, number)
            at += number

    @property
    def picture(self) -> Markup:
        """The bars as SVG, with all of it in words."""
        text = escape(self.text)
        rects = "".join(bar.rect for bar in self.bars)
        head = f'<svg viewBox="0 0 {BARS} 10" preserveAspectRatio="none" role="img" aria-label="{text}">'
        return Markup(f"{head}<title>{text}</title>{rects}</svg>")  # noqa: S704 - escaped before

    @property
    def periods(self) -> list[Period]:
        """The times in which it was not well, the latest first."""
        found = list[Period]()
        for _, alike in groupby(self.entries, key=lambda each: each.code):
            some = list(alike)
            if some[0].state != "ok":
                goes_on = self.goes_on and some[-1] is self.entries[-1]
                found.append(_period(some, since=self.now - self.seconds, goes_on=goes_on))
        return found[::-1]

    @property
    def text(self) -> str:
        """All of it in words, for who cannot see it."""
        said = [f"last {SPANS[self.seconds]}: " + (f"{self.good} good" if self.good else "nothing could be tested")]
        periods = self.periods
        said += [each.text for each in periods[:TOLD]]
        if len(periods) > TOLD:
            said.append(f"and {len(periods) - TOLD} more times")
        return "; ".join(said)


def _period(some: Sequence[Entry], *, since: float, goes_on: bool) -> Period:
    first, last = some[0], some[-1]
    number, failed = sum(each.number for each in some), sum(each.failed for each in some)
    whole = first.began > since
    return Period(first.state, first.reason, first.began, last.ended, whole, goes_on, number, failed)


def _worst(entries: Iterable[Entry], start: float, width: float) -> list[str]:
    """The worst state within each bar."""
    worst = [0] * BARS
    for began, ended, code, *_ in entries:
        rank = RANKS[code]
        first = max(0, int((began - start) / width))
        for bar in range(min(first, BARS - 1), min(max(first + 1, ceil((ended - start) / width)), BARS)):
            worst[bar] = max(worst[bar], rank)
    return [RANKED[rank] for rank in worst]


def percent(share: float | None) -> str:
    """A share in percent, rounded so that 100 % means all and 0 % none; empty where there is none."""
    if share is None:
        return ""
    if 0.99 <= share < 1:
        return f"{int(1000 * share) / 10} %"
    return "under 1 %" if 0 < share < 0.01 else f"{int(100 * share + 1e-9)} %"


def clock(seconds: float) -> str:
    """The time of day, UTC. Within a day it is unique."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%H:%M")
