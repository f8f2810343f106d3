"""What is wrong with a configuration, and where. Nothing here reads or judges."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exporter.peer_text import escape

if TYPE_CHECKING:
    from exporter.config.sources import Sources

Where = tuple[str | int, ...]
"""A path into a file: keys of mappings and indexes of lists."""


LONGEST_SHOWN = 60
"""Characters of a key in an error."""
MAX_MESSAGE = 500
"""Characters of a message."""
MAX_ERRORS = 1000
"""Errors after which reading ends: a generator went wrong, and nobody reads on."""
TOLD = 100
"""Errors that are written out."""


def shown(where: Where) -> str:
    """Write a path as an operator would: targets[3].ports[1].timeout."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step[:LONGEST_SHOWN]}" for step in where).lstrip(".")


@dataclass(frozen=True, slots=True)
class ConfigError:
    """One error. `line` and `column` count from 1; None where no place can be named, as for a missing file."""

    file: Path
    message: str
    line: int | None = None
    column: int | None = None
    path: str = ""
    is_warning: bool = False

    def __str__(self) -> str:
        """Say FILE:LINE:COLUMN: path: message in one line, leaving out what is not known."""
        place = f"{self.file}:{self.line}:{self.column}" if self.line else f"{self.file}"
        message = self.message if len(self.message) <= MAX_MESSAGE else f"{self.message[:MAX_MESSAGE]}..."
        severity = "warning" if self.is_warning else ""
        text = ": ".join(part for part in (place, severity, self.path, message) if part)
        return escape(text)


def in_order(errors: Iterable[ConfigError]) -> tuple[ConfigError, ...]:
    """Sort errors by file and line, and drop those that are there twice."""
    return tuple(sorted(set(errors), key=lambda e: (str(e.file), e.line or 0, e.column or 0, e.path, e.message)))


class TooManyErrors(Exception):  # noqa: N818 - ends a reading, and is no error of its own
    """A reading has found MAX_ERRORS errors."""


def first_of(errors: Sequence[ConfigError], what: str = "error") -> list[str]:
    """Write the first TOLD errors, a line each, and a line that says how many more there are."""
    more = len(errors) - TOLD
    least = "at least " if len(errors) >= MAX_ERRORS else ""
    tail = [f"and {least}{more} more {what}{'s' if more > 1 else ''}"] if more > 0 else []
    return [*map(str, errors[:TOLD]), *tail]


class ErrorList(list[ConfigError]):
    """The errors of one reading."""

    def append(self, error: ConfigError) -> None:
        """Take in one more. Raises TooManyErrors where it is the last that is of interest."""
        super().append(error)
        if len(self) >= MAX_ERRORS:
            raise TooManyErrors


class Warnings:
    """What is wrong and does not stop a reading."""

    def __init__(self) -> None:
        self.kept: list[ConfigError] = []
        """The first MAX_ERRORS."""
        self.skipped: dict[str, int] = {}
        """How many lines of each domains file were skipped, by its absolute path."""

    def add(self, warning: ConfigError) -> None:
        """Take in one more."""
        if len(self.kept) < MAX_ERRORS:
            self.kept.append(replace(warning, is_warning=True))


class ConfigErrors(Exception):  # noqa: N818  # the plural is the point: all errors at once
    """A configuration that cannot be used: all its errors at once, sorted by file and line, none twice.

    `sources` are the files that were looked into, where that is known.
    """

    def __init__(self, errors: Iterable[ConfigError], sources: "Sources | None" = None) -> None:
        self.sources = sources
        self.errors = in_order(errors)
        super().__init__("\n".join(self.told))

    @property
    def told(self) -> list[str]:
        """The first ones, a line each, and a line that says how many more there are."""
        return first_of(self.errors)

    def __reduce__(self) -> tuple[Any, ...]:
        """Survive the way back from a process that parsed for us."""
        return ConfigErrors, (self.errors, self.sources)
