"""When bytes arrived, by the kernel's own time stamps: a busy agent must not make a server look slow.

Linux stamps what arrives (socket(7), SO_TIMESTAMPNS). Elsewhere bytes count as arrived when they are read.
"""

import contextlib
import socket
import struct
import sys
import time
from collections.abc import Iterable

SO_TIMESTAMPNS = 35  # asm-generic/socket.h; Python's socket module does not name it
STAMP = struct.Struct("@qq")  # seconds and nanoseconds since 1970
ROOM = socket.CMSG_SPACE(STAMP.size)
"""Bytes of ancillary data to make room for."""


def stamp(sock: socket.socket) -> None:
    """Have the kernel stamp what this socket receives, where it can."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # an architecture that numbers its options otherwise
            sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)


def waited(ancillary: Iterable[tuple[int, int, bytes]]) -> float:
    """Seconds since the bytes arrived that came with this ancillary data; 0 where it does not tell."""
    for level, kind, data in ancillary:
        if (level, kind, len(data)) == (socket.SOL_SOCKET, SO_TIMESTAMPNS, STAMP.size):
            seconds, nanoseconds = STAMP.unpack(data)
            arrived: float = seconds + nanoseconds / 1e9
            return max(0.0, time.time() - arrived)
    return 0.0
