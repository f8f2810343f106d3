"""The dashboards: committed as generated, and every query asks in valid PromQL for metrics that exist."""

import json
import re
import subprocess
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard as GrafanaDashboard

from exporter.families import EVERY, FAMILIES
from exporter.filters import Filter
from tools.alerts import CRITICAL_DAYS, WARNING_DAYS
from tools.dashboards import DASHBOARDS, text_of

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "grafana"
HISTOGRAMS = {row.name for row in EVERY if row.kind == "histogram"}
SCRAPED = {row.name for row in EVERY} - HISTOGRAMS | {
    name + suffix for name in HISTOGRAMS for suffix in ("_bucket", "_sum", "_count")
}
PROCESS = {"process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds", "process_max_fds"}
"""What prometheus_client's ProcessCollector brings, and a dashboard asks for."""
MACROS = {"__rate_interval", "__range", "__interval", "__all", "__data", "__url_time_range", "1"}
"""What Grafana fills in, and what label_replace does."""


def of(name: str) -> list[dict[str, Any]]:
    """The panels of a dashboard."""
    return [panel for panel in DASHBOARDS[name]["panels"] if panel["type"] != "row"]


PANELS = [panel for name in DASHBOARDS for panel in of(name)]
TABLES = [panel for panel in PANELS if panel["type"] == "table"]
panels = pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
tables = pytest.mark.parametrize("panel", TABLES, ids=lambda panel: panel["title"])
names = pytest.mark.parametrize("name", DASHBOARDS)


def expressions(panel: dict[str, Any]) -> list[str]:
    return [target["expr"] for target in panel["targets"]]


def strings(node: object) -> list[str]:
    """Every string in a piece of JSON."""
    if isinstance(node, dict):
        return [text for value in node.values() for text in strings(value)]
    if isinstance(node, list):
        return [text for value in node for text in strings(value)]
    return [node] if isinstance(node, str) else []


@names
def test_what_is_committed_is_what_is_generated(name: str) -> None:
    hint = "run: .venv/bin/python -m tools.dashboards"
    assert (FOLDER / f"{name}.json").read_text("utf-8") == text_of(name), hint


def test_nothing_else_is_committed() -> None:
    assert {file.stem for file in FOLDER.glob("*.json")} == set(DASHBOARDS)


@names
def test_its_uid_is_its_file_name_and_it_has_no_id(name: str) -> None:
    dashboard = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    assert (dashboard["uid"], dashboard["id"]) == (name, None)


@panels
def test_every_metric_exists(panel: dict[str, Any]) -> None:
    for expression in expressions(panel):
        bare = re.sub(r'\{[^}]*\}|"[^"]*"', "", expression)
        asked = set(re.findall(r"\b(?:smtp|process|python)_\w+", bare))
        assert asked
        assert asked <= SCRAPED | PROCESS


@names
def test_every_variable_asks_a_metric_that_exists(name: str) -> None:
    definitions = [each["definition"] for each in DASHBOARDS[name]["templating"]["list"] if each["type"] == "query"]
    assert definitions
    for definition in definitions:
        assert re.findall(r"label_values\((\w+)", definition)[0] in SCRAPED


@panels
def test_every_label_that_a_legend_names_is_one_that_the_query_keeps(panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        for label in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]):
            grouped = re.findall(r"\bby \(([^)]*)\)", target["expr"])
            assert label in {"instance", "address"} or any(label in group.split(", ") for group in grouped)


@panels
def test_it_is_described_and_has_a_unit(panel: dict[str, Any]) -> None:
    assert re.match(r"[A-Z].*\.", panel["description"])
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["fieldConfig"]["defaults"]["noValue"]


@panels
def test_it_explains_the_metrics_it_asks(panel: dict[str, Any]) -> None:
    asked = " ".join(expressions(panel))
    explained = [row for row in EVERY if re.search(rf"\b{row.name}(_bucket)?\b", asked)]
    assert all(f"`{row.name}`: {row.help}" in panel["description"] for row in explained)


@pytest.mark.parametrize("panel", of("smtp-exporter-overview"), ids=lambda panel: panel["title"])
def test_a_series_of_an_endpoint_is_aggregated_without_its_address(panel: dict[str, Any]) -> None:
    """A count of results, and an average over stages, are of no port."""
    of_ports = {row.name for row in FAMILIES if not row.lasting} - {"smtp_probe_stage_duration_seconds"}
    for expression in expressions(panel):
        if "unless" not in expression and of_ports & set(re.findall(r"\bsmtp_\w+", expression)):
            assert "without (address" in expression


@names
def test_the_data_source_is_a_variable_everywhere(name: str) -> None:
    dashboard = DASHBOARDS[name]
    source, *queried = dashboard["templating"]["list"]
    assert (source["name"], source["type"], source["query"]) == ("datasource", "datasource", "prometheus")
    asking = [*queried, *(panel for panel in dashboard["panels"] if panel["type"] != "row")]
    assert {each["datasource"]["uid"] for each in asking} == {"${datasource}"}
    assert "__inputs" not in dashboard


@names
def test_every_variable_that_is_used_is_defined(name: str) -> None:
    dashboard = DASHBOARDS[name]
    used = set(re.findall(r"\$\{?(\w+)", " ".join(strings(dashboard))))
    defined = {variable["name"] for variable in dashboard["templating"]["list"] if variable["type"] != "adhoc"}
    assert used - MACROS == defined


@names
def test_no_panel_lies_on_another_or_beside_the_grid(name: str) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARDS[name]["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken
        assert at["x"] + at["w"] <= 24
        taken |= cells


@names
def test_panels_have_numbers_of_their_own(name: str) -> None:
    numbers = [panel["id"] for panel in DASHBOARDS[name]["panels"]]
    assert len(set(numbers)) == len(numbers)


@names
def test_a_dashboard_leads_to_all_others(name: str) -> None:
    led = {re.findall(r"^/d/([\w-]+)\?", link["url"])[0] for link in DASHBOARDS[name]["links"]}
    assert led == set(DASHBOARDS) - {name}


def cell_links(panel: dict[str, Any]) -> list[str]:
    """The addresses that the cells of a table lead to."""
    overrides = [each for one in panel["fieldConfig"]["overrides"] for each in one["properties"]]
    return [link["url"] for each in overrides if each["id"] == "links" for link in each["value"]]


@tables
def test_what_a_link_takes_from_a_row_is_in_the_row(panel: dict[str, Any]) -> None:
    columns = {one["matcher"]["options"] for one in panel["fieldConfig"]["overrides"]}
    taken = [re.findall(r"\$\{__data\.fields\.(\w+):(\w+)\}", url) for url in cell_links(panel)]
    assert {name for url in taken for name, _ in url} <= columns
    for url, names in zip(cell_links(panel), taken, strict=True):
        raw = [name for name, form in names if form != "percentencode"]
        assert raw == (["page"] if url.startswith("${__data") else [])


@tables
def test_a_link_to_another_dashboard_sets_variables_that_it_has(panel: dict[str, Any]) -> None:
    for url in cell_links(panel):
        if found := re.match(r"/d/([\w-]+)\?", url):
            variables = {each["name"] for each in DASHBOARDS[found[1]]["templating"]["list"]}
            assert set(re.findall(r"var-(\w+)=", url)) <= variables


def test_tables_lead_to_the_pages_that_the_agent_has() -> None:
    pages = {
        re.sub(r"=[^&]*", "", url.removeprefix("${__data.fields.page:raw}"))
        for panel in TABLES
        for url in cell_links(panel)
        if url.startswith("${__data")
    }
    asked = {path.partition("?")[0]: path.partition("?")[2].split("&") for path in pages}
    assert set(asked) == {"/", "/endpoint"}
    assert asked["/endpoint"] == ["target", "host", "address", "port"]
    filters = {each.name for each in fields(Filter)}
    assert all(set(path.partition("?")[2].split("&")) - {""} <= filters for path in pages if path.startswith("/?"))


@names
def test_grafanas_own_library_reads_all_that_is_in_it(name: str) -> None:
    """What it does not know it leaves out without a word; `definition` is the query of a variable, for its editor."""
    ours = json.loads(text_of(name))
    for variable in ours["templating"]["list"]:
        variable.pop("definition", None)
    del ours["id"]
    theirs = json.loads(json.dumps(GrafanaDashboard.from_json(ours), cls=JSONEncoder))
    assert lost(ours, theirs) == []


def lost(ours: object, theirs: object, at: str = "") -> list[str]:
    """Where a piece of JSON has something else, or more, than another."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return [each for key in ours for each in lost(ours[key], theirs.get(key), f"{at}/{key}")]
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        return [
            each for index, pair in enumerate(zip(ours, theirs, strict=True)) for each in lost(*pair, f"{at}/{index}")
        ]
    return [] if ours == theirs else [f"{at}: {ours} became {theirs}"]


def test_days_left_turn_red_and_orange_where_the_alerts_fire() -> None:
    steps = json.dumps([{"color": "red", "value": None}, {"color": "orange", "value": CRITICAL_DAYS},
                        {"color": "green", "value": WARNING_DAYS}])  # fmt: skip
    for name in ("smtp-exporter-overview", "smtp-exporter-endpoint"):
        assert steps in json.dumps(DASHBOARDS[name])


@pytest.mark.real
def test_prometheus_understands_every_query(tmp_path: Path) -> None:
    asked = [expression for panel in PANELS for expression in expressions(panel)]
    filled = [re.sub(r"\$__\w+", "5m", expression) for expression in asked]
    rules = [{"record": f"panel:{index}", "expr": expression} for index, expression in enumerate(filled)]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    done = subprocess.run(["promtool", "check", "rules", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
