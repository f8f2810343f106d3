"""Real programs as subprocesses: each in a directory of its own, on ports of its own, ended by its own id.

Nothing here knows what the programs do. Only `wait_until` sleeps: a real server gives no other sign of being ready.
"""

import contextlib
import itertools
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tests.patience import PATIENCE

PACKAGES = Path(__file__).parents[2] / ".cache/mta"
"""Where `make tools` unpacks the mail servers."""
PORTS = range(10240, 32768)
"""Below Linux's ephemeral ports: no outgoing connection takes one between choice and use."""
PORTS_PER_PROCESS = 256
LISTEN = "0A"
"""The state of a listening socket in /proc/net/tcp."""
LIFELINE = ("sh", "-c", 'read -r _; kill "$0" 2>/dev/null')
"""Ends a process once its standard input closes: at the end of a block, or because the tests were killed."""

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs: where it listens on 127.0.0.1, and where its files are."""

    name: str
    directory: Path
    ports: Mapping[str, int]

    def port(self, listener: str) -> int:
        """Tell where it listens; `listener` is a row in the table of that server."""
        return self.ports[listener]

    def log(self, lines: int = 60) -> str:
        """Give the end of each of its logs, those in subfolders included."""
        texts = [path.read_text(errors="replace") for path in sorted(self.directory.rglob("*.log"))]
        return "\n".join(line for text in texts for line in text.splitlines()[-lines:])


def wait_until(
    condition: Callable[[], Answer | None], timeout: float, otherwise: Callable[[], str], pause: float = 0.01
) -> Answer:
    """Ask until the answer is true, and give it; `pause` seconds between two questions.

    Raises:
        TimeoutError: it was not true within `timeout` seconds; `otherwise` tells what to know then.
    """
    deadline = time.monotonic() + timeout
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {timeout:g} s: {otherwise()}")
        time.sleep(pause)
    return answer


def free_ports(names: Sequence[str]) -> dict[str, int]:
    """Choose a port for each name, free on 127.0.0.1 and ::1.

    Test processes that run at once choose differently, and no port is chosen again before all others were: the program
    that it is meant for may not listen yet.
    """
    free = (port for port in _candidates if _is_free("127.0.0.1", port) and _is_free("::1", port))
    return {name: next(free) for name in names}


def _in_turn() -> Iterator[int]:
    start = os.getpid() * PORTS_PER_PROCESS % len(PORTS)
    return itertools.cycle((*PORTS[start:], *PORTS[:start]))


_candidates = _in_turn()


def _is_free(address: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind((address, port))
        except OSError:
            return False
    return True


def listening_ports() -> set[int]:
    """Look up the ports listened on in this network namespace, without disturbing the listeners by connecting."""
    lines = [line.split() for path in ("tcp", "tcp6") for line in Path("/proc/net", path).read_text().splitlines()]
    return {int(line[1].rpartition(":")[2], 16) for line in lines if line[3] == LISTEN}


@contextlib.contextmanager
def running(
    server: Server,
    command: Sequence[str | Path],
    environment: Mapping[str, str] | None = None,
    ready: Callable[[], bool] = lambda: True,
) -> Iterator[Server]:
    """Run a server in the foreground until the end of the block; its output is a log.

    Give it once it listens on all its ports and is `ready`.

    Raises:
        RuntimeError: it ended at once. TimeoutError: it was not ready in time. Both with its log.
    """
    with (server.directory / "output.log").open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=server.directory,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def has_started() -> bool:
        if process.poll() is not None:
            raise RuntimeError(f"{server.name} ended with {process.returncode}:\n{server.log()}")
        return listening_ports().issuperset(server.ports.values()) and ready()

    try:
        with subprocess.Popen([*LIFELINE, str(process.pid)], stdin=subprocess.PIPE, start_new_session=True):
            wait_until(has_started, PATIENCE, lambda: f"{server.name} to be ready:\n{server.log()}")
            yield server
        process.wait(PATIENCE)
    finally:
        process.kill()
        process.wait()
