"""One round of the agent's roster: everything is probed once, and it is over when nothing is left."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from exporter.board import Board
from exporter.model import Exchanges, Lookup, Peer, Policy, Result, Settings, Target
from exporter.reasons import Reason
from exporter.report.asked import Asked
from exporter.report.mx_hosts import with_domains
from exporter.report.once import OneLook, OneRound
from exporter.resolve import Addresses, Texts
from exporter.sites import Bounds
from tests.results import NOW, failed
from tests.roster_bench import HOST, SIX, A, B, Names, Probes, Web, host


class CachingNames(Names):
    """A resolver that knows a host once it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def cached(self, host: str, **_: str) -> Addresses | None:
        return super().cached(host) if host in self.asked else None

    async def addresses(self, host: str, **_: str) -> Addresses:
        await asyncio.sleep(0)
        self.asked.append(host)
        return await super().addresses(host)


class Bench:
    """One look, whose resolver, prober and web server are fakes."""

    def __init__(self, per_address: int = 1) -> None:
        self.names, self.probes, self.web, self.board = CachingNames(), Probes(), Web(), Board()
        resolver: Any = self.names
        prober: Any = self.probes
        fetcher: Any = self.web
        self.round = OneRound(asyncio.get_running_loop(), at_once=100, per_address=per_address)
        self.look = OneLook(
            self.board, self.round, resolver, prober, fetcher, bounds=Bounds(16), clock=lambda: NOW
        )  # fmt: skip

    async def look_at(self, *targets: Target) -> None:
        for _ in self.look.follow((), targets):
            pass
        await self.look.done()
        assert self.round.running == []


@pytest.fixture
async def bench() -> Bench:
    return Bench()


async def test_every_address_and_port_is_probed_once(bench: Bench) -> None:
    bench.names.answers[HOST] = Addresses((A, SIX))
    await bench.look_at(host(ports=(25, 587)), host("192.0.2.9", "literal"))
    asked = Counter((peer.address, peer.port) for peer, _, _ in bench.probes.asked)
    assert asked == {(A, 25): 1, (A, 587): 1, (SIX, 25): 1, (SIX, 587): 1, ("192.0.2.9", 25): 1}
    assert {state.word for state in bench.board.states.values()} == {"ok"}


async def test_a_failure_is_not_confirmed(bench: Bench) -> None:
    bench.names.answers[HOST] = Addresses((A,))
    bench.probes.results[A] = lambda peer: failed(Reason.CONNECTION_REFUSED, peer)
    await bench.look_at(host(confirm_interval=0.001))
    assert len(bench.probes.asked) == 1


async def test_a_name_without_an_address_is_told(bench: Bench) -> None:
    await bench.look_at(host())
    [state] = bench.board.states.values()
    assert state.cause[0] == "dns_not_found"


async def test_each_endpoint_of_a_name_has_waited_for_its_answer(bench: Bench) -> None:
    bench.names.answers[HOST] = Addresses((A, B))
    await bench.look_at(host())
    waited = [lookup.seconds for _, _, lookup in bench.probes.asked if lookup]
    assert len(waited) == 2
    assert min(waited) > 0


async def test_a_domain_is_over_when_its_hosts_and_its_policy_are(bench: Bench) -> None:
    bench.names.mx["example.test"] = Exchanges(((10, HOST),), expires=300.0)
    bench.names.answers[HOST] = Addresses((A,))
    bench.names.txt["_mta-sts.example.test"] = Texts(("v=STSv1; id=7",))
    bench.web.policies["example.test"] = Policy("enforce", frozenset({"other.example.test"}), 86400)
    bench.web.open.clear()
    asyncio.get_running_loop().call_later(0.01, bench.web.open.set)
    await bench.look_at(Target("mail", ((25, Settings()),), domains=("example.test",)))
    [domain], [state] = bench.board.domains.values(), bench.board.states.values()
    assert domain.policies
    assert domain.policies.policy
    assert "sts_mx_mismatch" in {each.reason for each in state.assessment.problems}


# --- MX hosts that were asked for by their names ------------------------------------------------------------------

OTHER = "other.example.test"
OURS = Target("ours", ((25, Settings()),), domains=("a.test", "b.test", "c.test"))


def resolver(**mx: Sequence[str]) -> Any:
    """A resolver that knows the MX hosts of some domains."""
    names = CachingNames()
    names.mx = {f"{domain}.test": Exchanges(tuple((10, host) for host in hosts)) for domain, hosts in mx.items()}
    return names


def asked_for(*hosts: str, among: Sequence[Target] = (OURS,)) -> list[Asked]:
    return [Asked(host(name), notice="no target", among=among) for name in hosts]


async def test_a_host_that_only_mx_records_name_is_probed_as_their_targets_say() -> None:
    found = await with_domains(resolver(a=[HOST], b=[OTHER], c=[OTHER, HOST]), asked_for(HOST, "else.example.test"))
    assert [(each.target.name, each.target.domains, each.only, each.notice) for each in found] == [
        ("ours", ("a.test", "c.test"), (HOST,), ""),
        ("mail", (), (), "no target"),
    ]


async def test_two_hosts_of_one_domain_are_probed_together() -> None:
    [found] = await with_domains(resolver(a=[HOST, OTHER]), asked_for(HOST, OTHER))
    assert (found.target.domains, found.only) == (("a.test",), (HOST, OTHER))


async def test_a_domain_that_cannot_be_looked_up_keeps_no_other_from_it() -> None:
    [found] = await with_domains(resolver(b=[HOST]), asked_for(HOST))  # a raises KeyError
    assert found.target.domains == ("b.test",)


async def test_among_too_many_domains_no_host_is_looked_for() -> None:
    many = Target("many", OURS.ports, domains=tuple(f"d{number}.test" for number in range(1001)))
    [found] = await with_domains(resolver(), asked_for(HOST, among=[many]))
    assert found.notice == (
        "no target; it is not looked for among the MX hosts of 1001 mail domains: name one with --domain"
    )


async def test_of_its_domains_the_others_are_neither_probed_nor_shown(bench: Bench) -> None:
    bench.names.mx["example.test"] = Exchanges(((10, HOST), (20, OTHER)), expires=300.0)
    bench.names.answers |= {HOST: Addresses((A,)), OTHER: Addresses((B,))}
    bench.look.only = {"mail": (HOST,)}
    await bench.look_at(Target("mail", ((25, Settings()),), domains=("example.test",)))
    bench.look.leave_out()
    assert [peer.address for peer, _, _ in bench.probes.asked] == [A]
    assert [each.peer.host for each in bench.board.endpoints] == [HOST]
    assert not bench.board.domains


# --- limits -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("per_address", "most"), [(1, 1), (3, 3)])
async def test_so_many_connections_to_an_address_at_once(per_address: int, most: int) -> None:
    bench = Bench(per_address)
    waiting: list[Callable[[], None]] = []
    counts: list[int] = []

    def end() -> None:
        waiting.pop(0)()

    def probe(peer: Peer, _: Sequence[str], lookup: Lookup | None, done: Callable[[Result], None]) -> None:
        waiting.append(lambda: done(failed(Reason.CONNECTION_REFUSED, peer, lookup=lookup)))
        counts.append(len(waiting))
        asyncio.get_running_loop().call_later(0.001, end)

    bench.probes.probe = probe  # type: ignore[assignment,method-assign]
    await bench.look_at(host(A, ports=(1, 2, 3, 4, 5)))
    assert (len(counts), max(counts)) == (5, most)
