"""Every way in which the simulated servers can be broken, each a target of one configuration. Not a test.

python -m tests.docs.broken_servers DIRECTORY: serves until the end of the process. In the directory are then
smtp-exporter.yaml, rows.json, and, once all is up, `ready`. A row says what a runbook calls TARGET, HOST, PORT and
DOMAIN, and which reasons the server SHOWS.
"""

import asyncio
import contextlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exporter.model import Security, Settings
from exporter.simulated.certificates import Zoo
from exporter.simulated.nameserver import Nameserver
from exporter.simulated.ports import closed_port, dropping_port
from exporter.simulated.server import Server
from tests.probe.scenarios import HOST, RELAY, SCENARIOS, Scenario

TIMEOUT = 20.0
"""Seconds of a probe, which nothing here needs: a busy machine may."""
SILENCE = 8.0
"""Seconds where silence itself is shown: more than the 3 s after which a second connection tries TLS."""
AT_ONCE = 8
"""Probes at once: all servers and their nameserver are one process."""
PASSWORDS = ("password", "wrong")

NO_FAKES = [
    each
    for each in SCENARIOS
    if each.port in ("server", "closed", "dropping")
    and not (each.lookup or each.judge_fails or each.seen_at or each.looked_at_again or each.fails)
]
"""What needs no fake within the prober."""
SHOWN = list({(*sorted(each.problems.items()), each.untestable): each for each in reversed(NO_FAKES)}.values())
"""One for each verdict, in whichever way it comes about: the first in the table."""


@dataclass(frozen=True)
class Named:
    """A target that is more than one port: what DNS says, or several addresses."""

    target: str
    host: str
    scripts: tuple[str, ...] = ()
    """Of its addresses, in their order."""
    records: tuple[str, ...] = ()
    """Of the zone, beside its addresses."""
    is_domain: bool = False


NAMED = (
    Named("no such host", "nowhere.example.test"),
    Named("no address", "no-address.example.test", records=('no-address.example.test. 60 TXT "no address"',)),
    Named("STARTTLS is gone at one address", "withdrawn.example.test", ("healthy", "healthy_in_clear")),
    Named("renewed at one address only", "outdated.example.test", ("certificate_outdated", "certificate_good")),
    Named("more addresses than asked for", "many.example.test", ("healthy", "healthy", "healthy")),
    Named("no such domain", "gone.example.test", is_domain=True),
    Named("no MX", "no-mx.example.test", is_domain=True, records=('no-mx.example.test. 60 TXT "no MX"',)),
    Named("null MX", "null-mx.example.test", is_domain=True, records=("null-mx.example.test. 60 MX 0 .",)),
    Named("an MX that is no name", "bad-mx.example.test", ("healthy",), is_domain=True, records=(
        "bad-mx.example.test. 60 MX 10 mx.bad-mx.example.test.", "bad-mx.example.test. 60 MX 20 single.",
    )),
    Named("one dead MX", "half.example.test", ("healthy", "closed"), is_domain=True, records=(
        "half.example.test. 60 MX 10 mx.half.example.test.",
    )),
)  # fmt: skip


class World:
    """Servers that were started, and the configuration that has them as targets."""

    def __init__(self, directory: Path, running: contextlib.AsyncExitStack) -> None:
        self.directory, self._running = directory, running
        self.zoo = Zoo(directory, names=(HOST,))
        self.zone: list[str] = []
        self.modules: dict[str, Any] = {}
        self.targets: list[dict[str, Any]] = []
        self.rows: list[dict[str, Any]] = []
        self._addresses = iter(f"127.1.{number // 200}.{number % 200 + 1}" for number in range(10_000))

    async def add_scenario(self, number: int, scenario: Scenario) -> None:
        """A row of the table of scenarios, at an address of its own."""
        host, address = f"s{number}.example.test", next(self._addresses)
        self.zone.append(f"{host}. 60 A {address}")
        if scenario.port == "server":
            port = (await self._running.enter_async_context(Server(scenario.made(self.zoo), host=address))).port
        else:
            hold = closed_port if scenario.port == "closed" else dropping_port
            port = self._running.enter_context(hold(address))
        self.rows.append({"TARGET": scenario.id, "HOST": host, "PORT": port, "SHOWS": list(scenario.problems)})
        self._add(scenario.id, {"host": host}, port, scenario.settings, scenario.password)

    async def add_named(self, named: Named) -> None:
        """A row of NAMED: all its addresses have the same port."""
        name, port = f"mx.{named.host}" if named.is_domain else named.host, 0
        self.zone += named.records
        for script in named.scripts:
            address = next(self._addresses)
            self.zone.append(f"{name}. 60 A {address}")
            if script == "closed":
                self._running.enter_context(closed_port(address, port))
            else:
                made = Scenario(script).made(self.zoo)
                port = (await self._running.enter_async_context(Server(made, host=address, port=port))).port
        what, row = {"domain" if named.is_domain else "host": named.host}, {"TARGET": named.target, "PORT": port or 1}
        row |= {"DOMAIN": named.host} if named.is_domain else {}
        self.rows.append(row | ({"HOST": name} if named.scripts or not named.is_domain else {}))
        self._add(named.target, what, port or 1, RELAY, PASSWORDS[0])

    def _add(self, name: str, what: dict[str, str], port: int, settings: Settings, password: str) -> None:
        module = f"m{len(self.modules)}"
        self.modules[module] = keys_of(settings)
        target: dict[str, Any] = {"name": name, **what, "ports": [{"port": port, "module": module}]}
        if settings.auth:
            target["auth"] = {"username": settings.auth.username, "password_file": password, "interval": "1s"}
        self.targets.append(target)

    def write(self, nameserver: str) -> None:
        """Write the configuration, its passwords and the rows."""
        for password in PASSWORDS:
            (self.directory / password).write_text(f"{password}\n")
        common = {
            "max_concurrent_probes": AT_ONCE, "max_addresses": 2, "confirm_interval": "off",
            "interval": f"{TIMEOUT:g}s", "timeout": f"{TIMEOUT:g}s", "connect_timeout": "2s",
            "nameservers": [nameserver], "mx_on_this_machine": True,
            "tls": {"ca_file": str(self.zoo.ca_file), "server_name": HOST},
        }  # fmt: skip
        document = {"global": common, "modules": self.modules, "targets": self.targets}
        (self.directory / "smtp-exporter.yaml").write_text(json.dumps(document))
        (self.directory / "rows.json").write_text(json.dumps(self.rows))


def keys_of(settings: Settings) -> dict[str, Any]:
    """The endpoint keys of a module with these settings."""
    expect = settings.expect
    keys: dict[str, Any] = {
        "security": settings.security.value,
        "expect": {
            "certificate": expect.certificate, "auth": expect.auth, "auth_before_tls": expect.auth_before_tls,
            "port": expect.port, "extensions": list(expect.extensions),
        },
    }  # fmt: skip
    for name, value in (("starttls", expect.starttls), ("min_tls", expect.min_tls), ("banner", expect.banner)):
        if value and (name != "starttls" or settings.security is Security.STARTTLS):
            keys["expect"][name] = value
    if expect.min_days_left is not None:
        keys["expect"]["min_days_left"] = expect.min_days_left
    if settings.timeout < 1:
        keys["timeout"] = f"{SILENCE:g}s"
    return keys


async def main(directory: Path) -> None:
    """Serve until the end of the process."""
    async with contextlib.AsyncExitStack() as running:
        world = World(directory, running)
        for number, scenario in enumerate(SHOWN):
            await world.add_scenario(number, scenario)
        for named in NAMED:
            await world.add_named(named)
        nameserver = await running.enter_async_context(Nameserver("\n".join(world.zone)))
        world.write(nameserver.address)
        (directory / "ready").touch()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
