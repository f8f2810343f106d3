"""What `confirm_interval` costs at most where one endpoint in a hundred fails: two probes fail, one works, for ever.

The share is too small to be seen beside the noise of a machine, so it is reckoned from what can be: agents whose
endpoints all work, all fail so without confirmation, and all fail so with it, one after the other, several rounds of
them. Each failure that is confirmed then costs its most, two probes more an interval; an endpoint that fails for good
has two more once. The intervals, 20 s and a quarter of it, are in proportion to the defaults; nothing is scraped.
"""

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.agent import agent, endpoints
from benchmarks.figures import Figure
from benchmarks.processes import Process, spread, wait_until
from benchmarks.server import FLAPPING, MailServer, addresses, mail_server

FAILING = 0.01
GOAL = 0.02


@dataclass(frozen=True, slots=True)
class Load:
    """How much and how long, in seconds."""

    endpoints: int = 1000
    rounds: int = 3
    interval: int = 20
    settles: float = 30.0
    measured: float = 60.0


def figures(*, short: bool) -> Iterator[Figure]:
    """Measure the three agents, and reckon."""
    load = Load(300, 1, 6, 0.0, 2.0) if short else Load()
    with mail_server() as server:
        rounds = [_round(server, load) for _ in range(load.rounds)]
    added = [FAILING * (on - off) / ((1 - FAILING) * works + FAILING * off) for works, off, on in rounds]
    works, off, on = (spread([each[number] for each in rounds]) for number in range(3))
    yield Figure(
        f"CPU that confirm_interval adds where {FAILING:.0%} of the endpoints fail twice and work once",
        f"at most {GOAL:.0%}",
        f"{spread([100 * each for each in added])} %: {works} ms an endpoint and second where all work, {off} where "
        f"all fail so, {on} where that is confirmed",
        met=None if short else statistics.median(added) <= GOAL,
    )


def _round(server: MailServer, load: Load) -> tuple[float, float, float]:
    """Milliseconds of CPU an endpoint and second: all work, all fail by turns, and these confirmed."""
    working, failing = addresses(load.endpoints), addresses(load.endpoints, FLAPPING.network_address.packed[1])
    quarter = f"{max(5, load.interval / 4):g}s"
    return (
        _cpu(server, load, working, "off"), _cpu(server, load, failing, "off"), _cpu(server, load, failing, quarter)
    )  # fmt: skip


def _cpu(server: MailServer, load: Load, hosts: list[str], confirm: str) -> float:
    settings: dict[str, Any] = {"confirm_interval": confirm}
    config = endpoints(server, 0, f"{load.interval}s", **settings)
    config["targets"] = [{"host": host, "ports": [server.port]} for host in hosts]
    with agent(config) as process:
        process.wait_for("/-/ready")
        return _measured(server, process, load)


def _measured(server: MailServer, process: Process, load: Load) -> float:
    """CPU of whole intervals, after the first round and its confirmations."""
    greeted = server.greeted
    wait_until(lambda: server.greeted > greeted, "nothing was probed")
    time.sleep(load.settles)
    cpu, began = process.cpu, time.monotonic()
    time.sleep(load.measured)
    return 1e3 * (process.cpu - cpu) / (time.monotonic() - began) / load.endpoints
