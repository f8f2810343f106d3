"""Clients for the tests of the simulated servers: plain streams, and a TLS client that shows what it was shown."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from exporter.simulated.server import Server

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Dial = Callable[..., Awaitable[Streams]]


@pytest.fixture
async def dial() -> AsyncIterator[Dial]:
    """Connect to a server; the connections are aborted with the test."""
    writers = []

    async def connect(server: Server, tls: ssl.SSLContext | None = None, name: str | None = None) -> Streams:
        reader, writer = await asyncio.open_connection(server.host, server.port, ssl=tls, server_hostname=name)
        writers.append(writer)
        return reader, writer

    yield connect
    for writer in writers:
        writer.transport.abort()


@pytest.fixture
def blind() -> ssl.SSLContext:
    """A client context that accepts every certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    return context
