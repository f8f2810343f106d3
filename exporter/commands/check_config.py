"""`smtp-exporter check-config`: every error of configuration files, and what they come to."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from exporter import flags
from exporter.commands.command import Command, complain, fail, output

if TYPE_CHECKING:
    from exporter.config import Config

STDIN = "-"


def _main(options: argparse.Namespace) -> int:
    if options.print and len(options.files) > 1:
        return fail("--print takes one file: a file holds one configuration", flags.USAGE)
    if options.files.count(STDIN) > 1:
        return fail("standard input can be read only once", flags.USAGE)
    return max(_check(file, options) for file in options.files or [flags.DEFAULT_FILE])


def _check(file: str, options: argparse.Namespace) -> int:
    from exporter.config import ConfigErrors, load
    from exporter.config.errors import first_of

    try:
        config = load(Path(file), text=_standard_input() if file == STDIN else None)
    except ConfigErrors as errors:
        complain(errors.told)
        return 1
    complain(first_of(config.warnings, "warning"))
    with output():
        _show(file, config, whole=options.print)
    return 1 if options.strict and config.warnings else 0


def _standard_input() -> bytes:
    """Read it, but for what is too long for a configuration anyway."""
    from exporter.config.files import MAX_BYTES

    return sys.stdin.buffer.read(MAX_BYTES + 1) if sys.stdin else b""


def _show(file: str, config: "Config", *, whole: bool) -> None:
    from exporter.running import render

    if whole:
        sys.stdout.writelines(render(config, masked=False))
        return
    ports = sum(len(target.ports) * (1 if target.host else len(target.domains)) for target in config.targets)
    skipped = sum(config.skipped.values())
    warnings = max(len(config.warnings), skipped)
    found = f"no errors, {warnings} warning{'s' if warnings > 1 else ''}" if warnings else "no errors"
    print(f"{file}: {len(config.targets)} targets, {ports} ports; {found}")


EXIT_CODES = {
    0: "no errors; there may be warnings",
    1: "errors, with --strict also warnings",
    64: "wrong usage",
}
COMMAND = Command("check configuration files", EXIT_CODES, flags.of_check, _main)
