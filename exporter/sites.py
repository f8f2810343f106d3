"""Where: from sites and the addresses of their names to the endpoints of this moment, which come and go with both.

Until a name has an address, its endpoints have an empty one. DNS is asked elsewhere; here is what it said last.
"""

import logging
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from exporter.board import Board
from exporter.domains import APART
from exporter.model import Endpoint, Peer
from exporter.resolve import Addresses, connectable
from exporter.schedule import Schedule
from exporter.targets import Name, Site, is_literal
from exporter.turns import Turn

log = logging.getLogger(__name__)

REMEMBERED = 3600.0
"""Seconds for which addresses are probed that DNS told last, while it tells nothing."""


class Bounds(NamedTuple):
    """Which addresses of a name have endpoints."""

    max_addresses: int
    mx_on_this_machine: bool = False
    """Those of MX hosts may be on loopback."""


class Sites:
    """All sites by name, and their endpoints on board and schedule.

    `of_domain` tells whether MX records name a site; `turn` is called for each turn of a peer, `forget` with each peer
    that goes.
    """

    def __init__(
        self,
        board: Board,
        schedule: Schedule,
        *,
        of_domain: Callable[[Site], bool],
        bounds: Bounds,
        turn: Callable[[Turn], None],
        forget: Callable[[Peer], None],
    ) -> None:
        self._board, self._schedule, self._of_domain = board, schedule, of_domain
        self.bounds, self._turn, self._forget = bounds, turn, forget
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
        if not self._sites[name]:
            del self._sites[name]
            self._known.pop(name, None)
            self._told.pop(name, None)

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
            log.warning("two endpoints with the same labels: give one target a name", extra={"endpoint": str(twin)})
        if self._board.add(endpoint):
            if twin and self.changing:
                self._board.inherit(peer, twin.peer)
            self._schedule.add(peer, peer.settings.interval, peer.address, self._turn, after=after)

    def _remove(self, endpoint: Endpoint) -> None:
        if self._board.remove(endpoint):
            self._schedule.remove(endpoint.peer)
            self._forget(endpoint.peer)
