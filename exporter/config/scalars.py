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

    def __str__(self) -> str:
        """Say what was written, and for what some take it."""
        return f"{self.meaning} {self.text}"


Scalar = str | int | float | bool | Trap | None

INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})")
DECIMAL = re.compile(r"-?(0|[1-9][0-9]{0,17})\.[0-9]{1,18}")
WORDS: dict[str, Scalar] = {"true": True, "false": False, "": None, "~": None, "null": None}

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
    return next((Trap(text, meaning) for pattern, meaning in TRAPS if pattern.fullmatch(text)), text)


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
