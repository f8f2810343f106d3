"""What the healthy endpoints notice of the others: black holes, name servers that are silent, too few descriptors.

A black hole is a port of loopback whose listener has no room left, so that Linux answers no SYN and each probe runs
into `connect_timeout` (10 s). How late each probe of a healthy endpoint started is told by `starts`: for two rounds and
a little more, the first, in which nobody knows yet who is dead, among them. Where dead ones want more than the 1,000
places that the default has, it is told of the fifth minute. How late the dead ones start stands beside.
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

from benchmarks.agent import agent, endpoints, scraped
from benchmarks.figures import Figure
from benchmarks.processes import Process, free_port
from benchmarks.server import MailServer, addresses, mail_server
from benchmarks.starts import starts

REACH = "the good ones are not delayed: 99 % start within 0.25 s"
LIMIT = 0.25
FEW = 400
"""The limit of open files in the last figure; 1,000 probes want 1,200."""


def figures(*, short: bool) -> Iterator[Figure]:
    """One figure for each kind of trouble."""
    count, round_ = (200, 2.0) if short else (10_000, 60.0)
    with mail_server() as server, black_hole() as hole:
        config = _half(server, count, port=hole)
        yield _delay(f"half of {count:,} endpoints are black holes", config, 0.0, 2.2 * round_, asked=not short)
        config = _half(server, 2 * count, port=hole)
        yield _delay(f"half of {2 * count:,} endpoints are black holes, fifth minute", config, 4 * round_, round_)
        with silent_nameserver() as address:
            names = {f"h{n}.example.test": server.port for n in range(count // 2)}
            config = _half(server, count, names=names)
            config["global"]["nameservers"] = [address]
            yield _delay(f"no name server answers for half of {count:,}", config, 0.0, 2.2 * round_, asked=not short)
        yield _few_descriptors(_half(server, 10 * FEW, port=hole), 3.0 if short else 30.0)


def _half(server: MailServer, count: int, *, port: int = 0, names: dict[str, int] | None = None) -> dict[str, Any]:
    """A configuration in which every other endpoint is at this port, or has one of these names."""
    config = endpoints(server, count, "60s", timeout="30s")
    bad = iter(names.items() if names else ((address, port) for address in addresses(count)[1::2]))
    for number, (host, at) in enumerate(bad):
        config["targets"][2 * number + 1] = {"host": host, "ports": [at]}
    return config


def _delay(what: str, config: dict[str, Any], after: float, seconds: float, *, asked: bool = False) -> Figure:
    """How late the probes were that started within so many seconds, `after` the agent was ready."""
    good = {target["host"] for target in config["targets"][::2]}
    with tempfile.NamedTemporaryFile() as file:
        with agent(config, program=("benchmarks.starts", file.name)) as process:
            process.wait_for("/-/ready")
            since = time.monotonic() + after
            time.sleep(after + seconds)
            overruns = scraped(process).sums["smtp_exporter_probe_overruns_total"]
        seen = list(starts(Path(file.name), since, since + seconds))
    of_good = sorted(start.late for start in seen if start.at in good)
    of_others = sorted(start.late for start in seen if start.at not in good)
    return Figure(
        f"start delay while {what}",
        REACH if asked else "",
        f"99 % of {len(of_good):,} within {_quantile(0.99, of_good):.2f} s, half within {_quantile(0.5, of_good):.2f} s"
        f"; of {len(of_others):,} others 99 % within {_quantile(0.99, of_others):.2f} s; {overruns:.0f} overruns",
        met=_quantile(0.99, of_good) <= LIMIT if asked else None,
    )


def _quantile(share: float, values: list[float]) -> float:
    """The value that this share of the sorted values does not exceed; infinite where there are none."""
    return values[max(0, math.ceil(share * len(values)) - 1)] if values else math.inf


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
