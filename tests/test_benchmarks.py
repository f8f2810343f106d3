"""The benchmarks work: each one's short form gives figures. What the figures are is nobody's assertion."""

import importlib
import os
import re
import socket
from pathlib import Path

import pytest

from benchmarks.__main__ import BEGIN, END, NAMES, PAGE, rewritten
from benchmarks.agent import Metrics, delay_quantile
from benchmarks.cores import awake, fixed_loops
from benchmarks.figures import HEAD, Figure
from benchmarks.memory import named
from benchmarks.processes import spread


@pytest.mark.real
@pytest.mark.parametrize("name", NAMES)
def test_the_short_form_gives_figures_that_were_measured(name: str) -> None:
    figures: list[Figure] = list(importlib.import_module(f"benchmarks.{name}").figures(short=True))
    assert figures
    assert all(re.search(r"\d", figure.ours) for figure in figures)


def test_each_benchmark_says_what_it_measures() -> None:
    assert all(importlib.import_module(f"benchmarks.{name}").__doc__ for name in NAMES)


def test_a_row_has_the_columns_of_the_table() -> None:
    row = Figure("memory", "under 160 MB", "90 MB", met=True).row()
    assert row == "| memory | under 160 MB | 90 MB |  | yes |"
    assert row.count("|") == HEAD.splitlines()[0].count("|")


def test_a_missed_figure_stands_out() -> None:
    assert Figure("memory", "under 160 MB", "200 MB", met=False).row().endswith("| **no** |")


def test_the_table_is_replaced_and_nothing_else() -> None:
    assert rewritten(f"a\n{BEGIN}\nold\n{END}\nz\n", "new") == f"a\n{BEGIN}\nnew\n{END}\nz\n"


def test_a_page_without_markers_is_not_written() -> None:
    with pytest.raises(ValueError, match="begin"):
        rewritten("a page", "new")


def test_the_page_has_room_for_the_table() -> None:
    assert rewritten(Path(PAGE).read_text(), "new")


def test_the_99th_percentile_is_the_bound_of_its_bucket_between_two_scrapes() -> None:
    before = Metrics(delays={0.01: 5.0, 0.25: 5.0, float("inf"): 5.0})
    after = Metrics(delays={0.01: 95.0, 0.25: 104.0, float("inf"): 105.0})
    assert delay_quantile(0.99, before, after) == 0.25
    assert delay_quantile(0.90, before, after) == 0.01


@pytest.mark.parametrize(
    ("values", "text"),
    [pytest.param([1.0], "1.00", id="one"), pytest.param([1.0, 3.0, 2.0], "2.00 (1.00 to 3.00)", id="several")],
)
def test_several_rounds_show_their_median_and_range(values: list[float], text: str) -> None:
    assert spread(values) == text


def test_each_core_is_kept_awake_by_what_gives_way_to_all_others_and_ends_with_the_block() -> None:
    before = _children()
    with awake():
        idle = _children() - before
        assert [os.sched_getscheduler(pid) for pid in idle] == [os.SCHED_IDLE] * len(idle)
        assert sorted(core for pid in idle for core in os.sched_getaffinity(pid)) == sorted(os.sched_getaffinity(0))
    assert _children() == before


def _children() -> set[int]:
    return {int(pid) for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()}


def test_the_fixed_loop_is_timed_until_then_and_not_after() -> None:
    clock, slept = iter([0.0, 0.95, 1.0]), list[float]()
    taken = list(fixed_loops(1.0, lambda: next(clock), slept.append))
    assert slept == pytest.approx([0.1, 0.05])
    assert len(taken) == 2
    assert all(each > 0 for each in taken)


def test_a_descriptor_is_named_by_both_ends_of_its_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        (ours, port), theirs = client.getsockname(), server.getsockname()[1]
        name = f"{client.fileno()} {Path(f'/proc/self/fd/{client.fileno()}').readlink()}"
        assert named(os.getpid(), name) == f"{name} {ours}:{port} to 127.0.0.1:{theirs} in state 01"


def test_what_is_no_connection_keeps_its_name() -> None:
    assert named(os.getpid(), "0 /dev/null") == "0 /dev/null"
