"""How many STARTTLS probes one process does when it is asked for more than it can: a second, and a second of CPU.

Ours (both event loops) has more endpoints due every 3 s than it can probe; blackbox_exporter is asked over 20
connections without a pause. They take turns against the same server. A second of CPU is what compares:
blackbox_exporter runs on all cores, and the server has its share of them. Fairness is the spread of finished probes
between the endpoints of ours at a scrape under that load; an endpoint that starved would have 0.
"""

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks.agent import agent, endpoints, scraped
from benchmarks.blackbox import INSTALLED, asking, blackbox
from benchmarks.figures import Figure
from benchmarks.processes import Process, spread, wait_until
from benchmarks.server import MailServer, addresses, mail_server


@dataclass(frozen=True, slots=True)
class Load:
    """How much and how long, in seconds."""

    endpoints: int = 5000
    rounds: int = 2
    warm_up: float = 6.0
    measured: float = 15.0


@dataclass(frozen=True, slots=True)
class Done:
    """What one process did."""

    per_second: float
    per_cpu_second: float


def figures(*, short: bool) -> Iterator[Figure]:
    """Ours on both event loops beside blackbox_exporter, and the spread between endpoints."""
    load = Load(300, 1, 0.3, 0.7) if short else Load()
    contestants: dict[str, Callable[[MailServer, Load], Done]] = {
        "uvloop": lambda server, load: _ours(server, load, "uvloop"),
        "asyncio": lambda server, load: _ours(server, load, "asyncio"),
    } | ({"blackbox": _theirs} if INSTALLED else {})
    done: dict[str, list[Done]] = {name: [] for name in contestants}
    with mail_server() as server:
        for _ in range(load.rounds):
            for name, measure in contestants.items():
                done[name].append(measure(server, load))
        theirs = _per_cpu_second(done["blackbox"]) if INSTALLED else None
        for name in ("uvloop", "asyncio"):
            yield Figure(
                f"saturated: STARTTLS probes, {name}",
                "more than blackbox_exporter a second of CPU",
                _told(done[name]),
                _told(done["blackbox"]) if INSTALLED else "not installed",
                _per_cpu_second(done[name]) > theirs if theirs else None,
            )
        yield _fairness(server, load)


def _per_cpu_second(done: list[Done]) -> float:
    return statistics.median(each.per_cpu_second for each in done)


def _told(done: list[Done]) -> str:
    a_second = spread([each.per_second for each in done], ".0f")
    return f"{spread([each.per_cpu_second for each in done], '.0f')} a second of CPU, {a_second} a second"


def _overloaded(server: MailServer, load: Load, *flags: str) -> contextlib.AbstractContextManager[Process]:
    return agent(endpoints(server, load.endpoints, "3s", timeout="3s"), *flags)


def _ours(server: MailServer, load: Load, loop: str) -> Done:
    with _overloaded(server, load, f"--loop={loop}") as process:
        process.wait_for("/-/ready")
        time.sleep(load.warm_up)
        return _rates(server, process, load.measured)


def _fairness(server: MailServer, load: Load) -> Figure:
    with _overloaded(server, load) as process:
        process.wait_for("/-/ready")
        time.sleep(load.warm_up + load.measured)
        began = time.monotonic()
        try:
            finished = sorted(scraped(process).probes.values())
        except TimeoutError:
            told, fair = f"/metrics was not answered within {time.monotonic() - began:.0f} s", False
        else:
            starved = load.endpoints - len(finished)
            fair = not starved and finished[0] > 0
            spread_of = f"{0 if starved else finished[0]:.0f} to {finished[-1]:.0f}"
            told = f"{spread_of}; this scrape took {time.monotonic() - began:.1f} s"
    what = f"saturated: finished probes of each of {load.endpoints} endpoints"
    return Figure(what, "no endpoint starves", told, met=fair)


def _theirs(server: MailServer, load: Load) -> Done:
    targets = [f"{address}:{server.port}" for address in addresses(load.endpoints)]
    with blackbox(server) as process, asking(process, targets, None):
        time.sleep(load.warm_up / 3)
        return _rates(server, process, load.measured)


def _rates(server: MailServer, process: Process, seconds: float) -> Done:
    """Conversations that the server saw, a second and a second of the process's CPU; longer where there was none."""
    cpu, conversations, began = process.cpu, server.conversations, time.monotonic()
    time.sleep(seconds)
    wait_until(lambda: process.cpu > cpu and server.conversations > conversations, "no conversation was measured")
    finished = server.conversations - conversations
    return Done(finished / (time.monotonic() - began), finished / (process.cpu - cpu))
