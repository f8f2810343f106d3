"""Who is probed: endpoints follow DNS. Resolver, prober and clock are fakes; board and schedule are real."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from exporter import checks
from exporter.board import Board
from exporter.model import Domain, Ended, Exchanges, Lookup, Peer, Problem, Reply, Result, Settings, Target
from exporter.reasons import Reason, Severity, Stage
from exporter.resolve import Addresses
from exporter.roster import Roster
from exporter.schedule import Schedule
from tests.fake_loop import Loop
from tests.results import NOW, failed, healthy

HOST, A, B, SIX = "mail.example.test", "192.0.2.1", "192.0.2.2", "2001:db8::1"
NOT_FOUND = Ended(Stage.DNS, Reason.DNS_NOT_FOUND, "NXDOMAIN")
FAILURE = Ended(Stage.DNS, Reason.DNS_FAILURE, "SERVFAIL")


class Names:
    """A resolver that answers from `answers` and `mx`; every host is asked anew at each turn."""

    def __init__(self) -> None:
        self.answers: dict[str, Addresses] = {}
        self.mx: dict[str, Exchanges] = {}
        self.slow = self.unavailable = False
        self.error: Exception | None = None

    def cached(self, host: str, **_: str) -> Addresses | None:
        if self.error and not self.slow:
            raise self.error
        return None if self.slow else self.answers.get(host, Addresses((), NOT_FOUND))

    async def addresses(self, host: str, **_: str) -> Addresses:
        if self.error:
            raise self.error
        return self.answers.get(host, Addresses((), NOT_FOUND))

    async def exchanges(self, domain: str) -> Exchanges:
        if self.error:
            raise self.error
        return self.mx[domain]


class Probes:
    """A prober that answers at once: by `results` of the peer's address, else success or what DNS said."""

    def __init__(self) -> None:
        self.asked: list[tuple[Peer, tuple[str, ...], Lookup | None]] = []
        self.results: dict[str, Callable[[Peer], Result]] = {}
        self.logins = self
        self.forgotten: list[Peer] = []

    def forget(self, peer: Peer) -> None:
        self.forgotten.append(peer)

    def probe(
        self, peer: Peer, addresses: Sequence[str], lookup: Lookup | None, done: Callable[[Result], None]
    ) -> None:
        self.asked.append((peer, tuple(addresses), lookup))
        make = self.results.get(peer.address)
        if make:
            done(make(peer))
        elif addresses:
            done(healthy(peer, lookup=lookup))
        else:
            problem = lookup.problem if lookup else None
            done(Result(peer, NOW, NOW, 0.0, {}, lookup, ended=problem))


class Bench:
    def __init__(self, max_addresses: int = 16) -> None:
        self.loop, self.names, self.probes, self.board = Loop(), Names(), Probes(), Board()
        self.errors = 0
        self.seen: Counter[str] = Counter()
        self.schedule = Schedule(self.loop)
        resolver: Any = self.names
        prober: Any = self.probes
        self.roster = Roster(
            self.board, self.schedule, resolver, prober, max_addresses=max_addresses, clock=lambda: NOW,
            on_problems=lambda found: self.seen.update(each.reason for each in found), on_internal_error=self.error,
        )  # fmt: skip

    def error(self) -> None:
        self.errors += 1

    async def run(self, seconds: float = 59.0) -> None:
        """Let time pass, a second at a time, and tasks run in between."""
        for _ in range(int(seconds)):
            self.loop.run(1.0)
            for _ in range(3):
                await asyncio.sleep(0)

    def addresses(self, host: str = HOST) -> list[str]:
        return sorted(endpoint.peer.address for endpoint in self.board.endpoints if endpoint.peer.host == host)

    def problems(self) -> set[str]:
        return {each.reason for state in self.board.states.values() for each in state.assessment.problems}


@pytest.fixture
def bench() -> Bench:
    return Bench()


def host(name: str = HOST, target: str = "mail", ports: Sequence[int] = (25,), **settings: Any) -> Target:
    return Target(target, tuple((port, Settings(**settings)) for port in ports), host=name)


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


# --- domains --------------------------------------------------------------------------------------------------


def domains(*names: str, target: str = "mail", **settings: Any) -> Target:
    return Target(target, ((25, Settings(resolve="dns", interval=300.0, **settings)),), domains=names)


def mx(*hosts: str) -> Exchanges:
    return Exchanges(tuple((10 * n, name) for n, name in enumerate(hosts, 1)), records=len(hosts))


async def settle(bench: Bench) -> None:
    """As long as a domain may take to be asked again: one and a half intervals, and the minute of its hosts."""
    await bench.run(460)


async def test_mx_hosts_come_and_go(bench: Bench) -> None:
    bench.names.answers |= {"mx1.example.test": Addresses((A,)), "mx2.example.test": Addresses((B,))}
    bench.names.mx["example.test"] = mx("mx1.example.test")
    bench.roster.add(domains("example.test"))
    await bench.run(62)
    assert {endpoint.peer.address for endpoint in bench.board.endpoints} == {A}
    bench.names.mx["example.test"] = mx("mx2.example.test")
    await settle(bench)
    assert {endpoint.peer.address for endpoint in bench.board.endpoints} == {B}


async def test_domains_of_one_target_share_their_hosts_until_the_last_goes(bench: Bench) -> None:
    bench.names.answers["mx.example.test"] = Addresses((A,))
    bench.names.mx |= {"one.test": mx("mx.example.test"), "two.test": mx("mx.example.test")}
    bench.roster.add(domains("one.test", "two.test"))
    await bench.run(62)
    assert len(bench.board.endpoints) == 1
    bench.names.mx["one.test"] = Exchanges(records=1, null_mx=True)
    await settle(bench)
    assert len(bench.board.endpoints) == 1
    bench.names.mx["two.test"] = Exchanges(records=1, null_mx=True)
    await settle(bench)
    assert len(bench.board.endpoints) == 0


async def test_an_mx_on_loopback_is_not_connected(bench: Bench) -> None:
    bench.names.answers["mx.example.test"] = Addresses(("127.0.0.1", A))
    bench.names.mx["example.test"] = mx("mx.example.test")
    bench.roster.add(domains("example.test"))
    await settle(bench)
    assert bench.addresses("mx.example.test") == [A]
    assert {address for _, addresses, _ in bench.probes.asked for address in addresses} == {A}


async def test_an_mx_that_leaves_loopback_again_is_probed(bench: Bench) -> None:
    bench.names.answers["mx.example.test"] = Addresses(("127.0.0.1",))
    bench.names.mx["example.test"] = mx("mx.example.test")
    bench.roster.add(domains("example.test"))
    await settle(bench)
    assert bench.addresses("mx.example.test") == []
    bench.names.mx["example.test"] = Exchanges()
    await settle(bench)
    bench.names.answers["mx.example.test"] = Addresses((A,))
    bench.names.mx["example.test"] = mx("mx.example.test")
    await settle(bench)
    assert bench.addresses("mx.example.test") == [A]


async def test_a_failed_lookup_takes_no_host_away(bench: Bench) -> None:
    bench.names.answers["mx.example.test"] = Addresses((A,))
    bench.names.mx["example.test"] = mx("mx.example.test")
    target = domains("example.test")
    bench.roster.add(target)
    await bench.run(62)
    problem = Problem(Reason.DNS_FAILURE, Stage.DNS, Severity.CRITICAL, "SERVFAIL")
    bench.names.mx["example.test"] = Exchanges(problems=(problem,))
    await settle(bench)
    assert bench.addresses("mx.example.test") == [A]
    exchanges = bench.board.domains[Domain(target, "example.test")].exchanges
    assert exchanges is not None
    assert (exchanges.problems, exchanges.hosts) == ((problem,), ((10, "mx.example.test"),))


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


async def test_an_exception_while_a_domain_is_asked_is_counted_and_it_is_asked_again(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.names.error = ZeroDivisionError("ours")
    bench.roster.add(domains("example.test"))
    await bench.run()
    assert (bench.errors, bench.schedule.in_flight) == (1, 0)
    assert [record.endpoint for record in caplog.records] == ["example.test"]  # type: ignore[attr-defined]  # extra
    bench.names.error = None
    bench.names.answers["mx.example.test"] = Addresses((A,))
    bench.names.mx["example.test"] = mx("mx.example.test")
    await settle(bench)
    assert bench.addresses("mx.example.test") == [A]


# --- what follows from a result -------------------------------------------------------------------------------


async def test_a_line_is_logged_when_state_or_primary_reason_change_and_only_then(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "exporter.roster")
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
