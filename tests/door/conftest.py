"""What tests of the door share: web configurations, a door before a tiny application, and raw questions to it."""

import asyncio
import os
import ssl
import textwrap
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import bcrypt
import pytest
from aiohttp import web

from exporter.door import Door, Limits
from exporter.door.following import Following

CANARY = "hunter2-canary-ü"
HASH = bcrypt.hashpw(CANARY.encode(), b"$2b$04$abcdefghijklmnopqrstuu").decode()  # the same in every test process
LONG_AGO = 1_000_000_000.0

Write = Callable[..., Path]


@dataclass(slots=True)
class Clock:
    """A clock that is moved by hand."""

    time: float = 0.0

    def __call__(self) -> float:
        return self.time


class Timers:
    """Deadlines that pass when they are told to, in place of the loop's."""

    def __init__(self) -> None:
        self.set: list[tuple[float, Callable[[], None], asyncio.Handle]] = []

    def __call__(self, seconds: float, call: Callable[[], None]) -> asyncio.Handle:
        handle = asyncio.Handle(call, (), asyncio.get_running_loop())
        self.set.append((seconds, call, handle))
        return handle

    @property
    def running(self) -> list[float]:
        """The deadlines that are not called off."""
        return [seconds for seconds, _, handle in self.set if not handle.cancelled()]

    def expire(self, seconds: float) -> None:
        """Let the deadlines of so many seconds pass."""
        for each in [each for each in self.set if each[0] == seconds and not each[2].cancelled()]:
            self.set.remove(each)
            each[1]()


@dataclass(frozen=True, slots=True)
class House:
    """A door that runs, and a way to knock: each knock is a connection of its own."""

    door: Door
    port: int
    timers: Timers

    async def ask(self, *pieces: bytes, tls: ssl.SSLContext | None = None) -> bytes:
        """Send pieces, and read until the other end closes."""
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.port, ssl=tls, server_hostname="localhost" if tls else None
        )
        try:
            for piece in pieces:
                writer.write(piece)
            return await reader.read()
        finally:
            writer.transport.abort()


Build = Callable[..., Awaitable[House]]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file, as if a while ago: `write(text, age=0)`. The default is the web configuration."""
    count = 0

    def writing(text: str | bytes, name: str = "web.yml") -> Path:
        nonlocal count
        count += 1
        file = tmp_path / name
        file.write_bytes(text if isinstance(text, bytes) else textwrap.dedent(text).encode())
        os.utime(file, (LONG_AGO + count, LONG_AGO + count))
        return file

    return writing


@pytest.fixture
async def build() -> AsyncIterator[Build]:
    """Put a door before an application: `house = await build(path, Limits(...), get=handler)`. No mishaps allowed."""
    mishaps: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: mishaps.append(context))
    async with AsyncExitStack() as running:

        async def start(
            path: Path | None = None,
            limits: Limits = Limits(),  # noqa: B008 - frozen
            clock: Clock | None = None,
            get: Callable[[web.Request], Awaitable[web.StreamResponse]] | None = None,
            paths: str = "/metrics",
        ) -> House:
            async def metrics(request: web.Request) -> web.StreamResponse:
                await request.read()
                return web.Response(text=f"up 1 {request.scheme}\n")

            door = Door(Following(path, clock or Clock()) if path else None, limits)
            door.connections.later = timers = Timers()
            application = web.Application()
            application.add_routes([web.route("*", paths, get or metrics)])
            door.stand_before(application)
            runner = web.AppRunner(application, access_log=None, handle_signals=False, shutdown_timeout=0.1)
            await runner.setup()
            running.push_async_callback(runner.cleanup)
            await door.site(runner, "127.0.0.1", 0).start()
            return House(door, runner.addresses[0][1], timers)

        yield start
    assert mishaps == []
