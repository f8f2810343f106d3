"""When bytes and connections arrived, by the kernel's own clock: a busy agent must not make a server look slow.

Linux stamps what arrives (socket(7), SO_TIMESTAMPNS), and measures how long a connection took (tcp(7), TCP_INFO).
Elsewhere bytes count as arrived when they are read, and connections as made when the loop says so.
"""

import atexit
import socket
import struct
import sys
import time
from collections.abc import Iterable
from functools import cache

SO_TIMESTAMPNS = 35  # asm-generic/socket.h; Python's socket module does not name it
STAMP = struct.Struct("@qq")  # seconds and nanoseconds since 1970
TCP_INFO = struct.Struct("@68xI28xI")
"""Of `struct tcp_info` (linux/tcp.h): the round trip, smoothed, in microseconds; how many segments were sent again."""
ROOM = socket.CMSG_SPACE(STAMP.size)
"""Bytes of ancillary data to make room for."""


def stamp(sock: socket.socket) -> None:
    """Have the kernel stamp what this socket receives, where it can."""
    if _kernel_stamps():
        sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)


@cache
def _kernel_stamps() -> bool:
    """Have the kernel stamp from now on, by a socket that is never used; False where it cannot.

    The kernel stamps while anybody wants it; to turn that on for each probe would be work, and too late for its bytes.
    """
    if sys.platform != "linux":
        return False
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    atexit.register(sock.close)
    try:
        sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    except OSError:  # an architecture that numbers its options otherwise
        return False
    return True


def waited(ancillary: Iterable[tuple[int, int, bytes]]) -> float:
    """Seconds since the bytes arrived that came with this ancillary data; 0 where it does not tell."""
    for level, kind, data in ancillary:
        if kind == SO_TIMESTAMPNS and level == socket.SOL_SOCKET and len(data) == STAMP.size:
            seconds, nanoseconds = STAMP.unpack(data)
            ago: float = time.time() - seconds - nanoseconds / 1e9
            return max(0.0, ago)
    return 0.0


def connected_for(sock: socket.socket, since_syn: float) -> float:
    """Seconds for which a new connection, nothing sent over it yet, has been there; 0 where the system does not tell.

    Until we send, the round trip is that of our SYN and its answer. One that was lost has none: then all the seconds
    `since_syn` were the network's.
    """
    if sys.platform != "linux":
        return 0.0
    try:
        trip, again = TCP_INFO.unpack(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO.size))
    except (OSError, struct.error):  # a sandbox without it, or with less of it
        return 0.0
    return max(0.0, since_syn - trip / 1e6) if trip and not again else 0.0
