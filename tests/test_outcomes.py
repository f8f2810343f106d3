"""The last outcomes: what is kept of any sequence of them, how exactly, in how few bytes."""

from collections.abc import Iterable
from itertools import cycle, islice, pairwise
from sys import getsizeof

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.outcomes import CODES, DAY, KNOWN, MAX_ENTRIES, UNIT, Entry, after, entries, share
from exporter.reasons import Reason, Untestable
from tests.results import NOW

MINUTE, HOUR = 60.0, 3600.0
HOLD = 180.0
OK, REFUSED, SILENT = ("ok", ""), ("critical", "connection_refused"), ("critical", "greeting_timeout")
WARNED, UNSEEN = ("warning", "certificate_expires_soon"), ("untestable", "no_ipv6")

Outcome = tuple[str, str]
Probe = tuple[Outcome, float]


def follow(probes: Iterable[Probe], hold: float = HOLD) -> bytes:
    outcomes = b""
    for outcome, at in probes:
        outcomes = after(outcomes, outcome, at, hold)
    return outcomes


def every(seconds: float, *outcomes: Outcome, start: float = NOW) -> list[Probe]:
    return [(outcome, start + number * seconds) for number, outcome in enumerate(outcomes)]


def told(found: Iterable[Entry]) -> list[tuple[str, str, int]]:
    return [(each.state, each.reason, each.number) for each in found]


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        pytest.param([], [], id="none yet"),
        pytest.param([OK], [("ok", "", 1)], id="one"),
        pytest.param([OK] * 2000, [("ok", "", 2000)], id="alike: one entry"),
        pytest.param([OK, OK, REFUSED, OK], [("ok", "", 2), (*REFUSED, 1), ("ok", "", 1)], id="a failure"),
        pytest.param([REFUSED, SILENT], [(*REFUSED, 1), (*SILENT, 1)], id="another reason is another entry"),
        pytest.param([OK, WARNED, UNSEEN], [(*OK, 1), (*WARNED, 1), (*UNSEEN, 1)], id="each state"),
    ],
)
def test_outcomes_become_entries(outcomes: list[Outcome], expected: list[tuple[str, str, int]]) -> None:
    assert told(entries(follow(every(MINUTE, *outcomes)))) == expected


def test_an_entry_ends_when_the_next_begins_and_the_latest_with_its_last_outcome() -> None:
    found = entries(follow(every(MINUTE, OK, OK, REFUSED, REFUSED, OK, OK)))
    minutes = [((each.began - NOW) / MINUTE, (each.ended - NOW) / MINUTE) for each in found]
    assert minutes == [(0, 2), (2, 4), (4, 5)]


def test_a_time_without_outcomes_belongs_to_no_entry() -> None:
    found = entries(follow([(OK, NOW), (OK, NOW + HOLD), (OK, NOW + 9 * HOUR), (REFUSED, NOW + 20 * HOUR)]))
    assert told(found) == [("ok", "", 2), ("ok", "", 1), (*REFUSED, 1)]
    assert [(each.began - NOW, each.ended - NOW) for each in found] == [
        (0, HOLD),
        (9 * HOUR, 9 * HOUR),
        (20 * HOUR, 20 * HOUR),
    ]


@pytest.mark.parametrize("back", [1.0, HOUR, 400 * DAY])
def test_where_the_clock_is_set_back_the_past_moves_with_it(back: float) -> None:
    before = every(MINUTE, OK, OK, REFUSED)
    found = entries(follow([*before, *every(MINUTE, OK, OK, start=before[-1][1] - back)]))
    assert told(found) == [("ok", "", 2), (*REFUSED, 1), ("ok", "", 2)]
    assert found[-1].ended == before[-1][1] - back + MINUTE
    assert found[0].began == pytest.approx(NOW - back, abs=UNIT)


# --- the share ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        pytest.param([], None, id="nothing"),
        pytest.param([UNSEEN], None, id="nothing that was tested"),
        pytest.param([OK, WARNED, OK], 1.0, id="a warning is good"),
        pytest.param([OK, OK, OK, REFUSED], 0.75, id="a failure is not"),
        pytest.param([OK, REFUSED, UNSEEN, UNSEEN], 0.5, id="what cannot be tested does not count"),
        pytest.param([REFUSED, SILENT], 0.0, id="none good"),
    ],
)
def test_the_share_of_good_outcomes(outcomes: list[Outcome], expected: float | None) -> None:
    assert share(entries(follow(every(MINUTE, *outcomes))), NOW) == expected


def test_of_an_entry_that_began_before_the_share_counts_the_part_within() -> None:
    found = entries(follow(every(MINUTE, *[REFUSED] * 100, *[OK] * 50)))
    assert share(found, NOW + 50 * MINUTE) == pytest.approx(0.5)
    assert share(found, NOW + 100 * MINUTE) == 1.0
    assert share(found, NOW + 2000 * MINUTE) is None


# --- bounds ---------------------------------------------------------------------------------------------------


def test_every_outcome_has_a_code_of_one_byte() -> None:
    assert len(KNOWN) == len(CODES) <= 256
    assert {("critical", each) for each in Reason} | {("untestable", each) for each in Untestable} <= set(CODES)


def test_ninety_six_different_outcomes_are_all_there() -> None:
    found = entries(follow(every(15 * MINUTE, *islice(cycle((OK, REFUSED)), MAX_ENTRIES), start=NOW), HOUR))
    assert [each.number for each in found] == [1] * MAX_ENTRIES


def test_good_neighbours_are_merged_first() -> None:
    outcomes = [*[REFUSED, OK, WARNED] * 31, REFUSED, OK, REFUSED, OK]
    found = entries(follow(every(MINUTE, *outcomes)))
    assert [each.reason for each in found if each.failed] == [REFUSED[1]] * 33
    assert [each.number for each in found if each.failed] == [1] * 33
    assert told(found)[1] == (*WARNED, 2)


def test_a_failure_is_never_thinned_away_while_it_is_younger_than_a_day() -> None:
    outcomes = [SILENT, *islice(cycle((OK, REFUSED)), 1439)]
    found = entries(follow(every(MINUTE, *outcomes)))
    assert (found[0].state, found[0].reason, found[0].began) == (*SILENT, NOW)
    assert sum(each.failed for each in found) == 720
    assert max(each.ended - each.began for each in found) <= HOUR


def test_where_more_than_ninety_six_failures_alternate_only_reasons_are_lost() -> None:
    found = entries(follow(every(MINUTE, *islice(cycle((REFUSED, SILENT)), 1440))))
    assert sum(each.failed for each in found) == 1440
    assert {each.state for each in found} == {"critical"}
    assert len(found) > 80


def test_what_is_older_than_a_day_makes_room_first() -> None:
    old = every(HOUR, *islice(cycle((OK, REFUSED)), 90))
    new = every(MINUTE, *islice(cycle((OK, REFUSED)), 60), start=NOW + 90 * HOUR)
    found = entries(follow([*old, *new], 3 * HOUR))
    assert [each.number for each in found if each.began >= NOW + 90 * HOUR] == [1] * 60
    assert [each.number for each in found if each.began < NOW + 90 * HOUR] == [1] * (MAX_ENTRIES - 60)


OUTCOMES = st.sampled_from([OK, OK, OK, REFUSED, REFUSED, SILENT, WARNED, UNSEEN])
WAITS = st.one_of(st.floats(0.1, 900.0), st.floats(0.1, 3 * DAY))


@st.composite
def probes(draw: st.DrawFn) -> list[Probe]:
    """Runs of outcomes at intervals that change, for days."""
    found, at = list[Probe](), NOW
    for outcome, count, wait in draw(
        st.lists(st.tuples(OUTCOMES, st.integers(1, 40), WAITS), min_size=1, max_size=200)
    ):
        for _ in range(count):
            at += wait
            found.append((outcome, at))
    return found


@settings(max_examples=150, deadline=None)
@given(probes(), st.sampled_from([180.0, 900.0, DAY]))
def test_whatever_comes_entries_are_few_and_ordered_and_count_all_of_a_day(probes: list[Probe], hold: float) -> None:
    outcomes = follow(probes, hold)
    found, end = entries(outcomes), probes[-1][1]
    assert len(found) <= MAX_ENTRIES
    assert getsizeof(outcomes) <= 400
    assert all(one.began <= one.ended <= two.began for one, two in pairwise(found))
    assert (found[-1].ended, KNOWN[found[-1].code]) == (end, probes[-1][0])
    number = sum(each.number for each in found)
    assert probes[-number][1] >= found[0].began
    if number < len(probes):
        assert probes[-number - 1][1] <= max(found[0].began + UNIT, end - DAY)
    assert sum(each.failed for each in found) == sum(state == "critical" for (state, _), _ in probes[-number:])
    for (state, _), at in probes:
        if state == "critical" and at > end - DAY:
            assert any(each.failed and each.began <= at <= each.ended + UNIT for each in found)


@settings(max_examples=100, deadline=None)
@given(probes())
def test_of_fewer_runs_than_entries_nothing_is_lost(probes: list[Probe]) -> None:
    runs = list[list[Probe]]()
    for probe in probes:
        if not runs or runs[-1][-1][0] != probe[0]:
            runs.append([])
        runs[-1].append(probe)
    runs = runs[:60]
    found = entries(follow((probe for run in runs for probe in run), 4 * DAY))
    assert told(found) == [(*run[0][0], len(run)) for run in runs]
    assert [each.began for each in found] == [pytest.approx(run[0][1], abs=UNIT) for run in runs]
