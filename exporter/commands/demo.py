"""`smtp-exporter demo`: the agent on simulated servers."""

import argparse
from functools import partial

from exporter import flags, logs
from exporter.commands.command import Command, fail

DEFAULT_PORT, MAX_PORT = 10225, 65535


def _main(options: argparse.Namespace) -> int:
    from exporter import demo
    from exporter.agent import CannotListenError, StartError, listen_address
    from exporter.commands.event_loop import run_in

    logs.set_up(options.log_level, options.log_format)
    try:
        listen = tuple(listen_address(each) for each in options.listen or [f"127.0.0.1:{DEFAULT_PORT}"])
    except ValueError as error:
        return fail(str(error), flags.USAGE)

    async def work() -> int:
        try:
            await demo.run(listen, partial(print, flush=True))
        except CannotListenError as error:
            return fail(f"{error}{_another_port(error.port) if error.taken else ''}")
        except StartError as error:
            return fail(str(error))
        return 0

    return run_in(options.loop, work)


def _another_port(taken: int) -> str:
    """How to start the demo where its port is taken, by an agent or by another demo."""
    flag = f"--web.listen-address=127.0.0.1:{taken + 1 if taken < MAX_PORT else DEFAULT_PORT}"
    return f". Choose another port: smtp-exporter demo {flag}, or make demo ARGS={flag}"


EXIT_CODES = {0: "ended by SIGINT, SIGTERM, or the end of its terminal", 1: "could not start", 64: "wrong usage"}
COMMAND = Command("run the agent on simulated servers, healthy and broken", EXIT_CODES, flags.of_demo, _main)
