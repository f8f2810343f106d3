"""The status page: what is wrong first, then every endpoint. Plain HTML that works without JavaScript.

A pure function of the board, in pieces: others run in between. Jinja2 escapes everything; control characters of peers
are shown as escapes. Endpoints on the page and lines of each are bounded, so the page is.
"""

from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from heapq import nsmallest
from itertools import islice

from jinja2 import Environment, PackageLoader, StrictUndefined

from exporter import __version__
from exporter.board import Board, DomainState, State
from exporter.failure import Failure
from exporter.families.readers import TIMED
from exporter.model import Endpoint
from exporter.reasons import REASONS, UNTESTABLE

WORDS = ("critical", "untestable", "warning", "pending", "ok")
"""States, the worst first: the order of the page."""
MOST = 200
"""Endpoints on the page; more are counted, not shown."""
PIECE = 16 * 1024
"""Characters after which others may run: a few milliseconds of work."""
COUNTED = 1000
"""Endpoints sorted before others may run."""
DAY = 86400


@dataclass(frozen=True, slots=True)
class Filter:
    """Which endpoints are asked for: in this state, and with this text in target, host, address or host:port."""

    state: str = ""
    find: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One endpoint on the page."""

    endpoint: Endpoint
    state: State

    word: str
    """The state, as it was when the rows were sorted."""

    @property
    def place(self) -> tuple[int, str, str, int, str]:
        """Where it stands on the page."""
        peer = self.endpoint.peer
        return WORDS.index(self.word), self.endpoint.target, peer.host, peer.port, peer.address

    def matches(self, wanted: Filter) -> bool:
        """Whether it is asked for."""
        peer = self.endpoint.peer
        text = f"{self.endpoint.target} {peer.host} {peer.address} {peer.host}:{peer.port}".lower()
        return wanted.state in ("", self.word) and wanted.find.strip().lower() in text

    @property
    def transcripts(self) -> tuple[Failure, ...]:
        """The last failures; where the latest result is only a warning, that one before them."""
        failures = self.state.last_failures
        if self.word == "warning" and self.state.result:
            return (Failure.of(self.state.result, self.word), *failures)
        return failures

    @property
    def days_left(self) -> float | None:
        """Days until the certificate expires; negative afterwards."""
        result = self.state.result
        if result is None or result.verdict is None:
            return None
        return (result.verdict.certificate.not_after - result.finished) / DAY


def visible(text: str) -> str:
    """Escape what cannot be seen: control characters, direction marks, line ends."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def instant(seconds: float) -> str:
    """Unix seconds as UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if seconds else ""


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("exporter.page"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, auto_reload=False,
    )  # fmt: skip
    environment.filters |= {"visible": visible, "instant": instant}
    environment.globals |= {"REASONS": REASONS, "UNTESTABLE": UNTESTABLE, "TIMED": TIMED, "version": __version__}
    return environment


def style() -> str:
    """The style sheet."""
    return _environment().get_template("style.css").render()


def render(
    board: Board, now: float, prefix: str = "", metrics: str = "/metrics", wanted: Filter = Filter()
) -> Iterator[str]:
    """Render the page, in pieces between which the caller may let others run; some are empty.

    Args:
        board: what to show.
        now: Unix seconds.
        prefix: before every link, without a slash at the end.
        metrics: the path of the metrics.
        wanted: which endpoints to show.
    """
    rows, matching, counts = yield from _worst(board, wanted)
    page = _environment().get_template("index.html").generate(
        rows=rows, left_out=matching - len(rows), counts=[(word, counts[word]) for word in WORDS if counts[word]],
        now=now, prefix=prefix, metrics=metrics, wanted=wanted, words=WORDS, domains=_broken(board),
    )  # fmt: skip
    yield from _pieces(page)


def _broken(board: Board) -> list[DomainState]:
    """The first domains whose records have problems."""
    broken = (state for state in board.domains.values() if state.exchanges and state.exchanges.problems)
    return list(islice(broken, MOST))


def _worst(board: Board, wanted: Filter) -> Generator[str, None, tuple[list[Row], int, Counter[str]]]:
    """The rows to be shown, what is wrong first; how many match, and how many endpoints there are in each state."""
    worst, matching = list[Row](), 0
    counts: Counter[str] = Counter()
    every = iter(tuple(board.endpoints.items()))  # a copy: it may change while others run
    while some := [Row(endpoint, state, state.word) for endpoint, state in islice(every, COUNTED)]:
        counts.update(row.word for row in some)
        asked = [row for row in some if row.matches(wanted)]
        matching += len(asked)
        worst = nsmallest(MOST, worst + asked, key=lambda row: row.place)
        yield ""
    return worst, matching, counts


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
