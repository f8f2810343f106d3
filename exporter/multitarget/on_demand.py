"""One probe now, of who may be probed: resolve, check the addresses, probe exactly those. Never raises for a request.

The one who asks may leave at any time: the probe goes on to its end, and its place is free then, not before.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from exporter.checks import assess
from exporter.config import Config
from exporter.inquiry import DNS_SHARE, ignored_tlsa, inquire, lookup_of
from exporter.model import Lookup, Peer, Result
from exporter.multitarget import shown
from exporter.multitarget.access import Allowed
from exporter.multitarget.asked import Asked, OnDemand, asked
from exporter.multitarget.room import Room
from exporter.probe.prober import Prober, internal_error
from exporter.reasons import Reason
from exporter.resolve import Resolver
from exporter.state import State
from exporter.targets import is_literal, log_fields

log = logging.getLogger(__name__)

SHARE = 4
"""One part in so many of `max_concurrent_probes` may run on demand, beside the agent's own."""
WAIT_SHARE = 1 / 2
"""The part of a probe's time-out that may be waited for a place; what is left still makes a probe."""
RETRY_AFTER = 5
"""Seconds after which one who found no place may come again."""
REMEMBERED = 1000
"""Peers without a login that are known again; logins are bounded by the names on the allow list."""
DISABLED = "/probe is not enabled: set probe_endpoint.enabled in the configuration"
AUTH_BY_NAME = "a module with auth is for hosts only that probe_endpoint.allow lists by their full name"
LOCAL = "all addresses of this name are link-local, multicast or reserved: probe_endpoint.allow must list their network"
NOT_ALLOWED = "probe_endpoint.allow does not list this target"


@dataclass(frozen=True, slots=True)
class Answer:
    """What to answer. `metrics`: the text is an exposition, without `# EOF`; else it is for people."""

    status: int
    text: str
    headers: Mapping[str, str] = field(default_factory=dict)
    metrics: bool = False


class MultiTarget:
    """Probes on demand. They share the agent's prober and resolver, but have room of their own."""

    def __init__(
        self,
        config: Config,
        prober: Prober,
        resolver: Resolver,
        *,
        clock: Callable[[], float] = time.time,
        on_internal_error: Callable[[], None] = lambda: None,
    ) -> None:
        self._clock = clock
        self._prober, self._resolver, self._on_internal_error = prober, resolver, on_internal_error
        self._room = Room(1, 1)
        self._asking = 0
        self._known: OrderedDict[Peer, None] = OrderedDict()
        self.use(config)

    def use(self, config: Config) -> None:
        """Go by this configuration from now on."""
        self._config, self._allowed = config, Allowed(config.probe_endpoint.allow)
        self._room.at_once = max(1, config.max_concurrent_probes // SHARE)
        self._room.per_address = config.max_probes_per_host

    @property
    def in_flight(self) -> int:
        """Probes under way."""
        return self._room.taken

    async def answer(self, query: Iterable[tuple[str, str]], scrape_timeout: str | None = None) -> Answer:
        """Answer a request.

        Args:
            query: its parameters, decoded, in whatever order, repeated ones as often as they were given.
            scrape_timeout: the header X-Prometheus-Scrape-Timeout-Seconds, None where there is none.
        """
        if not self._config.probe_endpoint.enabled:
            return _refused(403, DISABLED)
        try:
            wanted = asked(self._config, query, scrape_timeout)
        except ValueError as error:
            return _refused(400, str(error))
        if why := self._not_allowed(wanted):
            return _refused(403, why)
        if self._asking >= 2 * self._room.at_once:  # as many as run may wait
            return _full()
        self._asking += 1
        try:
            return await self._looked_up(wanted)
        finally:
            self._asking -= 1

    def _not_allowed(self, wanted: Asked) -> str | None:
        """Why a request is refused before anything is looked up."""
        if wanted.settings.auth and not self._allowed.lists(wanted.host):
            return AUTH_BY_NAME
        return None if self._allowed.covers(wanted.host) or self._allowed.any_network else NOT_ALLOWED

    async def _looked_up(self, wanted: Asked) -> Answer:
        """Find the addresses, drop those that are not allowed, and wait for a place to probe the others."""
        found, lookup = await self._addresses(wanted)
        named = self._allowed.covers(wanted.host)
        usable = self._allowed.of_name(wanted.host, found) if named else self._allowed.of(found)
        if not usable and (found or not named):
            return _refused(403, LOCAL if named else NOT_ALLOWED)
        try:
            settings = await self._in_a_place(usable, wanted.settings)
        except TimeoutError:
            return _full()
        result = await self._probed(Peer(wanted.host, "", wanted.port, settings), usable, lookup)
        return self._shown(wanted, result, len(found) - len(usable))

    async def _in_a_place(self, addresses: Sequence[str], settings: OnDemand) -> OnDemand:
        """Wait for a place; what that took is taken off the time-out, for the answer must not come later for it.

        Raises:
            TimeoutError: there was none for too long.
        """
        clock = asyncio.get_running_loop().time
        began = clock()
        await self._room.take(addresses, settings.timeout * WAIT_SHARE)
        return replace(settings, timeout=settings.timeout - (clock() - began))

    async def _addresses(self, wanted: Asked) -> tuple[tuple[str, ...], Lookup | None]:
        """What DNS says, as for the agent's own endpoints; the families are those of the module."""
        if is_literal(wanted.host):
            return (wanted.host,), None
        loop = asyncio.get_running_loop()
        began, peer = loop.time(), Peer(wanted.host, "", wanted.port, wanted.module)
        ignored, most = ignored_tlsa(self._resolver, wanted.module, named=True), self._config.max_addresses
        told = await inquire(self._resolver, peer, wanted.settings.timeout * DNS_SHARE, tlsa=ignored)
        waited = loop.time() - began
        return told[0].addresses, lookup_of(self._resolver, wanted.settings, told, waited, max_addresses=most)

    def _probed(self, peer: Peer, addresses: Sequence[str], lookup: Lookup | None) -> asyncio.Future[Result]:
        """Begin a probe in the place that was taken. Whoever waits for it may go; its place is free once it ends."""
        done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()

        def finished(result: Result) -> None:
            self._room.give_back(addresses)
            self._remember(peer)
            if not done.done():
                done.set_result(result)

        try:
            self._prober.probe(peer, addresses, lookup, finished)
        except Exception as error:
            log.exception("internal error", extra=log_fields(peer))
            finished(internal_error(peer, error, self._clock()))
        return done

    def _remember(self, peer: Peer) -> None:
        """Let the prober know a peer again, if it is one of the last; always where a login was tried."""
        if peer.settings.auth:
            return
        self._known[peer] = None
        self._known.move_to_end(peer)
        while len(self._known) > REMEMBERED:
            self._prober.forget(self._known.popitem(last=False)[0])

    def _shown(self, wanted: Asked, result: Result, left_out: int) -> Answer:
        state = State(result.peer, 0.0, result=result)
        try:
            state.assessment = assess(result)
        except Exception as error:
            log.exception("internal error", extra=log_fields(result.peer))
            state.result = result = internal_error(result.peer, error, result.finished)
            state.assessment = assess(result)
        if result.ended and result.ended.reason is Reason.INTERNAL_ERROR:
            self._on_internal_error()
        state.consecutive_failures = int(state.assessment.success is False)  # of one probe in a row
        if wanted.debug:
            return Answer(200, shown.debug(state, wanted.module, left_out))
        return Answer(200, shown.metrics(state), metrics=True)


def _refused(status: int, why: str) -> Answer:
    return Answer(status, f"{why}\n")


def _full() -> Answer:
    headers = {"Retry-After": str(RETRY_AFTER)}
    return Answer(503, "too many probes at once, or at this address: come again later\n", headers)
