"""The example of a company: its configuration is accepted, and the agent finds what its page says."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from exporter import cli
from exporter.config import load
from tests.docs.markdown import ROOT
from tests.patience import PATIENCE
from tests.real.agent import Agent, running
from tests.real.processes import wait_until

COMPANY = ROOT / "docs/examples/company"
CONFIG = COMPANY / "smtp-exporter.yaml"
FASTER = {
    "interval: 60s": "interval: 10s\n  timeout: 5s\n  connect_timeout: 2s",
    "customers.txt": "customers.txt\n    interval: 10s",
}
WRONG = {
    "mx3.example.com": ("warning", "certificate_expires_soon"),
    "old-mx.example.net": ("critical", "connection_refused"),
}
"""Hosts by what is wrong with them; all others are ok."""
DOMAINS = {
    "forgotten.example": ("critical", ""),
    "half-mx.example": ("warning", "mx_invalid"),
    "lapsed.example": ("critical", "dns_not_found"),
}
"""Domains by their state and what is wrong with their records; all others are ok."""


def test_its_configuration_is_accepted(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check-config", str(CONFIG)]) == 0
    assert "no errors" in capsys.readouterr().out


def test_it_has_three_mx_hosts_a_login_a_relay_and_201_domains() -> None:
    targets = load(CONFIG).targets
    assert [target.host for target in targets if target.name == "our MX hosts"] == [
        f"mx{n}.example.com" for n in (1, 2, 3)
    ]
    assert len({domain for target in targets for domain in target.domains}) == 201
    (submission,) = (target for target in targets if target.name == "submission")
    assert all(settings.auth for _, settings in submission.ports)
    (relay,) = (target for target in targets if target.name == "relay of our provider")
    assert [settings.addresses for _, settings in relay.ports] == ["any"]


def found(agent: Agent, what: str, named: str) -> dict[str, tuple[str, str]]:
    """State and first reason by name; nothing while any is pending."""
    facts: list[dict[str, Any]] = json.loads(agent.curl(f"/api/v1/{what}")[1])
    if not facts or any(each["state"] == "pending" for each in facts):
        return {}
    return {each[named]: (each["state"], next((p["reason"] for p in each["problems"]), "")) for each in facts}


@pytest.mark.real
def test_the_agent_finds_what_its_page_says(tmp_path: Path) -> None:
    directory = tmp_path / "company"
    shutil.copytree(COMPANY, directory)
    text = CONFIG.read_text()
    for slow, fast in FASTER.items():
        assert slow in text
        text = text.replace(slow, fast)
    (directory / "smtp-exporter.yaml").write_text(text)
    with running(directory, before=(sys.executable, "lab.py")) as agent:
        wait_until(lambda: bool(agent.address), PATIENCE, agent.said)
        wait_until(lambda: len(found(agent, "domains", "domain")) == 201, PATIENCE, agent.said)
        wait_until(lambda: len(found(agent, "endpoints", "host")) == 6, PATIENCE, agent.said)
        hosts, domains = found(agent, "endpoints", "host"), found(agent, "domains", "domain")
        logins = agent.samples("smtp_auth_success")
    assert {host: verdict for host, verdict in hosts.items() if verdict != ("ok", "")} == WRONG
    assert {domain: verdict for domain, verdict in domains.items() if verdict != ("ok", "")} == DOMAINS
    assert list(logins.values()) == [1.0, 1.0]
    page = (COMPANY / "README.md").read_text()
    for name, (_, reason) in (WRONG | DOMAINS).items():
        assert name in page or reason in page
