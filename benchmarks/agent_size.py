"""What a whole agent takes with 100 targets: time until the first metrics, memory, CPU. Prints; asserts nothing.

    python benchmarks/agent_size.py [--targets=100] [--seconds=20]

Simulated servers in a process of their own; the agent is the real command, scraped over HTTP.
"""

import argparse
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import yaml

from benchmarks.probe_cost import serve

OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def scrape(url: str) -> str:
    try:
        return str(OPENER.open(url, timeout=5).read().decode())
    except (urllib.error.URLError, ConnectionError):
        return ""


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def megabytes(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


def main() -> None:
    flags = argparse.ArgumentParser()
    flags.add_argument("--targets", type=int, default=100)
    flags.add_argument("--seconds", type=float, default=20)
    flags.add_argument("--port", type=int, default=10399)
    options = flags.parse_args()
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(options.targets, theirs), daemon=True)
    server.start()
    ca_file, ports = ours.recv()
    document = {
        "global": {"interval": "10s", "timeout": "5s", "max_probes_per_host": 10,
                   "tls": {"ca_file": ca_file, "server_name": "mail.example.test"}},
        "targets": [{"name": f"t{n}", "host": "127.0.0.1", "ports": [port]} for n, port in enumerate(ports)],
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "c.yaml"
        path.write_text(yaml.safe_dump(document))
        began = time.monotonic()
        command = [sys.executable, "-m", "exporter", "run", f"--config.file={path}", "--log.level=error",
                   f"--web.listen-address=127.0.0.1:{options.port}"]  # fmt: skip
        agent = subprocess.Popen(command)
        url = f"http://127.0.0.1:{options.port}/metrics"
        while "smtp_probe_success{" not in scrape(url):
            time.sleep(0.01)
        print(f"first metrics after {time.monotonic() - began:.2f} s, with {options.targets} targets")
        time.sleep(12)
        cpu, wall = cpu_seconds(agent.pid), time.monotonic()
        time.sleep(options.seconds)
        cpu, wall = cpu_seconds(agent.pid) - cpu, time.monotonic() - wall
        good = scrape(url).count("smtp_probe_success{")
        print(
            f"{good} endpoints every 10 s: {megabytes(agent.pid):.0f} MB, {cpu / wall:.1%} of one core, "
            f"{cpu / (wall * options.targets / 10) * 1000:.2f} ms CPU a probe, all in all"
        )
        agent.terminate()
        agent.wait()
    ours.send(None)
    server.join()


if __name__ == "__main__":
    main()
