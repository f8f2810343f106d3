"""Haraka with its plugin `tls`; with `limit`, too, and the Redis in which that one counts connections.

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
"""Connections from one address with the plugin `limit`; a third one is greeted with 421."""

CONFIGURATION = {
    "me": "mail.example.test\n",
    "plugins": "{plugins}\n",
    "log.ini": "[main]\nlevel=notice\nformat=default\n",
    "smtp.ini": "listen=127.0.0.1:{healthy},127.0.0.1:{implicit}\nsmtps_port={implicit}\nnodes=0\n",
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
    """Run it in a directory, without limits."""
    with _run(directory, zoo, "tls", free_ports(LISTENERS), redis=0) as server:
        yield server


@contextlib.contextmanager
def run_haraka_with_limit(directory: Path, zoo: Zoo) -> Iterator[Server]:
    """Run it, and its Redis, in a directory. It may count a connection that broke off for minutes."""
    redis = Server("Redis", directory / "redis", free_ports(("redis",)))
    redis.directory.mkdir()
    port = redis.port("redis")
    with (
        running(redis, [REDIS / "usr/bin/redis-server", "--bind", "127.0.0.1", "--port", str(port), "--save", ""]),
        _run(directory, zoo, "tls\nlimit", free_ports(LISTENERS), redis=port) as server,
    ):
        wait_until(lambda: _counts(server, redis), PATIENCE, lambda: "Haraka does not count")
        yield server


@contextlib.contextmanager
def _run(directory: Path, zoo: Zoo, plugins: str, ports: dict[str, int], redis: int) -> Iterator[Server]:
    _configure(directory / "config", zoo, {**ports, "redis": redis, "plugins": plugins})
    with running(Server("Haraka", directory, ports), ["node", HARAKA / "bin/haraka", "-c", directory]) as server:
        yield server


def _counts(server: Server, redis: Server) -> bool:
    """Whether it counts a connection: it does so once it has connected to Redis, which is after it listens."""
    with socket.create_connection(("127.0.0.1", server.port("healthy")), timeout=PATIENCE) as connection:
        connection.recv(1000)
        with socket.create_connection(("127.0.0.1", redis.port("redis")), timeout=PATIENCE) as asking:
            asking.sendall(b"INFO keyspace\r\nQUIT\r\n")
            return b"keys=" in b"".join(iter(lambda: asking.recv(4096), b""))


def _configure(directory: Path, zoo: Zoo, values: dict[str, int | str]) -> None:
    directory.mkdir()
    for name, text in CONFIGURATION.items():
        (directory / name).write_text(text.format(max_per_address=MAX_PER_ADDRESS, **values))
    shutil.copy(HARAKA / "config/connection.ini", directory)  # without it nothing has a default
    zoo["good"].write(directory / "tls.pem")
    # otherwise it makes some for minutes, and that goes on after its end
    parameters = ["openssl", "genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", "group:ffdhe2048"]
    subprocess.run([*parameters, "-out", directory / "dhparams.pem"], timeout=PATIENCE, check=True)
