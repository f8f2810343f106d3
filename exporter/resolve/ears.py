"""Waits for datagrams on many sockets, of which the event loop knows one descriptor only: epoll(7) or its like.

Each question has a port of its own (RFC 5452 9.2), for some milliseconds: to tell the loop of each takes longer than to
read the answer. Few are heard between two turns of everybody else, for tens of thousands may be asked in a minute.
"""

import asyncio
import selectors
import socket
from itertools import islice

FEW = 4
"""Datagrams heard at once: an answer, what is done with it and the next question take a third of a millisecond."""


class Ears:
    """For one event loop. `close` when nobody waits any more."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    async def hear(self, sock: socket.socket, size: int) -> bytes:
        """The next datagram on a connected socket that does not block; of a longer one so many octets.

        Raises:
            OSError: the system says that there will be none.
        """
        loop, number = asyncio.get_running_loop(), sock.fileno()
        if self._loop is None:
            self._loop = loop
            loop.add_reader(self._selector, self._some_have_come)
        while True:
            self._waiting[number] = loop.create_future()
            self._selector.register(number, selectors.EVENT_READ)
            try:
                await self._waiting[number]
                return sock.recv(size)
            except BlockingIOError:
                pass  # what had come was damaged
            finally:
                self._selector.unregister(number)
                del self._waiting[number]

    def _some_have_come(self) -> None:
        ready = (self._waiting[key.fd] for key, _ in self._selector.select(0))
        for each in islice((each for each in ready if not each.done()), FEW):
            each.set_result(None)

    def close(self) -> None:
        """Hear nothing more."""
        if self._loop:
            self._loop.remove_reader(self._selector)
            self._loop = None
        self._selector.close()
