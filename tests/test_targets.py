"""Targets to endpoints, and which process probes which."""

from collections import Counter

import pytest

from exporter.model import Settings, Target
from exporter.targets import Name, Site, is_literal, shard, sites

ADDRESSES = ("192.0.2.1", "192.0.2.2", "2001:db8::1")


def host(name: str, target: str = "", **settings: str) -> Target:
    return Target(target or name, ((25, Settings(**settings)),), host=name)  # type: ignore[arg-type]  # of Settings


@pytest.mark.parametrize(
    ("settings", "addresses", "limit", "expected"),
    [
        pytest.param({}, ADDRESSES, 16, ADDRESSES, id="each address"),
        pytest.param({}, ADDRESSES, 2, ADDRESSES[:2], id="at most so many"),
        pytest.param({}, (), 16, ("",), id="none yet"),
        pytest.param({"addresses": "any"}, ADDRESSES, 16, ("",), id="any of them is one"),
    ],
)
def test_endpoints_of_a_site(
    settings: dict[str, str], addresses: tuple[str, ...], limit: int, expected: tuple[str, ...]
) -> None:
    (site,) = sites(host("mail.example.test", **settings), "mail.example.test")
    assert tuple(each.peer.address for each in site.endpoints(addresses, limit)) == expected


@pytest.mark.parametrize(("addresses", "family"), [("each", "any"), ("any", "any"), ("ipv4", "ipv4"), ("ipv6", "ipv6")])
def test_what_is_asked_of_dns(addresses: str, family: str) -> None:
    target = host("mail.example.test", addresses=addresses)
    assert Site(target, "mail.example.test", 25, target.ports[0][1]).name == Name(
        "mail.example.test",
        "system",
        family,  # type: ignore[arg-type]  # one of the literals
    )


@pytest.mark.parametrize(
    ("text", "literal"), [("192.0.2.1", True), ("2001:db8::1", True), ("mail.example.test", False), ("1.2.3", False)]
)
def test_literals(text: str, literal: bool) -> None:
    assert is_literal(text) is literal


# --- shards: the values are pinned, for another version must not move targets between running agents ------------


@pytest.mark.parametrize(
    ("name", "of_16"), [("mx1.example.com", 9), ("mx2.example.com", 13), ("192.0.2.1", 9), ("mail.example.org", 14)]
)
def test_shards_are_the_same_on_every_machine_and_version(name: str, of_16: int) -> None:
    assert [index for index in range(16) if shard(host(name), index, 16)] == [of_16]


def test_one_shard_has_everything() -> None:
    target = host("mail.example.test")
    assert shard(target, 0, 1) is target


def winners(count: int) -> dict[int, int]:
    return {n: next(i for i in range(count) if shard(host(f"mx{n}.example"), i, count)) for n in range(3000)}


def test_each_target_is_in_one_shard_and_shards_are_alike_in_size() -> None:
    sizes = Counter(winners(4).values())
    assert sum(sizes.values()) == 3000
    assert all(650 <= sizes[index] <= 850 for index in range(4)), sizes


def test_a_new_shard_takes_its_share_and_moves_nothing_else() -> None:
    before, after = winners(4), winners(5)
    moved = [n for n in before if before[n] != after[n]]
    assert all(after[n] == 4 for n in moved)
    assert 450 <= len(moved) <= 750


def test_domains_of_one_target_are_divided() -> None:
    names = tuple(f"d{n}.example" for n in range(100))
    target = Target("customers", ((25, Settings()),), domains=names)
    parts = [part.domains for index in range(3) if (part := shard(target, index, 3))]
    assert len(parts) == 3
    assert sorted(name for part in parts for name in part) == sorted(names)


def test_a_target_without_a_domain_here_is_not_here() -> None:
    target = Target("customers", ((25, Settings()),), domains=("d.example",))
    assert sum(shard(target, index, 3) is not None for index in range(3)) == 1
