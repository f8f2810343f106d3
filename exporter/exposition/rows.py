"""What the board says: tables of families and rows, and both formats of them as text."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from exporter.board import Board
from exporter.egress import Way
from exporter.exposition.lines import (
    PLACE,
    Lines,
    domain_labels,
    endpoint_labels,
    header,
    labels,
    of_domain,
    of_endpoint,
)
from exporter.families import DOMAIN_FAMILIES, EGRESS_FAMILY, FAMILIES, DomainFamily, Family, Scope
from exporter.state import State

FEW = 10
"""Rows gathered before others may run: they may have to be written, 0.1 ms each."""
WIDTH = 400
"""Rows of one family that are written before others may run, a millisecond or two."""


class Row(NamedTuple):
    """One endpoint or domain. All families of a scrape tell of the same result, whatever comes in between."""

    labels: str
    lines: Lines
    withdrawn: bool = False
    """The result is too old to be shown; what is lasting stays."""


@dataclass(slots=True)
class Table:
    """The families of one scope, and a row for each label set."""

    families: tuple[Family | DomainFamily, ...]
    parts: list[list[Row]]
    """WIDTH rows each, but for the last."""

    @property
    def scope(self) -> Scope:
        """What its rows are about."""
        return self.families[0].scope

    def column(self, index: int, rows: list[Row]) -> str:
        """The lines of one family for some rows."""
        family = self.families[index]
        name, lasting = family.name, family.lasting
        return "".join(
            [row.lines[index].replace(PLACE, f"{name}{{{row.labels}") for row in rows if lasting or not row.withdrawn]
        )


def render(board: Board, now: float, *, openmetrics: bool) -> Iterator[str]:
    """Render all families of endpoints and domains, in pieces between which the caller may let others run.

    Args:
        board: whose states to render.
        now: Unix time, for what is too old to be shown.
        openmetrics: OpenMetrics 1.0 instead of text 0.0.4. The caller ends it with `# EOF`.
    """
    tables: list[Table] = []
    for _ in gather(board, now, tables):
        yield ""
    last = of_egress(board, openmetrics=openmetrics)
    for table in tables:
        for index, family in enumerate(table.families):
            yield header(family, openmetrics=openmetrics)
            for rows in table.parts:
                yield table.column(index, rows)
    yield last


def gather(board: Board, now: float, tables: list[Table]) -> Iterator[None]:
    """Fill `tables` with what the board says now, in steps between which the caller may let others run."""
    for families, rows in (FAMILIES, _endpoints(board, now)), (DOMAIN_FAMILIES, _domains(board, now)):
        parts: list[list[Row]] = []
        seen: dict[str, None] = {}  # of texts alone, so that the garbage collector never looks at them
        for count, row in enumerate(rows):
            if row and row.labels not in seen:  # those whose labels are the same give their series once
                if len(seen) % WIDTH == 0:
                    parts.append([])
                parts[-1].append(row)
                seen[row.labels] = None
            if count % FEW == 0:
                yield
        if parts:
            tables.append(Table(families, parts))


def _endpoints(board: Board, now: float) -> Iterator[Row | None]:
    for endpoint, state in board.endpoints.snapshot().items():
        if state.result is None:
            yield None
            continue
        state.read = True
        yield Row(endpoint_labels(endpoint), of_endpoint(state, now), state.withdrawn(now))


def _domains(board: Board, now: float) -> Iterator[Row | None]:
    hosts = dict[tuple[str, tuple[tuple[int, str], ...]], tuple[State, ...]]()  # many domains share theirs
    for domain, state in board.domains.snapshot().items():
        if state.exchanges is None or state.withdrawn(now):
            yield None
            continue
        key = domain.target.name, state.exchanges.hosts
        if key not in hosts:
            hosts[key] = tuple(each for each in board.of_domain(state) if not each.withdrawn(now))
        yield Row(domain_labels(state), of_domain(state, hosts[key]))


def of_egress(board: Board, *, openmetrics: bool) -> str:
    """What the board says of ports that are blocked from here; nothing where it can tell of none."""
    lines = [f"{EGRESS_FAMILY.name}{{{_way(way)}}} {blocked:d}\n" for way, blocked in board.blocked_ways()]
    return header(EGRESS_FAMILY, openmetrics=openmetrics) + "".join(lines) if lines else ""


def _way(way: Way) -> str:
    return labels(zip(EGRESS_FAMILY.labels, (str(way.port), f"ipv{way.family}"), strict=True))
