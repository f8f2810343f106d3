"""10,000 endpoints every 60 s in one process: start, schedule, memory, and what a scrape costs and disturbs.

One agent, six parts. It starts, and the time runs until the server has had a whole conversation, and until the agent
is ready: all targets have been taken in. A round passes without a scrape, and its stage times are read. Rounds with
one scrape every 15 s give CPU, first with cores that are kept awake (`cores`), overruns, start delay (the bound of a
histogram's bucket) and memory. Scrapes at 15 s, when a quarter of the endpoints has a new result, and at 60 s, when all
have one, are timed by the client; so are scrapes back to back, but for a tenth of a second, which are the worst case
for stage times. Last come scrapes without gzip, and clients that read slowly.

Another agent has a heartbeat in its loop (`heartbeat`), which tells how long that was away: without scrapes, and with
scrapes back to back. Server and scraper share two cores with it.
"""

import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.agent import Metrics, agent, delay_quantile, endpoints, scraped
from benchmarks.cores import awake, fixed_loops
from benchmarks.figures import Figure
from benchmarks.heartbeat import Absence, absences
from benchmarks.processes import Process, spread
from benchmarks.server import MailServer, mail_server
from benchmarks.slow_readers import READERS, peak

SCRAPES = 9


@dataclass(frozen=True, slots=True)
class Size:
    """How much and how long, in seconds."""

    endpoints: int = 10_000
    interval: int = 60
    scrape_every: float = 15.0
    rounds: int = 3


def figures(*, short: bool) -> Iterator[Figure]:
    """Start, a quiet round, scraped rounds, a round under scrapes back to back."""
    size = Size(200, 1, 0.5, rounds=1) if short else Size()
    with mail_server() as server:
        config = endpoints(server, size.endpoints, f"{size.interval}s", timeout=f"{min(5, size.interval)}s")
        began = time.monotonic()
        with agent(config) as process:
            yield _start(process, server, size, began)
            time.sleep(size.interval + 2)
            quiet = scraped(process)
            yield from _on_schedule(process, size, quiet)
            scraped_at_times = scraped(process)
            yield _scrape_every(process, size, size.scrape_every, "median under 0.3 s")
            yield _scrape_every(process, size, size.interval, "")
            seconds = _scrape_back_to_back(process, size.interval)
            yield _scrape(seconds, process, size)
            yield _stages(quiet, scraped_at_times, scraped(process))
            yield _slow_readers(process, size)
        yield _stalls(config, size)


def _start(process: Process, server: MailServer, size: Size, began: float) -> Figure:
    server.wait()
    probed = time.monotonic() - began
    process.wait_for("/-/ready")
    ready = time.monotonic() - began
    return Figure(
        f"start with {size.endpoints} targets",
        "configuration parsed and first probes running within 3 s",
        f"first probe done after {probed:.2f} s, ready (all have their turn) after {ready:.2f} s",
        met=probed < 3,
    )


def _on_schedule(process: Process, size: Size, before: Metrics) -> Iterator[Figure]:
    what = f"{size.endpoints} endpoints every {size.interval} s, a scrape every {size.scrape_every:g} s: "
    with awake():
        yield _share_of_a_core(process, size, f"{what}share of a core")
    yield _share_of_a_core(process, size, f"{what}share of a core, where cores sleep in between")
    resident, proportional = process.megabytes(), process.megabytes("Pss")
    after = scraped(process)
    overruns = after.sums["smtp_exporter_probe_overruns_total"]
    delay = delay_quantile(0.99, before, after)
    late = f"{overruns:.0f} overruns, {1000 * delay:.0f} ms or less"
    good = f"{after.sums['smtp_probe_success']:.0f} of {len(after.probes)} good"
    yield Figure(f"{what}overruns, 99th percentile of the start delay", "none, under 250 ms", f"{late}; {good}",
                 met=not overruns and delay < 0.25)  # fmt: skip
    yield Figure(f"{what}memory", "under 160 MB", f"{resident:.0f} MB resident, {proportional:.0f} MB proportional",
                 met=resident < 160)  # fmt: skip


def _share_of_a_core(process: Process, size: Size, what: str) -> Figure:
    """CPU seconds a second in some rounds, scraped as Prometheus would; what a fixed loop took meanwhile."""
    shares, loops = list[float](), list[float]()
    for _ in range(size.rounds):
        cpu, began = process.cpu, time.monotonic()
        for n in range(1, round(size.interval / size.scrape_every) + 1):
            loops += fixed_loops(began + (n - 0.5) * size.scrape_every)
            process.get("/metrics")
        loops += fixed_loops(began + size.interval)
        shares.append((process.cpu - cpu) / (time.monotonic() - began))
    told = f"{spread(shares, '.1%')}; a fixed loop took {statistics.mean(loops):.2f} ms meanwhile"
    return Figure(what, "under 25 %", told, met=statistics.median(shares) < 0.25)


def _scrape_every(process: Process, size: Size, every: float, reach: str) -> Figure:
    """Scrape as Prometheus does, and let a client measure how long that takes."""
    seconds = []
    for _ in range(SCRAPES):
        time.sleep(every)
        seconds.append(_timed(process))
    median = statistics.median(seconds)
    return Figure(
        f"/metrics with {size.endpoints} endpoints, gzip, every {every:g} s, measured by the client",
        reach,
        f"median {median:.2f} s, longest {max(seconds):.2f} s of {len(seconds)}",
        met=median < 0.3 if reach else None,
    )


def _timed(process: Process) -> float:
    began = time.monotonic()
    process.get("/metrics")
    return time.monotonic() - began


def _scrape_back_to_back(process: Process, seconds: float) -> list[float]:
    taken = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        taken.append(_timed(process))
        time.sleep(0.1)
    return taken


def _scrape(seconds: list[float], process: Process, size: Size) -> Figure:
    median = statistics.median(seconds)
    packed, plain = (len(process.get("/metrics", accept_encoding=each)) / 1e6 for each in ("gzip", "identity"))
    return Figure(
        f"/metrics with {size.endpoints} endpoints, gzip, back to back, while probing",
        "median under 0.3 s",
        f"median {median:.2f} s, longest {max(seconds):.2f} s of {len(seconds)}; {packed:.1f} MB, {plain:.1f} MB plain",
        met=median < 0.3,
    )


def _slow_readers(process: Process, size: Size) -> Figure:
    for _ in range(3):
        process.get("/metrics", accept_encoding="identity")
    most = {path: peak(process, path, size.interval / 4) for path in ("/metrics", "/api/v1/endpoints", "/config")}
    told = ", ".join(f"{path} {megabytes:.0f} MB" for path, megabytes in most.items())
    return Figure(
        f"memory with {size.endpoints} endpoints, after 3 scrapes without gzip, with {READERS} readers of 1 MB/s",
        "under 200 MB",
        told,
        met=max(most.values()) < 200,
    )


def _stalls(config: dict[str, Any], size: Size) -> Figure:
    """How long the loop was away, from within."""
    with tempfile.NamedTemporaryFile() as file, agent(config, program=("benchmarks.heartbeat", file.name)) as process:
        process.wait_for("/-/ready")
        time.sleep(size.interval + 2)
        _scrape_back_to_back(process, 1)  # the first one renders everything, as after a restart
        marks = [time.monotonic()]
        time.sleep(size.interval / 2)
        marks.append(time.monotonic())
        _scrape_back_to_back(process, size.interval / 2)
        marks.append(time.monotonic())
        alone, beside = (list(absences(Path(file.name), *pair)) for pair in pairwise(marks))
    return Figure(
        "longest absence of the event loop while scrapes run back to back",
        "never over 25 ms because of a scrape",
        f"{_longest(beside)}; without scrapes {_longest(alone)}",
        met=max((absence.own for absence in beside), default=0.0) < 0.025,
    )


def _longest(absences: list[Absence]) -> str:
    """The longest, and the longest by the loop's own work: two processes more want the same two cores."""
    longest = max((absence.seconds for absence in absences), default=0.0)
    own = max((absence.own for absence in absences), default=0.0)
    return f"{1000 * longest:.0f} ms, {1000 * own:.0f} ms by its own work"


def _stages(*rounds: Metrics) -> Figure:
    shown = (
        f"{stage} {' / '.join(f'{1000 * statistics.mean(each.stages[stage]):.1f}' for each in rounds)}"
        for stage in rounds[0].stages
        if all(each.stages[stage] for each in rounds)
    )
    return Figure(
        "mean stage times: no scrape / one every 15 s / back to back",
        "unchanged by scrapes",
        f"{', '.join(shown)} ms",
    )
