"""Why a text is not YAML, in an operator's words: what PyYAML says in three lines, and what to do about it in one.

`HINTS` is a table; its first row that fits is used. Knows no keys.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import yaml

from exporter.config.scalars import QUOTES

Place = tuple[int, int]
"""Line and column, from 0."""

CONFLICT = re.compile(r"(<{7}|={7}|>{7}|\|{7})( |$)")
TEMPLATE = re.compile(r"\{\{|\{%")
COLON = re.compile(r"[^\s{\[,-][^:]*:\s.*[^:]")
"""A key with its colon, before something else."""
NO_SPACE = re.compile(r"[\s-]*[A-Za-z_]+:[^\s:/]")
COMMENT = re.compile(r"\s#\S")
SPECIAL = "%@`*&!|>?{}[],"
"""Characters that mean something where a value begins."""
NO_BREAK = "\u00a0"


DOUBTFUL = re.compile(
    r"^(?P<head>[ \t-]*(?:banner|name|username):[ \t]+(?![\"'|>&*!\[{#])[^\n]*?[ \t])#[^\s#]", re.MULTILINE
)
"""A comment that follows free text at once, as in `banner: ESMTP #5`."""


def doubtful_comments(text: str) -> Iterator["Told"]:
    """Find comments that may have been meant as a part of the text before them."""
    for found in DOUBTFUL.finditer(text):
        place = text.count("\n", 0, found.start()), len(found["head"])
        yield place, "a comment begins here; if it is a part of the text, put the whole text in quotes"


@dataclass(frozen=True, slots=True)
class Fault:
    """Where PyYAML gave up (`at`), where what it was reading began (`since`), and its words."""

    lines: list[str]
    at: Place
    since: Place
    context: str
    problem: str

    def line(self, number: int) -> str:
        """The text of a line; empty beyond the end."""
        return self.lines[number] if 0 <= number < len(self.lines) else ""

    def character(self, place: Place) -> str:
        """The character at a place; empty at the end of a line."""
        return self.line(place[0])[place[1] : place[1] + 1]

    @property
    def first(self) -> int:
        """The first line with something on it that is no comment."""
        return next((n for n, line in enumerate(self.lines) if line.strip() and not line.lstrip().startswith("#")), 0)

    @property
    def before(self) -> int:
        """The last line with text before the one where PyYAML gave up."""
        return next((n for n in range(self.at[0] - 1, -1, -1) if self.line(n).strip()), 0)


Told = tuple[Place, str]
Row = tuple[str, Callable[[Fault], bool], Callable[[Fault], Told]]
"""What PyYAML's words are to hold, what else must be so, and what to say of which place."""


def _at(message: str) -> Callable[[Fault], Told]:
    return lambda fault: (fault.at, message)


def _since(message: str) -> Callable[[Fault], Told]:
    return lambda fault: (fault.since, message)


def _always(_fault: Fault) -> bool:
    return True


def _conflict(fault: Fault) -> Told:
    line = next(n for n in (fault.at[0], fault.since[0], fault.before) if CONFLICT.match(fault.line(n)))
    return (line, 0), "a merge conflict that was not resolved"


def _is_special(fault: Fault) -> bool:
    character = fault.character(fault.at)  # none at the end of the file
    return bool(character) and character in SPECIAL


def _special(fault: Fault) -> Told:
    return fault.since, f"a text that begins with {fault.character(fault.since)} must stand in quotes"


def _unclosed(fault: Fault) -> Told:
    opening = fault.character(fault.since)
    if opening not in {"[", "{"}:
        return fault.at, "a comma or a closing bracket is missing here"
    if fault.at[0] > fault.since[0]:
        return fault.since, f"this {opening} is not closed, or a comma is missing before line {fault.at[0] + 1}"
    return fault.at, f"a comma or the end of the {opening} is missing here"


def _escape(fault: Fault) -> Told:
    escape = fault.line(fault.at[0])[fault.at[1] - 1 : fault.at[1] + 1]
    if not escape.startswith("\\"):
        escape = fault.line(fault.at[0])[fault.at[1] : fault.at[1] + 2]
    return fault.at, f"{escape} means nothing in double quotes: use single quotes, where a backslash is only itself"


HINTS: tuple[Row, ...] = (
    ("single document", _always, _at("a second YAML document (---) begins here: one file holds one")),
    (
        "",
        lambda f: any(CONFLICT.match(f.line(n)) for n in (f.at[0], f.since[0], f.before)),
        _conflict,
    ),
    ("", lambda f: f.character(f.at) == "\t" or "tab" in f.problem, _at("a tab: YAML is indented with spaces")),
    ("", lambda f: bool(TEMPLATE.search(f.line(f.at[0]))), _at("a template that was not filled in")),
    ("end of stream", lambda f: "quoted" in f.context, _since("the quote that opens here is never closed")),
    ("unknown escape", _always, _escape),
    ("an alias", _always, _special),
    ("block scalar", _always, _special),
    ("a tag", _always, _special),
    ("an anchor", _always, _special),
    ("directive", _always, _since("a line that begins with % is not understood: leave it out")),
    ("undefined alias", _always, _at("a text that begins with * must stand in quotes")),
    ("expected node content", _is_special, _special),
    ("cannot start any token", _is_special, _special),
    (
        "flow",
        lambda f: bool(COMMENT.search(f.line(f.since[0])[f.since[1] :])),
        _since("a # in this line begins a comment: put the text that holds it in quotes"),
    ),
    ("flow", _always, _unclosed),
    (
        "mapping values",
        lambda f: bool(re.search(f"[{QUOTES}]", f.line(f.at[0])[: f.at[1]])),
        _at("a colon within curly quotes: write straight ones, \" or '"),
    ),
    (
        "mapping values",
        lambda f: bool(COLON.search(f.line(f.at[0])[: f.at[1]])),
        _at("a colon within a text: put the whole text in quotes"),
    ),
    (
        "mapping values",
        lambda f: NO_BREAK in f.line(f.before),
        lambda f: ((f.before, f.line(f.before).index(NO_BREAK)), "a no-break space (U+00A0): write a plain one"),
    ),
    (
        "mapping values",
        lambda f: bool(NO_SPACE.match(f.line(f.before))),
        lambda f: ((f.before, f.line(f.before).index(":")), "a space is missing after the colon"),
    ),
    ("mapping values", _always, _at("this line is indented too far, or the line before has no colon")),
    ("could not find expected ':'", _always, _since("a colon is missing after the key")),
    (
        "did not find expected key",
        lambda f: f.line(f.at[0])[: f.at[1]].strip() == "" and f.character(f.at) == "-",
        _at("an item of a list among keys: it does not fit the indentation of the lines before"),
    ),
    (
        "did not find expected key",
        lambda f: f.line(f.at[0])[: f.at[1]].strip() == "",
        _at("this line does not fit the indentation of the lines before"),
    ),
    (
        "did not find expected key",
        _always,
        _at("text after a closing quote or bracket: put the whole text in quotes; a ' within '...' is written ''"),
    ),
    (
        "document start",
        lambda f: f.line(f.first).startswith(" "),
        lambda f: ((f.first, 0), f"this line is indented, and line {f.at[0] + 1} of the same list or mapping is not"),
    ),
    ("document start", _always, _at("text after the end of a value: is this a YAML file?")),
    (
        "expected '-'",
        _always,
        lambda f: (f.at, f"this line fits neither the list that begins on line {f.since[0] + 1} nor its last item: "
                   "check its indentation"),
    ),
)  # fmt: skip


def explain(text: str, error: yaml.MarkedYAMLError) -> Told:
    """Say in one line what is wrong, and where."""
    mark, since = error.problem_mark or error.context_mark, error.context_mark or error.problem_mark
    at = (mark.line, mark.column) if mark else (0, 0)
    began = (since.line, since.column) if since else at
    fault = Fault(text.split("\n"), at, began, error.context or "", error.problem or "")
    for words, fits, tell in HINTS:
        if words in f"{fault.context}: {fault.problem}" and fits(fault):
            return tell(fault)
    return at, f"not valid YAML: {', '.join(part for part in (error.context, error.problem) if part)}"
