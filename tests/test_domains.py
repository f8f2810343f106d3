"""Which hosts mail domains name, and that their endpoints follow."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from exporter.domains import AT_ONCE
from exporter.model import Domain, Exchanges, Problem, Settings, Target
from exporter.reasons import Reason, Severity, Stage
from exporter.resolve import Addresses
from exporter.sites import Bounds
from tests.roster_bench import A, B, Bench, host


@pytest.fixture
def bench() -> Bench:
    return Bench()


def domains(*names: str, target: str = "mail", **settings: Any) -> Target:
    return Target(target, ((25, Settings(resolve="dns", **{"interval": 300.0, **settings})),), domains=names)


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


@pytest.mark.parametrize(
    ("ttl", "seconds", "asked"),
    [
        pytest.param(3600, 600, 2, id="longer than the interval"),
        pytest.param(60, 600, 9, id="a minute"),
        pytest.param(0.1, 600, 17, id="next to none: every half minute"),
    ],
)
async def test_mx_records_are_asked_for_when_they_run_out_and_at_every_interval(
    bench: Bench, ttl: float, seconds: float, asked: int
) -> None:
    bench.names.mx["example.test"] = replace(mx("mx.example.test"), expires=ttl)
    bench.roster.add(domains("example.test"))
    await bench.run(62)
    before = bench.names.asked_mx
    await bench.run(seconds)
    assert bench.names.asked_mx - before == pytest.approx(asked, abs=3)


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


async def test_an_mx_on_loopback_is_connected_while_that_is_allowed(bench: Bench) -> None:
    bench.names.answers["mx.example.test"] = Addresses(("127.0.0.1", A))
    bench.names.mx["example.test"] = mx("mx.example.test")
    bench.roster.add(domains("example.test"))
    await settle(bench)
    seen = []
    for allowed in (True, False):
        for _ in bench.roster.limit(Bounds(16, mx_on_this_machine=allowed)):
            pass
        seen.append(bench.addresses("mx.example.test"))
        await settle(bench)
        seen.append(bench.addresses("mx.example.test"))
    assert seen == [["127.0.0.1", A], ["127.0.0.1", A], [A], [A]]


async def test_domains_whose_hosts_were_left_alone_are_asked_for_at_once_where_that_is_allowed(bench: Bench) -> None:
    problem = Problem(Reason.MX_NOT_FOUND, Stage.DNS, Severity.CRITICAL, "on this machine")
    bench.names.mx |= {"one.test": Exchanges(problems=(problem,)), "two.test": mx("mx.example.test")}
    bench.roster.add(domains("one.test", "two.test", interval=3600.0))
    await settle(bench)
    before = bench.names.asked_mx
    for allowed in (True, True):
        for _ in bench.roster.limit(Bounds(16, mx_on_this_machine=allowed)):
            pass
    await bench.run(62)
    assert bench.names.asked_mx == before + 1


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


async def test_an_mx_whose_address_leaves_loopback_again_is_probed_though_its_name_stayed(bench: Bench) -> None:
    bench.names.mx["example.test"] = mx("mx.example.test")
    bench.roster.add(domains("example.test"))
    seen = []
    for address in (A, "127.0.0.1", A):
        bench.names.answers["mx.example.test"] = Addresses((address,))
        await settle(bench)
        seen.append(bench.addresses("mx.example.test"))
    assert seen == [[A], [], [A]]


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
    exchanges = bench.board.domains[Domain(replace(target, domains=()), "example.test")].exchanges
    assert exchanges is not None
    assert (exchanges.problems, exchanges.hosts) == ((problem,), ((10, "mx.example.test"),))


async def test_an_exception_while_a_domain_is_asked_is_counted_and_it_is_asked_again(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.names.error = ZeroDivisionError("ours")
    bench.roster.add(domains("example.test"))
    await bench.run()
    assert (bench.errors, bench.schedule.in_flight) == (1, 0)
    assert [record.domain for record in caplog.records] == ["example.test"]  # type: ignore[attr-defined]  # extra
    bench.names.error = None
    bench.names.answers["mx.example.test"] = Addresses((A,))
    bench.names.mx["example.test"] = mx("mx.example.test")
    await settle(bench)
    assert bench.addresses("mx.example.test") == [A]


async def test_a_line_is_logged_when_the_problems_of_a_domain_change(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    gone = Problem(Reason.DNS_NOT_FOUND, Stage.DNS, Severity.CRITICAL, "example.test does not exist")
    bench.names.mx["example.test"] = Exchanges(problems=(gone,))
    bench.roster.add(domains("example.test"))
    for _ in range(2):
        await settle(bench)
    bench.names.mx["example.test"] = Exchanges()
    await settle(bench)
    lines = [vars(record) for record in caplog.records if record.getMessage() == "domain changed"]
    assert [line["reasons"] for line in lines] == ["dns_not_found", "none"]
    assert {(line["target"], line["domain"]) for line in lines} == {(domains("example.test").name, "example.test")}


# --- a reload -------------------------------------------------------------------------------------------------


async def follow(bench: Bench, gone: Sequence[Target], come: Sequence[Target]) -> None:
    for _ in bench.roster.follow(gone, come):
        pass


async def test_a_list_that_grows_and_shrinks_takes_nothing_from_the_other_domains(bench: Bench) -> None:
    bench.names.mx = {name: mx("mx.example.test") for name in ("one.test", "two.test", "three.test")}
    bench.names.answers["mx.example.test"] = Addresses((A,))
    old, new = domains("one.test", "two.test"), domains("two.test", "three.test")
    await follow(bench, (), (old,))
    await bench.run(130)
    [state] = bench.board.states.values()
    kept = next(each for each in bench.board.domains.values() if each.domain.domain == "two.test")
    due = bench.schedule.starts_in(kept.domain)
    await follow(bench, (old,), (new,))
    assert sorted(each.domain for each in bench.board.domains) == ["three.test", "two.test"]
    assert (bench.board.domains[kept.domain] is kept, bench.schedule.starts_in(kept.domain)) == (True, due)
    assert list(bench.board.states.values()) == [state]


async def test_the_hosts_of_a_domain_that_goes_go_with_it(bench: Bench) -> None:
    bench.names.mx = {"one.test": mx("shared.test", "own.test"), "two.test": mx("shared.test")}
    bench.names.answers = {"shared.test": Addresses((A,)), "own.test": Addresses((B,))}
    old = domains("one.test", "two.test")
    await follow(bench, (), (old,))
    await bench.run(130)
    await follow(bench, (old,), (domains("two.test"),))
    assert {endpoint.peer.host for endpoint in bench.board.endpoints} == {"shared.test"}
    await follow(bench, (domains("two.test"),), ())
    assert (dict(bench.board.endpoints), dict(bench.board.domains)) == ({}, {})


async def test_a_domain_whose_settings_change_keeps_its_hosts_and_their_series(bench: Bench) -> None:
    bench.names.mx["one.test"] = mx("mx.example.test")
    bench.names.answers["mx.example.test"] = Addresses((A,))
    await follow(bench, (), (domains("one.test"),))
    await bench.run(130)
    [before] = bench.board.domains.values()
    due = bench.schedule.starts_in(before.domain)
    changed = Target("mail", ((25, Settings(resolve="dns", interval=400.0)),), domains=("one.test",))
    await follow(bench, (domains("one.test"),), (changed,))
    [domain], [state] = bench.board.domains.values(), bench.board.states.values()
    assert (domain.exchanges, domain.updated, domain.wait) == (before.exchanges, before.updated, 400.0)
    assert bench.schedule.starts_in(domain.domain) == due
    assert (state.peer.settings.interval, state.probes, state.word) == (400.0, 1, "ok")


async def test_a_domain_whose_target_has_another_name_keeps_what_is_known_and_the_results_of_its_hosts(
    bench: Bench,
) -> None:
    bench.names.answers["mx.example.test"] = Addresses((A,))
    bench.names.mx["example.test"] = mx("mx.example.test")
    old, new = domains("example.test"), domains("example.test", target="another")
    await follow(bench, (), (old,))
    await settle(bench)
    [before], [host] = bench.board.domains.values(), bench.board.states.values()
    due = bench.schedule.starts_in(before.domain), bench.schedule.starts_in(host.peer)
    await follow(bench, (old,), (new,))
    [domain] = bench.board.domains.values()
    assert domain.domain.target.name == "another"
    assert (domain.exchanges, domain.updated) == (before.exchanges, before.updated)
    assert [(endpoint.target, each) for endpoint, each in bench.board.endpoints.items()] == [("another", host)]
    assert (bench.schedule.starts_in(domain.domain), bench.schedule.starts_in(host.peer)) == due


async def test_a_domain_that_is_asked_more_often_shows_its_last_answer_until_then(bench: Bench) -> None:
    bench.names.mx["one.test"] = mx("mx.example.test")
    before, after = (Target("mail", ((25, Settings(interval=each)),), domains=("one.test",)) for each in (3600.0, 60.0))
    await follow(bench, (), (before,))
    await bench.run(62)
    await follow(bench, (before,), (after,))
    [state] = bench.board.domains.values()
    assert not state.withdrawn(state.updated + 3600)
    await bench.run(62)
    assert state.wait == 60


async def test_a_domain_that_goes_while_it_is_asked_is_forgotten(bench: Bench) -> None:
    answer = asyncio.Event()

    async def slowly(_domain: str) -> Exchanges:
        await answer.wait()
        return mx("mx.example.test")

    bench.names.exchanges = slowly  # type: ignore[method-assign, assignment]  # until told to
    await follow(bench, (), (domains("one.test"),))
    await bench.run(62)
    await follow(bench, (domains("one.test"),), ())
    answer.set()
    await bench.run(2)
    assert (dict(bench.board.domains), dict(bench.board.endpoints), bench.schedule.in_flight) == ({}, {}, 0)


async def test_closing_asks_for_none_of_the_domains_that_wait(bench: Bench) -> None:
    asked = []

    async def never(domain: str) -> Exchanges:
        asked.append(domain)
        await asyncio.Event().wait()
        raise AssertionError

    bench.names.exchanges = never  # type: ignore[method-assign]  # it never answers
    await follow(bench, (), (domains(*(f"d{n}.test" for n in range(2 * AT_ONCE))),))
    await bench.run(62)
    await bench.roster.close()
    await asyncio.sleep(0)
    assert len(asked) == AT_ONCE


async def test_a_domain_that_is_asked_holds_no_place_of_a_probe(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, answers = asyncio.Event(), asyncio.Event()

    async def slow(_: str) -> Exchanges:
        asked.set()
        await answers.wait()
        return mx("mx.example.test")

    monkeypatch.setattr(bench.names, "exchanges", slow)
    bench.schedule.limit(at_once=1, per_address=1)
    bench.roster.add(domains("example.test"))
    bench.roster.add(host(B))
    await bench.run(62)
    assert asked.is_set()
    assert [peer.host for peer, _, _ in bench.probes.asked] == [B]
    answers.set()
    await bench.run(2)


async def test_hosts_that_dns_tells_of_at_once_start_a_second_apart(bench: Bench) -> None:
    hosts = [f"mx{number}.example.test" for number in range(4)]
    bench.names.mx["example.test"] = mx(*hosts)
    bench.roster.add(domains("example.test"))
    for _ in range(3):
        await asyncio.sleep(0)
    bench.loop.run(0)
    for _ in range(3):
        await asyncio.sleep(0)
    starts = [bench.schedule.starts_in(state.peer) for state in bench.board.states.values()]
    assert starts == pytest.approx([0.0, 1.0, 2.0, 3.0])


@pytest.mark.parametrize(("own", "tried"), [(True, ("127.0.0.1", A)), (False, (A,))], ids=["a target", "an MX only"])
async def test_an_endpoint_of_any_address_may_be_on_this_machine_where_a_target_names_it(
    bench: Bench, own: bool, tried: tuple[str, ...]
) -> None:
    """Both name the same host, with other settings: what is allowed to one is not to the other."""
    bench.names.answers["mx.example.test"] = Addresses(("127.0.0.1", A))
    bench.names.mx["example.test"] = mx("mx.example.test")
    bench.roster.add(domains("example.test", addresses="any"))
    bench.roster.add(host("mx.example.test", "own", resolve="dns", addresses="any"))
    await settle(bench)
    interval = 60.0 if own else 300.0
    assert {addresses for peer, addresses, _ in bench.probes.asked if peer.settings.interval == interval} == {tried}
