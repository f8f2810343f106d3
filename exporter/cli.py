"""The command line: finds the command, turns what it ends with into an exit code."""

import argparse
import errno
import os
import sys
from collections.abc import Sequence

from exporter import __version__, flags
from exporter.commands import check_config, demo, probe, reference, run
from exporter.commands.command import Command, fail

COMMANDS: dict[str, Command] = {
    "run": run.COMMAND,
    "probe": probe.COMMAND,
    "check-config": check_config.COMMAND,
    "demo": demo.COMMAND,
    "reference": reference.COMMAND,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given or (given[0] not in COMMANDS and given[0] not in ("-h", "--help", "--version")):
        given.insert(0, "run")
    options = parser().parse_args(given)
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


def parser() -> argparse.ArgumentParser:
    """All commands and flags."""
    about = "Probes SMTP servers and tells Prometheus what is wrong, and why."
    top = flags.Parser(prog="smtp-exporter", description=about, epilog="Without a command: run.")
    version = f"smtp-exporter {__version__} (Python {sys.version.split()[0]})"
    top.add_argument("--version", action="version", version=version)
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
