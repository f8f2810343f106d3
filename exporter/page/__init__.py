"""The status page: what is wrong first, then every endpoint. Plain HTML that works without JavaScript.

A pure function of the board. Jinja2 escapes everything; control characters of peers are shown as escapes.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from exporter import __version__
from exporter.board import Board, State
from exporter.model import Endpoint
from exporter.reasons import REASONS, UNTESTABLE

WORDS = ("critical", "untestable", "warning", "pending", "ok")
"""States, the worst first: the order of the page."""
MOST = 1000
"""Endpoints on the page; more are counted, not shown."""
DAY = 86400


@dataclass(frozen=True, slots=True)
class Row:
    """One endpoint on the page."""

    endpoint: Endpoint
    state: State

    @property
    def days_left(self) -> float | None:
        """Days until the certificate expires; negative afterwards."""
        result = self.state.result
        if result is None or result.verdict is None:
            return None
        return (result.verdict.certificate.not_after - result.finished) / DAY


def visible(text: str) -> str:
    """Escape what cannot be seen: control characters, direction marks, line ends."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def instant(seconds: float) -> str:
    """Unix seconds as UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if seconds else ""


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("exporter.page"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"visible": visible, "instant": instant}
    environment.globals |= {"REASONS": REASONS, "UNTESTABLE": UNTESTABLE, "version": __version__}
    return environment


def style() -> str:
    """The style sheet."""
    return _environment().get_template("style.css").render()


def render(board: Board, now: float, prefix: str = "", metrics: str = "/metrics") -> str:
    """Render the page.

    Args:
        board: what to show.
        now: Unix seconds.
        prefix: before every link, without a slash at the end.
        metrics: the path of the metrics.
    """
    rows = [Row(endpoint, state) for endpoint, state in board.endpoints.items()]
    counts: Counter[str] = Counter(row.state.word for row in rows)
    rows.sort(key=lambda row: (WORDS.index(row.state.word), row.endpoint.target, row.endpoint.peer.port))
    context: dict[str, Any] = {
        "rows": rows[:MOST],
        "left_out": max(0, len(rows) - MOST),
        "counts": [(word, counts[word]) for word in WORDS if counts[word]],
        "now": now,
        "prefix": prefix,
        "metrics": metrics,
    }
    return _environment().get_template("index.html").render(context)
