"""`smtp-exporter run`: the agent."""

import argparse
from pathlib import Path
from typing import Any

from exporter import flags, logs
from exporter.commands.command import Command, complain, fail


def _main(options: argparse.Namespace) -> int:
    from exporter.agent import Agent, StartError
    from exporter.commands.event_loop import run_in
    from exporter.config import ConfigErrors
    from exporter.systemd import Systemd

    if not 0 <= options.shard_index < options.shard_count:
        return fail("--shard.index must be from 0 to --shard.count less 1", flags.USAGE)
    systemd = Systemd()
    logs.set_up(options.log_level, options.log_format)
    try:
        web = _agent_options(options)
    except ValueError as error:
        return fail(str(error), flags.USAGE)

    async def work() -> int:
        try:
            try:
                config = await web.read(Path(options.config_file))
            except RuntimeError as error:
                raise StartError(str(error)) from error
            await Agent(config, web, systemd).run()
        except ConfigErrors as errors:
            complain(errors.told)
            return 1
        except StartError as error:
            return fail(str(error))
        return 0

    return run_in(options.loop, work)


def _agent_options(options: argparse.Namespace) -> Any:
    """What the agent is to do beside its configuration.

    Raises:
        ValueError: a flag makes no sense.
    """
    from exporter.agent import Options, listen_address

    outside = flags.outside(options.external_url)
    prefix = outside if options.route_prefix is None else flags.path(options.route_prefix)
    return Options(
        tuple(listen_address(each) for each in options.listen or [":10225"]),
        prefix,
        outside if options.external_url else prefix,
        flags.telemetry_path(options.telemetry_path),
        options.shard_index,
        options.shard_count,
        options.web_enable_lifecycle,
        options.config_enable_auto_reload,
        options.web_config_file,
        options.web_systemd_socket,
        flags.docs(options.docs),
        flags.web_url("--web.prometheus-url", options.prometheus_url, "https://prometheus.example.com"),
    )


EXIT_CODES = {0: "ended by SIGTERM or SIGINT", 1: "could not start", 64: "wrong usage"}
COMMAND = Command("run the agent", EXIT_CODES, flags.of_run, _main)
