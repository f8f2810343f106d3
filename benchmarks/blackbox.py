"""blackbox_exporter as a process to be measured, and the one that asks it to probe, as Prometheus would.

The module is the `smtp_starttls` of its own example.yml, with the same trust anchor and server name as ours. The asker
is a process of its own, so that its CPU is nobody's figure: keep-alive connections, gzip accepted, evenly paced.
"""

import contextlib
import gzip
import http.client
import json
import multiprocessing
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from multiprocessing.sharedctypes import RawArray
from pathlib import Path
from typing import Any

from benchmarks.processes import Process, free_port, running
from benchmarks.server import NAME, MailServer

COMMAND = "prometheus-blackbox-exporter"
INSTALLED = shutil.which(COMMAND) is not None
CONNECTIONS = 20
"""Requests under way at most."""


@contextlib.contextmanager
def blackbox(server: MailServer) -> Iterator[Process]:
    """Run blackbox_exporter with its module smtp_starttls."""
    script = [
        {"expect": "^220 "}, {"send": "EHLO prober\r"}, {"expect": "^250-STARTTLS"}, {"send": "STARTTLS\r"},
        {"expect": "^220"}, {"starttls": True}, {"send": "EHLO prober\r"}, {"expect": "^250-AUTH"},
        {"send": "QUIT\r"},
    ]  # fmt: skip
    tcp = {"tls_config": {"ca_file": server.ca_file, "server_name": NAME}, "query_response": script}
    module = {"prober": "tcp", "timeout": "5s", "tcp": tcp}
    with tempfile.TemporaryDirectory() as folder:
        path, port = Path(folder) / "blackbox.yml", free_port()
        path.write_text(json.dumps({"modules": {"smtp_starttls": module}}))
        flags = [f"--config.file={path}", f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
        with running([COMMAND, *flags], port) as process:
            process.wait_for("/-/healthy")
            yield process


class Asked:
    """What the asker has counted so far."""

    def __init__(self) -> None:
        self.counts = RawArray("L", 2 * CONNECTIONS)

    @property
    def answers(self) -> int:
        """Answered probes."""
        return sum(self.counts[::2])

    @property
    def failed(self) -> int:
        """Those that did not succeed."""
        return sum(self.counts[1::2])


@contextlib.contextmanager
def asking(process: Process, targets: Sequence[str], rate: float | None) -> Iterator[Asked]:
    """Ask for a probe of each target in turn, `rate` times a second, or as fast as it answers."""
    asked = Asked()
    work = (process.port, targets, rate, asked.counts)
    asker = multiprocessing.get_context("spawn").Process(target=ask, args=work, daemon=True)
    asker.start()
    try:
        yield asked
    finally:
        asker.terminate()
        asker.join()


def ask(port: int, targets: Sequence[str], rate: float | None, counts: Any) -> None:
    """Ask for ever, over so many connections; for each, `counts` says how many were answered and how many failed."""
    began = time.monotonic()

    def over_one(connection: int) -> None:
        browser = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        turn = connection
        while True:
            if rate:
                time.sleep(max(0.0, began + turn / rate - time.monotonic()))
            path = f"/probe?module=smtp_starttls&target={targets[turn % len(targets)]}"
            browser.request("GET", path, headers={"Accept-Encoding": "gzip"})
            answer = browser.getresponse()
            body = answer.read()
            text = gzip.decompress(body) if answer.headers["Content-Encoding"] == "gzip" else body
            counts[2 * connection] += 1
            counts[2 * connection + 1] += b"\nprobe_success 1\n" not in text
            turn += CONNECTIONS

    for connection in range(1, CONNECTIONS):
        threading.Thread(target=over_one, args=(connection,), daemon=True).start()
    over_one(0)
