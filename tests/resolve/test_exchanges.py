from typing import TYPE_CHECKING

import pytest

from exporter.resolve import Resolver, connectable

if TYPE_CHECKING:
    from tests.resolve.conftest import Clock, ScriptedDns

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
            {"mx_invalid": ("warning", "l.d.example is on 127.0.0.1: not connected")},
            id="on loopback",
        ),
        pytest.param(
            {"d.example MX": "10 l.d.example.", "l.d.example A": "127.0.0.1 192.0.2.1"},
            [(10, "l.d.example")],
            {"mx_invalid": ("warning", "l.d.example is on 127.0.0.1: not connected")},
            id="on loopback and elsewhere",
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
    (problem,) = found.problems
    assert problem.detail.endswith("x7 is a single label; and 92 more")


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
