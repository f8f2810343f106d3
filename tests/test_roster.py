"""Who is probed: endpoints follow DNS. The bench has the fakes."""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from exporter import checks
from exporter.model import Lookup, Peer, Reply, Result
from exporter.reasons import Reason, Stage
from exporter.resolve import Addresses
from tests.results import failed, healthy
from tests.roster_bench import FAILURE, HOST, NOT_FOUND, SIX, A, B, Bench, host


@pytest.fixture
def bench() -> Bench:
    return Bench()


# --- addresses come and go ------------------------------------------------------------------------------------


async def test_a_name_has_an_endpoint_for_each_address(bench: Bench) -> None:
    bench.names.answers[HOST] = Addresses((A, SIX))
    bench.roster.add(host())
    assert bench.addresses() == [""]
    await bench.run(62)
    assert bench.addresses() == [A, SIX]
    assert {state.word for state in bench.board.states.values()} == {"ok"}


async def test_a_name_without_an_address_has_one_endpoint_that_says_so(bench: Bench) -> None:
    bench.roster.add(host())
    await bench.run()
    assert bench.addresses() == [""]
    assert bench.problems() == {"dns_not_found"}


async def test_endpoints_follow_the_addresses(bench: Bench) -> None:
    bench.names.answers[HOST] = Addresses((A,))
    bench.roster.add(host())
    await bench.run()
    bench.names.answers[HOST] = Addresses((B,))
    await bench.run(61)
    assert bench.addresses() == [B]
    assert [peer.address for peer in bench.probes.forgotten] == ["", A]
    bench.names.answers[HOST] = Addresses((), NOT_FOUND)
    await bench.run(61)
    assert bench.addresses() == [""]
    assert bench.problems() == {"dns_not_found"}


async def test_addresses_known_from_before_are_probed_with_a_warning(bench: Bench) -> None:
    bench.names.answers[HOST] = Addresses((A,), FAILURE)
    bench.roster.add(host())
    await bench.run()
    (state,) = bench.board.states.values()
    assert (state.word, bench.problems()) == ("warning", {"dns_failure"})


async def test_any_is_one_endpoint_that_may_try_all(bench: Bench) -> None:
    bench.names.answers[HOST] = Addresses((A, B))
    bench.roster.add(host(addresses="any"))
    await bench.run()
    assert bench.addresses() == [""]
    assert bench.probes.asked[0][1] == (A, B)


async def test_an_address_needs_no_dns(bench: Bench) -> None:
    bench.names.error = AssertionError("nothing to ask")
    bench.roster.add(host(A))
    await bench.run()
    assert bench.probes.asked[0][1:] == ((A,), None)


async def test_more_addresses_than_allowed_are_left_out_and_told() -> None:
    bench = Bench(max_addresses=2)
    bench.names.answers[HOST] = Addresses((A, B, SIX))
    bench.roster.add(host())
    await bench.run(62)
    assert bench.addresses() == [A, B]
    assert bench.problems() == {"too_many_addresses"}


async def test_the_ports_of_a_name_keep_their_places_when_it_is_resolved(bench: Bench) -> None:
    bench.names.answers[HOST] = Addresses((A,))
    bench.roster.add(host(ports=(25, 465, 587)))
    await bench.run()
    assert sorted(peer.port for peer, _, _ in bench.probes.asked) == [25, 465, 587]
    starts = sorted(turn.due for turn in bench.schedule._turns.values())
    assert min(later - sooner for sooner, later in pairwise(starts)) > 10


async def test_the_first_round_ends_within_a_minute_for_names_too(bench: Bench) -> None:
    for number in range(200):
        bench.names.answers[f"mx{number}.example.test"] = Addresses((f"192.0.2.{number}",))
        bench.roster.add(host(f"mx{number}.example.test", interval=300.0))
    await bench.run(60)
    assert all(state.result for state in bench.board.states.values())
    assert len(bench.board.states) == 200


async def test_targets_that_are_alike_share_a_probe(bench: Bench) -> None:
    bench.roster.add(host(A, "one"))
    bench.roster.add(host(A, "two"))
    await bench.run(59)
    assert len(bench.probes.asked) == 1
    assert {endpoint.target for endpoint, state in bench.board.endpoints.items() if state.result} == {"one", "two"}


async def test_a_probe_knows_what_it_waited_for(bench: Bench) -> None:
    bench.names.slow = True
    bench.names.answers[HOST] = Addresses((A,))
    bench.roster.add(host())
    await bench.run(62)
    lookup = bench.probes.asked[0][2]
    assert lookup is not None
    assert lookup.seconds >= 0


# --- mistakes of ours -----------------------------------------------------------------------------------------


def broken(_: Peer) -> Result:
    raise ZeroDivisionError("ours")


@pytest.mark.parametrize("slow", [False, True], ids=["at once", "in a task"])
async def test_an_exception_while_a_name_is_asked_costs_that_endpoint_only(
    bench: Bench, slow: bool, caplog: pytest.LogCaptureFixture
) -> None:
    bench.names.slow, bench.names.error = slow, ZeroDivisionError("ours")
    bench.roster.add(host())
    bench.roster.add(host(B))
    await bench.run(119)
    words = {state.peer.host: state.word for state in bench.board.states.values()}
    assert words == {HOST: "critical", B: "ok"}
    assert bench.problems() == {"internal_error"}
    assert bench.errors == 2, "one a turn"
    assert "ZeroDivisionError: ours" in caplog.text
    assert bench.schedule.in_flight == 0
    bench.names.error = None
    bench.names.answers[HOST] = Addresses((A,))
    await bench.run(61)
    assert {state.word for state in bench.board.states.values()} == {"ok"}


async def test_an_exception_of_the_prober_costs_that_endpoint_only(bench: Bench) -> None:
    bench.probes.results[A] = broken
    bench.roster.add(host(A))
    bench.roster.add(host(B))
    await bench.run(119)
    assert {state.peer.address: state.word for state in bench.board.states.values()} == {A: "critical", B: "ok"}
    assert (bench.errors, bench.schedule.in_flight) == (2, 0)


async def test_an_exception_of_a_check_costs_that_endpoint_only(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def assess(result: Result, *known: Any, **options: Any) -> Any:
        if result.peer.address == A and result.ended is None:
            raise ZeroDivisionError("ours")
        return checks.assess(result, *known, **options)

    monkeypatch.setattr("exporter.board.assess", assess)
    bench.roster.add(host(A))
    bench.roster.add(host(B))
    await bench.run()
    assert {state.peer.address: state.word for state in bench.board.states.values()} == {A: "critical", B: "ok"}
    assert bench.errors == 1
    assert "Traceback" in caplog.text


async def test_a_result_that_says_internal_error_is_counted(bench: Bench) -> None:
    bench.probes.results[A] = lambda peer: failed(Reason.INTERNAL_ERROR, peer)
    bench.roster.add(host(A))
    await bench.run()
    assert (bench.errors, bench.seen) == (1, Counter(internal_error=1))


# --- what follows from a result -------------------------------------------------------------------------------


async def test_a_line_is_logged_when_state_or_primary_reason_change_and_only_then(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "exporter.changes")
    bench.roster.add(host(A))
    reasons = [Reason.GREETING_TIMEOUT, Reason.GREETING_TIMEOUT, Reason.EHLO_CLOSED, None, None]
    results = iter(reasons)

    def result(peer: Peer) -> Result:
        reason = next(results)
        return failed(reason, peer) if reason else healthy(peer)

    bench.probes.results[A] = result
    await bench.run(299)
    told = [(record.levelname, record.state, getattr(record, "reason", "")) for record in caplog.records]  # type: ignore[attr-defined]  # extra
    assert told == [
        ("WARNING", "critical", "greeting_timeout"),
        ("WARNING", "critical", "ehlo_closed"),
        ("INFO", "ok", ""),
    ]
    assert caplog.records[0].detail == "what was seen"  # type: ignore[attr-defined]  # extra


@pytest.mark.parametrize(
    "where",
    [
        {"greeting": Reply(421, ("busy",))},
        {"ehlo": Reply(421, ("busy",))},
        {"starttls": Reply(421, ("busy",))},
        {"ehlo_tls": Reply(421, ("busy",))},
        {"auth": Reply(421, ("busy",)), "stages": {Stage.AUTH: 0.1}, "authenticated": False},
    ],
    ids=["greeting", "EHLO", "STARTTLS", "EHLO inside TLS", "login"],
)
async def test_a_421_lengthens_the_wait(bench: Bench, where: dict[str, Any]) -> None:
    bench.probes.results[A] = lambda peer: healthy(peer, **where)
    bench.roster.add(host(A))
    await bench.run()
    (state,) = bench.board.states.values()
    assert state.wait == 120.0


async def test_a_421_of_an_earlier_login_does_not(bench: Bench) -> None:
    bench.probes.results[A] = lambda peer: replace(healthy(peer), auth=Reply(421, ("busy",)), authenticated=False)
    bench.roster.add(host(A))
    await bench.run()
    (state,) = bench.board.states.values()
    assert state.wait == 60.0


async def test_after_close_no_result_is_taken(bench: Bench) -> None:
    ends: list[Callable[[], None]] = []

    def hold(peer: Peer, addresses: Sequence[str], lookup: Lookup | None, done: Callable[[Result], None]) -> None:
        ends.append(lambda: done(healthy(peer)))

    bench.probes.probe = hold  # type: ignore[method-assign]  # a prober that is still talking
    bench.roster.add(host(A))
    await bench.run()
    await bench.roster.close()
    ends[0]()
    assert [state.word for state in bench.board.states.values()] == ["pending"]
