"""Courier's esmtpd, `LISTENERS`: couriertcpd takes the connections, and hands each to a courieresmtpd.

It runs from a folder into which Debian's packages were unpacked, on a machine of its own: its paths are compiled in.
"""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from exporter.simulated.certificates import Zoo
from tests.real.machine import machine
from tests.real.processes import PACKAGES, Server, free_ports, running

PACKAGE = PACKAGES / "courier"

LISTENERS = ("healthy",)
MAX_PER_ADDRESS = 2
"""Connections from one address; couriertcpd accepts a third one, and closes it without a word."""

ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LD_LIBRARY_PATH": str(PACKAGE / "usr/lib"),
    "COURIERTLS": str(PACKAGE / "usr/bin/couriertls"),
    "TLS_CERTFILE": "/etc/courier/esmtpd.pem",
    "TLS_VERIFYPEER": "NONE",
    "ESMTP_LOG_DIALOG": "1",
}


@contextlib.contextmanager
def run_courier(directory: Path, zoo: Zoo) -> Iterator[Server]:
    """Run it in a directory that all its users may enter."""
    server = Server("Courier", directory, free_ports(LISTENERS))
    for name in ("etc", "state/tmp", "state/msgs", "state/msgq", "state/track"):
        (directory / name).mkdir(parents=True)
        shutil.chown(directory / name, "courier")
    shutil.chown(zoo["good"].write(directory / "etc/esmtpd.pem"), "courier")
    (directory / "etc/me").write_text("mail.example.test\n")
    mounts = {
        directory / "etc": "/etc/courier",
        directory / "state": "/var/lib/courier",
        PACKAGE / "usr/lib/courier": "/usr/lib/courier",
    }
    with machine(directory, mounts) as prefix:
        command = [
            *prefix, PACKAGE / "usr/sbin/couriertcpd", "-noidentlookup", "-nodnslookup",
            "-user=courier", "-group=courier", "-address=127.0.0.1", f"-maxperip={MAX_PER_ADDRESS}",
            str(server.port("healthy")),
            "/usr/lib/courier/courier/modules/esmtp/courieresmtpd",
        ]  # fmt: skip
        with running(server, command, ENVIRONMENT):
            yield server
