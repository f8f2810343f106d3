"""`smtp-exporter version`: what people type for --version."""

import argparse

from exporter import flags
from exporter.commands.command import Command, output


def _main(_options: argparse.Namespace) -> int:
    with output():
        print(flags.version())
    return 0


COMMAND = Command("print the version", {0: "printed", 64: "wrong usage"}, lambda _flags: None, _main)
