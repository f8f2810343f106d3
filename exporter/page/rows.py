"""What the page shows of a board: the endpoints of one page, the worst first, and what is wrong, by reason.

Made in pieces, between which others may run. Bounded: of a page its rows, of a reason a few examples.
"""

from collections import Counter
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from heapq import merge, nsmallest
from itertools import islice
from urllib.parse import urlencode

from exporter.board import Board
from exporter.failure import Failure
from exporter.families.readers import TIMED
from exporter.filters import STATES, Filter, word_of
from exporter.model import Endpoint, Peer
from exporter.page.domains import DOMAINS, DomainRow, domain_rows
from exporter.reasons import REASONS, UNTESTABLE, Reason, Stage, Untestable, UntestableRow
from exporter.reasons import Row as Help
from exporter.state import State

ROWS = 100
"""Endpoints on one page."""
EXAMPLES = 5
"""Endpoints or domains that are named with a reason."""
COUNTED = 500
"""Endpoints looked at before others may run."""
DAY = 86400
STALE = UntestableRow(
    "The last result is too old to tell anything: no probe has ended for three intervals.",
    "The health of the agent, at the end of this page; its log; whether this machine was asleep.",
)
RANK = {state: rank for rank, state in enumerate(STATES)}
Place = tuple[int, str, str, int, str]


def help_for(state: str, reason: str) -> Help | UntestableRow:
    """What a thing that is wrong means, and what to do."""
    if state == "stale":
        return STALE
    return UNTESTABLE[Untestable(reason)] if state == "untestable" else REASONS[Reason(reason)]


@dataclass(frozen=True, slots=True)
class Row:
    """One endpoint on the page, as it was when the rows were sorted."""

    endpoint: Endpoint
    state: State
    word: str
    place: Place
    """Where it stands: the worst first, then by name."""

    @classmethod
    def of(cls, endpoint: Endpoint, state: State, now: float) -> "Row":
        """Look at an endpoint now."""
        word, peer = word_of(state, now), endpoint.peer
        return cls(endpoint, state, word, (RANK[word], endpoint.target, peer.host, peer.port, peer.address))

    @property
    def link(self) -> str:
        """The query that names it."""
        peer = self.endpoint.peer
        named = {"target": self.endpoint.target, "host": peer.host, "address": peer.address, "port": peer.port}
        return "?" + urlencode(named, errors="replace")

    @property
    def days_left(self) -> float | None:
        """Days until the certificate expires; negative afterwards."""
        result = self.state.result
        ends = result.verdict.certificate.not_after if result and result.verdict else None
        return (ends - result.finished) / DAY if result and ends is not None else None

    @property
    def bars(self) -> list[tuple[Stage, float, float, float]]:
        """Each stage that took time: its seconds, and where its bar begins and how long it is, in hundredths."""
        took = self.state.result.stages if self.state.result else {}
        whole, start, bars = sum(took.get(stage, 0.0) for stage in TIMED) or 1.0, 0.0, []
        for stage in TIMED:
            if stage in took:
                length = 100 * took[stage] / whole
                bars.append((stage, took[stage], start, length))
                start += length
        return bars

    @property
    def latest(self) -> Failure | None:
        """The latest conversation, cut to what is shown of one."""
        return Failure.of(self.state.result, self.word) if self.state.result else None

    @property
    def wrong(self) -> Iterator[tuple[str, str, str]]:
        """What is wrong: (state, reason, what was seen). Of what cannot be told, only why."""
        assessment = self.state.assessment
        first = next((each.detail for each in assessment.problems), "")
        if self.word == "stale":
            yield "stale", "stale", ""
        elif assessment.untestable:
            yield "untestable", assessment.untestable, first
        else:
            for each in assessment.problems:
                yield each.severity, each.reason, each.detail


@dataclass(frozen=True, slots=True)
class Example:
    """One endpoint or domain that a reason holds for."""

    place: tuple[object, ...]
    peer: Peer | None
    """None: a domain."""
    target: str
    name: str
    link: str
    since: float
    """Unix seconds; 0 where that is not known."""
    detail: str


@dataclass(slots=True)
class Group:
    """Everything that is wrong for one reason, in one way."""

    state: str
    reason: str
    of_domains: bool = False
    count: int = 0
    since: float = 0.0
    """The longest that it holds for one of them."""
    examples: list[Example] = field(default_factory=list)

    @property
    def help(self) -> Help | UntestableRow:
        """What it means and what to do."""
        return help_for(self.state, self.reason)

    @property
    def place(self) -> tuple[object, ...]:
        """Where it stands: the worst first, then what concerns most."""
        return RANK[self.state], not self.of_domains, -self.count, self.reason

    def add(self, example: Example) -> None:
        """Count one more."""
        self.count += 1
        self.since = min(filter(None, (self.since, example.since)), default=0.0)
        self.examples.append(example)
        if len(self.examples) > 20 * EXAMPLES:
            self.trim()

    def trim(self) -> None:
        """Keep the first examples."""
        self.examples = nsmallest(EXAMPLES, self.examples, key=lambda each: each.place)


@dataclass(slots=True)
class Survey:
    """What the page tells."""

    wanted: Filter
    counts: Counter[str] = field(default_factory=Counter)
    """All endpoints by state, whether or not they are asked for."""
    matching: int = 0
    rows: list[Row] = field(default_factory=list)
    """The endpoints of this page."""
    page: int = 1
    found: dict[tuple[str, str, bool], Group] = field(default_factory=dict)
    domains: list[DomainRow] = field(default_factory=list)
    """The worst mail domains of those asked for."""
    matching_domains: int = 0

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return max(1, -(-self.matching // ROWS))

    @property
    def first(self) -> int:
        """How many endpoints stand on the pages before."""
        return (self.page - 1) * ROWS

    @property
    def groups(self) -> list[Group]:
        """What is wrong, the worst first."""
        return sorted(self.found.values(), key=lambda group: group.place)

    def tell(self, state: str, reason: str, example: Example) -> None:
        """Take in that something is wrong."""
        if self.wanted.reason in ("", reason):
            key = state, reason, example.peer is None
            if key not in self.found:
                self.found[key] = Group(*key)
            self.found[key].add(example)


def survey(board: Board, now: float, wanted: Filter) -> Generator[str, None, Survey]:
    """Look at everything; yields where others may run."""
    seen, sorted_parts = Survey(wanted), []
    every = iter(board.endpoints.snapshot().items())
    while some := [Row.of(endpoint, state, now) for endpoint, state in islice(every, COUNTED)]:
        seen.counts.update(row.word for row in some)
        asked = [row for row in some if wanted.wants(row.endpoint, row.state, row.word)]
        for row in asked:
            _tell(seen, row)
        sorted_parts.append(sorted(asked, key=lambda row: row.place))
        seen.matching += len(asked)
        yield ""
    yield from _domains(seen, board, now)
    seen.page = min(wanted.page, seen.pages)
    ordered = merge(*sorted_parts, key=lambda row: row.place)
    for skipped in range(0, seen.first, ROWS):
        seen.rows = list(islice(ordered, ROWS))
        if skipped % COUNTED == 0:
            yield ""
    seen.rows = list(islice(ordered, ROWS))
    for group in seen.found.values():
        group.trim()
    return seen


def _tell(seen: Survey, row: Row) -> None:
    peer = row.endpoint.peer
    for state, reason, detail in row.wrong:
        name = f"{peer.host}:{peer.port}"
        example = Example(row.place, peer, row.endpoint.target, name, row.link, row.state.since, detail)
        seen.tell(state, reason, example)


def _domains(seen: Survey, board: Board, now: float) -> Iterator[str]:
    """The mail domains, and what is wrong with their records. Their hosts are endpoints, and told as such."""
    for row in domain_rows(board, now, seen.wanted):
        if row is None:
            seen.domains = nsmallest(DOMAINS, seen.domains, key=lambda each: each.place)
            yield ""
            continue
        seen.matching_domains += 1
        seen.domains.append(row)
        target, name = row.state.domain.target.name, row.state.domain.domain
        for each in row.state.problems:
            seen.tell(each.severity, each.reason, Example((target, name), None, target, name, "", 0.0, each.detail))
    seen.domains = nsmallest(DOMAINS, seen.domains, key=lambda each: each.place)
