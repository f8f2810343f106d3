"""The agent as a process, in want of something: descriptors, a disk, somebody who reads its log."""

import contextlib
import fcntl
import os
import re
import resource
import select
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.patience import PATIENCE
from tests.real.conftest import NewDirectory, require
from tests.real.machine import can_mount
from tests.real.processes import free_ports, listening_ports, wait_until

ROOT = Path(__file__).parents[2]
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
READ_ONLY = 'mount --bind / / && mount -o remount,bind,ro / && cd / && exec env -u HOME "$@"'


@dataclass(frozen=True, slots=True)
class Running:
    """The agent, on a port of its own; its log is a file or nothing."""

    process: subprocess.Popen[bytes]
    port: int

    def get(self, path: str = "/metrics") -> str:
        """Ask it; nothing where it does not answer."""
        try:
            with OPENER.open(f"http://127.0.0.1:{self.port}{path}", timeout=PATIENCE) as answer:
                return str(answer.read(), "utf-8")
        except OSError:
            return ""

    def wait_for(self, pattern: str) -> str:
        """Scrape until a line of the metrics matches."""
        found = wait_until(lambda: re.search(pattern, self.get(), re.MULTILINE), PATIENCE, lambda: self.get()[-3000:])
        return found[0] if found else ""

    def end(self) -> int:
        """End it as systemd does; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)


Start = Callable[..., Running]


@pytest.fixture
def silent() -> Iterator[int]:
    """A server that takes every connection and says nothing: its port."""

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                held.enter_context(listening.accept()[0])

    with ExitStack() as held, socket.create_server(("127.0.0.1", 0), backlog=100) as listening:
        thread = threading.Thread(target=accept)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.fixture
def start(new_directory: NewDirectory, silent: int) -> Iterator[Start]:
    """Start the agent on the silent server; `before` stands before its command, the rest is for Popen."""
    with ExitStack() as stack:

        def run(*flags: str, before: Sequence[str] = (), **options: object) -> Running:
            folder = new_directory("defence")
            (folder / "c.yaml").write_text(
                "global: {interval: 1s, timeout: 500ms, connect_timeout: 500ms}\n"
                f"targets: [{{host: 127.0.0.1, ports: [{silent}]}}]\n"
            )
            port = free_ports(["web"])["web"]
            command = [
                *before, sys.executable, "-m", "exporter", "run", f"--config.file={folder}/c.yaml",
                f"--web.listen-address=127.0.0.1:{port}", *flags,
            ]  # fmt: skip
            environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
            settings = {"cwd": folder, "env": environment, "stderr": subprocess.DEVNULL} | options
            process = stack.enter_context(subprocess.Popen(command, **settings))  # type: ignore[call-overload]  # any
            stack.callback(process.kill)
            return Running(process, port)

        yield run


PROBED = r"^smtp_probe_problem\{.*greeting_timeout.*\} 1$"


# --- nobody reads its log -------------------------------------------------------------------------------------


def test_with_stderr_closed_it_runs_and_no_connection_gets_its_number(start: Start) -> None:
    agent = start(before=["sh", "-c", 'exec "$@" 0<&- 2>&-', "sh"])
    agent.wait_for(PROBED)
    streams = [str(Path(f"/proc/{agent.process.pid}/fd", number).readlink()) for number in "02"]
    assert (streams, agent.end()) == (["/dev/null"] * 2, 0)


def test_with_a_full_disk_behind_stderr_it_runs_and_ends_with_0(start: Start) -> None:
    with Path("/dev/full").open("wb") as full:
        agent = start("--log.level=debug", stderr=full)
    agent.wait_for(PROBED)
    assert agent.end() == 0


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_with_a_reader_of_its_log_that_has_stopped_reading_it_goes_on(start: Start, loop: str) -> None:
    reading, writing = os.pipe()
    try:
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
        agent = start("--log.level=debug", f"--loop={loop}", stderr=writing)
        wait_until(lambda: full(writing), PATIENCE, agent.get)
        agent.wait_for(PROBED)
        before = float(agent.wait_for(r"^smtp_exporter_problems_total\{.*greeting_timeout.*\} (\S+)$").split()[-1])
        wait_until(lambda: problems(agent) > before, PATIENCE, agent.get)
        assert agent.end() == 0
    finally:
        os.close(reading)
        os.close(writing)


def full(pipe: int) -> bool:
    """Whether a page-sized pipe holds something: from now on nothing is sure to fit."""
    return not select.select([], [pipe], [], 0)[1]


def problems(agent: Running) -> float:
    found = re.search(r"^smtp_exporter_problems_total\{.*greeting_timeout.*\} (\S+)$", agent.get(), re.MULTILINE)
    return float(found[1]) if found else 0.0


# --- nothing to write to, nothing to open ---------------------------------------------------------------------


def test_on_a_read_only_disk_without_a_home_it_runs(start: Start) -> None:
    require(there=can_mount(), otherwise="a read-only root needs a mount namespace")
    agent = start(before=["unshare", "--mount", "sh", "-c", READ_ONLY, "sh"])
    agent.wait_for(PROBED)
    assert agent.end() == 0


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_without_descriptors_the_fault_is_ours_and_passes(start: Start, loop: str, tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as log:
        agent = start(f"--loop={loop}", stderr=log)
    agent.wait_for(PROBED)
    pid = agent.process.pid
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    written = tmp_path / "log"
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (4, hard))
    wait_until(lambda: b"reason=local_resources" in written.read_bytes(), PATIENCE, written.read_text)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
    agent.wait_for(PROBED)
    assert "smtp_exporter_internal_errors_total 0.0" in agent.get()
    assert agent.end() == 0


def test_asyncio_does_not_flood_the_log_when_it_cannot_accept(start: Start, tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as log:
        agent = start("--loop=asyncio", stderr=log)
    agent.wait_for(PROBED)
    pid, written = agent.process.pid, tmp_path / "log"
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (4, hard))
    with socket.create_connection(("127.0.0.1", agent.port)):
        wait_until(lambda: b"out of system resource" in written.read_bytes(), PATIENCE, written.read_text)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
    agent.wait_for(PROBED)
    assert written.read_text().count("out of system resource") <= 2
    assert agent.end() == 0


# --- systemd --------------------------------------------------------------------------------------------------


def test_a_socket_that_the_real_systemd_socket_activate_passes_is_taken() -> None:
    port = free_ports(["web"])["web"]
    code = (
        "from exporter.systemd import Systemd; [s] = Systemd().sockets(); "
        "s.setblocking(True); c, _ = s.accept(); c.sendall(repr(s.getsockname()).encode())"
    )
    command = ["systemd-socket-activate", f"--listen=127.0.0.1:{port}", "--fdname=web", sys.executable, "-c", code]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) as process:
        try:
            wait_until(lambda: port in listening_ports(), PATIENCE, lambda: "systemd-socket-activate to listen")
            with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
                assert client.recv(100).decode() == repr(("127.0.0.1", port))
        finally:
            process.kill()
