"""HAProxy as a TCP proxy before Postfix, `LISTENERS`.

It runs from a folder into which Debian's package was unpacked.
"""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.real.processes import PACKAGES, Server, free_ports, running

PACKAGE = PACKAGES / "haproxy"
DISCARD_PORT = 9
"""Nothing listens on it (RFC 863)."""

LISTENERS: Mapping[str, tuple[str, str]] = {
    "healthy": ("", "server mta 127.0.0.1:{backend}"),
    "dead_backend": ("", f"server mta 127.0.0.1:{DISCARD_PORT}"),
    "reset": ("", "tcp-request connection reject"),
    "proxy_protocol": ("accept-proxy", "server mta 127.0.0.1:{backend}"),
    "send_proxy": ("", "server mta 127.0.0.1:{backend} send-proxy"),
}
"""Listener -> options of its bind line, and what follows. `proxy_protocol` waits 4 s for a PROXY line; the backend of
`send_proxy` expects none."""

CONFIGURATION = """\
global
  log stdout format raw local0
defaults
  mode tcp
  log global
  option tcplog
  retries 0
  timeout connect 5s
  timeout client 4s
  timeout server 30s
"""


@contextlib.contextmanager
def run_haproxy(directory: Path, backend: int) -> Iterator[Server]:
    """Run it in a directory, before a mail server that listens on a port of 127.0.0.1."""
    server = Server("HAProxy", directory, free_ports(tuple(LISTENERS)))
    sections = (
        f"listen {name}\n  bind 127.0.0.1:{server.port(name)} {options}\n  {text.format(backend=backend)}\n"
        for name, (options, text) in LISTENERS.items()
    )
    configuration = directory / "haproxy.cfg"
    configuration.write_text(CONFIGURATION + "".join(sections))
    with running(server, [PACKAGE / "usr/sbin/haproxy", "-db", "-f", configuration]):
        yield server
