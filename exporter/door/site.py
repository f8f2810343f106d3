"""Where the web server listens, with every connection counted. What the connections may do is in `connections`."""

import asyncio
import socket

from aiohttp import web

from exporter.door.connections import Connection, Connections
from exporter.door.expectations import expectations_later

BACKLOG = 128
SEND_BUFFER_BYTES = 256 * 1024
"""How much of a response the kernel keeps for a client, which it doubles (socket(7)). By default it keeps up to 4 MB: a
hundred clients that read nothing would have us make ten long responses, and it counts as memory of ours."""


class Site(web.BaseSite):
    """An address, or a socket that is bound already, served by an aiohttp runner."""

    def __init__(
        self,
        runner: web.AppRunner,
        connections: Connections,
        host: str | None,
        port: int,
        sock: socket.socket | None,
    ) -> None:
        super().__init__(runner, backlog=BACKLOG)
        self._connections = connections
        self._host, self._port, self._sock = host, port, sock

    @property
    def name(self) -> str:
        """Say where, as a URL without a scheme."""
        return f"//{self._host or ''}:{self._port}"

    async def start(self) -> None:
        """Listen. Raises OSError where the address is not to be had."""
        await super().start()
        serve = self._runner.server
        if serve is None:
            raise RuntimeError("the runner is not set up")
        serve.request_handler = expectations_later(serve.request_handler)
        loop = asyncio.get_running_loop()

        def connection() -> Connection:
            return Connection(self._connections, serve())

        if self._sock:
            self._server = await loop.create_server(connection, sock=self._sock, backlog=BACKLOG)
        else:
            self._server = await loop.create_server(connection, self._host, self._port, backlog=BACKLOG)
        for listener in self._server.sockets:  # connections inherit it
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)

    async def stop(self) -> None:
        """Listen no more, and let go of who has not asked anything yet; aiohttp ends the others."""
        await super().stop()
        for each in tuple(self._connections.waiting):
            each.abort()
