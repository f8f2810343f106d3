"""Knot DNS (Debian package knot) serves zones, on loopback of the network namespace one is in. Not a test."""

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.patience import PATIENCE
from tests.real.processes import Server, running

KNOTD = shutil.which("knotd", path="/usr/sbin")
SERVER = """
server:
  rundir: {directory}
  listen: 127.0.0.1@{port}
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
database:
  storage: {directory}
log:
  - target: stderr
    any: info
"""
ZONE = """
template:
  - id: default
    storage: {directory}
    file: "%s.zone"
    zonefile-sync: -1
    zonefile-load: whole
    journal-content: none
zone:
"""
"""Before a line for each zone."""


def configuration(directory: Path, port: int, *parts: str) -> str:
    """What Knot reads: zones from files in this directory."""
    return "".join((SERVER, *parts, ZONE)).format(directory=directory, port=port)


@contextlib.contextmanager
def run_knot(directory: Path, zone: str, port: int = 53) -> Iterator[None]:
    """Serve lab.test from a directory that it has for itself."""
    (directory / "lab.test.zone").write_text(zone)
    (directory / "conf").write_text(configuration(directory, port) + "  - domain: lab.test\n")
    with running(Server("Knot", directory, {"dns": port}), [str(KNOTD), "-c", directory / "conf"]):
        yield


def reload_zone(configuration: Path, name: str) -> None:
    """Have it read the file of a zone again; the serial must be a later one."""
    command: list[str | Path] = ["knotc", "-c", configuration, "--blocking", "zone-reload", name]
    subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE)
