"""What one evaluation of all shipped rules takes: 10,000 endpoints, 2,000 of them failing, on a real Prometheus.

A server in this process tells what an agent would tell of them: 2,500 hosts with four ports each. In the first part no
port of every fifth host works, in the second every fifth port fails, wherever it is; the reasons differ, and a third
changes theirs from minute to minute. Nothing is probed.

Prometheus (`prometheus` in the path) has the shipped configuration. It runs until the longest range of the rules that
run more than once a day has data; then it says for some minutes what each evaluation of each group took. The figure
is the sum of the medians of all groups, so each rule counts once, however often it is evaluated; the quickest ones are
given too, for a busy machine. Wall time: a group is evaluated by one thread, beside scrapes and other groups. The
ranges of one day and more hold only what the run has recorded.
"""

import gzip
import http.server
import json
import shutil
import statistics
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.processes import Process, free_port, running
from exporter.reasons import Stage
from tools.alerts import files
from tools.prometheus import Site

PORTS = (25, 465, 587, 2525)
GOAL_SECONDS = 5.0
PROBLEMS = (
    ("connect", "connection_timeout"), ("greeting", "greeting_timeout"), ("tls", "tls_handshake_failed"),
    ("certificate", "certificate_expired"), ("auth", "auth_rejected"),
)  # fmt: skip
DAY = 86400
WORKS = {
    "smtp_probe_duration_seconds": 0.3, "smtp_probe_interval_seconds": 60, "smtp_port_open": 1,
    "smtp_greeting_code": 220, "smtp_starttls_advertised": 1, "smtp_certificate_valid": 1,
    "smtp_certificate_outdated": 0, "smtp_probes_untestable_total": 0,
}  # fmt: skip
"""Families of an endpoint with a value that stays, whether it fails or not."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much, and for how many seconds."""

    endpoints: int = 10_000
    warm_up: float = 32 * 60
    measured: float = 10 * 60
    pace: float = 1


def figures(*, short: bool) -> Iterator[Figure]:
    """Hosts that are down, then ports that fail on as many hosts as possible."""
    if not shutil.which("prometheus"):
        yield Figure("one evaluation of all rules", f"under {GOAL_SECONDS:g} s", "0 measured: no prometheus here")
        return
    size = Size(200, 3.0, 6.0, pace=60) if short else Size()
    for what, every in (("whole hosts", len(PORTS)), ("ports of different hosts", 1)):
        yield _figure(what, size, _measured(size, every))


def _figure(what: str, size: Size, taken: dict[str, list[float]]) -> Figure:
    median, least = (sum(each(times) for times in taken.values()) for each in (statistics.median, min))
    groups = ", ".join(f"{name} {statistics.median(times):.2f}" for name, times in sorted(taken.items()))
    return Figure(
        f"one evaluation of all rules, {size.endpoints} endpoints, {size.endpoints // 5} failing: {what}",
        f"under {GOAL_SECONDS:g} s", f"{median:.2f} s, of the quickest {least:.2f} s: {groups}",
        met=median < GOAL_SECONDS,
    )  # fmt: skip


def _measured(size: Size, every: int) -> dict[str, list[float]]:
    """The seconds of each evaluation of each group."""
    with _served(size.endpoints, every) as agent, _prometheus(agent, size.pace) as process:
        process.wait_for("/-/ready")
        time.sleep(size.warm_up)
        seen: dict[str, dict[str, float]] = defaultdict(dict)
        until = time.monotonic() + size.measured
        while time.monotonic() < until:
            for group in json.loads(_plain(process.get("/api/v1/rules")))["data"]["groups"]:
                seen[group["name"]][group["lastEvaluation"]] = group["evaluationTime"]
            time.sleep(5 / size.pace)
    return {name: [*times.values()][1:] or [*times.values()] for name, times in seen.items()}


def _plain(body: bytes) -> bytes:
    return gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body


@contextmanager
def _prometheus(agent: int, pace: float) -> Iterator[Process]:
    """Run Prometheus as shipped, with an agent at this port and nobody to send alerts to."""
    with tempfile.TemporaryDirectory() as folder:
        site = Site(pace=pace)
        for name, text in files(site, agents=[f"127.0.0.1:{agent}"], alertmanagers=()).items():
            file = Path(folder) / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        port = free_port()
        command = ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
        with running([*command, f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"], port) as process:
            yield process


# --- the agent ------------------------------------------------------------------------------------------------------


@contextmanager
def _served(endpoints: int, every: int) -> Iterator[int]:
    """Serve the metrics at a port of loopback. Of `5 * every` endpoints in a row, `every` fail."""
    began = time.time()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = gzip.compress(exposition(endpoints, every, began, time.time()).encode(), 1)
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Encoding", "gzip")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def exposition(endpoints: int, every: int, began: float, now: float) -> str:
    """What an agent tells of its endpoints, its domains and itself, some time after it began."""
    lines = [line for number in range(endpoints) for line in _endpoint(number, number // every % 5 == 0, began, now)]
    for number in range(endpoints // 20):
        labels = f'target="customers",domain="d{number}.example"'
        lines += [
            f"smtp_domain_success{{{labels}}} {int(number % 10 > 0)}",
            f"smtp_domain_mx_records{{{labels}}} 1",
            f'smtp_domain_mx_info{{{labels},host="mx{number}.example.net",preference="10"}} 1',
        ]
    return "\n".join((
        *lines, 'smtp_exporter_build_info{version="1",python="3",openssl="4"} 1',
        f"process_start_time_seconds {began:.0f}", 'smtp_egress_port_blocked{port="25",family="ipv4"} 0',
        f'smtp_exporter_dns_lookups_total{{type="A",result="ok"}} {(now - began) * 10:.0f}',
        "smtp_exporter_probe_overruns_total 0", 'smtp_exporter_internal_errors_total{where="probe"} 0',
        "smtp_exporter_config_last_reload_successful 1", "",
    ))  # fmt: skip


def _endpoint(number: int, fails: bool, began: float, now: float) -> Iterator[str]:
    """The series of one endpoint."""
    host, port, probes = number // len(PORTS), PORTS[number % len(PORTS)], int((now - began) / 60) + 1
    labels = (
        f'target="t{host // 5}",host="mx{host}.example.net",address="192.0.{host // 250}.{host % 250}",port="{port}",'
        f'team="mail"'
    )
    changes = WORKS | {
        "smtp_probe_success": int(not fails), "smtp_probe_consecutive_failures": probes * fails,
        "smtp_probes_total": probes, "smtp_probe_failures_total": probes * fails,
        "smtp_probe_last_timestamp_seconds": round(now, 3),
        "smtp_certificate_not_after_timestamp_seconds": round(began) + 40 * DAY,
        "smtp_certificate_chain_not_after_timestamp_seconds": round(began) + 40 * DAY,
        "smtp_certificate_not_before_timestamp_seconds": round(began) - 50 * DAY,
    }  # fmt: skip
    yield from (f"{name}{{{labels}}} {value}" for name, value in changes.items())
    for stage in (Stage.DNS, Stage.CONNECT, Stage.GREETING, Stage.EHLO, Stage.STARTTLS, Stage.TLS, Stage.QUIT):
        yield f'smtp_probe_stage_duration_seconds{{{labels},stage="{stage}"}} 0.01'
    kind = f'security="{"implicit" if port == 465 else "starttls"}",certificate="{"any" if port == 25 else "trusted"}"'
    yield f'smtp_endpoint_info{{{labels},module="m",{kind},family="ipv4"}} 1'
    subject = f'subject="mx{host}.example.net",issuer="CA",serial="{number:x}",fingerprint_sha256="{number:x}",key="EC"'
    yield f"smtp_certificate_info{{{labels},{subject}}} 1"
    if fails:
        found_at, reason = PROBLEMS[(host + (probes if number % 3 == 0 else 0)) % len(PROBLEMS)]
        problem = f'stage="{found_at}",reason="{reason}",severity="critical",primary="true"'
        yield f"smtp_probe_problem{{{labels},{problem}}} 1"
