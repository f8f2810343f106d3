"""Writes grafana/*.json."""

from pathlib import Path

from tools.dashboards import DASHBOARDS, text_of

for name in DASHBOARDS:
    (Path(__file__).parents[2] / "grafana" / f"{name}.json").write_text(text_of(name), "utf-8")
