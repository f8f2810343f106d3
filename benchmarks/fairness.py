"""What the healthy endpoints notice of the others: black holes, name servers that are silent, too few descriptors.

A black hole is a port of loopback whose listener has no room left, so that Linux answers no SYN and each probe runs
into `connect_timeout` (10 s). The start delay is the agent's own histogram: all turns wait in one queue, so it is that
of the healthy ones. It is the upper bound of a bucket. The limit of 1,000 probes at once is the default's.
"""

import contextlib
import json
import math
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.agent import Metrics, agent, delay_quantile, endpoints, scraped
from benchmarks.figures import Figure
from benchmarks.processes import Process, free_port
from benchmarks.server import MailServer, addresses, mail_server

REACH = "the good ones are not delayed: 99 % start within 0.25 s"
LIMIT = 0.25
FEW = 400
"""The limit of open files in the last figure; 1,000 probes want 1,200."""


def figures(*, short: bool) -> Iterator[Figure]:
    """One figure for each kind of trouble."""
    count, seconds = (200, 4.0) if short else (10_000, 130.0)
    with mail_server() as server, black_hole() as hole:
        for many in (count, 2 * count):
            before, after = _measured(_half(server, many, port=hole), seconds)
            what = f"half of {many:,} endpoints are black holes"
            yield _delay(f"start delay while {what}", before, after, short=short, asked=many == count)
        with silent_nameserver() as address:
            names = {f"h{n}.example.test": server.port for n in range(count // 2)}
            config = _half(server, count, names=names)
            config["global"]["nameservers"] = [address]
            before, after = _measured(config, seconds)
            what = f"no name server answers for half of {count:,}"
            yield _delay(f"start delay while {what}", before, after, short=short)
        yield _few_descriptors(_half(server, 10 * FEW, port=hole), 3.0 if short else 30.0)


def _half(server: MailServer, count: int, *, port: int = 0, names: dict[str, int] | None = None) -> dict[str, Any]:
    """A configuration in which every other endpoint is at this port, or has one of these names."""
    config = endpoints(server, count, "60s", timeout="30s")
    bad = iter(names.items() if names else ((address, port) for address in addresses(count)[1::2]))
    for number, (host, at) in enumerate(bad):
        config["targets"][2 * number + 1] = {"host": host, "ports": [at]}
    return config


def _measured(config: dict[str, Any], seconds: float) -> tuple[Metrics, Metrics]:
    """The first two rounds and a little more."""
    with agent(config) as process:
        process.wait_for("/-/ready")
        before = scraped(process)
        time.sleep(seconds)
        return before, scraped(process)


def _delay(what: str, before: Metrics, after: Metrics, *, short: bool, asked: bool = True) -> Figure:
    median, most = (delay_quantile(share, before, after) for share in (0.5, 0.99))
    overruns = after.sums["smtp_exporter_probe_overruns_total"]
    said = f"99 % {_bound(most)}, half {_bound(median)}; {overruns:.0f} overruns"
    return Figure(what, REACH if asked else "", said, met=most <= LIMIT if asked and not short else None)


def _bound(seconds: float) -> str:
    return f"within {seconds:g} s" if seconds < math.inf else "more than 10 s late"  # beyond the last bucket


def _few_descriptors(config: dict[str, Any], seconds: float) -> Figure:
    """A hard limit below what the probes want: is it said, does the agent work, does it ever run out?"""
    with tempfile.TemporaryDirectory() as folder:
        path, port = Path(folder) / "config.yaml", free_port()
        path.write_text(json.dumps(config))
        command = [sys.executable, "-m", "exporter", "run", f"--config.file={path}", "--log.level=warn"]
        with (
            (Path(folder) / "log").open("w+") as log,
            subprocess.Popen(
                ["prlimit", f"--nofile={FEW}:{FEW}", *command, f"--web.listen-address=127.0.0.1:{port}"], stderr=log
            ) as process,
        ):
            agent = Process(process.pid, port)
            agent.wait_for("/-/ready")
            time.sleep(seconds)
            ran_out = _ran_out(agent)
            probes, used = scraped(agent).sums["smtp_probes_total"], agent.descriptors
            process.terminate()
            process.wait(20)
            log.seek(0)
            warned = "too few file descriptors" in log.read()
    return Figure(
        f"{FEW} descriptors allowed, 1,000 probes at once wanted",
        "a warning at start, a working agent, no EMFILE",
        f"{'warned' if warned else 'no warning'}; {probes:,.0f} probes done, {used} descriptors in use, "
        f"{ran_out} probes without one",
        met=warned and probes > 0 and ran_out == 0,
    )


def _ran_out(process: Process) -> int:
    """How many problems `local_resources` were counted so far."""
    page = process.get("/metrics", accept_encoding="identity").decode().splitlines()
    counted = [line for line in page if line.startswith("smtp_exporter_problems_total{") and "local_resources" in line]
    return int(sum(float(line.rpartition(" ")[2]) for line in counted))


@contextlib.contextmanager
def black_hole() -> Iterator[int]:
    """A port on all of loopback that answers no SYN: its queue has room for one, who is there."""
    with socket.create_server(("0.0.0.0", 0), backlog=0) as listener, contextlib.ExitStack() as inside:
        port = int(listener.getsockname()[1])
        inside.enter_context(socket.create_connection(("127.0.0.1", port), 1))
        yield port


@contextlib.contextmanager
def silent_nameserver() -> Iterator[str]:
    """A port of UDP where nobody reads."""
    with socket.socket(type=socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{bound.getsockname()[1]}"
