"""Sendmail, one process for each row of `LISTENERS`: its access map tells clients apart by address, not by port.

Each runs from the folder into which Debian's packages were unpacked, on a machine of its own; needs root and m4.
"""

import contextlib
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from exporter.simulated.certificates import Zoo
from tests.patience import PATIENCE
from tests.real.machine import machine
from tests.real.processes import PACKAGES, Server, free_ports, running

PACKAGE = PACKAGES / "sendmail"
PROGRAMS = PACKAGE / "usr/libexec/sendmail"


class Listener(NamedTuple):
    """A line of the access map, and whether a client over its limits gets a 421 and a close."""

    access: str
    over_limits: str = "terminate"


LISTENERS: Mapping[str, Listener] = {
    "healthy": Listener("Connect:127.0.0.1\tOK"),
    "rejecting": Listener("Connect:127.0.0.1\tREJECT"),
    "greet_pause": Listener("GreetPause:127.0.0.1\t5000"),
    "rate": Listener("ClientRate:127.0.0.1\t1"),
    "concurrency": Listener("ClientConn:127.0.0.1\t1"),
    "concurrency_452": Listener("ClientConn:127.0.0.1\t1", over_limits=""),
}
"""`rate` takes one connection a minute, `concurrency` one at a time. `concurrency_452` has Sendmail's default: it
greets the others too, and refuses each command."""

CONFIGURATION = """\
divert(-1)
include(`{package}/usr/share/sendmail/cf/m4/cf.m4')
divert(0)
OSTYPE(`linux')
define(`confDOMAIN_NAME', `mail.example.test')
define(`confDONT_PROBE_INTERFACES', `true')
define(`confPID_FILE', `/etc/mail/sendmail.pid')
define(`QUEUE_DIR', `/etc/mail/queue')
define(`confSERVER_CERT', `/etc/mail/good.pem')
define(`confSERVER_KEY', `/etc/mail/good.pem')
define(`confCACERT', `/etc/mail/chain.pem')
define(`confCACERT_PATH', `/etc/mail')
FEATURE(`no_default_msa')
FEATURE(`access_db', `hash -T<TMPF> /etc/mail/access')
FEATURE(`greet_pause', `0')
FEATURE(`ratecontrol', `', `{over_limits}')
FEATURE(`conncontrol', `', `{over_limits}')
DAEMON_OPTIONS(`Addr=127.0.0.1, Port={port}, Name=MTA')
MAILER(`local')
MAILER(`smtp')
"""


@contextlib.contextmanager
def run_sendmail(directory: Path, zoo: Zoo) -> Iterator[Server]:
    """Run them in subdirectories."""
    server = Server("Sendmail", directory, free_ports(tuple(LISTENERS)))
    with contextlib.ExitStack() as stack:
        for listener, row in LISTENERS.items():
            own = directory / listener
            _configure(own / "mail", zoo, row, server.port(listener))
            prefix = stack.enter_context(machine(own, {own / "mail": "/etc/mail"}))
            one = Server(f"Sendmail {listener}", own, {listener: server.port(listener)})
            command = [*prefix, PROGRAMS / "sendmail", "-bD", "-C", "/etc/mail/sendmail.cf"]
            stack.enter_context(running(one, command))
        yield server


def _configure(directory: Path, zoo: Zoo, row: Listener, port: int) -> None:
    """Fill what becomes /etc/mail."""
    (directory / "queue").mkdir(parents=True)
    zoo["good"].write(directory / "good.pem")
    (directory / "chain.pem").write_bytes(zoo["good"].cert_chain_pem)  # which good.pem is not read for
    configuration = directory / "sendmail.cf"
    macros = CONFIGURATION.format(package=PACKAGE, port=port, over_limits=row.over_limits)
    written = subprocess.run(["m4", "-"], input=macros, capture_output=True, text=True, timeout=PATIENCE, check=True)
    configuration.write_text(written.stdout)
    makemap: list[str | Path] = [PROGRAMS / "makemap", "-C", configuration, "hash", directory / "access"]
    subprocess.run(makemap, input=row.access + "\n", capture_output=True, text=True, timeout=PATIENCE, check=True)
