"""The scrape configuration and the alert rules: promtool accepts and tests them, and every alert is complete."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.families import EVERY
from exporter.reasons import Stage

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy/prometheus"
RULE_FILES = sorted(FOLDER.glob("rules/*.yml"))
TEST_FILES = sorted(FOLDER.glob("tests/*.yml"))
RUNBOOKS = "https://github.com/smtp-exporter/smtp-exporter/blob/main/docs/runbooks/"

Alert = dict[str, Any]


def rules() -> Iterator[dict[str, Any]]:
    for file in RULE_FILES:
        for group in yaml.safe_load(file.read_text())["groups"]:
            yield from group["rules"]


RULES = list(rules())
ALERTS = [pytest.param(rule, id=f"{rule['alert']}-{rule['labels']['severity']}") for rule in RULES if "alert" in rule]
TESTS = [test for file in TEST_FILES for test in yaml.safe_load(file.read_text())["tests"]]
alerts = pytest.mark.parametrize("alert", ALERTS)


def firings(alert: Alert) -> list[bool]:
    """Of every time that a test with series looks at this alert: whether this level of it is to fire."""
    return [
        alert["labels"]["severity"] in {fired["exp_labels"]["severity"] for fired in look.get("exp_alerts", ())}
        for test in TESTS
        if test["input_series"]
        for look in test["alert_rule_test"]
        if look["alertname"] == alert["alert"]
    ]


def promtool(*arguments: str | Path) -> None:
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.real
def test_promtool_accepts_the_scrape_configuration_and_the_rules_it_names() -> None:
    promtool("check", "config", FOLDER / "prometheus.yml")


@pytest.mark.real
@pytest.mark.parametrize("file", TEST_FILES, ids=lambda file: file.stem)
def test_the_rules_fire_when_they_should(file: Path) -> None:
    promtool("test", "rules", file)


@alerts
def test_a_series_makes_it_fire(alert: Alert) -> None:
    assert True in firings(alert)


@alerts
def test_a_series_must_not_make_it_fire(alert: Alert) -> None:
    assert False in firings(alert)


def test_every_rule_file_has_its_tests() -> None:
    assert [file.name for file in TEST_FILES] == [file.name for file in RULE_FILES]


@alerts
def test_it_is_named_and_described_as_mixins_do(alert: Alert) -> None:
    assert re.fullmatch(r"Smtp([A-Z][a-z]+)+", alert["alert"])
    assert alert["labels"]["severity"] in {"critical", "warning"}
    assert alert["for"]
    assert re.fullmatch(r"[A-Z][^{}]+\.", alert["annotations"]["summary"])
    assert "{{" in alert["annotations"]["description"]


@alerts
def test_its_runbook_is_there_and_answers_four_questions(alert: Alert) -> None:
    url = alert["annotations"]["runbook_url"]
    assert url == f"{RUNBOOKS}{alert['alert']}.md"
    page = (ROOT / "docs/runbooks" / url.removeprefix(RUNBOOKS)).read_text()
    assert page.startswith(f"# {alert['alert']}\n")
    assert re.findall(r"^\*\*(.+)\.\*\*", page, re.MULTILINE) == [
        "What it means", "Why it fires", "What to check first", "How to silence",
    ]  # fmt: skip
    assert f'alertname="{alert["alert"]}"' in page


def test_every_runbook_belongs_to_an_alert() -> None:
    pages = {page.stem for page in (ROOT / "docs/runbooks").glob("*.md")}
    assert pages == {rule["alert"] for rule in RULES if "alert" in rule}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.get("alert") or rule["record"])
def test_it_asks_only_for_metrics_that_exist(rule: dict[str, Any]) -> None:
    known = {row.name for row in EVERY} | {rule["record"] for rule in RULES if "record" in rule}
    asked = set(re.findall(r"[\w:]*smtp_[\w:]+", rule["expr"]))
    assert asked <= known
    assert asked or "up{" in rule["expr"]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.get("alert") or rule["record"])
def test_it_never_keeps_the_address_when_it_aggregates(rule: dict[str, Any]) -> None:
    kept = re.findall(r"\b(?:min|max|sum|avg|count) *(by \([^)]*\)|without \([^)]*\)|\()", rule["expr"])
    assert all(labels.startswith("without (address") or labels == "by (job, instance)" for labels in kept)


def test_every_stage_where_a_probe_can_fail_belongs_to_one_alert_or_its_partial_form() -> None:
    matched = re.findall(r'stage=~?"([a-z|]+)"', "".join(rule["expr"] for rule in RULES))
    stages = [stage for group in matched for stage in group.split("|")]
    assert sorted(stages) == sorted(set(Stage) - {Stage.QUIT})  # nothing from QUIT on is a problem


def test_the_labels_of_the_agent_survive_the_scrape() -> None:
    (job,) = yaml.safe_load((FOLDER / "prometheus.yml").read_text())["scrape_configs"]
    assert job["honor_labels"] is True
    assert job["scrape_interval"] == "60s"
    assert job["static_configs"] == [{"targets": ["localhost:10225"]}]


def test_the_rules_ask_for_the_job_that_the_scrape_configuration_names() -> None:
    (job,) = yaml.safe_load((FOLDER / "prometheus.yml").read_text())["scrape_configs"]
    asked = re.findall(r'up\{job="([^"]+)"\}', "".join(rule["expr"] for rule in RULES))
    assert set(asked) == {job["job_name"]}
