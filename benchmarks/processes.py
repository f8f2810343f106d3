"""Real processes: started, measured from outside as Linux tells, ended. What they do is not known here."""

import contextlib
import http.client
import os
import random
import signal
import socket
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

PATIENCE = 60.0
"""Seconds that a process may take until it answers, and that an answer may take."""


@dataclass(frozen=True, slots=True)
class Process:
    """A process that runs, and listens for HTTP on a port of loopback."""

    pid: int
    port: int

    @property
    def cpu(self) -> float:
        """Seconds of CPU so far, of all its threads, in steps of 10 ms."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def descriptors(self) -> int:
        """How many descriptors are open; none when it has ended."""
        return sum(1 for _ in Path(f"/proc/{self.pid}/fd").iterdir())

    def megabytes(self, what: str = "Rss") -> float:
        """Rss or Pss, in units of 10^6 bytes."""
        lines = Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(f"{what}:")) * 1024 / 1e6

    def get(self, path: str, *, accept_encoding: str = "gzip") -> bytes:
        """Ask once and read to the end, as a scraper does; the body comes as it was sent."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request("GET", path, headers={"Accept-Encoding": accept_encoding})
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status}")
        return body

    def wait_for(self, path: str) -> None:
        """Wait until this path is answered with 200.

        Raises:
            TimeoutError: it never was, or the process has ended.
        """
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self.descriptors:
            with contextlib.suppress(OSError, RuntimeError):
                self.get(path)
                return
            time.sleep(0.01)
        raise TimeoutError(f"{path} was not answered")

    def wait_for_port(self, address: str = "127.0.0.1") -> None:
        """Wait until it can be connected to.

        Raises:
            TimeoutError: it never could, or the process has ended.
        """
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self.descriptors:
            with contextlib.suppress(OSError), socket.create_connection((address, self.port), 1):
                return
            time.sleep(0.01)
        raise TimeoutError(f"port {self.port} does not answer")


def wait_until(condition: Callable[[], object], otherwise: str) -> None:
    """Wait until something is true.

    Raises:
        TimeoutError: it was not within PATIENCE; `otherwise` says what did not happen.
    """
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(otherwise)
        time.sleep(0.005)


@contextlib.contextmanager
def running(command: Sequence[str], port: int) -> Iterator[Process]:
    """Run a command until the block ends; of what it says only its errors are shown."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            yield Process(process.pid, port)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def free_port() -> int:
    """A free TCP port of loopback, below Linux's ephemeral ones: no outgoing connection takes it before it is used."""
    while True:
        port = random.randrange(10240, 32768)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def spread(values: Sequence[float], form: str = ".2f") -> str:
    """The median, and the range where it is one of several."""
    middle = f"{statistics.median(values):{form}}"
    return middle if len(values) == 1 else f"{middle} ({min(values):{form}} to {max(values):{form}})"
