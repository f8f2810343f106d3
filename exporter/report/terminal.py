"""Writes lines for people: coloured, aligned and wrapped on a terminal; elsewhere plain, one line for each fact."""

import os
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TextIO

STYLES = {"": "", "dim": "2", "bold": "1", "red": "1;31", "green": "1;32", "yellow": "1;33", "magenta": "1;35"}
"""SGR parameters (ECMA-48 8.3.117)."""
USUAL, NARROWEST = 80, 20
"""Columns of a terminal that does not know how many it has, and those that are used at least."""
NAMES, STATES = 18, 12
"""Columns of the names of facts, with what they are indented by, and of a state."""
GAP = 2
"""Columns between two texts of a line."""

Part = tuple[str, str]
"""A text and its style."""


class Word(NamedTuple):
    """A word, and how many spaces stand before it unless it begins a line."""

    text: str
    style: str
    gap: int


@dataclass(frozen=True, slots=True)
class Screen:
    """Where lines are written to."""

    stream: TextIO
    width: int | None = None
    """Columns of a terminal; None: it is none, and nothing is aligned, wrapped or coloured."""
    colour: bool = False

    @classmethod
    def of(cls, stream: TextIO) -> "Screen":
        """Find out what a stream can do. NO_COLOR and COLUMNS are honoured."""
        if not stream.isatty():
            return cls(stream)
        dull = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
        return cls(stream, max(columns(stream), NARROWEST), not dull)

    def line(self, *parts: Part, indent: int = 0) -> None:
        """Write some texts side by side, the first of them as wide as a state."""
        gap, words = 0, list[Word]()
        for text, style in parts:
            words += _words(text, style, gap)
            gap = 1 if self.width is None else GAP if gap else max(STATES - len(text), GAP)
        self._write(" " * indent, words, indent, indent + 4)

    def facts(self, facts: Mapping[str, str], indent: int) -> None:
        """Write names and values, each where there is one: on a terminal in two columns."""
        for name, value in facts.items():
            if not value:
                continue
            if self.width is None:
                self.text(f"{' ' * indent}{name}: {value}")
            else:
                pad = " " * (NAMES - indent - len(name))
                head = f"{' ' * indent}{self._painted(name, 'dim')}{pad}"
                self._write(head, _words(value, "", 0), NAMES, NAMES if self.width >= 2 * NAMES else indent + GAP)

    def text(self, text: str = "") -> None:
        """Write a line as it is."""
        print(text, file=self.stream)

    def _write(self, head: str, words: Iterable[Word], used: int, hang: int) -> None:
        """Write words after a head that takes `used` columns; further lines begin at the column `hang`."""
        lines = [words] if self.width is None else _filled(words, self.width, used, hang)
        for line in lines:
            said = "".join(
                f"{' ' * word.gap * bool(at)}{self._painted(word.text, word.style)}" for at, word in enumerate(line)
            )
            self.text((head + said).rstrip())
            head = " " * hang

    def _painted(self, text: str, style: str) -> str:
        return f"\x1b[{STYLES[style]}m{text}\x1b[0m" if self.colour and style and text else text


def columns(stream: TextIO) -> int:
    """How wide a terminal is."""
    wish = os.environ.get("COLUMNS", "")
    if wish.isascii() and wish.isdigit() and len(wish) < 8 and int(wish):
        return int(wish)
    try:
        return os.get_terminal_size(stream.fileno()).columns or USUAL
    except (OSError, ValueError):
        return USUAL


def cells(text: str) -> int:
    """How many columns a text takes: some characters take two, and those that combine with others none."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(each) in "WF" for each in text)
    return len(text) + wide - sum(unicodedata.category(each) in {"Mn", "Me", "Cf"} for each in text)


def cut(text: str, width: int) -> str:
    """The beginning of a text that fits into some columns."""
    while cells(text) > width:
        text = text[: max(0, len(text) - max(1, (cells(text) - width) // 2))]
    return text


def _words(text: str, style: str, gap: int) -> list[Word]:
    first, *others = text.split(" ")
    return [Word(first, style, gap), *(Word(each, style, 1) for each in others)]


def _filled(words: Iterable[Word], width: int, used: int, hang: int) -> Iterator[list[Word]]:
    """Lines of words; what is longer than a line is folded."""
    room = width - hang
    line, left = list[Word](), width - used
    for word in words:
        rest = word.text
        while True:
            size = cells(rest) + word.gap * bool(line)
            if size > left and (line or left < room):
                yield line
                line, left = [], room
                continue
            piece = rest if size <= left else cut(rest, left)
            line.append(word._replace(text=piece))
            left -= size
            rest = rest[len(piece) :]
            if not rest:
                break
    yield line
