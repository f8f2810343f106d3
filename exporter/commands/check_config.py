"""`smtp-exporter check-config`: every error of a configuration file."""

import argparse
import sys

from exporter import flags
from exporter.commands.command import Command


def _main(options: argparse.Namespace) -> int:
    from exporter.config import ConfigErrors, load

    try:
        config = load(options.file)
    except ConfigErrors as errors:
        print(errors, file=sys.stderr)
        return 1
    ports = sum(len(target.ports) * (1 if target.host else len(target.domains)) for target in config.targets)
    print(f"{options.file}: {len(config.targets)} targets, {ports} ports; no errors")
    return 0


EXIT_CODES = {0: "no errors", 1: "errors", 64: "wrong usage"}
COMMAND = Command("check a configuration file", EXIT_CODES, flags.of_check, _main)
