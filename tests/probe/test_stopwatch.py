"""What counts as the time of a stage. The clock is passed in by hand."""

import pytest

from exporter.probe.stopwatch import Stopwatch
from exporter.reasons import Stage


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr("exporter.probe.stopwatch.time.monotonic", lambda: now[0])
    return now


def test_a_stage_lasts_from_when_we_speak_until_the_answer_arrives_however_late_it_is_read(clock: list[float]) -> None:
    watch = Stopwatch()
    clock[0] += 1.0
    watch.lap(Stage.CONNECT)
    clock[0] += 5.0  # our own work
    watch.skip()
    clock[0] += 3.0
    watch.lap(Stage.EHLO, waited=2.5)
    assert watch.stages == {Stage.CONNECT: 1.0, Stage.EHLO: 0.5}


def test_an_answer_that_was_there_before_we_asked_took_no_time(clock: list[float]) -> None:
    watch = Stopwatch()
    clock[0] += 1.0
    watch.lap(Stage.CONNECT)
    clock[0] += 2.0
    watch.lap(Stage.GREETING, waited=2.5)
    assert watch.stages == {Stage.CONNECT: 1.0, Stage.GREETING: 0.0}


def test_both_ehlos_count_for_one_stage(clock: list[float]) -> None:
    watch = Stopwatch()
    for _ in range(2):
        watch.skip()
        clock[0] += 1.5
        watch.lap(Stage.EHLO)
    assert (watch.stages, watch.lasted()) == ({Stage.EHLO: 3.0}, 3.0)
