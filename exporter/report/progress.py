"""How far a look has come, in one line of a terminal that is written again and again."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from exporter.model import Domain, Peer
from exporter.report.look import Progress
from exporter.report.terminal import NARROWEST, columns, cut

QUIET = 1.0
"""Seconds for which nothing is said: most looks are over by then."""
LONG = 10.0
"""Seconds after which it is told how to be faster."""
NAMED = 3
"""How many are named of those that are waited for."""
CLEAR = "\r\x1b[K"


@contextmanager
def progress_on(stream: TextIO | None) -> Iterator[Callable[[Progress], None] | None]:
    """What shows progress on a terminal; None where the stream is none. The line is gone in the end."""
    if stream is None or not stream.isatty() or os.environ.get("TERM") == "dumb":
        yield None
        return

    def show(progress: Progress) -> None:
        if progress.seconds >= QUIET:
            width = max(columns(stream), NARROWEST) - 1
            print(CLEAR + cut(said(progress), width), end="", file=stream, flush=True)

    try:
        yield show
    finally:
        print(CLEAR, end="", file=stream, flush=True)


def said(progress: Progress) -> str:
    """What to say of it."""
    waits = [_name(each) for each in progress.waits_for]
    more = f" and {len(waits) - NAMED} more" if len(waits) > NAMED else ""
    waiting = (
        f", waiting for {', '.join(waits[:NAMED])}{more}"
        if waits
        else ", waiting for records and policies of mail domains"
    )
    queued = progress.every - progress.finished > len(waits)
    hint = "; --concurrency=N probes N at once at one address" if queued and progress.seconds >= LONG else ""
    return f"{progress.finished}/{progress.every}, {progress.seconds:.0f} s{waiting}{hint}"


def _name(who: Peer | Domain) -> str:
    if isinstance(who, Domain):
        return f"DNS of {who.domain}"
    return str(who)
