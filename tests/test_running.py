"""What /config and --print show: YAML that says what runs, with all keys merged, and that is a configuration itself."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from exporter.config import Config, ConfigErrors, defaults, load
from exporter.running import render

WRITTEN = """
global: {interval: 2m, max_concurrent_probes: 7, max_probes_per_host: 2, max_addresses: 3, nameservers: [192.0.2.53],
         max_concurrent_lookups: 4, trusted_resolver: true, mx_on_this_machine: true,
         mta_sts: {allow_private: true}}
modules:
  login: {security: implicit, auth: {username: account-canary, password_file: password}}
targets:
  - {host: MAIL.example., name: "it's: #1", labels: {team: "\\u2028 <b>"}, ports: [25, {port: 465, module: login}]}
  - {domains: [a.example, b.example], name: customers}
probe_endpoint: {enabled: true, allow: ["*.example", 192.0.2.0/24]}
egress: {min_hosts: 5, min_networks: 4, canaries: ["192.0.2.1:25", "[2001:db8::1]:25"]}
"""


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "password").write_text("password-canary\n")
    (tmp_path / "c.yaml").write_text(WRITTEN)
    return load(tmp_path / "c.yaml")


def shown(config: Config) -> Any:
    return yaml.safe_load("".join(render(config)))


def test_what_is_written_for_the_whole_agent_is_shown(config: Config) -> None:
    found = shown(config)
    assert found["global"] == {
        "interval": "2m",
        "max_concurrent_probes": 7,
        "max_probes_per_host": 2,
        "max_addresses": 3,
        "nameservers": ["192.0.2.53"],
        "max_concurrent_lookups": 4,
        "trusted_resolver": True,
        "mx_on_this_machine": True,
        "mta_sts": {"allow_private": True},
    }
    assert found["probe_endpoint"] == {"enabled": True, "allow": ["*.example", "192.0.2.0/24"]}
    assert found["egress"] == {
        "min_hosts": 5, "min_networks": 4, "canaries": ["192.0.2.1:25", "[2001:db8::1]:25"]
    }  # fmt: skip


def test_targets_are_shown_as_they_run(config: Config) -> None:
    host, customers = shown(config)["targets"]
    assert (host["name"], host["host"], host["labels"]) == ("it's: #1", "mail.example", {"team": "\u2028 <b>"})
    assert (customers["name"], customers["domains"]) == ("customers", ["a.example", "b.example"])
    assert [each["port"] for each in host["ports"]] == [25, 465]
    assert "host" not in customers
    assert "labels" not in customers


def test_every_setting_of_a_port_is_shown_with_what_it_has_from_above(config: Config, tmp_path: Path) -> None:
    relay, login = shown(config)["targets"][0]["ports"]
    assert relay == {
        "port": 25, "module": "relay", "interval": "2m", "confirm_interval": "30s", "timeout": "30s",
        "connect_timeout": "10s", "security": "starttls", "addresses": "each", "resolve": "system",
        "expect": {"starttls": "optional", "certificate": "any", "auth": "optional", "auth_before_tls": "allowed",
                   "extensions": [], "port": "open"},
    }  # fmt: skip
    assert (login["module"], login["security"], login["expect"]["auth"]) == ("login", "implicit", "required")
    assert login["auth"] == {"username": "***", "password_file": str(tmp_path / "password"), "interval": "5m"}


def test_neither_password_nor_user_name_is_shown(config: Config) -> None:
    assert "canary" not in "".join(render(config))


def test_a_domain_target_is_written_in_pieces_however_many_domains_it_has(tmp_path: Path) -> None:
    (tmp_path / "domains").write_text("".join(f"d{number}.example\n" for number in range(1000)))
    (tmp_path / "c.yaml").write_text("targets: [{domains_file: domains, name: many}]\n")
    pieces = list(render(load(tmp_path / "c.yaml")))
    assert max(map(len, pieces)) < 2000
    assert len(yaml.safe_load("".join(pieces))["targets"][0]["domains"]) == 1000


def test_nobody_wrote_a_configuration() -> None:
    assert shown(defaults())["targets"] == []


# --- it is a configuration --------------------------------------------------------------------------------------


def again(config: Config, folder: Path, *, masked: bool = False) -> Config:
    return load(folder / "printed.yaml", text="".join(render(config, masked=masked)).encode())


def test_what_is_shown_to_browsers_is_a_configuration_with_other_users(config: Config, tmp_path: Path) -> None:
    found = again(config, tmp_path, masked=True)
    ((_, plain), (_, login)) = found.targets[0].ports
    assert plain == config.targets[0].ports[0][1]
    assert login.auth
    assert login == replace(config.targets[0].ports[1][1], auth=replace(login.auth, username="***"))


def test_a_configuration_whose_target_files_are_empty_is_one_too(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("target_files: ['t/*.yaml']\n")
    config = load(tmp_path / "c.yaml")
    assert again(config, tmp_path).sources.patterns == config.sources.patterns


DURATIONS = some.sampled_from(["4s", "61001ms", "1h30m", "5m"])
TEXTS = some.text(some.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=6)
HOSTS = some.sampled_from(["a.test", "b.test", "no", "2001:db8::1", "192.0.2.1", "1e3.test"])
EXPECT = some.fixed_dictionaries(
    {},
    optional={
        "certificate": some.sampled_from(["trusted", "any"]),
        "auth": some.sampled_from(["required", "optional"]),
        "min_tls": some.just("TLSv1.1"),
        "banner": some.sampled_from(["ESMTP #1", "a\x85\u2028\\d: {x}", "\U0001f4e7\x7f", "'\""]),
        "min_days_left": some.sampled_from([0, 14, 100, 0.001]),
        "extensions": some.lists(some.sampled_from(["SIZE", "8bitmime"]), max_size=2),
        "port": some.sampled_from(["open", "closed"]),
    },
)
MODULES = ("mine", "relay", "on: #it", "submission")
KEYS: dict[str, Any] = {
    "module": some.sampled_from([*MODULES, "submissions"]),
    "interval": DURATIONS,
    "confirm_interval": some.sampled_from(["off", "5s", "15s"]),
    "timeout": some.sampled_from(["1s", "900ms"]),
    "connect_timeout": DURATIONS,
    "security": some.sampled_from(["starttls", "implicit"]),
    "addresses": some.sampled_from(["each", "any"]),
    "ehlo_name": some.sampled_from(["[192.0.2.1]", "[IPv6:2001:db8::1]", "probe.test"]),
    "source_address": some.sampled_from(["192.0.2.1", ["192.0.2.1", "2001:db8::1"]]),
    "resolve": some.sampled_from(["system", "dns"]),
    "tls": some.fixed_dictionaries({}, optional={"server_name": some.just("sni.test")}),
    "auth": some.fixed_dictionaries(
        {"username": TEXTS, "password_file": some.just("password")},
        optional={"mechanism": some.just("PLAIN"), "interval": DURATIONS},
    ),
    "expect": EXPECT,
}
ENDPOINT_KEYS = some.fixed_dictionaries({}, optional=KEYS)
OWN_KEYS = some.fixed_dictionaries({}, optional={name: keys for name, keys in KEYS.items() if name != "module"})
PORTS = some.lists(
    some.sampled_from([25, 465, 587]) | ENDPOINT_KEYS.map(lambda keys: {"port": 2525, **keys}),
    min_size=1,
    max_size=2,
    unique_by=lambda port: port["port"] if isinstance(port, dict) else port,
)
LABELS = some.dictionaries(some.sampled_from(["team", "yes"]), some.text(max_size=5))
NAMED = {
    "name": TEXTS,
    "ports": PORTS,
    "labels": some.dictionaries(some.sampled_from(["team", "yes"]), some.text(max_size=5)),
}
TARGETS = some.one_of(
    *(
        some.tuples(some.fixed_dictionaries({**NAMED, kind: values}), ENDPOINT_KEYS).map(
            lambda both: {**both[1], **both[0]}
        )
        for kind, values in {
            "host": HOSTS,
            "hosts": some.lists(HOSTS, min_size=1, max_size=2, unique=True),
            "domains": some.lists(some.sampled_from(["c.test", "d.test"]), min_size=1, unique=True),
        }.items()
    )
)
CONFIGURATIONS = some.fixed_dictionaries(
    {
        "targets": some.lists(TARGETS, min_size=1, max_size=2),
        "modules": some.fixed_dictionaries(dict.fromkeys(MODULES, OWN_KEYS)),
    },
    optional={"global": OWN_KEYS},
)


@settings(
    max_examples=300, derandomize=True, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(written=CONFIGURATIONS)
def test_what_is_printed_makes_the_same_targets(tmp_path: Path, written: Mapping[str, Any]) -> None:
    (tmp_path / "password").write_text("hunter2\n")
    try:
        config = load(tmp_path / "c.yaml", text=yaml.safe_dump(written, allow_unicode=True).encode())
    except ConfigErrors:
        return  # most of what is made at random is none
    found = again(config, tmp_path)
    assert found.targets == config.targets
    assert found.plain == config.plain
