"""Figures from a network namespace of its own, in which a whole network is local, and which nothing leaves."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict

from benchmarks.figures import Figure


def figures_of(module: str, network: str, *, short: bool) -> Iterator[Figure]:
    """Run a module again in a namespace; it prints its figures by `tell`."""
    again = shlex.join([sys.executable, "-m", module, *(["--short"] if short else [])])
    inside = f"ip link set lo up && ip route add local {network} dev lo && exec {again}"
    command = ["unshare", "--net", *([] if os.geteuid() == 0 else ["--map-root-user"]), "sh", "-c", inside]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        for line in process.stdout:
            yield Figure(**json.loads(line))
    if process.returncode:
        raise RuntimeError(f"no figures of {module}: unshare(1) or ip(8) may have failed: root or user namespaces?")


def tell(figures: Iterator[Figure]) -> None:
    """Print figures as `figures_of` reads them."""
    for figure in figures:
        print(json.dumps(asdict(figure)), flush=True)
