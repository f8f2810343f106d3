"""A story: agents over time, and what somebody on call wants to hear of them. By severity, labels, count and time.

Alerts are never told apart by name. What counts is what is left after inhibition, and the notifications that the
shipped Alertmanager sends about it.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.deploy.stories.agents import Agent
from tests.deploy.stories.alertmanager import Alert, Alertmanager, Notification
from tests.deploy.stories.outcomes import FOREVER
from tests.deploy.stories.promtool import Play, Played, Rules, play
from tests.deploy.stories.scrapes import Scraped, as_input, scrape

FEW = (0, 3)
"""Notifications (the issue, Definitions)."""
ANY = (0, 1000)
CRITICAL, WARNING = "critical", "warning"
EITHER = "critical or warning"

Count = int | tuple[int, int]


@dataclass(frozen=True, slots=True)
class Expect:
    """An alert of a severity with these labels ("" for one that it must not have): from when, and until when.

    Where `by` is None it fires within 2 minutes after no address of its host and port was good in three probes.
    """

    severity: str
    labels: Mapping[str, str] = field(default_factory=dict)
    by: float | None = None
    after: float = 0
    until: tuple[float, float] | None = None
    """The minutes between which it resolves; None: it fires until the end of the story."""
    says: tuple[str, ...] = ()
    """What its annotations contain at the minute `at` of the story."""
    apart: bool = False
    """It may have gaps."""

    def about(self, alert: Alert) -> bool:
        """Whether an alert is one of these."""
        labels = dict(alert)
        return labels["severity"] in self.severity and all(labels.get(k, "") == v for k, v in self.labels.items())


@dataclass(frozen=True, slots=True)
class Story:
    """Agents, how long they are watched, and what is heard of it. All else that is critical must not fire."""

    name: str
    agents: tuple[Agent, ...]
    minutes: int = 60
    fires: tuple[Expect, ...] = ()
    pages: Count = 0
    """Notifications about anything critical that fires."""
    resolved: Count | None = None
    """Notifications that nothing critical fires any more; None: not looked at."""
    tickets: Count = 0
    at: int | None = None
    """The minute in which annotations are read; by default the middle."""
    step: int = 1
    """Minutes between evaluations."""
    never: tuple[str, ...] = ()
    """What no annotation and no label contains."""
    unresolved: Mapping[str, str] = field(default_factory=dict)
    """No notification says that an alert with these labels has resolved."""
    silence: tuple[str, ...] = ()
    """The matchers of a silence for planned work."""
    optional: bool = False
    """The optional rule files are loaded as well."""

    @property
    def read_at(self) -> int:
        """The minute in which annotations are read."""
        return self.at if self.at is not None else self.minutes // 2 // self.step * self.step


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of a story under some rules."""

    story: Story
    scraped: Scraped
    played: Played
    active: Mapping[Alert, list[int]]
    """The minutes in which each alert fired and no other explained it."""
    notifications: Sequence[Notification]

    def count(self, status: str, *, page: bool, repeated: bool = False) -> int:
        """How many notifications of a kind there were."""
        return sum(
            each.page is page and each.status == status and each.repeated is repeated for each in self.notifications
        )

    def faults(self) -> Iterator[str]:
        """What is not as the story wants it, a sentence each."""
        yield from (f"a rule fails: {error[:300]}" for error in self.played.errors)
        for expect in self.story.fires:
            yield from self._faults_of(expect)
        for alert, minutes in self.active.items():
            if dict(alert)["severity"] == CRITICAL and not any(each.about(alert) for each in self.story.fires):
                yield f"a critical alert that nobody wants, from minute {minutes[0]} on: {short(alert)}"
        yield from self._miscounts()
        for told in self.notifications if self.story.unresolved else ():
            for alert in told.resolved:
                if self.story.unresolved.items() <= dict(alert).items():
                    yield f"resolved is said in minute {told.at / 60:.0f}: {short(alert)}"
        yield from self._texts()

    def _faults_of(self, expect: Expect) -> Iterator[str]:
        wanted = f"{expect.severity} {dict(expect.labels)}"
        minutes = sorted({minute for alert, found in self.active.items() if expect.about(alert) for minute in found})
        by = self._by(expect)
        if not minutes:
            yield f"no alert {wanted}"
            return
        if not expect.after <= minutes[0] <= by:
            yield f"{wanted} fires at minute {minutes[0]}, not between {expect.after:g} and {by:.1f}"
        gaps = [b for a, b in itertools.pairwise(minutes) if b - a > self.story.step]
        if gaps and not expect.apart:
            yield f"{wanted} is interrupted until minute {gaps[0]}"
        ends, last = minutes[-1] + self.story.step, self.story.minutes // self.story.step * self.story.step
        if expect.until is None and minutes[-1] < last:
            yield f"{wanted} resolves at minute {ends}, and should not"
        if expect.until and not expect.until[0] <= ends <= expect.until[1]:
            yield f"{wanted} resolves at minute {ends}, not between {expect.until[0]:g} and {expect.until[1]:g}"

    def _by(self, expect: Expect) -> float:
        """Until when an alert must fire."""
        if expect.by is not None:
            return expect.by
        host, port = expect.labels["host"], expect.labels.get("port")
        return 2 + max((
            third for (name, number), third in self.scraped.third_failures.items()
            if name == host and port in {None, "", str(number)} and third < self.story.minutes
        ), default=self.story.minutes)  # fmt: skip

    def _miscounts(self) -> Iterator[str]:
        told = {
            "pages": (self.count("firing", page=True), self.story.pages),
            "resolved pages": (self.count("resolved", page=True), self.story.resolved),
            "tickets": (self.count("firing", page=False), self.story.tickets),
        }
        for what, (number, wanted) in told.items():
            low, high = wanted if isinstance(wanted, tuple) else ANY if wanted is None else (wanted, wanted)
            if not low <= number <= high:
                yield f"{number} {what}, not {low if low == high else f'{low} to {high}'}"

    def _texts(self) -> Iterator[str]:
        texts = [(alert, "\n".join(notes.values())) for alert, notes in self.played.texts]
        for expect in self.story.fires:
            said = [text for alert, text in texts if expect.about(alert)]
            for word in expect.says:
                if not any(word in text for text in said):
                    yield f"{expect.severity} {dict(expect.labels)} does not say {word!r}, but {said}"
        for alert, text in texts:
            for word in ("<error", "<no value>", "%!", *self.story.never):
                if word in text or word in str(alert):
                    yield f"{short(alert)} says {word!r}: {text}"


def short(alert: Alert) -> str:
    """An alert in a few words."""
    labels = {name: value for name, value in alert if name not in {"job", "instance"}}
    return f"{labels.pop('alertname')} [{labels.pop('severity')}] {' '.join(f'{k}={v}' for k, v in labels.items())}"


def hear(stories: Sequence[Story], folder: Path) -> list[Heard]:
    """Play stories to the rules and the Alertmanager configuration of a folder."""
    rules = Rules(folder)
    wanted, config = rules.wanted(), yaml.safe_load((folder / "alertmanager.yml").read_text("utf-8"))
    scraped = {each.name: scrape(each.agents, each.minutes, wanted) for each in stories}
    played = play(
        {
            each.name: Play(as_input(scraped[each.name]), each.minutes, each.step, each.read_at, each.optional)
            for each in stories
        },
        rules,
    )
    return [_heard(each, scraped[each.name], played[each.name], config) for each in stories]


def _heard(story: Story, scraped: Scraped, played: Played, config: Mapping[str, Any]) -> Heard:
    manager = Alertmanager(config, story.silence)
    firing: dict[int, list[Alert]] = defaultdict(list)
    for alert, minutes in played.firing.items():
        for minute in minutes:
            firing[minute].append(alert)
    active: dict[Alert, list[int]] = defaultdict(list)
    for minute, alerts in sorted(firing.items()):
        for alert in set(alerts) - manager.muted(alerts):
            active[alert].append(minute)
    end = story.minutes * 60
    timeline = {
        alert: [(start, stop if stop < end else FOREVER) for start, stop in spans(minutes, story.step)]
        for alert, minutes in played.firing.items()
    }
    return Heard(story, scraped, played, active, manager.notifications(timeline, end))


def spans(minutes: Sequence[int], step: int) -> list[tuple[float, float]]:
    """Join minutes to spans of seconds."""
    found: list[tuple[float, float]] = []
    for minute in minutes:
        if found and found[-1][1] == minute * 60:
            found[-1] = (found[-1][0], (minute + step) * 60)
        else:
            found.append((minute * 60, (minute + step) * 60))
    return found
