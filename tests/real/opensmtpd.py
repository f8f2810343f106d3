"""One OpenSMTPD with two listeners, `LISTENERS`. Debian 12's build offers STARTTLS, and fails each handshake.

It runs from a folder into which Debian's package was unpacked. The paths compiled into it are, in a mount namespace
of its own, ours; on the machine itself only their empty folders are left. Needs root.
"""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

from exporter.simulated.certificates import Zoo
from tests.patience import PATIENCE
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

MOUNTING = """
set -e
while [ "$1" != -- ]; do
  mkdir -p "$2"
  mount --bind "$1" "$2"
  shift 2
done
shift
exec "$@"
"""
"""A shell script: `FOLDER PLACE ... -- COMMAND` puts each folder in its place, and becomes the command."""


def can_mount() -> bool:
    """Whether this machine lets us put folders in others' places, in a namespace of our own."""
    command = ["unshare", "--mount", "mount", "--bind", "/tmp", "/tmp"]  # noqa: S108 - any folder that is there
    return subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False).returncode == 0


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
    mounts = [path for place in places.items() for path in place]
    smtpd: list[str | Path] = [PACKAGE / "usr/sbin/smtpd", "-d", "-v", "-f", configuration]
    with running(server, ["unshare", "--mount", "sh", "-c", MOUNTING, "sh", *mounts, "--", *smtpd]):
        yield server
