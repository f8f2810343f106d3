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
NEVER = 0
"""The code of a time without outcomes."""
TOLD = 3
"""Periods that are told in words, the latest first."""
WORDS = {"critical": "failed", "untestable": "untestable", "warning": "warning"}


class Bar(NamedTuple):
    """Bars side by side whose worst outcome is the same: where they begin and how many they are."""

    code: int
    first: int
    number: int

    @property
    def state(self) -> str:
        """The state of the worst outcome; empty where there was none."""
        return KNOWN[self.code][0]

    def rect(self, title: str = "") -> str:
        """As SVG."""
        height = HEIGHTS[self.state]
        place = f'x="{self.first}" y="{10 - height}" width="{self.number}" height="{height}"'
        head = f'<rect class="{self.state or "nothing"}" {place}'
        return f"{head}><title>{title}</title></rect>" if title else f"{head}/>"


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
    def seconds(self) -> float:
        """How long it lasted."""
        return self.ended - self.began

    @property
    def word(self) -> str:
        """The state, as it is told."""
        return WORDS[self.state]

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
        return f"{self.word} {self.when}: {self.reason}"


class History:
    """What is shown of the last outcomes of an endpoint or domain; `now`: Unix seconds."""

    def __init__(self, state: State | DomainState, now: float) -> None:
        every = entries(state.outcomes)
        self.goes_on = bool(every) and not state.withdrawn(now)
        if self.goes_on:
            every[-1] = every[-1]._replace(ended=max(now, every[-1].ended))
        self.seconds = next((each for each in SPANS if every and now - every[0].began <= each), DAY)
        """How long a time it shows."""
        self.since = now - self.seconds
        self.entries = [each for each in every if each.ended > self.since]

    @cached_property
    def good(self) -> str:
        """The share of good outcomes, such as 97 %; empty where none was tested."""
        return percent(share(self.entries, self.since))

    @property
    def bars(self) -> Iterator[Bar]:
        """All bars, neighbours that are alike in one."""
        at = 0
        for code, alike in groupby(_worst(self.entries, self.since, self.seconds / BARS)):
            number = len(list(alike))
            yield Bar(code, at, number)
            at += number

    @property
    def picture(self) -> Markup:
        """The bars as SVG, with all of it in words."""
        return self._svg("".join(bar.rect() for bar in self.bars), title=True)

    @property
    def large(self) -> Markup:
        """The same, each bar with its time."""
        return self._svg("".join(bar.rect(self._told(bar)) for bar in self.bars))

    @property
    def axis(self) -> list[str]:
        """Times of day below the strip, at equal distances."""
        return [clock(self.since + self.seconds * quarter / 4) for quarter in range(4)]

    def _told(self, bar: Bar) -> str:
        """What a bar says, and of which time."""
        began, ended = (self.since + self.seconds * at / BARS for at in (bar.first, bar.first + bar.number))
        said = " ".join(KNOWN[bar.code]).strip() or "nothing known"
        return f"{clock(began)} to {clock(ended)} UTC: {said}"

    def _svg(self, rects: str, *, title: bool = False) -> Markup:
        text = escape(self.text)
        head = f'<svg viewBox="0 0 {BARS} 10" preserveAspectRatio="none" role="img" aria-label="{text}">'
        named = f"<title>{text}</title>" if title else ""
        return Markup(f"{head}{named}{rects}</svg>")  # noqa: S704 - escaped before

    @property
    def periods(self) -> list[Period]:
        """The times in which it was not well, the latest first."""
        found = list[Period]()
        for _, alike in groupby(self.entries, key=lambda each: each.code):
            some = list(alike)
            if some[0].state != "ok":
                goes_on = self.goes_on and some[-1] is self.entries[-1]
                found.append(_period(some, since=self.since, goes_on=goes_on))
        return found[::-1]

    @property
    def label(self) -> str:
        """How long a time it shows, in words."""
        return SPANS[self.seconds]

    @property
    def text(self) -> str:
        """All of it in words, for who cannot see it."""
        said = [f"last {self.label}: " + (f"{self.good} good" if self.good else "nothing could be tested")]
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


def _worst(entries: Iterable[Entry], start: float, width: float) -> list[int]:
    """The code of the worst outcome within each bar."""
    worst = [NEVER] * BARS
    for began, ended, code, *_ in entries:
        first = max(0, int((began - start) / width))
        for bar in range(min(first, BARS - 1), min(max(first + 1, ceil((ended - start) / width)), BARS)):
            worst[bar] = max(worst[bar], code)
    return worst


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
