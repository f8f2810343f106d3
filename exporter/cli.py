"""The command line: finds the command, turns what it ends with into an exit code."""

import argparse
import errno
import io
import os
import sys
from collections.abc import Sequence
from difflib import get_close_matches

from exporter import flags
from exporter.commands import check_config, demo, probe, reference, run, version
from exporter.commands.command import Command, fail, output


def _help(options: argparse.Namespace) -> int:
    return main([*([options.topic] if options.topic else []), "--help"])


def _of_help(flags_: argparse.ArgumentParser) -> None:
    flags_.add_argument("topic", metavar="COMMAND", nargs="?", choices=list(COMMANDS), help=", ".join(COMMANDS))


HELP = Command("show the help of a command", {0: "printed", 64: "wrong usage"}, _of_help, _help)
COMMANDS: dict[str, Command] = {
    "run": run.COMMAND,
    "probe": probe.COMMAND,
    "check-config": check_config.COMMAND,
    "demo": demo.COMMAND,
    "reference": reference.COMMAND,
    "version": version.COMMAND,
    "help": HELP,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # where the locale has no letter for a name
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given or (given[0].startswith("-") and given[0] not in ("-h", "--help", "--version")):
        given.insert(0, "run")
    if not given[0].startswith("-") and given[0] not in COMMANDS:
        return _unknown(given[0])
    try:
        with output():
            options = parser().parse_args(given)
    except SystemExit as end:  # help, version, or wrong usage
        return int(end.code or 0)
    command: Command = options.command
    try:
        code = command.main(options)
        if sys.stdout:  # None where it was closed before we began
            sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        if error.errno not in (errno.EPIPE, errno.ENOSPC):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody wants a second complaint at exit
        return 0 if error.errno == errno.EPIPE else fail(f"cannot write: {error.strerror}")  # EPIPE: the reader left
    return code


def _unknown(command: str) -> int:
    meant = next(iter(get_close_matches(command[:64], COMMANDS, 1)), None)
    guess = f"; did you mean {meant}?" if meant else ""
    return fail(f"unknown command {command[:64]!r}{guess} (see smtp-exporter --help)", flags.USAGE)


def parser() -> argparse.ArgumentParser:
    """All commands and flags."""
    about = "Probes SMTP servers and tells Prometheus what is wrong, and why."
    top = flags.Parser(
        prog="smtp-exporter",
        description=about,
        epilog="Without a command: run. Each command lists its exit codes in its help; 64 is wrong usage.",
    )
    top.add_argument("--version", action="version", version=flags.version())
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    for name, command in COMMANDS.items():
        one = commands.add_parser(
            name,
            help=command.help,
            description=f"{command.help.capitalize()}.",
            epilog="\n".join(("exit codes:", *(f"  {code:<4}{means}" for code, means in command.exit_codes.items()))),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        one.set_defaults(command=command)
        command.add_flags(one)
    return top
