"""One OpenSMTPD with two listeners, `LISTENERS`. Debian 12's build offers STARTTLS, and fails each handshake.

It runs from a folder into which Debian's package was unpacked, on a machine of its own: its paths are compiled in.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from exporter.simulated.certificates import Zoo
from tests.real.machine import machine
from tests.real.processes import PACKAGES, Server, free_ports, running

PACKAGE = PACKAGES / "opensmtpd"

LISTENERS = ("plain", "starttls")

CONFIGURATION = """
pki good cert "{certificate}"
pki good key "{certificate}"
listen on 127.0.0.1 port {plain} hostname mail.example.test
listen on ::1 port {plain} hostname mail.example.test
listen on 127.0.0.1 port {starttls} hostname mail.example.test tls pki good
action discard mda "/bin/cat" user nobody
match from any for domain "example.test" action discard
"""


@contextlib.contextmanager
def run_opensmtpd(directory: Path, zoo: Zoo) -> Iterator[Server]:
    """Run OpenSMTPD in a directory that all its users may enter. `plain` listens on ::1 as well."""
    server = Server("OpenSMTPD", directory, free_ports(LISTENERS))
    certificate = zoo["good"].write(directory / "good.pem")
    configuration = directory / "smtpd.conf"
    configuration.write_text(CONFIGURATION.format(certificate=certificate, **server.ports))
    for name, mode in {"spool": 0o711, "empty": 0o755, "run": 0o755}.items():
        (directory / name).mkdir()
        (directory / name).chmod(mode)
    places = {
        directory / "spool": "/var/spool/smtpd",
        directory / "empty": "/var/lib/opensmtpd/empty",
        directory / "run": "/run",
        PACKAGE / "usr/libexec/opensmtpd": "/usr/libexec/opensmtpd",
    }
    with machine(directory, places) as prefix:
        command = [*prefix, PACKAGE / "usr/sbin/smtpd", "-d", "-v", "-f", configuration]
        with running(server, command):
            yield server
