"""The agent in operation: behind its door, full of secrets, reloaded while 10,000 targets run, and under systemd."""

import asyncio
import base64
import re
import socket
from collections.abc import Iterator
from contextlib import closing
from itertools import chain
from pathlib import Path

import bcrypt
import pytest

from exporter.simulated.certificates import Zoo
from exporter.simulated.client import Client
from exporter.simulated.healthy import SmtpServer
from tests.conftest import Serve
from tests.real.agent import WITHIN, Agent, running
from tests.real.processes import free_ports, listening_ports, wait_until
from tests.real.prometheus import Start

pytestmark = pytest.mark.real

FAST = "interval: 1s, timeout: 1s, connect_timeout: 1s"
TLS = "tls_server_config: {cert_file: own.pem, key_file: own.pem}\n"


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)


def nobody_listens(name: str, address: str = "127.0.0.1") -> str:
    """A target that is probed at once, and that says nothing."""
    return f"{{host: {address}, name: {name}, ports: [1]}}"


# --- the door -------------------------------------------------------------------------------------------------

PASSWORD = "basic-canary-Quoo7aih"
HASH = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
USERS = f"basic_auth_users: {{alice: '{HASH}'}}\n"
ALICE = ("--user", f"alice:{PASSWORD}")


@pytest.fixture
def behind_the_door(tmp_path: Path, zoo: Zoo) -> Iterator[Agent]:
    """An agent that asks for TLS and a password."""
    write(tmp_path, "smtp-exporter.yaml", f"global: {{{FAST}}}\ntargets: [{nobody_listens('one')}]\n")
    write(tmp_path, "web.yml", TLS + USERS)
    zoo.good.write(tmp_path / "own.pem")
    flags = ("--web.config.file=web.yml", "--web.listen-address=localhost:0")
    with running(tmp_path, *flags, scheme="https") as agent:
        agent.until_said("msg=probing")
        yield agent


def test_nobody_comes_in_without_the_password_and_prometheus_scrapes_with_it(
    behind_the_door: Agent, prometheus: Start, zoo: Zoo
) -> None:
    agent = behind_the_door
    assert agent.curl("/metrics", "--insecure", *ALICE)[0] == 200
    for path in ("/", "/metrics", "/config", "/probe?target=a", "/-/healthy", "/-/reload", "/nothing"):
        assert agent.curl(path, "--insecure") == (401, "Unauthorized\n")
    assert agent.curl("/metrics", "--insecure", "--user", "alice:wrong")[0] == 401
    assert agent.curl("/metrics", *ALICE) == (0, "")
    assert agent.curl("/metrics", *ALICE, scheme="http") == (400, "This port speaks HTTPS.\n")
    scraping = prometheus(
        [agent.address],
        scheme="https",
        tls_config={"ca_file": str(zoo.ca_file)},
        basic_auth={"username": "alice", "password": PASSWORD},
    )
    assert scraping.wait_for('up == 1 and on(instance) smtp_probe_success{target="one"} == 0')


def test_a_certificate_that_was_replaced_is_shown(behind_the_door: Agent, zoo: Zoo) -> None:
    def key() -> str:
        _, said = behind_the_door.curl("/-/healthy", "--insecure", *ALICE, "--write-out", "%{certs}%{http_code}")
        return "rsa" if "rsaEncryption" in said else "ec"

    assert key() == "ec"
    zoo.good_rsa.write(behind_the_door.directory / "own.pem")
    wait_until(lambda: key() == "rsa", WITHIN, behind_the_door.said)


# --- secrets --------------------------------------------------------------------------------------------------

CANARY = "login-canary-Oow4eiph"
PLAIN = base64.b64encode(f"\0user\0{CANARY}".encode()).decode()
SECRETS = {
    "password": CANARY,
    "its base64": base64.b64encode(CANARY.encode()).decode(),
    "AUTH PLAIN": PLAIN,
    "web password": PASSWORD,
    "Authorization": base64.b64encode(f"alice:{PASSWORD}".encode()).decode(),
    "hash": HASH,
    "end of the hash": HASH[-20:],
}


def a_server_that_repeats(*said: str) -> SmtpServer:
    """It answers AUTH with what was said, as naive servers do, and says it again in farewell."""

    async def rejected(client: Client) -> None:
        await client.say(*(f"535-5.7.8 no {each}" for each in said), "535 5.7.8 authentication failed")

    async def quit_(client: Client) -> None:
        await client.say(f"221 2.0.0 bye, {said[0]}")
        await client.hang_up()

    return SmtpServer(zoo_of_its_own.good, auth=("PLAIN",), on={"AUTH": rejected, "QUIT": quit_})


def leaks(text: str) -> set[str]:
    return {name for name, secret in SECRETS.items() if secret in text}
