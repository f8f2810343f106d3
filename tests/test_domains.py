"""Which hosts mail domains name, and that their endpoints follow."""

from typing import Any

import pytest

from exporter.model import Domain, Exchanges, Problem, Settings, Target
from exporter.reasons import Reason, Severity, Stage
from exporter.resolve import Addresses
from tests.roster_bench import A, B, Bench


@pytest.fixture
def bench() -> Bench:
    return Bench()


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
    exchanges = bench.board.domains[Domain(target, "example.test")].exchanges
    assert exchanges is not None
    assert (exchanges.problems, exchanges.hosts) == ((problem,), ((10, "mx.example.test"),))


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
