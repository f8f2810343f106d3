"""TABLE 3 printed: the JSON Schema, the rows of the documentation, and the keys that a misspelt one may have meant.

All three are read from the schema that pydantic makes of `model`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from exporter.config import durations
from exporter.config.errors import Where
from exporter.config.loaded import BUILT_IN, close
from exporter.config.model import ConfigFile, EndpointKeys, Section

Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Key:
    """One row: `path` as global.max_addresses, targets[].host, modules; an endpoint key stands by itself."""

    path: str
    type: str
    default: str
    description: str


def schema() -> Schema:
    """Make the JSON Schema of a configuration file, for editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "smtp-exporter",
        **_schema_of(ConfigFile),
    }


def keys() -> Iterator[Key]:
    """List every key once, in the order of the tables; the endpoint keys last."""
    endpoint = _schema_of(EndpointKeys)
    yield from _rows(_schema_of(ConfigFile), "", frozenset(endpoint["properties"]))
    yield from _rows(endpoint, "", frozenset())


def known_keys(where: Where, model: type[Section]) -> Schema:
    """List the keys of the mapping at `where` below `model`, each with its schema."""
    root = _schema_of(model)
    here = _mapping(root, root)
    for step in where:
        here = _mapping(_below(here, step), root)
    known: Schema = here.get("properties", {})
    return known


def nearest(name: str, where: Where, model: type[Section], value: object = "") -> str | None:
    """Find the key that a wrong one at `where` below `model` may have meant, there or one mapping further down.

    Its singular or plural comes first, then the same further down, then keys for a `value` of this kind, then all.
    """
    known, root = known_keys(where, model), _schema_of(model)
    deeper = (f"{section}.{name}" for section in known if name in _mapping(known[section], root).get("properties", {}))
    other_number = (each for each in (f"{name}s", name.removesuffix("s")) if each in known)
    of_this_kind = [key for key, schema in known.items() if is_list(schema) == isinstance(value, list)]
    return next(other_number, None) or next(deeper, None) or close(name, of_this_kind) or close(name, known)


def places_of(name: str) -> list[str]:
    """List the mappings that take a key."""
    sections = dict.fromkeys(key.path.rpartition(".")[0] for key in keys() if key.path.split(".")[-1] == name)
    said = {"": "`global`, a module, a target or a port", "targets[]": "a target", "targets[].ports[]": "`ports`"}
    return [said.get(section, f"`{section}`") for section in sections]


def is_list(schema: Schema) -> bool:
    """Whether a key takes a list, and nothing else."""
    return "items" in schema


@cache
def _schema_of(model: type[Section]) -> Schema:
    tidy: Schema = _tidied(model.model_json_schema())
    return tidy


def _tidied(node: Any) -> Any:
    """Leave out what says nothing, and write durations as operators do."""
    if isinstance(node, list):
        return [_tidied(each) for each in node]
    if not isinstance(node, dict):
        return node
    kept = {
        name: _tidied(each)
        for name, each in node.items()
        if not (name == "title" and isinstance(each, str)) and not (name == "default" and each is None)
    }
    if kept.get("pattern") == durations.PATTERN and "default" in kept:
        kept["default"] = durations.written(kept["default"])
    return kept


def _mapping(node: Schema, root: Schema) -> Schema:
    """Follow references, and choices, to the mapping that they allow."""
    for choice in node.get("anyOf", ()):
        if "$ref" in choice:
            node = choice
    name = node.get("$ref", "").removeprefix("#/$defs/")
    return root["$defs"][name] if name else node


def _below(node: Schema, step: str | int) -> Schema:
    """Take one step down a path."""
    part = node.get("items") if isinstance(step, int) else node.get("properties", {}).get(step)
    return part or node.get("additionalProperties") or {}


def _rows(node: Schema, prefix: str, left_out: frozenset[str], root: Schema | None = None) -> Iterator[Key]:
    """List the keys of a mapping, each with those below it; not the endpoint keys, which have their own table."""
    root = root or node
    for name, part in node["properties"].items():
        if name in left_out:
            continue
        path = f"{prefix}{name}"
        yield Key(path, _type(part), _default(path, part), part.get("description", ""))
        inner = part.get("items", part)
        steps = "[]." if "items" in part else "."
        below = _mapping(inner, root)
        if "properties" in below:
            yield from _rows(below, path + steps, left_out, root)


TYPES = {"object": "mapping", "integer": "number", "array": "list"}


def _type(node: Schema) -> str:
    """Say the type of a key in an operator's words."""
    if "anyOf" in node:
        return " or ".join(_type(choice) for choice in node["anyOf"])
    if "enum" in node:
        return ", ".join(map(str, node["enum"]))
    if "pattern" in node and node["pattern"] == durations.PATTERN:
        return "duration"
    if "items" in node:
        kinds = [_type(choice).partition(" (")[0] for choice in node["items"].get("anyOf", [node["items"]])]
        return f"list of {' or '.join(f'{kind}s' for kind in kinds)}"
    name: str = node.get("type", "object")
    name = TYPES.get(name, name)
    return f"{name} ({node['minimum']:.0f} to {node['maximum']:.0f})" if "minimum" in node else name


def _default(path: str, node: Schema) -> str:
    """Say the default of a key; empty where there is none, by module where the built-in modules differ."""
    section, _, name = path.rpartition(".")
    by_module = {module: (keys.get(section, {}) if section else keys).get(name) for module, keys in BUILT_IN.items()}
    if path != "expect" and any(by_module.values()):
        return ", ".join(f"{module}: {value}" for module, value in by_module.items() if value)
    default = node.get("default")
    if isinstance(default, bool):
        return str(default).lower()
    return "" if default in (None, [], {}) else str(default)
