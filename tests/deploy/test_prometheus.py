"""What is shipped for Prometheus: committed as generated, and promtool plays every story of `alert_cases` to it."""

import re
import subprocess
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest
import yaml

from exporter.families import EVERY
from exporter.reasons import REASONS, UNTESTABLE, Reason, Stage
from tests.deploy.alert_cases import AGENT, CASES, LOST, Case, Fired, of, offered, port
from tests.deploy.slo_cases import SLO_CASES, SLOW_CASES
from tests.deploy.vantage_cases import VANTAGE_CASES
from tools.alerts import AGENT as AGENT_LABELS
from tools.alerts import CRITICAL_DAYS, FOLDER, INHIBITIONS, JOB, OPTIONAL, RULES, STAGES, WARNING_DAYS, files
from tools.alerts.certificates import CERTIFICATES, LATE
from tools.alerts.thresholds import ALERTS_BY_FAILURE, CAN_WARN, FAILURES_BY_STAGE, NO_TICKET, STS
from tools.annotations import DOCS, GRAFANA, PAGE
from tools.prometheus import Alert, Record

ROOT = FOLDER.parents[1]
RUNBOOKS = ROOT / "docs/runbooks"
SHIPPED = [row for file in RULES.values() for group in file.groups for row in group.rules]
ROWS = [*SHIPPED, *(row for file in OPTIONAL.values() for group in file.groups for row in group.rules)]
ALERTS = [row for row in ROWS if isinstance(row, Alert)]
RECORDS = [row for row in ROWS if isinstance(row, Record)]
EVERY_CASE = (*CASES, *VANTAGE_CASES, *SLO_CASES, *SLOW_CASES)
LEVELS = {(row.name, row.severity): row for row in ALERTS}
NAMES = sorted({row.name for row in ALERTS})

Yaml = dict[str, Any]

rows = pytest.mark.parametrize("row", SHIPPED, ids=lambda row: row.name)
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
    assert "for: 1m\n" in usual["rules/incidents.yml"]
    assert "for: 1s\n" in quick["rules/incidents.yml"]
    assert "host:smtp_probe_success:down[8s]" in quick["rules/incidents.yml"]
    assert "scrape_interval: 1s\n" in quick["prometheus.yml"]
    assert "group_wait: 500ms\n" in quick["alertmanager.yml"]


@pytest.mark.parametrize("row", INHIBITIONS, ids=lambda row: row.says)
def test_an_inhibition_names_alerts_that_there_are(row: Any) -> None:
    matched = [re.split(r"[=!]=?~? ", matcher)[-1] for matcher in (*row.source, *row.target) if "alertname" in matcher]
    assert matched or "alertname" in row.equal
    for name in (each for pattern in matched for each in pattern.split("|")):
        assert any(re.fullmatch(name, known) for known in NAMES), name


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
    if row.links:
        links |= {"dashboard_url": GRAFANA + row.links.dashboard}
        page = (PAGE + row.links.page) if row.links.page else ""
        of_each = " ".join(page.replace("{{ $labels.instance }}", instance) for instance in fired.agents)
        links |= {"page_url": of_each if row.links.agents else page} if page else {}
    return {
        "exp_labels": fired.labels | {"severity": fired.severity},
        "exp_annotations": {name: rendered(text, fired) for name, text in links.items()}
        | {
            "summary": rendered(row.summary, fired),
            "description": fired.says,
            "runbook_url": f"{DOCS}/runbooks/{row.name}.md",
        },
    }


def rendered(template: str, fired: Fired) -> str:
    """A template that only names labels and the value, as Prometheus renders it."""

    def term(found: re.Match[str]) -> str:
        function, words = found[1] or "", re.findall(r'\$labels\.(\w+)|\$value|"([^"]+)"', found[2])
        texts = [fired.labels.get(label, "") if label else quoted or fired.value for label, quoted in words]
        text = next(filter(None, texts), "")
        return quote_plus(text) if function == "urlquery " else text

    def either(found: re.Match[str]) -> str:
        return found[2] if fired.labels.get(found[1]) else found[3]

    template = re.sub(r"\{\{ if \$labels\.(\w+) \}\}(.*?)\{\{ else \}\}(.*?)\{\{ end \}\}", either, template)

    return re.sub(r"\{\{ (urlquery |or )?(.+?) \}\}", term, template)


def play(
    folder: Path,
    tests: Sequence[Yaml],
    interval: str,
    first: Sequence[str] = (),
    folders: tuple[str, ...] = ("rules/",),
) -> None:
    """Have promtool evaluate all rules of some folders on these tests, groups that are named first."""
    file = folder / "tests.yml"
    shipped = [str(FOLDER / name) for name in files() if name.startswith(folders)]
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
    play(tmp_path, [as_promtool_wants_it(case) | {"interval": "2h"}], "2h", ["smtp-incidents-5m", "smtp-incidents"])


@alerts
def test_a_story_makes_it_fire(alert: Alert) -> None:
    assert (alert.name, alert.severity) in {
        (fired.alert, fired.severity) for case in EVERY_CASE for fired in case.fires
    }


@alerts
def test_a_story_that_comes_close_must_not_make_it_fire(alert: Alert) -> None:
    spared = [
        case
        for case in EVERY_CASE
        if case.spares == alert.name
        and (alert.name, alert.severity) not in {(fired.alert, fired.severity) for fired in case.fires}
    ]
    assert spared
    assert all(base_metrics(alert) & metrics(" ".join(case.series)) for case in spared)


def test_no_story_is_told_twice() -> None:
    assert len({case.name for case in EVERY_CASE}) == len(EVERY_CASE)


# --- the alerts -----------------------------------------------------------------------------------------------


def metrics(text: str) -> set[str]:
    return set(re.findall(r"[\w:]*smtp_[\w:]+|agent:up:max|process_start_time_seconds|\bup\b(?= ==|\{)", text))


def base_metrics(row: Alert | Record) -> set[str]:
    """The metrics of the agent that a rule comes down to; a rule may ask for its own value of before."""
    by_name = {record.name: record for record in RECORDS}
    seen: set[str] = set()
    asked = metrics(row.expr)
    while new := asked - seen:
        seen |= new
        asked |= {metric for name in new if name in by_name for metric in metrics(by_name[name].expr)}
    return seen - set(by_name)


@rows
def test_it_asks_only_for_metrics_that_exist(row: Alert | Record) -> None:
    assert base_metrics(row)
    assert base_metrics(row) <= {family.name for family in EVERY} | {"up", "process_start_time_seconds"}


@rows
def test_what_it_aggregates_keeps_the_labels_of_the_scrape_and_no_address(row: Alert | Record) -> None:
    for labels in re.findall(r"\b(?:min|max|sum|avg|count) by \(([^)]*)\)", row.expr):
        assert labels.startswith(AGENT_LABELS)
        assert "address" not in labels
    assert not re.findall(r"\b(?:min|max|sum|avg|count) *\(", row.expr), "an aggregation over everything"


def test_every_stage_where_a_probe_can_fail_belongs_to_one_alert() -> None:
    assert set(STAGES) == set(Stage) - {Stage.QUIT}  # nothing from QUIT on is a problem
    assert set(STAGES.values()) <= set(NAMES)
    assert {stage for row in REASONS.values() for stage in row.stages} == set(STAGES)


def test_every_kind_of_failure_has_its_alert() -> None:
    assert set(FAILURES_BY_STAGE.values()) == set(ALERTS_BY_FAILURE)
    assert set(FAILURES_BY_STAGE) == set(Stage) - {Stage.QUIT, Stage.INTERNAL}


def test_every_warning_makes_a_ticket_or_says_why_not() -> None:
    tickets = {each for row in ALERTS for found in re.findall(r'reason=~"([^"]+)",severity="warning"', row.expr)
               for each in found.split("|")}  # fmt: skip
    assert set(CAN_WARN) == tickets | set(NO_TICKET)
    own = {reason for reason, why in NO_TICKET.items() if "alert of its own" in why}
    assert tickets & set(NO_TICKET) == own - {Reason.CERTIFICATE_OUTDATED}
    assert {word for why in NO_TICKET.values() for word in re.findall(r"\bSmtp\w+", why)} <= set(NAMES)


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
    assert re.fullmatch(r"[^\n]*\{\{ .+\.", alert.summary)
    assert len(rendered(alert.summary, Fired("", {}, ""))) < 80
    assert "{{" in alert.description
    assert "reason" not in re.sub(r"#\w+|\{\{.*?\}\}", "", alert.description)


@alerts
def test_what_wakes_somebody_bridges_a_restart_of_the_agent(alert: Alert) -> None:
    """What it asks looks back, or Prometheus keeps it; but for what is about scraping itself."""
    looks_back = ":page" in alert.expr or ":many_" in alert.expr or "agent:up" in alert.expr
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
    silences = re.findall(r"amtool silence add (\w+)", page)
    assert silences
    assert set(silences) <= {"host", "domain", "instance"}, "what is worked on, with all its alerts, and nothing else"
    assert len(page.splitlines()) < 60, "a page that is read at night is short"


@names
def test_its_runbook_speaks_of_metrics_alerts_and_reasons_that_exist(name: str) -> None:
    page = (RUNBOOKS / f"{name}.md").read_text()
    known = {family.name for family in EVERY} | {record.name for record in RECORDS}
    assert {asked.removesuffix("_bucket") for asked in metrics(page)} <= known | {"up", "process_start_time_seconds"}
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
    (late,) = (row for row in CERTIFICATES if row.name == LATE)
    assert {*re.findall(r"(\d+) \* 86400", late.expr)} == {f"{WARNING_DAYS:g}", f"{CRITICAL_DAYS:g}"}
