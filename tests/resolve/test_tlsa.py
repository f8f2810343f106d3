"""Which TLSA records a host has, for a sending server (RFC 7672 2.2)."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from exporter.model import Tlsa
from exporter.resolve import Resolver
from exporter.resolve.tlsa import NOT_SIGNED, NOT_TESTABLE

if TYPE_CHECKING:
    from tests.resolve.conftest import Clock, ScriptedDns

HOST, A, TLSA = "mail.example", "mail.example A", "_25._tcp.mail.example TLSA"
ONE, OO = f"3 1 1 {'ab' * 32}", "00" * 32
ALIAS = "mail.example. 60 CNAME mx.example.; mx.example. 60 A 192.0.2.1;"
CNAME, OF_THE_ALIAS = "mail.example CNAME", "_25._tcp.mx.example TLSA"


@pytest.fixture
def resolver(make_resolver: Callable[..., Resolver]) -> Resolver:
    """A resolver that believes what it is told."""
    return make_resolver(trusted=True)


async def tlsa(resolver: Resolver, host: str = HOST) -> Tlsa:
    found = await resolver.addresses(host, mode="dns", family="ipv4")
    return await resolver.tlsa(host, 25, found)


@pytest.mark.parametrize(
    ("says", "records", "base", "none"),
    [
        pytest.param({A: "signed 192.0.2.1", TLSA: f"signed {ONE}"}, [ONE], HOST, "", id="signed"),
        pytest.param(
            {A: "signed 192.0.2.1", TLSA: f"signed {ONE}, 2 0 1 {OO}"}, [f"2 0 1 {OO}", ONE], HOST, "", id="two"
        ),
        pytest.param({A: "signed 192.0.2.1", TLSA: f"signed truncated {ONE}"}, [ONE], HOST, "", id="over TCP"),
        pytest.param(
            {A: "signed 192.0.2.1", TLSA: ONE}, [], HOST, "its TLSA records are not signed with DNSSEC", id="not signed"
        ),
        pytest.param(
            {A: "signed 192.0.2.1", TLSA: "signed NXDOMAIN"},
            [],
            HOST,
            "_25._tcp.mail.example does not exist (NXDOMAIN)",
            id="no such name",
        ),
        pytest.param(
            {A: "signed 192.0.2.1", TLSA: "NODATA"}, [], HOST, "_25._tcp.mail.example has no TLSA record", id="none"
        ),
        pytest.param({A: "192.0.2.1", TLSA: f"signed {ONE}"}, [], "", NOT_SIGNED.none, id="the address is not signed"),
        pytest.param(
            {A: f"signed {ALIAS}", OF_THE_ALIAS: f"signed {ONE}", TLSA: f"signed 3 1 1 {OO}"},
            [ONE],
            "mx.example",
            "",
            id="an alias, signed: those of the name it leads to",
        ),
        pytest.param(
            {A: f"signed {ALIAS}", TLSA: f"signed {ONE}"}, [ONE], HOST, "", id="an alias, signed: else its own"
        ),
        pytest.param(
            {A: ALIAS, CNAME: "signed mx.example.", OF_THE_ALIAS: f"signed {ONE}", TLSA: f"signed 3 1 1 {OO}"},
            [f"3 1 1 {OO}"],
            HOST,
            "",
            id="an alias, signed, of a name that is not: its own only",
        ),
        pytest.param(
            {A: ALIAS, CNAME: "mx.example.", TLSA: f"signed {ONE}"}, [], "", NOT_SIGNED.none, id="an alias, not signed"
        ),
    ],
)
async def test_which_records_a_host_has(
    resolver: Resolver, dns_server: "ScriptedDns", says: dict[str, str], records: list[str], base: str, none: str
) -> None:
    dns_server.says = says
    told = await tlsa(resolver)
    assert (sorted(str(each) for each in told.records), told.base, told.none) == (records, base, none)
    assert told.problem is None


async def test_records_that_nobody_can_use_are_there_all_the_same(
    resolver: Resolver, dns_server: "ScriptedDns"
) -> None:
    dns_server.says = {A: "signed 192.0.2.1", TLSA: "signed octets 030101ab 0301 -"}
    told = await tlsa(resolver)
    assert {str(each) for each in told.records} == {"3 1 1 ab", "3 1 255 ", "255 255 255 "}


async def test_where_the_address_is_not_signed_nobody_is_asked(resolver: Resolver, dns_server: "ScriptedDns") -> None:
    dns_server.says = {A: "192.0.2.1"}
    await tlsa(resolver)
    assert dns_server.asked == [A]


@pytest.mark.parametrize(
    ("says", "reason", "stage"),
    [
        ({TLSA: "SERVFAIL"}, "dns_failure", "dns"),
        ({TLSA: "REFUSED"}, "dns_failure", "dns"),
        ({TLSA: "silence"}, "dns_timeout", "dns"),
        ({TLSA: "bogus", f"{TLSA} CD": ONE}, "dnssec_invalid", "policy"),
        ({TLSA: "bogus", f"{TLSA} CD": "NODATA"}, "dnssec_invalid", "policy"),
    ],
)
async def test_no_answer_is_not_that_there_are_none(
    make_resolver: Callable[..., Resolver], dns_server: "ScriptedDns", says: dict[str, str], reason: str, stage: str
) -> None:
    dns_server.says = {A: "signed 192.0.2.1", **says}
    told = await tlsa(make_resolver(trusted=True, timeout=0.3))
    assert told.problem
    assert (told.problem.reason, told.problem.stage, told.remembered) == (reason, stage, False)


@pytest.mark.parametrize(("before", "records"), [(f"signed {ONE}", 1), ("signed NODATA", 0)])
async def test_an_earlier_answer_stands_for_an_hour(
    resolver: Resolver, dns_server: "ScriptedDns", clock: "Clock", before: str, records: int
) -> None:
    dns_server.says = {A: "signed 192.0.2.1", TLSA: before}
    await tlsa(resolver)
    dns_server.says[TLSA] = "SERVFAIL"
    clock.now += 301
    told = await tlsa(resolver)
    assert told.problem
    assert (told.remembered, len(told.records)) == (True, records)
    clock.now += 3600
    told = await tlsa(resolver)
    assert (told.remembered, len(told.records)) == (False, 0)


@pytest.mark.parametrize(
    ("says", "seconds"),
    [
        pytest.param(f"signed {ONE}", 300, id="its TTL"),
        pytest.param(f"signed _25._tcp.mail.example. 0 TLSA {ONE};", 5, id="TTL 0: a while all the same"),
        pytest.param("signed NODATA", 30, id="that there are none: as its SOA says"),
    ],
)
async def test_how_long_an_answer_is_kept(
    resolver: Resolver, dns_server: "ScriptedDns", clock: "Clock", says: str, seconds: float
) -> None:
    dns_server.says = {A: "signed mail.example. 3000 A 192.0.2.1;", TLSA: says}
    found = await resolver.addresses(HOST, mode="dns", family="ipv4")
    assert resolver.cached_tlsa(HOST, 25, found) is None
    told = await resolver.tlsa(HOST, 25, found)
    clock.now += seconds - 0.1
    assert resolver.cached_tlsa(HOST, 25, found) is told
    clock.now += 0.2
    assert resolver.cached_tlsa(HOST, 25, found) is None
    assert dns_server.asked == [A, TLSA]


async def test_a_new_address_does_not_wait_for_the_old_answer(
    resolver: Resolver, dns_server: "ScriptedDns", clock: "Clock"
) -> None:
    dns_server.says = {A: "signed mail.example. 60 A 192.0.2.1;", TLSA: f"signed {ONE}"}
    assert (await tlsa(resolver)).records
    dns_server.says[A] = "192.0.2.1"
    clock.now += 61
    assert await tlsa(resolver) is NOT_SIGNED


# --- whom to believe ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("nameservers", "trusted", "believed"),
    [
        (["127.0.0.1"], None, True),
        (["::1", "127.0.0.1:5353"], None, True),
        (["127.0.0.53"], None, False),
        (["192.0.2.53"], None, False),
        (["127.0.0.1", "192.0.2.53"], None, False),
        (["192.0.2.53"], True, True),
        (["127.0.0.1"], False, False),
    ],
)
async def test_who_is_believed(
    make_resolver: Callable[..., Resolver], nameservers: list[str], trusted: bool | None, *, believed: bool
) -> None:
    assert make_resolver(*nameservers, trusted=trusted).trusted is believed


async def test_resolv_conf_decides_where_no_nameservers_are_given(
    make_resolver: Callable[..., Resolver], write_resolv_conf: Callable[[str], object]
) -> None:
    write_resolv_conf("nameserver 192.0.2.53\n")
    resolver = make_resolver()
    for trusted, believed in ((None, False), (True, True), (None, False)):
        resolver.use((), max_lookups=50, trusted=trusted)
        resolver.cached(HOST, mode="dns", family="any")
        assert resolver.trusted is believed


async def test_what_a_stranger_says_of_dnssec_is_not_believed(
    make_resolver: Callable[..., Resolver], dns_server: "ScriptedDns"
) -> None:
    dns_server.says = {A: "signed 192.0.2.1", "example MX": "signed 10 mail.example.", TLSA: f"signed {ONE}"}
    dns_server.says["mail.example AAAA"] = "NODATA"
    resolver = make_resolver(trusted=False)
    assert await tlsa(resolver) is NOT_TESTABLE
    assert not (await resolver.exchanges("example")).secure
    assert TLSA not in dns_server.asked


@pytest.mark.parametrize(
    ("says", "secure"),
    [
        ({"example MX": "signed 10 mail.example."}, True),
        ({"example MX": "10 mail.example."}, False),
        ({"example MX": "NODATA", "example A": "192.0.2.1"}, True),
    ],
)
async def test_mx_records_are_secure_or_only_the_address_counts(
    resolver: Resolver, dns_server: "ScriptedDns", says: dict[str, str], *, secure: bool
) -> None:
    dns_server.says = {A: "192.0.2.1", "mail.example AAAA": "NODATA", "example AAAA": "NODATA", **says}
    assert (await resolver.exchanges("example")).secure is secure


@pytest.mark.parametrize("after", [0, 301])
async def test_bogus_mx_records_are_critical_even_where_earlier_ones_are_known(
    resolver: Resolver, dns_server: "ScriptedDns", clock: "Clock", after: float
) -> None:
    dns_server.says = {A: "192.0.2.1", "mail.example AAAA": "NODATA"}
    if after:
        dns_server.says["example MX"] = "signed 10 mail.example."
        await resolver.exchanges("example")
        clock.now += after
    dns_server.says |= {"example MX": "bogus", "example MX CD": "10 mail.example."}
    found = await resolver.exchanges("example")
    (problem,) = found.problems
    assert (problem.reason, problem.stage, problem.severity) == ("dnssec_invalid", "policy", "critical")
    assert len(found.hosts) == (1 if after else 0)


async def test_bogus_addresses(resolver: Resolver, dns_server: "ScriptedDns") -> None:
    dns_server.says = {A: "bogus", f"{A} CD": "192.0.2.1"}
    found = await resolver.addresses(HOST, mode="dns", family="ipv4")
    assert found.problem
    assert (found.problem.reason, found.problem.stage, found.addresses) == ("dnssec_invalid", "policy", ())
