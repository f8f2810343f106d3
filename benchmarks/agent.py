"""Our agent as a process to be measured: the real command, a configuration made for it, and its metrics read back."""

import contextlib
import json
import re
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.processes import Process, free_port, running
from benchmarks.server import NAME, MailServer, addresses

SAMPLE = re.compile(r"(\w+)(?:\{(.*)\})? (\S+)")


@contextlib.contextmanager
def agent(config: dict[str, Any], *flags: str, program: Sequence[str] = ("exporter",)) -> Iterator[Process]:
    """Run `smtp-exporter run` with this configuration; `program` is a module that takes its command line."""
    with tempfile.TemporaryDirectory() as folder:
        path, port = Path(folder) / "config.yaml", free_port()
        path.write_text(json.dumps(config))  # YAML holds JSON
        command = [sys.executable, "-m", *program, "run", f"--config.file={path}", "--log.level=error", *flags]
        with running([*command, f"--web.listen-address=127.0.0.1:{port}"], port) as process:
            yield process


def endpoints(server: MailServer, count: int, interval: str, **settings: Any) -> dict[str, Any]:
    """A configuration of so many endpoints at one server, each at an address of its own; `settings` go into global."""
    trust = {"ca_file": server.ca_file, "server_name": NAME}
    common = {"interval": interval, "timeout": "4s", "module": "relay"}
    targets = [{"host": address, "ports": [server.port]} for address in addresses(count)]
    return {"global": common | {"tls": trust, "expect": {"certificate": "trusted"}} | settings, "targets": targets}


@dataclass(slots=True)
class Metrics:
    """What one scrape says: the sum of each family's samples, and what the benchmarks ask further."""

    sums: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    probes: dict[str, float] = field(default_factory=dict)
    """Finished probes of each endpoint, by its labels."""
    stages: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """Seconds of the last probes, by stage."""
    delays: dict[float, float] = field(default_factory=dict)
    """The histogram of start delays: how many were at most so many seconds late."""


def scraped(process: Process) -> Metrics:
    """Read /metrics."""
    found = Metrics()
    for line in process.get("/metrics", accept_encoding="identity").decode().splitlines():
        if not (match := SAMPLE.fullmatch(line)):
            continue
        name, labels, value = match[1], match[2] or "", float(match[3])
        found.sums[name] += value
        if name == "smtp_probes_total":
            found.probes[labels] = value
        elif name == "smtp_probe_stage_duration_seconds":
            found.stages[_label("stage", labels)].append(value)
        elif name == "smtp_exporter_schedule_delay_seconds_bucket":
            found.delays[float(_label("le", labels))] = value
    return found


def _label(name: str, labels: str) -> str:
    match = re.search(rf'{name}="([^"]*)"', labels)
    return match[1] if match else ""


def delay_quantile(share: float, before: Metrics, after: Metrics) -> float:
    """The upper bound of the bucket that holds this quantile of the start delays between two scrapes, in seconds."""
    counts = {bound: after.delays[bound] - before.delays[bound] for bound in sorted(after.delays)}
    return next(bound for bound, count in counts.items() if count >= share * max(counts.values()))
