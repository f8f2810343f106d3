"""The dashboards: committed as generated, and every query asks in valid PromQL for metrics that exist."""

import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard as GrafanaDashboard

from exporter.families import AGENT_FAMILIES, EVERY, FAMILIES
from exporter.filters import Filter
from tools.dashboards import DASHBOARDS, text_of
from tools.dashboards.certificates import of_addresses, of_ports
from tools.grafana import ROWS
from tools.grafana.panels import HELP, RECORDED, metrics_of

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "grafana"
HISTOGRAMS = {row.name for row in EVERY if row.kind == "histogram"}
SCRAPED = {row.name for row in EVERY} - HISTOGRAMS | {
    name + suffix for name in HISTOGRAMS for suffix in ("_bucket", "_sum", "_count")
}
PROCESS = {"process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds", "process_max_fds"}
"""What prometheus_client's ProcessCollector brings, and a dashboard asks for."""
ALERTS = {"ALERTS", "ALERTS_FOR_STATE"}
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
        asked = set(re.findall(r"\b(?:\w+:)?(?:smtp|process|python)_[\w:]+|\b\w+:smtp\w*:\w+|\bALERTS\w*", bare))
        assert asked
        assert asked <= SCRAPED | PROCESS | ALERTS | set(HELP)


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
    explained = [name for name in HELP if re.search(rf"(?<![\w:]){name}(_bucket)?(?![\w:])", asked)]
    assert all(f"`{name}`: {HELP[name]}" in panel["description"] for name in explained)


WIDE = [panel for name in DASHBOARDS if name != "smtp-exporter-endpoint" for panel in of(name)]
"""The panels that ask about all endpoints."""
OF_PORTS = {row.name for row in FAMILIES}


@pytest.mark.parametrize("panel", of("smtp-exporter-overview"), ids=lambda panel: panel["title"])
def test_a_series_of_an_endpoint_is_aggregated_without_its_address(panel: dict[str, Any]) -> None:
    """But for the count of results that are withdrawn."""
    for expression in expressions(panel):
        if OF_PORTS & set(metrics_of(expression)) and panel["title"] != "Stale":
            assert "without (address" in expression


@pytest.mark.parametrize(
    "panel", [each for each in of("smtp-exporter-overview") if each["type"] == "stat"], ids=lambda panel: panel["title"]
)
def test_a_number_counts_no_port_once_for_each_of_its_agents(panel: dict[str, Any]) -> None:
    for expression in expressions(panel):
        if OF_PORTS & set(metrics_of(expression)) and panel["title"] != "Stale":
            assert "without (address, instance, vantage" in expression


@pytest.mark.parametrize("panel", WIDE, ids=lambda panel: panel["title"])
def test_only_records_and_the_agents_own_metrics_are_asked_over_time(panel: dict[str, Any]) -> None:
    """A range over 10,000 endpoints takes minutes."""
    cheap = RECORDED.keys() | {row.name for row in AGENT_FAMILIES} | {"smtp_egress_port_blocked"} | PROCESS
    for target in panel["targets"]:
        asked = metrics_of(target["expr"])
        ranged = asked if target["range"] else re.findall(r"((?:\w+:)?smtp_[\w:]+)(?:\{[^}]*\})?\[", target["expr"])
        assert set(ranged) <= cheap


@pytest.mark.parametrize("panel", of("smtp-exporter-endpoint"), ids=lambda panel: panel["title"])
def test_the_dashboard_of_an_endpoint_asks_of_one_port_only(panel: dict[str, Any]) -> None:
    for expression in expressions(panel):
        asked = re.findall(r"smtp_\w+(?:\{([^}]*)\})?", expression)
        assert asked
        assert all('target="$target",host="$host",port="$port"' in selector for selector in asked)


@tables
def test_no_table_has_more_than_200_rows(panel: dict[str, Any]) -> None:
    for expression in expressions(panel):
        assert re.search(rf"\b(?:topk|bottomk)\({ROWS}, ", expression)
    assert ROWS == 200
    assert panel["transformations"][-1] == {"id": "limit", "options": {"limitField": ROWS}}
    assert f"At most {ROWS} rows." in panel["description"]


@tables
def test_a_table_is_sorted_before_its_rows_are_limited(panel: dict[str, Any]) -> None:
    first = panel["transformations"][-2]
    shown = panel["options"]["sortBy"][0]
    assert (first["id"], first["options"]["sort"]) == (
        "sortBy", [{"field": shown["displayName"], "desc": shown["desc"]}]
    )  # fmt: skip


@panels
def test_a_panel_that_needs_a_record_says_so_where_it_is_empty(panel: dict[str, Any]) -> None:
    """The first query decides which rows or lines there are."""
    if any(":" in name for name in metrics_of(expressions(panel)[0])):
        assert re.search(r"(rules|optional)/\w+\.yml", panel["fieldConfig"]["defaults"]["noValue"])


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


DAY = 86400
CERTIFICATES = [
    ("one of 90 days with 20 left", 90, 20, 0),
    ("one of 90 days with 13 left", 90, 13, 1),
    ("one of 90 days with 2 left", 90, 2, 2),
    ("one of 90 days that has expired", 90, -1, 3),
    ("one of 6 days with 4 left", 6, 4, 0),
    ("one of 6 days with 1 left", 6, 1, 1),
    ("one of 6 days with half a day left", 6, 0.5, 2),
]


def of_port(host: str = "mx", address: str = "192.0.2.1", agent: str = "a", **others: str) -> str:
    """The labels of an endpoint."""
    labels = {"job": "smtp", "instance": agent, "vantage": agent, "target": "t", "host": host, "port": "25"}
    return ",".join(f'{name}="{value}"' for name, value in (labels | {"address": address} | others).items())


def asked_of_promtool(folder: Path, series: Mapping[str, float], expected: Mapping[str, float | None]) -> None:
    """Have promtool evaluate expressions on series that keep their values, with the records of the dashboards."""
    exprs = [
        {"expr": expr, "eval_time": "10m", "exp_samples": [] if value is None else [{"labels": "{}", "value": value}]}
        for expr, value in expected.items()
    ]
    inputs = [{"series": selector, "values": f"{value:g}x20"} for selector, value in series.items()]
    story = {"interval": "1m", "input_series": inputs, "promql_expr_test": exprs}
    file = folder / "tests.yml"
    rules = [str(ROOT / f"deploy/prometheus/rules/{name}.yml") for name in ("certificates", "dashboards")]
    file.write_text(yaml.safe_dump({"rule_files": rules, "evaluation_interval": "1m", "tests": [story]}))
    done = subprocess.run(["promtool", "test", "rules", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.real
@pytest.mark.parametrize(
    ("lifetime", "left", "expected"), [row[1:] for row in CERTIFICATES], ids=[row[0] for row in CERTIFICATES]
)
def test_a_certificate_turns_orange_and_red_where_the_alerts_fire(
    tmp_path: Path, lifetime: float, left: float, expected: int
) -> None:
    until = 600 + left * DAY
    series = {
        f"smtp_certificate_not_after_timestamp_seconds{{{of_port()}}}": until,
        f"smtp_certificate_not_before_timestamp_seconds{{{of_port()}}}": until - lifetime * DAY,
    }
    (expiring,) = (panel for panel in of("smtp-exporter-overview") if panel["title"] == "Expiring")
    levels = {f"sum({kind('').level})": expected for kind in (of_addresses, of_ports)}
    asked_of_promtool(tmp_path, series, levels | {now(expiring): min(expected, 1)})


def now(panel: dict[str, Any]) -> str:
    """The query of a panel where everything is chosen."""
    (expression,) = expressions(panel)
    return re.sub(r"\$[a-z]+", ".*", expression)


TEN = [f"192.0.2.{number}" for number in range(10)]
HOSTS: dict[str, dict[str, float]] = {
    "a host with ten addresses and one with one, which fails": {
        **{f"smtp_probe_success{{{of_port(address=address)}}}": 1 for address in TEN},
        **{f"smtp_port_open{{{of_port(address=address)}}}": 1 for address in TEN},
        f"smtp_probe_success{{{of_port('other')}}}": 0,
        f"smtp_port_open{{{of_port('other')}}}": 0,
    },
    "a host that three agents watch and one that one watches, which fails": {
        **{f"smtp_probe_success{{{of_port(agent=agent)}}}": 1 for agent in "abc"},
        **{f"smtp_port_open{{{of_port(agent=agent)}}}": 1 for agent in "abc"},
        f"smtp_probe_success{{{of_port('other')}}}": 0,
        f"smtp_port_open{{{of_port('other')}}}": 0,
    },
    "one that fails and one that works, and one that cannot be tested": {
        f"smtp_probe_success{{{of_port()}}}": 1,
        f"smtp_port_open{{{of_port()}}}": 1,
        f"smtp_probe_success{{{of_port('other')}}}": 0,
        f"smtp_port_open{{{of_port('other')}}}": 0,
        f"smtp_probe_untestable{{{of_port('blocked', reason='egress_blocked')}}}": 1,
        f"smtp_port_open{{{of_port('blocked')}}}": 0,
    },
}


@pytest.mark.real
@pytest.mark.parametrize("series", HOSTS.values(), ids=HOSTS)
def test_a_port_counts_once_and_one_that_cannot_be_tested_does_not(tmp_path: Path, series: dict[str, float]) -> None:
    stats = {panel["title"]: now(panel) for panel in of("smtp-exporter-overview") if panel["type"] == "stat"}
    (answering,) = (panel for panel in PANELS if panel["title"] == "Ports that answer")
    over_time = f"max without (port) ({now(answering)})"
    untestable = sum("untestable" in name for name in series)
    expected = {stats["Working"]: 0.5, stats["Failing"]: 1, stats["Untestable"]: untestable, over_time: 0.5}
    asked_of_promtool(tmp_path, series, expected)


@pytest.mark.real
def test_a_port_that_should_be_closed_neither_fails_nor_counts_among_those_that_answer(tmp_path: Path) -> None:
    stats = {panel["title"]: now(panel) for panel in of("smtp-exporter-overview") if panel["type"] == "stat"}
    (answering,) = (panel for panel in PANELS if panel["title"] == "Ports that answer")
    reason = {"stage": "expectation", "reason": "port_open", "severity": "critical", "primary": "true"}
    closed = {f"smtp_probe_success{{{of_port()}}}": 1, f"smtp_port_open{{{of_port()}}}": 0}
    opened = {
        f"smtp_probe_success{{{of_port('open')}}}": 0,
        f"smtp_port_open{{{of_port('open')}}}": 1,
        f"smtp_probe_problem{{{of_port('open', **reason)}}}": 1,
    }
    asked_of_promtool(tmp_path, closed, {stats["Working"]: 1, stats["Failing"]: 0, now(answering): None})
    asked_of_promtool(tmp_path, closed | opened, {stats["Failing"]: 1, now(answering): None})


@pytest.mark.real
def test_nothing_is_said_to_work_where_nothing_could_be_tested(tmp_path: Path) -> None:
    series = {f"smtp_probe_untestable{{{of_port(reason='no_ipv6')}}}": 1, f"smtp_port_open{{{of_port()}}}": 0}
    asked = {panel["title"]: now(panel) for panel in WIDE if panel["title"] in {"Working", "Ports that answer"}}
    asked_of_promtool(tmp_path, series, dict.fromkeys(asked.values()))


@pytest.mark.real
def test_prometheus_understands_every_query(tmp_path: Path) -> None:
    asked = [expression for panel in PANELS for expression in expressions(panel)]
    filled = [re.sub(r"\$__\w+", "5m", expression) for expression in asked]
    rules = [{"record": f"panel:{index}", "expr": expression} for index, expression in enumerate(filled)]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    done = subprocess.run(["promtool", "check", "rules", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
