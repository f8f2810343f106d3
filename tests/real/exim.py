"""One Exim with many listeners. `LISTENERS` is the table: what each serves, by the port that a client came in on.

It runs from a folder into which Debian's package was unpacked, with a configuration of its own; needs root.
"""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from exporter.simulated.certificates import Zoo
from tests.real.processes import PACKAGES, Server, free_ports, running

PACKAGE = PACKAGES / "exim"

LISTENERS = ("healthy", "submission", "implicit", "no_tls", "expired", "slow", "rejecting", "ehlo_drop", "limit")
"""`slow` greets after 1 s; `rejecting` greets with 550, and closes; `ehlo_drop` answers EHLO so; `limit` takes one
connection from an address."""

CONFIGURATION = """
exim_path = EXIM
spool_directory = DIRECTORY/spool
log_selector = +smtp_connection
log_file_path = DIRECTORY/%s.log
pid_file_path = DIRECTORY/exim.pid
primary_hostname = mail.example.test
local_interfaces = <; 127.0.0.1 ; ::1
daemon_smtp_ports = PORTS
smtp_accept_max = 100
tls_on_connect_ports = P_IMPLICIT
tls_advertise_hosts = ${if !eq{$received_port}{P_NO_TLS}{*}}
tls_certificate = DIRECTORY/${if eq{$received_port}{P_EXPIRED}{expired}{good}}.pem
auth_advertise_hosts = ${if and{{def:tls_in_cipher}{inlist{$received_port}{P_SUBMISSION:P_IMPLICIT}}}{*}}
host_lookup =
rfc1413_query_timeout = 0s
smtp_accept_max_per_host = ${if eq{$received_port}{P_LIMIT}{1}{0}}
acl_smtp_connect = client
acl_smtp_helo = hello
acl_smtp_rcpt = recipient

begin acl
client:
  drop condition = ${if eq{$received_port}{P_REJECTING}}
  accept condition = ${if eq{$received_port}{P_SLOW}}
    delay = 1s
  accept

hello:
  drop condition = ${if eq{$received_port}{P_EHLO_DROP}}
    message = this host is not welcome
  accept

recipient:
  accept domains = example.test
  accept authenticated = *
  deny message = relay not permitted

begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_condition = ${if and{{eq{$auth2}{user}}{eq{$auth3}{secret}}}}
  server_set_id = $auth2

begin routers
nowhere:
  driver = redirect
  data = :blackhole:
"""
"""EXIM, DIRECTORY, PORTS and P_* are macros, defined above it."""


@contextlib.contextmanager
def run_exim(directory: Path, zoo: Zoo) -> Iterator[Server]:
    """Run Exim in a directory that all its users may enter. All of it listens on ::1 as well."""
    server = Server("Exim", directory, free_ports(LISTENERS))
    for kind in ("good", "expired"):
        shutil.chown(zoo[kind].write(directory / f"{kind}.pem"), "Debian-exim")
    shutil.chown(directory, "Debian-exim")
    program = PACKAGE / "usr/sbin/exim4"
    macros = {
        "EXIM": program,
        "DIRECTORY": directory,
        "PORTS": " : ".join(map(str, server.ports.values())),
        **{f"P_{name.upper()}": port for name, port in server.ports.items()},
    }
    configuration = directory / "exim.conf"
    configuration.write_text("".join(f"{name} = {text}\n" for name, text in macros.items()) + CONFIGURATION)
    with running(server, [program, "-C", configuration, "-bdf"]):
        yield server
