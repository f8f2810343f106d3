"""The shape of Grafana's JSON: a dashboard, its variables and links, and where the panels stand.

The oldest Grafana supported is 10.0. Grafana migrates upwards only, so its schema version is written.
"""

from collections.abc import Mapping, Sequence

from tools.grafana import Dashboard, Json, Panel, Variable
from tools.grafana.panels import DATASOURCE, drawn

SCHEMA_VERSION = 38
COLUMNS = 24
NUMBERS = ("port",)
"""Variables that are sorted as numbers."""


def panels(rows: Mapping[str, Sequence[Panel]], selectors: Mapping[str, str]) -> list[Json]:
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
            made.append(drawn(panel, selectors) | place(x, y, width, tall))
            x, height = x + width, tall
    return [{"id": index, **panel} for index, panel in enumerate(made, 1)]


def place(x: int, y: int, width: int, height: int) -> Json:
    """Where a panel stands on the grid of 24 columns."""
    return {"gridPos": {"x": x, "y": y, "w": width, "h": height}}


def choice(variable: Variable) -> Json:
    """A variable whose values are those of a label; of several the first choice is all."""
    query = f"label_values({variable.metric}{variable.selector}, {variable.name})"
    many: Json = {"allValue": ".*", "current": {"selected": True, "text": ["All"], "value": ["$__all"]}}
    return {
        "name": variable.name,
        "label": variable.name.capitalize(),
        "type": "query",
        "datasource": DATASOURCE,
        "query": {"query": query, "refId": variable.name},
        "definition": query,
        "refresh": 2,
        "sort": 3 if variable.name in NUMBERS else 1,
        "multi": variable.several,
        "includeAll": variable.several,
        **(many if variable.several else {"current": {}}),
    }


def link(title: str, path: str) -> Json:
    """A link at the top of a dashboard. It keeps the time; what is chosen stands in its path."""
    return {
        "type": "link", "title": title, "url": path, "icon": "dashboard", "tooltip": "", "tags": [],
        "asDropdown": False, "includeVars": False, "keepTime": True, "targetBlank": False,
    }  # fmt: skip


def shaped(dashboard: Dashboard, selectors: Mapping[str, str], links: Mapping[str, str]) -> Json:
    """A dashboard as Grafana wants it.

    Args:
        dashboard: which one.
        selectors: what stands for `@name` in its expressions.
        links: where the links at its top lead, by title.
    """
    source = {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"}
    labels = {"name": "labels", "label": "Labels", "type": "adhoc", "datasource": DATASOURCE}
    return {
        "uid": dashboard.uid,
        "id": None,
        "title": dashboard.title,
        "description": dashboard.says,
        "tags": ["smtp", "mail", "prometheus"],
        "schemaVersion": SCHEMA_VERSION,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "1m",
        "time": {"from": "now-6h", "to": "now"},
        "links": [link(title, path) for title, path in links.items()],
        "templating": {
            "list": [source, *map(choice, dashboard.variables), *([labels] if dashboard.labels else [])],
        },
        "panels": panels(dashboard.rows, selectors),
    }
