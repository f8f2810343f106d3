"""What a command is, and how it says in one line why it could not do its work."""

import argparse
import errno
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
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
def output(*, errors: bool = False) -> Iterator[None]:
    """Write to stdout, or stderr. A reader that leaves early, as `head` does, changes no exit code.

    Nor does a stderr that takes nothing: there is no place left to say so.
    """
    stream = sys.stderr if errors else sys.stdout
    try:
        try:
            yield
        finally:
            if stream:  # None where it was closed before we began
                stream.flush()
    except OSError as error:
        if not errors and error.errno != errno.EPIPE:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # nobody wants a complaint at exit


def complain(lines: Iterable[str]) -> None:
    """Write lines to stderr."""
    with output(errors=True):
        for line in lines:
            print(line, file=sys.stderr)


def fail(message: str, code: int = 1) -> int:
    """Say on stderr why there is no result; return the exit code."""
    complain([f"smtp-exporter: {escape(message)}"])
    return code
