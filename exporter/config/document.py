"""The text of one YAML file to plain values, with the place of each. Judges YAML, knows no keys.

PyYAML composes nodes (in C where it can), this file makes values of them, as YAML 1.2 says: see `scalars`. Duplicate
keys, tags, merge keys and endless or exploding aliases are errors; all else of YAML, and so JSON, is understood.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from exporter.config.errors import LONGEST_SHOWN, ConfigError, Where, shown
from exporter.config.files import refuse_utf_16
from exporter.config.scalars import IN_QUOTES, describe, fix, plain
from exporter.config.syntax import explain

MAX_DEPTH = 50
"""Nested collections. PyYAML's C composer recurses without a bound of its own: 200,000 brackets end the process."""
MAX_ALIASED = 1_000_000
"""Nodes that aliases may stand for, in all: an alias bomb holds billions."""
CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")


Pair = tuple[yaml.Node, yaml.Node]
"""Key and value of a mapping."""


class _TooDeepError(Exception):
    """Collections nested beyond MAX_DEPTH."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # the C class, where it was built
    """Composes nodes whose tag says only whether a scalar was plain or quoted, and bounds their depth."""

    depth = 0

    def resolve(self, kind: type[yaml.Node], _value: object, implicit: Any) -> str:
        if kind is not yaml.ScalarNode:
            return ""
        return "plain" if implicit[0] else "quoted"

    def descend_resolver(self, _parent: object, _index: object) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise _TooDeepError

    def ascend_resolver(self) -> None:
        self.depth -= 1


@dataclass(frozen=True, slots=True)
class Document:
    """One file: its value made of dict, list, str, int, float, bool, None and Trap, and where each part stands."""

    file: Path
    value: Any
    root: yaml.Node | None = field(repr=False, default=None)
    text: str = field(repr=False, default="")
    _pairs: dict[int, dict[Any, Pair]] = field(repr=False, default_factory=dict)
    """The parts of mappings that were looked into, by the node of the mapping."""

    def error(self, where: Where, message: str, *, key: bool = False) -> ConfigError:
        """Make an error at the part named by `where`, or at the nearest part around it that was written.

        `key` points at the key of a mapping rather than at its value.
        """
        node, found, mark = self.root, where, self.root.start_mark if self.root else None
        for index, step in enumerate(where):
            pair = self._child(node, step)
            if pair is None:
                found = where[:index]
                break
            node = pair[1]
            mark = pair[0].start_mark if key and index == len(where) - 1 else node.start_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (None, None)
        return ConfigError(self.file, message, line, column, shown(found))

    def has_comment(self, where: Where) -> bool:
        """Tell whether a comment begins where a part is to stand, without a space after its #."""
        place = self.error(where, "")
        lines = self.text.split("\n")
        rest = lines[place.line - 1][(place.column or 1) - 1 :] if place.line and place.line <= len(lines) else ""
        return bool(re.match(r"[ \t]*#\S", rest))

    def _child(self, node: yaml.Node | None, step: str | int) -> Pair | None:
        """Find a part of a collection and the node that names it; None where there is none."""
        if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            return node.value[step], node.value[step]
        if not isinstance(node, yaml.MappingNode):
            return None
        if id(node) not in self._pairs:
            pairs = ((key, value) for key, value in reversed(node.value) if isinstance(key, yaml.ScalarNode))
            self._pairs[id(node)] = {key.value: (key, value) for key, value in pairs}  # of duplicates the first
        return self._pairs[id(node)].get(step)


def parse(file: Path, data: bytes, report: Callable[[ConfigError], None]) -> Document | None:
    """Read one YAML document. Errors go to `report`; None where nothing could be made of the text."""
    try:
        refuse_utf_16(data)
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        report(_at(file, data[: error.start].decode("utf-8", "replace"), "not UTF-8 text"))
        return None
    except ValueError as error:
        report(ConfigError(file, str(error)))
        return None
    if found := CONTROL.search(text):
        report(_at(file, text[: found.start()], f"a control character, U+{ord(found[0]):04X}, in the text"))
        return None
    loader = _Loader(text)
    try:
        root = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        (line, column), message = explain(text, error)
        report(ConfigError(file, message, line + 1, column + 1))
        return None
    except (yaml.YAMLError, _TooDeepError) as error:
        deep = isinstance(error, _TooDeepError)
        report(ConfigError(file, f"nested more than {MAX_DEPTH} levels deep" if deep else f"not valid YAML: {error}"))
        return None
    finally:
        loader.dispose()
    builder = _Builder(Document(file, None, root), report)
    value = builder.value(root, ()) if root else None
    return None if builder.refused else Document(file, value, root, text)


def _at(file: Path, before: str, message: str) -> ConfigError:
    """Make an error at the place where the text `before` ends."""
    return ConfigError(file, message, before.count("\n") + 1, len(before) - before.rfind("\n"))


def _no_key(name: object, key: yaml.Node, mapping: yaml.Node, where: Where) -> str:
    """Say that a key is no string."""
    if isinstance(name, int) and "ports" in where:
        return f"a key must be a string, got {describe(name)}: write `port: {name}`, and its keys beside it"
    if name is None and isinstance(key, yaml.ScalarNode):
        return "a key is missing before the colon"
    if isinstance(key, yaml.ScalarNode):
        return f"a key must be a string, got {describe(name)}{fix(name) or f': {IN_QUOTES}'}"
    opening, inner = mapping.start_mark, key.start_mark
    if isinstance(key, yaml.MappingNode) and (inner.line, inner.column) == (opening.line, opening.column + 1):
        return "{{ }}: a template that was not filled in"
    return f"a key must be a string, got a collection: {IN_QUOTES}"


class _Builder:
    """Makes values of nodes. What an alias repeats is made once, shared, and counted as often as it is repeated."""

    def __init__(self, document: Document, report: Callable[[ConfigError], None]) -> None:
        self.document = document
        self.report = report
        self.made: dict[int, tuple[Any, int]] = {}
        self.open: set[int] = set()
        self.count = 0
        self.aliased = 0
        self.refused = False

    def value(self, node: yaml.Node, where: Where) -> Any:
        """Make the value of a node and of all below it."""
        self.count += 1
        if isinstance(node, yaml.ScalarNode):
            if node.tag == "plain":
                return plain(node.value)
            self._refuse_tag(node, where)
            return node.value
        if id(node) in self.made:
            return self._aliased(node, where)
        if id(node) in self.open:
            return self._refuse(where, "an alias of what it stands in: this would never end")
        self._refuse_tag(node, where)
        self.open.add(id(node))
        before = self.count
        made = (
            [self.value(child, (*where, index)) for index, child in enumerate(node.value)]
            if isinstance(node, yaml.SequenceNode)
            else self._mapping(node, where)
        )
        self.open.discard(id(node))
        self.made[id(node)] = (made, self.count - before)
        return made

    def _mapping(self, node: yaml.Node, where: Where) -> dict[str, Any]:
        made: dict[str, Any] = {}
        first: dict[str, yaml.Node] = {}
        for key, child in node.value:
            name = self.value(key, where) if isinstance(key, yaml.ScalarNode) else None
            mark = key.start_mark
            if not isinstance(name, str):
                self._error_at(mark, where, _no_key(name, key, node, where))
            elif name == "<<" and key.tag == "plain":
                self._error_at(mark, where, "merge keys (<<) are not understood: write a module and name it")
            elif name in made:
                shown_name, line = name[:LONGEST_SHOWN], first[name].start_mark.line + 1
                self._error_at(mark, (*where, name), f"duplicate key `{shown_name}`: first given on line {line}")
            else:
                first[name] = key
                made[name] = self.value(child, (*where, name))
        return made

    def _aliased(self, node: yaml.Node, where: Where) -> Any:
        """Repeat what an alias stands for, unless that makes too much."""
        made, size = self.made[id(node)]
        self.count += size
        self.aliased += size
        if self.aliased > MAX_ALIASED and not self.refused:
            return self._refuse(where, f"aliases stand for more than {MAX_ALIASED} values: is this an alias bomb?")
        return made

    def _refuse_tag(self, node: yaml.Node, where: Where) -> None:
        if node.tag not in {"", "quoted", "tag:yaml.org,2002:str"}:
            self._error_at(node.start_mark, where, "tags (!...) are not understood: leave it out")

    def _refuse(self, where: Where, message: str) -> None:
        self.refused = True
        self.report(self.document.error(where, message))

    def _error_at(self, mark: Any, where: Where, message: str) -> None:
        self.report(ConfigError(self.document.file, message, mark.line + 1, mark.column + 1, shown(where)))
