"""The real agent, which tells how late each probe started, and whose it was: its histogram knows no names.

`python -m benchmarks.starts FILE run ...` takes the command line of the agent. Each start goes into FILE: when it was
on the monotonic clock, by how many seconds it was late, and at which address.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Start:
    """At this time of the monotonic clock a probe started, so many seconds late, at this address; `-` for a name."""

    began: float
    late: float
    at: str


def starts(file: Path, since: float, until: float) -> Iterator[Start]:
    """Those between two times of the monotonic clock, which is the same in all processes."""
    for line in file.read_text().splitlines():
        began, late, at = line.split()
        if since <= float(began) < until:
            yield Start(float(began), float(late), at)


def main() -> None:
    """Run the agent's command line."""
    from exporter import __main__, cli
    from exporter.schedule import Schedule
    from exporter.turns import Turn

    assert __main__  # loaded first: it names a configuration to OpenSSL
    begin = Schedule._begin

    with Path(sys.argv[1]).open("w") as noted:

        def begin_and_tell(self: Schedule, turn: Turn) -> None:
            goes_on = turn.paused
            begin(self, turn)
            if not goes_on:
                print(turn.began, turn.began - turn.slot, turn.address or "-", file=noted)

        setattr(Schedule, "_begin", begin_and_tell)  # noqa: B010 - what is measured is else as users have it
        sys.exit(cli.main(sys.argv[2:]))


if __name__ == "__main__":
    main()
