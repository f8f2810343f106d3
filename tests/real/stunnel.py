"""stunnel: implicit TLS before a Postfix that has none, `LISTENERS`.

It runs from a folder into which Debian's package was unpacked.
"""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from exporter.simulated.certificates import Zoo
from tests.real.processes import PACKAGES, Server, free_ports, running

PACKAGE = PACKAGES / "stunnel"
DISCARD_PORT = 9
"""Nothing listens on it (RFC 863)."""

LISTENERS: Mapping[str, str] = {
    "healthy": "connect = {backend}",
    "dead_backend": f"connect = {DISCARD_PORT}",
    "send_proxy": "connect = {backend}\nprotocol = proxy",
    "p521": "connect = {backend}\ncurves = P-521",
    "x448": "connect = {backend}\ncurves = X448",
    "ffdhe2048": "connect = {backend}\ncurves = ffdhe2048",
    "ffdhe3072": "connect = {backend}\ncurves = ffdhe3072",
}
"""Listener -> its section. The last four know one group; the backend of `send_proxy` expects no PROXY line."""

CONFIGURATION = """\
foreground = yes
syslog = no
debug = info
pid =
cert = {certificate}
"""


@contextlib.contextmanager
def run_stunnel(directory: Path, zoo: Zoo, backend: int) -> Iterator[Server]:
    """Run it in a directory, before a mail server that listens on a port of 127.0.0.1."""
    server = Server("stunnel", directory, free_ports(tuple(LISTENERS)))
    sections = (
        f"[{name}]\naccept = 127.0.0.1:{server.port(name)}\n{text.format(backend=f'127.0.0.1:{backend}')}\n"
        for name, text in LISTENERS.items()
    )
    configuration = directory / "stunnel.conf"
    configuration.write_text(CONFIGURATION.format(certificate=zoo["good"].pem_file) + "".join(sections))
    with running(server, [PACKAGE / "usr/bin/stunnel4", configuration]):
        yield server
