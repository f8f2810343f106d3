"""The event loop of commands that run until they are told to stop."""

import asyncio
import importlib
import signal
from collections.abc import Callable, Coroutine
from typing import Any

from exporter.commands.command import fail


def run_in(loop: str, work: Callable[[], Coroutine[Any, Any, int]]) -> int:
    """Run on uvloop where it is installed or asked for, else on asyncio's own loop."""
    factory = None
    if loop != "asyncio":
        try:
            factory = importlib.import_module("uvloop").new_event_loop
        except ImportError:
            if loop == "uvloop":
                return fail("--loop=uvloop: uvloop is not installed: pip install smtp-exporter[uvloop]")
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(_until_told(work))


async def _until_told(work: Callable[[], Coroutine[Any, Any, int]]) -> int:
    """Do some work; SIGTERM and SIGINT end it well, until it handles them itself."""
    task: Any = asyncio.current_task()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        return await work()
    except asyncio.CancelledError:
        return 0
