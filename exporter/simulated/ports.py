"""Ports on loopback that nobody answers on: one refuses, one is silent to SYN as behind a firewall that drops.

Plain sockets, kept open as long as they are used. Linux only: it is what decides who hears of a full backlog.
"""

import contextlib
import socket
from collections.abc import Iterator


@contextlib.contextmanager
def closed_port(host: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """Hold a port that refuses connections: bound, so that nobody else takes it, and not listening."""
    with _bound(host, port) as holder:
        yield _port(holder)


@contextlib.contextmanager
def dropping_port(host: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """Hold a port that never answers a SYN: Linux drops them while the queue of accepted connections is full."""
    with _bound(host, port) as listener, _unbound(host) as only_guest:
        listener.listen(0)
        only_guest.connect((host, _port(listener)))
        yield _port(listener)


def _unbound(host: str) -> socket.socket:
    return socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)


def _bound(host: str, port: int = 0) -> socket.socket:
    one = _unbound(host)
    one.bind((host, port))
    return one


def _port(one: socket.socket) -> int:
    return int(one.getsockname()[1])
