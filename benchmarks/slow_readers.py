"""Clients that take a response slowly, or not at all, and what the agent holds for them."""

import contextlib
import socket
import time

from benchmarks.processes import Process

READERS = 12
RATE = 1_000_000
"""Octets that each takes in a second."""
TURNS = 10
"""Reads of each in a second."""


def peak(process: Process, path: str, seconds: float) -> float:
    """The most megabytes that a process took while it answered slow readers without gzip."""
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(socket.create_connection(("127.0.0.1", process.port))) for _ in range(READERS)]
        for client in clients:
            client.sendall(request)
            client.settimeout(0)
        taken, end = process.megabytes(), time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(1 / TURNS)
            for client in clients:
                with contextlib.suppress(BlockingIOError):
                    client.recv(RATE // TURNS)
            taken = max(taken, process.megabytes())
    return taken
