"""Canaries decide between blocked and down, and are left in peace. Resolver, prober and clock are fakes."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from exporter.board import Board
from exporter.canaries import EVERY, FRESH, Canaries
from exporter.egress import Way, ballot
from exporter.model import AuthSettings, Expect, Lookup, Peer, Result, Settings, Target
from exporter.reasons import Reason, Untestable
from exporter.resolve import Addresses
from exporter.roster import Roster
from exporter.schedule import Schedule
from exporter.sites import Bounds
from tests.fake_loop import Loop
from tests.results import NOW, failed, healthy

FOUR, SIX = "9.9.9.9", "2620:fe::fe"
SMTP, SMTP6 = Way(25, 4), Way(25, 6)
TIMEOUT = Reason.CONNECTION_TIMEOUT


class Names:
    """A resolver: every name has one address in each family."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[str, ...]] = {"ipv4": (FOUR,), "ipv6": (SIX,)}
        self.error: Exception | None = None

    async def addresses(self, host: str, *, family: str, **_: str) -> Addresses:
        if self.error:
            raise self.error
        return Addresses(self.answers[family])


class Probes:
    """A prober that answers when told to."""

    def __init__(self) -> None:
        self.asked: list[tuple[Peer, tuple[str, ...]]] = []
        self._done: list[Callable[[Result], None]] = []

    def forget(self, peer: Peer) -> None:
        """No peer goes here."""

    def probe(
        self, peer: Peer, addresses: Sequence[str], lookup: Lookup | None, done: Callable[[Result], None]
    ) -> None:
        self.asked.append((peer, tuple(addresses)))
        self._done.append(done)

    def answer(self, reason: Reason | None = None, **seen: Any) -> None:
        """End all probes under way, each at its first address."""
        for (peer, addresses), done in zip(self.asked[-len(self._done) :], tuple(self._done), strict=True):
            seen = {"address": addresses[0] if addresses else "", **seen}
            done(failed(reason, peer, **seen) if reason else healthy(peer, **seen))
        self._done.clear()


def settings_for(_port: int) -> Settings:
    return Settings(connect_timeout=3.0, auth=AuthSettings("someone", password_env="SECRET"))


class Bench:
    def __init__(self, *servers: tuple[str, int]) -> None:
        self.loop, self.names, self.probes, self.board = Loop(), Names(), Probes(), Board()
        self.errors = 0
        resolver: Any = self.names
        prober: Any = self.probes
        listed = servers or (("canary.test", 25),)
        self.canaries = Canaries(
            self.loop, self.board, resolver, prober, listed, settings_for=settings_for, on_internal_error=self.error
        )

    def error(self) -> None:
        self.errors += 1

    def others(self, count: int, reason: Reason | None = TIMEOUT) -> None:
        """Let hosts in networks of their own fail on 25, and one elsewhere connect on 587."""
        for number in range(count):
            host = f"mx{number}.test"
            self.board.vote(Peer(host, "", 25, Settings()), ballot(host, f"8.{number}.0.1", 25, reason))
        self.board.vote(Peer("mail.test", "", 587, Settings()), ballot("mail.test", "8.8.8.8", 587, None))

    async def ask(self, way: Way = SMTP) -> None:
        self.canaries.ask(way)
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    def blocked(self) -> bool | None:
        return self.board.egress.blocked(SMTP)


async def test_a_canary_that_connects_says_that_the_others_are_down() -> None:
    bench = Bench()
    bench.others(3)
    assert bench.blocked() is True
    await bench.ask()
    bench.probes.answer()
    assert bench.blocked() is False


async def test_a_canary_that_fails_alike_is_one_more_host() -> None:
    bench = Bench()
    bench.others(2)
    assert bench.blocked() is None
    await bench.ask()
    bench.probes.answer(TIMEOUT)
    assert bench.blocked() is True


@pytest.mark.parametrize(("way", "address"), [(SMTP, FOUR), (SMTP6, SIX)], ids=["IPv4", "IPv6"])
async def test_it_is_asked_in_the_family_in_which_somebody_failed(way: Way, address: str) -> None:
    bench = Bench()
    await bench.ask(way)
    assert [addresses for _, addresses in bench.probes.asked] == [(address,)]
    bench.probes.answer()
    assert bench.board.egress.ways() == [way]


async def test_the_dialogue_with_it_ends_after_the_greeting() -> None:
    bench = Bench()
    await bench.ask()
    ((canary, _),) = bench.probes.asked
    assert (str(canary), canary.settings.expect.port) == ("canary.test:25", "closed")


async def test_it_is_connected_to_as_its_port_is_but_never_logged_in_to() -> None:
    bench = Bench()
    await bench.ask()
    ((canary, _),) = bench.probes.asked
    assert (canary.settings.connect_timeout, canary.settings.auth) == (3.0, None)


async def test_only_canaries_of_that_port_are_asked() -> None:
    bench = Bench(("one.test", 25), ("other.test", 587))
    await bench.ask(Way(587, 4))
    assert [peer.host for peer, _ in bench.probes.asked] == ["other.test"]
    await bench.ask(Way(465, 4))
    assert len(bench.probes.asked) == 1


async def test_it_is_asked_at_most_every_five_minutes() -> None:
    bench = Bench()
    for _ in range(11):
        await bench.ask()
        bench.loop.run(60)
    assert len(bench.probes.asked) == 3
    assert EVERY == 300


async def test_a_new_vote_takes_the_place_of_the_last_one() -> None:
    bench = Bench()
    bench.others(3)
    await bench.ask()
    bench.probes.answer()
    bench.loop.run(EVERY)
    await bench.ask()
    bench.probes.answer(TIMEOUT)
    assert bench.blocked() is True
    bench.loop.run(FRESH - 1)
    bench.others(3, Reason.CONNECTION_REFUSED)
    assert bench.blocked() is None, "the end of the first vote is not the end of the second"


async def test_a_vote_is_withdrawn_when_nobody_asks_any_more() -> None:
    bench = Bench()
    await bench.ask()
    bench.probes.answer()
    bench.loop.run(FRESH - 1)
    assert bench.blocked() is False
    bench.loop.run(1)
    assert bench.blocked() is None
    assert bench.board.egress.ways() == []


@pytest.mark.parametrize(
    ("reason", "seen"),
    [
        (None, {"connected": None, "untestable": Untestable.NO_IPV4}),
        (None, {"connected": None, "untestable": Untestable.LOCAL_RESOURCES}),
        (Reason.DNS_NOT_FOUND, {"connected": None, "address": ""}),
        (Reason.INTERNAL_ERROR, {"connected": None}),
    ],
    ids=["no route", "no descriptors", "no such name", "our mistake"],
)
async def test_what_says_nothing_of_the_way_is_no_vote(reason: Reason | None, seen: dict[str, Any]) -> None:
    bench = Bench()
    bench.others(3)
    await bench.ask()
    bench.probes.answer(reason, **seen)
    assert bench.blocked() is True
    assert all(peer.host != "canary.test" for peer in bench.board.egress.voters(SMTP))


async def test_an_address_has_no_vote_in_the_other_family() -> None:
    bench = Bench((FOUR, 25))
    bench.names.answers["ipv6"] = ()
    await bench.ask(SMTP6)
    bench.probes.answer(connected=None)
    assert bench.board.egress.ways() == []


async def test_a_canary_is_no_endpoint() -> None:
    bench = Bench()
    await bench.ask()
    bench.probes.answer()
    assert (bench.board.states, dict(bench.board.endpoints)) == ({}, {})


async def test_a_mistake_of_ours_is_counted_and_costs_one_vote(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    bench.names.error = ZeroDivisionError("ours")
    await bench.ask()
    await asyncio.sleep(0)
    assert bench.errors == 1
    assert "ZeroDivisionError: ours" in caplog.text
    bench.names.error = None
    bench.loop.run(EVERY)
    await bench.ask()
    assert len(bench.probes.asked) == 1


async def test_after_close_no_vote_is_taken() -> None:
    bench = Bench()
    await bench.ask()
    await bench.canaries.close()
    bench.probes.answer()
    assert bench.board.egress.ways() == []


async def test_close_ends_what_waits_for_dns(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    bench.canaries.ask(SMTP)
    await bench.canaries.close()
    assert (bench.probes.asked, bench.errors, caplog.records) == ([], 0, [])


# --- who is told ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "reason", "settings", "told"),
    [
        ("192.0.2.1", TIMEOUT, {}, [SMTP]),
        ("2001:db8::1", Reason.CONNECTION_REFUSED, {}, [SMTP6]),
        ("192.0.2.1", None, {}, []),
        ("192.0.2.1", Reason.GREETING_TIMEOUT, {}, []),
        ("192.0.2.1", TIMEOUT, {"port": "closed"}, []),
    ],
    ids=["timed out", "refused on IPv6", "connected", "failed later", "meant to be closed"],
)
async def test_the_roster_tells_of_who_cannot_be_connected_to(
    address: str, reason: Reason | None, settings: dict[str, Any], told: list[Way]
) -> None:
    loop, probes, heard = Loop(), Probes(), list[Way]()
    fakes: tuple[Any, ...] = (Board(), Schedule(loop), Names(), probes, object())
    roster = Roster(*fakes, bounds=Bounds(16), clock=lambda: NOW, on_failed_vote=heard.append)
    roster.add(Target("mail", ((25, Settings(expect=Expect(**settings))),), host=address))
    loop.run(60)
    probes.answer(reason)
    assert heard == told


async def test_other_canaries_are_asked_after_a_reload_and_the_votes_of_the_old_ones_go() -> None:
    bench = Bench()
    await bench.ask()
    bench.probes.answer()
    assert bench.blocked() is False
    bench.canaries.follow([("new.test", 25)], settings_for)
    assert bench.blocked() is None
    await bench.ask()
    assert [peer.host for peer, _ in bench.probes.asked][1:] == ["new.test"]


async def test_a_canary_that_stays_keeps_its_vote_and_is_left_in_peace() -> None:
    bench = Bench()
    await bench.ask()
    bench.probes.answer()
    bench.canaries.follow([("canary.test", 25)], settings_for)
    await bench.ask()
    assert (bench.blocked(), len(bench.probes.asked)) == (False, 1)


async def test_a_canary_that_goes_while_it_is_asked_has_no_vote() -> None:
    bench = Bench()
    await bench.ask()
    bench.canaries.follow([], settings_for)
    bench.probes.answer()
    assert bench.blocked() is None
