"""When turns start. The clock is a fake loop: time moves only when a test says so."""

from collections import Counter
from collections.abc import Callable, Hashable
from itertools import pairwise
from math import inf
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.schedule import BACK_OFF_SECONDS, CROWD, Schedule
from exporter.turns import Turn
from tests.fake_loop import Handle, Loop


class Bench:
    """A schedule on a fake loop, whose turns take `took` seconds; None: until a test finishes them."""

    def __init__(self, took: float | None = 0.0, loop: Loop | None = None, **limits: Any) -> None:
        self.loop, self.took = loop or Loop(), took
        self.starts: list[tuple[float, Hashable]] = []
        self.delays: list[float] = []
        self.overruns = 0
        self.refused: set[Hashable] = set()
        self.confirm: dict[Hashable, float] = {}
        """Whose runs are to be confirmed, and after how many seconds."""
        self.in_force: dict[Hashable, float] = {}
        """The wait in force of each."""
        self.dead: set[Hashable] = set()
        """Whose turns take 10 seconds."""
        self.late: dict[Hashable, float] = {}
        """By how much each started later than due, at most, since a test last asked."""
        self.running: list[Turn] = []
        self.most: Counter[str] = Counter()
        self.schedule = Schedule(self.loop, on_delay=self.delays.append, on_overrun=self.overrun, **limits)

    def overrun(self) -> None:
        self.overruns += 1

    def start(self, turn: Turn) -> None:
        self.starts.append((self.loop.now - 1000.0, turn.key))
        self.late[turn.key] = max(self.late.get(turn.key, 0.0), turn.began - turn.slot)
        self.running.append(turn)
        at = sum(other.address == turn.address for other in self.running)
        self.most[turn.address] = max(self.most[turn.address], at)
        self.most["all of them"] = max(self.most["all of them"], len(self.running))
        took = 10.0 if turn.key in self.dead else self.took
        if took == 0:
            self.finish(turn)
        elif took is not None:
            self.loop.call_at(self.loop.now + took, lambda: self.finish(turn))

    def finish(self, turn: Turn) -> None:
        self.running.remove(turn)
        refused, confirm = turn.key in self.refused, self.confirm.get(turn.key, inf)
        self.in_force[turn.key] = self.schedule.finished(turn, refused=refused, confirm=confirm)

    def add(self, key: Hashable, interval: float = 60.0, address: str = "", after: float | None = None) -> Turn:
        return self.schedule.add(key, interval, address, self.start, after=after)

    def times(self, key: Hashable) -> list[float]:
        return [at for at, who in self.starts if who == key]

    def waits(self, key: Hashable) -> list[float]:
        return [later - sooner for sooner, later in pairwise(self.times(key))]


# --- the first round ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("interval", "spread"), [(10.0, 10.0), (60.0, 60.0), (300.0, 60.0), (86400.0, 60.0)])
def test_first_round_is_spread_evenly_over_the_interval_or_a_minute(interval: float, spread: float) -> None:
    bench = Bench()
    for number in range(300):
        bench.add(number, interval)
    bench.loop.run(spread - 1e-6)
    assert Counter(key for _, key in bench.starts) == Counter(range(300))
    tenths = Counter(int(at / spread * 10) for at, _ in bench.starts)
    assert all(28 <= tenths[tenth] <= 32 for tenth in range(10)), tenths


def test_with_a_tick_turns_start_together_at_its_multiples_and_no_later() -> None:
    bench = Bench(tick=0.5)
    for number in range(300):
        bench.add(number, 10.0)
    bench.loop.run(59.9)
    assert {at % 0.5 for at, _ in bench.starts} == {0.0}
    assert max(bench.delays) <= 0.5
    assert {len(bench.times(number)) for number in range(300)} <= {5, 6}


def test_of_a_crowd_that_is_due_together_a_few_start_and_then_others_may_run() -> None:
    bench, others = Bench(tick=0.5), list[int]()
    for number in range(2 * CROWD + 1):
        bench.add(number, after=0.4)

    def other() -> None:
        others.append(len(bench.starts))
        if len(others) < 3:
            bench.loop.call_at(bench.loop.now, other)

    bench.loop.call_at(1000.5, other)
    bench.loop.run(0.5)
    assert others == [CROWD, 2 * CROWD, 2 * CROWD + 1]
    assert {at for at, _ in bench.starts} == {0.5}


def test_a_clock_whose_timers_come_a_little_early_is_not_asked_again_and_again() -> None:
    """Those of uvloop count whole milliseconds: waiting for the rest of one would be a busy loop."""

    class Early(Loop):
        asked = 0

        def call_at(self, when: float, callback: Callable[[], None]) -> Handle:
            self.asked += 1
            return super().call_at(int(when * 1000) / 1000, callback)

    loop = Early()
    bench = Bench(loop=loop)
    for number in range(10):
        bench.add(number, 1.0)
    bench.loop.run(99.99)
    assert len(bench.starts) == 1000
    assert loop.asked <= 2 * len(bench.starts)
    assert min(bench.delays) >= 0


def test_the_ports_of_one_host_do_not_start_together() -> None:
    bench = Bench()
    for port in (25, 465, 587):
        bench.add(port)
    bench.loop.run(60)
    gaps = [later - sooner for (sooner, _), (later, _) in pairwise(bench.starts)]
    assert min(gaps) > 10


def test_a_turn_added_later_starts_after_so_many_seconds() -> None:
    bench = Bench()
    bench.add("new", after=3.0)
    bench.loop.run(5)
    assert bench.times("new") == [3.0]


# --- intervals ------------------------------------------------------------------------------------------------


def test_each_turn_keeps_its_interval_and_its_place_in_it() -> None:
    bench = Bench(took=1.5)
    bench.add("often", 10.0, "192.0.2.1")
    bench.add("seldom", 60.0, "192.0.2.2")
    bench.loop.run(600)
    assert bench.waits("often") == pytest.approx([10.0] * (len(bench.times("often")) - 1))
    assert bench.waits("seldom") == pytest.approx([60.0] * (len(bench.times("seldom")) - 1))
    assert (len(bench.times("often")), len(bench.times("seldom"))) == (61, 10)


def test_long_intervals_settle_over_the_whole_interval_after_the_first_round() -> None:
    bench = Bench()
    for number in range(300):
        bench.add(number, 600.0)
    bench.loop.run(3000)
    third = [bench.times(number)[2] for number in range(300)]
    tenths = Counter(int((at % 600) / 60) for at in third)
    assert all(25 <= tenths[tenth] <= 35 for tenth in range(10)), tenths
    for number in range(300):
        second, *later = bench.waits(number)
        assert 300 <= second <= 900
        assert later == pytest.approx([600.0] * len(later))


def test_no_delay_while_there_is_room() -> None:
    bench = Bench(took=1.0)
    for number in range(50):
        bench.add(number, 30.0, f"192.0.2.{number}")
    bench.loop.run(300)
    assert len(bench.delays) == len(bench.starts) >= 500
    assert max(bench.delays) == pytest.approx(0.0, abs=1e-6)


# --- limits ---------------------------------------------------------------------------------------------------


def test_no_more_than_at_once_run_and_none_is_forgotten() -> None:
    bench = Bench(took=5.0, at_once=3)
    for number in range(20):
        bench.add(number, 60.0, after=0.0)
    bench.loop.run(600)
    assert bench.most["all of them"] == 3
    assert bench.schedule.in_flight <= 3
    assert all(len(bench.times(number)) >= 8 for number in range(20))


@pytest.mark.parametrize("limit", [1, 2])
def test_no_more_than_so_many_run_at_one_address(limit: int) -> None:
    bench = Bench(took=5.0, per_address=limit)
    for number in range(6):
        bench.add(number, 60.0, "192.0.2.1", after=0.0)
    bench.loop.run(59)
    assert bench.most["192.0.2.1"] == limit
    assert [key for _, key in bench.starts] == list(range(6)), "first come, first served"


def test_turns_without_an_address_are_not_held_back() -> None:
    bench = Bench(took=5.0)
    for number in range(6):
        bench.add(number, 60.0, after=0.0)
    bench.loop.run(1)
    assert bench.most[""] == 6


def test_a_full_address_holds_no_other_back() -> None:
    bench = Bench(took=None)
    bench.add("hangs", 60.0, "192.0.2.1", after=0.0)
    bench.add("waits", 60.0, "192.0.2.1", after=0.0)
    bench.add("other", 60.0, "192.0.2.2", after=0.0)
    bench.loop.run(1)
    assert [key for _, key in bench.starts] == ["hangs", "other"]


def test_a_thousand_that_finish_at_once_do_not_grow_the_stack() -> None:
    bench = Bench(took=None, at_once=1)
    first = bench.add("first", after=0.0)
    bench.loop.run(0.5)
    for number in range(3000):
        bench.add(number, after=0.0)
    bench.loop.run(0.5)
    bench.took = 0.0
    bench.finish(first)
    assert len(bench.starts) == 3001


# --- turns that take long -------------------------------------------------------------------------------------


def crowd(dead: int, *, at_once: int = 10, good: int = 60, took: float = 0.25) -> Bench:
    """Good and dead ones every minute, after the first round, in which nobody knows which are which."""
    bench = Bench(took=took, at_once=at_once)
    bench.dead = {f"dead {number}" for number in range(dead)}
    for key in (*(f"good {number}" for number in range(good)), *(f"dead {number}" for number in range(dead))):
        bench.add(key, 60.0, f"address of {key}")
    bench.loop.run(180.0 + 10.0 * dead / at_once)
    bench.starts.clear()
    bench.late.clear()
    return bench


@pytest.mark.parametrize("dead", [60, 120, 600], ids=["as many as fill all room", "twice", "ten times"])
def test_dead_ones_beyond_the_limit_keep_no_good_one_waiting(dead: int) -> None:
    bench = crowd(dead)
    bench.loop.run(1200.0)
    good = [late for key, late in bench.late.items() if key not in bench.dead]
    assert len(good) == 60
    assert max(good) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("dead", [60, 120, 600], ids=["as many as fill all room", "twice", "ten times"])
def test_dead_ones_beyond_the_limit_all_have_their_turns_and_four_fifths_of_the_room(dead: int) -> None:
    bench = crowd(dead)
    bench.loop.run(2400.0)
    starts = Counter(key for _, key in bench.starts if key in bench.dead)
    fair = 2400.0 * 8 / 10 / dead
    assert len(starts) == dead
    assert fair - 2 <= min(starts.values()) <= max(starts.values()) <= fair + 2


def test_dead_ones_within_the_limit_start_on_time_too() -> None:
    bench = crowd(dead=40)
    bench.loop.run(1200.0)
    assert len(bench.late) == 100
    assert max(bench.late.values()) == pytest.approx(0.0, abs=1e-6)


def test_where_good_ones_alone_fill_all_room_dead_ones_have_their_turns_still() -> None:
    bench = crowd(dead=5, at_once=1, good=120, took=1.0)
    bench.loop.run(2400.0)
    starts = Counter(key for _, key in bench.starts)
    assert set(starts) >= bench.dead
    assert len(starts) == 125


def test_a_dead_port_that_waits_for_room_keeps_no_good_one_of_its_host_waiting() -> None:
    bench = Bench(took=0.25, at_once=10)
    bench.dead = {f"dead {number}" for number in range(120)}
    for number in range(120):
        bench.add(f"dead {number}", 60.0, f"192.0.2.{number}")
        bench.add(f"good {number}", 60.0, f"192.0.2.{number}")
    bench.loop.run(180.0)
    bench.late.clear()
    bench.loop.run(1200.0)
    assert max(late for key, late in bench.late.items() if key not in bench.dead) <= 10.0, "its neighbour's time-out"


def test_a_dead_one_that_answers_again_is_one_of_the_good() -> None:
    bench = crowd(120)
    bench.dead.remove("dead 0")
    bench.loop.run(300.0)
    bench.late.clear()
    bench.loop.run(600.0)
    assert bench.late["dead 0"] == pytest.approx(0.0, abs=1e-6)


# --- overruns and crowded addresses ---------------------------------------------------------------------------


def test_a_turn_that_still_runs_when_it_is_due_is_an_overrun_and_not_stacked() -> None:
    bench = Bench(took=None)
    turn = bench.add("slow", 10.0, after=0.0)
    bench.loop.run(35)
    assert (len(bench.starts), bench.overruns) == (1, 3)
    bench.finish(turn)
    bench.loop.run(10)
    assert bench.times("slow") == [0.0, 40.0]


def test_where_an_address_has_too_much_all_intervals_grow_and_it_is_reported() -> None:
    bench = Bench(took=5.0)
    for number in range(24):
        bench.add(number, 60.0, "192.0.2.1")
    bench.add("elsewhere", 60.0, "192.0.2.2")
    bench.loop.run(3600)
    assert bench.schedule.overloaded == 1
    overruns = bench.overruns
    bench.loop.run(3600)
    assert bench.overruns == overruns, "once grown they fit"
    assert all(bench.waits(number)[-1] == pytest.approx(24 * 5 / 0.9, rel=0.1) for number in range(24))
    assert bench.waits("elsewhere")[-1] == pytest.approx(60.0)


def test_intervals_shrink_back_when_there_is_room_again() -> None:
    bench = Bench(took=5.0)
    for number in range(24):
        bench.add(number, 60.0, "192.0.2.1")
    bench.loop.run(1800)
    bench.took = 0.5
    bench.loop.run(1800)
    assert bench.schedule.overloaded == 0
    assert bench.waits(7)[-1] == pytest.approx(60.0)


def test_seldom_turns_do_not_slow_a_frequent_one_that_fits() -> None:
    bench = Bench(took=1.0)
    bench.add("often", 20.0, "192.0.2.1")
    for number in range(50):
        bench.add(number, 3600.0, "192.0.2.1")
    bench.loop.run(7200)
    assert bench.schedule.overloaded == 0
    assert bench.waits("often")[-3:] == pytest.approx([20.0] * 3, abs=1.5)


# --- back-off -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("interval", "waits"),
    [
        pytest.param(60.0, [120.0, 240.0, 480.0, 480.0], id="at most 8 intervals"),
        pytest.param(200.0, [400.0, 800.0, BACK_OFF_SECONDS, BACK_OFF_SECONDS], id="at most 15 minutes"),
        pytest.param(3600.0, [3600.0, 3600.0], id="never shorter than the interval"),
    ],
)
def test_a_refusal_doubles_the_wait(interval: float, waits: list[float]) -> None:
    bench = Bench(took=0.0)
    bench.refused.add("refused")
    turn = bench.add("refused", interval, after=0.0)
    turn.settled = True
    bench.loop.run(sum(waits) + 1)
    assert bench.waits("refused") == pytest.approx(waits)


def test_after_a_refusal_a_good_run_brings_the_interval_back() -> None:
    bench = Bench(took=0.0)
    bench.refused.add("once")
    bench.add("once", 60.0, after=0.0)
    bench.loop.run(1)
    bench.refused.clear()
    bench.loop.run(400)
    assert bench.waits("once")[:4] == pytest.approx([120.0, 60.0, 60.0, 60.0])


# --- runs that confirm the one before -------------------------------------------------------------------------


def confirming(runs: int, confirm: float, interval: float = 60.0, took: float = 0.0, **limits: Any) -> Bench:
    """Let `runs` runs of a turn be confirmed, then no more, for five intervals."""
    bench = Bench(took=took, **limits)
    bench.confirm["failing"] = confirm
    bench.add("failing", interval, "192.0.2.1", after=0.0).settled = True
    while len(bench.starts) - len(bench.running) < runs:
        bench.loop.run(1.0)
    bench.confirm.clear()
    bench.loop.run(5 * interval)
    return bench


@pytest.mark.parametrize(
    ("confirm", "interval", "took", "times"),
    [
        pytest.param(15.0, 60.0, 0.0, [0.0, 15.0, 30.0, 60.0, 120.0], id="a quarter of the interval"),
        pytest.param(75.0, 300.0, 0.5, [0.0, 75.5, 151.0, 300.0, 600.0], id="after the end of a run"),
        pytest.param(40.0, 60.0, 0.0, [0.0, 40.0, 80.0, 120.0, 180.0], id="a place in between is passed over"),
        pytest.param(60.0, 60.0, 0.0, [0.0, 60.0, 120.0, 180.0], id="the interval itself"),
        pytest.param(30.0, 60.0, 0.0, [0.0, 30.0, 60.0, 120.0, 180.0], id="at the same time as a place"),
        pytest.param(15.0, 60.0, 30.0, [0.0, 45.0, 90.0, 120.0, 180.0], id="runs longer than that"),
        pytest.param(15.0, 60.0, 50.0, [0.0, 60.0, 120.0, 180.0], id="long runs: no later than without"),
        pytest.param(15.0, 60.0, 59.9, [0.0, 60.0, 120.0, 180.0], id="runs as long as the interval"),
    ],
)
def test_two_runs_confirm_the_first_and_the_turn_keeps_its_place(
    confirm: float, interval: float, took: float, times: list[float]
) -> None:
    bench = confirming(2, confirm, interval, took)
    assert bench.times("failing")[: len(times)] == pytest.approx(times)
    assert bench.overruns == 0


def test_the_wait_in_force_is_that_until_the_next_run() -> None:
    bench = Bench()
    bench.confirm["failing"] = 15.0
    bench.add("failing", after=0.0)
    bench.loop.run(14.0)
    first = bench.in_force["failing"]
    bench.confirm.clear()
    bench.loop.run(1.0)
    assert (first, bench.in_force["failing"]) == (15.0, 60.0)


@pytest.mark.parametrize(
    ("took", "wait"),
    [
        pytest.param(30.0, 15.0, id="from the end of a slow run"),
        pytest.param(50.0, 10.0, id="no later than without"),
        pytest.param(60.0, 15.0, id="a run as long as the interval"),
    ],
)
def test_the_wait_before_a_confirmation_counts_from_the_end_of_the_run(took: float, wait: float) -> None:
    bench = Bench(took=took)
    bench.confirm["failing"] = 15.0
    bench.add("failing", after=0.0)
    bench.loop.run(took + 1.0)
    assert bench.in_force["failing"] == pytest.approx(wait)


def test_a_refusal_is_not_confirmed() -> None:
    bench = Bench()
    bench.refused.add("refused")
    bench.confirm["refused"] = 15.0
    bench.add("refused", after=0.0)
    bench.loop.run(400.0)
    assert bench.times("refused") == [0.0, 120.0, 360.0]


def test_a_run_that_confirms_and_is_refused_lengthens_the_wait() -> None:
    bench = Bench()
    bench.confirm["failing"] = 15.0
    bench.add("failing", after=0.0)
    bench.loop.run(10.0)
    bench.refused.add("failing")
    bench.loop.run(390.0)
    assert bench.times("failing") == [0.0, 15.0, 135.0, 375.0]


def test_where_an_address_has_too_much_nothing_is_confirmed() -> None:
    bench = Bench(took=5.0)
    for number in range(24):
        bench.add(number, 60.0, "192.0.2.1")
    bench.loop.run(3600.0)
    bench.confirm[7] = 15.0
    bench.loop.run(3600.0)
    assert min(bench.waits(7)[-20:]) > 60.0
    assert (bench.schedule.overloaded, bench.in_force[7] > 60.0) == (1, True)


def test_runs_that_confirm_are_a_load_of_their_address_like_others() -> None:
    """One run a minute of each fits: 48 seconds. Two do not."""
    bench = Bench(took=2.0)
    for number in range(24):
        bench.add(number, 60.0, "192.0.2.1")
    bench.loop.run(1800.0)
    assert (bench.schedule.overloaded, bench.most["192.0.2.1"]) == (0, 1)
    bench.confirm = dict.fromkeys(range(24), 15.0)
    most = 0
    for _ in range(1800):
        bench.loop.run(1.0)
        most = max(most, bench.schedule.overloaded)
    assert (most, bench.most["192.0.2.1"]) == (1, 1)
    bench.confirm.clear()
    bench.loop.run(600.0)
    assert bench.schedule.overloaded == 0
    assert bench.waits(7)[-1] == pytest.approx(60.0)


def test_three_dead_ports_of_a_host_are_all_confirmed_before_their_next_place() -> None:
    bench = Bench(took=10.0)
    bench.confirm = dict.fromkeys((25, 465, 587), 15.0)
    for port in (25, 465, 587):
        bench.add(port, 60.0, "192.0.2.1", after=0.0)
    bench.loop.run(59.0)
    assert Counter(key for _, key in bench.starts) == {25: 2, 465: 2, 587: 2}
    assert bench.most["192.0.2.1"] == 1


def test_where_all_room_is_taken_nothing_is_confirmed() -> None:
    bench = crowd(600)
    bench.confirm = {f"dead {number}": 15.0 for number in range(600)}
    bench.loop.run(1200.0)
    assert {bench.in_force[key] for key in bench.dead if key in bench.in_force} == {60.0}
    assert max(late for key, late in bench.late.items() if key not in bench.dead) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(("seconds", "starts_in"), [(3.0, 12.0), (15.0, 0.0)], ids=["later", "now"])
def test_how_long_until_a_run_that_confirms(seconds: float, starts_in: float) -> None:
    bench = Bench(took=None)
    bench.confirm["failing"] = 15.0
    turn = bench.add("failing", after=0.0)
    bench.loop.run(0.0)
    bench.finish(turn)
    bench.loop.run(seconds)
    assert bench.schedule.starts_in("failing") == starts_in


def test_a_turn_removed_before_it_is_confirmed_starts_no_more() -> None:
    bench = Bench()
    bench.confirm["failing"] = 15.0
    bench.add("failing", after=0.0)
    bench.loop.run(3.0)
    bench.schedule.remove("failing")
    bench.loop.run(200.0)
    assert bench.times("failing") == [0.0]


# --- coming and going -----------------------------------------------------------------------------------------


def test_a_removed_turn_starts_no_more() -> None:
    bench = Bench()
    bench.add("gone", 10.0)
    bench.loop.run(25)
    bench.schedule.remove("gone")
    before = len(bench.starts)
    bench.loop.run(100)
    assert len(bench.starts) == before


def test_a_turn_removed_while_it_runs_gives_its_place_back() -> None:
    bench = Bench(took=None)
    gone = bench.add("gone", 60.0, "192.0.2.1", after=0.0)
    bench.add("next", 60.0, "192.0.2.1", after=0.0)
    bench.loop.run(1)
    bench.schedule.remove("gone")
    assert bench.schedule.in_flight == 1
    bench.finish(gone)
    assert bench.times("next") == [1.0]
    assert bench.schedule.in_flight == 1


def test_a_turn_removed_while_it_waits_is_passed_over() -> None:
    bench = Bench(took=None)
    first = bench.add("first", 60.0, "192.0.2.1", after=0.0)
    bench.add("gone", 60.0, "192.0.2.1", after=0.0)
    bench.add("last", 60.0, "192.0.2.1", after=0.0)
    bench.loop.run(1)
    bench.schedule.remove("gone")
    bench.finish(first)
    assert [key for _, key in bench.starts] == ["first", "last"]


def test_a_turn_added_again_while_the_old_one_runs_is_a_new_one() -> None:
    bench = Bench(took=None)
    old = bench.add("same", 60.0, "192.0.2.1", after=0.0)
    bench.loop.run(1)
    bench.schedule.remove("same")
    bench.add("same", 60.0, "192.0.2.1", after=0.0)
    bench.loop.run(1)
    bench.finish(old)
    assert bench.times("same") == [0.0, 2.0]


def test_removing_what_is_not_there_does_nothing() -> None:
    bench = Bench()
    bench.schedule.remove("nobody")
    assert bench.schedule.in_flight == 0


@pytest.mark.parametrize(
    ("seconds", "starts_in"), [(0.0, 4.0), (3.0, 1.0), (5.0, 0.0)], ids=["later", "soon", "running"]
)
def test_how_long_until_a_turn_starts(seconds: float, starts_in: float) -> None:
    bench = Bench(took=None)
    bench.add("one", after=4.0)
    bench.loop.run(seconds)
    assert bench.schedule.starts_in("one") == starts_in
    assert bench.schedule.starts_in("nobody") is None


def test_after_stop_nothing_starts() -> None:
    bench = Bench(took=None)
    running = bench.add("running", after=0.0, address="192.0.2.1")
    bench.add("waiting", after=0.0, address="192.0.2.1")
    bench.add("later", after=5.0)
    bench.loop.run(1)
    bench.schedule.stop()
    bench.finish(running)
    bench.loop.run(100)
    assert [key for _, key in bench.starts] == ["running"]


# --- whatever happens -----------------------------------------------------------------------------------------

ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, 9)),
        st.tuples(st.just("remove"), st.integers(0, 9)),
        st.tuples(st.sampled_from(["finish", "fail"]), st.integers(0, 9)),
        st.tuples(st.just("wait"), st.integers(1, 45)),
    ),
    max_size=60,
)


@settings(max_examples=150, deadline=None)
@given(ACTIONS)
def test_whatever_comes_and_goes_the_limits_hold_and_every_turn_gets_its_turn(actions: list[tuple[str, int]]) -> None:
    bench = Bench(took=None, at_once=3, per_address=2)
    alive: set[int] = set()
    for action, number in actions:
        match action:
            case "add" if number not in alive:
                bench.add(number, 20.0 + 20 * (number % 4), f"192.0.2.{number % 3}" if number % 3 else "")
                alive.add(number)
            case "remove":
                bench.schedule.remove(number)
                alive.discard(number)
            case "finish" | "fail" if bench.running:
                turn = bench.running[number % len(bench.running)]
                bench.confirm = {turn.key: 5.0 * number} if action == "fail" else {}
                bench.finish(turn)
                bench.confirm.clear()
            case "wait":
                bench.loop.run(number)
        assert bench.schedule.in_flight == len(bench.running) <= 3
        assert all(most <= 2 for address, most in bench.most.items() if address.startswith("192."))
    bench.took = 0.0
    for turn in list(bench.running):
        bench.finish(turn)
    bench.starts.clear()
    bench.loop.run(700)  # the longest wait is 8 * 80 s
    assert bench.schedule.in_flight == 0
    assert {key for _, key in bench.starts} == alive


# --- turns that wait for something else -----------------------------------------------------------------------


def test_a_paused_turn_takes_no_room_and_goes_on_when_there_is_some() -> None:
    bench = Bench(None, at_once=1)
    waiting, other = bench.add("waits for DNS", after=0.0), bench.add("has an address", after=1.0)
    bench.loop.run(0.5)
    bench.schedule.pause(waiting)
    bench.loop.run(1.0)
    assert [key for _, key in bench.starts] == ["waits for DNS", "has an address"]
    went_on: list[str] = []
    bench.schedule.resume(waiting, lambda: went_on.append("now"))
    assert (went_on, bench.schedule.in_flight) == ([], 1)
    bench.finish(other)
    assert (went_on, bench.schedule.in_flight) == (["now"], 1)
    bench.finish(waiting)
    assert bench.schedule.in_flight == 0


def test_a_turn_may_end_while_it_is_paused() -> None:
    bench = Bench(None, at_once=1)
    turn = bench.add("a domain", interval=60.0, after=0.0)
    bench.loop.run(0.5)
    bench.schedule.pause(turn)
    bench.finish(turn)
    assert bench.schedule.in_flight == 0
    bench.loop.run(60.0)
    assert len(bench.times("a domain")) == 2


# --- does it move ---------------------------------------------------------------------------------------------


def test_a_schedule_moves_while_it_waits_works_or_has_nothing_to_do() -> None:
    bench = Bench(took=1.0)
    assert bench.schedule.moves(30.0)
    bench.add("a", 10.0)
    for _ in range(100):
        bench.loop.run(1)
        assert bench.schedule.moves(30.0)
    bench.schedule.stop()
    bench.loop.now += 1000
    assert bench.schedule.moves(30.0)


def test_a_schedule_whose_turns_are_long_overdue_does_not_move() -> None:
    bench = Bench()
    bench.add("a", 10.0)
    bench.loop.now += 25  # and its timer was not called
    assert not bench.schedule.moves(30.0)


def test_a_schedule_whose_places_nobody_frees_does_not_move() -> None:
    bench = Bench(took=None, at_once=1)
    for key in "ab":
        bench.add(key, 60.0, after=0.0)
    bench.loop.run(35)
    assert bench.schedule.moves(30.0)
    bench.loop.run(10)
    assert not bench.schedule.moves(30.0)


# --- other limits -----------------------------------------------------------------------------------------------


def test_more_room_at_an_address_is_used_at_once() -> None:
    bench = Bench(None)
    for key in "abc":
        bench.add(key, address="192.0.2.1", after=0.0)
    bench.loop.run(1)
    assert len(bench.running) == 1
    bench.schedule.limit(at_once=1000, per_address=2)
    assert len(bench.running) == 2


def test_less_room_at_an_address_holds_once_those_beyond_it_have_ended() -> None:
    bench = Bench(None, per_address=3)
    for key in "abcdef":
        bench.add(key, address="192.0.2.1", after=0.0)
    bench.loop.run(1)
    bench.schedule.limit(at_once=1000, per_address=1)
    running = []
    for _ in range(6):
        running.append(len(bench.running))
        bench.finish(bench.running[0])
    assert running == [3, 2, 1, 1, 1, 1]


@pytest.mark.parametrize(("at_once", "running"), [(5, 5), (1, 2)], ids=["more", "less: nothing is ended"])
def test_another_limit_of_all_probes_holds_from_now_on(at_once: int, running: int) -> None:
    bench = Bench(None, at_once=2)
    for key in range(10):
        bench.add(key, after=0.0)
    bench.loop.run(1)
    bench.schedule.limit(at_once=at_once, per_address=1)
    assert len(bench.running) == running
