"""The command line: wires parts together, turns errors into one clear line and an exit code."""

import argparse
import asyncio
import errno
import importlib
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from exporter import __version__, flags, logs
from exporter.peer_text import escape


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given or (given[0] not in COMMANDS and given[0] not in ("-h", "--help", "--version")):
        given.insert(0, "run")
    options = parser().parse_args(given)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        code = command(options)
        if sys.stdout:  # None where it was closed before we began
            sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        if error.errno not in (errno.EPIPE, errno.ENOSPC):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody wants a second complaint at exit
        return 0 if error.errno == errno.EPIPE else _fail(f"cannot write: {error.strerror}")  # EPIPE: the reader left
    return code


def parser() -> argparse.ArgumentParser:
    """All commands and flags."""
    about = "Probes SMTP servers and tells Prometheus what is wrong, and why."
    top = flags.Parser(prog="smtp-exporter", description=about, epilog="Without a command: run.")
    version = f"smtp-exporter {__version__} (Python {sys.version.split()[0]})"
    top.add_argument("--version", action="version", version=version)
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    for name, (help_, add_flags, command) in COMMANDS.items():
        one = commands.add_parser(name, help=help_, description=help_.capitalize() + ".")
        one.set_defaults(command=command)
        add_flags(one)
    return top


# --- commands ---------------------------------------------------------------------------------------------------


def _fail(message: str, code: int = 1) -> int:
    print(f"smtp-exporter: {escape(message)}", file=sys.stderr)
    return code


def _run(options: argparse.Namespace) -> int:
    from exporter.agent import Agent, StartError
    from exporter.config import ConfigErrors
    from exporter.systemd import Systemd

    if not 0 <= options.shard_index < options.shard_count:
        return _fail("--shard.index must be from 0 to --shard.count less 1", flags.USAGE)
    systemd = Systemd()
    logs.set_up(options.log_level, options.log_format)
    try:
        web = _agent_options(options)
    except ValueError as error:
        return _fail(str(error), flags.USAGE)

    async def work() -> int:
        try:
            try:
                config = await web.read(Path(options.config_file))
            except RuntimeError as error:
                raise StartError(str(error)) from error
            await Agent(config, web, systemd).run()
        except ConfigErrors as errors:
            for each in errors.told:
                print(each, file=sys.stderr)
            return 1
        except StartError as error:
            return _fail(str(error))
        return 0

    return _in_loop(options.loop, work)


def _agent_options(options: argparse.Namespace) -> Any:
    """What the agent is to do beside its configuration.

    Raises:
        ValueError: a flag makes no sense.
    """
    from exporter.agent import Options, listen_address

    outside = flags.outside(options.external_url)
    prefix = outside if options.route_prefix is None else flags.path(options.route_prefix)
    return Options(
        tuple(listen_address(each) for each in options.listen or [":10225"]),
        prefix,
        outside if options.external_url else prefix,
        flags.telemetry_path(options.telemetry_path),
        options.shard_index,
        options.shard_count,
        options.web_enable_lifecycle,
        options.config_enable_auto_reload,
        options.web_config_file,
        options.web_systemd_socket,
    )


def _in_loop(loop: str, work: Callable[[], Coroutine[Any, Any, int]]) -> int:
    """Run on uvloop where it is installed or asked for, else on asyncio's own loop."""
    factory = None
    if loop != "asyncio":
        try:
            factory = importlib.import_module("uvloop").new_event_loop
        except ImportError:
            if loop == "uvloop":
                return _fail("--loop=uvloop: uvloop is not installed: pip install smtp-exporter[uvloop]")
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(_until_told(work))


async def _until_told(work: Callable[[], Coroutine[Any, Any, int]]) -> int:
    """Do some work; SIGTERM and SIGINT end it well, until it handles them itself."""
    task: Any = asyncio.current_task()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        return await work()
    except asyncio.CancelledError:
        return 0


def _probe(options: argparse.Namespace) -> int:
    from rich.console import Console

    from exporter import report
    from exporter.config import ConfigErrors, defaults, load

    logs.set_up("error")
    try:
        config = load(Path(options.config_file)) if options.config_file else defaults()
        asked = _asked(options, config)
    except ConfigErrors as errors:
        for each in errors.told:
            print(each, file=sys.stderr)
        return 1
    except ValueError as error:
        return _fail(str(error), flags.USAGE)
    progress, moved = report.with_progress(Console(stderr=True))

    async def work() -> report.Seen:
        with progress:
            return await report.look(config, asked, moved)

    seen = asyncio.run(work())
    code = report.exit_code(seen)
    if options.format == "text":
        report.print_text(seen, Console())
    else:
        print({"json": report.as_json, "prometheus": report.as_prometheus}[options.format](seen), end="")
    return code


def _asked(options: argparse.Namespace, config: Any) -> list[Any]:
    """What to probe.

    Raises:
        ValueError: nothing, or something that cannot be probed, was asked for.
    """
    from exporter import report

    return report.asked(
        config,
        options.hosts,
        options.domains,
        module=options.module,
        ca_file=options.ca_file,
        ehlo_name=options.ehlo_name,
    )


def _check_config(options: argparse.Namespace) -> int:
    from exporter.config import ConfigErrors, load

    try:
        config = load(options.file)
    except ConfigErrors as errors:
        for each in errors.told:
            print(each, file=sys.stderr)
        return 1
    ports = sum(len(target.ports) * (1 if target.host else len(target.domains)) for target in config.targets)
    print(f"{options.file}: {len(config.targets)} targets, {ports} ports; no errors")
    return 0


def _demo(options: argparse.Namespace) -> int:
    from exporter import demo
    from exporter.agent import StartError, listen_address

    logs.set_up(options.log_level, options.log_format)
    try:
        listen = tuple(listen_address(each) for each in options.listen or ["127.0.0.1:10225"])
    except ValueError as error:
        return _fail(str(error), flags.USAGE)

    async def work() -> int:
        try:
            await demo.run(listen, print)
        except StartError as error:
            return _fail(f"{error}; choose another one with --web.listen-address=127.0.0.1:PORT")
        return 0

    return _in_loop(options.loop, work)


def _reference(options: argparse.Namespace) -> int:
    from exporter import reference

    print(reference.render(options.table), end="")
    return 0


Row = tuple[str, Callable[[argparse.ArgumentParser], None], Callable[[argparse.Namespace], int]]
COMMANDS: dict[str, Row] = {
    "run": ("run the agent", flags.of_run, _run),
    "probe": ("probe hosts once and show everything that is seen", flags.of_probe, _probe),
    "check-config": ("check a configuration file", flags.of_check, _check_config),
    "demo": ("run the agent on simulated servers, healthy and broken", flags.of_demo, _demo),
    "reference": ("print the tables of configuration, metrics and reasons", flags.of_reference, _reference),
}
