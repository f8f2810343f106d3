"""The agent: joins engine, reloads and web server on one event loop, and ends them cleanly."""

import asyncio
import errno
import logging
import os
import re
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from aiohttp import web

from exporter import __version__
from exporter.board import Board
from exporter.changes import endpoint_changed, files_changed, way_changed
from exporter.config import Config, Looking
from exporter.config.apart import KEY, load_apart
from exporter.domains import APART
from exporter.door import Door
from exporter.egress import Egress
from exporter.engine import Engine
from exporter.exposition import write_ahead
from exporter.garbage import forget_the_lasting, look_at_the_new
from exporter.links import Docs, Prometheus
from exporter.machine import own_name
from exporter.reloads import NotApplied, Reloads
from exporter.schedule import FIRST_ROUND
from exporter.systemd import SocketsError, Systemd
from exporter.targets import shard
from exporter.telemetry import PYTHON, Telemetry
from exporter.web import Pages
from exporter.wire import OPENSSL

log = logging.getLogger(__name__)

EXPIRE_EVERY = 30.0


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says beside the configuration file."""

    listen: tuple[tuple[str | None, int], ...] = ((None, 10225),)
    prefix: str = ""
    outside: str = ""
    telemetry_path: str = "/metrics"
    shard_index: int = 0
    shard_count: int = 1
    lifecycle: bool = False
    """POST /-/reload is served."""
    auto_reload: bool = False
    """The configuration and password files are followed, too."""
    web_config: Path | None = None
    """Who may come in, in exporter-toolkit's format."""
    systemd_socket: bool = False
    """Listen on the sockets that systemd passes, and nowhere else."""
    docs: str = ""
    """Where links to the documentation lead: nothing (the public address), `local` or a URL."""
    prometheus_url: str = ""
    """Where browsers reach Prometheus; empty: not known."""
    reload_on_hangup: bool = True
    """SIGHUP reloads, as a daemon does; else it ends the agent, as the terminal that is closed ends a program."""

    async def read(self, path: Path, running: Config | None = None, text: bytes | None = None) -> Config:
        """Read a configuration in a child process, with the targets of this shard. Raises as `load_apart` does."""
        ours = partial(shard, index=self.shard_index, count=self.shard_count)
        return await load_apart(path, choose=ours, running=running, text=text)


class StartError(Exception):
    """Why the agent cannot start, as one line for the operator."""


class CannotListenError(StartError):
    """An address to listen on is not to be had. `taken`: another program listens there."""

    def __init__(self, host: str | None, port: int, error: OSError) -> None:
        why = os.strerror(error.errno) if isinstance(error.errno, int) and error.errno > 0 else error.strerror
        super().__init__(f"cannot listen on {_host_port(host or '', port)}: {why or error}")
        self.host, self.port, self.taken = host, port, error.errno == errno.EADDRINUSE


class Agent:
    """One running agent, of a configuration with the targets of this shard.

    `run` returns after SIGTERM or SIGINT, or when `stop` is set.
    """

    def __init__(self, config: Config, options: Options = Options(), systemd: Systemd | None = None) -> None:
        self.config, self.options = config, options
        self._systemd = systemd or Systemd({})
        self.stop = asyncio.Event()
        self.telemetry = Telemetry()
        egress = Egress(min_hosts=config.egress.min_hosts, min_networks=config.egress.min_networks)
        self.board = Board(egress, on_egress=way_changed, on_change=endpoint_changed, on_result=write_ahead, soon=_soon)
        self.pages = Pages(
            self.board,
            self.telemetry,
            prefix=options.prefix,
            outside=options.outside,
            telemetry_path=options.telemetry_path,
            docs=Docs.of(options.docs, options.outside),
            prometheus=Prometheus(options.prometheus_url),
            config=lambda: self.config,
        )
        self.started = asyncio.Event()
        """Set once it listens and probes."""
        self.addresses: list[tuple[str, int]] = []
        """Where it listens, once it does."""
        self.engine: Engine | None = None
        self.reloads: Reloads | None = None
        """Both are there once `started` is set."""
        self._hung_up = asyncio.Event()
        """SIGHUP came before they were."""

    async def run(self) -> None:
        """Run until told to stop.

        Raises:
            StartError: an address to listen on is not to be had, or a file of trust anchors cannot be read.
            ConfigErrors: what is wrong with the web configuration.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._end, asyncio.current_task())
        if self.options.reload_on_hangup:
            loop.add_signal_handler(signal.SIGHUP, self._hung_up.set)
        door = await Door.open(self.options.web_config)
        application = self.pages.application()
        door.stand_before(application)
        runner = web.AppRunner(application, access_log=None, handle_signals=False, shutdown_timeout=0.5)
        await runner.setup()
        try:
            await self._listen(runner, door)
            await self._probe_until_stopped(loop)
        finally:
            await runner.cleanup()
            self._systemd.close()

    def _end(self, running: "asyncio.Task[Any] | None") -> None:
        """Stop. What still starts is left where it is: a file server may not answer."""
        self.stop.set()
        if running and not self.started.is_set():
            running.cancel()

    async def _listen(self, runner: web.AppRunner, door: Door) -> None:
        try:
            passed = self._systemd.sockets() if self.options.systemd_socket else []
        except SocketsError as error:
            raise StartError(str(error)) from error
        for sock in passed:
            await door.site(runner, sock=sock).start()
        for host, port in () if passed else self.options.listen:
            try:
                await door.site(runner, host, port).start()
            except OSError as error:
                raise CannotListenError(host, port, error) from error
        self.addresses = [tuple(address[:2]) for address in runner.addresses]
        self._log_start()
        for address, port in self.addresses:
            log.info("listening", extra={"address": _host_port(address, port)})

    def _log_start(self) -> None:
        """The first line says what runs, and with what: it is what a report about the agent should begin with."""
        targets = self.config.targets
        extra: dict[str, object] = {"version": __version__, "python": PYTHON, "openssl": OPENSSL}
        extra |= {"config_file": str(self.config.path or ""), "targets": len(targets)}
        extra |= {"endpoints": sum(len(each.ports) for each in targets if each.host)}
        extra |= {"domains": sum(len(each.domains) for each in targets)}
        extra |= {"listen": " ".join(_host_port(*address) for address in self.addresses)}
        log.info("starting smtp-exporter", extra=extra)

    async def _probe_until_stopped(self, loop: asyncio.AbstractEventLoop) -> None:
        engine = self.engine = Engine(loop, self.config, self.board, self.telemetry, ehlo_name=await own_name())
        reloads = self.reloads = self._reloads(engine)
        if self.options.reload_on_hangup:
            loop.add_signal_handler(signal.SIGHUP, reloads.ask)
        if self._hung_up.is_set():
            reloads.ask()
        if self.options.lifecycle:
            self.pages.reload = reloads.reload
        try:
            async with reloads.one_at_a_time:
                await self._start(engine)
            await self._run_side_jobs_until_stopped(loop, engine, reloads)
        finally:
            await reloads.close()
            await engine.close()
        log.info("stopped")

    async def _run_side_jobs_until_stopped(
        self, loop: asyncio.AbstractEventLoop, engine: Engine, reloads: Reloads
    ) -> None:
        loop.call_later(FIRST_ROUND + APART, forget_the_lasting)
        jobs = (
            self._expire_votes(), look_at_the_new(), reloads.follow(),
            self._systemd.feed(lambda: engine.moves),
        )  # fmt: skip
        side_jobs = [loop.create_task(job) for job in jobs]
        await self.stop.wait()
        log.info("stopping", extra={"in_flight": engine.schedule.in_flight})
        self._systemd.stopping()
        self.pages.ready = False
        for job in side_jobs:
            job.cancel()

    def _reloads(self, engine: Engine) -> Reloads:
        path = self.config.path or Path()

        async def read(running: Config, text: bytes | None) -> Config:
            return await self.options.read(path, running, text)

        async def apply(config: Config) -> None:
            await engine.apply(config)
            files_changed(config, before=self.config)
            self.config = config

        return Reloads(
            self.config, read, apply, self.telemetry, Looking(KEY), auto=self.options.auto_reload,
            began=self._systemd.reloading, ended=self._reloaded,
        )  # fmt: skip

    def _reloaded(self, good: bool) -> None:
        self._systemd.ready(self._status if good else f"reload failed; {self._status}")

    @property
    def _status(self) -> str:
        return f"{len(self.config.targets)} targets, {len(self.board.endpoints)} endpoints"

    async def _start(self, engine: Engine) -> None:
        telemetry, options = self.telemetry, self.options
        try:
            await engine.begin()
        except NotApplied as error:
            raise StartError(str(error)) from error
        telemetry.shard_info.labels(str(options.shard_index), str(options.shard_count)).set(1)
        telemetry.reload_successful.set(1)
        telemetry.reload_time.set(time.time())
        self.pages.on_demand = engine.on_demand
        self.pages.ready = True
        self.started.set()
        forget_the_lasting()
        self._systemd.ready(self._status)
        files_changed(self.config)
        log.info("probing", extra={"targets": len(self.config.targets), "endpoints": len(self.board.endpoints)})

    async def _expire_votes(self) -> None:
        """Whether a port looks blocked must change with time, too, also while nobody scrapes."""
        while True:
            await asyncio.sleep(EXPIRE_EVERY)
            for _ in self.board.expire_votes(time.time()):
                await asyncio.sleep(0)


def _host_port(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _soon(call: Callable[[], None]) -> None:
    asyncio.get_running_loop().call_soon(call)


def listen_address(text: str) -> tuple[str | None, int]:
    """Read `:10225`, `127.0.0.1:10225`, `[::1]:10225`.

    Raises:
        ValueError: it is none of these.
    """
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.%\w]+)\]|([^:\[\]]*)):([0-9]{1,5})", text)
    if not match or not 0 <= int(match[3]) <= 65535:
        raise ValueError(f"{text!r} is not an address to listen on: write :10225, 127.0.0.1:10225 or [::1]:10225")
    return match[1] or match[2] or None, int(match[3])
