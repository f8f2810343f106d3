"""A machine of its own for a server whose paths are compiled in: a mount namespace and a host name. Needs root.

Its name lookups stay in one file, and its syslog is a log in the server's directory. On the real machine only empty
folders are left, at the places where ours were mounted.
"""

import contextlib
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.patience import PATIENCE

FILES = {
    "hosts": "127.0.0.1 mail.example.test localhost\n::1 mail.example.test localhost\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
    "resolv.conf": "nameserver 127.0.0.1\n",
}
"""Files in /etc. No lookup waits for a network: nothing answers DNS on 127.0.0.1, and a refusal comes at once."""
DEVICES = ("null", "zero", "random", "urandom")
DATAGRAM_BYTES = 8192

MOUNT = """
set -e
hostname mail.example.test
while [ "$1" != -- ]; do
  [ -e "$2" ] || mkdir -p "$2"
  mount --rbind "$1" "$2"
  shift 2
done
shift
exec "$@"
"""
"""A shell script: `SOURCE TARGET ... -- COMMAND` mounts each source on its target, and becomes the command."""


def can_mount() -> bool:
    """Whether this machine allows mounts in a namespace of our own."""
    command = ["unshare", "--mount", "--uts", "mount", "--bind", "/tmp", "/tmp"]  # noqa: S108 - any folder will do
    return subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False).returncode == 0


@contextlib.contextmanager
def machine(directory: Path, mounts: Mapping[Path, str]) -> Iterator[list[str | Path]]:
    """Give the start of a command line that runs the rest of it with these mounts, in `directory`/etc and /dev.

    What it sends to syslog is written to syslog.log until the end of the block.
    """
    own, devices = directory / "machine/etc", directory / "machine/dev"
    for folder, names in ((own, FILES), (devices, DEVICES)):
        folder.mkdir(parents=True)
        for name in names:
            (folder / name).write_text(FILES.get(name, ""))
    sources = {
        **mounts,
        **{own / name: f"/etc/{name}" for name in FILES},
        **{Path("/dev", name): str(devices / name) for name in DEVICES},
        devices: "/dev",
    }
    with _syslog(devices / "log", directory / "syslog.log"):
        pairs = [path for pair in sources.items() for path in pair]
        yield ["unshare", "--mount", "--uts", "sh", "-c", MOUNT, "sh", *pairs, "--"]


@contextlib.contextmanager
def _syslog(path: Path, log: Path) -> Iterator[None]:
    """Write what comes in at a socket to a file, a line each."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as inbox, log.open("wb", buffering=0) as lines:
        inbox.bind(str(path))
        path.chmod(0o666)

        def receive() -> None:
            while datagram := inbox.recv(DATAGRAM_BYTES):
                lines.write(datagram.strip(b"\0\n") + b"\n")

        reader = threading.Thread(target=receive)
        reader.start()
        try:
            yield
        finally:
            inbox.sendto(b"", str(path))  # an empty datagram ends the loop
            reader.join()
