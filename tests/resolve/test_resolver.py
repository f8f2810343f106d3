import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import uvloop

from exporter.reasons import Stage
from exporter.resolve import Addresses, Resolver

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from tests.resolve.conftest import Clock, ScriptedDns


async def test_a_host_of_the_hosts_file_is_not_looked_up(
    resolver: Resolver, write_hosts: Callable[[str], object], dns_server: "ScriptedDns"
) -> None:
    write_hosts("192.0.2.7 mail.example\n2001:db8::7 mail.example\n")
    found = resolver.cached("mail.example", mode="system", family="any")
    assert found is not None
    assert found.addresses == ("192.0.2.7", "2001:db8::7")
    assert dns_server.asked == []


async def test_the_hosts_file_does_not_count_in_mode_dns(
    resolver: Resolver, write_hosts: Callable[[str], object], dns_server: "ScriptedDns"
) -> None:
    write_hosts("192.0.2.7 mail.example\n")
    dns_server.says["mail.example A"] = "192.0.2.1"
    assert (await resolver.addresses("mail.example", mode="dns", family="ipv4")).addresses == ("192.0.2.1",)


async def test_a_family_that_the_hosts_file_lacks_is_looked_up(
    resolver: Resolver, write_hosts: Callable[[str], object], dns_server: "ScriptedDns"
) -> None:
    write_hosts("192.0.2.7 mail.example\n")
    dns_server.says["mail.example AAAA"] = "2001:db8::1"
    assert (await resolver.addresses("mail.example", mode="system", family="ipv6")).addresses == ("2001:db8::1",)


async def test_a_changed_hosts_file_is_followed_within_a_second(
    resolver: Resolver, write_hosts: Callable[[str], object], clock: "Clock"
) -> None:
    write_hosts("192.0.2.7 mail.example\n")
    seen = [resolver.cached("mail.example", mode="system", family="any")]
    write_hosts("192.0.2.88 mail.example\n")
    clock.now += 1
    seen.append(resolver.cached("mail.example", mode="system", family="any"))
    assert [found and found.addresses for found in seen] == [("192.0.2.7",), ("192.0.2.88",)]


async def test_a_changed_resolv_conf_is_followed_within_a_second(
    make_resolver: Callable[..., Resolver],
    write_resolv_conf: Callable[[str], object],
    dns_server: "ScriptedDns",
    clock: "Clock",
) -> None:
    dns_server.says |= {"mail.a.example A": "192.0.2.1", "mail.b.example A": "192.0.2.2"}
    resolver = make_resolver()
    seen = []
    for domain in ("a.example", "b.example"):
        write_resolv_conf(f"# {domain}\nsearch {domain}\n")
        clock.now += 1
        seen.append((await resolver.addresses("mail", mode="system", family="ipv4")).addresses)
    assert seen == [("192.0.2.1",), ("192.0.2.2",)]


@pytest.mark.parametrize(
    ("says", "addresses", "problem"),
    [
        pytest.param({"mail.a A": "192.0.2.1", "mail.b A": "192.0.2.2"}, ["192.0.2.1"], "", id="the first that has"),
        pytest.param({"mail.b AAAA": "2001:db8::2"}, ["2001:db8::2"], "", id="one that does not exist is passed over"),
        pytest.param(
            {"mail.a A": "NODATA", "mail.b A": "192.0.2.2"}, ["192.0.2.2"], "", id="so is one without address"
        ),
        pytest.param({"mail.a A": "SERVFAIL", "mail A": "192.0.2.3"}, ["192.0.2.3"], "", id="and one that fails"),
        pytest.param({}, [], "dns_not_found", id="none exists"),
        pytest.param({"mail.a A": "NODATA"}, [], "dns_no_address", id="one exists"),
        pytest.param({"mail.b A": "SERVFAIL"}, [], "dns_failure", id="one may exist"),
    ],
)
async def test_a_short_name_is_searched(
    resolver: Resolver,
    write_resolv_conf: Callable[[str], object],
    dns_server: "ScriptedDns",
    says: dict[str, str],
    addresses: list[str],
    problem: str,
) -> None:
    write_resolv_conf("search a b\n")
    dns_server.says = says
    found = await resolver.addresses("mail", mode="system", family="any")
    assert [list(found.addresses), found.problem.reason if found.problem else ""] == [addresses, problem]


async def test_a_name_with_dots_that_nobody_knows_gets_its_own_verdict_and_the_detail_lists_what_was_tried(
    resolver: Resolver, write_resolv_conf: Callable[[str], object], dns_server: "ScriptedDns"
) -> None:
    write_resolv_conf("search corp.example\n")
    dns_server.says["mail.x.corp.example A"] = "SERVFAIL"
    found = await resolver.addresses("mail.x", mode="system", family="any")
    assert found.problem is not None
    assert found.problem.detail == "mail.x does not exist (NXDOMAIN); tried mail.x, mail.x.corp.example"


async def test_mode_dns_searches_nothing(
    resolver: Resolver, write_resolv_conf: Callable[[str], object], dns_server: "ScriptedDns"
) -> None:
    write_resolv_conf("search a\n")
    await resolver.addresses("mail", mode="dns", family="ipv4")
    assert dns_server.asked == ["mail A"]


@pytest.mark.parametrize(
    ("literal", "family", "addresses", "problem"),
    [
        pytest.param("192.0.2.1", "any", ("192.0.2.1",), None, id="IPv4"),
        pytest.param("2001:DB8::0:1", "any", ("2001:db8::1",), None, id="IPv6, canonical"),
        pytest.param("192.0.2.1", "ipv6", (), "dns_no_address", id="not of the family asked for"),
    ],
)
async def test_a_literal_is_answered_at_once(
    resolver: Resolver,
    dns_server: "ScriptedDns",
    literal: str,
    family: str,
    addresses: tuple[str, ...],
    problem: str | None,
) -> None:
    found = resolver.cached(literal, mode="system", family=family)  # type: ignore[arg-type]  # a row of the table
    assert found is not None
    assert found.addresses == addresses
    assert (found.problem.reason if found.problem else None) == problem
    assert dns_server.asked == []


async def test_an_answer_is_cached_until_its_ttl_is_over(
    resolver: Resolver, dns_server: "ScriptedDns", clock: "Clock"
) -> None:
    dns_server.says["mail.example A"] = "192.0.2.1"
    assert resolver.cached("mail.example", mode="system", family="any") is None
    found = await resolver.addresses("mail.example", mode="system", family="any")
    assert found.expires == clock.now + 300
    clock.now += 299.9
    assert resolver.cached("mail.example", mode="system", family="any") is found
    clock.now += 0.1
    assert resolver.cached("mail.example", mode="system", family="any") is None


async def test_nothing_is_raised_for_what_dns_did(resolver: Resolver) -> None:
    found = await resolver.addresses("nowhere.example", mode="dns", family="any")
    assert found.problem is not None
    assert (found.problem.stage, found.problem.reason) == (Stage.DNS, "dns_not_found")


async def test_without_given_nameservers_resolv_conf_says_whom_to_ask(
    resolv_conf: Path, write_resolv_conf: Callable[[str], object], hosts_file: Path
) -> None:
    write_resolv_conf("nameserver 127.0.0.99\nsearch .\n")
    resolver = Resolver(hosts_file=hosts_file, resolv_conf=resolv_conf, timeout=0.05)
    found = await resolver.addresses("mail.example", mode="dns", family="ipv4")
    assert found.problem is not None
    assert "127.0.0.99" in found.problem.detail


def test_the_resolver_works_on_uvloop(
    resolv_conf: Path, hosts_file: Path, serve: "Callable[[], AbstractAsyncContextManager[ScriptedDns]]"
) -> None:
    async def main() -> list[Addresses]:
        async with serve() as server:
            server.says = {"mail.example A": "truncated 192.0.2.1", "other.example A": "silence"}
            resolver = Resolver([server.address], hosts_file=hosts_file, resolv_conf=resolv_conf, timeout=0.6)
            hosts = ["mail.example", "other.example"]
            found = [await resolver.addresses(host, mode="dns", family="ipv4") for host in hosts]
            await resolver.close()
            return found

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        good, silent = runner.run(main())
    assert good.addresses == ("192.0.2.1",)
    assert silent.problem is not None
    assert silent.problem.reason == "dns_timeout"


async def test_other_nameservers_are_asked_from_then_on_and_what_they_do_not_tell_is_remembered(
    resolver: Resolver, dns_server: "ScriptedDns"
) -> None:
    dns_server.says["mail.example A"] = "192.0.2.1"
    before = await resolver.addresses("mail.example", mode="dns", family="ipv4")
    resolver.use(["127.0.0.99"], max_lookups=1)
    assert resolver.cached("mail.example", mode="dns", family="ipv4") is None
    now = await resolver.addresses("mail.example", mode="dns", family="ipv4")
    assert (now.addresses, now.problem is None) == (before.addresses, False)


async def test_the_same_nameservers_again_are_no_reason_to_ask_again(
    resolver: Resolver, dns_server: "ScriptedDns"
) -> None:
    dns_server.says["mail.example A"] = "192.0.2.1"
    before = await resolver.addresses("mail.example", mode="dns", family="ipv4")
    resolver.use([dns_server.address], max_lookups=7)
    assert resolver.cached("mail.example", mode="dns", family="ipv4") is before


async def test_nobody_joins_a_question_that_was_put_to_other_nameservers(
    resolver: Resolver, dns_server: "ScriptedDns", second_dns_server: "ScriptedDns"
) -> None:
    dns_server.says["mail.example A"] = "silence"
    second_dns_server.says["mail.example A"] = "192.0.2.9"
    waits = asyncio.create_task(resolver.addresses("mail.example", mode="dns", family="ipv4"))
    await dns_server.until_asked(1)
    resolver.use([second_dns_server.address], max_lookups=7)
    assert (await resolver.addresses("mail.example", mode="dns", family="ipv4")).addresses == ("192.0.2.9",)
    waits.cancel()
    await resolver.close()
    assert not resolver._lookups._waiting
