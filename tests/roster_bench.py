"""A roster at work: resolver, prober and clock are fakes; board and schedule are real. Not a test."""

import asyncio
import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from exporter.board import Board
from exporter.model import Ended, Exchanges, Lookup, Peer, Policy, Problem, Result, Settings, Target, Tlsa
from exporter.reasons import Reason, Stage
from exporter.resolve import Addresses, Texts
from exporter.roster import Roster
from exporter.schedule import Schedule
from exporter.sites import Bounds
from tests.fake_loop import Loop
from tests.results import NOW, healthy

HOST, A, B, SIX = "mail.example.test", "192.0.2.1", "192.0.2.2", "2001:db8::1"
NOT_FOUND = Ended(Stage.DNS, Reason.DNS_NOT_FOUND, "NXDOMAIN")
FAILURE = Ended(Stage.DNS, Reason.DNS_FAILURE, "SERVFAIL")


class Names:
    """A resolver that answers from `answers` and `mx`; every host is asked anew at each turn."""

    def __init__(self) -> None:
        self.answers: dict[str, Addresses] = {}
        self.mx: dict[str, Exchanges] = {}
        self.asked_mx = 0
        self.txt: dict[str, Texts] = {}
        self.records: dict[tuple[str, int], Tlsa] = {}
        self.trusted = True
        self.slow = self.unavailable = False
        self.error: Exception | None = None

    def cached(self, host: str, **_: str) -> Addresses | None:
        if self.error and not self.slow:
            raise self.error
        return None if self.slow else self.answers.get(host, Addresses((), NOT_FOUND))

    async def addresses(self, host: str, **_: str) -> Addresses:
        if self.error:
            raise self.error
        return self.answers.get(host, Addresses((), NOT_FOUND))

    def cached_tlsa(self, host: str, port: int, _: Addresses) -> Tlsa:
        return self.records.get((host, port), Tlsa())

    async def tlsa(self, host: str, port: int, found: Addresses) -> Tlsa:
        return self.cached_tlsa(host, port, found)

    async def exchanges(self, domain: str) -> Exchanges:
        self.asked_mx += 1
        if self.error:
            raise self.error
        return self.mx[domain]

    def left(self, expires: float) -> float:
        return expires or math.inf  # by hand: seconds from now; 0 is the default

    def ahead(self, *_: tuple[str, str]) -> None:
        """Nothing takes time here."""

    async def texts(self, name: str) -> Texts:
        return self.txt.get(name, Texts())


class Web:
    """A fetcher that answers from `policies` as soon as `open`; `asked` lists the domains."""

    def __init__(self) -> None:
        self.policies: dict[str, Policy | Problem] = {}
        self.asked: list[str] = []
        self.full = False
        self.open = asyncio.Event()
        self.open.set()

    def has_room(self, *, doubtful: bool) -> bool:
        return not self.full

    async def fetch(self, domain: str, ca_file: str | None, *, doubtful: bool) -> Policy | Problem:
        self.asked.append(domain)
        await self.open.wait()
        return self.policies[domain]


class Probes:
    """A prober that answers at once: by `results` of the peer's address, else success or what DNS said."""

    def __init__(self) -> None:
        self.asked: list[tuple[Peer, tuple[str, ...], Lookup | None]] = []
        self.results: dict[str, Callable[[Peer], Result]] = {}
        self.logins = self
        self.forgotten: list[Peer] = []

    def forget(self, peer: Peer) -> None:
        self.forgotten.append(peer)

    def probe(
        self, peer: Peer, addresses: Sequence[str], lookup: Lookup | None, done: Callable[[Result], None]
    ) -> None:
        self.asked.append((peer, tuple(addresses), lookup))
        make = self.results.get(peer.address)
        if make:
            done(make(peer))
        elif addresses:
            done(healthy(peer, lookup=lookup))
        else:
            problem = lookup.problem if lookup else None
            done(Result(peer, NOW, NOW, 0.0, {}, lookup, ended=problem))


class Bench:
    def __init__(self, max_addresses: int = 16) -> None:
        self.loop, self.names, self.probes, self.board, self.web = Loop(), Names(), Probes(), Board(), Web()
        self.errors = 0
        self.seen: Counter[str] = Counter()
        self.schedule = Schedule(self.loop)
        resolver: Any = self.names
        prober: Any = self.probes
        fetcher: Any = self.web
        self.late = 0.0
        """Seconds that the clock of the wall is ahead."""
        self.roster = Roster(
            self.board, self.schedule, resolver, prober, fetcher, bounds=Bounds(max_addresses),
            clock=lambda: NOW + self.late,
            on_problems=lambda found: self.seen.update(each.reason for each in found), on_internal_error=self.error,
        )  # fmt: skip

    def error(self) -> None:
        self.errors += 1

    async def run(self, seconds: float = 59.0) -> None:
        """Let time pass, a second at a time, and tasks run in between."""
        for _ in range(int(seconds)):
            self.loop.run(1.0)
            for _ in range(3):
                await asyncio.sleep(0)

    def addresses(self, host: str = HOST) -> list[str]:
        return sorted(endpoint.peer.address for endpoint in self.board.endpoints if endpoint.peer.host == host)

    def problems(self) -> set[str]:
        return {each.reason for state in self.board.states.values() for each in state.assessment.problems}


def host(name: str = HOST, target: str = "mail", ports: Sequence[int] = (25,), **settings: Any) -> Target:
    """A target; its failures are not confirmed unless `settings` say so."""
    settings = {"confirm_interval": None} | settings
    return Target(target, tuple((port, Settings(**settings)) for port in ports), host=name)
