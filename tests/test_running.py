"""What /config serves: YAML that says what runs, with all keys merged, and without a secret."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.config import Config, defaults, load
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
    relay, login = (each["settings"] for each in shown(config)["targets"][0]["ports"])
    written = config.targets[0].ports[1][1]
    assert login.keys() == asdict(written).keys()
    assert (relay["interval"], relay["security"], relay["auth"]) == (120, "starttls", None)
    assert (login["module"], login["security"], login["expect"]["auth"]) == ("login", "implicit", "required")
    assert login["auth"] == asdict(written.auth) | {"username": "***"} if written.auth else None
    assert login["auth"]["password_file"] == str(tmp_path / "password")


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
