"""What the status page tells: all kinds counted, what is wrong in groups, and a part of each table."""

from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass, replace

from exporter.board import Board
from exporter.filters import Filter
from exporter.page.groups import Groups
from exporter.page.order import Listing
from exporter.page.tables import KINDS, Table, look


@dataclass(slots=True)
class Survey:
    """What one view tells."""

    wanted: Filter
    tables: list[Table]
    groups: Groups

    @property
    def total(self) -> Counter[str]:
        """Everything that is monitored, by state."""
        return sum((table.total for table in self.tables), Counter[str]())

    @property
    def shown(self) -> list[Table]:
        """The tables that are asked for."""
        return [table for table in self.tables if self.wanted.kind in ("", table.kind.name)]

    @property
    def listed(self) -> int:
        """How many rows all their pages have."""
        return sum(table.listed for table in self.shown)

    @property
    def first_page(self) -> bool:
        """Whether what is wrong is told: not on later pages, nor where one table is sorted otherwise."""
        return all(table.page == 1 for table in self.tables) and not self.wanted.sort


def survey(listing: Listing, board: Board, now: float, wanted: Filter) -> Generator[str, None, Survey]:
    """Look at everything; yields where others may run."""
    wanted, groups, tables = wanted.resolved(board), Groups(wanted), list[Table]()
    for kind in KINDS:
        found = yield from kind.scan(listing, board, now, replace(wanted, state=""))
        tables.append(look(kind, found, wanted, groups))
        yield ""
    return Survey(wanted, tables, groups)
