"""The tables of the status page, one for each kind of thing that is monitored. A new kind is a row of KINDS.

A view goes through everything once, in pieces, and asks each entry as little as tells its state: most are good. Then it
sorts what is asked for, and makes rows of one page.
"""

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field
from heapq import merge
from itertools import chain, islice, repeat
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple

from exporter.board import Board
from exporter.filters import STATES, Filter, text_of, word_of
from exporter.page.domains import DomainRow
from exporter.page.groups import NO_MX, Groups
from exporter.page.order import COUNTED, DomainEntry, EndpointEntry, Hosts, Listing
from exporter.page.rows import Row
from exporter.state import STALE_SECONDS, DomainState

ROWS = 50
"""Rows on one page of a table."""
UNREMARKABLE = ("pending", "ok")
"""States in which nothing is wrong."""
Key = Callable[[Any], Any]
PLACE = attrgetter("place")


class Column(NamedTuple):
    """A column; `sort` is what the query calls an order by it."""

    title: str
    sort: str = ""


@dataclass(slots=True)
class Found:
    """The entries of one kind that match everything that is asked for but the state, by state."""

    matching: dict[str, list[Any]] = field(default_factory=lambda: {state: [] for state in STATES})
    """In the order of their names."""
    others: Counter[str] = field(default_factory=Counter)
    """How many do not match."""


Scan = Callable[[Listing, Board, float, Filter], Generator[str, None, Found]]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of thing that is monitored."""

    name: str
    one: str
    many: str
    columns: tuple[Column, ...]
    scan: Scan
    row: Callable[[Any, str], Row | DomainRow]
    """Makes a row of an entry and its state."""
    tell: Callable[[Groups, Any, str], None]
    """Adds an entry in which something is wrong to the groups."""
    keys: Mapping[str, Key]
    """What an entry is sorted by, by the name of the order; None: there is nothing, so it comes last."""


@dataclass(slots=True)
class Table:
    """What one view shows of a kind."""

    kind: Kind
    total: Counter[str]
    """All by state."""
    matching: Counter[str]
    """Those that match everything but the state, by state."""
    listed: int
    """Rows of all pages."""
    page: int
    rows: list[Row | DomainRow]

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return max(1, -(-self.listed // ROWS))

    @property
    def first(self) -> int:
        """Rows on the pages before."""
        return (self.page - 1) * ROWS


def scan_endpoints(listing: Listing, board: Board, now: float, wanted: Filter) -> Generator[str, None, Found]:
    """Look at all endpoints."""
    found, fresh, narrow = Found(), now - STALE_SECONDS, wanted.narrow
    matching, others = found.matching, found.others
    entries = yield from listing.endpoints.entries(board.endpoints)
    for start in range(0, len(entries), COUNTED):
        for entry in entries[start : start + COUNTED]:
            state = entry.state
            result, assessment = state.result, state.assessment
            good = result and result.finished >= fresh and not (assessment.problems or assessment.untestable)
            word = "ok" if good else word_of(state, now)
            if wanted.words and not entry.text:
                entry.text = text_of(entry.key)
            if narrow and not wanted.wants(entry.key, state, word, entry.text):
                others[word] += 1
            else:
                matching[word].append(entry)
        yield ""
    return found


def scan_domains(listing: Listing, board: Board, now: float, wanted: Filter) -> Generator[str, None, Found]:
    """Look at all domains; what many of them share is looked at once."""
    found, fresh, narrow, view = Found(), now - STALE_SECONDS, wanted.narrow, object()
    matching, others = found.matching, found.others
    entries = yield from listing.domains.entries(board.domains)
    for start in range(0, len(entries), COUNTED):
        for entry in entries[start : start + COUNTED]:
            state = entry.state
            if state.exchanges is not entry.exchanges or state.policies is not entry.policies:
                listing.read(entry)
            hosts, records = entry.hosts, entry.records
            if hosts.view is not view:
                hosts.look(state, board, view)
                hosts.missing = _missing(wanted, hosts, state)
            if not records:
                word = "pending"
            elif state.updated < fresh and state.withdrawn(now):
                word = "stale"
            else:
                word = records if entry.decided or hosts.word == "ok" else hosts.word
            if narrow and not _wants(wanted, entry):
                others[word] += 1
            else:
                matching[word].append(entry)
        yield ""
    return found


def _missing(wanted: Filter, hosts: Hosts, state: DomainState) -> tuple[str, ...] | None:
    """Of the words asked for, those that a domain without problems must have in its name; None: it is not asked for."""
    target = state.domain.target
    if wanted.port or wanted.reason or not wanted.fits(target.name, target.labels):
        return None
    return tuple(word for word in wanted.words if word not in hosts.text)


def _wants(wanted: Filter, entry: DomainEntry) -> bool:
    """Whether a domain is asked for, whatever its state, as `Filter.wants_domain` has it."""
    if entry.records != "ok":
        return wanted.wants_domain(entry.state, "")
    missing, domain = entry.hosts.missing, entry.key.domain
    return missing is not None and all(map(domain.__contains__, missing))


def look(kind: Kind, found: Found, wanted: Filter, groups: Groups) -> Table:
    """Take what is asked for of what was found: the groups that it belongs to, and the rows of its page."""
    shown = [state for state in STATES if wanted.state in ("", state)]
    matching = Counter({state: len(entries) for state, entries in found.matching.items() if entries})
    table = Table(kind, matching + found.others, matching, sum(matching[state] for state in shown), 1, [])
    if wanted.kind not in ("", kind.name):
        return table
    for state in shown:
        for entry in found.matching[state] if state not in UNREMARKABLE else ():
            kind.tell(groups, entry, state)
    if (wanted.kind or KINDS[0].name) == kind.name:
        table.page = min(wanted.page, table.pages)
    ordered = _arranged(kind, found, shown, wanted.sort)
    table.rows = [kind.row(*each) for each in islice(ordered, table.first, table.first + ROWS)]
    return table


def _arranged(kind: Kind, found: Found, states: list[str], sort: str) -> Iterable[tuple[Any, str]]:
    """The entries in these states in the order asked for, each with its state; the worst first where they are equal."""
    key, reverse = kind.keys.get(sort.lstrip("-")), sort.startswith("-")
    lists = [zip(found.matching[state], repeat(state)) for state in (states[::-1] if sort == "-state" else states)]
    if key is PLACE:
        lists = [zip(found.matching[state][::-1], repeat(state)) for state in states] if reverse else lists
        return merge(*lists, key=lambda each: each[0].place, reverse=reverse)
    every = chain(*lists)
    if key is None:
        return every
    keyed = [(key(entry), entry, state) for entry, state in every]
    known = sorted((each for each in keyed if each[0] is not None), key=itemgetter(0), reverse=reverse)
    return [each[1:] for each in (*known, *(each for each in keyed if each[0] is None))]


def _reason(entry: EndpointEntry) -> str | None:
    assessment = entry.state.assessment
    return entry.state.cause[0] if assessment.problems or assessment.untestable else None


def _expiry(entry: EndpointEntry) -> float | None:
    result = entry.state.result
    return result.verdict.certificate.not_after if result and result.verdict else None


def _duration(entry: EndpointEntry) -> float | None:
    return entry.state.result.duration if entry.state.result else None


def _reason_of_domain(entry: DomainEntry) -> str | None:
    if entry.records == "ok":
        return NO_MX if entry.hosts.word == "critical" else None
    return next((each.reason for each in entry.state.problems), None)


KINDS = (
    Kind(
        "endpoint",
        "endpoint",
        "endpoints",
        (
            Column("State", "state"), Column("Endpoint", "name"), Column("History"),
            Column("What is wrong", "reason"), Column("Certificate", "certificate"), Column("Last probe", "probe"),
        ),
        scan_endpoints,
        lambda entry, state: Row(entry.key, entry.state, state),
        Groups.add_endpoint,
        {"name": PLACE, "reason": _reason, "certificate": _expiry, "probe": _duration},
    ),
    Kind(
        "domain",
        "mail domain",
        "mail domains",
        (
            Column("State", "state"), Column("Domain", "name"), Column("History"), Column("What is wrong", "reason"),
            Column("Records"),
        ),
        scan_domains,
        DomainRow.of,
        Groups.add_domain,
        {"name": PLACE, "reason": _reason_of_domain},
    ),
)  # fmt: skip
