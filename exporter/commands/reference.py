"""`smtp-exporter reference`: the tables of which the documentation is made."""

import argparse

from exporter import flags
from exporter.commands.command import Command


def _main(options: argparse.Namespace) -> int:
    from exporter import reference

    print(reference.render(options.table), end="")
    return 0


EXIT_CODES = {0: "printed", 64: "wrong usage"}
COMMAND = Command("print the tables of configuration, metrics and reasons", EXIT_CODES, flags.of_reference, _main)
