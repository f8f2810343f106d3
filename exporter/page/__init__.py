"""The status page: what is wrong first, then every endpoint; one endpoint in full. Works without JavaScript.

Pure functions of the board, in pieces: others run in between. Jinja2 escapes everything; control characters of peers
are shown as escapes. What stands on a page is bounded (`rows`), so the page is.
"""

from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from importlib.resources import files

from exporter.board import Board
from exporter.filters import ANYTHING, Filter
from exporter.page.details import render_domain, render_endpoint
from exporter.page.documentation import render_reason, render_reasons, render_runbook, render_runbooks
from exporter.page.environment import HERE, PIECE, Links, environment, pieces
from exporter.page.health import Fact, health
from exporter.page.order import Listing
from exporter.page.overview import survey

__all__ = [
    "PIECE",
    "STATIC",
    "Fact",
    "Links",
    "Listing",
    "health",
    "render",
    "render_domain",
    "render_endpoint",
    "render_error",
    "render_reason",
    "render_reasons",
    "render_runbook",
    "render_runbooks",
    "static",
]

STATIC = {
    **dict.fromkeys(("page.js", "copy.js"), "text/javascript"),
    **dict.fromkeys(("icon.svg", "icon-critical.svg"), "image/svg+xml"),
    "style.css": "text/css",
}
"""What the pages load, and its type."""


@cache
def static(name: str) -> str:
    """A file of STATIC."""
    return files("exporter.page").joinpath("static", name).read_text("utf-8")


def render(
    board: Board,
    now: float,
    links: Links = HERE,
    wanted: Filter = ANYTHING,
    facts: Sequence[Fact] = (),
    *,
    listing: Listing | None = None,
) -> Iterator[str]:
    """Render the status page, in pieces between which the caller may let others run; some are empty.

    Args:
        board: what to show.
        now: Unix seconds.
        links: where its links lead.
        wanted: which endpoints to show.
        facts: how the agent does.
        listing: what earlier views of this board kept.
    """
    seen = yield from survey(listing or Listing(), board, now, wanted)
    ways = tuple(board.blocked_ways())
    rotating = sorted(place for place, until in board.rotating.items() if now <= until)
    template = environment().get_template("index.html")
    ask = lru_cache(maxsize=1000)(seen.wanted.query)  # the same links again and again
    told = {"seen": seen, "wanted": seen.wanted, "ask": ask, "ways": ways, "rotating": rotating, "facts": facts}
    yield from pieces(template.generate(told, now=now, links=links))


def render_error(title: str, text: str, links: Links = HERE) -> list[str]:
    """Render the page of a request that cannot be answered: what is wrong with it, and where to go from here."""
    template = environment().get_template("error.html")
    return list(pieces(template.generate(title=title, text=text, links=links)))
