"""The flags of the command line: their names, defaults and what is said of them, and how paths among them are read.

What a command does with its flags is no business of this file.
"""

import argparse
import re
import sys
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

from exporter import __version__, logs
from exporter.links import LOCAL
from exporter.peer_text import escape

USAGE = 64
"""EX_USAGE of sysexits.h."""
DEFAULT_FILE = "smtp-exporter.yaml"
TAKEN = frozenset({
    "/style.css", "/page.js", "/icon.svg", "/icon-critical.svg", "/favicon.ico", "/reasons", "/reasons.md",
    "/runbooks", "/copy.js", "/domain", "/endpoint", "/api/v1/endpoints", "/api/v1/domains", "/probe", "/config",
    "/-/healthy", "/-/ready", "/-/reload",
})  # fmt: skip
"""Paths that are served whatever the flags say."""
TREES = ("/reasons/", "/runbooks/")
"""How other such paths begin."""
URL = re.compile(r"https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?(/[A-Za-z0-9/._~%!$&'()*+,;=:@-]*)?")
"""What a browser can be sent to, and links can be appended to."""
PATH = re.compile(r"[A-Za-z0-9/._~-]*")


def version() -> str:
    """What this is, in one line."""
    return f"smtp-exporter {__version__} (Python {sys.version.split()[0]})"


class Parser(argparse.ArgumentParser):
    """An argument parser whose usage errors exit with 64. Flags are not to be abbreviated: new ones may come."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(allow_abbrev=False, **settings)

    def parse_known_args(self, *given: Any, **more: Any) -> Any:
        """Parse; name the nearest flag for an unknown one. A command tells its own, not the parser above it."""
        found, unknown = super().parse_known_args(*given, **more)
        if unknown:
            flag = next((each for each in unknown if each.startswith("-")), "")
            meant = get_close_matches(flag.partition("=")[0][:64], self._option_string_actions, 1)
            guess = f"; did you mean {meant[0]}?" if meant else ""
            self.error(f"unrecognized arguments: {' '.join(unknown)}{guess}")
        return found, unknown

    def error(self, message: str) -> NoReturn:
        """Say what is wrong in one line."""
        self.exit(USAGE, f"{self.prog}: {escape(message)} (see {self.prog} --help)\n")


def _of_log(flags: argparse.ArgumentParser) -> None:
    """How and how loud to log, and on which event loop to run."""
    flags.add_argument("--log.level", dest="log_level", choices=list(logs.LEVELS), default="info")
    flags.add_argument("--log.format", dest="log_format", choices=["logfmt", "json"], default="logfmt")
    flags.add_argument("--loop", choices=["auto", "uvloop", "asyncio"], default="auto",
                       help="event loop; default: auto: uvloop where it is installed")  # fmt: skip


def of_run(flags: argparse.ArgumentParser) -> None:
    """What the agent takes beside its configuration."""
    add = flags.add_argument
    add("--version", action="version", version=version())
    add("--config.file", dest="config_file", metavar="FILE", default=DEFAULT_FILE, help="default: %(default)s")
    add(
        "--config.enable-auto-reload",
        dest="config_enable_auto_reload",
        action="store_true",
        help="reload when the configuration or a password file changes; target files, domains files and CA files "
        "are always followed",
    )
    add("--web.listen-address", dest="listen", metavar="ADDRESS", action="append",
        help="where to listen; repeatable; default: :10225; IPv6 as [::1]:10225")  # fmt: skip
    add("--web.config.file", dest="web_config_file", metavar="FILE", type=Path,
        help="TLS, passwords, headers, in exporter-toolkit's format (docs/web-config.md)")  # fmt: skip
    add("--web.systemd-socket", dest="web_systemd_socket", action="store_true",
        help="listen on the sockets that systemd passes, instead of --web.listen-address")  # fmt: skip
    add("--web.external-url", dest="external_url", metavar="URL", default="",
        help="the URL under which browsers reach this exporter, where a proxy stands before it")  # fmt: skip
    add("--web.route-prefix", dest="route_prefix", metavar="PATH", help="default: the path of --web.external-url")
    add("--web.telemetry-path", dest="telemetry_path", metavar="PATH", default="/metrics", help="default: %(default)s")
    add("--web.docs", dest="docs", metavar="local|URL", default="",
        help="where links to the documentation lead: local is the agent itself, a URL has the files of docs/ below it; "
        "default: the public address")  # fmt: skip
    add("--web.prometheus-url", dest="prometheus_url", metavar="URL", default="",
        help="the URL under which browsers reach Prometheus: pages link to its graphs")  # fmt: skip
    add("--web.enable-lifecycle", dest="web_enable_lifecycle", action="store_true",
        help="reload when /-/reload is asked to by POST")  # fmt: skip
    add("--shard.index", dest="shard_index", metavar="N", type=int, default=0, help="which share to probe, from 0")
    add("--shard.count", dest="shard_count", metavar="N", type=int, default=1, help="into how many shares")
    _of_log(flags)


def of_probe(flags: argparse.ArgumentParser) -> None:
    """What to probe once, and how to show it."""
    add = flags.add_argument
    add("hosts", metavar="HOST[:PORT]", nargs="*",
        help="IPv6 as [::1]:25. With a configuration: every target with this host and port, with all its keys; "
        "else, without a port, 25, 465 and 587 are tried")  # fmt: skip
    add("--domain", dest="domains", metavar="D", action="append", default=[],
        help="the MX hosts of a mail domain, and its policy; repeatable")  # fmt: skip
    add("--target", dest="targets", metavar="NAME", action="append", default=[],
        help="a target of the configuration, with all its keys, as the agent probes it; repeatable")  # fmt: skip
    add("--all", action="store_true", help="all targets of the configuration")
    add("--config.file", dest="config_file", metavar="FILE",
        help=f"the agent's configuration; default: none, and {DEFAULT_FILE} with --target or --all")  # fmt: skip
    add("--module", metavar="M", help="relay, submission, submissions or one of the configuration, in place of the "
        "keys of a target; default: by port")  # fmt: skip
    add("--ca-file", dest="ca_file", metavar="FILE", help="trust these certificates instead of the system's roots")
    add("--ehlo-name", dest="ehlo_name", metavar="N", help="who to say we are; default: this machine's name")
    add(
        "--timeout",
        metavar="T",
        type=_duration,
        help="for a whole probe: 500ms, 5s, 1m; default: as configured, else 30s",
    )
    add("--connect-timeout", dest="connect_timeout", metavar="T", type=_duration,
        help="for the connection, within the timeout; default: as configured, else 10s")  # fmt: skip
    add("--concurrency", metavar="N", type=_count,
        help="probes at once, in all and at one address; default: as configured, else 1000 and 1")  # fmt: skip
    add("--format", choices=["text", "line", "json", "prometheus"], default="text",
        help="line: state, host:port, address, target, reason, detail, separated by tabs")  # fmt: skip
    add("--verbose", action="store_true", help="show the whole conversation, with --format=text")


def of_check(flags: argparse.ArgumentParser) -> None:
    """Which files to check, and what to say of them."""
    add = flags.add_argument
    add("files", metavar="FILE", nargs="*", help=f"default: {DEFAULT_FILE}; - is standard input")
    add(
        "--print",
        action="store_true",
        help="print the configuration as one file, with the targets of all files and all keys merged",
    )
    add("--strict", action="store_true", help="warnings are errors")


def of_demo(flags: argparse.ArgumentParser) -> None:
    """Where the demo listens."""
    flags.add_argument("--web.listen-address", dest="listen", metavar="ADDRESS", action="append",
                       help="default: 127.0.0.1:10225")  # fmt: skip
    _of_log(flags)
    flags.set_defaults(log_level="error")  # a log line would scroll away where to look


def of_reference(flags: argparse.ArgumentParser) -> None:
    """Which table to print."""
    flags.add_argument("table", nargs="?", choices=["configuration", "metrics", "reasons", "schema"],
                       help="one of the tables; default: the first three")  # fmt: skip


def _duration(text: str) -> float:
    """Read a duration."""
    from exporter.config.durations import seconds

    try:
        return seconds(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _count(text: str) -> int:
    """Read a number of things."""
    if not (text.isascii() and text.isdigit() and 0 < len(text) < 8 and int(text)):
        raise argparse.ArgumentTypeError(f"not a whole number above 0: {text!r}")
    return int(text)


def path(text: str) -> str:
    """Read a path of a flag, as it stands before others: with a slash at the start, without one at the end.

    Raises:
        ValueError: it is none.
    """
    if not PATH.fullmatch(text):
        raise ValueError(f"{text!r} is not a path: write /metrics")
    return ("/" + text.strip("/")).rstrip("/")


def telemetry_path(text: str) -> str:
    """Read --web.telemetry-path.

    Raises:
        ValueError: it is no path, or that of something else.
    """
    wanted = path(text) or "/metrics"
    if wanted in TAKEN or wanted.startswith(TREES):
        raise ValueError(f"--web.telemetry-path: {wanted} is the path of something else")
    return wanted


def outside(url: str) -> str:
    """Read the path of --web.external-url.

    Raises:
        ValueError: it is no URL.
    """
    return path(urlsplit(web_url("--web.external-url", url, "https://monitor.example.com/smtp")).path)


def docs(text: str) -> str:
    """Read --web.docs: nothing, `local` or a URL without a slash at the end.

    Raises:
        ValueError: it is neither.
    """
    return text if text == LOCAL else web_url("--web.docs", text, "local or https://docs.example.com/smtp-exporter")


def web_url(flag: str, url: str, example: str) -> str:
    """Read a URL of a flag that browsers are to follow; without a slash at the end. Empty stays empty.

    Raises:
        ValueError: it is no URL, not of HTTP, or has a user, a query or a fragment.
    """
    if url and not URL.fullmatch(url):
        raise ValueError(f"{flag}: {url!r} is not a URL: write {example}")
    return url.rstrip("/")
