"""The resolver against a real nameserver: Knot DNS (Debian package knot), private, on a free loopback port."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from exporter.resolve import Resolver
from tests.real.knot import run_knot
from tests.real.processes import free_ports

pytestmark = pytest.mark.real

LONG = "\n".join(f"many MX {n} a-rather-long-name-of-a-mail-exchange-{n:03}" for n in range(200))
ZONE = f"""
$ORIGIN lab.test.
$TTL 77
@ SOA ns1 hostmaster 1 3600 600 86400 25
@ NS ns1
ns1 A 192.0.2.53
@ MX 20 mx2
@ MX 10 mx1
mx1 A 192.0.2.10
mx1 A 192.0.2.9
mx1 AAAA 2001:db8::9
mx2 A 192.0.2.20
null MX 0 .
alias 11 CNAME mx1
dangling CNAME nowhere
loop1 CNAME loop2
loop2 CNAME loop1
aliased MX 10 alias
implicit A 192.0.2.30
text TXT "no address here"
loopback MX 10 local
local A 127.0.0.1
{LONG}
"""


@pytest.fixture(scope="module")
def knot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve the zone; the address of the server."""
    port = free_ports(["knot"])["knot"]
    with run_knot(tmp_path_factory.mktemp("knot"), ZONE, port):
        yield f"127.0.0.1:{port}"


@pytest.fixture
async def resolver(knot: str, tmp_path: Path) -> AsyncIterator[Resolver]:
    """Asks Knot and knows nothing else."""
    (tmp_path / "resolv.conf").write_text("search lab.test\n")
    hosts_file, resolv_conf = tmp_path / "hosts", tmp_path / "resolv.conf"
    resolver = Resolver([knot], hosts_file=hosts_file, resolv_conf=resolv_conf, clock=lambda: 0, jitter=lambda: 0)
    yield resolver
    await resolver.close()


@pytest.mark.parametrize(
    ("host", "addresses", "expires", "problem"),
    [
        ("mx1.lab.test", ["192.0.2.9", "192.0.2.10", "2001:db8::9"], 77, ""),
        ("mx2.lab.test", ["192.0.2.20"], 77, ""),
        ("mx2", ["192.0.2.20"], 77, ""),
        ("alias.lab.test", ["192.0.2.9", "192.0.2.10", "2001:db8::9"], 11, ""),
        ("text.lab.test", [], 25, "dns_no_address"),
        ("nowhere.lab.test", [], 25, "dns_not_found"),
        ("dangling.lab.test", [], 25, "dns_not_found"),
        ("loop1.lab.test", [], 10, "dns_failure"),
        ("another.test", [], 10, "dns_failure"),
    ],
)
async def test_a_host(resolver: Resolver, host: str, addresses: list[str], expires: float, problem: str) -> None:
    found = await resolver.addresses(host, mode="system", family="any")
    assert list(found.addresses) == addresses
    assert (found.problem.reason if found.problem else "") == problem
    assert found.expires == expires


@pytest.mark.parametrize(
    ("domain", "hosts", "records", "problems"),
    [
        ("lab.test", [(10, "mx1.lab.test"), (20, "mx2.lab.test")], 2, []),
        ("null.lab.test", [], 1, []),
        ("implicit.lab.test", [(0, "implicit.lab.test")], 0, []),
        ("aliased.lab.test", [(10, "alias.lab.test")], 1, ["mx_invalid"]),
        ("loopback.lab.test", [], 1, ["mx_not_found", "mx_invalid"]),
        ("text.lab.test", [], 0, ["mx_not_found"]),
        ("nowhere.lab.test", [], 0, ["dns_not_found"]),
        ("another.test", [], 0, ["dns_failure"]),
    ],
)
async def test_a_domain(
    resolver: Resolver, domain: str, hosts: list[tuple[int, str]], records: int, problems: list[str]
) -> None:
    found = await resolver.exchanges(domain)
    assert list(found.hosts) == hosts
    assert found.records == records
    assert [problem.reason for problem in found.problems] == problems
    assert found.null_mx is (domain == "null.lab.test")


async def test_an_answer_too_long_for_udp_comes_over_tcp(resolver: Resolver) -> None:
    assert (await resolver.exchanges("many.lab.test")).records == 200
