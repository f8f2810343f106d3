"""What Prometheus reads: both formats, by prometheus_client's own parsers, whatever a peer or an operator wrote."""

import math
import unicodedata
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.board import Board
from exporter.churn import HOUR
from exporter.exposition import labels, number, render, write_ahead
from exporter.exposition.lines import of_endpoint
from exporter.facts import facts
from exporter.families import DOMAIN_FAMILIES, EGRESS_FAMILY, FAMILIES
from exporter.model import Domain, Exchanges, Hello, Reply, Result, Settings, Target
from exporter.reasons import Reason, Untestable
from exporter.state import DomainState
from exporter.telemetry import Telemetry
from tests.results import HOST, LEAF, NOW, endpoint, failed, healthy, peer

HOSTILE = [
    'quote " and backslash \\ and both \\"',
    "line\nbreak\r\n",
    'x"} 1\nsmtp_probe_success{target="evil"} 1',
    "\x00\x07\x1b[31m\x7f\x85\u2028",
    "right\u202eto left\u200f",
    b"\xff\xfe\xc3(".decode("utf-8", "surrogateescape"),
    "\ud800 lone",
    "\U0001f4a9 ünïcode",
    "",
    "# EOF",
]


def board_of(*results: Result, labels: tuple[tuple[str, str], ...] = (), target: str = "mail") -> Board:
    board = Board()
    for result in results:
        board.add(endpoint(target, labels, result.peer))
        board.record(result)
    return board


def text(board: Board, now: float = NOW, *, openmetrics: bool = False) -> str:
    return "".join(render(board, now, openmetrics=openmetrics))


def parsed(board: Board, now: float = NOW, *, openmetrics: bool = False) -> list[Metric]:
    written = text(board, now, openmetrics=openmetrics).encode("utf-8", "strict").decode()
    if openmetrics:
        return list(parse_openmetrics(written + "# EOF\n"))  # type: ignore[no-untyped-call]  # it has no types
    return list(parse_text(written))


def series(metrics: list[Metric]) -> Iterator[tuple[str, frozenset[tuple[str, str]], float]]:
    for metric in metrics:
        for sample in metric.samples:
            yield sample.name, frozenset(sample.labels.items()), sample.value


def values(board: Board, name: str, now: float = NOW) -> list[float]:
    return [value for found, _, value in series(parsed(board, now)) if found == name]


# --- both formats ---------------------------------------------------------------------------------------------


def test_both_formats_say_the_same() -> None:
    board = board_of(healthy(), failed(Reason.GREETING_TIMEOUT, peer(port=587)))
    assert set(series(parsed(board))) == set(series(parsed(board, openmetrics=True)))


@pytest.mark.parametrize("openmetrics", [False, True], ids=["text", "openmetrics"])
def test_no_series_is_there_twice_and_every_family_has_its_type(openmetrics: bool) -> None:
    board = board_of(healthy(), failed(Reason.GREETING_TIMEOUT, peer(port=587)))
    metrics = parsed(board, openmetrics=openmetrics)
    names = [(name, own) for name, own, _ in series(metrics)]
    assert len(set(names)) == len(names)
    kinds = {metric.name: metric.type for metric in metrics}
    assert kinds == {row.name.removesuffix("_total"): row.kind for row in FAMILIES} | {EGRESS_FAMILY.name: "gauge"}


@pytest.mark.parametrize(
    ("openmetrics", "head"),
    [
        (False, "# HELP smtp_probes_total Probes that have finished.\n# TYPE smtp_probes_total counter\n"),
        (True, "# HELP smtp_probes Probes that have finished.\n# TYPE smtp_probes counter\n"),
    ],
    ids=["text", "openmetrics"],
)
def test_a_counter_byte_for_byte(openmetrics: bool, head: str) -> None:
    line = f'smtp_probes_total{{target="mail",host="{HOST}",address="192.0.2.1",port="25",team="a"}} 1\n'
    assert head + line in text(board_of(healthy(), labels=(("team", "a"),)), openmetrics=openmetrics)


def test_the_end_is_written_by_the_agent_s_own_metrics_alone() -> None:
    assert "# EOF" not in text(board_of(healthy()), openmetrics=True)


@pytest.mark.parametrize(
    ("value", "written"),
    [(1, "1"), (True, "1"), (0.25, "0.25"), (1800000000.0, "1800000000"), (-0.0, "0"), (1e-7, "1e-07"),
     (9.99e19, "99900000000000000000")],
)  # fmt: skip
def test_values_are_exact(value: float, written: str) -> None:
    assert number(value) == written
    assert float(written) == value


# --- hostile texts --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("openmetrics", [False, True], ids=["text", "openmetrics"])
@pytest.mark.parametrize("hostile", HOSTILE, ids=ascii)
def test_a_hostile_peer_adds_no_series_and_breaks_nothing(hostile: str, openmetrics: bool) -> None:
    plain = sum(1 for _ in series(parsed(board_of(healthy()))))
    leaf = replace(LEAF, subject=hostile, issuer=hostile, serial=hostile, key=hostile)
    verdict = healthy().verdict
    assert verdict is not None
    result = healthy(
        greeting=Reply(220, (hostile,)),
        hello_tls=Hello("EHLO", {hostile: hostile, "SIZE": hostile}),
        verdict=replace(verdict, certificate=leaf),
    )
    found = list(series(parsed(board_of(result), openmetrics=openmetrics)))
    assert len(found) == plain - 1, "all but the size, which is no number"
    assert not any(("target", "evil") in own for _, own, _ in found)


@pytest.mark.parametrize("openmetrics", [False, True], ids=["text", "openmetrics"])
@settings(max_examples=60, deadline=None)
@given(hostile=st.text(st.characters(exclude_categories=[])))
def test_any_text_in_a_label_is_one_value_of_one_series(openmetrics: bool, hostile: str) -> None:
    board = board_of(healthy(), labels=(("note", hostile),), target=hostile)
    found = [own for name, own, _ in series(parsed(board, openmetrics=openmetrics)) if name == "smtp_probe_success"]
    assert len(found) == 1
    gone = {"Cc", "Cs", "Zl", "Zp"}
    kept = "".join("\ufffd" if unicodedata.category(c) in gone and c != "\n" else c for c in hostile)
    assert {("note", kept), ("target", kept)} <= found[0]


def test_no_control_character_gets_through() -> None:
    written = labels([("a", "".join(map(chr, range(32))) + "\x7f\x9b")])
    assert written.isprintable()
    assert written.count("\ufffd") == 33


# --- what is absent -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf], ids=str)
def test_what_is_no_number_is_absent(value: float) -> None:
    board = board_of(replace(healthy(), duration=value))
    assert values(board, "smtp_probe_duration_seconds") == []
    assert values(board, "smtp_probe_success") == [1]


def test_an_endpoint_without_a_result_has_no_series() -> None:
    board = Board()
    board.add(endpoint())
    assert list(series(parsed(board))) == []


def test_a_result_too_old_leaves_timestamp_and_counters() -> None:
    board = board_of(healthy())
    list(board.expire_votes(NOW + 181))
    left = {name for name, _, _ in series(parsed(board, NOW + 181))}
    counters = {"smtp_probes_total", "smtp_probe_failures_total", "smtp_probes_untestable_total"}
    assert left == counters | {"smtp_probe_last_timestamp_seconds"}


def test_another_wait_is_told_at_the_next_scrape_though_the_probe_saw_the_same() -> None:
    board = board_of(failed(Reason.GREETING_CLOSED))
    for wait in (60.0, 15.0, 15.0, 60.0):
        board.record(failed(Reason.GREETING_CLOSED))
        board.states[peer()].waits(wait)
        assert values(board, "smtp_probe_interval_seconds") == [wait]


def test_each_untestable_probe_is_counted_at_the_next_scrape_though_it_saw_the_same() -> None:
    board = board_of(healthy())
    for count in (1, 2, 3):
        board.record(healthy(untestable=Untestable.NO_IPV6))
        assert values(board, "smtp_probes_untestable_total") == [count]
    board.record(healthy())
    assert values(board, "smtp_probes_untestable_total") == [3]


def test_what_a_healthy_probe_changes_is_only_what_is_fleeting() -> None:
    """Anything else written anew after each probe would cost all of them."""
    board = board_of(healthy(), healthy())
    before = of_endpoint(board.states[peer()], NOW)
    board.record(healthy(finished=NOW + 60))
    board.states[peer()].waits(60.0)
    after = of_endpoint(board.states[peer()], NOW)
    assert all(family.fleeting or new is old for family, new, old in zip(FAMILIES, after, before, strict=True))


def test_series_go_with_their_endpoint() -> None:
    board = board_of(healthy())
    board.remove(endpoint())
    assert list(series(parsed(board))) == []


def test_a_new_result_replaces_what_was_rendered_of_the_old_one() -> None:
    board = board_of(healthy())
    assert values(board, "smtp_probe_success") == [1]
    board.record(failed(Reason.GREETING_CLOSED))
    assert values(board, "smtp_probe_success") == [0]
    assert values(board, "smtp_certificate_valid") == []


def test_endpoints_with_the_same_labels_give_their_series_once() -> None:
    """A host that is named itself and is an MX of a domain, both under one name, with other settings."""
    board = board_of(healthy(), failed(Reason.GREETING_CLOSED, peer(interval=300.0)))
    assert len(board.states) == 2
    assert values(board, "smtp_probe_success") == [1]


def test_endpoints_may_come_and_go_while_others_run() -> None:
    peers = [peer(f"198.18.{number // 250}.{number % 250}") for number in range(2500)]
    board = board_of(*map(healthy, peers[:2499]))
    pieces = render(board, NOW, openmetrics=False)
    written = next(pieces)
    board.remove(endpoint(of=peers[7]))
    board.record(failed(Reason.GREETING_CLOSED, peers[8]))
    board.add(endpoint(of=peers[2499]))
    written += "".join(pieces)
    assert len({own for name, own, _ in series(list(parse_text(written))) if name == "smtp_probe_success"}) == 2499


def test_a_scrape_tells_of_one_result_of_an_endpoint_though_the_next_comes_meanwhile() -> None:
    board = board_of(healthy())
    before = text(board)
    written = []
    for piece in render(board, NOW, openmetrics=False):
        written.append(piece)
        if "smtp_probe_success{" in piece:
            board.record(healthy(finished=NOW + 1))
    assert "".join(written) == before


# --- labels that change too often -------------------------------------------------------------------------------

CHURN = [healthy(finished=NOW + n, hello_tls=Hello("EHLO", {f"X{n}": ""})) for n in range(8)]


def extensions(board: Board, now: float) -> list[str]:
    return [dict(own)["extensions"] for name, own, _ in series(parsed(board, now)) if name == "smtp_extensions_info"]


def test_the_seventh_change_in_an_hour_makes_a_label_unstable_at_the_next_scrape() -> None:
    board, said = board_of(), list[str]()
    board.add(endpoint())
    for result in CHURN:
        board.record(result)
        said += extensions(board, result.finished)
    assert said == ["X0", "X1", "X2", "X3", "X4", "X5", "X6", "unstable"]


def test_an_hour_without_a_change_shows_the_label_again_though_no_new_result_came() -> None:
    board = board_of(*CHURN)
    board.states[peer()].waits(HOUR)
    assert [extensions(board, NOW + 7 + later) for later in (HOUR - 1, HOUR, HOUR - 1)] == [
        ["unstable"],
        ["X7"],
        ["unstable"],
    ]


def test_what_is_written_before_anybody_asks_is_unstable_too() -> None:
    board = Board(on_result=write_ahead)
    board.add(endpoint())
    for result in CHURN:
        board.record(result)
        board.states[peer()].read = True
    assert extensions(board, NOW + 7) == ["unstable"]


def test_endpoints_that_share_a_peer_are_unstable_alike() -> None:
    board = board_of(*CHURN)
    board.add(endpoint("another target"))
    assert extensions(board, NOW + 7) == ["unstable", "unstable"]


def test_page_and_api_tell_what_was_seen() -> None:
    board = board_of(*CHURN)
    assert extensions(board, NOW + 7) == ["unstable"]
    assert facts(endpoint(), board.states[peer()])["extensions"] == {"X7": ""}


# --- domains --------------------------------------------------------------------------------------------------


def test_domains() -> None:
    target = Target("mail", ((25, Settings()),), domains=("example.test",), labels=(("team", "a"),))
    domain = Domain(target, "example.test")
    board = board_of(healthy())
    board.domains[domain] = DomainState(domain, 300.0, Exchanges(((10, HOST),), records=1), NOW)
    lines = [line for line in text(board).split("\n") if line.startswith("smtp_domain")]
    prefix = 'target="mail",domain="example.test",team="a"'
    assert lines == [
        f"smtp_domain_success{{{prefix}}} 1",
        f'smtp_domain_mx_info{{{prefix},host="{HOST}",preference="10"}} 1',
        f"smtp_domain_mx_records{{{prefix}}} 1",
        f"smtp_domain_null_mx{{{prefix}}} 0",
    ]
    assert "smtp_domain" not in text(board, NOW + 901), "an answer too old is withdrawn"


def test_a_domain_does_not_succeed_by_results_that_are_withdrawn() -> None:
    target = Target("mail", ((25, Settings()),), domains=("example.test",))
    domain = Domain(target, "example.test")
    board = board_of(healthy())
    board.domains[domain] = DomainState(domain, 300.0, Exchanges(((10, HOST),), records=1), NOW + 500)
    assert values(board, "smtp_domain_success", NOW + 500) == []
    assert values(board, "smtp_domain_mx_records", NOW + 500) == [1]


def test_a_new_answer_of_dns_replaces_what_was_rendered_of_the_old_one() -> None:
    target = Target("mail", ((25, Settings()),), domains=("example.test",))
    domain = Domain(target, "example.test")
    board = board_of(healthy())
    state = board.domains[domain] = DomainState(domain, 300.0, Exchanges(((10, HOST),), records=1), NOW)
    assert values(board, "smtp_domain_mx_records") == [1]
    state.exchanges = Exchanges(((10, HOST), (20, "mx2.test")), records=2)
    assert (values(board, "smtp_domain_mx_records"), values(board, "smtp_domain_mx_info")) == ([2], [1, 1])


def test_no_family_of_domains_where_there_is_no_domain() -> None:
    assert not any(row.name in text(board_of(healthy())) for row in DOMAIN_FAMILIES)


# --- the agent's own ------------------------------------------------------------------------------------------


def test_every_reason_is_counted_from_the_start() -> None:
    told = {
        (sample.labels["reason"], sample.labels["severity"]): sample.value
        for metric in Telemetry().registry.collect()
        for sample in metric.samples
        if sample.name == "smtp_exporter_problems_total"
    }
    assert {reason for reason, _ in told} == set(Reason)
    assert set(told.values()) == {0.0}
    assert {severity for reason, severity in told if reason == "certificate_expired"} == {"critical", "warning"}
    assert {severity for reason, severity in told if reason == "starttls_after_tls"} == {"warning"}


def test_histograms_have_a_bucket_at_a_quarter_second() -> None:
    bounds = {
        (sample.name, sample.labels["le"])
        for metric in Telemetry().registry.collect()
        for sample in metric.samples
        if "le" in sample.labels
    }
    assert ("smtp_exporter_schedule_delay_seconds_bucket", "0.25") in bounds
    assert ("smtp_exporter_event_loop_lag_seconds_bucket", "0.25") in bounds
