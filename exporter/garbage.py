"""When Python's garbage collector is in the way: it looks through everything while all else waits."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


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
