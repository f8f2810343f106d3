"""Who: from targets and what DNS says of them to the endpoints of this moment; has them probed, hands results on.

A host's name is asked when one of its turns comes and the answer has run out, so a probe knows what it waited for.
Until a name has an address, its endpoints have an empty one. Endpoints come and go with the addresses.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Iterable
from functools import partial

from exporter.board import Board, Change, internal_error
from exporter.changes import endpoint_changed
from exporter.domains import APART, Domains
from exporter.egress import Way, vote_of
from exporter.model import Domain, Ended, Endpoint, Lookup, Peer, Problem, Result, Target
from exporter.probe.prober import Prober
from exporter.reasons import Reason, Stage
from exporter.resolve import Addresses, Resolver, connectable
from exporter.schedule import Schedule, Turn
from exporter.targets import Name, Site, is_literal, name_of, sites

log = logging.getLogger(__name__)

REMEMBERED = 3600.0
"""Seconds for which addresses are probed that DNS told last, while it tells nothing (contract 5, dns_timeout)."""
DNS_SHARE = 1 / 3
"""The part of a probe's time-out that may be spent on DNS: slow name servers must not fail healthy mail servers."""


class Roster:
    """The sites, what is known of their names, and the turns of their endpoints.

    `on_failed_vote` is told each time that somebody could not be connected to, as a blocked port would answer.
    """

    def __init__(
        self,
        board: Board,
        schedule: Schedule,
        resolver: Resolver,
        prober: Prober,
        *,
        max_addresses: int,
        clock: Callable[[], float],
        on_problems: Callable[[Iterable[Problem]], None] = lambda _: None,
        on_internal_error: Callable[[], None] = lambda: None,
        on_failed_vote: Callable[[Way], None] = lambda _: None,
    ) -> None:
        self.board, self.schedule, self._resolver, self._prober = board, schedule, resolver, prober
        self._max_addresses, self._clock = max_addresses, clock
        self._on_problems, self._on_internal_error = on_problems, on_internal_error
        self._on_failed_vote = on_failed_vote
        self._domains = Domains(
            board, schedule, resolver, clock=clock, spawn=self._spawn, come=self._add_site, go=self._remove_site,
            again=self._ask_again, on_problems=on_problems,
        )  # fmt: skip
        self._sites: dict[Name, dict[Site, None]] = {}
        self._known: dict[Name, tuple[str, ...]] = {}
        self._told: dict[Name, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    def add(self, target: Target) -> None:
        """Take in a target: its endpoints get their turns within the first round."""
        if target.host:
            for site in sites(target, target.host):
                self._add_site(site)
        self._domains.add(target)

    async def close(self) -> None:
        """Stop waiting for answers from DNS; take no more results."""
        self._closed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- sites and their endpoints ------------------------------------------------------------------------------

    def _add_site(self, site: Site, after: float | None = None) -> None:
        name = site.name
        if is_literal(site.host):
            self._known[name] = (site.host,)
        self._sites.setdefault(name, {})[site] = None
        for endpoint in self._endpoints(site, self._known.get(name, ())):
            self._add(endpoint, after)

    def _ask_again(self, site: Site) -> None:
        """Look once more at an MX host all whose addresses were of this machine: without endpoints it has no turns."""
        name = site.name
        named_only = all(each in self._domains for each in self._sites.get(name, ()))
        if named_only and not self._endpoints(site, self._known.get(name, ())):
            self._known.pop(name, None)
            self._add_site(site, 0.0)

    def _endpoints(self, site: Site, addresses: tuple[str, ...]) -> tuple[Endpoint, ...]:
        """A site's endpoints at these addresses. What a stranger's MX points to on this machine is left alone."""
        if site not in self._domains:
            return site.endpoints(addresses, self._max_addresses)
        usable = tuple(address for address in addresses if connectable(address))
        return site.endpoints(usable, self._max_addresses) if usable or not addresses else ()

    def _add(self, endpoint: Endpoint, after: float | None) -> None:
        """Give an endpoint its turn: `after` so many seconds, else within the first round."""
        if twin := self.board.twin(endpoint):
            log.warning("two endpoints with the same labels: give one target a name", extra={"endpoint": str(twin)})
        if self.board.add(endpoint):
            peer = endpoint.peer
            self.schedule.add(peer, peer.settings.interval, peer.address, self._turn, after=after)

    def _remove(self, endpoint: Endpoint) -> None:
        if self.board.remove(endpoint):
            self.schedule.remove(endpoint.peer)
            self._prober.forget(endpoint.peer)

    def _remove_site(self, site: Site) -> None:
        name = site.name
        for endpoint in self._endpoints(site, self._known.get(name, ())):
            self._remove(endpoint)
        del self._sites[name][site]
        if not self._sites[name]:
            del self._sites[name]
            self._known.pop(name, None)
            self._told.pop(name, None)

    def _answered(self, name: Name, answer: Addresses) -> None:
        """Let the endpoints of all sites of a name follow its addresses."""
        before, now = self._known.get(name, ()), answer.addresses
        if answer.problem is None:
            self._told[name] = time.monotonic()
        if before == now:
            return
        self._known[name] = now
        for site in self._sites.get(name, ()):
            old, new = self._endpoints(site, before), self._endpoints(site, now)
            gone = [each for each in old if each not in new]
            freed = [when for each in gone if (when := self.schedule.starts_in(each.peer)) is not None]
            for endpoint in gone:
                self._remove(endpoint)
            for number, endpoint in enumerate(each for each in new if each not in old):
                self._add(endpoint, min(freed, default=0.0) + number * APART)

    # --- turns --------------------------------------------------------------------------------------------------

    def _turn(self, turn: Turn) -> None:
        """A peer's turn."""
        self._carefully(turn, lambda: self._begin(turn))

    def _carefully(self, turn: Turn, action: Callable[[], None]) -> None:
        """An exception of ours costs this endpoint its result, and nobody else anything."""
        try:
            action()
        except Exception as error:  # noqa: BLE001 - logged there, with its traceback
            self._failed(turn, error)

    def _begin(self, turn: Turn) -> None:
        """Ask for the addresses if need be, then probe."""
        peer: Peer = turn.key  # type: ignore[assignment]  # the keys that this roster gave to the schedule
        name = name_of(peer)
        if peer.host == peer.address or is_literal(peer.host):
            self._probe(turn, peer, (peer.host,), None)
        elif answer := self._resolver.cached(name.host, mode=name.resolve, family=name.family):
            self._resolved(turn, peer, name, answer, 0.0)
        else:
            self.schedule.pause(turn)
            self._spawn(turn, self._resolve(turn, peer, name))

    async def _resolve(self, turn: Turn, peer: Peer, name: Name) -> None:
        """Wait for DNS, not longer than its share of the time-out: addresses known from before are probed then."""
        began, patience = time.monotonic(), peer.settings.timeout * DNS_SHARE
        try:
            async with asyncio.timeout(patience):
                answer = await self._resolver.addresses(name.host, mode=name.resolve, family=name.family)
        except TimeoutError:
            late = Ended(Stage.DNS, Reason.DNS_TIMEOUT, f"{name.host}: no answer within {patience:.0f} s")
            old = began - self._told.get(name, began) > REMEMBERED
            answer = Addresses(() if old else self._known.get(name, ()), late)
        waited = time.monotonic() - began
        again = partial(self._resolved, turn, peer, name, answer, waited)
        self.schedule.resume(turn, lambda: self._carefully(turn, again))

    def _resolved(self, turn: Turn, peer: Peer, name: Name, answer: Addresses, waited: float) -> None:
        self._answered(name, answer)
        left_out = max(0, len(answer.addresses) - self._max_addresses) if peer.settings.addresses != "any" else 0
        lookup = Lookup(waited, answer.problem, left_out, self._resolver.unavailable)
        if peer not in self.board.states:
            self.schedule.finished(turn)  # its address is gone; others have taken its place
        else:
            addresses = (peer.address,) if peer.address else self._usable(peer, name, answer.addresses)
            self._probe(turn, peer, addresses, lookup)

    def _usable(self, peer: Peer, name: Name, addresses: tuple[str, ...]) -> tuple[str, ...]:
        """The addresses that a peer with `addresses: any` may try: not this machine where only an MX names it."""
        if all(site in self._domains for site in self._sites.get(name, ()) if site.settings == peer.settings):
            return tuple(address for address in addresses if connectable(address))
        return addresses

    def _probe(self, turn: Turn, peer: Peer, addresses: tuple[str, ...], lookup: Lookup | None) -> None:
        self._prober.probe(peer, addresses, lookup, lambda result: self._done(turn, result))

    def _done(self, turn: Turn, result: Result) -> None:
        """A probe is over: free its place, show the result."""
        if self._closed:
            return  # cut short by us
        login = result.auth if Stage.AUTH in result.stages else None
        replies = (result.greeting, result.ehlo, result.starttls, result.ehlo_tls, login)
        self.schedule.finished(turn, refused=any(reply and reply.code == 421 for reply in replies))
        if result.ended and result.ended.reason is Reason.INTERNAL_ERROR:
            self._on_internal_error()  # one of the prober's, which logged it
        self._show(turn, result)

    def _show(self, turn: Turn, result: Result) -> None:
        """Put a result on the board, log what changed."""
        change = self._record(result)
        state = self.board.states.get(result.peer)
        if state is None:
            self._prober.forget(result.peer)  # it was removed while it was probed
            return
        state.wait = turn.wait
        self._on_problems(state.assessment.problems)
        if result.connected is False and (vote := vote_of(result.peer, result)):
            self._on_failed_vote(vote.way)
        if log.isEnabledFor(logging.DEBUG):
            log.debug("probed", extra={"endpoint": str(result.peer), "state": state.word, "seconds": result.duration})
        if change:
            endpoint_changed(result.peer, change)

    def _record(self, result: Result) -> Change | None:
        """Put a result on the board. A check of ours that fails must not cost more than this endpoint."""
        try:
            return self.board.record(result)
        except Exception as error:  # noqa: BLE001 - logged there, with its traceback
            self._report(result.peer, error)
            return self.board.record(internal_error(result.peer, error, result.finished))

    # --- waiting ------------------------------------------------------------------------------------------------

    def _spawn(self, turn: Turn, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._over(turn, done))

    def _over(self, turn: Turn, task: asyncio.Task[None]) -> None:
        """A task of ours that failed gives its place back, and says so."""
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self._failed(turn, error)

    def _failed(self, turn: Turn, error: BaseException) -> None:
        """Give the place of a turn back that our own mistake ended; an endpoint's result says so."""
        self._report(turn.key, error)
        if turn.running:
            self.schedule.finished(turn)
            if isinstance(turn.key, Peer):
                self._show(turn, internal_error(turn.key, error, self._clock()))

    def _report(self, whose: object, error: BaseException) -> None:
        """Log and count a mistake of ours."""
        endpoint = whose.domain if isinstance(whose, Domain) else str(whose)
        log.error("internal error", exc_info=error, extra={"endpoint": endpoint})
        self._on_internal_error()
