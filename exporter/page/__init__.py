"""The status page: what is wrong first, then every endpoint; one endpoint in full. Works without JavaScript.

Pure functions of the board, in pieces: others run in between. Jinja2 escapes everything; control characters of peers
are shown as escapes. What stands on a page is bounded (`rows`), so the page is.
"""

from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from importlib.resources import files

from exporter.board import Board
from exporter.filters import ANYTHING, Filter
from exporter.page.documentation import render_reason, render_reasons, render_runbook, render_runbooks
from exporter.page.environment import HERE, PIECE, Links, environment, pieces
from exporter.page.health import Fact, health
from exporter.page.order import Listing
from exporter.page.overview import survey
from exporter.page.rows import Row

__all__ = [
    "PIECE",
    "STATIC",
    "Fact",
    "Links",
    "Listing",
    "health",
    "render",
    "render_endpoint",
    "render_error",
    "render_reason",
    "render_reasons",
    "render_runbook",
    "render_runbooks",
    "static",
]

STATIC = {"style.css": "text/css", "page.js": "text/javascript", "icon.svg": "image/svg+xml",
          "icon-critical.svg": "image/svg+xml"}  # fmt: skip
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


def render_endpoint(
    board: Board, now: float, named: tuple[str, str, str | None, str], links: Links = HERE
) -> list[str]:
    """Render the page of one endpoint, in pieces; there are none where it does not exist.

    Args:
        board: what to show.
        now: Unix seconds.
        named: its target, host, address and port; without an address (None) all of the port, as alerts link to them.
        links: where its links lead.
    """
    target, host, address, port = named
    rows = [
        Row.of(endpoint, state, now)
        for endpoint, state in board.endpoints.items()
        if (endpoint.target, (peer := endpoint.peer).host, str(peer.port)) == (target, host, port)
        and address in {None, peer.address}
    ]
    template = environment().get_template("endpoint.html")
    return list(pieces(template.generate(rows=rows, now=now, links=links, wanted=ANYTHING))) if rows else []


def render_error(title: str, text: str, links: Links = HERE) -> list[str]:
    """Render the page of a request that cannot be answered: what is wrong with it, and where to go from here."""
    template = environment().get_template("error.html")
    return list(pieces(template.generate(title=title, text=text, links=links)))
