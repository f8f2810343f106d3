"""The words in which a dashboard is written: panels, columns of tables, links. What they mean in JSON: `shape`.

What is asked stands in `dashboards`. Nothing about Grafana may be spelled in the package itself. Standard library only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Threshold = tuple[str, float | None]
"""A colour, and the value from which on it holds; None: from the lowest."""
Words = Mapping[float | str, tuple[str, str]]
"""What is shown for a value, and its colour."""
Json = dict[str, Any]

NEUTRAL: tuple[Threshold, ...] = (("text", None),)
ROWS = 200
"""A table has no more: a browser shows them with ease, and nobody reads further."""


@dataclass(frozen=True, slots=True)
class Link:
    """Where a click on a cell leads. In `url` a name in pointed brackets is that column of the row: `<host>`."""

    title: str
    url: str
    new_tab: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: a label, or what the query of this name gave.

    `hidden` ones are only there for links.
    """

    name: str
    unit: str = ""
    width: int = 0
    decimals: int | None = None
    thresholds: Sequence[Threshold] = ()
    words: Words = field(default_factory=dict)
    links: Sequence[Link] = ()
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: `says` is its description, `queries` are expressions by legend.

    A table shows the labels of its queries and their values, which have the names of the queries, in the order of
    `columns`; several queries are joined by the columns they share. It has at most `ROWS` rows: its queries choose
    them. With `across`, each value of that label is a column. A `state-timeline` shows values as `words`.
    """

    kind: str
    title: str
    says: str
    queries: Mapping[str, str]
    size: tuple[int, int]
    unit: str = "none"
    thresholds: Sequence[Threshold] = NEUTRAL
    words: Words = field(default_factory=dict)
    stacked: bool = False
    columns: Sequence[Column] = ()
    sort: Sequence[str] = ()
    """The columns that rows are sorted by; with a minus in front the highest first."""
    across: str = ""
    empty: str = "no results"


@dataclass(frozen=True, slots=True)
class Variable:
    """A choice at the top of a dashboard: the values that a label has. `several`: any number of them, or all."""

    name: str
    metric: str
    selector: str = ""
    several: bool = True


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A whole dashboard. Its `uid` is part of links to it and never changes."""

    uid: str
    title: str
    says: str
    variables: Sequence[Variable]
    rows: Mapping[str, Sequence[Panel]]
    labels: bool = False
    """Any label can be filtered by."""
