"""The agent: joins schedule, roster, prober, board and web on one event loop, and ends them cleanly."""

import asyncio
import contextlib
import logging
import re
import resource
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from aiohttp import web

from exporter.board import Board
from exporter.canaries import Canaries
from exporter.changes import endpoint_changed, way_changed
from exporter.config import Config
from exporter.egress import Egress
from exporter.model import Problem
from exporter.probe.prober import Prober
from exporter.resolve import Resolver
from exporter.roster import Roster
from exporter.schedule import Schedule
from exporter.targets import shard
from exporter.telemetry import Telemetry
from exporter.trust import Judge, TrustStoreError
from exporter.web import Pages

log = logging.getLogger(__name__)

DRAIN = 4.0
"""Seconds that probes under way may take to end after SIGTERM."""
SPARE_DESCRIPTORS = 100
"""Descriptors kept for scrapes, logs and files; each lookup may need two more."""
TICK = 0.02
"""Seconds between starts of probes: those that are due in between begin together (docs/performance.md)."""
LAG_EVERY = 0.5
EXPIRE_EVERY = 30.0
NAME_PATIENCE = 1.0
"""Seconds that finding this machine's name may take: a slow resolver must not keep the first probes waiting."""
HOST_NAME = re.compile(r"([A-Za-z0-9-]{1,63}\.)+[A-Za-z0-9-]{2,63}")


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says beside the configuration file."""

    listen: tuple[tuple[str | None, int], ...] = ((None, 10225),)
    prefix: str = ""
    outside: str = ""
    telemetry_path: str = "/metrics"
    shard_index: int = 0
    shard_count: int = 1


class StartError(Exception):
    """Why the agent cannot start, as one line for the operator."""


class Agent:
    """One running agent. `run` returns after SIGTERM or SIGINT, or when `stop` is set."""

    def __init__(self, config: Config, options: Options = Options()) -> None:
        self.config, self.options = config, options
        self._judge = Judge()
        self.stop = asyncio.Event()
        self.telemetry = Telemetry()
        egress = Egress(min_hosts=config.egress.min_hosts, min_networks=config.egress.min_networks)
        self.board = Board(egress, on_egress=way_changed, on_change=endpoint_changed, soon=_soon)
        self.pages = Pages(
            self.board,
            self.telemetry,
            prefix=options.prefix,
            outside=options.outside,
            telemetry_path=options.telemetry_path,
        )
        self.started = asyncio.Event()
        """Set once it listens and probes."""
        self.addresses: list[tuple[str, int]] = []
        """Where it listens, once it does."""

    async def run(self) -> None:
        """Run until told to stop.

        Raises:
            StartError: an address to listen on is not to be had, or a file of trust anchors cannot be read.
        """
        try:
            self._judge.load({settings.tls.ca_file for target in self.config.targets for _, settings in target.ports})
        except TrustStoreError as error:
            raise StartError(str(error)) from error
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop.set)
        loop.add_signal_handler(signal.SIGHUP, _no_reload)
        runner = web.AppRunner(self.pages.application(), access_log=None, handle_signals=False, shutdown_timeout=0.5)
        await runner.setup()
        try:
            await self._listen(runner)
            await self._probe_until_stopped(loop)
        finally:
            await runner.cleanup()

    async def _listen(self, runner: web.AppRunner) -> None:
        for host, port in self.options.listen:
            try:
                await web.TCPSite(runner, host, port).start()
            except OSError as error:
                raise StartError(f"cannot listen on {host or ''}:{port}: {error.strerror or error}") from error
        self.addresses = [tuple(address[:2]) for address in runner.addresses]
        for address, port in self.addresses:
            log.info("listening", extra={"address": f"[{address}]:{port}" if ":" in address else f"{address}:{port}"})

    async def _probe_until_stopped(self, loop: asyncio.AbstractEventLoop) -> None:
        config, telemetry = self.config, self.telemetry
        resolver = Resolver(
            config.nameservers,
            max_lookups=config.max_concurrent_lookups,
            on_lookup=lambda kind, result: telemetry.dns_lookups.labels(kind, result).inc(),
        )
        prober = Prober(loop, self._judge, ehlo_name=await own_name())
        schedule = self._schedule(loop)
        canaries = Canaries(
            loop,
            self.board,
            resolver,
            prober,
            config.egress.canaries,
            settings_for=config.settings_for,
            on_internal_error=telemetry.internal_errors.inc,
        )
        roster = Roster(
            self.board,
            schedule,
            resolver,
            prober,
            max_addresses=config.max_addresses,
            clock=time.time,
            on_problems=self._count,
            on_internal_error=telemetry.internal_errors.inc,
            on_failed_vote=canaries.ask,
        )
        self._start(roster, schedule)
        side_jobs = [loop.create_task(job) for job in (self._measure_lag(loop), self._expire_votes())]
        await self.stop.wait()
        log.info("stopping", extra={"in_flight": schedule.in_flight})
        schedule.stop()
        self.pages.ready = False
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(prober.idle.wait(), DRAIN)
        for job in side_jobs:
            job.cancel()
        for part in (roster, canaries, resolver):
            await part.close()
        prober.abort()
        log.info("stopped")

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> Schedule:
        config = self.config
        spare = SPARE_DESCRIPTORS + 2 * config.max_concurrent_lookups
        return Schedule(
            loop,
            at_once=descriptors_for(config.max_concurrent_probes, spare),
            per_address=config.max_probes_per_host,
            tick=TICK,
            on_delay=self.telemetry.schedule_delay.observe,
            on_overrun=self.telemetry.overruns.inc,
        )

    def _start(self, roster: Roster, schedule: Schedule) -> None:
        telemetry, options = self.telemetry, self.options
        targets = [
            ours for each in self.config.targets if (ours := shard(each, options.shard_index, options.shard_count))
        ]
        for target in targets:
            roster.add(target)
        telemetry.targets.set(len(targets))
        telemetry.in_flight.set_function(lambda: schedule.in_flight)
        telemetry.overloaded.set_function(lambda: schedule.overloaded)
        telemetry.endpoints.set_function(lambda: len(self.board.endpoints))
        telemetry.shard_info.labels(str(options.shard_index), str(options.shard_count)).set(1)
        telemetry.reload_successful.set(1)
        telemetry.reload_time.set(time.time())
        self.pages.ready = True
        self.started.set()
        log.info("probing", extra={"targets": len(targets), "endpoints": len(self.board.endpoints)})

    def _count(self, problems: Iterable[Problem]) -> None:
        for problem in problems:
            self.telemetry.problems.labels(problem.reason, problem.severity).inc()

    async def _measure_lag(self, loop: asyncio.AbstractEventLoop) -> None:
        """How late the loop runs what was due: everything measured in it is that uncertain."""
        while True:
            due = loop.time() + LAG_EVERY
            await asyncio.sleep(LAG_EVERY)
            self.telemetry.loop_lag.observe(max(0.0, loop.time() - due))

    async def _expire_votes(self) -> None:
        """Whether a port looks blocked must change with time, too, also while nobody scrapes."""
        while True:
            await asyncio.sleep(EXPIRE_EVERY)
            self.board.expire_votes(time.time())


def _soon(call: Callable[[], None]) -> None:
    asyncio.get_running_loop().call_soon(call)


def _no_reload() -> None:
    log.warning("SIGHUP is ignored: this version does not reload its configuration; restart it")


async def own_name() -> str | None:
    """The name to say in EHLO: this machine's FQDN where it is fit for it, else None for the address literal."""
    loop = asyncio.get_running_loop()
    found: asyncio.Future[str] = loop.create_future()

    def tell(name: str) -> None:
        if not found.done():
            found.set_result(name)

    def ask() -> None:
        name = socket.getfqdn()
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(tell, name)

    threading.Thread(target=ask, daemon=True).start()  # no executor: whose end is waited for, however slow DNS is
    try:
        name = await asyncio.wait_for(found, NAME_PATIENCE)
    except TimeoutError:
        return None
    return name if fit_for_ehlo(name) else None


def fit_for_ehlo(name: str) -> bool:
    """Whether a host name may be said in EHLO: letters, digits, hyphens, a dot; no *.local, localhost or address."""
    label, last = name.lower().split(".")[0], name.lower().rpartition(".")[2]
    return HOST_NAME.fullmatch(name) is not None and label != "localhost" and last != "local" and not last.isdigit()


def descriptors_for(probes: int, spare: int = SPARE_DESCRIPTORS) -> int:
    """Raise the descriptor limit as far as allowed; return how many probes at once that is good for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = probes + spare
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return probes
    fewer = max(1, soft - spare)
    log.warning(
        "too few file descriptors: fewer probes at once", extra={"limit": soft, "at_once": fewer, "asked": probes}
    )
    return fewer


def listen_address(text: str) -> tuple[str | None, int]:
    """Read `:10225`, `127.0.0.1:10225`, `[::1]:10225`.

    Raises:
        ValueError: it is none of these.
    """
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.%\w]+)\]|([^:\[\]]*)):([0-9]{1,5})", text)
    if not match or not 0 <= int(match[3]) <= 65535:
        raise ValueError(f"{text!r} is not an address to listen on: write :10225, 127.0.0.1:10225 or [::1]:10225")
    return match[1] or match[2] or None, int(match[3])
