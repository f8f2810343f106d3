"""docs/ holds what the tables say now."""

import json
import re
from pathlib import Path

import pytest

from exporter.config.table import keys
from exporter.families import EVERY
from exporter.reasons import REASONS, UNTESTABLE
from exporter.reference import TABLES, render

DOCS = Path(__file__).parent.parent / "docs"
FILES = {"configuration": "configuration.md", "metrics": "metrics.md", "reasons": "reasons.md",
         "schema": "config.schema.json"}  # fmt: skip


@pytest.mark.parametrize(("table", "name"), FILES.items())
def test_docs_are_current(table: str, name: str) -> None:
    assert (DOCS / name).read_text() == render(table), "run: make reference"


def test_every_table_is_in_docs() -> None:
    assert set(FILES) == set(TABLES)


def test_all_tables_at_once_are_the_three_of_markdown() -> None:
    assert re.findall("(?m)^# .*", render()) == ["# Configuration", "# Metrics", "# Reasons"]


@pytest.mark.parametrize("reason", [*REASONS, *UNTESTABLE])
def test_every_reason_has_a_heading_that_alerts_can_link_to(reason: str) -> None:
    assert f"\n### {reason}\n" in render("reasons")


def test_every_row_of_the_other_tables_is_there() -> None:
    assert [row.name for row in EVERY if f"| `{row.name}` |" not in render("metrics")] == []
    assert [key.path for key in keys() if f"| `{key.path}` |" not in render("configuration")] == []


@pytest.mark.parametrize("table", ["configuration", "metrics", "reasons"])
def test_all_rows_of_a_table_have_as_many_cells(table: str) -> None:
    for block in re.findall(r"(?:^\|.*\n)+", render(table), re.MULTILINE):
        cells = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(cells) == 1, block


def test_the_schema_is_one() -> None:
    assert json.loads(render("schema"))["type"] == "object"
