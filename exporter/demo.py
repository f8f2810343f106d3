"""`smtp-exporter demo`: the whole product on simulated mail servers. Neither network nor root nor a configuration.

Every row of DEMO is a server on a loopback port of its own. A configuration is written for them and loaded as any
other, then the agent runs on it until it is told to stop.
"""

import asyncio
import contextlib
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from exporter.agent import Agent, Options
from exporter.config import load
from exporter.simulated.certificates import Zoo
from exporter.simulated.ports import closed_port, dropping_port
from exporter.simulated.scripts import SCRIPTS
from exporter.simulated.server import Server

INTERVAL = "10s"
TIMEOUT, CONNECT_TIMEOUT = "4s", "2s"
NAME = "mail.example.test"
"""The name in the good certificates."""


@dataclass(frozen=True, slots=True)
class Simulated:
    """One server of the demo: what it does, and what the probe will say of it."""

    target: str
    script: str
    """A row of SCRIPTS; `closed` or `dropping` for a port where nobody answers."""
    module: str
    says: str
    keys: dict[str, Any] = field(default_factory=dict)


LOGIN = {"username": "user", "password_file": "password", "interval": "30s"}
WRONG = {"username": "user", "password_file": "wrong-password", "interval": "30s"}

DEMO: tuple[Simulated, ...] = (
    Simulated("relay, healthy", "healthy", "relay", "ok"),
    Simulated("submission, healthy", "healthy_submission", "submission", "ok", {"auth": LOGIN}),
    Simulated("submissions, healthy", "healthy_submissions", "submissions", "ok", {"auth": LOGIN}),
    Simulated("relay, hostile banner", "healthy_hostile_banner", "relay", "ok"),
    Simulated("certificate expired", "certificate_expired", "relay", "certificate_expired",
              {"expect": {"certificate": "trusted"}}),
    Simulated("certificate expires in 3 days", "certificate_expiring", "relay", "certificate_expires_soon",
              {"expect": {"certificate": "trusted", "min_days_left": 14}}),
    Simulated("certificate of another host", "certificate_wrong_host", "relay", "certificate_host_mismatch",
              {"expect": {"certificate": "trusted"}}),
    Simulated("certificate self-signed", "certificate_self_signed", "relay", "certificate_self_signed",
              {"expect": {"certificate": "trusted"}}),
    Simulated("intermediate not sent", "certificate_no_intermediate", "relay", "certificate_not_trusted",
              {"expect": {"certificate": "trusted"}}),
    Simulated("STARTTLS is gone", "healthy_in_clear", "submission", "starttls_not_supported"),
    Simulated("STARTTLS masked by a firewall", "starttls_masked", "relay", "starttls_masked"),
    Simulated("STARTTLS broken", "starttls_temporary", "relay", "starttls_temporary"),
    Simulated("STARTTLS injection", "starttls_injection", "relay", "starttls_injection"),
    Simulated("TLS 1.0 only", "tls_1_0_only", "relay", "tls_version_too_old"),
    Simulated("cleartext on a TLS port", "plaintext_on_tls_port", "submissions", "plaintext_on_tls_port"),
    Simulated("wrong password", "healthy_submission", "submission", "auth_rejected", {"auth": WRONG}),
    Simulated("login in clear allowed", "auth_in_clear", "relay", "ok (a warning, were it not on loopback)"),
    Simulated("overloaded server", "greeting_temporary", "relay", "greeting_temporary"),
    Simulated("rate limited", "greeting_rate_limited", "relay", "untestable: rate_limited"),
    Simulated("silent server", "greeting_timeout", "relay", "greeting_timeout"),
    Simulated("a web server", "greeting_http", "relay", "greeting_malformed"),
    Simulated("server stopped", "closed", "relay", "connection_refused"),
    Simulated("port blocked by a firewall", "dropping", "relay", "connection_timeout"),
)  # fmt: skip


async def run(listen: tuple[tuple[str | None, int], ...], say: Callable[[str], None]) -> None:
    """Run the demo until SIGINT or SIGTERM.

    Args:
        listen: where the agent listens.
        say: prints a line for the user.

    Raises:
        StartError: an address to listen on is not to be had.
    """
    with tempfile.TemporaryDirectory(prefix="smtp-exporter-demo-") as folder, Zoo() as zoo:
        async with contextlib.AsyncExitStack() as servers:
            ports = [await _start(row, zoo, servers) for row in DEMO]
            config = write_configuration(Path(folder), ports, zoo.ca_file)
            agent = Agent(load(config), Options(listen=listen))
            told = asyncio.get_running_loop().create_task(_tell(agent, config, ports, zoo.ca_file, say))
            try:
                await agent.run()
            finally:
                told.cancel()


async def _start(row: Simulated, zoo: Zoo, servers: contextlib.AsyncExitStack) -> int:
    """Start one server; return its port."""
    if row.script == "closed":
        return servers.enter_context(closed_port())
    if row.script == "dropping":
        return servers.enter_context(dropping_port())
    return (await servers.enter_async_context(Server(SCRIPTS[row.script](zoo), remember=1))).port


def write_configuration(folder: Path, ports: list[int], ca_file: Path) -> Path:
    """Write the configuration of the demo into a folder; return the file."""
    (folder / "password").write_text("password\n")
    (folder / "wrong-password").write_text("Spring2019\n")
    targets = [
        {
            "name": row.target,
            "host": "127.0.0.1",
            "ports": [{"port": port, "module": row.module, **row.keys}],
        }
        for row, port in zip(DEMO, ports, strict=True)
    ]
    document = {
        "global": {
            "interval": INTERVAL,
            "timeout": TIMEOUT,
            "connect_timeout": CONNECT_TIMEOUT,
            "max_probes_per_host": len(DEMO),  # all of them are on one address
            "tls": {"ca_file": str(ca_file), "server_name": NAME},
        },
        "targets": targets,
    }
    path = folder / "smtp-exporter.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True))
    return path


async def _tell(agent: Agent, config: Path, ports: list[int], ca_file: Path, say: Callable[[str], None]) -> None:
    """Say what runs and where to look, once the agent listens."""
    await agent.started.wait()
    host, port = agent.addresses[0]
    base = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    width = max(len(row.target) for row in DEMO)
    say(f"{len(DEMO)} simulated mail servers on 127.0.0.1, each probed every {INTERVAL}:\n")
    for row, simulated in zip(DEMO, ports, strict=True):
        say(f"  {simulated:>5}  {row.target:<{width}}  {row.says}")
    say(f"""
Look at:
  {base}/          what is wrong, why, and what to check first
  {base}/metrics   what Prometheus sees
  {sys.argv[0]} probe 127.0.0.1:{ports[4]} --ca-file={ca_file}   one of them from the command line
  {config}   the configuration

Ctrl-C ends it.""")
