"""Plain YAML scalars as YAML 1.2 reads them, and the traps: texts that YAML 1.1 readers take for something else.

A trap is never read silently as one or the other. It becomes a `Trap`, which no key accepts, so that the operator
is told to quote it or to write it plainly. Nothing here knows about keys.
"""

import re
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Trap:
    """An unquoted scalar that YAML 1.1 and YAML 1.2 read differently."""

    text: str
    meaning: str
    hint: str
    """What to do."""

    def __str__(self) -> str:
        """Say what was written, and for what some take it."""
        return f"{self.meaning} {self.text}"


IN_QUOTES = "put it in quotes"
Scalar = str | int | float | bool | Trap | None

INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})")
DECIMAL = re.compile(r"-?(0|[1-9][0-9]{0,17})\.[0-9]{1,18}")
WORDS: dict[str, Scalar] = {"true": True, "false": False, "": None, "~": None, "null": None}

QUOTES = "\u2018-\u201f\u2039\u203a\xab\xbb"
INVISIBLE = "\u00a0\u200b\u2060\u3000\ufeff"
TYPED: tuple[tuple[re.Pattern[str], str, str], ...] = (
    (re.compile(f"[{QUOTES}].*[{QUOTES}]", re.DOTALL), "the text in curly quotes", "write straight ones, \" or '"),
    (re.compile("[\u2013\u2014\u2212].*", re.DOTALL), "the text after a dash", "write a hyphen, -"),
    (
        re.compile(f"[{INVISIBLE}].*|.*[{INVISIBLE}]", re.DOTALL),
        "the text with an invisible character",
        "delete it and write a plain space",
    ),
)
"""What word processors and web pages make of a text that is pasted."""
TRAPS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"yes|no|on|off|true|false", re.IGNORECASE), "the old YAML boolean"),
    (re.compile(r"null", re.IGNORECASE), "the old YAML null"),
    (re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?"), "the sexagesimal number"),
    (re.compile(r"[-+]?0x[0-9a-f_]+", re.IGNORECASE), "the hexadecimal number"),
    (re.compile(r"[-+]?0b[01_]+"), "the binary number"),
    (re.compile(r"[-+]?0o?[0-9_]+"), "the octal number"),
    (re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ].*)?"), "the date"),
    (re.compile(r"[-+]?\.(inf|nan)", re.IGNORECASE), "the not finite number"),
    (
        re.compile(r"[-+]?(\.[0-9_]+|[0-9][0-9_]*(\.[0-9_]*)?)(e[-+]?[0-9]+)?", re.IGNORECASE),
        "the oddly written number",
    ),
)


@lru_cache(maxsize=4096)
def plain(text: str) -> Scalar:
    """Read an unquoted scalar: true, false, null, a decimal number, a string; everything doubtful is a Trap."""
    if text in WORDS:
        return WORDS[text]
    if INTEGER.fullmatch(text):
        return int(text)
    if DECIMAL.fullmatch(text):
        return float(text)
    found = (Trap(text, meaning, IN_QUOTES) for pattern, meaning in TRAPS if pattern.fullmatch(text))
    if trap := next(found, None):
        return trap
    if text.isascii():
        return text
    return next((Trap(text, meaning, hint) for pattern, meaning, hint in TYPED if pattern.fullmatch(text)), text)


def fix(value: object) -> str:
    """Say what to do about a value that is to be a string and is none; it follows a message."""
    if isinstance(value, Trap):
        return f": {value.hint}"
    return f": {IN_QUOTES}" if isinstance(value, bool | int | float) else ""


def fix_number(value: object) -> str:
    """Say what to do about a value that is to be a number or a boolean and is none."""
    if isinstance(value, Trap) and value.hint != IN_QUOTES:
        return f": {value.hint}"
    return ": remove the quotes" if isinstance(value, str) and not isinstance(plain(value.strip()), str | None) else ""


def quoted(text: str) -> str:
    """Write a text in double quotes, as YAML reads it on one line."""
    return '"' + "".join(each if each.isprintable() and each not in '"\\' else _escape(each) for each in text) + '"'


def _escape(character: str) -> str:
    number = ord(character)
    if character in '"\\':
        return f"\\{character}"
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def describe(value: object) -> str:
    """Say what was found where something else was expected."""
    match value:
        case None:
            return "nothing"
        case bool():
            return f"the boolean {str(value).lower()}"
        case int() | float():
            return f"the number {value}"
        case str():
            return repr(value if len(value) <= 60 else f"{value[:60]}...")
        case Trap():
            return str(value)
        case dict():
            return "a mapping"
        case _:
            return "a list"
