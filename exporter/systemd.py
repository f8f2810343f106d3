"""What systemd and a service tell each other: state and watchdog (sd_notify(3)), listening sockets (sd_listen_fds(3)).

The environment is read once and its variables are removed, so that no child takes them for its own. Nothing here
knows what the service does. No library: it would be one datagram and six variables behind a C extension.
"""

import asyncio
import logging
import os
import socket
import time
from collections.abc import Awaitable, Callable, MutableMapping

log = logging.getLogger(__name__)

VARIABLES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES")
FIRST_DESCRIPTOR = 3
"""SD_LISTEN_FDS_START of sd_listen_fds(3)."""
PATIENCE = 0.05
"""Seconds that a message may wait while systemd does not read: the event loop stands still meanwhile."""
FEEDS = 4
"""How often the watchdog is fed within its time. sd_watchdog_enabled(3) asks for two; so one may be left out."""
LONGEST_STATUS = 200


class SocketsError(Exception):
    """Why the sockets that systemd passed cannot be listened on, as one line for the operator."""


class Systemd:
    """The systemd that started this process. Where none did, every message is for nobody and costs nothing.

    `watchdog`: seconds within which it wants to be fed, 0 where it does not watch.
    """

    def __init__(self, environ: MutableMapping[str, str] = os.environ, pid: int | None = None) -> None:
        told = {name: environ.pop(name, "") for name in VARIABLES}
        ours = str(os.getpid() if pid is None else pid)
        self.watchdog = _number(told["WATCHDOG_USEC"]) / 1e6 if told["WATCHDOG_PID"] in ("", ours) else 0.0
        passed = _number(told["LISTEN_FDS"]) if told["LISTEN_PID"] == ours else 0
        self._passed, self._names = passed, told["LISTEN_FDNAMES"].split(":")
        self._address = _address(told["NOTIFY_SOCKET"])
        self._socket: socket.socket | None = None
        if self._address:  # opened now and kept: a process without descriptors left must still feed the watchdog
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.settimeout(PATIENCE)

    # --- messages -----------------------------------------------------------------------------------------------

    def ready(self, status: str) -> None:
        """Say that the service has started, or that it has reloaded: well or not, `status` tells."""
        self._tell("READY=1", _status(status))

    def reloading(self) -> None:
        """Say that the configuration is read anew. `ready` must follow (sd_notify(3), RELOADING=1)."""
        self._tell("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self) -> None:
        """Say that the service is about to end."""
        self._tell("STOPPING=1", _status("stopping"))

    async def feed(self, moves: Callable[[], bool], sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Feed the watchdog as long as `moves()`; return at once where there is none."""
        while self.watchdog:
            if moves():
                self._tell("WATCHDOG=1")
            else:
                log.error("nothing moves: the watchdog is not fed", extra={"watchdog_seconds": self.watchdog})
            await sleep(self.watchdog / FEEDS)

    def close(self) -> None:
        """Tell nothing more."""
        if self._socket:
            self._socket.close()
            self._socket = None

    def _tell(self, *lines: str) -> None:
        if self._socket is None:
            return
        try:
            self._socket.sendto("\n".join(lines).encode(), self._address)
        except OSError as error:
            log.warning("systemd cannot be told", extra={"what": lines[0], "error": error.strerror or str(error)})

    # --- sockets ------------------------------------------------------------------------------------------------

    def sockets(self, first: int = FIRST_DESCRIPTOR) -> list[socket.socket]:
        """Take the listening sockets that systemd passed to this process. Call it once.

        Raises:
            SocketsError: there are none, or one is no TCP socket that listens.
        """
        if not self._passed:
            raise SocketsError("systemd passed no socket: is there a .socket unit, and was this process started by it?")
        return [self._listening(first + number, number) for number in range(self._passed)]

    def _listening(self, descriptor: int, number: int) -> socket.socket:
        name = self._names[number] if number < len(self._names) else "unknown"
        try:
            found = socket.socket(fileno=descriptor)
            listens = found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        except OSError as error:
            raise SocketsError(f"descriptor {descriptor} ({name}) that systemd passed: {error.strerror}") from None
        if found.family not in (socket.AF_INET, socket.AF_INET6) or found.type != socket.SOCK_STREAM or not listens:
            found.detach()
            raise SocketsError(f"descriptor {descriptor} ({name}) that systemd passed is no TCP socket that listens")
        found.set_inheritable(False)
        found.settimeout(0)
        return found


def _number(text: str) -> int:
    """A number as systemd writes it; 0 for anything else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else 0


def _address(text: str) -> str:
    """The address of a Unix socket: a path, or `@name` in the abstract namespace; other kinds are not for us."""
    if text.startswith("@"):
        return "\0" + text[1:]
    return text if text.startswith("/") else ""


def _status(text: str) -> str:
    """One line for `systemctl status`; a line break would begin another message."""
    return "STATUS=" + "".join(c if c.isprintable() else " " for c in text[:LONGEST_STATUS])
