"""`smtp-exporter probe`: probes once and shows everything that is seen."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from exporter import flags, logs
from exporter.commands.command import Command, complain, fail, output

EXIT_CODES = {
    0: "good",
    1: "warnings; a mail domain works, and one of its hosts has a problem",
    2: "critical; of several the worst, in the order 2, 3, 1, 0",
    3: "untestable from here",
    64: "could not start: wrong usage, or errors in the configuration",
}


def _main(options: argparse.Namespace) -> int:
    from exporter.garbage import forget_the_lasting, left_for_later

    with left_for_later():  # to look through modules, while they come and when Python ends, is a seventh of the time
        import asyncio

        from exporter import report
        from exporter.config import ConfigErrors
    forget_the_lasting()
    logs.set_up("error")
    try:
        config = _config(options)
        asked = report.asked(config, _wanted(options))
    except ConfigErrors as errors:
        complain(errors.told)
        return flags.USAGE
    except ValueError as error:
        return fail(str(error), flags.USAGE)
    with report.progress_on(sys.stderr) as told:
        seen = asyncio.run(report.look(config, asked, told))
    for each in seen.asked:
        if each.notice:
            fail(each.notice)
    if sys.stdout:  # None where it was closed before we began
        with output():
            _show(seen, options)
    return seen.exit_code


def _config(options: argparse.Namespace) -> Any:
    """The configuration, with what the command line says in place of its global keys.

    A target file with errors has no targets, and is told: the agent tolerates it too.

    Raises:
        ConfigErrors: it cannot be used.
    """
    from exporter.config import defaults, load
    from exporter.config.errors import first_of

    file = options.config_file
    if file is None and (options.targets or options.all):
        file = flags.DEFAULT_FILE
    config = defaults() if file is None else load(Path(file), tolerant=True)
    for each in config.target_files:
        complain(first_of(each.errors))
    if not options.concurrency:
        return config
    return replace(config, max_concurrent_probes=options.concurrency, max_probes_per_host=options.concurrency)


def _wanted(options: argparse.Namespace) -> Any:
    """What to probe."""
    from exporter import report

    return report.Wanted(
        options.hosts,
        options.domains,
        options.targets,
        options.all,
        options.module,
        options.ca_file,
        options.ehlo_name,
        options.timeout,
        options.connect_timeout,
    )


def _show(seen: Any, options: argparse.Namespace) -> None:
    if options.format == "text":
        from exporter.report.terminal import Screen
        from exporter.report.text import print_text

        print_text(seen, Screen.of(sys.stdout), verbose=options.verbose)
    else:
        from exporter.report import facts

        forms = {"json": facts.as_json, "prometheus": facts.as_prometheus, "line": facts.as_lines}
        print(forms[options.format](seen), end="")


COMMAND = Command("probe hosts once and show everything that is seen", EXIT_CODES, flags.of_probe, _main)
