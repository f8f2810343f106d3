"""Each bad configuration of testdata/ has its exact messages beside it, and no text at all makes a traceback."""

import gc
import pickle
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from exporter.config import Config, ConfigErrors, Egress, ProbeAccess, Sources, defaults, load, reading
from exporter.config.errors import MAX_ERRORS, MAX_MESSAGE, TOLD
from exporter.config.files import digest
from exporter.config.table import keys
from exporter.model import Settings
from exporter.simulated.certificates import Zoo

ROOT = Path(__file__).parents[2]
TESTDATA = Path(__file__).parent / "testdata"
ENVIRON = {"SMTP_PASSWORD": "hunter2", "SECOND_PASSWORD": "hunter2"}


@pytest.mark.parametrize("file", sorted(TESTDATA.glob("*.bad.yaml")), ids=lambda file: file.name.split(".")[0])
def test_a_bad_configuration_is_told_all_that_is_wrong(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(TESTDATA)
    with pytest.raises(ConfigErrors) as raised:
        load(Path(file.name), ENVIRON)
    assert f"{raised.value}\n" == file.with_suffix(".errors").read_text(encoding="utf-8")


MANY = 3 * MAX_ERRORS
ONE = "targets: [{host: a, ports: [25]}]\n"
GONE_WRONG: dict[str, str] = {
    "unknown keys": ONE + "".join(f"k{number}: 1\n" for number in range(40_000)),
    "duplicate keys": ONE + "".join(f"k{number % MANY}: 1\n" for number in range(2 * MANY)),
    "unknown endpoint keys": f"{ONE}global:\n" + "".join(f"  k{number}: 1\n" for number in range(MANY)),
    "labels": "targets:\n- labels:\n" + "".join(f"    'k {number}': x\n" for number in range(MANY)),
    "targets": "targets:\n" + "- {hots: a}\n" * MANY,
    "targets that are there": "targets:\n" + "- {host: a, ports: [25]}\n" * MANY,
    "ports": f"targets: [{{host: a, ports: [{'70000, ' * MANY}]}}]\n",
    "domains": f"targets: [{{domains: [{'a b, ' * MANY}]}}]\n",
    "modules": f"{ONE}modules:\n" + "".join(f"  m{number}: {{module: x}}\n" for number in range(MANY)),
    "a chain of modules": f"{ONE}modules:\n"
    + "".join(f"  m{number}: {{module: m{(number + 1) % MANY}}}\n" for number in range(MANY)),
    "keys that are no strings": ONE + "".join(f"{number}: 1\n" for number in range(MANY)),
    "tags": "targets:\n" + "- !x a\n" * MANY,
    "canaries": f"{ONE}egress: {{canaries: [{'a b, ' * MANY}]}}\n",
}


@pytest.mark.parametrize("text", GONE_WRONG.values(), ids=GONE_WRONG)
def test_of_thousands_of_errors_the_first_hundred_are_told(tmp_path: Path, text: str) -> None:
    """Reading ends at MAX_ERRORS, whatever it would cost to find the others."""
    with pytest.raises(ConfigErrors) as raised:
        reading.load(tmp_path / "c.yaml", ENVIRON, text=text.encode())
    assert len(raised.value.told) == TOLD + 1
    assert raised.value.told[-1] == f"and at least {MAX_ERRORS - TOLD} more errors"
    assert len(raised.value.errors) == MAX_ERRORS


def test_no_message_is_long(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors) as raised:
        reading.load(
            tmp_path / "c.yaml", ENVIRON, text=b"targets: [{host: a, ports: [25], module: %s}]" % (b"m" * 100_000)
        )
    assert all(len(line) < len(str(tmp_path)) + MAX_MESSAGE + 200 for line in raised.value.told)


def test_a_missing_file_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigErrors, match=re.escape(f"{tmp_path}/x.yaml: cannot read {tmp_path}/x.yaml: No such file")
    ):
        load(tmp_path / "x.yaml")


def test_everything_arrives(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("""
global:
  max_concurrent_probes: 7
  max_probes_per_host: 2
  max_addresses: 3
  nameservers: [127.0.0.1, "[::1]:5353"]
  max_concurrent_lookups: 4
  trusted_resolver: false
  mx_on_this_machine: true
  mta_sts: {allow_private: true}
  source_address: 127.0.0.2
  ehlo_name: Probe.Example
target_files: [t/*.yaml]
probe_endpoint: {enabled: true, allow: ["*.example", 10.0.0.0/8]}
egress: {min_hosts: 5, min_networks: 4, canaries: ["a.example:25", "[::1]:25"]}
""")
    config = load(file)
    assert config.max_concurrent_probes == 7
    assert config.max_probes_per_host == 2
    assert config.max_addresses == 3
    assert config.nameservers == ("127.0.0.1", "[::1]:5353")
    assert config.max_concurrent_lookups == 4
    assert config.trusted_resolver is False
    assert config.mx_on_this_machine is True
    assert config.mta_sts_allow_private
    assert config.probe_endpoint == ProbeAccess(enabled=True, allow=("*.example", "10.0.0.0/8"))
    assert config.egress == Egress(5, 4, (("a.example", 25), ("::1", 25)))
    assert (config.path, list(config.sources.digests)) == (file, [("configuration", str(file))])
    assert config.sources.patterns == (str(tmp_path / "t/*.yaml"),)
    assert config.text == file.read_bytes()
    found = config.settings_for(25)
    assert (found.source_address, found.ehlo_name) == (("127.0.0.2",), "probe.example")


def test_without_a_file_there_is_what_a_file_without_keys_says(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("probe_endpoint: {enabled: true}")
    written = load(tmp_path / "c.yaml")
    without = replace(written, path=None, sources=Sources(), text=b"", probe_endpoint=ProbeAccess())
    assert defaults() == without
    assert defaults().settings_for(25) == Settings()


@pytest.mark.parametrize("text", ["probe_endpoint: {enabled: true}", "target_files: [none/*.yaml]"])
def test_targets_may_be_missing_where_they_come_otherwise(tmp_path: Path, text: str) -> None:
    (tmp_path / "c.yaml").write_text(text)
    assert load(tmp_path / "c.yaml").targets == ()


def test_every_file_read_is_known_for_the_reload(tmp_path: Path, zoo: Zoo) -> None:
    (tmp_path / "d.txt").write_text("a.test\n")
    (tmp_path / "secret").write_text("hunter2\n")
    (tmp_path / "t.yaml").write_text(
        "- {domains_file: d.txt, auth: {username: u, password_file: secret}}\n"
        f"- {{host: a.test, ports: [25], tls: {{ca_file: {zoo.ca_file}}}}}\n"
    )
    (tmp_path / "c.yaml").write_text("target_files: [t.yaml]\n")
    sources = reading.load(tmp_path / "c.yaml", key=b"k").sources
    read = {"configuration": "c.yaml", "target file": "t.yaml", "password": "secret", "domains file": "d.txt"}
    assert dict(sources.digests) == {
        ("certificate", str(zoo.ca_file)): digest(zoo.ca_file.read_bytes(), b"k"),
        **{(role, str(tmp_path / name)): digest((tmp_path / name).read_bytes(), b"k") for role, name in read.items()},
    }


def test_the_files_of_a_reading_that_failed_are_known_too(tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text("- {host: a}\n")
    (tmp_path / "c.yaml").write_text("target_files: [t.yaml]\n")
    with pytest.raises(ConfigErrors) as raised:
        load(tmp_path / "c.yaml")
    sources = pickle.loads(pickle.dumps(raised.value)).sources  # noqa: S301  # our own bytes
    assert [Path(path).name for _, path in sources.digests] == ["c.yaml", "t.yaml"]
    assert sources.patterns == (str(tmp_path / "t.yaml"),)


def test_a_text_may_take_the_place_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("targets: [half written\n")
    text = b"targets: [{host: a.test, ports: [25]}]\n"
    assert [target.name for target in reading.load(tmp_path / "c.yaml", text=text).targets] == ["a.test"]


def test_a_config_can_come_from_another_process(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("{modules: {m: {timeout: 9s}}, targets: [{host: a, ports: [25], module: m}]}\n")
    config = load(tmp_path / "c.yaml")
    again = pickle.loads(pickle.dumps(config))  # noqa: S301  # our own bytes
    assert again == config
    assert again.settings_for(25, "m") == config.settings_for(25, "m")


def test_garbage_collection_goes_on_after_a_load() -> None:
    with pytest.raises(ConfigErrors):
        load(TESTDATA / "empty.bad.yaml")
    assert gc.isenabled()


# --- the example ----------------------------------------------------------------------------------------------


def test_the_example_loads_as_it_is() -> None:
    assert len(load(ROOT / "config.example.yaml", {}).targets) >= 4


def switched_on() -> str:
    """The example with the keys that are switched off: lines that begin with "#" and no space."""
    return re.sub(r"^( *)#(?=\S)", r"\1", (ROOT / "config.example.yaml").read_text(), flags=re.MULTILINE)


def test_the_example_loads_with_every_key(tmp_path: Path, zoo: Zoo) -> None:
    (tmp_path / "private-ca.pem").write_bytes(zoo.ca_file.read_bytes())
    (tmp_path / "probe-password").write_text("hunter2\n")
    (tmp_path / "customers.txt").write_text("customer.example\n")
    (tmp_path / "config.yaml").write_text(switched_on())
    assert load(tmp_path / "config.yaml", ENVIRON).targets[-1].domains == ("customer.example",)


def paths(value: Any, prefix: str = "") -> set[str]:
    """The paths of all keys, as in the table: endpoint keys by themselves, wherever they stand."""
    if isinstance(value, list):
        return {path for each in value for path in paths(each, f"{prefix}[]")}
    if not isinstance(value, dict):
        return set()
    endpoint = {key.path for key in keys() if key.path.split(".")[0] in Settings.__dataclass_fields__}
    found: set[str] = set()
    for name, each in value.items():
        plain = prefix in {"global", "targets[]", "targets[].ports[]"} or prefix.startswith("modules.")
        path = name if plain and name in endpoint else f"{prefix}.{name}".lstrip(".")
        found |= {path} | paths(each, path)
    return found


def test_no_key_is_missing_in_the_example() -> None:
    assert {key.path for key in keys()} - paths(yaml.safe_load(switched_on())) == set()


# --- whatever it is -------------------------------------------------------------------------------------------

SLIPS: tuple[tuple[str, str], ...] = (
    (r"^", " "),
    (r"^ ", ""),
    (":", ""),
    (": ", ":"),
    (" ", "\t"),
    (r"[\[{]", ""),
    (r"[\]}]", ""),
    ('"', ""),
    ("- ", "-"),
    ("- ", ""),
    (": (.+)$", r": '\1'"),
    (": (.+)$", r": [\1]"),
    (r": \[(.+)\]$", r": \1"),
    (r"s:", ":"),
    (r"(\w):", r"\1s:"),
    (": .+$", ": "),
    ("$", ":"),
    ("$", " #x"),
    (": ", ": *"),
    (": ", ": %"),
    (": ", ": @"),
    (": ", ": !"),
    (": ", ": &"),
    (": ", ":\u00a0"),
    (": (.+)$", ": \u201c\\1\u201d"),
    ("- ", "\u2013 "),
    (r"\w", "{{"),
    (r"\w", "'"),
    (r".+", ""),
    ("^", "%"),
)
"""What goes wrong when people edit: what is replaced in a line, once, and by what."""


@pytest.mark.parametrize(("found", "by"), SLIPS, ids=repr)
def test_a_slip_in_the_example_is_told_in_an_operators_words(tmp_path: Path, found: str, by: str) -> None:
    """None is told in those of PyYAML, and none goes without a place."""
    kept = (line for line in switched_on().split("\n") if line.strip() and not line.lstrip().startswith("#"))
    lines = [line for line in kept if "_file:" not in line and "password_env" not in line]
    for number, line in enumerate(lines):
        text = "\n".join([*lines[:number], re.sub(found, by, line, count=1), *lines[number + 1 :]])
        result = tried(tmp_path / "c.yaml", text.encode())
        told = result.told if isinstance(result, ConfigErrors) else []
        wrong = [each for each in told if "not valid YAML" in each or not re.match(r"[^:]+:\d+:\d+: ", each)]
        assert wrong == [], line


WORDS = [*{part.strip("[]") for key in keys() for part in key.path.split(".")}, "<<", "x", ""]
SCALARS = some.none() | some.booleans() | some.integers() | some.floats() | some.text() | some.sampled_from(WORDS)
VALUES = some.recursive(
    SCALARS | some.dates(),
    lambda inner: (
        some.lists(inner, max_size=4) | some.dictionaries(some.sampled_from(WORDS) | SCALARS, inner, max_size=6)
    ),
    max_leaves=15,
)


def tried(file: Path, data: bytes) -> Config | ConfigErrors:
    """Load the bytes: a Config or its errors, or the test fails with what was raised."""
    file.write_bytes(data)
    try:
        return load(file, ENVIRON)
    except ConfigErrors as errors:
        assert all(str(error).startswith(str(file.parent)) and str(error).isprintable() for error in errors.errors)  # noqa: PT017  # each of many
        return errors


@settings(
    max_examples=100, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(value=VALUES | some.dictionaries(some.sampled_from(WORDS), VALUES))
def test_no_values_make_a_traceback(tmp_path: Path, value: Any) -> None:
    tried(tmp_path / "c.yaml", yaml.safe_dump(value, allow_unicode=True).encode("utf-8", "surrogatepass"))


@settings(
    max_examples=300, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=some.binary() | some.text(alphabet=" \n\t:-[]{},&*!|>'\"%@`#a1?").map(str.encode))
def test_no_bytes_make_a_traceback(tmp_path: Path, data: bytes) -> None:
    tried(tmp_path / "c.yaml", data)
