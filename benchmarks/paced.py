"""What a STARTTLS probe costs when probes are paced: 1,000 endpoints every 4 s, so 250 a second, scrapes included.

Ours with uvloop, ours with asyncio and blackbox_exporter take turns, several rounds of them, each time as new
processes against the same server, each measured for 16 s. Ours is scraped with gzip every 4 s, so that every endpoint
has a new result at every scrape, the dearest case; blackbox_exporter answers a scrape with each probe anyway. CPU time
of the process, all threads, by the conversations that the server has counted. The figure is the median of the rounds; a
noisy neighbour slows all, so their ratio is the one to believe.

All of it is measured twice: with cores that are kept awake (`cores`), and with cores that sleep whenever nothing runs,
as they do on most machines.
"""

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks.agent import agent, endpoints
from benchmarks.blackbox import INSTALLED, asking, blackbox
from benchmarks.cores import awake
from benchmarks.figures import Figure
from benchmarks.processes import Process, spread, wait_until
from benchmarks.server import MailServer, addresses, mail_server

WHAT = "CPU a STARTTLS probe, paced"
CORES: dict[str, Callable[[], contextlib.AbstractContextManager[None]]] = {
    "cores kept awake": awake,
    "cores asleep in between": contextlib.nullcontext,
}


@dataclass(frozen=True, slots=True)
class Pace:
    """How long and how much."""

    endpoints: int = 1000
    rounds: int = 3
    warm_up: float = 6.0
    scrapes: int = 4
    scrape_every: float = 4.0


def figures(*, short: bool) -> Iterator[Figure]:
    """Ours beside blackbox_exporter, and ours on the other event loop; cores awake, then asleep."""
    pace = Pace(200, 1, 1.0, 2, 0.25) if short else Pace()
    with mail_server() as server:
        for cores, condition in CORES.items():
            with condition():
                taken = _rounds(server, pace)
            yield from _rows(taken, f"{pace.endpoints} endpoints, {pace.endpoints / 4:.0f}/s", cores)


def _rounds(server: MailServer, pace: Pace) -> dict[str, list[float]]:
    """Milliseconds of CPU a probe, by contestant, one figure a round."""
    contestants: dict[str, Callable[[MailServer, Pace], float]] = {
        "uvloop": lambda server, pace: _ours(server, pace, "uvloop"),
        "asyncio": lambda server, pace: _ours(server, pace, "asyncio"),
    } | ({"blackbox": _theirs} if INSTALLED else {})
    taken: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(pace.rounds):
        for name, measure in contestants.items():
            taken[name].append(1000 * measure(server, pace))
    return taken


def _rows(taken: dict[str, list[float]], rate: str, cores: str) -> Iterator[Figure]:
    theirs = statistics.median(taken["blackbox"]) if INSTALLED else None
    for name in ("uvloop", "asyncio"):
        share = statistics.median(taken[name]) / theirs if theirs else None
        yield Figure(
            f"{WHAT}, {rate}, a gzip scrape every 4 s, {name}, {cores}",
            "at most 0.5 of blackbox_exporter's" if name == "uvloop" else "",
            f"{spread(taken[name])} ms" + (f", {share:.2f} of blackbox_exporter's" if share else ""),
            f"{spread(taken['blackbox'])} ms" if INSTALLED else "not installed",
            share <= 0.5 if share and name == "uvloop" else None,
        )


def _ours(server: MailServer, pace: Pace, loop: str) -> float:
    config = endpoints(server, pace.endpoints, "4s")
    with agent(config, f"--loop={loop}") as process:
        process.wait_for("/-/ready")
        return _seconds_a_probe(server, process, pace)


def _theirs(server: MailServer, pace: Pace) -> float:
    targets = [f"{address}:{server.port}" for address in addresses(pace.endpoints)]
    with blackbox(server) as process, asking(process, targets, pace.endpoints / 4) as asked:
        taken = _seconds_a_probe(server, process, pace)
        if asked.failed:
            raise RuntimeError(f"{asked.failed} of {asked.answers} probes of blackbox_exporter failed")
        return taken


def _seconds_a_probe(server: MailServer, process: Process, pace: Pace) -> float:
    """CPU seconds, by conversations that the server saw."""
    time.sleep(pace.warm_up)
    cpu, conversations = process.cpu, server.conversations
    for _ in range(pace.scrapes):
        time.sleep(pace.scrape_every)
        with contextlib.suppress(ConnectionError):
            process.get("/metrics")
    wait_until(lambda: server.conversations > conversations, "no conversation was measured")
    return (process.cpu - cpu) / (server.conversations - conversations)
