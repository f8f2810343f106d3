"""docs/ports.md says what the tables say, and what happens: its severities are those of the scenarios."""

import re

import pytest

from exporter.config.loaded import module_of
from exporter.reasons import REASONS, UNTESTABLE, Reason
from tests.docs.markdown import text_of
from tests.probe.scenarios import RELAY, SCENARIOS, SUBMISSION, SUBMISSIONS, Scenario
from tools.ports import FILE, MODULES, page, severity

PLAIN = {RELAY: "relay", SUBMISSION: "submission", SUBMISSIONS: "submissions"}
"""Settings of scenarios that are those of a built-in module. IMPLICIT_TLS_REQUIRED is never looked for on port 25."""
USUAL = [
    scenario for scenario in SCENARIOS
    if scenario.settings in PLAIN and scenario.problems and not scenario.untestable and not scenario.lookup
    and Reason.IMPLICIT_TLS_REQUIRED not in scenario.problems
]  # fmt: skip


def test_it_is_current() -> None:
    assert FILE.read_text("utf-8") == page(), "run: make reference"


def test_every_reason_is_there_once() -> None:
    rows = re.findall(r"^\| \[?`(\w+)`", page(), re.MULTILINE)
    assert sorted(row for row in rows if row in {*REASONS, *UNTESTABLE}) == sorted([*REASONS, *UNTESTABLE])


@pytest.mark.parametrize("scenario", USUAL, ids=lambda scenario: scenario.id)
def test_severities_are_those_of_real_probes(scenario: Scenario) -> None:
    module = PLAIN[scenario.settings]
    found = {reason: severity(reason, module) for reason in scenario.problems}
    assert found == {reason: level[0].upper() for reason, level in scenario.problems.items()}


@pytest.mark.parametrize(("ports", "module"), MODULES.items())
def test_its_columns_are_the_ports_of_the_modules(ports: str, module: str) -> None:
    assert {module_of(int(port)) for port in ports.split(", ")} == {module}


def test_the_number_of_reasons_in_the_readme_is_right() -> None:
    for name in ("README.md", "docs/comparison.md"):
        assert set(re.findall(r"(\d+) reasons|closed list of (\d+)", text_of(name))) <= {
            (str(len(Reason)), ""), ("", str(len(Reason))),
        }  # fmt: skip
