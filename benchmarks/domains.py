"""50,000 domains that share 500 MX hosts: is each host probed once, and what does a scrape take?

Each domain names two of the hosts. Addresses of loopback are not to be had here (what a stranger's MX names on this
machine is left alone), so everything runs in a network namespace in which 198.18.0.0/15 (RFC 2544: for benchmarks) is
local (`namespace`). The name server is a process of its own; it answers each question after 20 ms, so that it sees how
many are asked at a time. Measured over the first round, which takes a little more than a minute; scraped after it.
"""

import gzip
import heapq
import multiprocessing
import select
import socket
import struct
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.sharedctypes import RawArray
from pathlib import Path
from typing import Any

from benchmarks.agent import Metrics, agent, scraped
from benchmarks.figures import Figure
from benchmarks.namespace import figures_of, tell
from benchmarks.processes import Process, spread, wait_until
from benchmarks.server import NAME, MailServer, mail_server

HOSTS = 500
LOOKUPS = 50
"""The default of max_concurrent_lookups."""
PATIENCE = 0.02
SCRAPES = 5
A, MX, TXT = 1, 15, 16
TTL = 300


def figures(*, short: bool) -> Iterator[Figure]:
    """Measure in a namespace of its own."""
    return figures_of("benchmarks.domains", "198.18.0.0/15", short=short)


def main() -> None:
    """Measure here."""
    short = "--short" in sys.argv
    tell(_measured(2_000 if short else 50_000, 20 if short else HOSTS, 8.0 if short else 75.0, short=short))


def _measured(domains: int, hosts: int, seconds: float, *, short: bool) -> Iterator[Figure]:
    with mail_server() as server, nameserver(hosts) as (address, counts), tempfile.TemporaryDirectory() as folder:
        listed = Path(folder) / "domains.txt"
        listed.write_text("".join(f"d{n}.example\n" for n in range(domains)))
        with agent(_config(server, address, listed, short=short)) as process:
            process.wait_for("/-/ready")
            minute = min(60.0, seconds)
            time.sleep(minute)
            asked = counts[0]
            time.sleep(seconds - minute)
            wait_until(lambda: scraped(process).probes, "no endpoint was probed")
            metrics = scraped(process)
            yield from _of_probes(metrics, domains, hosts, short=short)
            yield _of_scrape(process, metrics)
    yield Figure(
        "DNS questions in the first minute", "", f"{asked / minute:,.0f} a second; at most {counts[1]} at a time",
        met=counts[1] <= LOOKUPS,
    )  # fmt: skip


def _config(server: MailServer, address: str, listed: Path, *, short: bool) -> dict[str, Any]:
    target = {"name": "customers", "domains_file": str(listed), "ports": [server.port]}
    target |= {"interval": "5s", "timeout": "5s"} if short else {}  # else the default, 5m
    trust = {"tls": {"ca_file": server.ca_file, "server_name": NAME}, "expect": {"certificate": "trusted"}}
    return {"global": {"nameservers": [address], **trust}, "targets": [target]}


def _of_probes(metrics: Metrics, domains: int, hosts: int, *, short: bool) -> Iterator[Figure]:
    """Whether all domains are known, and each host was probed once."""
    sums, most = metrics.sums, int(max(metrics.probes.values()))
    yield Figure(
        f"{domains:,} domains that share {hosts} MX hosts: endpoints, probes of each in the first minute",
        "each (address, port, settings) once",
        f"{len(metrics.probes)} endpoints, at most {most} each; {sums['smtp_domain_success']:,.0f} domains successful",
        met=None if short else len(metrics.probes) == hosts and most == 1 and sums["smtp_domain_success"] == domains,
    )


def _of_scrape(process: Process, metrics: Metrics) -> Figure:
    taken, body = [], b""
    for _ in range(SCRAPES):
        began = time.monotonic()
        body = process.get("/metrics")
        taken.append(time.monotonic() - began)
    page = gzip.decompress(body)
    samples = sum(not line.startswith(b"#") for line in page.splitlines())
    sizes = f"{samples:,} samples, {len(page) / 1e6:.1f} MB, {len(body) / 1e6:.2f} MB with gzip"
    return Figure(
        f"scrape of {metrics.sums['smtp_domain_mx_records'] / 2:,.0f} domains, gzip",
        "under 1 s",
        f"{spread(taken)} s: {sizes}; {process.megabytes('Pss'):.0f} MB of memory",
        met=max(taken) < 1,
    )


# --- the name server ------------------------------------------------------------------------------------------------


@contextmanager
def nameserver(hosts: int) -> Iterator[tuple[str, Any]]:
    """Run the name server; where it is, and what it counts: questions so far, the most at a time."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    counts = RawArray("L", 2)
    process = spawn.Process(target=serve, args=(theirs, hosts, counts), daemon=True)
    process.start()
    theirs.close()
    try:
        yield f"127.0.0.1:{ours.recv()}", counts
    finally:
        ours.close()
        process.join()


def serve(parent: Connection, hosts: int, counts: Any) -> None:
    """Answer each question when it has waited long enough, until the parent closes its end of the pipe."""
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        parent.send(sock.getsockname()[1])
        waiting: list[tuple[float, bytes, tuple[str, int]]] = []
        while True:
            due = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
            readable, _, _ = select.select([sock.fileno(), parent.fileno()], [], [], due)
            if parent.fileno() in readable:
                return
            if sock.fileno() in readable:
                question, client = sock.recvfrom(4096)
                heapq.heappush(waiting, (time.monotonic() + PATIENCE, question, client))
                counts[0] += 1
                counts[1] = max(counts[1], len(waiting))
            while waiting and waiting[0][0] <= time.monotonic():
                _, question, client = heapq.heappop(waiting)
                sock.sendto(answer(question, hosts), client)


def answer(query: bytes, hosts: int) -> bytes:
    """What is said to a query: d7.example has two hosts as MX and asks for TLS reports, mx7.example has one address."""
    end = query.index(b"\0", 12) + 5
    label, rdtype = query[13 : 13 + query[12]].decode(), struct.unpack("!H", query[end - 4 : end - 2])[0]
    records: list[bytes] = []
    if rdtype == MX and label.startswith("d"):
        number = int(label[1:])
        records = [_mx(number % hosts, 10), _mx((7 * number + 1) % hosts, 20)]
    elif rdtype == TXT and label == "_smtp":
        records = [_txt("v=TLSRPTv1; rua=mailto:tls@example")]
    elif rdtype == A and label.startswith("mx"):
        records = [socket.inet_aton(f"198.18.{int(label[2:]) // 250}.{1 + int(label[2:]) % 250}")]
    body = b"".join(struct.pack("!HHHIH", 0xC00C, rdtype, 1, TTL, len(data)) + data for data in records)
    return query[:2] + struct.pack("!HHHHH", 0x8580, 1, len(records), 0, 0) + query[12:end] + body


def _txt(text: str) -> bytes:
    return bytes([len(text)]) + text.encode()


def _mx(host: int, preference: int) -> bytes:
    label = f"mx{host}".encode()
    return struct.pack("!HB", preference, len(label)) + label + b"\x07example\0"


if __name__ == "__main__":
    main()
