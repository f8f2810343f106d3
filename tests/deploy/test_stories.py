"""Stories of what somebody on call wants to hear, played to the shipped rules by promtool: see `tests/deploy/stories`.

PENDING names the stories that do not hold yet. It is exact: one that holds has to be taken off it.
"""

from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from exporter.families import EVERY
from exporter.reasons import Reason, Untestable
from tests.deploy.stories.agents import Agent, Host, Known, probed
from tests.deploy.stories.alertmanager import Alert, Alertmanager, matches
from tests.deploy.stories.catalogue import GROUPS, STORIES
from tests.deploy.stories.outcomes import FOREVER, GOOD, Script, during, fails, scripted, untestable
from tests.deploy.stories.scrapes import Scraped, notation, scrape
from tests.deploy.stories.story import hear

FOLDER = Path(__file__).parents[2] / "deploy/prometheus"
PENDING = frozenset((Path(__file__).parent / "stories/pending.txt").read_text("utf-8").splitlines())
REFUSED = fails(Reason.CONNECTION_REFUSED)


@pytest.mark.real
@pytest.mark.parametrize("group", GROUPS)
def test_stories_end_as_somebody_on_call_wants(group: str) -> None:
    heard = {each.story.name: [*each.faults()] for each in hear(GROUPS[group], FOLDER)}
    assert {name: faults for name, faults in heard.items() if faults and name not in PENDING} == {}
    assert {name for name, faults in heard.items() if not faults and name in PENDING} == set(), "no longer pending"


def test_there_are_many_stories_and_none_is_told_twice() -> None:
    names = [story.name for story in STORIES]
    assert len(set(names)) == len(names) >= 70
    assert set(names) >= PENDING


# --- the agents of the stories --------------------------------------------------------------------------------


def values(scraped: Scraped, name: str) -> list[float | None]:
    """The values of the one series of a family."""
    (found,) = [series for (family, _), series in scraped.series.items() if family == name]
    return found


def watched(script: Script, port: int = 25, **others: Any) -> Scraped:
    """Scrape an agent that watches one port."""
    return scrape((Agent((Host("mx", {port: script}),), **others),), 10)


def test_series_have_names_and_labels_of_the_metrics_table() -> None:
    known = {family.name: {*family.labels} for family in EVERY}
    for name, pairs in chain.from_iterable(scrape(story.agents, 12).series for story in STORIES[::9]):
        family = name.removesuffix("_bucket").removesuffix("_count")
        if family.startswith("smtp_"):
            assert {label for label, _ in pairs} >= known[family]


def test_a_first_failure_is_confirmed_twice_after_a_quarter_of_the_interval() -> None:
    state, host, waits = Known(), Host("mx", {25: GOOD}, interval=300), []
    for outcome in (GOOD, REFUSED, REFUSED, REFUSED, REFUSED):
        state = probed(state, outcome, 0, host)
        waits.append(state.wait)
    assert waits == [300, 75, 75, 300, 300]


def test_what_a_probe_did_not_reach_is_absent() -> None:
    scraped = watched(during(REFUSED, (3.5, FOREVER)), 587)
    assert values(scraped, "smtp_probe_success")[:6] == [None, 1, 1, 1, 1, 0]
    assert values(scraped, "smtp_greeting_code")[:6] == [None, 220, 220, 220, 220, None]
    assert values(scraped, "smtp_port_open")[:6] == [None, 1, 1, 1, 1, 0]


def test_counters_begin_anew_at_a_restart() -> None:
    scraped = watched(scripted(GOOD), runs=((0, 4), (6, FOREVER)))
    assert values(scraped, "smtp_probes_total")[:9] == [None, 1, 2, 3, None, None, None, 1, 2]
    assert values(scraped, "up")[:9] == [1, 1, 1, 1, 0, 0, 1, 1, 1]


def test_an_untestable_probe_is_neither_a_success_nor_a_failure() -> None:
    scraped = watched(during(untestable(Untestable.NO_IPV4), (3.5, FOREVER)))
    assert values(scraped, "smtp_probe_success")[3:6] == [1, 1, None]
    assert values(scraped, "smtp_probe_untestable")[3:6] == [None, None, 1]


def test_a_result_that_is_too_old_is_withdrawn_and_its_counters_stay() -> None:
    scraped = watched(scripted(GOOD), hangs=((2, FOREVER),))
    assert values(scraped, "smtp_probe_success")[1:6] == [1, 1, 1, 1, None]
    assert values(scraped, "smtp_probes_total")[1:6] == [1, 2, 2, 2, 2]


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ([1, 1, 1], "1+0x2"),
        ([None, 1, 2, 3, None, None], "_ 1+1x2 stale _"),
        ([3, 2, 1, 7.5], "3-1x2 7.5"),
    ],
)
def test_values_are_written_as_promtool_reads_them(given: list[float | None], written: str) -> None:
    assert notation(given) == written


# --- the model of Alertmanager; tests/real/test_notifications.py compares it with the real one -----------------


@pytest.mark.parametrize(
    ("matcher", "holds"),
    [("a = b", True), ('a="b"', True), ("a != b", False), ("a =~ b|c", True), ("a !~ b|c", False), ('x = ""', True)],
)
def test_matchers(matcher: str, holds: bool) -> None:
    assert matches([matcher], {"a": "b"}) is holds


def test_alerts_of_one_group_are_one_notification_and_one_more_when_they_resolve() -> None:
    config = {"route": {"receiver": "r", "group_by": ["host"], "group_wait": "30s", "group_interval": "5m"}}
    alerts: list[Alert] = [(("alertname", name), ("host", "mx"), ("severity", "critical")) for name in "ab"]
    told = Alertmanager(config).notifications({alerts[0]: [(60, 600)], alerts[1]: [(60, 660)]}, 3600)
    assert [(each.at, each.status, len(each.firing)) for each in told] == [
        (90, "firing", 2), (690, "resolved", 0),
    ]  # fmt: skip
