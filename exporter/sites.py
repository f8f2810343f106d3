"""Where: from sites and the addresses of their names to the endpoints of this moment, which come and go with both.

Until a name has an address, its endpoints have an empty one. DNS is asked elsewhere; here is what it said last. What is
known of an address that leaves is kept for an hour.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

from exporter.board import Board
from exporter.domains import APART
from exporter.former import FormerPeers
from exporter.model import Endpoint, Peer
from exporter.resolve import Addresses, connectable
from exporter.schedule import Schedule
from exporter.targets import Name, Site, is_literal, log_fields
from exporter.turns import Turn

log = logging.getLogger(__name__)

REMEMBERED = 3600.0
"""Seconds for which addresses are probed that DNS told last, while it tells nothing."""
CHANGES, PERIOD, PROBES = 6, 3600.0, 10
"""Addresses rotate that left more often than this within so many seconds, or within so many probes where they take
longer: one migration changes them once or twice, a pool at every probe."""


class Bounds(NamedTuple):
    """Which addresses of a name have endpoints."""

    max_addresses: int
    mx_on_this_machine: bool = False
    """Those of MX hosts may be on loopback."""


class Sites:
    """All sites by name, and their endpoints on board and schedule.

    `of_domain` tells whether MX records name a site; `turn` is called for each turn of a peer, `forget` with each peer
    that will not return. `clock`: Unix seconds, for what is shown.
    """

    def __init__(
        self,
        board: Board,
        schedule: Schedule,
        *,
        of_domain: Callable[[Site], bool],
        bounds: Bounds,
        clock: Callable[[], float],
        turn: Callable[[Turn], None],
        forget: Callable[[Peer], None],
    ) -> None:
        self._board, self._schedule, self._of_domain = board, schedule, of_domain
        self.bounds, self._clock, self._turn, self._forget = bounds, clock, turn, forget
        self._former = FormerPeers(forget)
        self._changes: dict[Name, deque[float]] = {}
        """When addresses left last, Unix seconds."""
        self._sites: dict[Name, dict[Site, None]] = {}
        self._known: dict[Name, tuple[str, ...]] = {}
        self._told: dict[Name, float] = {}
        self._unsettled: dict[Name, Bounds] = {}
        """Names whose endpoints are still those of other bounds."""
        self.changing = False
        """Entries are changed under us: an endpoint may take the place of one with the same labels."""

    def add(self, site: Site, after: float | None = None) -> None:
        """Take in a site: its endpoints start `after` so many seconds, else within the first round."""
        name = site.name
        self._settle(name)
        if is_literal(site.host):
            self._known[name] = (site.host,)
        self._sites.setdefault(name, {})[site] = None
        for endpoint in self._endpoints(site, self._known.get(name, ())):
            self._add(endpoint, after)

    def remove(self, site: Site) -> None:
        """Forget a site and its endpoints."""
        name = site.name
        self._settle(name)
        for endpoint in self._endpoints(site, self._known.get(name, ())):
            self._remove(endpoint)
        del self._sites[name][site]
        if self.changing:
            self._forget_site(site)
        if not self._sites[name]:
            del self._sites[name]
            for known in (self._known, self._told, self._changes):
                known.pop(name, None)

    def _forget_site(self, site: Site) -> None:
        """Forget what was kept of a site for the case that its addresses return."""
        others = self._sites[site.name]
        if not any((each.port, each.settings) == (site.port, site.settings) for each in others):
            self._former.drop_all(site.host, lambda peer: (peer.port, peer.settings) == (site.port, site.settings))
        if not any(each.target.name == site.target.name and each.settings.addresses != "any" for each in others):
            self._board.rotating.pop((site.target.name, site.host), None)

    def forget(self, peer: Peer) -> None:
        """Forget a peer that has gone, unless it may return."""
        if peer not in self._former:
            self._forget(peer)

    def ask_again(self, site: Site) -> None:
        """Look once more at an MX host all whose addresses were of this machine: without endpoints it has no turns."""
        name = site.name
        known = self._known.get(name, ())
        if known and not self._connectable(known) and self._only_mx(name):  # thousands may share a name
            self._known.pop(name, None)
            self.add(site, 0.0)

    def answered(self, name: Name, answer: Addresses) -> None:
        """Let the endpoints of all sites of a name follow its addresses. The last may have gone while DNS was asked."""
        if name not in self._sites:
            return
        self._settle(name)
        before, now = self._known.get(name, ()), answer.addresses
        if answer.problem is None:
            self._told[name] = time.monotonic()
        if before == now:
            return
        self._known[name] = now
        for site in self._sites[name]:
            self._move(self._endpoints(site, before), self._endpoints(site, now))
        most = self.bounds.max_addresses
        if now and set(before[:most]) - set(now[:most]):
            self._addresses_left(name)

    def _addresses_left(self, name: Name) -> None:
        """Count it; warn once of addresses that rotate, where each of them is an endpoint."""
        sites = [each for each in self._sites[name] if each.settings.addresses != "any"]
        if not sites:
            return
        at, period = self._clock(), max(PERIOD, PROBES * min(each.settings.interval for each in sites))
        changes = self._changes.setdefault(name, deque(maxlen=CHANGES + 1))
        changes.append(at)
        if len(changes) <= CHANGES or at - changes[0] > period:
            return
        for place in dict.fromkeys((each.target.name, each.host) for each in sites):
            if self._board.rotating.get(place, 0.0) < at:
                said = dict(zip(("target", "host"), place, strict=True))
                log.warning("the addresses of this name rotate: set `addresses: any`", extra=said)
            self._board.rotating[place] = at + period

    def limit(self, bounds: Bounds) -> Iterator[None]:
        """Go by these bounds from now on. Step by step: there may be many names.

        What happens to a name between two steps settles it first.
        """
        if bounds == self.bounds:
            return
        self._unsettled, self.bounds = dict.fromkeys(self._known, self.bounds), bounds
        while self._unsettled:
            self._settle(next(iter(self._unsettled)))
            yield

    def _settle(self, name: Name) -> None:
        """Apply the current bounds to the endpoints of a name."""
        if before := self._unsettled.pop(name, None):
            addresses = self._known.get(name, ())
            for site in self._sites.get(name, ()):
                self._move(self._endpoints(site, addresses, before), self._endpoints(site, addresses))

    def remembered(self, name: Name, at: float) -> tuple[str, ...]:
        """The addresses that DNS told last, unless that was too long ago. `at` is monotonic."""
        return () if at - self._told.get(name, at) > REMEMBERED else self._known.get(name, ())

    def usable(self, peer: Peer, name: Name, addresses: tuple[str, ...]) -> tuple[str, ...]:
        """The addresses that a peer with `addresses: any` may try: not this machine where only an MX names it."""
        if self._only_mx(name, peer):
            return self._connectable(addresses)
        return addresses

    def of_host(self, name: Name) -> bool:
        """Whether a target names it itself, and not only MX records."""
        return any(site.target.host for site in self._sites.get(name, ()))

    def _only_mx(self, name: Name, peer: Peer | None = None) -> bool:
        alike = (each for each in self._sites.get(name, ()) if peer is None or each.settings == peer.settings)
        return all(map(self._of_domain, alike))

    def _connectable(self, addresses: tuple[str, ...], bounds: Bounds | None = None) -> tuple[str, ...]:
        """Those of a stranger's MX host that may be connected to."""
        allowed = (bounds or self.bounds).mx_on_this_machine
        return tuple(address for address in addresses if connectable(address, on_this_machine=allowed))

    def _endpoints(self, site: Site, addresses: tuple[str, ...], bounds: Bounds | None = None) -> tuple[Endpoint, ...]:
        """A site's endpoints at these addresses. What a stranger's MX points to on this machine is left alone."""
        limit = (bounds or self.bounds).max_addresses
        if not self._of_domain(site):
            return site.endpoints(addresses, limit)
        usable = self._connectable(addresses, bounds)
        return site.endpoints(usable, limit) if usable or not addresses else ()

    def _move(self, old: tuple[Endpoint, ...], new: tuple[Endpoint, ...]) -> None:
        """Let new endpoints take the places of those that go."""
        gone = [each for each in old if each not in new]
        freed = [when for each in gone if (when := self._schedule.starts_in(each.peer)) is not None]
        for endpoint in gone:
            self._remove(endpoint)
        for number, endpoint in enumerate(each for each in new if each not in old):
            self._add(endpoint, min(freed, default=0.0) + number * APART)

    def _add(self, endpoint: Endpoint, after: float | None) -> None:
        """Give an endpoint its turn: `after` so many seconds, else within the first round."""
        twin, peer = self._board.twin(endpoint), endpoint.peer
        if twin and not self.changing:
            log.warning(
                "two endpoints with the same labels: give one target a name", extra=log_fields(twin.peer, twin.target)
            )
        if self._board.add(endpoint):
            former = self._former.take(peer, time.monotonic())
            if twin and self.changing:
                self._board.inherit(peer, twin.peer)
            elif former:
                self._board.states[peer].inherit(former)
            self._schedule.add(peer, peer.settings.interval, peer.address, self._turn, after=after)

    def _remove(self, endpoint: Endpoint) -> None:
        state = self._board.states.get(endpoint.peer)
        if self._board.remove(endpoint):
            self._schedule.remove(endpoint.peer)
            if state and state.probes and not self.changing:
                self._former.keep(state, time.monotonic())
            else:
                self._forget(endpoint.peer)
