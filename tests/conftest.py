"""The test bed for every test: the certificate `zoo`, and `serve`, which starts scripted servers on loopback."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from exporter.simulated.certificates import Zoo
from exporter.simulated.server import Script, Server
from tests.cpu_time_loop import CpuTimeLoop

Serve = Callable[..., Awaitable[Server]]

settings.register_profile("no clock", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no clock")  # on a busy machine any example may take a second


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run each asynchronous test on a clock that a busy machine does not move."""
    return {"CPU time": CpuTimeLoop}


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """A command that runs in a test sets up logging, and must leave the next test its own."""
    root = logging.getLogger()
    handlers, level, raises = [*root.handlers], root.level, logging.raiseExceptions
    yield
    root.handlers, logging.raiseExceptions = handlers, raises
    root.setLevel(level)  # also forgets what loggers remember of the level before


@pytest.fixture(scope="session")
def zoo() -> Iterator[Zoo]:
    """One certificate for each way a certificate can be right or wrong: `zoo.good`, `zoo.expired`."""
    with Zoo() as zoo:
        yield zoo


async def timeless(_seconds: float) -> None:
    """Let others run, and no time pass."""
    await asyncio.sleep(0)


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Start servers: `server = await serve(script, host="::1")`; they end with the test, and their failures fail it.

    Their pauses and drips take no time, unless the test hands in another `sleep`.
    """
    async with AsyncExitStack() as running:

        async def start(script: Script, **options: Any) -> Server:
            return await running.enter_async_context(Server(script, **{"sleep": timeless, **options}))

        yield start
