"""Targets to endpoints, and which process probes which."""

import functools

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
    ("name", "of_2", "of_16"),
    [
        ("mx1.example.com", 1, 14),
        ("mx2.example.com", 1, 1),
        ("192.0.2.1", 1, 2),
        ("2001:db8::25", 1, 9),
        ("mail.example.org", 0, 11),
        ("xn--bcher-kva.example", 0, 8),
    ],
)
def test_shards_are_the_same_on_every_machine_and_version(name: str, of_2: int, of_16: int) -> None:
    assert [index for index in range(2) if shard(host(name), index, 2)] == [of_2]
    assert [index for index in range(16) if shard(host(name), index, 16)] == [of_16]


def test_one_shard_has_everything() -> None:
    target = host("mail.example.test")
    assert shard(target, 0, 1) is target


@pytest.mark.parametrize("index", range(4))
def test_targets_of_one_host_are_in_one_shard(index: int) -> None:
    here = [shard(host("mail.example.test", target), index, 4) for target in ("", "corporate mail", "second account")]
    assert len({each is None for each in here}) == 1


DOMAINS = tuple(f"d{n}.example" for n in range(100_000))


@functools.cache
def shards(count: int) -> list[frozenset[str]]:
    """What each shard has of a hundred thousand domains."""
    target = Target("customers", ((25, Settings()),), domains=DOMAINS)
    return [frozenset(part.domains) for index in range(count) if (part := shard(target, index, count))]


def test_each_name_is_in_exactly_one_shard() -> None:
    assert sum(len(part) for part in shards(4)) == len(DOMAINS)
    assert frozenset().union(*shards(4)) == frozenset(DOMAINS)


def test_shards_are_alike_in_size() -> None:
    mean = len(DOMAINS) / 4
    assert all(0.98 * mean < len(part) < 1.02 * mean for part in shards(4)), [len(part) for part in shards(4)]


def test_a_new_shard_takes_its_share_and_moves_nothing_else() -> None:
    *before, new = shards(5)
    assert all(now < then for now, then in zip(before, shards(4), strict=True))
    assert 0.98 * len(DOMAINS) / 5 < len(new) < 1.02 * len(DOMAINS) / 5


def test_domains_of_one_target_are_divided() -> None:
    names = tuple(f"d{n}.example" for n in range(100))
    target = Target("customers", ((25, Settings()),), domains=names)
    parts = [part.domains for index in range(3) if (part := shard(target, index, 3))]
    assert len(parts) == 3
    assert sorted(name for part in parts for name in part) == sorted(names)


def test_a_target_without_a_domain_here_is_not_here() -> None:
    target = Target("customers", ((25, Settings()),), domains=("d.example",))
    assert sum(shard(target, index, 3) is not None for index in range(3)) == 1
