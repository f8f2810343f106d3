"""The real agent with a heartbeat in its event loop, which tells for how long the loop was away.

`python -m benchmarks.heartbeat FILE run ...` takes the command line of the agent. Each absence over NOTED goes into
FILE: when it ended, how long it was, and for how long of it the loop's own thread had the processor. The rest went to
other processes, or to a thread of ours that held the interpreter.
"""

import asyncio
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

EVERY = 0.002
"""Seconds from one beat to the next."""
NOTED = 0.005


@dataclass(frozen=True, slots=True)
class Absence:
    """The loop was away for so many seconds, until `ended` on the monotonic clock; busy for `own` of them."""

    ended: float
    seconds: float
    own: float


def absences(file: Path, since: float, until: float) -> Iterator[Absence]:
    """Those noted between two times of the monotonic clock, which is the same in all processes."""
    for line in file.read_text().splitlines():
        absence = Absence(*map(float, line.split()))
        if since < absence.ended <= until:
            yield absence


def main() -> None:
    """Run the agent's command line."""
    from exporter import __main__, cli
    from exporter.agent import Agent

    assert __main__  # loaded first: it names a configuration to OpenSSL
    run = Agent.run

    async def run_with_heart(self: Agent) -> None:
        loop, file = asyncio.get_running_loop(), Path(sys.argv[1])
        last = [time.monotonic(), time.thread_time()]

        def beat() -> None:
            now, own = time.monotonic(), time.thread_time()
            if now - last[0] - EVERY > NOTED:
                with file.open("a") as noted:
                    print(now, now - last[0] - EVERY, own - last[1], file=noted)
            last[:] = now, own
            loop.call_later(EVERY, beat)

        beat()
        await run(self)

    setattr(Agent, "run", run_with_heart)  # noqa: B010 - what is measured is else as users have it
    sys.exit(cli.main(sys.argv[2:]))


if __name__ == "__main__":
    main()
