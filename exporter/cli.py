"""The command line: reads flags, wires parts together, turns errors into one clear line and an exit code."""

import argparse
import asyncio
import importlib
import logging
import os
import re
import ssl
import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

from exporter import __version__, logs

USAGE = 64
"""EX_USAGE of sysexits.h."""
DEFAULT_FILE = "smtp-exporter.yaml"
NOT_YET = {
    "web_config_file": "--web.config.file",
    "web_systemd_socket": "--web.systemd-socket",
    "web_enable_lifecycle": "--web.enable-lifecycle",
    "config_enable_auto_reload": "--config.enable-auto-reload",
}
"""Flags of the contract that this version refuses: one that is accepted must do what it says."""
PATH = re.compile(r"[A-Za-z0-9/._~-]*")
log = logging.getLogger(__name__)


class Parser(argparse.ArgumentParser):
    """An argument parser whose usage errors exit with 64. Flags are not to be abbreviated: new ones may come."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(allow_abbrev=False, **settings)

    def error(self, message: str) -> NoReturn:
        """Say what is wrong in one line."""
        self.exit(USAGE, f"{self.prog}: {message} (see {self.prog} --help)\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given or (given[0] not in COMMANDS and given[0] not in ("-h", "--help", "--version")):
        given.insert(0, "run")
    options = parser().parse_args(given)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        code = command(options)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever read our output has gone; nobody wants a second complaint at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code


def parser() -> Parser:
    """All commands and flags."""
    top = Parser(prog="smtp-exporter", description="Probes SMTP servers and tells Prometheus what is wrong, and why.",
                 epilog="Without a command: run.")  # fmt: skip
    version = f"smtp-exporter {__version__} (Python {sys.version.split()[0]}, {ssl.OPENSSL_VERSION})"
    top.add_argument("--version", action="version", version=version)
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    for name, (help_, add_flags, command) in COMMANDS.items():
        one = commands.add_parser(name, help=help_, description=help_.capitalize() + ".")
        one.set_defaults(command=command)
        add_flags(one)
    return top


# --- flags ------------------------------------------------------------------------------------------------------


def _log_flags(flags: argparse.ArgumentParser) -> None:
    flags.add_argument("--log.level", dest="log_level", choices=list(logs.LEVELS), default="info")
    flags.add_argument("--log.format", dest="log_format", choices=["logfmt", "json"], default="logfmt")
    flags.add_argument("--loop", choices=["auto", "uvloop", "asyncio"], default="auto",
                       help="event loop; default: auto: uvloop where it is installed")  # fmt: skip


def _run_flags(flags: argparse.ArgumentParser) -> None:
    add = flags.add_argument
    add("--version", action="version", version=f"smtp-exporter {__version__}")
    add("--config.file", dest="config_file", metavar="FILE", default=DEFAULT_FILE, help="default: %(default)s")
    add(
        "--config.enable-auto-reload",
        dest="config_enable_auto_reload",
        action="store_true",
        help="not in this version",
    )
    add("--web.listen-address", dest="listen", metavar="ADDRESS", action="append",
        help="where to listen; repeatable; default: :10225; IPv6 as [::1]:10225")  # fmt: skip
    add("--web.config.file", dest="web_config_file", metavar="FILE", help="not in this version")
    add("--web.systemd-socket", dest="web_systemd_socket", action="store_true", help="not in this version")
    add("--web.external-url", dest="external_url", metavar="URL", default="",
        help="the URL under which browsers reach this exporter, where a proxy stands before it")  # fmt: skip
    add("--web.route-prefix", dest="route_prefix", metavar="PATH", help="default: the path of --web.external-url")
    add(
        "--web.telemetry-path", dest="telemetry_path", metavar="PATH", default="/metrics", help="default: %(default)s"
    )
    add("--web.enable-lifecycle", dest="web_enable_lifecycle", action="store_true", help="not in this version")
    add("--shard.index", dest="shard_index", metavar="N", type=int, default=0, help="which share to probe, from 0")
    add("--shard.count", dest="shard_count", metavar="N", type=int, default=1, help="into how many shares")
    _log_flags(flags)


def _probe_flags(flags: argparse.ArgumentParser) -> None:
    add = flags.add_argument
    add(
        "hosts",
        metavar="HOST[:PORT]",
        nargs="*",
        help="without a port 25, 465 and 587 are looked at; IPv6 as [::1]:25",
    )
    add(
        "--domain",
        dest="domains",
        metavar="D",
        action="append",
        default=[],
        help="probe the MX hosts of a mail domain",
    )
    add("--module", metavar="M", help="relay, submission, submissions or one of the configuration; default: by port")
    add(
        "--config.file",
        dest="config_file",
        metavar="FILE",
        help="for its modules and limits; its targets are not probed",
    )
    add("--ca-file", dest="ca_file", metavar="FILE", help="trust these certificates instead of the system's roots")
    add("--ehlo-name", dest="ehlo_name", metavar="N", help="who to say we are; default: this machine's name")
    add("--format", choices=["text", "json", "prometheus"], default="text")


def _check_flags(flags: argparse.ArgumentParser) -> None:
    flags.add_argument("file", metavar="FILE", type=Path)


def _demo_flags(flags: argparse.ArgumentParser) -> None:
    flags.add_argument("--web.listen-address", dest="listen", metavar="ADDRESS", action="append",
                       help="default: 127.0.0.1:10225")  # fmt: skip
    _log_flags(flags)
    flags.set_defaults(log_level="error")  # a log line would scroll away where to look


def _reference_flags(flags: argparse.ArgumentParser) -> None:
    flags.add_argument("table", nargs="?", choices=["configuration", "metrics", "reasons", "schema"],
                       help="one of the tables; default: the first three")  # fmt: skip


# --- commands ---------------------------------------------------------------------------------------------------


def _fail(message: str, code: int = 1) -> int:
    print(f"smtp-exporter: {message}", file=sys.stderr)
    return code


def _run(options: argparse.Namespace) -> int:
    from exporter.agent import Agent, Options, StartError, listen_address
    from exporter.config import ConfigErrors, load

    refused = [flag for name, flag in NOT_YET.items() if getattr(options, name)]
    if refused:
        return _fail(f"{', '.join(refused)}: not in this version", USAGE)
    if not 0 <= options.shard_index < options.shard_count:
        return _fail("--shard.index must be from 0 to --shard.count less 1", USAGE)
    logs.set_up(options.log_level, options.log_format)
    try:
        outside = _outside(options.external_url)
        prefix = outside if options.route_prefix is None else _path(options.route_prefix)
        web = Options(
            tuple(listen_address(each) for each in options.listen or [":10225"]),
            prefix,
            outside if options.external_url else prefix,
            _path(options.telemetry_path) or "/metrics",
            options.shard_index,
            options.shard_count,
        )
    except ValueError as error:
        return _fail(str(error), USAGE)
    try:
        config = load(Path(options.config_file))
    except ConfigErrors as errors:
        for each in errors.errors:
            print(each, file=sys.stderr)
        return 1

    async def work() -> int:
        try:
            await Agent(config, web).run()
        except StartError as error:
            return _fail(str(error))
        return 0

    return _in_loop(options.loop, work)


def _path(text: str) -> str:
    """Read a path of a flag, as it stands before others: with a slash at the start, without one at the end.

    Raises:
        ValueError: it is none.
    """
    if not PATH.fullmatch(text):
        raise ValueError(f"{text!r} is not a path: write /metrics")
    path = "/" + text.strip("/")
    return "" if path == "/" else path


def _outside(url: str) -> str:
    """Read the path of --web.external-url.

    Raises:
        ValueError: it is no URL.
    """
    split = urlsplit(url)
    if url and (split.scheme not in ("http", "https") or not split.netloc):
        raise ValueError(f"--web.external-url: {url!r} is not a URL: write https://monitor.example.com/smtp")
    return _path(split.path)


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
        return runner.run(work())


def _probe(options: argparse.Namespace) -> int:
    from rich.console import Console

    from exporter import report
    from exporter.config import ConfigErrors, defaults, load

    logs.set_up("error")
    try:
        config = load(Path(options.config_file)) if options.config_file else defaults()
        asked = _asked(options, config)
    except ConfigErrors as errors:
        for each in errors.errors:
            print(each, file=sys.stderr)
        return 1
    except ValueError as error:
        return _fail(str(error), USAGE)
    progress, moved = report.with_progress(Console(stderr=True))

    async def work() -> report.Seen:
        with progress:
            return await report.look(config, asked, moved)

    seen = asyncio.run(work())
    code = report.exit_code(seen)
    if options.format == "text":
        report.print_text(seen, Console())
    else:
        sys.stdout.write({"json": report.as_json, "prometheus": report.as_prometheus}[options.format](seen))
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
        for each in errors.errors:
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
        return _fail(str(error), USAGE)

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
    "run": ("run the agent", _run_flags, _run),
    "probe": ("probe hosts once and show everything that is seen", _probe_flags, _probe),
    "check-config": ("check a configuration file", _check_flags, _check_config),
    "demo": ("run the agent on simulated servers, healthy and broken", _demo_flags, _demo),
    "reference": ("print the tables of configuration, metrics and reasons", _reference_flags, _reference),
}
