import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from exporter.config.model import ConfigFile, FileSdGroup
from exporter.config.table import keys, nearest, schema

ROOT = Path(__file__).parents[2]


def test_the_schema_is_valid_and_the_one_in_docs_is_current() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    assert json.loads((ROOT / "docs/config.schema.json").read_text()) == schema()


def test_the_schema_accepts_the_example() -> None:
    jsonschema.validate(yaml.safe_load((ROOT / "config.example.yaml").read_text()), schema())


@pytest.mark.parametrize(
    "wrong",
    [
        {"global": {"interval": 60}},
        {"global": {"interval": ""}},
        {"targets": [{"host": "a", "ports": [0]}]},
        {"targets": [{"host": "a", "ports": [{"timeout": "5s"}]}]},
        {"targets": [{"host": "a", "ports": [25], "labels": {"a": 1}}]},
        {"targets": [{"host": "a", "ports": [25], "expect": {"min_tls": "TLS1"}}]},
        {"trgets": []},
    ],
    ids=json.dumps,
)
def test_the_schema_refuses_what_we_refuse(wrong: object) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, schema())


def test_every_key_is_listed_once() -> None:
    paths = [key.path for key in keys()]
    assert len(paths) == len(set(paths))
    assert {"global.mta_sts.allow_private", "targets[].ports[].port", "interval", "expect.min_tls"} <= set(paths)


@pytest.mark.parametrize(
    ("path", "kind", "default"),
    [
        ("interval", "duration", "60s"),
        ("auth.interval", "duration", "5m"),
        ("security", "starttls, implicit, none", "relay: starttls, submissions: implicit, submission: starttls"),
        ("expect.min_tls", "TLSv1, TLSv1.1, TLSv1.2, TLSv1.3", "submissions: TLSv1.2, submission: TLSv1.2"),
        ("expect", "mapping", ""),
        ("global.max_addresses", "number (1 to 1000)", "16"),
        ("probe_endpoint.enabled", "boolean", "false"),
        ("targets[].ports", "list of numbers or mappings", ""),
        ("source_address", "string or list of strings", ""),
    ],
)
def test_a_row_tells_type_and_default(path: str, kind: str, default: str) -> None:
    row = next(key for key in keys() if key.path == path)
    assert (row.type, row.default) == (kind, default)


@pytest.mark.parametrize(
    ("where", "wrong", "meant"),
    [
        ((), "trgets", "targets"),
        (("global",), "max_adresses", "max_addresses"),
        (("modules", "mine", "expect"), "extension", "extensions"),
        (("targets", 0, "ports", 1), "min_tls", "expect.min_tls"),
        (("targets", 0), "ca_file", "tls.ca_file"),
        (("targets", 0), "port", "ports"),
        (("targets", 0, "ports", 1), "ports", "port"),
        (("targets", 0), "modules", "module"),
        (("targets", 0, "labels"), "xyzzy", None),
        (("nowhere", 3), "host", None),
    ],
    ids=str,
)
def test_a_wrong_key_is_taken_for_the_nearest(where: tuple[str | int, ...], wrong: str, meant: str | None) -> None:
    assert nearest(wrong, where, ConfigFile) == meant


@pytest.mark.parametrize(("value", "meant"), [("a", "host"), (["a"], "hosts")], ids=str)
def test_of_two_near_keys_it_is_the_one_for_such_a_value(value: object, meant: str) -> None:
    assert nearest("hots", ("targets", 0), ConfigFile, value) == meant


def test_a_file_sd_group_has_keys_of_its_own() -> None:
    assert nearest("lables", (), FileSdGroup) == "labels"
