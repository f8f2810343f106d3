"""The policies of mail domains: what DNS says of them, when to fetch them, and what they ask of MX hosts.

What records and policies mean is decided in `sts`, what is expected of an endpoint then in `checks.demands`.
"""

from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, TypeVar

from exporter.board import Board
from exporter.model import Demands, Domain, Policy, Target
from exporter.resolve import Resolver, Texts
from exporter.state import DomainState
from exporter.sts import Fetcher, attempted, due, judge, lists, same

T = TypeVar("T")
Question = tuple[str, Literal["TXT"]]
Told = tuple[Texts, Texts]
"""What stands at _mta-sts and at _smtp._tls."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the policy of one domain asks of one host."""

    enforced: bool
    listed: bool


@dataclass(slots=True)
class Askers:
    """The domains whose policies say something of one host; thousands may, so none is ever looked for."""

    enforcing: dict[Domain, None] = field(default_factory=dict)
    refusing: dict[Domain, None] = field(default_factory=dict)
    """In mode enforce, and the host is not listed."""
    complaining: dict[Domain, None] = field(default_factory=dict)
    """In mode testing, and the host is not listed."""

    def change(self, domain: Domain, asked: Asked | None) -> None:
        """Take in what a domain asks now; None: nothing."""
        for domains, holds in (
            (self.enforcing, asked and asked.enforced),
            (self.refusing, asked and asked.enforced and not asked.listed),
            (self.complaining, asked and not asked.enforced and not asked.listed),
        ):
            if holds:
                domains[domain] = None
            else:
                domains.pop(domain, None)

    @property
    def demands(self) -> Demands:
        """What all of them ask."""
        unlisted = _first(self.refusing) or _first(self.complaining)
        return Demands(_first(self.enforcing), unlisted, refused=bool(self.refusing))


class PolicyCache:
    """What is known of the policies of all domains on the board.

    `spawn` runs what waits for a web server; `on_change` is told of a domain after each attempt to fetch.
    """

    def __init__(
        self,
        board: Board,
        resolver: Resolver,
        fetcher: Fetcher,
        *,
        clock: Callable[[], float],
        spawn: Callable[[Domain, Coroutine[None, None, None]], None],
        on_change: Callable[[DomainState], None] = lambda _: None,
    ) -> None:
        self._board, self._resolver, self._fetcher = board, resolver, fetcher
        self._clock, self._spawn, self._on_change = clock, spawn, on_change
        self._fetching: set[Domain] = set()
        self._told: dict[Domain, Told] = {}
        """What DNS said last: it may be something else when a policy has come at last."""
        self._asked: dict[Domain, dict[str, Asked]] = {}
        self._askers: dict[tuple[str, str], Askers] = {}

    async def ask(self, domain: str) -> Told:
        """Ask DNS for the records of a domain."""
        (sts, _), (tlsrpt, _) = questions = records_of(domain)
        self._resolver.ahead(*questions)
        return await self._resolver.texts(sts), await self._resolver.texts(tlsrpt)

    def learn(self, state: DomainState, told: Told) -> None:
        """Take in what DNS said, and have the policy fetched where that is due."""
        told = self._told[state.domain] = _shared(told)
        self._show(state, told)
        domain, now, doubtful = state.domain, self._clock(), bool(state.fetched and state.fetched.fault)
        if (
            domain not in self._fetching
            and due(domain.domain, told[0], state.fetched, now)
            and self._fetcher.has_room(doubtful=doubtful)
        ):
            self._fetching.add(domain)
            self._spawn(domain, self._fetch(state, told, doubtful=doubtful))

    def follow(self, state: DomainState) -> None:
        """Let what is asked of hosts follow the domain's policy and MX hosts."""
        policy = state.policies.policy if state.policies else None
        hosts = state.exchanges.hosts if state.exchanges else ()
        asked = asked_of(policy, [host for _, host in hosts])
        state.refused = frozenset(host for host, each in asked.items() if each.enforced and not each.listed)
        self._ask_of_hosts(state.domain, asked)

    def forget(self, domain: Domain) -> None:
        """A domain has gone: it asks nothing any more."""
        self._told.pop(domain, None)
        self._ask_of_hosts(domain, {})

    async def _fetch(self, state: DomainState, told: Told, *, doubtful: bool) -> None:
        domain = state.domain
        try:
            outcome = await self._fetcher.fetch(domain.domain, policy_ca_file(domain.target), doubtful=doubtful)
        finally:
            self._fetching.discard(domain)
        last = self._told.get(domain)
        if last and self._board.domains.get(domain) is state and same(told[0], last[0]):
            state.fetched = attempted(told[0], state.fetched, outcome, self._clock())
            self._show(state, last)
            self._on_change(state)

    def _show(self, state: DomainState, told: Told) -> None:
        policies = judge(state.domain.domain, *told, state.fetched, self._clock())
        if policies != state.policies:  # what is rendered of it stays, too
            state.policies = _shared(policies)
        self.follow(state)

    def _ask_of_hosts(self, domain: Domain, now: dict[str, Asked]) -> None:
        before = self._asked.pop(domain, {})
        if now:
            self._asked[domain] = now
        for host in before.keys() | now.keys():
            if before.get(host) != now.get(host):
                key = domain.target.name, host
                askers = self._askers.setdefault(key, Askers())
                askers.change(domain, now.get(host))
                self._board.demand(*key, askers.demands)
                if not (askers.enforcing or askers.complaining):
                    del self._askers[key]


def records_of(domain: str) -> tuple[Question, Question]:
    """What to ask DNS for the policies of a domain (RFC 8461 3.1, RFC 8460 3)."""
    return (f"_mta-sts.{domain}", "TXT"), (f"_smtp._tls.{domain}", "TXT")


@lru_cache(maxsize=1 << 8)
def _shared(value: T) -> T:
    """The first of those that are equal: thousands of domains publish nothing, or what their provider does."""
    return value


def policy_ca_file(target: Target) -> str | None:
    """The trust anchors for the policy hosts of a target's domains: those of its first port."""
    return target.ports[0][1].tls.ca_file


def asked_of(policy: Policy | None, hosts: Sequence[str]) -> dict[str, Asked]:
    """What a policy asks of each MX host. Mode none asks nothing, nor testing if it lists the host."""
    if policy is None or policy.mode == "none":
        return {}
    enforced = policy.mode == "enforce"
    asked = {host: Asked(enforced, lists(policy, host)) for host in hosts}
    return {host: each for host, each in asked.items() if each.enforced or not each.listed}


def _first(domains: Iterable[Domain]) -> str:
    return next((each.domain for each in domains), "")
