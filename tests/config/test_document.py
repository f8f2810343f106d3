from pathlib import Path

import pytest
import yaml

from exporter.config import document
from exporter.config.document import Document, parse

FILE = Path("c.yaml")


def parsed(data: bytes) -> tuple[Document | None, list[str]]:
    errors: list[str] = []
    found = parse(FILE, data, lambda error: errors.append(str(error)))
    return found, errors


def test_every_part_has_its_place() -> None:
    found, errors = parsed(b"targets:\n  - host: a\n    ports: [25, 465]\n")
    assert found
    assert not errors
    assert found.value == {"targets": [{"host": "a", "ports": [25, 465]}]}
    assert str(found.error(("targets", 0, "ports", 1), "x")) == "c.yaml:3:17: targets[0].ports[1]: x"
    assert str(found.error(("targets", 0, "host"), "x", key=True)) == "c.yaml:2:5: targets[0].host: x"


def test_a_part_that_is_not_there_has_the_place_around_it() -> None:
    found, _ = parsed(b"targets:\n  - host: a\n")
    assert found
    assert str(found.error(("targets", 0, "ports"), "x")) == "c.yaml:2:5: targets[0]: x"
    assert str(found.error(("targets", 7), "x")) == "c.yaml:2:3: targets: x"


def test_json_is_understood() -> None:
    found, errors = parsed(b'[\n\t{"targets": ["a:25"], "labels": {"x": "\\u00e9"}}\n]\n')
    assert found
    assert not errors
    assert found.value == [{"targets": ["a:25"], "labels": {"x": "é"}}]


def test_quotes_and_blocks_are_strings_whatever_they_hold() -> None:
    found, errors = parsed(b"a: '025'\nb: \"no\"\nc: |-\n  25:10\nd: !!str 5\n")
    assert found
    assert not errors
    assert found.value == {"a": "025", "b": "no", "c": "25:10", "d": "5"}


def test_a_byte_order_mark_is_no_matter() -> None:
    found, errors = parsed(b"\xef\xbb\xbfa: 1\n")
    assert found
    assert not errors
    assert found.value == {"a": 1}


def test_an_alias_repeats_what_it_stands_for() -> None:
    found, errors = parsed(b"a: &x {b: [1]}\nc: *x\n")
    assert found
    assert not errors
    assert found.value == {"a": {"b": [1]}, "c": {"b": [1]}}


@pytest.mark.parametrize("loader", ["C", "Python"])
@pytest.mark.parametrize("bracket", [b"[", b"{a: "])
def test_nesting_ends_with_an_error_not_with_the_process(
    loader: str, bracket: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    if loader == "Python":
        methods = {
            name: vars(document._Loader)[name] for name in ("depth", "resolve", "descend_resolver", "ascend_resolver")
        }
        monkeypatch.setattr(document, "_Loader", type("_Loader", (yaml.SafeLoader,), methods))
    assert parsed(bracket * 20_000) == (None, ["c.yaml: nested more than 50 levels deep"])


def test_the_loader_in_python_reads_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    methods = {
        name: vars(document._Loader)[name] for name in ("depth", "resolve", "descend_resolver", "ascend_resolver")
    }
    monkeypatch.setattr(document, "_Loader", type("_Loader", (yaml.SafeLoader,), methods))
    found, errors = parsed(b"a: &x {b: [1, '1', no]}\nc: *x\nd: !!int 5\n")
    assert found
    assert str(found.value["a"]["b"][2]) == "the old YAML boolean no"
    assert errors == ["c.yaml:3:4: d: tags (!...) are not understood: leave it out"]


def test_an_alias_bomb_is_told_within_a_moment() -> None:
    lines = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 49)]
    found, errors = parsed("\n".join(lines).encode())
    assert found is None
    assert len(errors) == 1
    assert "alias bomb" in errors[0]


def test_nothing_is_no_value() -> None:
    for data in (b"", b"# only a comment\n", b"---\n"):
        found, errors = parsed(data)
        assert found
        assert found.value is None
        assert not errors
