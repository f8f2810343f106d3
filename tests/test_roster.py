"""Who is probed: endpoints follow DNS. The bench has the fakes."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest

from exporter import checks
from exporter.changes import MAX_LINES
from exporter.model import (
    Exchanges,
    Lookup,
    Peer,
    Problem,
    Reply,
    Result,
    Security,
    Settings,
    Target,
    Tlsa,
    TlsaRecord,
)
from exporter.outcomes import entries
from exporter.reasons import Reason, Severity, Stage, Untestable
from exporter.resolve import MX_NOT_SIGNED, NOT_TESTABLE, Addresses
from exporter.sites import Bounds
from exporter.state import State
from exporter.targets import Name
from tests.results import NOW, failed, healthy
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
    assert [peer.address for peer in bench.probes.forgotten] == [""], "it was never probed; the other may return"
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


# --- addresses return -----------------------------------------------------------------------------------------


@pytest.fixture
def by_the_loop(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A bench all whose clocks are that of its loop."""
    began = bench.loop.now
    monkeypatch.setattr("exporter.sites.time", SimpleNamespace(monotonic=bench.loop.time))
    bench.roster._sites._clock = lambda: NOW + bench.loop.now - began
    return bench


async def tell(bench: Bench, *addresses: str, seconds: float = 60.0) -> State | None:
    """Let DNS name these addresses for some time; the state of A."""
    bench.names.answers[HOST] = Addresses(addresses, None if addresses else NOT_FOUND)
    await bench.run(seconds)
    return next((state for state in bench.board.states.values() if state.peer.address == A), None)


def counters(state: State | None) -> tuple[int, int, int, int]:
    assert state
    assert sum(each.number for each in entries(state.outcomes)) == state.probes
    return state.probes, state.failures, state.untestable, state.consecutive_failures


@pytest.mark.parametrize(
    ("away", "continues"),
    [(120.0, True), (3540.0, True), (3720.0, False)],
    ids=["two minutes", "nearly an hour", "more than an hour"],
)
async def test_an_address_that_returns_within_an_hour_goes_on_counting(
    by_the_loop: Bench, away: float, continues: bool, caplog: pytest.LogCaptureFixture
) -> None:
    bench = by_the_loop
    outcomes = iter([Untestable.NO_IPV6, None, None, None])
    bench.probes.results[A] = lambda peer: failed(Reason.GREETING_TIMEOUT, peer, untestable=next(outcomes))
    bench.roster.add(host())
    before = await tell(bench, A, seconds=150.0)
    assert counters(before) == (3, 2, 1, 2)
    assert await tell(bench, B, seconds=away) is None
    caplog.clear()
    caplog.set_level(logging.INFO, "exporter.changes")
    after = await tell(bench, A, seconds=60.0)
    assert counters(after) == ((4, 3, 1, 3) if continues else (1, 1, 0, 1))
    assert after
    assert before
    assert (after.since == before.since, after.last_failures[1:]) == (True, before.last_failures[:2] * continues)
    assert [record.reason for record in caplog.records] == ([] if continues else ["greeting_timeout"])  # type: ignore[attr-defined]  # extra


async def test_an_address_that_returned_tells_nothing_until_it_is_probed(by_the_loop: Bench) -> None:
    bench, held = by_the_loop, list[Callable[[Result], None]]()
    bench.probes.results[A] = lambda peer: failed(Reason.GREETING_TIMEOUT, peer)
    bench.roster.add(host())
    await tell(bench, A, seconds=30.0)
    await tell(bench, B)
    bench.probes.probe = lambda peer, addresses, lookup, done: held.append(done)  # type: ignore[method-assign]  # still talking
    state = await tell(bench, A)
    assert state
    assert held
    assert (state.word, state.assessment.problems, state.probes) == ("pending", (), 1)


async def test_a_name_without_addresses_goes_on_counting_too(by_the_loop: Bench) -> None:
    bench = by_the_loop
    bench.roster.add(host())
    await bench.run(30.0)
    for _ in range(2):
        await tell(bench, A)
        await tell(bench)
    (state,) = bench.board.states.values()
    assert (state.peer.address, state.word, state.consecutive_failures) == ("", "critical", 3)


async def test_the_mx_host_that_returns_goes_on_counting(by_the_loop: Bench) -> None:
    bench = by_the_loop
    bench.probes.results[A] = lambda peer: failed(Reason.GREETING_TIMEOUT, peer)
    bench.roster.add(Target("mail", ((25, Settings(interval=60.0, confirm_interval=None)),), domains=("a.test",)))
    for name in (HOST, "other.test", HOST):
        bench.names.mx["a.test"] = Exchanges(((10, name),), 1)
        state = await tell(bench, A, seconds=120.0)
    assert state
    assert (state.peer.host, state.failures > 2, state.failures) == (HOST, True, state.consecutive_failures)


async def test_the_login_of_an_address_is_forgotten_once_it_will_not_return(by_the_loop: Bench) -> None:
    bench = by_the_loop
    bench.roster.add(host())
    await tell(bench, A, seconds=30.0)
    await tell(bench, B)
    assert A not in {peer.address for peer in bench.probes.forgotten}
    bench.roster._sites.forget(next(peer for peer, _, _ in bench.probes.asked if peer.address == A))
    assert A not in {peer.address for peer in bench.probes.forgotten}, "as after a probe that was under way"
    await tell(bench, B, seconds=3600.0)
    await tell(bench, SIX)
    assert A in {peer.address for peer in bench.probes.forgotten}


async def test_a_target_that_a_reload_removes_is_forgotten_with_the_addresses_that_left(by_the_loop: Bench) -> None:
    bench = by_the_loop
    bench.roster.add(host())
    await tell(bench, A, seconds=30.0)
    await tell(bench, B)
    await follow(bench, (host(),), ())
    assert {peer.address for peer in bench.probes.forgotten} >= {A, B}
    await follow(bench, (), (host(),))
    assert counters(await tell(bench, A)) == (1, 0, 0, 0)


async def test_a_target_that_a_reload_renames_keeps_the_addresses_that_left(by_the_loop: Bench) -> None:
    bench = by_the_loop
    bench.roster.add(host())
    await tell(bench, A, seconds=30.0)
    await tell(bench, B)
    await follow(bench, (host(),), (host(target="renamed"),))
    assert counters(await tell(bench, A)) == (2, 0, 0, 0)


# --- addresses rotate -----------------------------------------------------------------------------------------


async def rotate(bench: Bench, times: int, every: float, **settings: Any) -> None:
    """Let DNS name another address so many times."""
    bench.roster.add(host(**settings))
    for number in range(times + 1):
        await tell(bench, f"192.0.2.{number + 1}", seconds=every)


@pytest.mark.parametrize(
    ("times", "every", "settings", "rotates"),
    [
        pytest.param(6, 120.0, {}, False, id="six times"),
        pytest.param(7, 120.0, {}, True, id="seven times"),
        pytest.param(8, 660.0, {}, False, id="not within an hour"),
        pytest.param(9, 1800.0, {"interval": 1800.0}, True, id="within ten probes, which take longer"),
        pytest.param(7, 120.0, {"addresses": "ipv4"}, True, id="of one family"),
        pytest.param(7, 120.0, {"addresses": "any"}, False, id="any: one endpoint for all of them"),
    ],
)
async def test_addresses_rotate_that_leave_more_than_six_times_in_an_hour(
    by_the_loop: Bench, times: int, every: float, settings: dict[str, Any], rotates: bool
) -> None:
    await rotate(by_the_loop, times, every, **settings)
    assert set(by_the_loop.board.rotating) == ({("mail", HOST)} if rotates else set())


@pytest.mark.parametrize(
    ("answers", "rotates"),
    [
        pytest.param([(A,), (A, B)] * 8, True, id="one comes and goes"),
        pytest.param([(A,), ()] * 8, False, id="the name comes and goes"),
        pytest.param([tuple(f"192.0.2.{n}" for n in range(10 + number)) for number in range(8)], False, id="more come"),
        pytest.param([tuple(f"192.0.2.{n}" for n in range(16)), (B,)], False, id="many leave at once"),
    ],
)
async def test_what_counts_is_how_often_addresses_leave(
    by_the_loop: Bench, answers: list[tuple[str, ...]], rotates: bool
) -> None:
    by_the_loop.roster.add(host())
    for addresses in answers:
        await tell(by_the_loop, *addresses, seconds=120.0)
    assert bool(by_the_loop.board.rotating) is rotates


async def test_addresses_that_rotate_are_logged_once_until_they_have_not_for_an_hour(
    by_the_loop: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench = by_the_loop
    await rotate(bench, 30, 120.0)
    (line,) = [record for record in caplog.records if "rotate" in record.message]
    assert "addresses: any" in line.message
    assert (line.levelname, line.target, line.host) == ("WARNING", "mail", HOST)  # type: ignore[attr-defined]  # extra
    assert bench.board.rotating["mail", HOST] > bench.roster._sites._clock()
    await tell(bench, A, seconds=3700.0)
    assert bench.board.rotating["mail", HOST] < bench.roster._sites._clock()
    for number in range(8):
        await tell(bench, f"192.0.2.{number + 1}", seconds=120.0)
    assert len([record for record in caplog.records if "rotate" in record.message]) == 2


@pytest.mark.parametrize("come", [(), (host(addresses="any"),)], ids=["removed", "any"])
async def test_a_target_that_is_removed_or_told_any_rotates_no_more(
    by_the_loop: Bench, come: tuple[Target, ...]
) -> None:
    bench = by_the_loop
    await rotate(bench, 8, 120.0)
    await follow(bench, (host(),), come)
    assert bench.board.rotating == {}


# --- TLSA records ---------------------------------------------------------------------------------------------

RECORDS = Tlsa((TlsaRecord(3, 1, 1, bytes(32)),), HOST)


def told(bench: Bench) -> list[tuple[Tlsa, tuple[str, ...]]]:
    """What the last probe of each peer was told."""
    last = {peer: lookup for peer, _, lookup in bench.probes.asked}
    return [(lookup.tlsa, lookup.next_hops) for peer, lookup in last.items() if peer in bench.board.states and lookup]


async def test_each_address_is_probed_by_the_records_of_its_host_and_port(bench: Bench) -> None:
    bench.names.answers[HOST] = Addresses((A, B))
    bench.names.records[HOST, 465] = RECORDS
    bench.roster.add(host(ports=(465, 587)))
    await bench.run(122)
    assert Counter(told(bench)) == {(RECORDS, ()): 2, (Tlsa(), ()): 2}


async def test_a_port_without_tls_has_no_records(bench: Bench) -> None:
    bench.names.answers[HOST] = Addresses((A,))
    bench.names.records[HOST, 25] = RECORDS
    bench.roster.add(host(security=Security.NONE))
    await bench.run(62)
    assert told(bench) == [(Tlsa(), ())]


async def test_whom_nobody_trusts_is_not_asked(bench: Bench) -> None:
    bench.names.answers[HOST] = Addresses((A,))
    bench.names.records[HOST, 25] = RECORDS
    bench.names.trusted = False
    bench.roster.add(host())
    await bench.run(62)
    assert told(bench) == [(NOT_TESTABLE, ())]


async def test_a_host_known_only_from_unsigned_mx_records_has_none(bench: Bench) -> None:
    bench.names.answers[HOST] = Addresses((A,))
    bench.names.records[HOST, 25] = RECORDS
    bench.names.mx |= {"a.test": Exchanges(((10, HOST),), 1), "b.test": Exchanges(((10, HOST),), 1)}
    bench.roster.add(Target("mail", ((25, Settings(interval=60.0)),), domains=("a.test", "b.test")))
    await bench.run(190)
    assert told(bench) == [(MX_NOT_SIGNED, ())]
    for domain in ("a.test", "b.test"):
        bench.names.mx[domain] = Exchanges(((10, HOST),), 1, secure=True)
    await bench.run(130)
    ((records, hops),) = told(bench)
    assert (records, set(hops)) == (RECORDS, {"a.test", "b.test"})
    bench.names.mx["a.test"] = Exchanges(((10, HOST),), 1)
    bench.names.mx["b.test"] = Exchanges(((10, "another.test"),), 1, secure=True)
    await bench.run(130)
    assert (MX_NOT_SIGNED, ()) in told(bench)


async def test_a_failed_lookup_of_mx_records_does_not_make_them_unsigned(bench: Bench) -> None:
    bench.names.answers[HOST] = Addresses((A,))
    bench.names.records[HOST, 25] = RECORDS
    bench.names.mx["a.test"] = Exchanges(((10, HOST),), 1, secure=True)
    bench.roster.add(Target("mail", ((25, Settings(interval=60.0)),), domains=("a.test",)))
    await bench.run(130)
    bogus = Problem(Reason.DNSSEC_INVALID, Stage.POLICY, Severity.CRITICAL)
    bench.names.mx["a.test"] = Exchanges(problems=(bogus,))
    await bench.run(130)
    assert told(bench) == [(RECORDS, ("a.test",))]


async def test_a_host_that_a_target_names_as_well_needs_no_mx_records(bench: Bench) -> None:
    bench.names.answers[HOST] = Addresses((A,))
    bench.names.records[HOST, 25] = RECORDS
    bench.names.mx["a.test"] = Exchanges(((10, HOST),), 1)
    bench.roster.add(Target("mail", ((25, Settings(interval=60.0, resolve="dns")),), domains=("a.test",)))
    bench.roster.add(host(target="own", resolve="dns"))
    await bench.run(190)
    assert set(told(bench)) == {(RECORDS, ())}


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


async def test_addresses_that_dns_told_are_used_for_an_hour_while_it_tells_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [5000.0]
    monkeypatch.setattr("exporter.sites.time", SimpleNamespace(monotonic=lambda: now[0]))
    sites, target, name = bench.roster._sites, host(), Name(HOST, "system", "any")
    bench.roster.add(target)
    sites.answered(name, Addresses((A,)))
    assert [sites.remembered(name, 5000.0 + late) for late in (0, 3600, 3601)] == [(A,), (A,), ()]
    now[0] += 3000
    sites.answered(name, Addresses((A,), FAILURE))
    assert [sites.remembered(name, 5000.0 + late) for late in (3600, 3601)] == [(A,), ()]
    await follow(bench, (target,), ())
    await follow(bench, (), (target,))
    sites.answered(name, Addresses((B,), FAILURE))
    assert sites.remembered(name, 5000.0 + 3601) == (B,), "a name that went and came back is another one"


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


async def test_each_target_of_an_endpoint_has_its_line_up_to_ten(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "exporter.changes")
    names = [f"customer {number}" for number in range(MAX_LINES + 2)]
    for name in names:
        bench.roster.add(replace(host(A), name=name))
    bench.probes.results[A] = partial(failed, Reason.EHLO_CLOSED)
    await bench.run(70)
    for message in ("endpoint changed", "probed"):
        lines = [vars(record) for record in caplog.records if record.message == message][:MAX_LINES]
        assert [line["target"] for line in lines] == names[:MAX_LINES]
        told = {(line["host"], line["port"], line["address"], line["more_targets"]) for line in lines}
        assert told == {(A, 25, A, 2)}


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


# --- a first failure is confirmed -----------------------------------------------------------------------------

BUSY = Reply(421, ("4.3.2 shutting down",))
TOO_MANY = Reply(450, ("4.7.0 too many connections from 192.0.2.9",))
KEEP_OUT = Reply(554, ("5.7.1 Client host [192.0.2.9] blocked",))


async def times(bench: Bench, outcomes: str, seconds: float = 290.0, target: Target | None = None) -> list[float]:
    """When an endpoint is probed whose probes end as `outcomes` say, the last one for ever."""
    made: dict[str, Callable[[Peer], Result]] = {
        "+": healthy,
        "-": lambda peer: failed(Reason.GREETING_TIMEOUT, peer),
        "?": lambda peer: healthy(peer, untestable=Untestable.NO_IPV6),
        "4": lambda peer: healthy(peer, greeting=BUSY),
        "l": lambda peer: healthy(peer, finished=NOW + bench.loop.now, greeting=TOO_MANY, own_address="192.0.2.9"),
        "b": lambda peer: healthy(peer, greeting=KEEP_OUT, own_address="192.0.2.9"),
    }
    seen, began = list[float](), bench.loop.now

    def result(peer: Peer) -> Result:
        seen.append(bench.loop.now - began)
        return made[outcomes[min(len(seen), len(outcomes)) - 1]](peer)

    bench.probes.results[A] = result
    bench.roster.add(target or host(A, confirm_interval=15.0))
    await bench.run(seconds)
    return seen


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        pytest.param("-", [0, 15, 30, 60, 120], id="fails for good"),
        pytest.param("-+", [0, 15, 60, 120], id="fails once"),
        pytest.param("--+", [0, 15, 30, 60, 120], id="fails twice"),
        pytest.param("-+-", [0, 15, 60, 75, 90, 120], id="fails again"),
        pytest.param("+", [0, 60, 120], id="succeeds"),
        pytest.param("?", [0, 60, 120], id="untestable"),
        pytest.param("-?+", [0, 15, 60, 120], id="untestable when it is confirmed"),
        pytest.param("4+", [0, 120, 180], id="421"),
        pytest.param("-4+", [0, 15, 135, 195], id="421 when it is confirmed"),
        pytest.param("l", [0, 60, 120], id="rate limited"),
        pytest.param("-l+", [0, 15, 60, 120], id="rate limited when it is confirmed"),
        pytest.param("b", [0, 60, 120], id="blocked"),
    ],
)
async def test_two_probes_confirm_a_first_failure_and_the_endpoint_keeps_its_place(
    bench: Bench, outcomes: str, expected: list[float]
) -> None:
    assert (await times(bench, outcomes))[: len(expected)] == expected


async def test_a_refusal_is_not_confirmed_where_it_is_no_excuse_any_more(bench: Bench) -> None:
    waits = {later - sooner for sooner, later in pairwise(await times(bench, "l", 2 * 3600))}
    (state,) = bench.board.states.values()
    assert (waits, state.word, state.failures > 50) == ({60.0}, "critical", True)


async def test_without_confirm_interval_nothing_is_confirmed(bench: Bench) -> None:
    assert await times(bench, "-", target=host(A, confirm_interval=None)) == [0, 60, 120, 180, 240]


async def test_the_wait_in_force_is_shown_from_the_first_failure_to_the_last_confirmation(bench: Bench) -> None:
    await times(bench, "-", 5.0)
    (state,) = bench.board.states.values()
    waits = [state.wait]
    for _ in range(3):
        await bench.run(15)
        waits.append(state.wait)
    assert (waits, state.consecutive_failures) == ([15.0, 15.0, 60.0, 60.0], 3)


async def test_targets_that_are_alike_have_one_confirmation(bench: Bench) -> None:
    bench.roster.add(host(A, "another", confirm_interval=15.0))
    assert await times(bench, "-") == [0, 15, 30, 60, 120, 180, 240]
    assert len(bench.board.endpoints) == 2


async def test_the_mx_host_of_a_domain_is_confirmed(bench: Bench) -> None:
    bench.names.answers[HOST] = Addresses((A,))
    bench.names.mx["a.test"] = Exchanges(((10, HOST),), 1)
    domain = Target("mail", ((25, Settings(interval=300.0, confirm_interval=75.0)),), domains=("a.test",))
    seen = await times(bench, "-", 900.0, domain)
    assert [later - sooner for sooner, later in pairwise(seen)][:2] == [75.0, 75.0]


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


# --- a reload -------------------------------------------------------------------------------------------------


async def follow(bench: Bench, gone: Sequence[Target], come: Sequence[Target]) -> None:
    for _ in bench.roster.follow(gone, come):
        pass


def targets_of(bench: Bench) -> set[str]:
    return {endpoint.target for endpoint in bench.board.endpoints}


async def test_what_stays_keeps_its_result_and_its_place(bench: Bench) -> None:
    stays, goes = host(A, "stays"), host(B, "goes")
    await follow(bench, (), (stays, goes))
    await bench.run(50)
    [state] = [state for endpoint, state in bench.board.endpoints.items() if endpoint.target == "stays"]
    due = bench.schedule.starts_in(state.peer)
    again = host(A, "stays")
    await follow(bench, (stays, goes), (again, host(SIX, "comes")))
    assert [state for endpoint, state in bench.board.endpoints.items() if endpoint.target == "stays"] == [state]
    assert (state.probes, bench.schedule.starts_in(state.peer), targets_of(bench)) == (1, due, {"stays", "comes"})


async def test_a_change_of_10_among_10000_targets_moves_no_turn_of_the_others(bench: Bench) -> None:
    targets = [host(f"10.0.{number // 250}.{number % 250}", f"t{number}") for number in range(10_010)]
    await follow(bench, (), targets[:-10])
    await bench.run(90)
    due = {state.peer: bench.schedule.starts_in(state.peer) for state in bench.board.states.values()}
    await follow(bench, targets[:10], targets[-10:])
    stay = [peer for peer in due if peer in bench.board.states]
    assert (len(stay), len(bench.board.states)) == (9_990, 10_000)
    assert [peer for peer in stay if bench.schedule.starts_in(peer) != due[peer]] == []


async def test_what_goes_is_gone_at_once_and_forgotten(bench: Bench) -> None:
    await follow(bench, (), (host(A),))
    await bench.run(62)
    await follow(bench, (host(A),), ())
    assert (dict(bench.board.endpoints), bench.board.states) == ({}, {})
    assert [peer.address for peer in bench.probes.forgotten] == [A]
    asked = len(bench.probes.asked)
    await bench.run(120)
    assert len(bench.probes.asked) == asked


async def test_what_comes_starts_within_a_minute_spread(bench: Bench) -> None:
    come = [host(f"192.0.2.{number}", f"t{number}", interval=300.0) for number in range(60)]
    await follow(bench, (), come)
    starts = [0]
    for _ in range(6):
        await bench.run(10)
        starts.append(len(bench.probes.asked))
    assert all(later - sooner in range(8, 13) for sooner, later in pairwise(starts))


async def test_other_labels_take_nothing_from_the_peer(bench: Bench) -> None:
    old, new = host(A), replace(host(A), labels=(("team", "mail"),))
    await follow(bench, (), (old,))
    await bench.run(62)
    [state] = bench.board.states.values()
    due = bench.schedule.starts_in(state.peer)
    await follow(bench, (old,), (new,))
    assert [(endpoint.labels, each) for endpoint, each in bench.board.endpoints.items()] == [(new.labels, state)]
    assert (bench.schedule.starts_in(state.peer), bench.probes.forgotten) == (due, [])


@pytest.mark.parametrize("where", [A, HOST])
async def test_another_name_takes_nothing_from_the_peer(bench: Bench, where: str) -> None:
    bench.names.answers[HOST] = Addresses((A,))
    old, new = host(where, "old"), host(where, "new")
    await follow(bench, (), (old,))
    await bench.run(62)
    [state] = bench.board.states.values()
    due = bench.schedule.starts_in(state.peer)
    bench.probes.forgotten.clear()
    await follow(bench, (old,), (new,))
    assert [(endpoint.target, each) for endpoint, each in bench.board.endpoints.items()] == [("new", state)]
    assert (bench.schedule.starts_in(state.peer), bench.probes.forgotten) == (due, [])


async def test_another_port_takes_nothing_from_the_first(bench: Bench) -> None:
    await follow(bench, (), (host(A),))
    await bench.run(50)
    [state] = bench.board.states.values()
    await follow(bench, (host(A),), (host(A, ports=(25, 465)),))
    assert [(each.peer.port, each.probes) for each in bench.board.states.values()] == [(25, 1), (465, 0)]
    assert bench.board.states[state.peer] is state


async def test_other_settings_are_probed_anew_and_the_series_go_on(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.names.answers[HOST] = Addresses((A,))
    bench.probes.results[A] = lambda peer: failed(Reason.CONNECTION_TIMEOUT, peer)
    await follow(bench, (), (host(),))
    await bench.run(122)
    [before] = bench.board.states.values()
    await follow(bench, (host(),), (host(interval=300.0),))
    [state] = bench.board.states.values()
    assert (state.peer.settings.interval, state.peer.address, state.wait) == (300.0, A, 300.0)
    assert before.failures > 1
    assert (state.probes, state.failures) == (before.probes, before.failures)
    assert (state.consecutive_failures, state.outcomes) == (before.consecutive_failures, before.outcomes)
    assert (state.word, state.result and state.result.peer, state.since) == ("critical", state.peer, before.since)
    assert "same labels" not in caplog.text
    await bench.run(60)
    assert (state.probes, len(bench.board.states)) == (before.probes + 1, 1)


async def test_a_peer_that_another_target_has_too_stays_with_it(bench: Bench) -> None:
    await follow(bench, (), (host(A, "one"), host(A, "two")))
    await bench.run(50)
    [state] = bench.board.states.values()
    await follow(bench, (host(A, "one"),), (host(A, "one", interval=30.0),))
    assert sorted((each.peer.settings.interval, each.probes) for each in bench.board.states.values()) == [
        (30.0, 1),
        (60.0, 1),
    ]
    assert bench.board.states[state.peer] is state


async def test_a_probe_under_way_whose_endpoint_goes_is_dropped_and_its_place_is_free(bench: Bench) -> None:
    under_way: list[Callable[[], None]] = []
    bench.roster._prober.probe = lambda peer, _a, _l, done: under_way.append(lambda: done(healthy(peer)))  # type: ignore[method-assign, assignment]  # held
    await follow(bench, (), (host(A),))
    await bench.run(62)
    await follow(bench, (host(A),), (host(A, interval=30.0),))
    await bench.run(60)
    assert (len(under_way), bench.schedule.in_flight) == (1, 1), "the next waits: one connection to one address"
    under_way[0]()
    assert (len(under_way), bench.schedule.in_flight) == (2, 1)
    [state] = bench.board.states.values()
    assert state.probes == 0, "what is dropped is not counted"
    under_way[1]()
    assert (state.probes, bench.schedule.in_flight) == (1, 0)


async def test_a_change_is_made_step_by_step(bench: Bench) -> None:
    steps = bench.roster.follow((), [host(f"192.0.2.{number}", f"t{number}") for number in range(100)])
    sizes = [len(bench.board.endpoints) for _ in steps]
    assert sizes[-100:] == list(range(1, 101))


async def test_a_mistake_of_ours_costs_one_entry(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    add = bench.board.add
    monkeypatch.setattr(bench.board, "add", lambda each: 1 / 0 if each.target == "bad" else add(each))
    await follow(bench, (), (host(A, "bad"), host(B, "good")))
    assert (targets_of(bench), bench.errors) == ({"good"}, 1)


async def test_fewer_addresses_and_more_again(bench: Bench) -> None:
    bench.names.answers[HOST] = Addresses((A, B, SIX))
    await follow(bench, (), (host(), host(A, "literal")))
    await bench.run(62)
    kept = next(state for state in bench.board.states.values() if (state.peer.host, state.peer.address) == (HOST, A))
    for limit, expected in ((2, [A, B]), (1, [A]), (16, [A, B, SIX])):
        for _ in bench.roster.limit(Bounds(limit)):
            pass
        assert bench.addresses() == expected
    assert (bench.board.states[kept.peer] is kept, bench.addresses(A)) == (True, [A])
    await bench.run(5)
    assert all(state.result for state in bench.board.states.values())


OTHER, FIVE = "other.example.test", tuple(f"192.0.2.{number}" for number in range(1, 6))


async def under_a_limit(bench: Bench, max_addresses: int) -> Iterator[None]:
    """Two names, the first of which has its new limit already."""
    bench.names.answers = dict.fromkeys((OTHER, HOST), Addresses(FIVE))
    await follow(bench, (), (host(OTHER), host()))
    await bench.run(62)
    steps = bench.roster.limit(Bounds(max_addresses))
    next(steps)
    return steps


@pytest.mark.parametrize(("before", "after"), [(2, 16), (16, 2)], ids=["more", "fewer"])
@pytest.mark.parametrize("now", [(FIVE[0], SIX), (), FIVE], ids=["other addresses", "none", "the same"])
async def test_dns_may_answer_while_the_limit_changes(before: int, after: int, now: tuple[str, ...]) -> None:
    bench = Bench(max_addresses=before)
    steps = await under_a_limit(bench, after)
    bench.names.answers = dict.fromkeys((OTHER, HOST), Addresses(now, None if now else NOT_FOUND))
    await bench.run(62)
    for _ in steps:
        pass
    expected = sorted(now[:after]) or [""]
    assert (bench.addresses(HOST), bench.addresses(OTHER)) == (expected, expected)


@pytest.mark.parametrize(("before", "after"), [(2, 16), (16, 2)], ids=["more", "fewer"])
async def test_targets_may_come_and_go_while_the_limit_changes(before: int, after: int) -> None:
    bench = Bench(max_addresses=before)
    steps = await under_a_limit(bench, after)
    await follow(bench, (), [host(name, "new") for name in (OTHER, HOST)])
    await follow(bench, [host(name) for name in (OTHER, HOST)], ())
    for _ in steps:
        pass
    assert bench.addresses(HOST) == bench.addresses(OTHER) == list(FIVE[:after])
    await follow(bench, [host(name, "new") for name in (OTHER, HOST)], ())
    assert (dict(bench.board.endpoints), bench.schedule._turns) == ({}, {})


async def test_an_answer_for_a_name_that_is_gone_is_not_kept(bench: Bench) -> None:
    bench.names.slow = True
    bench.names.answers[HOST] = Addresses((A,))
    await follow(bench, (), (host(),))
    while not bench.roster._tasks:
        bench.loop.run(1.0)
    await follow(bench, (host(),), ())
    await bench.run(1)
    assert (bench.roster._sites._known, bench.roster._sites._told, bench.schedule.in_flight) == ({}, {}, 0)
