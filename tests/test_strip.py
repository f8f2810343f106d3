"""The strip of last outcomes: what its bars show, what is said in words, and in how few bytes."""

from collections.abc import Iterable
from itertools import cycle, islice
from xml.etree import ElementTree as ET

import pytest

from exporter.model import Domain, Exchanges, Target
from exporter.outcomes import after
from exporter.page.environment import environment
from exporter.page.strip import BARS, History, percent
from exporter.state import DomainState, State
from tests.results import DAY, NOW, healthy, peer

HOUR, MINUTE = 3600.0, 60.0
OK, SILENT, REFUSED = ("ok", ""), ("critical", "greeting_timeout"), ("critical", "connection_refused")
WARNED, UNSEEN = ("warning", "certificate_expires_soon"), ("untestable", "no_ipv6")
MIDNIGHT = NOW - NOW % DAY

Run = tuple[tuple[str, str], float, float]
"""An outcome and the hours, before midnight, between which it came every minute."""


def state_of(*runs: Run, asleep: float = 0.0) -> State:
    """What is known of an endpoint at midnight, with its last probe so many seconds ago."""
    state = State(peer(), 60.0, result=healthy(finished=MIDNIGHT - asleep))
    for outcome, began, ended in runs:
        for minute in range(int(began * 60), int(ended * 60), -1):
            state.outcomes = after(state.outcomes, outcome, MIDNIGHT - asleep - minute * MINUTE, 180.0)
    return state


def rendered(state: State | DomainState, now: float = MIDNIGHT) -> str:
    template = environment().from_string('{% from "strip.html" import strip %}{{ strip(state, now) }}')
    return template.render(state=state, now=now)


@pytest.mark.parametrize(
    ("runs", "text"),
    [
        pytest.param([(OK, 30, 0)], "last 24 h: 100 % good", id="well for more than a day"),
        pytest.param([(OK, 0.2, 0)], "last 15 min: 100 % good", id="well for some minutes"),
        pytest.param([(OK, 2, 0)], "last 6 h: 100 % good", id="well for two hours"),
        pytest.param(
            [(OK, 30, 10), (SILENT, 10, 9.75), (OK, 9.75, 0)],
            "last 24 h: 98 % good; failed 14:00 to 14:15 UTC: greeting_timeout",
            id="an outage",
        ),
        pytest.param(
            [(OK, 30, 0.5), (SILENT, 0.5, 0)], "last 24 h: 97 % good; failed since 23:30 UTC: greeting_timeout",
            id="an outage that goes on",
        ),
        pytest.param([(SILENT, 30, 0)], "last 24 h: 0 % good; failed all the time: greeting_timeout", id="never well"),
        pytest.param(
            [(SILENT, 30, 23), (OK, 23, 0)], "last 24 h: 95 % good; failed until 01:00 UTC: greeting_timeout",
            id="an outage that began before",
        ),
        pytest.param(
            [(UNSEEN, 30, 0)], "last 24 h: nothing could be tested; untestable all the time: no_ipv6", id="untestable"
        ),
        pytest.param(
            [(OK, 30, 3), (WARNED, 3, 0)],
            "last 24 h: 100 % good; warning since 21:00 UTC: certificate_expires_soon",
            id="a warning",
        ),
        pytest.param(
            [(OK, 30, 9), (SILENT, 9, 8), (REFUSED, 8, 7), (OK, 7, 6), (SILENT, 6, 5), (OK, 5, 4), (SILENT, 4, 3),
             (OK, 3, 2), (REFUSED, 2, 1), (OK, 1, 0)],
            "last 24 h: 79 % good; failed 22:00 to 23:00 UTC: connection_refused; "
            "failed 20:00 to 21:00 UTC: greeting_timeout; failed 18:00 to 19:00 UTC: greeting_timeout; "
            "and 2 more times",
            id="many: the last ones",
        ),
    ],
)  # fmt: skip
def test_in_words(runs: list[Run], text: str) -> None:
    assert History(state_of(*runs), MIDNIGHT).text == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (None, ""),
        (1.0, "100 %"),
        (0.99999, "99.9 %"),
        (0.99, "99.0 %"),
        (0.98999, "98 %"),
        (0.57, "57 %"),
        (0.01, "1 %"),
        (0.0001, "under 1 %"),
        (0.0, "0 %"),
    ],
)
def test_a_share_is_never_rounded_to_all_or_none(share: float | None, text: str) -> None:
    assert percent(share) == text


def bars(*runs: Run, asleep: float = 0.0) -> list[tuple[str, int, int]]:
    return [(each.state, each.first, each.number) for each in History(state_of(*runs, asleep=asleep), MIDNIGHT).bars]


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        pytest.param([(OK, 30, 0)], [("ok", 0, 48)], id="well"),
        pytest.param([(OK, 12, 0)], [("", 0, 24), ("ok", 24, 24)], id="for half a day"),
        pytest.param(
            [(OK, 30, 10), (SILENT, 10, 9.9), (OK, 9.9, 0)], [("ok", 0, 28), ("critical", 28, 1), ("ok", 29, 19)],
            id="six minutes are a bar",
        ),
        pytest.param(
            [(OK, 30, 20), (OK, 10, 0)], [("ok", 0, 8), ("", 8, 20), ("ok", 28, 20)], id="a time without outcomes"
        ),
        pytest.param([(OK, 30, 0.02)], [("ok", 0, 48)], id="the last one holds until now"),
        pytest.param(
            [(UNSEEN, 30, 12), (WARNED, 12, 0)], [("untestable", 0, 24), ("warning", 24, 24)], id="other states"
        ),
    ],
)  # fmt: skip
def test_a_bar_shows_the_worst_of_its_time(runs: list[Run], expected: list[tuple[str, int, int]]) -> None:
    assert bars(*runs) == expected


def test_nothing_is_shown_of_the_time_after_a_result_that_is_too_old() -> None:
    assert bars((OK, 20, 0), asleep=4 * HOUR) == [("ok", 0, 40), ("", 40, 8)]


def test_each_state_has_a_height_of_its_own() -> None:
    state = state_of((OK, 24, 16), (UNSEEN, 16, 12), (WARNED, 12, 8), (SILENT, 8, 4), (OK, 2, 0))
    rects = list(ET.fromstring(rendered(state)).iter("rect"))  # noqa: S314 - ours
    heights = {each.get("class"): each.get("height") for each in rects}
    assert len(heights) == len(set(heights.values())) == 5
    assert {int(each.get("y", 0)) + int(each.get("height", 0)) for each in rects} == {10}
    assert sum(int(each.get("width", 0)) for each in rects) == BARS


def test_the_picture_has_a_text() -> None:
    state = state_of((OK, 30, 0.5), (SILENT, 0.5, 0))
    (picture,) = ET.fromstring(rendered(state)).iter("svg")  # noqa: S314 - ours
    assert picture.get("role") == "img"
    assert picture.get("aria-label") == picture.findtext("title") == History(state, MIDNIGHT).text


def test_before_the_first_outcome_there_is_no_strip() -> None:
    assert rendered(state_of()).strip() == ""


def test_a_domain_has_one_too() -> None:
    state = DomainState(Domain(Target("mail", ()), "example.test"), 300.0, Exchanges(), NOW)
    state.outcomes = after(b"", SILENT, NOW, 900.0)
    assert "failed since 08:00 UTC: greeting_timeout" in rendered(state, NOW + 1)


def changing(outcomes: Iterable[tuple[str, str]]) -> State:
    state = state_of()
    for minute, outcome in enumerate(outcomes):
        state.outcomes = after(state.outcomes, outcome, MIDNIGHT - DAY + minute * MINUTE, 180.0)
    return state


def test_a_strip_is_small_whatever_happened() -> None:
    assert len(rendered(state_of((OK, 30, 0)))) < 400
    assert len(rendered(changing(islice(cycle((OK, SILENT, WARNED, REFUSED, UNSEEN)), 1440)))) < 4000
