"""`smtp-exporter probe`: probes once and shows everything that is seen."""

import argparse
import asyncio
import sys
from pathlib import Path
from typing import Any

from exporter import flags, logs
from exporter.commands.command import Command, fail


def _main(options: argparse.Namespace) -> int:
    from rich.console import Console

    from exporter import report
    from exporter.config import ConfigErrors, defaults, load

    logs.set_up("error")
    try:
        config = load(Path(options.config_file)) if options.config_file else defaults()
        asked = _asked(options, config)
    except ConfigErrors as errors:
        print(errors, file=sys.stderr)
        return flags.USAGE
    except ValueError as error:
        return fail(str(error), flags.USAGE)
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


EXIT_CODES = {
    0: "good",
    1: "warnings",
    2: "critical; the worst of several in the order 2, 3, 1, 0",
    3: "untestable from here",
    64: "could not start: wrong usage, or errors in the configuration",
}
COMMAND = Command("probe hosts once and show everything that is seen", EXIT_CODES, flags.of_probe, _main)
