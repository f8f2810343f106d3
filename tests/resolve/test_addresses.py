from typing import TYPE_CHECKING

import pytest

from exporter.resolve import Resolver

if TYPE_CHECKING:
    from tests.resolve.conftest import ScriptedDns

A, AAAA = "mail.example A", "mail.example AAAA"


@pytest.mark.parametrize(
    ("says", "addresses", "problem"),
    [
        pytest.param(
            {A: "192.0.2.10 192.0.2.9", AAAA: "2001:db8::a 2001:db8::9"},
            ["192.0.2.9", "192.0.2.10", "2001:db8::9", "2001:db8::a"],
            "",
            id="IPv4 before IPv6, each numerically",
        ),
        pytest.param({A: "192.0.2.1", AAAA: "NODATA"}, ["192.0.2.1"], "", id="IPv4 only"),
        pytest.param({A: "NODATA", AAAA: "2001:db8::1"}, ["2001:db8::1"], "", id="IPv6 only"),
        pytest.param({A: "192.0.2.1"}, ["192.0.2.1"], "", id="a server that denies the name for AAAA"),
        pytest.param({A: "192.0.2.1", AAAA: "SERVFAIL"}, ["192.0.2.1"], "dns_failure", id="one family fails"),
        pytest.param({}, [], "dns_not_found", id="does not exist"),
        pytest.param({A: "NODATA", AAAA: "NODATA"}, [], "dns_no_address", id="no address"),
        pytest.param({A: "NODATA"}, [], "dns_no_address", id="exists for one type"),
        pytest.param({A: "NODATA", AAAA: "SERVFAIL"}, [], "dns_failure", id="nothing is certain after a failure"),
        pytest.param({A: "REFUSED", AAAA: "REFUSED"}, [], "dns_failure", id="refused"),
    ],
)
async def test_what_the_answers_for_both_families_mean_together(
    resolver: Resolver, dns_server: "ScriptedDns", says: dict[str, str], addresses: list[str], problem: str
) -> None:
    dns_server.says = says
    found = await resolver.addresses("mail.example", mode="dns", family="any")
    assert [list(found.addresses), found.problem.reason if found.problem else ""] == [addresses, problem]


@pytest.mark.parametrize(("family", "asked"), [("any", [A, AAAA]), ("ipv4", [A]), ("ipv6", [AAAA])])
async def test_only_the_family_asked_for_is_looked_up(
    resolver: Resolver, dns_server: "ScriptedDns", family: str, asked: list[str]
) -> None:
    await resolver.addresses("mail.example", mode="dns", family=family)  # type: ignore[arg-type]  # a row of the table
    assert sorted(dns_server.asked) == asked


@pytest.mark.parametrize(
    ("says", "detail"),
    [
        pytest.param({}, "mail.example does not exist (NXDOMAIN)", id="not found"),
        pytest.param(
            {A: "NODATA", AAAA: "NODATA"},
            "mail.example has no A record; mail.example has no AAAA record",
            id="no address",
        ),
        pytest.param(
            {A: "bogus", AAAA: "NODATA"},
            "A mail.example: SERVFAIL, EDE 6 (DNSSEC Bogus): signature \\027[31mexpired from {server}",
            id="the nameserver's own words, cleaned",
        ),
        pytest.param({A: "REFUSED", AAAA: "NODATA"}, "A mail.example: REFUSED from {server}", id="refused"),
    ],
)
async def test_the_detail_tells_the_operator_what_was_said_and_by_whom(
    resolver: Resolver, dns_server: "ScriptedDns", says: dict[str, str], detail: str
) -> None:
    dns_server.says = says
    found = await resolver.addresses("mail.example", mode="dns", family="any")
    assert found.problem is not None
    assert found.problem.detail == detail.format(server=dns_server.address)


async def test_a_family_without_records_does_not_shorten_how_long_the_others_are_kept(
    resolver: Resolver, dns_server: "ScriptedDns"
) -> None:
    dns_server.says = {A: "192.0.2.1", AAAA: "NODATA"}
    found = await resolver.addresses("mail.example", mode="dns", family="any")
    assert found.expires == 1000 + 300
