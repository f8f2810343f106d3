"""`smtp-exporter demo`: the whole product on simulated mail servers. Neither network nor root nor a configuration.

- `table`: the servers, mail domains and hosts, and what will be said of each.
- `world`: starts them on loopback, with a nameserver of their own.

A configuration is written for them and loaded as any other, then the agent runs on it until it is told to stop.
"""

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from exporter.agent import Agent, Options
from exporter.config import load
from exporter.demo.table import BLOCKED, BLOCKED_HOSTS, BLOCKED_SAYS, DEMO, MAIL_DOMAINS, MX_HOSTS
from exporter.demo.world import World, build
from exporter.simulated.certificates import Zoo

__all__ = ["DEMO", "run", "write_configuration"]

INTERVAL = "10s"
TIMEOUT, CONNECT_TIMEOUT = "4s", "2s"
SHOWN = "wrong password"
"""The target that the hint shows: without its keys it would look healthy."""
NAME = "mail.example.test"
"""The name in the good certificates."""


async def run(listen: tuple[tuple[str | None, int], ...], say: Callable[[str], None]) -> None:
    """Run the demo until SIGINT, SIGTERM, or SIGHUP: the terminal was closed (not under nohup).

    Args:
        listen: where the agent listens.
        say: prints a line for the user.

    Raises:
        StartError: an address to listen on is not to be had.
    """
    stays = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    if not stays:
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, asyncio.current_task().cancel)  # type: ignore[union-attr]  # this one
    with tempfile.TemporaryDirectory(prefix="smtp-exporter-demo-") as folder, Zoo() as zoo:
        async with contextlib.AsyncExitStack() as servers:
            world = await build(zoo, servers)
            config = write_configuration(Path(folder), world, zoo.ca_file)
            agent = Agent(load(config), Options(listen=listen, reload_on_hangup=stays))
            told = asyncio.get_running_loop().create_task(_tell(agent, config, world, say))
            try:
                await agent.run()
            finally:
                told.cancel()


def write_configuration(folder: Path, world: World, ca_file: Path) -> Path:
    """Write the configuration of the demo into a folder; return the file."""
    (folder / "password").write_text("password\n")
    (folder / "wrong-password").write_text("Spring2019\n")
    document = {
        "global": {
            "interval": INTERVAL,
            "timeout": TIMEOUT,
            "connect_timeout": CONNECT_TIMEOUT,
            "max_probes_per_host": len(DEMO),  # most of them are on one address
            "nameservers": [world.nameserver],
            "mx_on_this_machine": True,
            "tls": {"ca_file": str(ca_file), "server_name": NAME},
        },
        "targets": _targets(world),
    }
    path = folder / "smtp-exporter.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True))
    return path


def _targets(world: World) -> list[dict[str, Any]]:
    servers = [
        {"name": row.target, "host": "127.0.0.1", "ports": [{"port": port, "module": row.module, **row.keys}]}
        for row, port in zip(DEMO, world.ports, strict=True)
    ]
    relay = {"module": "relay", "interval": INTERVAL}
    domains = [
        {"name": row.target, "domain": row.domain, "ports": [{"port": world.mx_port, **relay}]} for row in MAIL_DOMAINS
    ]
    blocked = [
        {"name": BLOCKED, "host": host, "ports": [{"port": world.blocked_port, **relay}]} for host in BLOCKED_HOSTS
    ]
    return servers + domains + blocked


async def _tell(agent: Agent, config: Path, world: World, say: Callable[[str], None]) -> None:
    """Say what runs and where to look, once the agent listens. Nobody need be there to read it."""
    await agent.started.wait()
    host, port = agent.addresses[0]
    base = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    rows = [(str(number), row.target, row.says) for row, number in zip(DEMO, world.ports, strict=True)]
    rows += [(str(world.mx_port), row.target, row.says) for row in MAIL_DOMAINS]
    rows += [(str(world.blocked_port), BLOCKED, BLOCKED_SAYS)]
    width = max(len(target) for _, target, _ in rows)
    with contextlib.suppress(OSError):
        say(f"{len(DEMO) + len(MX_HOSTS)} simulated mail servers on loopback, each probed every {INTERVAL}:\n")
        for number, target, says in rows:
            say(f"  {number:>5}  {target:<{width}}  {says}")
        say(f"""
Look at:
  {base}/          what is wrong, why, and what to check first
  {base}/metrics   what Prometheus sees
  {config}   the configuration

One of them in the terminal:
  {_program()} probe --target '{SHOWN}' --config.file={config}

Ctrl-C ends it, and so does closing this terminal.""")


def _program() -> str:
    """How to call us from here: demos are run from a checkout, where the program is not on the PATH."""
    if sys.argv[0].endswith("__main__.py"):
        return "python -m exporter"
    path = os.path.relpath(sys.argv[0])
    return sys.argv[0] if path.startswith("..") else path
