from typing import TYPE_CHECKING

import pytest

from exporter.resolve import Resolver, connectable

if TYPE_CHECKING:
    from tests.resolve.conftest import Clock, ScriptedDns

HERE = "on this machine (global.mx_on_this_machine: true allows that)"
GOOD = {"mx1.d.example A": "192.0.2.1", "mx2.d.example A": "192.0.2.2"}


@pytest.mark.parametrize(
    ("says", "hosts", "problems"),
    [
        pytest.param(
            GOOD | {"d.example MX": "20 MX2.d.example., 10 mx1.d.example."},
            [(10, "mx1.d.example"), (20, "mx2.d.example")],
            {},
            id="by preference, lower case, no dot",
        ),
        pytest.param(
            GOOD | {"d.example MX": "10 mx2.d.example., 10 mx1.d.example., 30 mx1.d.example."},
            [(10, "mx1.d.example"), (10, "mx2.d.example")],
            {},
            id="then by name, each host once",
        ),
        pytest.param(
            {"d.example MX": "NODATA", "d.example A": "192.0.2.1"},
            [(0, "d.example")],
            {},
            id="no MX: the domain itself",
        ),
        pytest.param(
            {"d.example MX": "NODATA", "d.example A": "NODATA", "d.example AAAA": "NODATA"},
            [],
            {"mx_not_found": ("critical", "d.example has neither MX nor address records")},
            id="neither MX nor address",
        ),
        pytest.param(
            {"d.example MX": "NODATA", "d.example A": "SERVFAIL"},
            [],
            {"dns_failure": ("critical", "A d.example: SERVFAIL from {server}")},
            id="no MX, and the address cannot be had",
        ),
        pytest.param(
            {"d.example A": "192.0.2.1"},
            [],
            {"dns_not_found": ("critical", "d.example does not exist (NXDOMAIN)")},
            id="no such domain",
        ),
        pytest.param(
            {"d.example MX": "SERVFAIL", "d.example A": "192.0.2.1"},
            [],
            {"dns_failure": ("critical", "MX d.example: SERVFAIL from {server}")},
            id="MX fails: never the domain itself",
        ),
        pytest.param({"d.example MX": "0 ."}, [], {}, id="null MX"),
        pytest.param({"d.example MX": "10 ."}, [], {}, id="null MX, whatever its preference"),
        pytest.param(
            GOOD | {"d.example MX": "0 ., 10 mx1.d.example."},
            [(10, "mx1.d.example")],
            {"mx_invalid": ("warning", ". stands beside others (RFC 7505 3)")},
            id="a dot beside others",
        ),
        pytest.param(
            GOOD | {"d.example MX": "10 192.0.2.9., 20 mx1.d.example."},
            [(20, "mx1.d.example")],
            {"mx_invalid": ("warning", "192.0.2.9 is an address, not a name (RFC 5321 5.1)")},
            id="an address",
        ),
        pytest.param(
            GOOD | {"d.example MX": "10 mail., 20 mx1.d.example."},
            [(20, "mx1.d.example")],
            {"mx_invalid": ("warning", "mail is a single label")},
            id="a single label",
        ),
        pytest.param(
            GOOD | {"d.example MX": r"10 \027[31m.d.example., 20 mx1.d.example."},
            [(20, "mx1.d.example")],
            {"mx_invalid": ("warning", r"\027[31m.d.example is no host name")},
            id="hostile text",
        ),
        pytest.param(
            {
                "d.example MX": "10 www.d.example.",
                "www.d.example A": "www.d.example. 60 CNAME h.x.; h.x. 60 A 192.0.2.1;",
            },
            [(10, "www.d.example")],
            {"mx_invalid": ("warning", "www.d.example is an alias of h.x (RFC 2181 10.3)")},
            id="an alias is probed all the same",
        ),
        pytest.param(
            GOOD | {"d.example MX": "10 l.d.example., 20 mx1.d.example.", "l.d.example A": "127.0.0.1"},
            [(20, "mx1.d.example")],
            {"mx_invalid": ("warning", f"l.d.example is on 127.0.0.1: not connected; l.d.example is {HERE}")},
            id="on loopback",
        ),
        pytest.param(
            {"d.example MX": "10 l.d.example.", "l.d.example A": "127.0.0.1 192.0.2.1"},
            [(10, "l.d.example")],
            {"mx_invalid": ("warning", f"l.d.example is on 127.0.0.1: not connected; l.d.example is {HERE}")},
            id="on loopback and elsewhere",
        ),
        pytest.param(
            {
                "d.example MX": "10 a.d.example., 10 b.d.example., 20 c.d.example.",
                "a.d.example A": "127.0.0.1",
                "b.d.example A": "NODATA",
                "b.d.example AAAA": "::1",
                "c.d.example A": "127.0.1.1",
            },
            [],
            {
                "mx_not_found": (
                    "critical",
                    f"d.example has no usable exchange: a.d.example, b.d.example, c.d.example are {HERE}",
                ),
                "mx_invalid": (
                    "warning",
                    "a.d.example is on 127.0.0.1: not connected; b.d.example is on ::1: not connected; "
                    f"c.d.example is on 127.0.1.1: not connected; a.d.example, b.d.example, c.d.example are {HERE}",
                ),
            },
            id="all on loopback",
        ),
        pytest.param(
            {"d.example MX": "NODATA", "d.example A": "127.0.0.1"},
            [],
            {
                "mx_not_found": ("critical", f"d.example has no usable exchange: d.example is {HERE}"),
                "mx_invalid": ("warning", f"d.example is on 127.0.0.1: not connected; d.example is {HERE}"),
            },
            id="no MX, and the domain itself on loopback",
        ),
        pytest.param(
            {"d.example MX": "NODATA", "d.example A": "169.254.0.1"},
            [],
            {
                "mx_not_found": ("critical", "d.example has no usable exchange"),
                "mx_invalid": ("warning", "d.example is on 169.254.0.1: not connected"),
            },
            id="no MX, and the domain itself on link-local",
        ),
        pytest.param(
            {"d.example MX": "10 mail., 20 192.0.2.1."},
            [],
            {
                "mx_not_found": ("critical", "d.example has no usable exchange"),
                "mx_invalid": (
                    "warning",
                    "mail is a single label; 192.0.2.1 is an address, not a name (RFC 5321 5.1)",
                ),
            },
            id="no usable exchange",
        ),
        pytest.param(
            {"d.example MX": "10 gone.d.example."},
            [(10, "gone.d.example")],
            {},
            id="one without address: its endpoint tells",
        ),
    ],
)
async def test_the_exchanges_of_a_domain(
    resolver: Resolver,
    dns_server: "ScriptedDns",
    says: dict[str, str],
    hosts: list[tuple[int, str]],
    problems: dict[str, tuple[str, str]],
) -> None:
    dns_server.says = says
    found = await resolver.exchanges("d.example")
    expected = {
        reason: (severity, text.format(server=dns_server.address)) for reason, (severity, text) in problems.items()
    }
    assert list(found.hosts) == hosts
    assert {problem.reason: (problem.severity, problem.detail) for problem in found.problems} == expected
    assert {problem.stage for problem in found.problems} <= {"dns"}


@pytest.mark.parametrize(
    ("mx", "records", "null_mx", "implicit"),
    [
        pytest.param("10 mx1.d.example., 20 mx2.d.example.", 2, False, False, id="two"),
        pytest.param("0 .", 1, True, False, id="null MX"),
        pytest.param("0 ., 10 mx1.d.example.", 2, False, False, id="a dot beside others is no null MX"),
        pytest.param("NODATA", 0, False, True, id="implicit"),
    ],
)
async def test_what_kind_of_answer_it_was(
    resolver: Resolver, dns_server: "ScriptedDns", mx: str, records: int, null_mx: bool, implicit: bool
) -> None:
    dns_server.says = GOOD | {"d.example MX": mx, "d.example A": "192.0.2.3"}
    found = await resolver.exchanges("d.example")
    assert (found.records, found.null_mx, found.implicit) == (records, null_mx, implicit)


async def test_of_a_thousand_records_the_32_preferred_hosts_are_used_and_the_text_stays_short(
    resolver: Resolver, dns_server: "ScriptedDns"
) -> None:
    records = [f"{n} mx{n:04}.d.example." for n in range(900)] + [f"{n} x{n}." for n in range(100)]
    dns_server.says["d.example MX"] = "truncated " + ", ".join(records)
    found = await resolver.exchanges("d.example")
    assert [host for _, host in found.hosts] == [f"mx{n:04}.d.example" for n in range(32)]
    assert found.records == 1000
    invalid, too_many = found.problems
    assert invalid.detail.endswith("x7 is a single label; and 92 more")
    assert (too_many.reason, too_many.severity, too_many.stage) == ("too_many_addresses", "warning", "dns")
    assert too_many.detail == "d.example has 900 MX hosts: the first 32 are probed, 868 are not"


@pytest.mark.parametrize(("count", "problems"), [(32, []), (33, ["too_many_addresses"]), (40, ["too_many_addresses"])])
async def test_a_domain_says_how_many_of_its_hosts_are_not_probed(
    resolver: Resolver, dns_server: "ScriptedDns", count: int, problems: list[str]
) -> None:
    dns_server.says["d.example MX"] = "truncated " + ", ".join(f"10 mx{n}.d.example." for n in range(count))
    found = await resolver.exchanges("d.example")
    assert [problem.reason for problem in found.problems] == problems
    assert len(found.hosts) == 32
    assert all(f"has {count} MX hosts" in problem.detail for problem in found.problems)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.1.1"])
@pytest.mark.parametrize("mx", ["10 l.d.example.", "NODATA"], ids=["MX", "implicit"])
async def test_exchanges_may_be_on_this_machine_where_that_is_allowed(
    resolver: Resolver, dns_server: "ScriptedDns", address: str, mx: str
) -> None:
    dns_server.says = {"d.example MX": mx, "d.example A": address, "l.d.example A": address}
    resolver.mx_on_this_machine = True
    found = await resolver.exchanges("d.example")
    assert (len(found.hosts), found.problems) == (1, ())


async def test_link_local_is_not_this_machine(resolver: Resolver, dns_server: "ScriptedDns") -> None:
    dns_server.says = {"d.example MX": "10 l.d.example.", "l.d.example A": "169.254.0.1"}
    resolver.mx_on_this_machine = True
    assert (await resolver.exchanges("d.example")).hosts == ()


async def test_known_exchanges_are_used_while_dns_fails(
    resolver: Resolver, dns_server: "ScriptedDns", clock: "Clock"
) -> None:
    dns_server.says = GOOD | {"d.example MX": "10 mx1.d.example."}
    first = await resolver.exchanges("d.example")
    dns_server.says["d.example MX"] = "SERVFAIL"
    clock.now = first.expires
    second = await resolver.exchanges("d.example")
    assert second.hosts == first.hosts
    assert [(problem.reason, problem.severity) for problem in second.problems] == [("dns_failure", "warning")]


async def test_a_changed_mx_set_is_seen_when_its_ttl_is_over(
    resolver: Resolver, dns_server: "ScriptedDns", clock: "Clock"
) -> None:
    dns_server.says = GOOD | {"d.example MX": "10 mx1.d.example."}
    first = await resolver.exchanges("d.example")
    dns_server.says["d.example MX"] = "10 mx2.d.example."
    assert (await resolver.exchanges("d.example")).hosts == first.hosts
    clock.now += 300
    assert (await resolver.exchanges("d.example")).hosts == ((10, "mx2.d.example"),)


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("192.0.2.1", True),
        ("10.0.0.1", True),
        ("fd00::1", True),
        ("2001:db8::1", True),
        ("127.0.0.1", False),
        ("127.9.9.9", False),
        ("::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:192.0.2.1", True),
        ("0.0.0.0", False),
        ("0.1.2.3", False),
        ("::", False),
        ("169.254.1.1", False),
        ("fe80::1", False),
        ("224.0.0.1", False),
        ("ff02::1", False),
        ("255.255.255.255", False),
    ],
)
def test_where_the_exchange_of_a_stranger_may_be(address: str, allowed: bool) -> None:
    assert connectable(address) is allowed


@pytest.mark.parametrize(
    ("address", "allowed"),
    [("127.0.0.1", True), ("::1", True), ("::ffff:127.0.0.1", True), ("192.0.2.1", True), ("0.0.0.0", False),
     ("169.254.1.1", False), ("224.0.0.1", False)],
)  # fmt: skip
def test_where_it_may_be_if_this_machine_is_allowed(address: str, allowed: bool) -> None:
    assert connectable(address, on_this_machine=True) is allowed
