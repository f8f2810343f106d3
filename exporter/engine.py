"""The parts that probe, made for a configuration and led over to the next one while they run.

Joins resolver, prober, schedule, roster and canaries. Knows no files, no signals and no web server.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from functools import cache

from exporter.aside import aside
from exporter.board import Board
from exporter.canaries import Canaries
from exporter.config import Config
from exporter.door import Limits
from exporter.machine import SPARE_DESCRIPTORS, descriptors_for
from exporter.model import Problem, Target
from exporter.multitarget import SHARE, MultiTarget
from exporter.policies import policy_ca_file
from exporter.probe.lag import LoopLag
from exporter.probe.prober import Prober
from exporter.reloads import NotApplied
from exporter.resolve import Resolver
from exporter.roster import Roster
from exporter.schedule import Schedule
from exporter.sites import Bounds
from exporter.sts import AT_ONCE, DOUBTFUL_AT_ONCE, Fetcher
from exporter.telemetry import Telemetry
from exporter.trust import Judge, TrustStoreError

log = logging.getLogger(__name__)

TICK = 0.1
"""Seconds between starts of probes: those that are due in between begin together (docs/performance.md)."""
DRAIN = 4.0
"""Seconds that probes under way may take to end."""
SLICE = 0.005
"""Seconds of a big change before others may run."""


class Engine:
    """What probes. `begin` starts it; `apply` leads it over to another configuration."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        config: Config,
        board: Board,
        telemetry: Telemetry,
        *,
        ehlo_name: str | None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.config, self.board, self._telemetry, self._monotonic = config, board, telemetry, monotonic
        internal_error, lookups = telemetry.internal_errors.inc, cache(telemetry.dns_lookups.labels)
        self.judge = Judge()
        self.resolver = Resolver(
            config.nameservers,
            max_lookups=config.max_concurrent_lookups,
            trusted=config.trusted_resolver,
            on_lookup=lambda kind, result: lookups(kind, result).inc(),
        )
        self.resolver.mx_on_this_machine = config.mx_on_this_machine
        self.fetcher = Fetcher(self.resolver, allow_private=config.mta_sts_allow_private)
        self.lag = LoopLag(loop, observe=telemetry.loop_lag.observe)
        self.prober = Prober(loop, self.judge, ehlo_name=ehlo_name, lag=self.lag, target_of=board.target_of)
        self.schedule = Schedule(
            loop,
            at_once=_at_once(config),
            per_address=config.max_probes_per_host,
            tick=TICK,
            on_delay=telemetry.schedule_delay.observe,
            on_overrun=telemetry.overruns.inc,
        )
        self.canaries = Canaries(
            loop, board, self.resolver, self.prober, config.egress.canaries,
            settings_for=config.settings_for, on_internal_error=internal_error,
        )  # fmt: skip
        self.roster = Roster(
            board, self.schedule, self.resolver, self.prober, self.fetcher,
            bounds=_bounds(config), clock=time.time, on_problems=self._count,
            on_internal_error=internal_error, on_failed_vote=self.canaries.ask,
        )  # fmt: skip
        self.on_demand = MultiTarget(config, self.prober, self.resolver, on_internal_error=internal_error)
        telemetry.in_flight.set_function(lambda: self.schedule.in_flight)
        telemetry.overloaded.set_function(lambda: self.schedule.overloaded)
        telemetry.endpoints.set_function(lambda: len(board.endpoints))

    async def begin(self) -> None:
        """Start to probe.

        Raises:
            NotApplied: a file of trust anchors cannot be read.
        """
        await self._trust(self.config)
        await self._follow((), self.config)

    async def apply(self, config: Config) -> None:
        """Go by another configuration from now on: whoever is in both is probed on as before.

        Raises:
            NotApplied: a file of trust anchors cannot be read; nothing has changed.
        """
        await self._trust(config)
        before, self.config = self.config, config
        self.resolver.use(
            config.nameservers, max_lookups=config.max_concurrent_lookups, trusted=config.trusted_resolver
        )
        self.fetcher.allow_private = config.mta_sts_allow_private
        if _limits(config) != _limits(before):
            self.schedule.limit(at_once=_at_once(config), per_address=config.max_probes_per_host)
        self.on_demand.use(config)
        self.board.require(min_hosts=config.egress.min_hosts, min_networks=config.egress.min_networks)
        self.canaries.follow(config.egress.canaries, config.settings_for)
        self.resolver.mx_on_this_machine = config.mx_on_this_machine
        await self._in_slices(self.roster.limit(_bounds(config)))
        await self._follow(before.targets, config)

    async def close(self) -> None:
        """Start nothing more, let probes under way end, and end them where that takes too long."""
        self.schedule.stop()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.prober.idle.wait(), DRAIN)
        for part in (self.roster, self.canaries, self.resolver):
            await part.close()
        self.prober.abort()
        self.lag.stop()

    @property
    def moves(self) -> bool:
        """Whether probes are begun and come to their end, as they should."""
        longest = max((settings.timeout for target in self.config.targets for _, settings in target.ports), default=0.0)
        return self.schedule.moves(longest)

    async def _trust(self, config: Config) -> None:
        """Read the trust anchors anew, in a thread: the judge takes all of them over at once.

        Those of a target file with errors stay as they are: one of them may be what is wrong.
        """
        kept = [target for file, targets in config.of_files() if file.errors for target in targets]
        stays = {id(target) for target in kept}
        fresh = [target for target in config.targets if id(target) not in stays]

        def load() -> None:
            self.judge.load(_ca_files(fresh), keep=_ca_files(kept))
            self.fetcher.load(_policy_ca_files(fresh), keep=_policy_ca_files(kept))

        try:
            await aside(load)
        except (TrustStoreError, OSError) as error:
            raise NotApplied(str(error)) from error

    async def _follow(self, before: Iterable[Target], config: Config) -> None:
        """Let the targets of a configuration take the places of those before; what is the same object stays."""
        old, new = {id(each): each for each in before}, {id(each): each for each in config.targets}
        gone = [each for key, each in old.items() if key not in new]
        come = [each for key, each in new.items() if key not in old]
        await self._in_slices(self.roster.follow(gone, come))
        self._telemetry.show(config)

    async def _in_slices(self, steps: Iterator[None]) -> None:
        """Take steps, and let others run in between."""
        until = self._monotonic() + SLICE
        for _ in steps:
            if self._monotonic() >= until:
                await asyncio.sleep(0)
                until = self._monotonic() + SLICE

    def _count(self, problems: Iterable[Problem]) -> None:
        for problem in problems:
            self._telemetry.problems.labels(problem.reason, problem.severity).inc()


def _ca_files(targets: Iterable[Target]) -> set[str | None]:
    return {settings.tls.ca_file for target in targets for _, settings in target.ports}


def _policy_ca_files(targets: Iterable[Target]) -> set[str | None]:
    return {policy_ca_file(target) for target in targets if target.domains}


def _limits(config: Config) -> tuple[object, ...]:
    """What decides how many probes may run at once."""
    probes, lookups, per_host = config.max_concurrent_probes, config.max_concurrent_lookups, config.max_probes_per_host
    return probes, lookups, per_host, config.probe_endpoint.enabled, _has_domains(config)


def _bounds(config: Config) -> Bounds:
    return Bounds(config.max_addresses, config.mx_on_this_machine)


def _has_domains(config: Config) -> bool:
    return any(target.domains for target in config.targets)


def _at_once(config: Config) -> int:
    on_demand = config.max_concurrent_probes // SHARE if config.probe_endpoint.enabled else 0
    policies = AT_ONCE + DOUBTFUL_AT_ONCE if _has_domains(config) else 0
    spare = SPARE_DESCRIPTORS + Limits().at_once + 2 * config.max_concurrent_lookups + on_demand + policies
    return descriptors_for(config.max_concurrent_probes, spare)
