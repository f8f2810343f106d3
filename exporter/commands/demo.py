"""`smtp-exporter demo`: the agent on simulated servers."""

import argparse

from exporter import flags, logs
from exporter.commands.command import Command, fail
from exporter.commands.event_loop import run_in


def _main(options: argparse.Namespace) -> int:
    from exporter import demo
    from exporter.agent import StartError, listen_address

    logs.set_up(options.log_level, options.log_format)
    try:
        listen = tuple(listen_address(each) for each in options.listen or ["127.0.0.1:10225"])
    except ValueError as error:
        return fail(str(error), flags.USAGE)

    async def work() -> int:
        try:
            await demo.run(listen, print)
        except StartError as error:
            return fail(f"{error}; choose another one with --web.listen-address=127.0.0.1:PORT")
        return 0

    return run_in(options.loop, work)


EXIT_CODES = {0: "ended by SIGTERM or SIGINT", 1: "could not start", 64: "wrong usage"}
COMMAND = Command("run the agent on simulated servers, healthy and broken", EXIT_CODES, flags.of_demo, _main)
