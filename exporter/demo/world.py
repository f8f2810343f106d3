"""Starts the servers of the demo's tables on loopback, and the nameserver that knows their names."""

from contextlib import AsyncExitStack
from dataclasses import dataclass

from exporter.demo.table import BLOCKED_ADDRESSES, DEMO, MX_HOSTS, ZONE
from exporter.simulated.certificates import Zoo
from exporter.simulated.nameserver import Nameserver
from exporter.simulated.ports import closed_port, dropping_port
from exporter.simulated.scripts import SCRIPTS
from exporter.simulated.server import Server


@dataclass(frozen=True, slots=True)
class World:
    """Where everything is."""

    ports: tuple[int, ...]
    """Of the rows of DEMO, in their order, on 127.0.0.1."""
    mx_port: int
    blocked_port: int
    nameserver: str


async def build(zoo: Zoo, servers: AsyncExitStack) -> World:
    """Start everything; it ends with `servers`."""
    ports = [await start(row.script, zoo, servers) for row in DEMO]
    mx_port = blocked_port = 0  # the first of each takes a free one, the others the same
    for address, script in MX_HOSTS.items():
        mx_port = await start(script, zoo, servers, address, mx_port)
    for address in BLOCKED_ADDRESSES:
        blocked_port = await start("dropping", zoo, servers, address, blocked_port)
    nameserver = await servers.enter_async_context(Nameserver(ZONE))
    return World(tuple(ports), mx_port, blocked_port, nameserver.address)


async def start(script: str, zoo: Zoo, servers: AsyncExitStack, host: str = "127.0.0.1", port: int = 0) -> int:
    """Start one server, or hold a port where nobody answers; return its port."""
    if script == "closed":
        return servers.enter_context(closed_port(host, port))
    if script == "dropping":
        return servers.enter_context(dropping_port(host, port))
    server = Server(SCRIPTS[script](zoo), host=host, port=port, remember=1)
    return (await servers.enter_async_context(server)).port
