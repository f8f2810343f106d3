"""Cores on which a second of CPU is worth the same all the time. Those of a virtual machine are not, once they sleep.

Its host gives a core that sleeps to others. Awake again, the same instructions may take up to 1.7 times as long,
presumably beside their work on the same physical core: a fixed loop, which touches no memory, shows by how much.
"""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

EVERY = 0.1
"""Seconds from one fixed loop to the next, asleep but for that."""
TURNS = 6000
"""Turns of the fixed loop: a quarter of a millisecond."""
KEEP_AWAKE = """
import os
parent = os.getppid()
while os.getppid() == parent:
    for _ in range(1_000_000):
        pass
"""


@contextlib.contextmanager
def awake() -> Iterator[None]:
    """Keep every core busy with what gives way to all others at once (sched(7), SCHED_IDLE)."""
    with contextlib.ExitStack() as stack:
        for core in os.sched_getaffinity(0):
            process = stack.enter_context(subprocess.Popen([sys.executable, "-c", KEEP_AWAKE]))
            stack.callback(process.kill)
            os.sched_setaffinity(process.pid, {core})
            os.sched_setscheduler(process.pid, os.SCHED_IDLE, os.sched_param(0))
        yield


def fixed_loops(
    until: float, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
) -> Iterator[float]:
    """Sleep until then, but for fixed loops; give the milliseconds of CPU that each one took."""
    while (left := until - clock()) > 0:
        sleep(min(left, EVERY))
        began, total = time.thread_time(), 0
        for turn in range(TURNS):
            total += turn * turn
        yield 1000 * (time.thread_time() - began)
