"""nginx as a mail proxy, `LISTENERS`. It greets, offers TLS and AUTH itself, and asks for a backend only at a login.

It runs from a folder into which Debian's packages were unpacked; needs root.
"""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from exporter.simulated.certificates import Zoo
from tests.real.processes import PACKAGES, Server, free_ports, running

PACKAGE = PACKAGES / "nginx"

LISTENERS: Mapping[str, str] = {
    "submission": "listen 127.0.0.1:{port}; starttls on;",
    "submissions": "listen 127.0.0.1:{port} ssl;",
    "client_certificate": "listen 127.0.0.1:{port}; starttls on; ssl_verify_client on;",
    "client_certificate_implicit": "listen 127.0.0.1:{port} ssl; ssl_verify_client on;",
}
"""Listener -> its part of the configuration."""

CONFIGURATION = """
load_module {package}/usr/lib/nginx/modules/ngx_mail_module.so;
daemon off;
pid {directory}/nginx.pid;
error_log stderr info;
events {{ }}
mail {{
  server_name mail.example.test;
  auth_http 127.0.0.1:9/;
  ssl_certificate {certificate};
  ssl_certificate_key {certificate};
  ssl_protocols TLSv1.2 TLSv1.3;
  ssl_client_certificate {ca_file};
{servers}
}}
"""


@contextlib.contextmanager
def run_nginx(directory: Path, zoo: Zoo) -> Iterator[Server]:
    """Run it in a directory."""
    server = Server("nginx", directory, free_ports(tuple(LISTENERS)))
    servers = (
        f"  server {{ protocol smtp; {text.format(port=server.port(name))} }}" for name, text in LISTENERS.items()
    )
    configuration = directory / "nginx.conf"
    configuration.write_text(
        CONFIGURATION.format(
            package=PACKAGE, directory=directory, certificate=zoo["good"].pem_file, ca_file=zoo.ca_file,
            servers="\n".join(servers),
        )
    )  # fmt: skip
    with running(server, [PACKAGE / "usr/sbin/nginx", "-e", "stderr", "-p", directory, "-c", configuration]):
        yield server
