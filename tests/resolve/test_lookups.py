import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from exporter.resolve import Addresses, Resolver

if TYPE_CHECKING:
    from tests.resolve.conftest import Clock, ScriptedDns

A = "mail.example A"


def ipv4(resolver: Resolver, host: str = "mail.example") -> "asyncio.Task[Addresses]":
    """A probe that waits for the IPv4 addresses of a host."""
    return asyncio.ensure_future(resolver.addresses(host, mode="dns", family="ipv4"))


@pytest.mark.parametrize(
    ("says", "seconds"),
    [
        pytest.param("mail.example. 120 A 192.0.2.1;", 120, id="its TTL"),
        pytest.param("mail.example. 0 A 192.0.2.1;", 5, id="TTL 0: a while all the same"),
        pytest.param("mail.example. 604800 A 192.0.2.1;", 3600, id="TTL of a week: an hour"),
        pytest.param("NXDOMAIN", 30, id="no such name: as its SOA says"),
        pytest.param("NODATA", 30, id="no address: as its SOA says"),
        pytest.param("SERVFAIL", 10, id="a failure: not for long"),
    ],
)
async def test_how_long_an_answer_is_kept(
    resolver: Resolver, dns_server: "ScriptedDns", clock: "Clock", says: str, seconds: float
) -> None:
    dns_server.says[A] = says
    await ipv4(resolver)
    clock.now += seconds - 0.1
    await ipv4(resolver)
    assert dns_server.asked == [A]
    clock.now += 0.2
    await ipv4(resolver)
    assert dns_server.asked == [A, A]


@pytest.mark.parametrize(
    ("jitter", "seconds"),
    [pytest.param(0.0, 120, id="the whole TTL"), pytest.param(0.5, 114, id="less"), pytest.param(1.0, 108, id="least")],
)
async def test_an_answer_is_kept_up_to_a_tenth_shorter_than_its_ttl(
    make_resolver: Callable[..., Resolver], dns_server: "ScriptedDns", clock: "Clock", jitter: float, seconds: float
) -> None:
    dns_server.says[A] = "mail.example. 120 A 192.0.2.1;"
    found = await ipv4(make_resolver(jitter=lambda: jitter))
    assert found.expires - clock.now == pytest.approx(seconds)


async def test_what_was_learnt_together_does_not_expire_together(
    make_resolver: Callable[..., Resolver], dns_server: "ScriptedDns", clock: "Clock"
) -> None:
    hosts = [f"m{n}.example" for n in range(100)]
    dns_server.says = {f"{host} A": f"{host}. 120 A 192.0.2.1;" for host in hosts}
    resolver = make_resolver(jitter=iter([n / 100 for n in range(100)]).__next__)
    found = await asyncio.gather(*(ipv4(resolver, host) for host in hosts))
    left = {each.expires - clock.now for each in found}
    assert len(left) == 100
    assert 108 <= min(left) < max(left) <= 120


@pytest.mark.parametrize(
    ("after", "says", "addresses", "problem"),
    [
        pytest.param(301, "SERVFAIL", ("192.0.2.1",), "dns_failure", id="failure: used on"),
        pytest.param(301, "NXDOMAIN", (), "dns_not_found", id="gone"),
        pytest.param(301, "NODATA", (), "dns_no_address", id="without address"),
        pytest.param(300 + 3599, "SERVFAIL", ("192.0.2.1",), "dns_failure", id="for an hour"),
        pytest.param(300 + 3600, "SERVFAIL", (), "dns_failure", id="no longer"),
    ],
)
async def test_known_addresses_are_used_while_dns_fails_and_not_when_it_says_they_are_gone(
    resolver: Resolver,
    dns_server: "ScriptedDns",
    clock: "Clock",
    after: float,
    says: str,
    addresses: tuple[str, ...],
    problem: str,
) -> None:
    dns_server.says[A] = "192.0.2.1"
    await ipv4(resolver)
    clock.now += after
    dns_server.says[A] = says
    found = await ipv4(resolver)
    assert found.addresses == addresses
    assert found.problem is not None
    assert found.problem.reason == problem


async def test_known_addresses_are_used_while_no_nameserver_answers(
    resolver: Resolver, dns_server: "ScriptedDns", clock: "Clock"
) -> None:
    dns_server.says[A] = "192.0.2.1"
    await ipv4(resolver)
    clock.now += 301
    dns_server.stop()
    found = await ipv4(resolver)
    assert found.addresses == ("192.0.2.1",)
    assert found.problem is not None
    assert found.problem.reason == "dns_timeout"
    assert found.problem.detail.endswith("; addresses of an earlier answer are used")


async def test_failures_do_not_prolong_how_long_addresses_are_remembered(
    resolver: Resolver, dns_server: "ScriptedDns", clock: "Clock"
) -> None:
    dns_server.says[A] = "192.0.2.1"
    await ipv4(resolver)
    dns_server.says[A] = "SERVFAIL"
    seen = []
    for seconds in (2000, 1800, 99, 1):
        clock.now += seconds
        seen.append(bool((await ipv4(resolver)).addresses))
    assert seen == [True, True, True, True]
    clock.now += 10
    assert (await ipv4(resolver)).addresses == ()


async def test_a_good_answer_ends_the_problem(resolver: Resolver, dns_server: "ScriptedDns", clock: "Clock") -> None:
    dns_server.says[A] = "SERVFAIL"
    assert (await ipv4(resolver)).problem
    dns_server.says[A] = "192.0.2.1"
    clock.now += 10
    assert (await ipv4(resolver)).problem is None


async def test_many_who_ask_the_same_share_one_question(resolver: Resolver, dns_server: "ScriptedDns") -> None:
    dns_server.says[A] = "192.0.2.1"
    found = await asyncio.gather(*(ipv4(resolver) for _ in range(20)))
    assert {one.addresses for one in found} == {("192.0.2.1",)}
    assert dns_server.asked == [A]


async def test_one_who_gives_up_does_not_end_the_lookup_of_the_others(
    resolver: Resolver, dns_server: "ScriptedDns"
) -> None:
    dns_server.says[A] = "192.0.2.1"
    first, second = ipv4(resolver), ipv4(resolver)
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).addresses == ("192.0.2.1",)
    assert first.cancelled()


async def test_only_so_many_lookups_run_at_a_time(
    make_resolver: Callable[..., Resolver], dns_server: "ScriptedDns"
) -> None:
    resolver = make_resolver(max_lookups=2, timeout=0.15)
    dns_server.says = {f"m{n}.example A": "silence" for n in range(5)}
    waiting = [ipv4(resolver, f"m{n}.example") for n in range(5)]
    await dns_server.until_asked(3)
    assert set(dns_server.asked) == {"m0.example A", "m1.example A"}
    await asyncio.gather(*waiting)
    assert len(set(dns_server.asked)) == 5


async def test_a_probe_does_not_wait_for_domains_that_are_not_answered(
    make_resolver: Callable[..., Resolver], dns_server: "ScriptedDns"
) -> None:
    dns_server.says |= {A: "192.0.2.1", "a.example MX": "silence", "b.example MX": "silence"}
    resolver = make_resolver(max_lookups=2)
    asking = [asyncio.ensure_future(resolver.exchanges(name)) for name in ("a.example", "b.example")]
    await dns_server.until_asked(1)
    assert (await ipv4(resolver)).addresses == ("192.0.2.1",)
    assert dns_server.asked == ["a.example MX", A]
    for each in asking:
        each.cancel()


async def test_who_must_wait_has_no_task_made_in_vain(
    make_resolver: Callable[..., Resolver], dns_server: "ScriptedDns"
) -> None:
    names = [f"m{number}.example" for number in range(30)]
    dns_server.says |= dict.fromkeys((f"{name} MX" for name in names), "silence")
    resolver = make_resolver(max_lookups=10)
    asking = [asyncio.ensure_future(resolver.exchanges(name)) for name in names]
    await asyncio.sleep(0)
    assert len(resolver._lookups._workers) == 9, "nine tenths"
    await dns_server.until_asked(9)
    asking.append(asyncio.ensure_future(resolver.exchanges("one.more.example")))
    await asyncio.sleep(0)
    assert len(resolver._lookups._workers) == 9
    for each in asking:
        each.cancel()


async def test_a_probe_does_not_wait_for_names_that_were_not_answered_last_time(
    make_resolver: Callable[..., Resolver], dns_server: "ScriptedDns", clock: "Clock"
) -> None:
    dns_server.says |= {A: "192.0.2.1", "a.example A": "silence", "b.example A": "silence"}
    resolver = make_resolver(max_lookups=2, timeout=0.3)
    await asyncio.gather(ipv4(resolver, "a.example"), ipv4(resolver, "b.example"))
    clock.now += 20
    dns_server.asked.clear()
    asking = [ipv4(resolver, name) for name in ("a.example", "b.example")]
    await dns_server.until_asked(1)
    assert (await ipv4(resolver)).addresses == ("192.0.2.1",)
    assert dns_server.asked == ["a.example A", A]
    for each in asking:
        each.cancel()


async def test_when_more_lookups_are_allowed_those_that_wait_are_asked_at_once(
    make_resolver: Callable[..., Resolver], dns_server: "ScriptedDns"
) -> None:
    resolver = make_resolver(max_lookups=1)
    dns_server.says = {f"m{n}.example A": "silence" for n in range(4)}
    waiting = [ipv4(resolver, f"m{n}.example") for n in range(4)]
    await dns_server.until_asked(1)
    resolver.use([dns_server.address], max_lookups=3)
    await dns_server.until_asked(3)
    assert dns_server.asked == [f"m{n}.example A" for n in range(3)]
    await resolver.close()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_what_is_asked_ahead_is_asked_once_and_at_the_same_time(
    resolver: Resolver, dns_server: "ScriptedDns"
) -> None:
    asked = ["d.example MX", "_mta-sts.d.example TXT"]
    dns_server.says = {"d.example MX": "silence", "_mta-sts.d.example TXT": "NODATA"}
    resolver.ahead(("d.example", "MX"), ("_mta-sts.d.example", "TXT"))
    await dns_server.until_asked(2)
    await resolver.texts("_mta-sts.d.example")
    assert dns_server.asked == asked


async def test_each_lookup_is_counted_by_type_and_result(
    make_resolver: Callable[..., Resolver], dns_server: "ScriptedDns"
) -> None:
    counted: list[tuple[str, str]] = []
    resolver = make_resolver(on_lookup=lambda rdtype, result: counted.append((rdtype, result)))
    dns_server.says = {A: "192.0.2.1", "mail.example AAAA": "NODATA", "other.example MX": "SERVFAIL"}
    await resolver.addresses("mail.example", mode="dns", family="any")
    await ipv4(resolver)
    for domain in ("other.example", "third.example"):
        await resolver.exchanges(domain)
    dns_server.stop()
    await ipv4(resolver, "fourth.example")
    assert sorted(counted) == [
        ("A", "ok"),
        ("A", "timeout"),
        ("AAAA", "nodata"),
        ("MX", "failure"),
        ("MX", "nxdomain"),
    ]


async def test_nameservers_are_unavailable_after_30_seconds_without_any_answer_and_until_the_next_one(
    resolver: Resolver, dns_server: "ScriptedDns", clock: "Clock"
) -> None:
    seen = []
    dns_server.stop()
    for seconds in (0, 19, 21):
        clock.now += seconds
        await ipv4(resolver)
        seen.append(resolver.unavailable)
    await dns_server.start()
    await ipv4(resolver, "other.example")
    assert [*seen, resolver.unavailable] == [False, False, True, False]


async def test_a_nameserver_that_truncates_and_refuses_tcp_is_available(
    resolver: Resolver, dns_server: "ScriptedDns", clock: "Clock"
) -> None:
    dns_server.says[A] = "truncated 192.0.2.1"
    dns_server.refuse_tcp()
    for _ in range(4):
        found = await ipv4(resolver)
        clock.now += 31
    assert (found.problem and found.problem.reason, resolver.unavailable) == ("dns_failure", False)


async def test_a_name_that_is_never_answered_is_asked_ever_less_often(
    resolver: Resolver, dns_server: "ScriptedDns", clock: "Clock"
) -> None:
    dns_server.stop()
    waits = []
    for _ in range(6):
        waits.append((await ipv4(resolver)).expires - clock.now)
        clock.now += waits[-1]
    assert waits == [10, 20, 40, 80, 120, 120]


async def test_one_lookup_without_answer_says_nothing_of_the_nameservers_however_long_ago_it_was(
    resolver: Resolver, dns_server: "ScriptedDns", clock: "Clock"
) -> None:
    dns_server.stop()
    await ipv4(resolver)
    clock.now += 1000
    assert not resolver.unavailable


async def test_while_nameservers_are_unavailable_one_question_at_a_time_is_asked_and_the_others_do_not_wait(
    make_resolver: Callable[..., Resolver], dns_server: "ScriptedDns", clock: "Clock"
) -> None:
    resolver = make_resolver(timeout=0.05)
    dns_server.says = {f"m{n} A": "silence" for n in range(9)}
    for _ in range(2):
        await ipv4(resolver, "m0")
        clock.now += 31
    dns_server.asked.clear()
    found = await asyncio.gather(*(ipv4(resolver, f"m{n}") for n in range(1, 9)))
    assert {one.problem and one.problem.reason for one in found} == {"dns_timeout"}
    assert set(dns_server.asked) == {"m1 A"}
    assert resolver.cached("m2", mode="dns", family="ipv4") is None, "who was not asked for is asked for next time"


async def test_closing_ends_the_lookups_under_way(
    make_resolver: Callable[..., Resolver], dns_server: "ScriptedDns"
) -> None:
    resolver = make_resolver()
    dns_server.says[A] = "silence"
    waiting = ipv4(resolver)
    await dns_server.until_asked(1)
    await resolver.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
