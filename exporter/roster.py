"""Who: from targets and what DNS says of them to the endpoints of this moment; has them probed, hands results on.

A host's name is asked when one of its turns comes and the answer has run out, so a probe knows what it waited for.
Until a name has an address, its endpoints have an empty one. Endpoints come and go with the addresses.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import replace

from exporter.board import Board, Change, DomainState, State
from exporter.model import Domain, Ended, Endpoint, Lookup, Peer, Result, Target
from exporter.probe.prober import Prober
from exporter.reasons import Reason, Stage
from exporter.resolve import Addresses, Resolver, connectable
from exporter.schedule import GOLDEN, Schedule, Turn
from exporter.targets import Name, Site, is_literal, sites

log = logging.getLogger(__name__)

NO_ANSWER = frozenset({Reason.DNS_FAILURE, Reason.DNS_TIMEOUT})
Hosts = tuple[tuple[int, str], ...]


class Roster:
    """The sites, what is known of their names, and the turns of their endpoints."""

    def __init__(
        self,
        board: Board,
        schedule: Schedule,
        resolver: Resolver,
        prober: Prober,
        *,
        max_addresses: int,
        clock: Callable[[], float],
        on_state: Callable[[State], None] = lambda _: None,
        on_internal_error: Callable[[], None] = lambda: None,
    ) -> None:
        self.board, self.schedule, self._resolver, self._prober = board, schedule, resolver, prober
        self._max_addresses, self._clock = max_addresses, clock
        self._on_state, self._on_internal_error = on_state, on_internal_error
        self._sites: dict[Name, dict[Site, None]] = {}
        self._known: dict[Name, tuple[str, ...]] = {}
        self._named_by: dict[Site, set[Domain]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, target: Target) -> None:
        """Take in a target: its endpoints get their turns within the first round."""
        if target.host:
            for site in sites(target, target.host):
                self._add_site(site)
        for name in target.domains:
            domain = Domain(target, name)
            interval = min(settings.interval for _, settings in target.ports)
            self.board.domains[domain] = DomainState(domain, interval)
            self.schedule.add(domain, interval, "", self._domain_turn)

    async def close(self) -> None:
        """Stop waiting for answers from DNS."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- sites and their endpoints ------------------------------------------------------------------------------

    def _add_site(self, site: Site) -> None:
        name = site.name
        if is_literal(site.host):
            self._known[name] = (site.host,)
        self._sites.setdefault(name, {})[site] = None
        for number, endpoint in enumerate(self._endpoints(site, self._known.get(name, ()))):
            self._add(endpoint, None if number == 0 else number)

    def _endpoints(self, site: Site, addresses: tuple[str, ...]) -> tuple[Endpoint, ...]:
        """A site's endpoints at these addresses. What a stranger's MX points to on this machine is left alone."""
        if site not in self._named_by:
            return site.endpoints(addresses, self._max_addresses)
        usable = tuple(address for address in addresses if connectable(address))
        return site.endpoints(usable, self._max_addresses) if usable or not addresses else ()

    def _add(self, endpoint: Endpoint, number: int | None) -> None:
        """Give an endpoint its turn: within the first round, or (`number`) as one of several that come now."""
        if self.board.add(endpoint):
            peer = endpoint.peer
            place = None if number is None else number * GOLDEN % 1
            self.schedule.add(peer, peer.settings.interval, peer.address, self._turn, place=place)

    def _remove(self, endpoint: Endpoint) -> None:
        if self.board.remove(endpoint):
            self.schedule.remove(endpoint.peer)
            self._prober.logins.forget(endpoint.peer)

    def _remove_site(self, site: Site) -> None:
        del self._sites[site.name][site]
        for endpoint in self._endpoints(site, self._known.get(site.name, ())):
            self._remove(endpoint)

    def _answered(self, name: Name, answer: Addresses) -> None:
        """Let the endpoints of all sites of a name follow its addresses."""
        before, now = self._known.get(name, ()), answer.addresses
        if before == now:
            return
        self._known[name] = now
        for site in self._sites.get(name, ()):
            old, new = set(self._endpoints(site, before)), self._endpoints(site, now)
            for endpoint in old.difference(new):
                self._remove(endpoint)
            for number, endpoint in enumerate(each for each in new if each not in old):
                self._add(endpoint, number)

    # --- turns --------------------------------------------------------------------------------------------------

    def _turn(self, turn: Turn) -> None:
        """A peer's turn: ask for its addresses if need be, then probe it."""
        peer: Peer = turn.key  # type: ignore[assignment]  # the keys that this roster gave to the schedule
        if is_literal(peer.host):
            self._probe(turn, peer, (peer.host,), None)
            return
        name = Site(_NOBODY, peer.host, peer.port, peer.settings).name
        answer = self._resolver.cached(name.host, mode=name.resolve, family=name.family)
        if answer:
            self._resolved(turn, peer, name, answer, 0.0)
        else:
            self._spawn(turn, self._resolve(turn, peer, name))

    async def _resolve(self, turn: Turn, peer: Peer, name: Name) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        answer = await self._resolver.addresses(name.host, mode=name.resolve, family=name.family)
        self._resolved(turn, peer, name, answer, loop.time() - began)

    def _resolved(self, turn: Turn, peer: Peer, name: Name, answer: Addresses, waited: float) -> None:
        self._answered(name, answer)
        left_out = max(0, len(answer.addresses) - self._max_addresses) if peer.settings.addresses != "any" else 0
        lookup = Lookup(waited, answer.problem, left_out)
        if peer not in self.board.states:
            self.schedule.finished(turn)  # its address is gone; others have taken its place
        elif peer.address:
            self._probe(turn, peer, (peer.address,), lookup)
        else:
            self._probe(turn, peer, answer.addresses, lookup)

    def _probe(self, turn: Turn, peer: Peer, addresses: tuple[str, ...], lookup: Lookup | None) -> None:
        self._prober.probe(peer, addresses, lookup, lambda result: self._done(turn, result))

    def _done(self, turn: Turn, result: Result) -> None:
        """A probe is over: free its place, put the result on the board, log what changed."""
        replies = (result.greeting, result.ehlo, result.starttls, result.ehlo_tls)
        self.schedule.finished(turn, refused=any(reply and reply.code == 421 for reply in replies))
        change = self._record(result)
        state = self.board.states.get(result.peer)
        if state is None:
            return
        state.wait = turn.wait
        self._on_state(state)
        if change:
            level = logging.WARNING if change.after in ("critical", "untestable") else logging.INFO
            detail = next(iter(state.assessment.problems), None)
            extra = {"endpoint": str(result.peer), "state": change.after, "was": change.before}
            extra |= {"reason": change.reason_after} if change.reason_after else {}
            extra |= {"detail": detail.detail} if detail and detail.detail else {}
            log.log(level, "endpoint changed", extra=extra)

    def _record(self, result: Result) -> Change | None:
        """Put a result on the board. A check of ours that fails must not cost more than this endpoint."""
        if result.ended and result.ended.reason is Reason.INTERNAL_ERROR:
            self._on_internal_error()
        try:
            return self.board.record(result)
        except Exception as error:
            log.exception("internal error", extra={"endpoint": str(result.peer)})
            self._on_internal_error()
            ended = Ended(Stage.INTERNAL, Reason.INTERNAL_ERROR, type(error).__name__)
            return self.board.record(
                Result(result.peer, result.started, result.finished, result.duration, {}, ended=ended)
            )

    # --- domains ------------------------------------------------------------------------------------------------

    def _domain_turn(self, turn: Turn) -> None:
        self._spawn(turn, self._look_up_domain(turn))

    async def _look_up_domain(self, turn: Turn) -> None:
        domain: Domain = turn.key  # type: ignore[assignment]  # the keys that this roster gave to the schedule
        exchanges = await self._resolver.exchanges(domain.domain)
        self.schedule.finished(turn)
        state = self.board.domains.get(domain)
        if state is None:
            return
        if state.exchanges and any(each.reason in NO_ANSWER for each in exchanges.problems):
            exchanges = replace(exchanges, hosts=state.exchanges.hosts)  # a failed lookup takes no host away
        self._follow(domain, state.exchanges.hosts if state.exchanges else (), exchanges.hosts)
        state.exchanges, state.updated = exchanges, self._clock()

    def _follow(self, domain: Domain, before: Hosts, now: Hosts) -> None:
        """Let the sites of a domain follow its MX hosts. Domains of one target share them."""
        old, new = {host for _, host in before}, {host for _, host in now}
        for host in sorted(new - old):
            for site in sites(domain.target, host):
                if site not in self._named_by:
                    self._named_by[site] = set()
                    self._add_site(site)
                self._named_by[site].add(domain)
        for host in sorted(old - new):
            for site in sites(domain.target, host):
                self._named_by[site].discard(domain)
                if not self._named_by[site]:
                    self._remove_site(site)
                    del self._named_by[site]

    # --- waiting ------------------------------------------------------------------------------------------------

    def _spawn(self, turn: Turn, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._over(turn, done))

    def _over(self, turn: Turn, task: asyncio.Task[None]) -> None:
        """A task of ours that failed gives its place back, and says so."""
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("internal error", exc_info=error, extra={"endpoint": str(turn.key)})
            self._on_internal_error()
            if turn.running:
                self.schedule.finished(turn)


_NOBODY = Target("", ())
