"""One mapping of a file against its class of `model`: errors with places, and what is left when they are set aside.

So that all errors are told at once, a mapping with errors is read again without the keys that have them.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from exporter.config.document import Document
from exporter.config.errors import LONGEST_SHOWN, ConfigError, Where
from exporter.config.files import Beside
from exporter.config.hints import unknown_key, wrong_kind
from exporter.config.loaded import close
from exporter.config.model import Section, TargetEntry
from exporter.config.scalars import Trap, describe, fix_number

S = TypeVar("S", bound=Section)
Report = Callable[[ConfigError], None]

COLLECTIONS = {"list_type": "a list", "model_type": "a mapping", "dict_type": "a mapping"}
BOOLEANS = {"yes": "true", "on": "true", "true": "true", "no": "false", "off": "false", "false": "false"}
"""What was meant by the booleans of old YAML."""


@dataclass(frozen=True, slots=True)
class Checked(Generic[S]):
    """What could be read of a mapping, and which of its keys have errors (and were set aside)."""

    section: S | None
    broken: tuple[Where, ...] = ()

    def broken_below(self, where: Where = ()) -> frozenset[str | int]:
        """Name the keys of the mapping at `where` that have errors, in them or below."""
        depth = len(where)
        return frozenset(each[depth] for each in self.broken if len(each) > depth and each[:depth] == where)


@dataclass(frozen=True, slots=True)
class Checker:
    """Reads the mappings of one file."""

    document: Document
    beside: Beside
    report: Report

    def tell(self, where: Where, message: str) -> None:
        """Report an error at a part of the file."""
        self.report(self.document.error(where, message))

    def check(self, model: type[S], value: Any, where: Where) -> Checked[S]:
        """Read the value at `where` as `model`. Nothing where a mapping is meant is an empty one."""
        value = {} if value is None else value
        try:
            return Checked(model.model_validate(value, context=self.beside))
        except ValidationError as error:
            every = error.errors(include_url=False)
            found = [each for each in every if not _is_empty_collection(each)]
            for each in found:
                self.report(_error(each, model, self.document, where))
            for each in every:
                value = _without(value, each["loc"])
            broken = tuple(each["loc"] for each in found)
        try:
            return Checked(model.model_validate(value, context=self.beside), broken)
        except ValidationError:
            return Checked(None, broken)


def _is_empty_collection(error: ErrorDetails) -> bool:
    """Tell a key with nothing after it, where a list or mapping is meant: all it held is commented out."""
    return error["type"] in COLLECTIONS and error["input"] is None and not isinstance(error["loc"][-1], int)


def _error(error: ErrorDetails, model: type[Section], document: Document, where: Where) -> ConfigError:
    """Say what pydantic found in the words of an operator."""
    loc = tuple(step for step in error["loc"] if step != "[key]")
    value, kind_of_error = error["input"], error["type"]
    name = str(loc[-1])[:LONGEST_SHOWN] if loc else ""
    at_key = len(loc) < len(error["loc"]) or kind_of_error == "extra_forbidden"
    if kind_of_error == "value_error":
        message = str(error.get("ctx", {}).get("error", error["msg"]))
    elif kind_of_error == "extra_forbidden":
        message = unknown_key(name, value, loc[:-1], model)
    elif kind_of_error == "missing":
        message = f"`{name}` is required"
    elif kind_of_error == "literal_error":
        message = _no_choice(error, value)
    else:
        expected = COLLECTIONS.get(kind_of_error) or {"bool_type": "true or false"}.get(kind_of_error, "a string")
        got = "a string" if name == "auth" and isinstance(value, str) else describe(value)  # it may be a password
        message = f"expected {expected}, got {got}{_fix(kind_of_error, value)}"
        if model is TargetEntry and not loc:
            message += "; a target is written as {host: mail.example.com, ports: [25]}"
    if value is None and document.has_comment((*where, *loc)):
        message += ": a # begins a comment, so put the text in quotes"
    if at := loc or where[-1:]:
        message += wrong_kind(at[-1], value, loc[:-1], model)
    return document.error((*where, *loc), message, key=at_key)


def _fix(kind_of_error: str, value: object) -> str:
    """Say what to do about a value that is no collection, or no boolean."""
    if kind_of_error == "bool_type" and isinstance(value, Trap) and value.text.lower() in BOOLEANS:
        return f": write {BOOLEANS[value.text.lower()]}"
    if kind_of_error in COLLECTIONS and isinstance(value, str) and (found := re.match(r"[a-z_]+(:\S| )", value)):
        return ": a colon is missing after the key" if found[1] == " " else ": a space is missing after the colon"
    return fix_number(value)


def _no_choice(error: ErrorDetails, value: object) -> str:
    """Say which values there are, and which may have been meant."""
    choices = error.get("ctx", {}).get("expected", "").replace(" or ", ", ").replace("'", "").split(", ")
    meant = close(value, choices) if isinstance(value, str) else None
    return f"expected {', '.join(choices[:-1])} or {choices[-1]}, got {describe(value)}" + (
        f"; did you mean {meant}?" if meant else ""
    )


def _without(value: Any, loc: Where) -> Any:
    """Copy a value without the innermost key that leads to `loc`. Lists keep all items: an index is a place."""
    step, rest = (loc[0], loc[1:]) if loc else (None, ())
    if isinstance(value, list) and isinstance(step, int) and step < len(value):
        return [*value[:step], _without(value[step], rest), *value[step + 1 :]]
    if not isinstance(value, dict) or step not in value:
        return value
    inner = _without(value[step], rest) if rest else value[step]
    kept = {name: each for name, each in value.items() if name != step}
    return kept if inner is value[step] or inner == value[step] else {**kept, step: inner}
