"""A server on loopback that performs a script with each client, and remembers the conversations.

A script is a coroutine function over a `client.Client`, and reads like the conversation:

    async def healthy(client):
        await client.say("220 mail.example.test ESMTP")
        await client.hear("EHLO")
        await client.say("250-mail.example.test", "250 STARTTLS")
        await client.hear("STARTTLS")
        await client.say("220 2.0.0 Ready to start TLS")
        await client.start_tls(zoo.good)

A script ends quietly when its client leaves, and the server hangs up when a script ends. Any exception in a script
surfaces when the server closes. What is said is no business of this file.
"""

import asyncio
import contextlib
import socket
import ssl
from collections import deque
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from exporter.simulated.certificates import Credentials
from exporter.simulated.client import Client, ClientLeft

if TYPE_CHECKING:
    from exporter.simulated.conversation import Conversation

Script = Callable[[Client], Awaitable[None]]


class Server:
    """Perform a script with every client: `async with Server(script) as server`, then talk to `server.port`.

    With `implicit_tls` each conversation begins with a handshake. `sleep` is the clock of pauses and drips.
    The last `remember` conversations are kept.
    """

    def __init__(
        self,
        script: Script,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        implicit_tls: Credentials | ssl.SSLContext | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        remember: int = 1000,
    ) -> None:
        self.script = script
        """What is performed with the clients from now on; may be exchanged while the server runs."""
        self.host, self.port = host, port
        self.conversations: deque[Conversation] = deque(maxlen=remember)
        self._implicit_tls = implicit_tls
        self._sleep = sleep
        self._clients = 0
        self._failures: list[Exception] = []
        self._performing: set[asyncio.Task[None]] = set()

    def __str__(self) -> str:
        """Say host:port, an IPv6 address in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    async def __aenter__(self) -> Self:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        self._listener = socket.create_server((self.host, self.port), family=family, backlog=1024)
        self._listener.settimeout(0)
        self.port = self._listener.getsockname()[1]
        asyncio.get_running_loop().add_reader(self._listener, self._accept)
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._accept()
        asyncio.get_running_loop().remove_reader(self._listener)
        self._listener.close()
        for task in self._performing:
            task.cancel()
        await asyncio.gather(*self._performing, return_exceptions=True)
        failures = self._failures
        if error:
            for failure in failures:
                error.add_note(f"A script failed as well: {failure!r}")
        elif len(failures) == 1:
            raise failures[0]
        elif failures:
            raise ExceptionGroup("scripts failed", failures)

    async def settled(self) -> None:
        """Wait until every conversation is over: all scripts have ended, all clients have left."""
        self._accept()
        while self._performing:
            await asyncio.wait(self._performing)
            self._accept()

    def _accept(self) -> None:
        """Begin a conversation with everybody who has connected."""
        while True:
            try:
                connection, _ = self._listener.accept()
            except BlockingIOError:
                return
            connection.settimeout(0)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._clients += 1
            client = Client(connection, self._clients, self._sleep)
            self.conversations.append(client.conversation)
            task = asyncio.create_task(self._perform(client))
            self._performing.add(task)
            # Not in a `finally` of the task: a task that is cancelled before its first step never reaches one.
            task.add_done_callback(client.close)
            task.add_done_callback(self._performing.discard)

    async def _perform(self, client: Client) -> None:
        try:
            with contextlib.suppress(ClientLeft):
                if self._implicit_tls:
                    await client.start_tls(self._implicit_tls)
                await self.script(client)
            await client.hang_up()
        except ClientLeft:
            pass
        except Exception as failure:  # noqa: BLE001 - kept until the server closes, and raised there
            self._failures.append(failure)


def in_turn(*scripts: Script) -> Script:
    """Make a script that is the first for the first client, the second for the second, the last for all others."""

    async def script(client: Client) -> None:
        await scripts[min(client.number, len(scripts)) - 1](client)

    return script
