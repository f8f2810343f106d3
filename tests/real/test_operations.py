"""The agent in operation: behind its door, full of secrets, reloaded while 10,000 targets run, and under systemd."""

import asyncio
import base64
import re
import shutil
import signal
import socket
import ssl
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

import bcrypt
import pytest

from exporter.simulated.certificates import Zoo
from exporter.simulated.client import Client
from exporter.simulated.healthy import SmtpServer
from tests.conftest import Serve
from tests.patience import PATIENCE
from tests.real.agent import Agent, running, samples
from tests.real.conftest import require
from tests.real.processes import free_ports, listening_ports, wait_until
from tests.real.prometheus import Start

pytestmark = pytest.mark.real

FAST = "interval: 1s, timeout: 1s, connect_timeout: 1s"
ONE = f"global: {{{FAST}}}\ntargets: [{{host: 127.0.0.1, name: one, ports: [1]}}]\n"
"""A target on which nobody listens, which is a result, too."""

# --- the door -------------------------------------------------------------------------------------------------

PASSWORD = "basic-canary-Quoo7aih"
HASH = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
DOOR = f"""
tls_server_config: {{cert_file: own.pem, key_file: own.pem}}
basic_auth_users: {{alice: '{HASH}'}}
"""
ALICE = ("--insecure", "--user", f"alice:{PASSWORD}")


@pytest.fixture
def behind_the_door(tmp_path: Path, zoo: Zoo) -> Iterator[Agent]:
    """An agent that asks for TLS and a password."""
    (tmp_path / "smtp-exporter.yaml").write_text(ONE)
    (tmp_path / "web.yml").write_text(DOOR)
    zoo.good.write(tmp_path / "own.pem")
    with running(tmp_path, "--web.config.file=web.yml", scheme="https") as agent:
        agent.until_said("msg=probing")
        yield agent


def test_prometheus_scrapes_over_tls_with_the_password_and_nobody_comes_in_without(
    behind_the_door: Agent, prometheus: Start, zoo: Zoo
) -> None:
    agent = behind_the_door
    assert agent.curl("/metrics", *ALICE)[0] == 200
    for path in ("/", "/metrics", "/config", "/probe?target=a", "/-/healthy", "/-/reload", "/nothing"):
        assert agent.curl(path, "--insecure") == (401, "Unauthorized\n")
    assert agent.curl("/metrics", "--insecure", "--user", "alice:wrong")[0] == 401
    assert agent.curl("/metrics", "--cacert", str(zoo.ca_file), "--user", f"alice:{PASSWORD}")[0] == 200
    assert agent.curl("/metrics", "--user", f"alice:{PASSWORD}") == (0, "")
    assert agent.curl("/metrics", *ALICE, scheme="http") == (400, "This port speaks HTTPS.\n")
    scraping = prometheus(
        [agent.address],
        scheme="https",
        tls_config={"ca_file": str(zoo.ca_file)},
        basic_auth={"username": "alice", "password": PASSWORD},
    )
    assert scraping.wait_for('up == 1 and on(instance) smtp_probe_success{target="one"} == 0')


def test_a_certificate_of_the_web_server_that_was_replaced_is_shown(behind_the_door: Agent, zoo: Zoo) -> None:
    host, _, port = behind_the_door.address.rpartition(":")

    def shown() -> str:
        return ssl.get_server_certificate((host, int(port)), timeout=PATIENCE)

    before, after = (each.cert_chain_pem.decode() for each in (zoo.good, zoo.good_rsa))
    assert before.startswith(shown())
    zoo.good_rsa.write(behind_the_door.directory / "own.pem")
    wait_until(lambda: after.startswith(shown()), PATIENCE, behind_the_door.said)


# --- secrets --------------------------------------------------------------------------------------------------

CANARY = "login-canary-Oow4eiph"
AUTH_PLAIN = base64.b64encode(f"\0user\0{CANARY}".encode()).decode()
SECRETS = {
    "password": CANARY,
    "AUTH PLAIN": AUTH_PLAIN,
    "AUTH LOGIN": base64.b64encode(CANARY.encode()).decode(),
    "web password": PASSWORD,
    "Authorization": base64.b64encode(f"alice:{PASSWORD}".encode()).decode(),
    "hash": HASH[7:],
}
LOGIN = """
global: {%s, tls: {ca_file: %s}}
probe_endpoint: {enabled: true, allow: [localhost]}
modules:
  login: {auth: {username: user, password_file: password}}
  other: {auth: {username: user, password_env: PASSWORD_OF_USER}}
targets:
  - {host: localhost, name: login, addresses: ipv4, ports: [{port: %d, module: login}]}
  - {host: localhost, name: other, addresses: ipv4, ports: [{port: %d, module: other}]}
"""
BROKEN = f"""
global: {{auth: {{username: user, password: {CANARY}}}}}
targets: [{{host: a.example, ports: [{{port: 25, auth: {CANARY}}}, {{port: 26, password: {CANARY}}}]}}]
"""
BROKEN_DOORS = {
    "unknown key `basic_auth_user`": f"basic_auth_users: {{alice: {PASSWORD}}}\nbasic_auth_user: {{alice: '{HASH}'}}\n",
    "the quote that opens here is never closed": f"basic_auth_users: {{alice: '{HASH}, bob: {PASSWORD}}}",
}
"""What is said of a door that is wrong, and how it is."""


def a_server_that_repeats(zoo: Zoo) -> SmtpServer:
    """Repeat the password in the answer to AUTH, as naive servers do, and in the farewell."""

    async def reject(client: Client) -> None:
        await client.say(f"535-5.7.8 AUTH PLAIN {AUTH_PLAIN}", f"535 5.7.8 {CANARY} is wrong")

    async def say_bye(client: Client) -> None:
        await client.say(f"221 2.0.0 {CANARY}")
        await client.hang_up()

    return SmtpServer(zoo.good, auth=("PLAIN",), on={"AUTH": reject, "QUIT": say_bye})


def everything_said(folder: Path, port: int) -> dict[str, str]:
    """Ask an agent with secrets for all there is, and break its files: what it said, by where."""
    flags = ("--web.config.file=web.yml", "--web.enable-lifecycle", "--log.level=debug")
    said: dict[str, str] = {}
    with running(folder, *flags, scheme="https", environment={"PASSWORD_OF_USER": CANARY}) as agent:
        wait_until(lambda: fewest_probes(agent) > 1, PATIENCE, agent.said)  # the first logs in, its verdict stands
        endpoint = f"/endpoint?target=login&host=localhost&address=127.0.0.1&port={port}"
        probe = f"/probe?target=localhost:{port}&module=login"
        for path in ("/", endpoint, "/metrics", "/config", "/api/v1/endpoints", "/api/v1/domains", probe,
                     f"{probe}&debug=true", f"/probe?target=127.0.0.1:{port}&module=login"):  # fmt: skip
            said[path] = agent.curl(path, *ALICE)[1]
        said["wrong password"] = agent.curl("/", "--insecure", "--user", f"alice:{CANARY}")[1]
        agent.curl("/", *ALICE, "--header", f"Bad\x01Header: {PASSWORD}")
        (folder / "smtp-exporter.yaml").write_text(BROKEN)
        status, said["/-/reload"] = agent.curl("/-/reload", *ALICE, "--data", "")
        assert status == 500
        for wrong, text in BROKEN_DOORS.items():
            (folder / "web.yml").write_text(text)
            wait_until(partial(is_logged, agent, wrong), PATIENCE, agent.said)
    said["stdout and stderr"] = agent.said()
    return said


def fewest_probes(agent: Agent) -> float:
    """How many probes were made of each of its two endpoints."""
    probes = agent.samples("smtp_probes_total", *ALICE)
    return min(probes.values()) if len(probes) == 2 else 0


def is_logged(agent: Agent, error: str) -> bool:
    """Whether an error of the door was logged; a visitor makes it look at its files."""
    agent.curl("/-/healthy", *ALICE)
    return error in agent.said()


async def test_no_secret_is_anywhere(tmp_path: Path, zoo: Zoo, serve: Serve) -> None:
    server = await serve(a_server_that_repeats(zoo))
    (tmp_path / "smtp-exporter.yaml").write_text(LOGIN % (FAST, zoo.ca_file, server.port, server.port))
    (tmp_path / "password").write_text(f"{CANARY}\n")
    (tmp_path / "web.yml").write_text(DOOR)
    zoo.good.write(tmp_path / "own.pem")
    said = await asyncio.to_thread(everything_said, tmp_path, server.port)
    assert {
        (where, name) for where, text in said.items() for name, secret in SECRETS.items() if secret in text
    } == set()
    for where, there in {"/endpoint": "535", "debug=true": "535", "/api/v1/endpoints": "auth_rejected",
                         "/config": "password_file", "/-/reload": "unknown key"}.items():  # fmt: skip
        assert [text for place, text in said.items() if where in place and there in text], where


# --- a reload of many -----------------------------------------------------------------------------------------

MANY, CHANGED = 10_000, 10
SCRAPE_EVERY = 1.0
"""Seconds: a scrape of so many endpoints takes a good part of one."""


def targets(names: Iterable[str]) -> str:
    """A configuration with targets of their own addresses, named t0, t1, ..."""
    listed = (
        f"- {{host: 127.1.{number // 250}.{number % 250 + 1}, name: {name}, ports: [1]}}\n"
        for name in names
        for number in [int(name[1:])]
    )
    return f"global: {{interval: 10s, timeout: 5s, connect_timeout: 5s}}\ntargets:\n{''.join(listed)}"


def progress(agent: Agent) -> dict[str, tuple[float, float]]:
    """How many probes were made of each target, and when the last one ended: of one scrape."""
    scrape = agent.curl("/metrics")[1]
    probes, last = samples(scrape, "smtp_probes_total"), samples(scrape, "smtp_probe_last_timestamp_seconds")
    return {labels.split('"')[1]: (count, last[labels]) for labels, count in probes.items()}


def test_a_reload_of_10000_targets_touches_only_the_10_that_change(tmp_path: Path) -> None:
    names = [f"t{number}" for number in range(MANY + CHANGED)]
    old, new = set(names[:CHANGED]), set(names[CHANGED:])
    file = tmp_path / "smtp-exporter.yaml"
    file.write_text(targets(names[:MANY]))
    with running(tmp_path, "--web.enable-lifecycle") as agent:
        wait_until(lambda: len(progress(agent)) > MANY / 10, PATIENCE, agent.said, SCRAPE_EVERY)
        before = progress(agent)
        file.write_text(targets(names[CHANGED:]))
        assert agent.curl("/-/reload", "--data", "") == (200, "Reloaded.\n")
        after, kept = progress(agent), before.keys() - old
        assert (kept - after.keys(), old & after.keys()) == (set(), set())
        assert {name for name in kept if after[name] < before[name]} == set()

        def ended() -> bool:
            now = progress(agent)
            return now.keys() == new and all(now[name] > before[name] for name in kept)

        wait_until(ended, 5 * PATIENCE, agent.said, SCRAPE_EVERY)  # all probes and scrapes: half a minute of CPU
        assert agent.samples("smtp_exporter_targets") == {"": MANY}


# --- systemd --------------------------------------------------------------------------------------------------


def until(manager: socket.socket, line: str) -> str:
    """Receive messages up to one that begins so, as systemd would; give that one."""
    while True:
        message = manager.recv(4096).decode()
        if message.startswith(line):
            return message


def test_systemd_is_told_of_start_reloads_and_end_and_its_watchdog_is_fed(tmp_path: Path) -> None:
    file, notify = tmp_path / "smtp-exporter.yaml", tmp_path / "notify"
    file.write_text(ONE)
    environment = {"NOTIFY_SOCKET": str(notify), "WATCHDOG_USEC": "200000"}
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(notify))
        manager.settimeout(PATIENCE)
        with running(tmp_path, environment=environment) as agent:
            assert until(manager, "READY=1") == "READY=1\nSTATUS=1 targets, 1 endpoints"
            until(manager, "WATCHDOG=1")
            for text, status in ((ONE, "1 targets, 1 endpoints"), ("{", "reload failed; 1 targets, 1 endpoints")):
                file.write_text(text)
                agent.process.send_signal(signal.SIGHUP)
                assert "\nMONOTONIC_USEC=" in until(manager, "RELOADING=1")
                assert until(manager, "READY=1") == f"READY=1\nSTATUS={status}"
            until(manager, "WATCHDOG=1")
        assert until(manager, "STOPPING=1") == "STOPPING=1\nSTATUS=stopping"


def test_the_sockets_that_the_real_systemd_socket_activate_passes_are_listened_on_and_no_others(tmp_path: Path) -> None:
    activate = shutil.which("systemd-socket-activate")
    require(there=activate, otherwise="systemd-socket-activate is missing")
    (tmp_path / "smtp-exporter.yaml").write_text(ONE)
    ports = set(free_ports(["one", "two"]).values())
    before = [str(activate), "--setenv=PYTHONPATH", *(f"--listen=127.0.0.1:{port}" for port in ports)]
    with running(tmp_path, "--web.systemd-socket", "--web.listen-address=127.0.0.1:1", before=before) as agent:
        wait_until(lambda: ports <= listening_ports(), PATIENCE, agent.said)
        with socket.create_connection(("127.0.0.1", min(ports))):  # the first visitor has it started, and waits
            agent.until_said("msg=probing")
        assert {int(each) for each in re.findall(r"msg=listening address=127.0.0.1:(\d+)", agent.said())} == ports
        for port in ports:
            assert agent.curl("/-/ready", address=f"127.0.0.1:{port}") == (200, "smtp-exporter is ready.\n")
