"""What a command is, and how it says in one line why it could not do its work."""

import argparse
import sys
from collections.abc import Callable, Mapping
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


def fail(message: str, code: int = 1) -> int:
    """Say on stderr why there is no result; return the exit code."""
    print(f"smtp-exporter: {escape(message)}", file=sys.stderr)
    return code
