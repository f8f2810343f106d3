"""What `smtp-exporter probe` of one healthy STARTTLS port takes: the whole process, from its start to its end.

CPU is user and system time, memory the most that was resident, as wait4(2) tells of a process that has ended. The
server is the one of the other benchmarks. Most of it is the loading of modules, so Python's bytecode is in its cache.
"""

import os
import statistics
import subprocess
import sys
from collections.abc import Iterator

from benchmarks.figures import Figure
from benchmarks.processes import spread
from benchmarks.server import mail_server

MOST_SECONDS, MOST_MEGABYTES = 0.45, 55.0


def figures(*, short: bool) -> Iterator[Figure]:
    """Several rounds, after one that nobody counts."""
    with mail_server() as server:
        target = f"127.0.0.1:{server.port}"
        command = [sys.executable, "-m", "exporter", "probe", target, f"--ca-file={server.ca_file}", "--format=line"]
        taken = [_taken(command) for _ in range(2 if short else 12)][1:]
    seconds, megabytes = [each[0] for each in taken], [each[1] for each in taken]
    yield Figure(
        "CPU of a whole `probe` of one port",
        f"under {MOST_SECONDS} s",
        f"{spread(seconds)} s",
        met=None if short else statistics.median(seconds) < MOST_SECONDS,
    )
    yield Figure(
        "memory of a `probe` of one port, at most",
        f"under {MOST_MEGABYTES:.0f} MB",
        f"{max(megabytes):.1f} MB",
        met=None if short else max(megabytes) < MOST_MEGABYTES,
    )


def _taken(command: list[str]) -> tuple[float, float]:
    """Seconds of CPU, and units of 10^6 bytes.

    Raises:
        RuntimeError: it did not come to a result.
    """
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"probe ended with {process.returncode}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e6
