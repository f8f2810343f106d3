"""What to do about a wrong key, or a value of the wrong kind: sentences made of TABLE 3 and of what was written.

A value is shown only where it becomes an item of a list: no such key holds a secret.
"""

import re
from typing import Any, TypeGuard

from exporter.config.errors import LONGEST_SHOWN, Where
from exporter.config.model import PortEntry, Section, TargetEntry
from exporter.config.scalars import quoted
from exporter.config.table import is_list, known_keys, nearest, places_of

MAX_ITEMS = 3
"""Of a list that is shown."""
SEPARATORS = re.compile(r"[,;\s]+")
BRACKETS = re.compile(r"\[.*\]|\{.*\}", re.DOTALL)
MISTYPED = (
    (re.compile(r":$"), "one colon is enough"),
    (re.compile(r":"), "a space is missing after the colon"),
    (re.compile(r"^-"), "a space is missing after the hyphen"),
    (re.compile(r" [\[{]"), "a colon is missing after the key"),
)
"""What a key looks like where a character is missing."""
PLAIN = re.compile(r"[A-Za-z0-9][\w./*-]*(:[0-9]+)?")
"""What needs no quotes in a list."""
SECRETS = {"password", "passwords", "pass", "passwd", "passphrase", "secret", "token"}


def unknown_key(name: str, value: object, where: Where, model: type[Section]) -> str:
    """Say that the mapping at `where` has no such key, and what to write."""
    said = f"unknown key `{name[:LONGEST_SHOWN]}`"
    if name in SECRETS:
        return f"{said}: secrets are not written here; use `password_file` or `password_env`"
    for pattern, hint in MISTYPED:
        if pattern.search(name):
            return f"{said}: {hint}"
    if name == "targets" and model is TargetEntry:
        return f"{said}: this is a file_sd list; write it to a file that `target_files` names"
    meant = nearest(name, where, model, value)
    if not meant:
        places = places_of(name)
        return f"{said}; it belongs in {', or '.join(places)}" if places else said
    schema = known_keys(where, model).get(meant, {})
    written = f"`{meant}: [{_items(value)}]`" if _is_plain_list(value, schema) else _as_list(meant, value, schema)
    return f"{said}; write {written}" if written else f"{said}; did you mean `{meant}`?"


def wrong_kind(name: str | int, value: object, where: Where, model: type[Section]) -> str:
    """Say what to write where a list was given for one value, or one value for a list; else nothing."""
    known = known_keys(where, model)
    if isinstance(name, int) and isinstance(value, list):
        return ": remove the inner brackets"
    if name not in known:
        return ""
    schema, written = known[name], ""
    takes_brackets = is_list(schema) or "$ref" in schema or schema.get("type") == "object"
    if isinstance(value, str) and takes_brackets and BRACKETS.fullmatch(value):
        return ": remove the quotes"
    if is_list(schema) and not isinstance(value, list):
        written = _as_list(name, value, schema)
    elif isinstance(value, list) and f"{name}s" in known:
        written = f"`{name}s: [{_items(value)}]`"
    elif isinstance(value, list) and len(value) == 1:
        return ": remove the brackets"
    elif isinstance(value, list) and model is PortEntry and where == () and name == "port":
        written = "an entry for each port"
    return f": write {written}" if written else ""


def _as_list(key: str, value: object, schema: dict[str, Any]) -> str:
    """Write a value as the only item of a key that takes a list."""
    if not is_list(schema):
        return ""
    if isinstance(value, dict):
        return f"`- ` before each item of `{key}`" if "$ref" in schema["items"] else ""
    values = SEPARATORS.split(value.strip(" []")) if isinstance(value, str) else [value]
    return f"`{key}: [{_items(values)}]`" if value and _is_plain(value) else ""


def _items(values: list[Any]) -> str:
    """Write the first items of a list."""
    shown = [_item(each) for each in values if _is_plain(each)][:MAX_ITEMS]
    return ", ".join([*shown, "..."] if len(values) > len(shown) else shown)


def _is_plain_list(value: object, schema: dict[str, Any]) -> TypeGuard[list[Any]]:
    return isinstance(value, list) and is_list(schema) and bool(value) and all(map(_is_plain, value))


def _is_plain(value: object) -> bool:
    return isinstance(value, int | str) and not isinstance(value, bool) and len(str(value)) <= LONGEST_SHOWN


def _item(value: int | str) -> str:
    return str(value) if PLAIN.fullmatch(str(value)) else quoted(str(value))
