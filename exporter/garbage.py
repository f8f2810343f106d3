"""When Python's garbage collector is in the way: it looks through everything while all else waits.

At ten thousand endpoints one full collection holds the event loop for a third of a second, though next to nothing is
garbage: what lasts for years is the configuration, and what is known of each endpoint.
"""

import asyncio
import gc
from collections.abc import Iterator
from contextlib import contextmanager

OFTEN = 0.5
"""Seconds between two looks at what is new."""
MANY = 20_000
"""Objects more made than freed after which it begins by itself between two looks. Python's default, 700 or 2,000, is
what a crowd of probes under way holds: it looked through them in vain, 13 us a probe."""
SELDOM = int(3600 / OFTEN)
"""Looks at what is new after which everything is looked at: once an hour. Python's default is 10."""


@contextmanager
def left_for_later() -> Iterator[None]:
    """Let no collection begin: where a million objects are made, few of them garbage, it would take most of the time.

    What has no cycles is freed all the same.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def forget_the_lasting() -> None:
    """Let the collector look no more at what is there now, and seldom at everything.

    Call it at the start only: what is garbage now is never freed. A probe leaves none (`probe.shell`).
    """
    gc.freeze()
    gc.set_threshold(MANY, gc.get_threshold()[1], SELDOM)


async def look_at_the_new() -> None:
    """Let the collector look at little at a time, for ever.

    By itself it begins when so many objects more were made than freed. Here each result takes the place of an older
    one, so it would begin seldom, and look at tens of thousands that are new since.
    """
    while True:
        await asyncio.sleep(OFTEN)
        gc.collect(1)
