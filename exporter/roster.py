"""Who: from targets and what DNS says of them to the endpoints of this moment; has them probed, hands results on.

A host's name is asked when one of its turns comes and the answer has run out, so a probe knows what it waited for.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from math import inf

from exporter.board import Board
from exporter.changes import endpoint_changed, endpoint_probed
from exporter.domains import Domains
from exporter.egress import Way, vote_of
from exporter.inquiry import DNS_SHARE, ignored_tlsa, inquire, lookup_of
from exporter.model import Domain, Lookup, Peer, Problem, Result, Target, Tlsa
from exporter.probe.prober import Prober, internal_error
from exporter.reasons import Reason, Stage
from exporter.resolve import Addresses, Resolver
from exporter.schedule import Schedule
from exporter.sites import Bounds, Sites
from exporter.state import Change
from exporter.sts import Fetcher
from exporter.targets import Name, is_literal, log_fields, name_of, sites
from exporter.turns import Turn

log = logging.getLogger(__name__)

Key = tuple[str, str, bool]
"""What an entry is called: its target, its host or domain, and whether it is a host."""


class Roster:
    """The entries of all targets, and the turns of their endpoints.

    `on_failed_vote` is told each time that somebody could not be connected to, as a blocked port would answer.
    """

    def __init__(
        self,
        board: Board,
        schedule: Schedule,
        resolver: Resolver,
        prober: Prober,
        fetcher: Fetcher,
        *,
        bounds: Bounds,
        clock: Callable[[], float],
        on_problems: Callable[[Iterable[Problem]], None] = lambda _: None,
        on_internal_error: Callable[[], None] = lambda: None,
        on_failed_vote: Callable[[Way], None] = lambda _: None,
    ) -> None:
        self.board, self.schedule, self._resolver, self._prober = board, schedule, resolver, prober
        self._clock, self._on_failed_vote = clock, on_failed_vote
        self._on_problems, self._on_internal_error = on_problems, on_internal_error
        self._sites = Sites(
            board, schedule, of_domain=lambda site: site in self._domains, bounds=bounds, clock=clock, turn=self._turn,
            forget=prober.forget,
        )  # fmt: skip
        self._domains = Domains(
            board, schedule, resolver, fetcher, clock=clock, spawn=self._spawn, come=self._sites.add,
            beside=lambda domain, work: self._run(work, partial(self._report, domain)), go=self._sites.remove,
            again=self._sites.ask_again, on_problems=on_problems,
        )  # fmt: skip
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    def add(self, target: Target) -> None:
        """Take in a target: its endpoints get their turns within the first round."""
        for _ in self.follow((), (target,)):
            pass

    async def close(self) -> None:
        """Stop waiting for answers from DNS; take no more results."""
        self._closed = True
        self._domains.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- who comes and goes -------------------------------------------------------------------------------------

    def follow(self, gone: Iterable[Target], come: Iterable[Target]) -> Iterator[None]:
        """Let targets go and others come, step by step: the caller lets others run in between.

        What both have is left alone. What comes takes the place of what goes where both have the same name: what is
        known of addresses and MX hosts stays, and a series goes on. What comes is there before anything goes, so that
        the peers of a target stay, and what is known of its domains, where it has merely another name.
        """
        entries: dict[Key, tuple[list[Target], list[Target]]] = {}
        known: dict[str, Domain] = {}
        for targets, which in ((come, 1), (gone, 0)):
            for target in targets:
                bare = replace(target, domains=()) if target.domains else target
                for name in target.domains or (target.host or "",):
                    entries.setdefault((target.name, name, not target.domains), ([], []))[which].append(bare)
                    if which == 0 and target.domains:
                        known[name] = Domain(bare, name)
                    yield
        for key, (old, new) in entries.items():
            if old != new:
                self._change(key, old, new, known)
            yield

    def limit(self, bounds: Bounds) -> Iterator[None]:
        """Go by these bounds from now on, step by step as `follow`."""
        other_hosts = bounds.mx_on_this_machine != self._sites.bounds.mx_on_this_machine
        yield from self._sites.limit(bounds)
        if other_hosts:
            self._domains.ask_again()

    def _change(self, key: Key, old: list[Target], new: list[Target], known: dict[str, Domain]) -> None:
        """Change the entries of one host or domain. A mistake of ours must not cost more than these."""
        target_name, name, is_host = key
        gone, come = [each for each in old if each not in new], [each for each in new if each not in old]
        self._sites.changing = bool(gone)
        try:
            for target in come:
                if is_host:
                    for site in sites(target, name):
                        self._sites.add(site)
                else:
                    self._domains.add(Domain(target, name), Domain(gone[0], name) if gone else known.get(name))
            for target in gone:
                if is_host:
                    for site in sites(target, name):
                        self._sites.remove(site)
                else:
                    self._domains.remove(Domain(target, name))
        except Exception as error:  # noqa: BLE001 - logged there, with its traceback
            self._log_bug({"target": target_name, "host" if is_host else "domain": name}, error)
        finally:
            self._sites.changing = False

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
        elif (answer := self._resolver.cached(name.host, mode=name.resolve, family=name.family)) and (
            tlsa := self._of_no_use(peer, name) or self._resolver.cached_tlsa(peer.host, peer.port, answer)
        ):
            self._resolved(turn, peer, name, (answer, tlsa), 0.0)
        else:
            self.schedule.pause(turn)
            self._spawn(turn, self._resolve(turn, peer, name))

    async def _resolve(self, turn: Turn, peer: Peer, name: Name) -> None:
        """Wait for DNS, not longer than its share of the time-out: addresses known from before are probed then."""
        began, patience = time.monotonic(), peer.settings.timeout * DNS_SHARE
        known, of_no_use = self._sites.remembered(name, began), self._of_no_use(peer, name)
        told = await inquire(self._resolver, peer, patience, known=known, tlsa=of_no_use)
        again = partial(self._resolved, turn, peer, name, told, time.monotonic() - began)
        self.schedule.resume(turn, lambda: self._carefully(turn, again))

    def _of_no_use(self, peer: Peer, name: Name) -> Tlsa | None:
        """Why the TLSA records of a peer do not matter; None where they may."""
        named = self._domains.names_securely(peer.host) or self._sites.of_host(name)
        return ignored_tlsa(self._resolver, peer.settings, named=named)

    def _resolved(self, turn: Turn, peer: Peer, name: Name, told: tuple[Addresses, Tlsa], waited: float) -> None:
        answer, tlsa = told
        self._sites.answered(name, answer)
        hops = self._domains.next_hops(peer.host) if tlsa.records else ()
        most = self._sites.bounds.max_addresses
        lookup = lookup_of(self._resolver, peer.settings, told, waited, max_addresses=most, next_hops=hops)
        if peer not in self.board.states:
            self.schedule.finished(turn)  # its address is gone; others have taken its place
        else:
            addresses = (peer.address,) if peer.address else self._sites.usable(peer, name, answer.addresses)
            self._probe(turn, peer, addresses, lookup)

    def _probe(self, turn: Turn, peer: Peer, addresses: tuple[str, ...], lookup: Lookup | None) -> None:
        self._prober.probe(peer, addresses, lookup, lambda result: self._done(turn, result))

    def _done(self, turn: Turn, result: Result) -> None:
        """A probe is over."""
        if self._closed:
            return  # cut short by us
        if result.ended and result.ended.reason is Reason.INTERNAL_ERROR:
            self._on_internal_error()  # one of the prober's, which logged it
        self._show(turn, result)

    def _show(self, turn: Turn, result: Result) -> None:
        """Put a result on the board, free its place, log what changed."""
        try:
            change = self._record(result)
        finally:
            wait = self._free(turn, result)
        state = self.board.states.get(result.peer)
        if state is None:
            self._sites.forget(result.peer)  # it was removed while it was probed
            return
        state.waits(wait)
        self._on_problems(state.assessment.problems)
        if result.connected is False and (vote := vote_of(result.peer, result)):
            self._on_failed_vote(vote.way)
        endpoint_probed(state, result.duration)
        if change:
            endpoint_changed(state, change)

    def _free(self, turn: Turn, result: Result) -> float:
        """Give the place of a turn back, and have a first failure confirmed. Returns the wait in force."""
        state = self.board.states.get(result.peer)
        login = result.auth if Stage.AUTH in result.stages else None
        replies = (result.greeting, result.ehlo, result.starttls, result.ehlo_tls, login)
        refused = any(reply and reply.code == 421 for reply in replies)
        return self.schedule.finished(turn, refused=refused, confirm=state.confirm if state else inf)

    def _record(self, result: Result) -> Change | None:
        """Put a result on the board. A check of ours that fails must not cost more than this endpoint."""
        try:
            return self.board.record(result)
        except Exception as error:  # noqa: BLE001 - logged there, with its traceback
            self._report(result.peer, error)
            return self.board.record(internal_error(result.peer, error, result.finished))

    # --- waiting ------------------------------------------------------------------------------------------------

    def _spawn(self, turn: Turn, work: Coroutine[None, None, None]) -> None:
        self._run(work, partial(self._failed, turn))

    def _run(self, work: Coroutine[None, None, None], failed: Callable[[BaseException], None]) -> None:
        """Let a task of ours run beside; where it ends by a mistake of ours, `failed` is told."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(partial(self._over, failed))

    def _over(self, failed: Callable[[BaseException], None], task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            failed(error)

    def _failed(self, turn: Turn, error: BaseException) -> None:
        """Give the place of a turn back that our own mistake ended; an endpoint's result says so."""
        self._report(turn.key, error)  # type: ignore[arg-type]  # the keys that this roster gave to the schedule
        if turn.running and isinstance(turn.key, Peer):
            self._show(turn, internal_error(turn.key, error, self._clock()))
        elif turn.running:
            self.schedule.finished(turn)

    def _report(self, whose: Peer | Domain, error: BaseException) -> None:
        if isinstance(whose, Domain):
            self._log_bug({"target": whose.target.name, "domain": whose.domain}, error)
        else:
            self._log_bug(log_fields(whose, self.board.target_of(whose)), error)

    def _log_bug(self, fields: Mapping[str, object], error: BaseException) -> None:
        """Log and count a mistake of ours."""
        log.error("internal error", exc_info=error, extra=fields)
        self._on_internal_error()
