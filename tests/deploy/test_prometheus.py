"""What is shipped for Prometheus: committed as generated, and promtool plays every story of `alert_cases` to it."""

import re
import subprocess
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.families import EVERY
from exporter.reasons import REASONS, UNTESTABLE, Reason, Stage
from tests.deploy.alert_cases import AGENT, CASES, LOST, Case, Fired, of, offered, port
from tools.alerts import CRITICAL_DAYS, FOLDER, INHIBITIONS, JOB, RULES, STAGES, STS, WARNING_DAYS, files, stages
from tools.annotations import DOCS
from tools.prometheus import Alert, Record

ROOT = FOLDER.parents[1]
RUNBOOKS = ROOT / "docs/runbooks"
ROWS = [row for file in RULES.values() for rows in file.rules.values() for row in rows]
ALERTS = [row for row in ROWS if isinstance(row, Alert)]
RECORDS = [row for row in ROWS if isinstance(row, Record)]
LEVELS = {(row.name, row.severity): row for row in ALERTS}
NAMES = sorted({row.name for row in ALERTS})

Yaml = dict[str, Any]

rows = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
alerts = pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: f"{alert.name}-{alert.severity}")
names = pytest.mark.parametrize("name", NAMES)


def promtool(*arguments: str | Path) -> None:
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


# --- the files ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", files())
def test_what_is_committed_is_what_is_generated(name: str) -> None:
    assert (FOLDER / name).read_text("utf-8") == files()[name], "run: make reference"


def test_nothing_else_is_committed() -> None:
    assert {str(file.relative_to(FOLDER)) for file in FOLDER.rglob("*.yml")} == set(files())


@pytest.mark.real
def test_promtool_accepts_the_scrape_configuration_and_the_rules_it_names() -> None:
    promtool("check", "config", FOLDER / "prometheus.yml")


@pytest.mark.real
def test_amtool_accepts_the_configuration_of_alertmanager() -> None:
    done = subprocess.run(
        ["amtool", "check-config", FOLDER / "alertmanager.yml"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_labels_of_the_agent_survive_the_scrape() -> None:
    (job,) = yaml.safe_load(files()["prometheus.yml"])["scrape_configs"]
    assert (job["job_name"], job["honor_labels"], job["scrape_interval"]) == (JOB, True, "60s")
    assert job["static_configs"] == [{"targets": ["localhost:10225"]}]


def test_a_pace_shortens_every_duration_that_one_would_wait_for() -> None:
    usual, quick = files(), files(pace=60)
    assert "for: 2m\n" in usual["rules/endpoints.yml"]
    assert "for: 2s\n" in quick["rules/endpoints.yml"]
    assert "host:smtp_probe_problem:down[3s]" in quick["rules/endpoints.yml"]
    assert "scrape_interval: 1s\n" in quick["prometheus.yml"]
    assert "group_wait: 500ms\n" in quick["alertmanager.yml"]


@pytest.mark.parametrize("row", INHIBITIONS, ids=lambda row: row.says)
def test_an_inhibition_names_alerts_that_there_are(row: Any) -> None:
    matched = [matcher.rpartition("= ")[2] for matcher in (*row.source, *row.target) if "alertname" in matcher]
    assert set(matched) <= set(NAMES)


# --- the stories ----------------------------------------------------------------------------------------------


def as_promtool_wants_it(case: Case) -> Yaml:
    """A story, which all alerts are asked about."""
    up = {} if any(selector.startswith("up{") for selector in case.series) else of("up", 1, AGENT)
    return {
        "name": case.name,
        "interval": "1m",
        "input_series": [{"series": selector, "values": values} for selector, values in (case.series | up).items()],
        "alert_rule_test": [
            {
                "eval_time": case.at,
                "alertname": name,
                "exp_alerts": [received(f) for f in case.fires if f.alert == name],
            }
            for name in NAMES
        ],
    }


def received(fired: Fired) -> Yaml:
    """An alert as Alertmanager gets it."""
    row = LEVELS[fired.alert, fired.severity]
    links = {"reason_url": " ".join(f"{DOCS}/reasons.md#{reason}" for reason in fired.reasons)} if row.help else {}
    return {
        "exp_labels": fired.labels | {"severity": fired.severity},
        "exp_annotations": links
        | {
            "summary": row.summary,
            "description": fired.says,
            "runbook_url": f"{DOCS}/runbooks/{row.name}.md",
        },
    }


def play(folder: Path, tests: Sequence[Yaml], interval: str, first: Sequence[str] = ()) -> None:
    """Have promtool evaluate all rules on these tests, groups that are named first."""
    file = folder / "tests.yml"
    shipped = [str(FOLDER / name) for name in files() if name.startswith("rules/")]
    order = {"group_eval_order": [*first]} if first else {}
    document = {"rule_files": shipped, "evaluation_interval": interval, "tests": [*tests]}
    file.write_text(yaml.safe_dump(document | order))
    promtool("test", "rules", file)


@pytest.mark.real
@pytest.mark.parametrize(("interval", "long"), [("1m", False), ("5m", True)], ids=["short stories", "long stories"])
def test_each_story_makes_fire_what_it_should_and_nothing_else(tmp_path: Path, interval: str, long: bool) -> None:
    play(tmp_path, [as_promtool_wants_it(case) for case in CASES if (case.at >= "60m") is long], interval)


@pytest.mark.real
@pytest.mark.parametrize(("days", "fires"), [(6, True), (8, False)], ids=["6 days", "8 days"])
def test_an_offer_of_starttls_is_remembered_for_7_days(tmp_path: Path, days: int, fires: bool) -> None:
    case = Case("", offered("1 0x120", port()), LOST if fires else (), at=f"{days}d")
    play(tmp_path, [as_promtool_wants_it(case) | {"interval": "2h"}], "2h", ["smtp-endpoints-5m", "smtp-endpoints"])


@alerts
def test_a_story_makes_it_fire(alert: Alert) -> None:
    assert (alert.name, alert.severity) in {(fired.alert, fired.severity) for case in CASES for fired in case.fires}


@alerts
def test_a_story_that_comes_close_must_not_make_it_fire(alert: Alert) -> None:
    spared = [
        case
        for case in CASES
        if case.spares == alert.name
        and (alert.name, alert.severity) not in {(fired.alert, fired.severity) for fired in case.fires}
    ]
    assert spared
    assert all(base_metrics(alert) & metrics(" ".join(case.series)) for case in spared)


def test_no_story_is_told_twice() -> None:
    assert len({case.name for case in CASES}) == len(CASES)


# --- the alerts -----------------------------------------------------------------------------------------------


def metrics(text: str) -> set[str]:
    return set(re.findall(r"[\w:]*smtp_[\w:]+|\bup(?=\{)", text))


def base_metrics(row: Alert | Record) -> set[str]:
    """The metrics of the agent that a rule comes down to."""
    by_name = {record.name: record for record in RECORDS}
    return {base for name in metrics(row.expr) for base in (base_metrics(by_name[name]) if name in by_name else {name})}


@rows
def test_it_asks_only_for_metrics_that_exist(row: Alert | Record) -> None:
    assert base_metrics(row)
    assert base_metrics(row) <= {family.name for family in EVERY} | {"up"}


@rows
def test_it_never_keeps_the_address_when_it_aggregates(row: Alert | Record) -> None:
    kept = re.findall(r"\b(?:min|max|sum|avg|count) *(by \([^)]*\)|without \([^)]*\)|\()", row.expr)
    of_the_agent = ("by (job, instance)", "by (job, instance, reason)", "without (family)")
    of_a_port = [labels for labels in kept if labels not in of_the_agent]
    assert all(labels.startswith(("without (address", "without (port)", "without (stage")) for labels in of_a_port)


def test_every_stage_where_a_probe_can_fail_belongs_to_one_alert() -> None:
    assert set(STAGES) == set(Stage) - {Stage.QUIT}  # nothing from QUIT on is a problem
    assert set(STAGES.values()) <= set(NAMES)
    assert {stage for row in REASONS.values() for stage in row.stages} == set(STAGES)


@pytest.mark.parametrize("name", sorted(set(STAGES.values()) - {STAGES[Stage.INTERNAL]}))
def test_an_alert_for_stages_looks_at_those_and_no_others(name: str) -> None:
    exprs = " ".join(
        row.expr for row in ROWS if row.name == name or (name == "SmtpPortDown" and "unreachable" in row.name)
    )
    asked = {stage for found in re.findall(r'stage=~?"([a-z|]+)"', exprs) for stage in found.split("|")}
    assert asked == set(stages(name).split("|"))


def test_the_reasons_of_mta_sts_are_those_of_its_stage() -> None:
    assert set(STS.split("|")) == {reason for reason, row in REASONS.items() if row.stages == (Stage.POLICY,)} - {
        Reason.TLSA_INVALID,
        Reason.TLSA_UNUSABLE,
        Reason.DNSSEC_INVALID,
    }


@alerts
def test_it_is_named_and_described_as_mixins_do(alert: Alert) -> None:
    assert re.fullmatch(r"Smtp([A-Z][a-z]+)+", alert.name)
    assert alert.severity in {"critical", "warning"}
    assert re.fullmatch(r"[A-Za-z][^{}]+\.", alert.summary)
    assert "{{" in alert.description
    assert "reason" not in re.sub(r"#\w+|\{\{.*?\}\}", "", alert.description)


@alerts
def test_what_wakes_somebody_bridges_a_restart_of_the_agent(alert: Alert) -> None:
    """But for those whose expression looks back by itself, or that are about the agent."""
    looks_back = "certificate_left" in alert.expr or "up{" in alert.expr
    assert alert.severity == "warning" or looks_back or alert.keeps


@alerts
def test_each_reason_that_it_links_to_has_its_heading(alert: Alert) -> None:
    headings = set(re.findall(r"^#+ (.+)$", (ROOT / "docs/reasons.md").read_text(), re.MULTILINE))
    assert headings >= set(REASONS)
    for anchor in re.findall(r"reasons\.md#(\w+)", alert.help):
        assert anchor in {heading.lower() for heading in headings}


@names
def test_its_runbook_is_there_and_answers_four_questions(name: str) -> None:
    page = (RUNBOOKS / f"{name}.md").read_text()
    assert page.startswith(f"# {name}\n")
    assert re.findall(r"^\*\*(.+)\.\*\*", page, re.MULTILINE) == [
        "What it means", "Why it fires", "What to check first", "How to silence",
    ]  # fmt: skip
    assert f'alertname="{name}"' in page
    assert len(page.splitlines()) < 60, "a page that is read at night is short"


@names
def test_its_runbook_speaks_of_metrics_alerts_and_reasons_that_exist(name: str) -> None:
    page = (RUNBOOKS / f"{name}.md").read_text()
    known = {family.name for family in EVERY} | {record.name for record in RECORDS}
    assert {asked.removesuffix("_bucket") for asked in metrics(page)} <= known | {"up"}
    assert set(re.findall(r"\bSmtp[A-Z]\w+", page)) <= set(NAMES)
    named = set(re.findall(r"^\| `(\w+)`(?:, `(\w+)`)*", page, re.MULTILINE))
    assert {reason for pair in named for reason in pair if reason} <= set(REASONS) | set(UNTESTABLE)


@pytest.mark.real
def test_prometheus_understands_what_the_runbooks_ask_it(tmp_path: Path) -> None:
    asked = [
        textwrap.dedent(block)
        for page in sorted(RUNBOOKS.glob("*.md"))
        for block in re.findall(r"^ *```promql\n(.*?)^ *```$", page.read_text(), re.MULTILINE | re.DOTALL)
    ]
    assert len(asked) >= len(NAMES)
    rules = [{"record": f"asked:{number}", "expr": expr} for number, expr in enumerate(asked)]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "asked", "rules": rules}]}))
    promtool("check", "rules", file)


def test_every_runbook_belongs_to_an_alert() -> None:
    assert sorted(page.stem for page in RUNBOOKS.glob("*.md")) == NAMES


def test_days_left_are_those_of_the_table() -> None:
    days = {row.severity: re.findall(r"< (\d+) \* 86400", row.expr) for row in ALERTS if "86400" in row.expr}
    assert days == {"warning": [f"{WARNING_DAYS:g}"], "critical": [f"{CRITICAL_DAYS:g}"]}
