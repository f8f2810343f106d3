"""The families rendered to text 0.0.4 and OpenMetrics 1.0, in slices so that the event loop never waits long.

Sample lines are the same in both formats; only the headers of counters and the end differ. What is rendered of a
result is kept on its state until the next result; a scrape joins lines.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from math import isfinite

from exporter.board import Board
from exporter.egress import Way
from exporter.families import (
    DOMAIN_FAMILIES,
    EGRESS_FAMILY,
    FAMILIES,
    LABELS,
    DomainFamily,
    EgressFamily,
    Family,
    Scope,
)
from exporter.model import Domain, Endpoint, Exchanges
from exporter.state import DomainState, State

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
NEW, KNOWN = 10, 400
"""Endpoints rendered before others may run, a millisecond or two: with a new result, or kept from before."""

PLACE = "\0"
"""No label value holds it: control characters are replaced."""
_CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
Row = tuple[tuple[str, ...], bool]
"""What `samples` gives: all families of a scrape tell of the same result, whatever comes in between. And whether it is
withdrawn."""


def labels(pairs: Iterable[tuple[str, str]]) -> str:
    """Write label pairs as the exposition format does; no control character of a peer gets through."""
    return ",".join(f'{name}="{_clean(value)}"' for name, value in pairs)


def _clean(value: str) -> str:
    return (value if value.isprintable() else _CONTROL.sub("\ufffd", value)).translate(_ESCAPES)


def number(value: float) -> str:
    """Write a value: whole numbers without a fraction."""
    whole = int(value)
    return str(whole) if value == whole else repr(value)


@lru_cache(maxsize=1 << 17)
def endpoint_labels(endpoint: Endpoint) -> str:
    """The labels that every series of an endpoint has."""
    peer = endpoint.peer
    values = (endpoint.target, peer.host, peer.address, str(peer.port))
    return labels((*zip(LABELS[Scope.ENDPOINT], values, strict=True), *endpoint.labels))


def domain_labels(domain: Domain) -> str:
    """The labels that every series of a domain has."""
    values = (domain.target.name, domain.domain)
    return labels((*zip(LABELS[Scope.DOMAIN], values, strict=True), *domain.target.labels))


def samples(state: State) -> tuple[str, ...]:
    """The lines of each family for a state, rendered once a result; PLACE stands for the name and the first labels."""
    if state.samples is None:
        state.samples = tuple([_lines(family, state) for family in FAMILIES])
    return state.samples


def _lines(family: Family, state: State) -> str:
    lines = [_line(_own(family.labels, own), number(n)) for own, n in family.read(state) if isfinite(n)]
    return lines[0] if len(lines) == 1 else "".join(lines)


@lru_cache(maxsize=1 << 13)
def _line(own: str, value: str) -> str:
    """One line; most endpoints say the same, and share its text."""
    return f"{PLACE}{own}}} {value}\n"


@lru_cache(maxsize=1 << 15)
def _own(names: tuple[str, ...], values: tuple[str, ...]) -> str:
    """A family's own labels, as they follow those of the endpoint or domain; most endpoints say the same."""
    return "".join([f',{name}="{_clean(value)}"' for name, value in zip(names, values, strict=True)])


def alone(families: Iterable[Family], state: State) -> str:
    """What these families say of one state, without the labels of an endpoint; those that say nothing are left out."""
    return "".join(
        f"{header(family, openmetrics=False)}{''.join(lines)}"
        for family in families
        if (
            lines := [
                f"{family.name}{_alone(family, own)} {number(n)}\n" for own, n in family.read(state) if isfinite(n)
            ]
        )
    )


def _alone(family: Family, own: tuple[str, ...]) -> str:
    return f"{{{labels(zip(family.labels, own, strict=True))}}}" if own else ""


def header(family: Family | DomainFamily | EgressFamily, *, openmetrics: bool) -> str:
    """HELP and TYPE. OpenMetrics names a counter without its suffix."""
    name = family.name.removesuffix("_total") if openmetrics and family.kind == "counter" else family.name
    return f"# HELP {name} {family.help}\n# TYPE {name} {family.kind}\n"


def render(board: Board, now: float, *, openmetrics: bool) -> Iterator[str]:
    """Render all families of endpoints and domains, in pieces between which the caller may let others run.

    Args:
        board: whose states to render.
        now: Unix time, for what is too old to be shown.
        openmetrics: OpenMetrics 1.0 instead of text 0.0.4. The caller ends it with `# EOF`.
    """
    rows: dict[str, Row] = {}  # endpoints whose labels are the same give their series once
    work = 0
    for endpoint, state in tuple(board.endpoints.items()):  # a copy: it may change while others run
        if state.result:
            work += KNOWN // NEW if state.samples is None else 1
            rows.setdefault(endpoint_labels(endpoint), (samples(state), state.withdrawn(now)))
            if work >= KNOWN:
                work = 0
                yield ""
    lines = tuple(rows.items())
    for index, family in enumerate(FAMILIES):
        yield from _family(index, family, lines, openmetrics=openmetrics)
    yield from _domains(board, now, openmetrics=openmetrics)
    if ways := tuple(board.blocked_ways()):
        yield header(EGRESS_FAMILY, openmetrics=openmetrics)
        yield "".join(f"{EGRESS_FAMILY.name}{{{_way(way)}}} {blocked:d}\n" for way, blocked in ways)


def _way(way: Way) -> str:
    return labels(zip(EGRESS_FAMILY.labels, (str(way.port), f"ipv{way.family}"), strict=True))


def _family(index: int, family: Family, rows: tuple[tuple[str, Row], ...], *, openmetrics: bool) -> Iterator[str]:
    """One family: all its lines stand together, as both formats demand."""
    name, lasting, lines = family.name, family.lasting, [header(family, openmetrics=openmetrics)]
    for start in range(0, len(rows), KNOWN):
        lines += [
            texts[index].replace(PLACE, f"{name}{{{prefix}")
            for prefix, (texts, withdrawn) in rows[start : start + KNOWN]
            if lasting or not withdrawn
        ]
        yield "".join(lines)
        lines = []
    yield "".join(lines)


def _domains(board: Board, now: float, *, openmetrics: bool) -> Iterator[str]:
    rows: dict[str, tuple[DomainState, tuple[State, ...]]] = {}
    hosts: dict[tuple[str, tuple[tuple[int, str], ...]], tuple[State, ...]] = {}  # many domains share theirs
    for count, (domain, state) in enumerate(tuple(board.domains.items())):
        if state.exchanges and not state.withdrawn(now):
            key = domain.target.name, state.exchanges.hosts
            if key not in hosts:
                hosts[key] = tuple(each for each in board.of_domain(domain) if not each.withdrawn(now))
            rows.setdefault(_domain_lines(state, state.exchanges)[0], (state, hosts[key]))
        if count % NEW == 0:
            yield ""
    lines = tuple(rows.items())
    for index, family in enumerate(DOMAIN_FAMILIES if rows else ()):
        yield header(family, openmetrics=openmetrics)
        for start in range(0, len(lines), KNOWN):
            some = lines[start : start + KNOWN]
            if family.records:
                yield "".join([state.lines[2][index] for _, (state, _) in some if state.lines])
            else:
                yield "".join([_domain_family(family, prefix, state, states) for prefix, (state, states) in some])


def _domain_lines(state: DomainState, exchanges: Exchanges) -> tuple[str, tuple[str, ...]]:
    """The labels of a domain, and the lines of its records by family; rendered once an answer."""
    if state.lines is None or state.lines[0][0] is not exchanges or state.lines[0][1] is not state.policies:
        prefix = domain_labels(state.domain)
        lines = [_domain_family(family, prefix, state, ()) if family.records else "" for family in DOMAIN_FAMILIES]
        state.lines = (exchanges, state.policies), prefix, tuple(lines)
    return state.lines[1:]


def _domain_family(family: DomainFamily, prefix: str, state: DomainState, states: Iterable[State]) -> str:
    return "".join(
        [
            f"{family.name}{{{prefix}{_own(family.labels, own)}}} {number(value)}\n"
            for own, value in family.read(state, states)
        ]
    )
