"""AUTH offered before TLS by a real Postfix: across a cable whoever listens in has the password, on loopback nobody."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from exporter.simulated.certificates import Zoo
from tests.patience import PATIENCE
from tests.real.conftest import NewDirectory, require
from tests.real.namespaces import Namespace, cable, can_have_namespaces
from tests.real.postfix import LISTENERS, run_postfix
from tests.real.processes import PACKAGES, Server, listening_ports, wait_until

ADDRESS, OWN = "198.51.100.10", "198.51.100.1"
ON_LOOPBACK = {"healthy": 25, "auth_in_clear": 587}
ON_CABLE = {"auth_in_clear": 2587, "submission": 2525}
"""A listener of Postfix -> its port. A `submission` offers AUTH inside TLS only."""
SUCCESS, WARNINGS, CRITICAL = 0, 1, 2
FORBIDDEN = {"auth_before_tls": "forbidden"}


@pytest.fixture(scope="module")
def ends(zoo: Zoo, dovecot: Server, new_directory: NewDirectory) -> Iterator[dict[str, Namespace]]:
    """Postfix behind a cable, by the address it is reached at: where the probe must be for that."""
    require(there=os.geteuid() == 0, otherwise="network namespaces need root")
    require(there=shutil.which("ip"), otherwise="iproute2 is missing: make tools")
    require(there=can_have_namespaces(), otherwise="this machine gives no network namespaces")
    require(there=(PACKAGES / "postfix").is_dir(), otherwise="Postfix is missing: make tools")
    with cable([f"{ADDRESS}/24"], [f"{OWN}/24"]) as (client, server), ExitStack() as stack:
        with server.entered():
            directory = new_directory("postfix")
            postfix = stack.enter_context(run_postfix(directory, zoo, dovecot.directory / "auth", ON_LOOPBACK))
            listen_on_the_cable(postfix)
        yield {ADDRESS: client, "127.0.0.1": server}


def listen_on_the_cable(postfix: Server) -> None:
    """Add listeners, and reload as postfix(1) would."""
    with (postfix.directory / "etc/master.cf").open("a") as services:
        services.writelines(f"{ADDRESS}:{port} inet n - n - - {LISTENERS[name]}\n" for name, port in ON_CABLE.items())
    os.kill(int((postfix.directory / "spool/pid/master.pid").read_text()), signal.SIGHUP)
    wait_until(lambda: listening_ports().issuperset(ON_CABLE.values()), PATIENCE, postfix.log)


class Row(NamedTuple):
    """What is probed how, the exit code, and how grave AUTH in clear is: the only problem, or none."""

    address: str
    listener: str
    module: str
    expect: dict[str, str]
    code: int
    severity: str | None = None


ROWS = {
    "relay": Row(ADDRESS, "auth_in_clear", "relay", {}, WARNINGS, "warning"),
    "submission": Row(ADDRESS, "auth_in_clear", "submission", {}, WARNINGS, "warning"),
    "relay, forbidden": Row(ADDRESS, "auth_in_clear", "relay", FORBIDDEN, CRITICAL, "critical"),
    "submission, forbidden": Row(ADDRESS, "auth_in_clear", "submission", FORBIDDEN, CRITICAL, "critical"),
    "only inside TLS, forbidden": Row(ADDRESS, "submission", "submission", FORBIDDEN, SUCCESS),
    "loopback": Row("127.0.0.1", "auth_in_clear", "submission", {}, SUCCESS),
    "loopback, forbidden": Row("127.0.0.1", "auth_in_clear", "submission", FORBIDDEN, SUCCESS),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_auth_in_clear_is_a_problem_where_somebody_may_listen_in(
    ends: dict[str, Namespace], zoo: Zoo, tmp_path: Path, row: Row
) -> None:
    configuration = tmp_path / "smtp-exporter.yaml"
    module = {"modules": {row.module: {"expect": row.expect}}}
    settings = {"global": {"tls": {"ca_file": str(zoo.ca_file), "server_name": "mail.example.test"}}, **module}
    configuration.write_text(yaml.safe_dump(settings | {"targets": [{"host": "not.probed.test", "ports": [25]}]}))
    port = (ON_LOOPBACK if row.address == "127.0.0.1" else ON_CABLE)[row.listener]
    where = [f"{row.address}:{port}", f"--module={row.module}", f"--config.file={configuration}"]
    command = [sys.executable, "-m", "exporter", "probe", "--format=json", *where]
    with ends[row.address].entered():
        ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert ended.stdout, ended.stderr
    [found] = json.loads(ended.stdout)
    said = [(each["reason"], each["severity"], each["detail"]) for each in found["problems"]]
    offered = [("auth_offered_in_clear", row.severity, "LOGIN PLAIN")] if row.severity else []
    assert (ended.returncode, found["address"], said) == (row.code, row.address, offered)
