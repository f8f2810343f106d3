"""A model of Alertmanager: which notifications a timeline of firing alerts leads to under a configuration.

It follows Alertmanager 0.25: dispatch/dispatch.go (groups), inhibit/inhibit.go, notify/notify.go (DedupStage). All
times are seconds. `tests/real/test_notifications.py` compares it with the real one.
"""

import functools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from exporter.config.durations import seconds

Alert = tuple[tuple[str, str], ...]
Timeline = Mapping[Alert, Sequence[tuple[float, float]]]
"""The spans of seconds in which each alert fires."""

RESENT = 900.0
"""Seconds for which Prometheus sends a resolved alert again (rules/alerting.go, resolvedRetention)."""
MATCHER = re.compile(r"\s*(\w+)\s*(=~|!~|!=|=)\s*(.*?)\s*$", re.DOTALL)


def matches(matchers: Sequence[str], labels: Mapping[str, str]) -> bool:
    """Whether labels match all matchers."""
    return all(_matches(each, labels) for each in matchers)


def _matches(matcher: str, labels: Mapping[str, str]) -> bool:
    name, operator, wanted = MATCHER.match(matcher).groups()  # type: ignore[union-attr]
    wanted = wanted[1:-1] if wanted[:1] == wanted[-1:] == '"' else wanted
    value = labels.get(name, "")
    equal = re.fullmatch(wanted, value) is not None if "~" in operator else value == wanted
    return equal is not operator.startswith("!")


@dataclass(frozen=True, slots=True)
class Notification:
    """What a receiver is told at a time."""

    at: float
    receiver: str
    group: Alert
    """The labels that it is grouped by."""
    status: str
    """firing, or resolved where nothing fires any more."""
    firing: tuple[Alert, ...]
    resolved: tuple[Alert, ...]
    repeated: bool

    @property
    def page(self) -> bool:
        """Whether it is about anything critical."""
        return any(dict(alert).get("severity") == "critical" for alert in (*self.firing, *self.resolved))


@dataclass(slots=True)
class Group:
    """The alerts of a route with the same group labels, and what was said about them last."""

    route: Mapping[str, Any]
    labels: Alert
    alerts: dict[Alert, float] = field(default_factory=dict)
    """When each alert ends, as far as is known; infinity while it fires."""
    flush_at: float = 0
    told_firing: frozenset[Alert] | None = None
    told_resolved: frozenset[Alert] = frozenset()
    told_at: float = 0


class Inhibitor:
    """One inhibition rule. An alert that matches both sides is explained only by one that is a source alone."""

    def __init__(self, rule: Mapping[str, Any]) -> None:
        self._equal = rule.get("equal", ())
        self._source = functools.cache(lambda alert: matches(rule["source_matchers"], dict(alert)))
        self._target = functools.cache(lambda alert: matches(rule["target_matchers"], dict(alert)))

    def muted(self, alerts: Iterable[Alert], firing: Sequence[Alert]) -> set[Alert]:
        """Give the alerts that others explain."""
        sources = [each for each in firing if self._source(each)]
        every = {self._key(each) for each in sources}
        alone = {self._key(each) for each in sources if not self._target(each)}
        return {
            each for each in alerts
            if self._target(each) and self._key(each) in (alone if self._source(each) else every)
        }  # fmt: skip

    def _key(self, alert: Alert) -> tuple[str, ...]:
        labels = dict(alert)
        return tuple(labels.get(name, "") for name in self._equal)


class Alertmanager:
    """The model: `notifications` plays a timeline."""

    def __init__(self, config: Mapping[str, Any], silence: Sequence[str] = ()) -> None:
        self._config, self._silence = config, silence
        self._inhibitors = [Inhibitor(rule) for rule in config.get("inhibit_rules", ())]
        self._groups: dict[tuple[int, Alert], Group] = {}

    def muted(self, firing: Iterable[Alert]) -> frozenset[Alert]:
        """Give the alerts that others explain, of those that fire."""
        there = [*firing]
        return frozenset(alert for rule in self._inhibitors for alert in rule.muted(there, there))

    def _kept_back(self, alerts: Iterable[Alert], firing: Sequence[Alert]) -> set[Alert]:
        """Give the alerts that are not sent: others explain them, or a silence covers them."""
        silenced = {alert for alert in alerts if self._silence and matches(self._silence, dict(alert))}
        return silenced.union(*(rule.muted(alerts, firing) for rule in self._inhibitors))

    def routes(self, labels: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
        """The routes of an alert, with what they inherit."""
        yield from self._routed(self._config["route"], {}, labels)

    def _routed(
        self, route: Mapping[str, Any], above: Mapping[str, Any], labels: Mapping[str, str]
    ) -> Iterator[Mapping[str, Any]]:
        inherited = {
            **above,
            **{key: value for key, value in route.items() if key not in {"routes", "matchers", "continue"}},
        }
        found = False
        for child in route.get("routes", ()):
            if matches(child.get("matchers", ()), labels):
                found = True
                yield from self._routed(child, inherited, labels)
                if not child.get("continue"):
                    return
        if not found:
            yield {**inherited, "key": id(route)}

    def notifications(self, timeline: Timeline, until: float, tick: float = 10) -> list[Notification]:
        """Play a timeline: what receivers are told."""
        events = sorted(
            (at, rising, alert) for alert, spans in timeline.items() for start, end in spans
            for at, rising in ((start, True), (end, False))
        )  # fmt: skip
        told: list[Notification] = []
        now, position, firing = 0.0, 0, dict[Alert, None]()
        while now <= until:
            while position < len(events) and events[position][0] <= now:
                at, rising, alert = events[position]
                firing = {**firing, alert: None} if rising else {each: None for each in firing if each != alert}
                self._receive(alert, at, rising=rising)
                position += 1
            for group in [each for each in self._groups.values() if each.alerts and each.flush_at <= now]:
                told += self._flush(group, now, [*firing])
            pending = [events[position][0]] if position < len(events) else []
            pending += [group.flush_at for group in self._groups.values() if group.alerts]
            now = max(min(pending, default=until + 1), now + tick / 10)
        return told

    def _receive(self, alert: Alert, at: float, *, rising: bool) -> None:
        labels = dict(alert)
        for route in self.routes(labels):
            by = route.get("group_by", ())
            of_group = alert if list(by) == ["..."] else tuple((name, labels.get(name, "")) for name in by)
            key = route["key"], of_group
            group = self._groups.setdefault(key, Group(route, of_group))
            if not rising and alert not in group.alerts:
                continue
            if not group.alerts:
                group.flush_at = at + seconds(route.get("group_wait", "30s"))
            group.alerts[alert] = float("inf") if rising else at

    def _flush(self, group: Group, now: float, firing_now: Sequence[Alert]) -> Iterator[Notification]:
        group.flush_at = now + seconds(group.route.get("group_interval", "5m"))
        kept = self._kept_back(group.alerts, firing_now)
        sent = [alert for alert in group.alerts if alert not in kept]
        firing = frozenset(alert for alert in sent if group.alerts[alert] > now)
        resolved = frozenset(sent) - firing
        if sent and (kind := self._due(group, firing, resolved, now)):
            group.told_firing, group.told_resolved, group.told_at = firing, resolved, now
            status = "firing" if firing else "resolved"
            yield Notification(
                now, group.route["receiver"], group.labels, status, tuple(firing), tuple(resolved), kind == "repeat"
            )
        for alert in [each for each, end in group.alerts.items() if end <= now - RESENT]:
            del group.alerts[alert]

    @staticmethod
    def _due(group: Group, firing: frozenset[Alert], resolved: frozenset[Alert], now: float) -> str:
        """Why a notification is due, if it is: DedupStage.needsUpdate."""
        if group.told_firing is None:
            return "new" if firing else ""
        if not firing <= group.told_firing:
            return "new"
        if not firing:
            return "resolved" if group.told_firing else ""
        if not resolved <= group.told_resolved:
            return "changed"
        return "repeat" if group.told_at < now - seconds(group.route.get("repeat_interval", "4h")) else ""
