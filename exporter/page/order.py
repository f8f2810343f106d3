"""Endpoints and domains in the order of their names: kept between two views, sorted only after some came or went.

Each view goes through all of them, so an entry keeps what is the same in the next one. Caches only: nothing is judged.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Generic, Protocol, TypeVar
from urllib.parse import urlencode

from exporter.board import Board
from exporter.filters import text_of_hosts
from exporter.lending import Lendable
from exporter.model import Domain, Endpoint, Exchanges, Policies
from exporter.page.text import place_of
from exporter.state import DomainState, State
from exporter.verdicts import word_of_hosts, word_of_records

COUNTED = 500
"""Entries looked at before others may run."""
HOSTS_NAMED = 2
"""Endpoints of MX hosts that are named with a domain."""
MAX_SHARED = 20_000
"""Sets of MX hosts that are known by their names; beyond that, new domains merely share none with older ones."""
NO_EXCHANGES = Exchanges()
Place = tuple[str | int, ...]


class Entry(Protocol):
    """One endpoint or domain."""

    key: Any
    """It, as the board knows it."""
    state: Any
    """What the board knows of it."""
    place: Place
    """Where it stands: the target, then its own name."""

    @property
    def name(self) -> str:
        """What it is called within its target."""

    @property
    def link(self) -> str:
        """The path and query of its page."""

    @property
    def since(self) -> float:
        """Since when it is in its state, Unix seconds; 0 where that is not known."""


E = TypeVar("E", bound=Entry)


class Order(Generic[E]):
    """The entries of a mapping, sorted by name."""

    def __init__(self, make: Callable[[Any, Any], E]) -> None:
        self._make = make
        self._changes = -1
        self._entries: list[E] = []

    def entries(self, of: Lendable[Any, Any]) -> Generator[str, None, list[E]]:
        """All entries as they are now; yields where others may run."""
        if of.changes == self._changes:
            return self._entries
        changes, kept = of.changes, []
        new = {id(key): (key, value) for key, value in of.snapshot().items()}
        for number, entry in enumerate(self._entries):
            if (found := new.get(id(entry.key))) and found[1] is entry.state:
                kept.append(entry)
                del new[id(entry.key)]
            if number % COUNTED == 0:
                yield ""
        for number, found in enumerate(new.values()):
            kept.append(self._make(*found))
            if number % COUNTED == 0:
                yield ""
        kept.sort(key=attrgetter("place"))
        self._changes, self._entries = changes, kept
        return kept


@dataclass(slots=True, eq=False)
class EndpointEntry:
    """One endpoint."""

    key: Endpoint
    state: State
    place: Place
    text: str = ""
    """What a search looks at; empty before the first one."""

    @classmethod
    def of(cls, endpoint: Endpoint, state: State) -> "EndpointEntry":
        """Take in an endpoint."""
        peer = endpoint.peer
        return cls(endpoint, state, (endpoint.target, peer.host, peer.port, peer.address))

    @property
    def name(self) -> str:
        """Host and port."""
        return place_of(self.key.peer)

    @property
    def link(self) -> str:
        """The path and query of its page."""
        peer = self.key.peer
        named = {"target": self.key.target, "host": peer.host, "address": peer.address, "port": peer.port}
        return "/endpoint?" + urlencode(named, errors="replace")

    @property
    def since(self) -> float:
        """Since when it is in its state, Unix seconds."""
        return self.state.since


@dataclass(slots=True, eq=False)
class Hosts:
    """The MX hosts that some domains share, and what follows for each of these domains."""

    text: str
    """What a search looks at."""
    view: object = None
    """The view that the rest is of."""
    states: tuple[State, ...] = ()
    """Their endpoints."""
    word: str = ""
    reason: str = ""
    """Why nothing can be said of them."""
    detail: str = ""
    """What is wrong with the first of them."""
    missing: tuple[str, ...] | None = ()
    """The words asked for that are not in `text`; None: something else than words asks for other domains."""
    group: object = None
    """Where the first of their domains was counted."""

    def look(self, domain: DomainState, board: Board, view: object) -> None:
        """See how they do in this view; `domain` is one of the domains."""
        self.view, self.group, self.states = view, None, tuple(board.of_domain(domain))
        self.word = word_of_hosts(domain, self.states)
        if self.word in ("critical", "untestable"):
            bad = [each for each in self.states if each.cause[0]]
            self.reason = next((each.assessment.untestable or "" for each in bad if each.assessment.untestable), "")
            named = ", ".join(f"{place_of(each.peer)} {each.cause[0]}" for each in bad[:HOSTS_NAMED])
            self.detail = named + (f" and {len(bad) - HOSTS_NAMED} more" if len(bad) > HOSTS_NAMED else "")


NO_HOSTS = Hosts("")


@dataclass(slots=True, eq=False)
class DomainEntry:
    """One domain, and what its records made of it when they changed last."""

    key: Domain
    state: DomainState
    place: Place
    hosts: Hosts = NO_HOSTS
    records: str = ""
    """The word of its records; empty where they are not known yet."""
    decided: bool = False
    """Its MX hosts change nothing about that."""
    exchanges: Exchanges | None = None
    policies: Policies | None = None

    @classmethod
    def of(cls, domain: Domain, state: DomainState) -> "DomainEntry":
        """Take in a domain."""
        return cls(domain, state, (domain.target.name, domain.domain))

    @property
    def name(self) -> str:
        """The domain."""
        return self.key.domain

    @property
    def link(self) -> str:
        """The path and query of its page."""
        return "/domain?" + urlencode({"target": self.key.target.name, "domain": self.key.domain}, errors="replace")

    @property
    def since(self) -> float:
        """Not known."""
        return 0.0


class Listing:
    """All endpoints and domains of a board, in the order of their names."""

    def __init__(self) -> None:
        self.endpoints = Order[EndpointEntry](EndpointEntry.of)
        self.domains = Order[DomainEntry](DomainEntry.of)
        self._shared: dict[tuple[object, ...], Hosts] = {}

    def read(self, entry: DomainEntry) -> None:
        """Take in new records of a domain. MX hosts that several domains share are looked at once a view."""
        state, before, known = entry.state, entry.exchanges, entry.policies
        now = entry.exchanges = state.exchanges
        entry.policies = state.policies
        if before and now and known is state.policies and _alike(before, now):
            return
        exchanges = now or NO_EXCHANGES
        policy = state.policies.policy if state.policies else None
        enforced = policy is not None and policy.mode == "enforce"
        target = state.domain.target
        key = target.name, target.labels, exchanges.hosts, enforced, state.refused
        if (hosts := self._shared.get(key)) is None:
            if len(self._shared) >= MAX_SHARED:
                self._shared.clear()
            hosts = self._shared[key] = Hosts(text_of_hosts(state, exchanges.hosts))
        entry.hosts = hosts
        entry.records = word_of_records(state) if now else ""
        entry.decided = exchanges.null_mx or entry.records == "critical"


def _alike(one: Exchanges, other: Exchanges) -> bool:
    """Whether a page says the same of both."""
    return one.hosts == other.hosts and one.problems == other.problems and one.null_mx == other.null_mx
