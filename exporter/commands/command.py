"""What a command is, and how it says in one line why it could not do its work."""

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from exporter.peer_text import escape


@dataclass(frozen=True, slots=True)
class Command:
    """One command. Its module is loaded with every other, so whatever is big is imported where it is used."""

    help: str
    exit_codes: Mapping[int, str]
    """What each means; `-h` lists them."""
    add_flags: Callable[[argparse.ArgumentParser], None]
    main: Callable[[argparse.Namespace], int]
    """Does the work, and returns the exit code."""


@contextmanager
def output() -> Iterator[None]:
    """Write to stdout. A reader that leaves early, as `head` does, changes no exit code."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody wants a complaint at exit


def fail(message: str, code: int = 1) -> int:
    """Say on stderr why there is no result; return the exit code."""
    print(f"smtp-exporter: {escape(message)}", file=sys.stderr)
    return code
