"""The model of Alertmanager that stories are counted with, compared with a real one: what each of the two tells."""

import shutil
from collections import defaultdict
from datetime import UTC, datetime
from itertools import groupby
from typing import NamedTuple

import pytest
import yaml

from tests.deploy.stories.alertmanager import Alert, Alertmanager, Notification
from tests.patience import PATIENCE
from tests.real.alertmanager import Told, run_alertmanager, webhook
from tests.real.conftest import NewDirectory, require
from tests.real.processes import free_ports, wait_until
from tests.real.test_alertmanager import ask

CONFIG = """
route:
  receiver: ticket
  group_by: [host]
  group_wait: {wait}
  group_interval: {interval}
  routes:
    - matchers: [severity = critical]
      receiver: page
receivers:
  - name: page
    webhook_configs: [{{url: '{url}'}}]
  - name: ticket
    webhook_configs: [{{url: '{url}'}}]
inhibit_rules:
  - source_matchers: [alertname = Host]
    target_matchers: [alertname != Host]
    equal: [host]
  - source_matchers: [severity = critical]
    target_matchers: [severity = warning]
    equal: [alertname, host]
"""
APART = 3600
"""Seconds between two steps in the model: all that a step leads to has been told by then."""


class Case(NamedTuple):
    """Which alerts fire, step by step: NAME-host, in lower case for a warning."""

    name: str
    steps: tuple[str, ...]


CASES = (
    Case("one alert comes, goes, and comes again", ("Port-a", "", "Port-a", "")),
    Case("a second alert of a group comes and goes", ("Port-a", "Port-a Tls-a", "Tls-a", "")),
    Case("an alert is explained from the start", ("Host-a Port-a", "")),
    Case("an alert is explained later, and fires on", ("Port-a", "Port-a Host-a", "Port-a", "")),
    Case("an alert is explained only on its own host", ("Host-a Port-a Port-b", "")),
    Case(
        "a warning and a critical level are told apart", ("Port-a Rate-b", "Port-a rate-a Rate-b rate-b", "Rate-b", "")
    ),
)


def alert(word: str) -> Alert:
    """The labels of an alert of a step."""
    name, _, host = word.partition("-")
    severity = "warning" if name.islower() else "critical"
    return ("alertname", name.capitalize()), ("host", host), ("severity", severity)


def expected(case: Case) -> list[list[Notification]]:
    """What the model tells at each step."""
    firing: dict[Alert, list[tuple[float, float]]] = defaultdict(list)
    for word in {word for step in case.steps for word in step.split()}:
        there = [word in step.split() for step in case.steps]
        for fires, steps in groupby(range(len(there)), there.__getitem__):
            numbers = [*steps]
            if fires:
                firing[alert(word)].append((numbers[0] * APART, (numbers[-1] + 1) * APART))
    config = yaml.safe_load(CONFIG.format(wait="30s", interval="5m", url=""))
    told = Alertmanager(config).notifications(firing, len(case.steps) * APART)
    return [[each for each in told if n * APART <= each.at < (n + 1) * APART] for n in range(len(case.steps))]


def said(notification: Notification | list[Told]) -> tuple[tuple[str, Alert], ...]:
    """One notification, however it is known."""
    if isinstance(notification, Notification):
        told = [("firing", each) for each in notification.firing]
        told += [("resolved", each) for each in notification.resolved]
    else:
        told = [(each.status, tuple(sorted(each.labels.items()))) for each in notification]
    return tuple(sorted(told))


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_the_model_tells_what_alertmanager_tells(case: Case, new_directory: NewDirectory) -> None:
    require(there=shutil.which("prometheus-alertmanager"), otherwise="Alertmanager is missing: make tools")
    directory, port = new_directory("alertmanager"), free_ports(["web"])["web"]
    wanted = expected(case)
    with webhook() as receiver:
        config = CONFIG.format(wait="200ms", interval="500ms", url=receiver.url)
        (directory / "alertmanager.yml").write_text(config)
        with run_alertmanager(directory, port):
            before: set[str] = set()
            for n, step in enumerate(case.steps):
                now = set(step.split())
                firing = [{"labels": dict(alert(word))} for word in sorted(now)]
                ended = [
                    {"labels": dict(alert(word)), "endsAt": datetime.now(UTC).isoformat()} for word in before - now
                ]
                ask(f"http://127.0.0.1:{port}/api/v2/alerts", firing + ended)
                before = now
                count = sum(map(len, wanted[: n + 1]))
                wait_until(
                    lambda count=count: len(receiver.notifications) >= count,  # type: ignore[misc]
                    PATIENCE,
                    lambda: str(receiver.notifications),
                )
    told = [said(each) for each in receiver.notifications]
    assert sorted(told) == sorted(said(each) for step in wanted for each in step)
