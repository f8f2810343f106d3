"""The status page: what is wrong first, then every endpoint; one endpoint in full. Works without JavaScript.

Pure functions of the board, in pieces: others run in between. Jinja2 escapes everything; control characters of peers
are shown as escapes. What stands on a page is bounded (`rows`), so the page is.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined

from exporter import __version__
from exporter.board import Board
from exporter.families.readers import TIMED
from exporter.filters import ANYTHING, STATES, Filter
from exporter.page.domains import DomainRow
from exporter.page.health import Fact, health
from exporter.page.rows import Row, help_for, survey
from exporter.page.text import coded, dane, instant, span
from exporter.peer_text import escape

__all__ = [
    "PIECE",
    "STATIC",
    "DomainRow",
    "Fact",
    "Links",
    "dane",
    "health",
    "instant",
    "render",
    "render_endpoint",
    "static",
]

PIECE = 16 * 1024
"""Characters after which others may run: a few milliseconds of work."""
STATIC = {"style.css": "text/css", "page.js": "text/javascript", "icon.svg": "image/svg+xml"}
"""What the pages load, and its type."""


@dataclass(frozen=True, slots=True)
class Links:
    """Where the pages' links lead."""

    prefix: str = ""
    """Before every path, without a slash at the end."""
    metrics: str = "/metrics"
    """The path of the metrics."""


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("exporter.page"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, auto_reload=False,
    )  # fmt: skip
    environment.filters |= {"visible": escape, "coded": coded, "instant": instant, "span": span}
    environment.globals |= {"version": __version__, "states": STATES, "help_for": help_for, "dane": dane,
                            "timed": TIMED}  # fmt: skip
    return environment


@cache
def static(name: str) -> str:
    """A file of STATIC."""
    return files("exporter.page").joinpath("static", name).read_text("utf-8")


def render(
    board: Board, now: float, links: Links = Links(), wanted: Filter = ANYTHING, facts: Sequence[Fact] = ()
) -> Iterator[str]:
    """Render the status page, in pieces between which the caller may let others run; some are empty.

    Args:
        board: what to show.
        now: Unix seconds.
        links: where its links lead.
        wanted: which endpoints to show.
        facts: how the agent does.
    """
    seen = yield from survey(board, now, wanted)
    ways = tuple(board.blocked_ways())
    rotating = sorted(place for place, until in board.rotating.items() if now <= until)
    template = _environment().get_template("index.html")
    yield from _pieces(
        template.generate(seen=seen, wanted=wanted, now=now, links=links, facts=facts, ways=ways, rotating=rotating)
    )


def render_endpoint(
    board: Board, now: float, named: tuple[str, str, str | None, str], links: Links = Links()
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
    template = _environment().get_template("endpoint.html")
    return list(_pieces(template.generate(rows=rows, now=now, links=links, wanted=ANYTHING))) if rows else []


def _pieces(texts: Iterable[str]) -> Iterator[str]:
    """Join short texts to pieces of about PIECE characters."""
    piece, size = list[str](), 0
    for text in texts:
        piece.append(text)
        size += len(text)
        if size >= PIECE:
            yield "".join(piece)
            piece, size = [], 0
    yield "".join(piece)
