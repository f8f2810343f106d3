"""The shape of Grafana's JSON: panels, their place, variables, a dashboard. What is asked stands in `dashboards`.

A description ends with the help of each metric from `exporter.families`: asking a metric that is in no table is an
error. Nothing about Grafana may be spelled in the package itself. Standard library only.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from exporter.families import EVERY

SCHEMA_VERSION = 38
"""Of Grafana 10.0, the oldest one supported: Grafana migrates upwards only."""
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
SELECTORS = {"@ports": 'job=~"$job",target=~"$target",port=~"$port"', "@agent": 'job=~"$job"'}
"""What stands for the variables of a dashboard in an expression."""
COLUMNS = 24
HELP = {row.name: row.help for row in EVERY}

Threshold = tuple[str, float | None]
Json = dict[str, Any]
NEUTRAL: tuple[Threshold, ...] = (("green", None),)


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: `says` is its description, `queries` are expressions by legend.

    A table has one query and shows its labels and `Value`, which is called `value` there, in the order of `columns`.
    """

    kind: str
    title: str
    says: str
    queries: Mapping[str, str]
    unit: str
    size: tuple[int, int]
    thresholds: Sequence[Threshold] = NEUTRAL
    stacked: bool = False
    columns: Sequence[str] = ()
    value: str = ""
    sort: str = ""
    empty: str = "0"


def metrics_of(expression: str) -> list[str]:
    """The smtp_* families that an expression asks, in its order; a histogram by its family's name."""
    names = re.findall(r"\bsmtp_\w+", expression)
    return list(dict.fromkeys(name.removesuffix("_bucket") for name in names))


def filled(expression: str) -> str:
    """An expression with the variables of the dashboard in it."""
    for name, selector in SELECTORS.items():
        expression = expression.replace(name, selector)
    return expression


def describe(panel: Panel) -> str:
    """The sentence of a panel, then the help of each metric it asks.

    Raises:
        KeyError: a metric is in no table.
    """
    names = dict.fromkeys(name for expression in panel.queries.values() for name in metrics_of(expression))
    return "\n\n".join([panel.says, *(f"`{name}`: {HELP[name]}" for name in names)])


def targets(panel: Panel) -> list[Json]:
    """The queries of a panel: a range for a graph, the value now for a table or a number."""
    now = panel.kind != "timeseries"
    return [
        {
            "refId": chr(ord("A") + index),
            "datasource": DATASOURCE,
            "expr": filled(expression),
            "legendFormat": legend or "__auto",
            "instant": now,
            "range": not now,
            "format": "table" if panel.kind == "table" else "time_series",
        }
        for index, (legend, expression) in enumerate(panel.queries.items())
    ]


def options(panel: Panel) -> Json:
    """What Grafana calls options: how a panel of this kind is drawn."""
    match panel.kind:
        case "stat":
            return {"colorMode": "background", "graphMode": "none", "reduceOptions": {"calcs": ["lastNotNull"]}}
        case "table":
            return {"showHeader": True, "sortBy": [{"displayName": panel.sort, "desc": False}]}
        case _:
            return {
                "legend": {"displayMode": "list", "placement": "bottom"},
                "tooltip": {"mode": "multi", "sort": "desc"},
            }


def fields(panel: Panel) -> Json:
    """Unit, thresholds and colours of what a panel shows; only the value of a table is coloured."""
    steps = [{"color": color, "value": value} for color, value in panel.thresholds]
    defaults: Json = {
        "unit": panel.unit,
        "noValue": panel.empty,
        "thresholds": {"mode": "absolute", "steps": steps},
        "color": {"mode": "palette-classic" if panel.kind == "timeseries" else "thresholds"},
    }
    overrides: list[Json] = []
    if panel.unit == "percentunit":
        defaults |= {"min": 0, "max": 1}
    if panel.kind == "timeseries":
        stacking = {"mode": "normal", "group": "A"} if panel.stacked else {"mode": "none"}
        defaults["custom"] = {"fillOpacity": 30 if panel.stacked else 0, "stacking": stacking}
    if panel.kind == "table" and len(steps) > 1:
        colored = {"id": "custom.cellOptions", "value": {"type": "color-background"}}
        named = {"id": "byName", "options": panel.value}
        overrides.append({"matcher": named, "properties": [colored, {"id": "decimals", "value": 1}]})
    return {"defaults": defaults, "overrides": overrides}


def transformations(panel: Panel) -> list[Json]:
    """Of a table: only its columns, in their order."""
    if not panel.columns:
        return []
    order = {name: index for index, name in enumerate(panel.columns)}
    return [
        {"id": "filterFieldsByName", "options": {"include": {"names": list(panel.columns)}}},
        {"id": "organize", "options": {"indexByName": order, "renameByName": {"Value": panel.value}}},
    ]


def panels(rows: Mapping[str, Sequence[Panel]]) -> list[Json]:
    """Lay the panels out, from left to right and from top to bottom, under the titles of their rows."""
    made: list[Json] = []
    x = y = height = 0
    for title, row in rows.items():
        y += height
        made.append({"type": "row", "title": title, "collapsed": False, "panels": []} | place(0, y, COLUMNS, 1))
        x, y, height = 0, y + 1, 0
        for panel in row:
            width, tall = panel.size
            if x + width > COLUMNS:
                x, y = 0, y + height
            made.append(drawn(panel) | place(x, y, width, tall))
            x, height = x + width, tall
    return [{"id": index, **panel} for index, panel in enumerate(made, 1)]


def place(x: int, y: int, width: int, height: int) -> Json:
    """Where a panel stands on the grid of 24 columns."""
    return {"gridPos": {"x": x, "y": y, "w": width, "h": height}}


def drawn(panel: Panel) -> Json:
    """A panel as Grafana wants it, but for its place."""
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": describe(panel),
        "datasource": DATASOURCE,
        "targets": targets(panel),
        "fieldConfig": fields(panel),
        "options": options(panel),
        "transformations": transformations(panel),
    }


def variable(name: str, metric: str, selector: str = "") -> Json:
    """A variable of the dashboard: the values that a label of a metric has, several or all at once."""
    query = f"label_values({metric}{selector}, {name})"
    return {
        "name": name,
        "label": name.capitalize(),
        "type": "query",
        "datasource": DATASOURCE,
        "query": {"query": query, "refId": name},
        "definition": query,
        "refresh": 2,
        "sort": 3 if name == "port" else 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
    }


def dashboard(uid: str, title: str, rows: Mapping[str, Sequence[Panel]]) -> Json:
    """A whole dashboard. Its `uid` is part of links to it and never changes."""
    source = {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"}
    ports = "smtp_probe_last_timestamp_seconds"
    return {
        "uid": uid,
        "id": None,
        "title": title,
        "tags": ["smtp", "mail", "prometheus"],
        "schemaVersion": SCHEMA_VERSION,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "1m",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {
            "list": [
                source,
                variable("job", "smtp_exporter_build_info"),
                variable("target", ports, '{job=~"$job"}'),
                variable("port", ports, '{job=~"$job",target=~"$target"}'),
            ]
        },
        "panels": panels(rows),
    }
