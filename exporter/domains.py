"""Which hosts mail domains name: asks for their MX records in turn, and lets sites come and go with the answers.

Endpoints and addresses are no business of this file: the roster is told of sites.
"""

import logging
import math
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import replace
from itertools import islice

from exporter.board import Board
from exporter.model import Domain, Exchanges, Problem
from exporter.policies import PolicyCache, records_of
from exporter.reasons import Reason
from exporter.resolve import Resolver
from exporter.schedule import Schedule
from exporter.state import NO_ANSWER, DomainState
from exporter.sts import Fetcher
from exporter.targets import Site, sites
from exporter.turns import Turn

MOST_NEXT_HOPS = 100
"""Mail domains of one host that may lend it a name."""
AT_ONCE = 100
"""Domains that are asked at once: tens of thousands may be due in the first minute, and those who are to be probed ask
for addresses after all questions that were there before."""
SOONEST = 30.0
"""Seconds after which a domain is asked again whose MX records may not be kept for an interval."""
APART = 1.0
"""Seconds between the first starts of endpoints that DNS tells of at once."""

LEFT_ALONE = frozenset({Reason.MX_NOT_FOUND, Reason.MX_INVALID})
"""What is said of a domain where an MX host is not probed."""

log = logging.getLogger(__name__)


class Domains:
    """The domains of all targets and the sites they name. Domains of one target share sites.

    `spawn` runs what waits for DNS in a turn, `beside` what waits for a policy's web server; `come` is told of a site
    and how many seconds from now it may start, `go` of one that no domain names any more.
    """

    def __init__(
        self,
        board: Board,
        schedule: Schedule,
        resolver: Resolver,
        fetcher: Fetcher,
        *,
        clock: Callable[[], float],
        spawn: Callable[[Turn, Coroutine[None, None, None]], None],
        beside: Callable[[Domain, Coroutine[None, None, None]], None],
        come: Callable[[Site, float], None],
        go: Callable[[Site], None],
        again: Callable[[Site], None],
        on_problems: Callable[[Iterable[Problem]], None],
    ) -> None:
        self._board, self._schedule, self._resolver, self._clock = board, schedule, resolver, clock
        self._policies = PolicyCache(board, resolver, fetcher, clock=clock, spawn=beside, on_change=self._tell)
        self._spawn, self._come, self._go, self._again, self._on_problems = spawn, come, go, again, on_problems
        self._waiting: deque[Turn] = deque()
        self._asking = 0
        self._named_by: dict[Site, set[Domain]] = {}
        self._securely: dict[str, dict[Domain, None]] = {}
        """The domains by each host that their MX records name, where DNSSEC vouches for these."""

    def __contains__(self, site: Site) -> bool:
        """Whether MX records name this site."""
        return site in self._named_by

    def add(self, domain: Domain, before: Domain | None = None) -> None:
        """Take in a domain: it gets its turn within the first round, or when that of the one `before` it was to come.

        Of the latter it has the hosts, too, until DNS tells others.
        """
        known = self._board.domains.get(before) if before else None
        interval = min(settings.interval for _, settings in domain.target.ports)
        due = self._schedule.starts_in(before)
        wait = max(interval, known.wait) if known else interval
        state = DomainState(domain, wait)
        if known:
            state = replace(known, domain=domain, wait=wait, labels="")
        self._board.domains[domain] = state
        self._schedule.add(domain, interval, "", self._turn, after=None if due is None else min(due, interval))
        self._follow(domain, Exchanges(), state.exchanges or Exchanges())
        self._policies.follow(state)

    def remove(self, domain: Domain) -> None:
        """Forget a domain and the hosts that it alone names."""
        state = self._board.domains.pop(domain)
        self._schedule.remove(domain)
        self._follow(domain, state.exchanges or Exchanges(), Exchanges())
        self._policies.forget(domain)

    def close(self) -> None:
        """Ask for no more domains than are asked for now."""
        self._waiting.clear()

    def ask_again(self) -> None:
        """Ask within a round about the domains some of whose MX hosts were left alone: another rule holds now."""
        for domain, state in self._board.domains.items():
            left_alone = any(each.reason in LEFT_ALONE for each in state.problems)
            if left_alone and self._schedule.starts_in(domain):  # one that is being asked about is left to end
                self._schedule.remove(domain)
                interval = min(settings.interval for _, settings in domain.target.ports)
                self._schedule.add(domain, interval, "", self._turn)

    def hosts(self, domain: Domain) -> list[str]:
        """The hosts that a domain names."""
        state = self._board.domains.get(domain)
        return [host for _, host in state.exchanges.hosts] if state and state.exchanges else []

    def names_securely(self, host: str) -> bool:
        """Whether MX records for which DNSSEC vouches name a host."""
        return host in self._securely

    def next_hops(self, host: str) -> tuple[str, ...]:
        """The domains whose MX records name a host securely: the first ones, if they are many."""
        return tuple(each.domain for each in islice(self._securely.get(host, ()), MOST_NEXT_HOPS))

    def _turn(self, turn: Turn) -> None:
        self._schedule.pause(turn)
        self._waiting.append(turn)
        self._go_on()

    def _go_on(self) -> None:
        while self._waiting and self._asking < AT_ONCE:
            self._asking += 1
            turn = self._waiting.popleft()
            self._spawn(turn, self._look_up(turn))

    async def _look_up(self, turn: Turn) -> None:
        domain: Domain = turn.key  # type: ignore[assignment]  # the keys that `add` gave to the schedule
        try:
            self._resolver.ahead((domain.domain, "MX"), *records_of(domain.domain))
            exchanges = await self._resolver.exchanges(domain.domain)
            told = await self._policies.ask(domain.domain)
        finally:
            self._asking -= 1
            self._go_on()
        self._schedule.finished(turn, within=self._soon(exchanges))
        state = self._board.domains.get(domain)
        if state is None:
            return
        if state.exchanges and any(each.reason in NO_ANSWER for each in exchanges.problems):
            known = state.exchanges
            exchanges = replace(exchanges, hosts=known.hosts, secure=known.secure)  # a failed lookup takes no host away
        self._follow(domain, state.exchanges or Exchanges(), exchanges)
        for _, host in exchanges.hosts:
            for site in sites(domain.target, host):
                self._again(site)
        state.exchanges, state.updated, state.wait = exchanges, self._clock(), turn.wait
        self._policies.learn(state, told)
        self._board.record_domain(state)
        self._tell(state)
        self._on_problems(state.problems)

    def _soon(self, exchanges: Exchanges) -> float:
        """Seconds until MX records run out. What DNS could not tell has time until the next turn."""
        told = exchanges.hosts and not any(each.reason in NO_ANSWER for each in exchanges.problems)
        return max(self._resolver.left(exchanges.expires), SOONEST) if told else math.inf

    def _tell(self, state: DomainState) -> None:
        """One line where the problems of a domain's records and policy change."""
        reasons = tuple(problem.reason for problem in state.problems)
        if reasons != state.logged:
            said = {"target": state.domain.target.name, "domain": state.domain.domain}
            said |= {"reasons": " ".join(reasons) or "none"}
            said |= {"detail": state.problems[0].detail} if reasons else {}
            log.log(logging.WARNING if reasons else logging.INFO, "domain changed", extra=said)
        state.logged = reasons

    def _follow(self, domain: Domain, before: Exchanges, now: Exchanges) -> None:
        """Let the sites of a domain follow its MX hosts."""
        self._vouch(domain, before, now)
        old, new = {host for _, host in before.hosts}, {host for _, host in now.hosts}
        for number, host in enumerate(sorted(new - old)):
            for site in sites(domain.target, host):
                if site not in self._named_by:
                    self._named_by[site] = set()
                    self._come(site, number * APART)
                self._named_by[site].add(domain)
        for host in sorted(old - new):
            for site in sites(domain.target, host):
                self._named_by[site].discard(domain)
                if not self._named_by[site]:
                    self._go(site)
                    del self._named_by[site]

    def _vouch(self, domain: Domain, before: Exchanges, now: Exchanges) -> None:
        """Keep who names a host securely."""
        for _, host in before.hosts if before.secure else ():
            del self._securely[host][domain]
            if not self._securely[host]:
                del self._securely[host]
        for _, host in now.hosts if now.secure else ():
            self._securely.setdefault(host, {})[domain] = None
