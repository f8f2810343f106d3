"""The families rendered to text 0.0.4 and OpenMetrics 1.0, in slices so that the event loop never waits long.

Sample lines are the same in both formats; only the headers of counters and the end differ. `lines` writes what one
state says, `rows` gathers the states of the board, `columns` packs them with gzip: most of it is as it was.
"""

from exporter.exposition.columns import Columns, Piece, pack, unpack
from exporter.exposition.lines import OPENMETRICS, TEXT, alone, labels, number, write_ahead
from exporter.exposition.rows import render

__all__ = [
    "OPENMETRICS", "TEXT", "Columns", "Piece", "alone", "labels", "number", "pack", "render", "unpack", "write_ahead",
]  # fmt: skip
