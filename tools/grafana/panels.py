"""The JSON of one panel: its queries, how values look, and what a table does with its columns.

A description ends with the help of each metric from `exporter.families`: asking a metric that is in no table is an
error.
"""

import re
from collections.abc import Mapping, Sequence

from exporter.families import EVERY
from tools.alerts import RULES
from tools.grafana import ROWS, Column, Json, Link, Panel, Threshold, Words
from tools.prometheus import Record

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
RECORDED = {
    row.name: f"{row.says} Recorded by rules/{name}.yml."
    for name, file in RULES.items()
    for group in file.groups
    for row in group.rules
    if isinstance(row, Record)
} | {
    f"{level}:smtp_probe_success:{what}_30d": f"{says.format(level)} Recorded by optional/slo.yml."
    for level in ("port", "host")
    for what, says in {
        "availability": "The share of the time in which a {} was available, of that in which it could be tested.",
        "coverage": "The share of 30 days in which a {} could be tested.",
    }.items()
}
HELP = {row.name: row.help for row in EVERY} | RECORDED
POINTS = 300
"""Of a line drawn from records: a day in steps of five minutes."""
INSTANT = ("stat", "table")
DAYS = "suffix:days"
"""The one unit here that goes below zero: of a certificate that has expired."""
DECIMALS = {"none": 0, DAYS: 1}
NOTHING: list[Json] = [
    {"type": "special", "options": {"match": match, "result": {"text": "-", "color": "text", "index": 9}}}
    for match in ("null", "empty")
]
"""What stands in a cell that has no value, so that it neither says that the whole table is empty nor looks bad."""


def metrics_of(expression: str) -> list[str]:
    """The families and records that an expression asks, in its order; a histogram by its family's name."""
    names = re.findall(r"\b(?:\w+:)?smtp_[\w:]+", re.sub(r'"[^"]*"', "", expression))
    return list(dict.fromkeys(name.removesuffix("_bucket") for name in names))


def filled(expression: str, selectors: Mapping[str, str]) -> str:
    """An expression with the variables of the dashboard in it."""
    for name, selector in selectors.items():
        expression = expression.replace(f"@{name}", selector)
    return expression


def describe(panel: Panel) -> str:
    """The sentence of a panel and the bound of a table, then the help of each metric it asks.

    Raises:
        KeyError: a metric is in no table.
    """
    names = dict.fromkeys(name for expression in panel.queries.values() for name in metrics_of(expression))
    bound = f" At most {ROWS} rows." if panel.kind == "table" else ""
    return "\n\n".join([panel.says + bound, *(f"`{name}`: {HELP[name]}" for name in names)])


def letters(panel: Panel) -> dict[str, str]:
    """The queries of a panel by the letter that Grafana calls each."""
    return {chr(ord("A") + index): name for index, name in enumerate(panel.queries)}


def targets(panel: Panel, selectors: Mapping[str, str]) -> list[Json]:
    """The queries of a panel: a range for what is drawn over time, the value now for a table or a number."""
    now = panel.kind in INSTANT
    return [
        {
            "refId": letter,
            "datasource": DATASOURCE,
            "expr": filled(panel.queries[legend], selectors),
            "legendFormat": legend or "__auto",
            "instant": now,
            "range": not now,
            "format": "table" if panel.kind == "table" and not panel.across else "time_series",
        }
        for letter, legend in letters(panel).items()
    ]


LEGEND = {"displayMode": "list", "placement": "bottom", "showLegend": True}


def options(panel: Panel) -> Json:
    """What Grafana calls options: how a panel of this kind is drawn."""
    match panel.kind:
        case "stat":
            mode = "background_solid" if len(panel.thresholds) > 1 or panel.words else "none"
            return {"colorMode": mode, "graphMode": "none", "reduceOptions": {"calcs": ["lastNotNull"]}}
        case "table":
            order = [{"displayName": name.removeprefix("-"), "desc": name.startswith("-")} for name in panel.sort]
            return {"showHeader": True, "cellHeight": "sm", "sortBy": order}
        case "state-timeline":
            tooltip = {"mode": "single"}
            return {"mergeValues": True, "showValue": "auto", "rowHeight": 0.8, "legend": LEGEND, "tooltip": tooltip}
        case _:
            return {"legend": LEGEND, "tooltip": {"mode": "multi", "sort": "desc"}}


def thresholds(steps: Sequence[Threshold]) -> Json:
    """From which value on which colour holds."""
    return {"mode": "absolute", "steps": [{"color": color, "value": value} for color, value in steps]}


def mappings(words: Words) -> list[Json]:
    """What stands for a value."""
    shown = {
        f"{value:g}" if isinstance(value, float | int) else value: {"text": text, "color": color, "index": index}
        for index, (value, (text, color)) in enumerate(words.items())
    }
    return [{"type": "value", "options": shown}] if shown else []


def custom(panel: Panel) -> Json:
    """How lines, bars and cells look. An axis of counts or shares reaches at least to 1, one of days to 0."""
    match panel.kind:
        case "timeseries":
            return {
                "fillOpacity": 30 if panel.stacked else 0,
                "stacking": {"mode": "normal" if panel.stacked else "none", "group": "A"},
                "showPoints": "never",
                "thresholdsStyle": {"mode": "dashed" if len(panel.thresholds) > 1 else "off"},
                **({"axisSoftMax": 1} if panel.unit in {"none", "percentunit"} else {}),
                **({"axisSoftMin": 0} if panel.unit == DAYS else {}),
            }
        case "state-timeline":
            return {"fillOpacity": 80, "lineWidth": 0}
        case "table":
            return {"align": "auto", "filterable": True}
        case _:
            return {}


def fields(panel: Panel) -> Json:
    """Unit, thresholds and colours of what a panel shows."""
    over_time = panel.kind == "timeseries"
    defaults: Json = {
        "unit": panel.unit,
        "noValue": panel.empty,
        "thresholds": thresholds(panel.thresholds),
        "mappings": mappings(panel.words),
        "color": {"mode": "palette-classic" if over_time else "thresholds"},
        "custom": custom(panel),
    }
    if over_time and panel.unit != DAYS:
        defaults["min"] = 0
    if panel.unit in DECIMALS and not panel.words:
        defaults["decimals"] = DECIMALS[panel.unit]
    overrides = [override(column) for column in panel.columns]
    return {"defaults": defaults, "overrides": [*overrides, *([across(panel)] if panel.across else [])]}


def across(panel: Panel) -> Json:
    """How the cells under the values of a label look: the only numbers of such a table."""
    looks_like = looks(Column("", words=panel.words))
    return {"matcher": {"id": "byType", "options": "number"}, "properties": looks_like}


def looks(column: Column) -> list[Json]:
    """How the cells of a column look, and where they lead, where not as all."""
    told = {
        "unit": column.unit,
        "custom.width": column.width,
        "decimals": column.decimals,
        "thresholds": thresholds(column.thresholds) if column.thresholds else None,
        "mappings": [*mappings(column.words), *NOTHING],
        "custom.align": "left" if column.words else None,
        "custom.cellOptions": {"type": "color-text"} if column.thresholds or column.words else None,
        "links": [cell_link(each) for each in column.links],
        "custom.hidden": column.hidden,
    }
    return [{"id": name, "value": value} for name, value in told.items() if value or (name, value) == ("decimals", 0)]


def override(column: Column) -> Json:
    """What is different about a column."""
    return {"matcher": {"id": "byName", "options": column.name}, "properties": looks(column)}


def cell_link(link: Link) -> Json:
    """A link of a cell: what the row has is encoded, but for a whole address in front."""
    url = re.sub(r"^<(\w+)>", r"${__data.fields.\1:raw}", link.url)
    return {
        "title": link.title,
        "url": re.sub(r"<(\w+)>", r"${__data.fields.\1:percentencode}", url),
        "targetBlank": link.new_tab,
    }


def transformations(panel: Panel) -> list[Json]:
    """Of a table: its columns, in their order, and the first of its rows."""
    if panel.kind != "table":
        return []
    first = [{"field": name.removeprefix("-"), "desc": name.startswith("-")} for name in panel.sort[:1]]
    return [
        *(pivoted(panel) if panel.across else joined(panel)),
        {"id": "sortBy", "options": {"fields": {}, "sort": first}},
        {"id": "limit", "options": {"limitField": ROWS}},
    ]


def pivoted(panel: Panel) -> list[Json]:
    """A column for each value of a label, after those of the other labels."""
    order = {column.name: index for index, column in enumerate(panel.columns)}
    return [
        {"id": "labelsToFields", "options": {"mode": "columns", "valueLabel": panel.across}},
        {"id": "merge", "options": {}},
        {"id": "organize", "options": {"indexByName": order, "excludeByName": {"Time": True}}},
    ]


def joined(panel: Panel) -> list[Json]:
    """Only the columns that are asked for. Several queries are joined by the columns they share."""
    several = len(panel.queries) > 1
    values = {f"Value #{letter}" if several else "Value": name for letter, name in letters(panel).items()}
    wanted = {column.name for column in panel.columns}
    found = {name: field for field, name in values.items() if name in wanted}
    order = [found.get(column.name, column.name) for column in panel.columns]
    renamed = {field: name for name, field in found.items()}
    if "Value #A" in renamed:  # Grafana leaves the letter out where the other queries gave nothing
        order.append("Value")
        renamed["Value"] = renamed["Value #A"]
    return [
        {"id": "filterFieldsByName", "options": {"include": {"names": order}}},
        *([{"id": "merge", "options": {}}] if several else []),
        {
            "id": "organize",
            "options": {
                "indexByName": {name: index for index, name in enumerate(order)},
                "renameByName": renamed,
            },
        },
    ]


def drawn(panel: Panel, selectors: Mapping[str, str]) -> Json:
    """A panel as Grafana wants it, but for its place."""
    recorded = any(name in RECORDED for expression in panel.queries.values() for name in metrics_of(expression))
    points = {"maxDataPoints": POINTS} if recorded and panel.kind not in INSTANT else {}
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": describe(panel),
        "datasource": DATASOURCE,
        "targets": targets(panel, selectors),
        "fieldConfig": fields(panel),
        "options": options(panel),
        "transformations": transformations(panel),
        **points,
    }
