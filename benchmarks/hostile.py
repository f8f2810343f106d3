"""What healthy endpoints notice of hostile peers: name servers and policy hosts that do their worst, beside them.

The agent probes 1,000 healthy endpoints, 250 a second, half of them by a name, first alone, then beside some hundred
mail domains: so many of each kind in the tables of `hostile_names` and `hostile_policies`, whose rows say what is to be
said of them. All that is in a network namespace of its own (`namespace`). The start delay is that of all turns, healthy
and hostile; it is the upper bound of a bucket. A heartbeat in the loop tells how long that was away (`heartbeat`).
"""

import re
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.agent import Metrics, agent, delay_quantile, endpoints, scraped
from benchmarks.figures import Figure
from benchmarks.heartbeat import absences
from benchmarks.hostile_names import NAMES, Names
from benchmarks.hostile_policies import HONEST, LAST, POLICIES, WELL, WORLD, Policies
from benchmarks.namespace import figures_of, tell
from benchmarks.processes import running
from benchmarks.server import mail_server

PROBLEM = re.compile(r'smtp_(domain|probe)_problem\{.*?(?:domain|host)="([^"]*)".*reason="([^"]*)"')
ROWS: Mapping[str, Names | Policies] = {WELL: HONEST, **NAMES, **POLICIES}
HOSTILE = "hostile"
"""The target of all domains."""
REACH = "99 % start within 0.25 s, no overruns"
LIMIT = 0.25
SHOWN = 3
"""Domains that a row names of which something else is said."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much, and how long in seconds."""

    healthy: int = 1000
    every: int = 4
    domains: int = 15
    interval: int = 30
    seconds: float = 120.0


def figures(*, short: bool) -> Iterator[Figure]:
    """Measure in a namespace of its own."""
    return figures_of("benchmarks.hostile", WORLD, short=short)


def main() -> None:
    """Measure here."""
    short = "--short" in sys.argv
    tell(_measured(Size(40, 1, 1, 3, 15.0) if short else Size(), short=short))


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of an agent from its readiness on."""

    metrics: Metrics
    page: str
    core: float
    """Share of a core."""
    delay: float
    away: tuple[float, float]
    """The longest absence of the loop in seconds, and the longest by its own work."""
    memory: tuple[float, float]
    """Megabytes at the begin and at the end."""


def _measured(size: Size, *, short: bool) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder, mail_server() as server, hostile_peers(Path(folder), size.domains):
        config = endpoints(server, size.healthy, f"{size.every}s", timeout=f"{min(size.every, 4)}s")
        config["modules"] = {"healthy": {key: config["global"].pop(key) for key in ("tls", "expect")}}
        config["global"] |= {"module": "healthy", "nameservers": ["127.0.0.1"]}
        for number in range(0, size.healthy, 2):
            config["targets"][number]["host"] = f"h{number}.example"
        alone = _seen(config, size.seconds / 4)
        config["targets"].append(domains(size, server.port, Path(folder)))
        beside = _seen(config, size.seconds)
    yield from _figures(size, alone, beside, short=short)


def domains(size: Size, port: int, folder: Path) -> dict[str, Any]:
    """All domains as one target."""
    names = [f"{kind}-{n}.example" for kind in ROWS for n in range(size.domains)]
    target = {"name": HOSTILE, "domains": names, "ports": [port], "module": "relay"}
    times = {"interval": f"{size.interval}s", "timeout": f"{min(size.interval, 5)}s"}
    return target | times | {"tls": {"ca_file": str(folder / "ca.pem")}}


@contextmanager
def hostile_peers(folder: Path, count: int) -> Iterator[None]:
    """Run them, so many domains of each kind."""
    names, policies = "benchmarks.hostile_names", "benchmarks.hostile_policies"
    with (
        running([sys.executable, "-m", names], 53) as name_server,
        running([sys.executable, "-m", policies, str(folder), str(count)], 443) as web_server,
    ):
        name_server.wait_for_port()
        web_server.wait_for_port(LAST)
        yield


def _seen(config: dict[str, Any], seconds: float) -> Seen:
    with tempfile.NamedTemporaryFile() as file, agent(config, program=("benchmarks.heartbeat", file.name)) as process:
        process.wait_for("/-/ready")
        before, cpu, memory, began = scraped(process), process.cpu, process.megabytes(), time.monotonic()
        time.sleep(seconds)
        ended = time.monotonic()
        core = (process.cpu - cpu) / (ended - began)
        found = list(absences(Path(file.name), began, ended))
        away = max((each.seconds for each in found), default=0.0), max((each.own for each in found), default=0.0)
        grown = memory, process.megabytes()
        page = process.get("/metrics", accept_encoding="identity").decode()
        after = scraped(process)
    return Seen(after, page, core, delay_quantile(0.99, before, after), away, grown)


def _figures(size: Size, alone: Seen, beside: Seen, *, short: bool) -> Iterator[Figure]:
    hostile = f"{len(ROWS) - 1} kinds of hostile peers, {size.domains} domains each"
    good, failed = _healthy(beside.page)
    overruns = beside.metrics.sums["smtp_exporter_probe_overruns_total"]
    yield Figure(
        f"{hostile}, beside {size.healthy} healthy endpoints every {size.every} s: start delay", REACH,
        f"99 % within {beside.delay:g} s, alone {alone.delay:g} s; {overruns:.0f} overruns",
        met=None if short else beside.delay <= LIMIT and not overruns,
    )  # fmt: skip
    yield Figure(
        f"{hostile}: the healthy ones", "all stay healthy", f"{good} of {size.healthy} good, {failed} probes failed",
        met=good == size.healthy and not failed,
    )  # fmt: skip
    wrong, all_of_them = list(misnamed(beside.page, ROWS, size.domains)), len(ROWS) * size.domains
    yield Figure(
        f"{hostile}: reasons", "what is said of each is what should be",
        f"{all_of_them - len(wrong)} of {all_of_them} domains; {', '.join(wrong[:SHOWN])}".strip("; "),
        met=None if short else not wrong,
    )  # fmt: skip
    away, own = (f"{1000 * each:.0f}" for each in beside.away)
    yield Figure(
        f"{hostile}: longest absence of the event loop", "",
        f"{away} ms, {own} ms by its own work; alone {1000 * alone.away[0]:.0f} ms, {1000 * alone.away[1]:.0f} ms",
    )  # fmt: skip
    yield Figure(f"{hostile}: share of a core", "", f"{beside.core:.1%}; alone {alone.core:.1%}")
    memory = " to ".join(f"{each:.0f}" for each in beside.memory)
    yield Figure(
        f"{hostile}: memory in {size.seconds:.0f} s", "",
        f"{memory} MB resident, {len(beside.metrics.probes)} endpoints; alone {alone.memory[1]:.0f} MB",
    )  # fmt: skip


def _healthy(page: str) -> tuple[int, int]:
    """How many healthy endpoints are good now, and how many of their probes failed."""
    samples = [line for line in page.splitlines() if f'target="{HOSTILE}"' not in line]
    values = {name: [float(line.rpartition(" ")[2]) for line in samples if line.startswith(f"{name}{{")]
              for name in ("smtp_probe_success", "smtp_probe_failures_total")}  # fmt: skip
    good, failed = (int(sum(each)) for each in values.values())
    return good, failed


def misnamed(page: str, kinds: Iterable[str], count: int) -> Iterator[str]:
    """Of which domains something else is said than stands in the row of their kind, and what that is."""
    said: dict[tuple[str, str], set[str]] = defaultdict(set)
    for of, name, reason in PROBLEM.findall(page):
        said[of, ".".join(name.split(".")[-2:])].add(reason)
    for kind in kinds:
        row = ROWS[kind]
        for domain in (f"{kind}-{n}.example" for n in range(count)):
            of_domain, of_hosts = said["domain", domain], said["probe", domain]
            if of_domain != row.reasons or not {row.endpoint} - {""} <= of_hosts:
                yield f"{domain}: {' '.join(sorted(of_domain | of_hosts)) or 'nothing'}"


if __name__ == "__main__":
    main()
