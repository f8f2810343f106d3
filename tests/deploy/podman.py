"""Podman with storage of its own, in which tools/debian-root.sh has left the image localhost/debian."""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
STORE = ROOT / ".cache/podman"
FLAGS = (
    f"--root={STORE}/root", f"--runroot={STORE}/run", "--runtime=runc", "--cgroup-manager=cgroupfs",
    "--events-backend=none", "--log-level=fatal",
)  # fmt: skip
ROOTS = "/etc/ssl/certs/ca-certificates.crt"
"""This machine's: it may reach the package index through a proxy of its own."""
LIMITS = ("--ulimit=nofile=8192:8192", "--ulimit=nproc=4096:4096", "--timeout=900")
"""Podman's own are more than some machines allow; and a container ends, also when the tests were killed."""


def podman(*arguments: str | Path, check: bool = True, given: str | None = None) -> str:
    """Give what it says; where it fails, that is the failure of the test."""
    done = subprocess.run(
        ["podman", *FLAGS, *arguments], input=given, capture_output=True, text=True, errors="replace", check=False,
        env={"STORAGE_DRIVER": "overlay", **os.environ},
    )  # fmt: skip
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done.stdout
