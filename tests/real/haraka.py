"""Haraka with its plugins `tls` and `limit`, and the Redis in which `limit` counts connections.

Haraka comes from the npm registry by tools/haraka.sh, Redis from a folder into which Debian's packages were unpacked.
"""

import contextlib
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

from exporter.simulated.certificates import Zoo
from tests.patience import PATIENCE
from tests.real.processes import PACKAGES, Server, free_ports, running, wait_until

HARAKA = PACKAGES.parent / "haraka/node_modules/Haraka"
REDIS = PACKAGES / "redis"

LISTENERS = ("healthy", "implicit")
MAX_PER_ADDRESS = 2
"""Connections from one address; a third one is greeted with 421."""

CONFIGURATION = {
    "me": "mail.example.test\n",
    "plugins": "tls\nlimit\n",
    "log.ini": "[main]\nlevel=notice\nformat=default\n",
    "smtp.ini": "listen=127.0.0.1:{healthy},127.0.0.1:{implicit}\nsmtps_port={implicit}\nnodes=1\n",
    "tls.ini": "[main]\nkey=tls.pem\ncert=tls.pem\n",
    "redis.ini": "[server]\nhost=127.0.0.1\nport={redis}\n",
    "limit.ini": "tarpit_delay=0\n[concurrency]\nenabled=true\nmax={max_per_address}\n",
}
"""Files of its folder `config`."""


def has_node() -> bool:
    """Whether Node.js is there, in the version that Haraka needs."""
    if not shutil.which("node"):
        return False
    said = subprocess.run(["node", "--version"], capture_output=True, text=True, timeout=PATIENCE, check=True)
    return int(said.stdout.removeprefix("v").partition(".")[0]) >= 20


@contextlib.contextmanager
def run_haraka(directory: Path, zoo: Zoo) -> Iterator[Server]:
    """Run both in a directory."""
    ports = free_ports((*LISTENERS, "redis"))
    redis = Server("Redis", directory / "redis", {"redis": ports.pop("redis")})
    redis.directory.mkdir()
    _configure(directory / "config", zoo, {**ports, **redis.ports})
    server = Server("Haraka", directory, ports)
    program = REDIS / "usr/bin/redis-server"
    with (
        running(redis, [program, "--bind", "127.0.0.1", "--port", str(redis.port("redis")), "--save", ""]),
        running(server, ["node", HARAKA / "bin/haraka", "-c", directory]),
    ):
        wait_until(lambda: _clients(redis) > 1, PATIENCE, lambda: "Haraka does not connect to Redis")
        yield server


def _clients(redis: Server) -> int:
    """How many clients Redis has, this question among them: until Haraka is one, it counts no connections."""
    with socket.create_connection(("127.0.0.1", redis.port("redis")), timeout=PATIENCE) as connection:
        connection.sendall(b"INFO clients\r\nQUIT\r\n")
        said = b"".join(iter(lambda: connection.recv(4096), b""))
    return int(said.partition(b"connected_clients:")[2].split()[0])


def _configure(directory: Path, zoo: Zoo, ports: dict[str, int]) -> None:
    directory.mkdir()
    for name, text in CONFIGURATION.items():
        (directory / name).write_text(text.format(max_per_address=MAX_PER_ADDRESS, **ports))
    shutil.copy(HARAKA / "config/connection.ini", directory)  # without it nothing has a default
    zoo["good"].write(directory / "tls.pem")
    # otherwise it makes some for minutes, and that goes on after its end
    parameters = ["openssl", "genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", "group:ffdhe2048"]
    subprocess.run([*parameters, "-out", directory / "dhparams.pem"], timeout=PATIENCE, check=True)
