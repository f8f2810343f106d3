"""What one state says, in lines. They are kept on it until it says something else.

The name and first labels of a line stand for PLACE: most endpoints and domains say the same, and share the rest.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from math import isfinite

from exporter.churn import hidden
from exporter.families import DOMAIN_FAMILIES, FAMILIES, LABELS, DomainFamily, EgressFamily, Family, Scope
from exporter.families.readers import Sample
from exporter.model import Endpoint
from exporter.state import DomainState, State

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

PLACE = "\0"
"""No label value holds it: control characters are replaced."""
_CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})

FLEETING = [(index, family) for index, family in enumerate(FAMILIES) if family.fleeting]
Lines = tuple[str, ...]
"""What a state says by family, one line a series. The same object as before where it says the same."""


def labels(pairs: Iterable[tuple[str, str]]) -> str:
    """Write label pairs as the exposition format does; no control character of a peer gets through."""
    return ",".join(f'{name}="{_clean(value)}"' for name, value in pairs)


def _clean(value: str) -> str:
    return (value if value.isprintable() else _CONTROL.sub("\ufffd", value)).translate(_ESCAPES)


def number(value: float) -> str:
    """Write a value: whole numbers without a fraction."""
    whole = int(value)
    return str(whole) if value == whole else repr(value)


def header(family: Family | DomainFamily | EgressFamily, *, openmetrics: bool) -> str:
    """HELP and TYPE. OpenMetrics names a counter without its suffix."""
    name = family.name.removesuffix("_total") if openmetrics and family.kind == "counter" else family.name
    return f"# HELP {name} {family.help}\n# TYPE {name} {family.kind}\n"


@lru_cache(maxsize=1 << 17)
def endpoint_labels(endpoint: Endpoint) -> str:
    """The labels that every series of an endpoint has."""
    peer = endpoint.peer
    values = (endpoint.target, peer.host, peer.address, str(peer.port))
    return labels((*zip(LABELS[Scope.ENDPOINT], values, strict=True), *endpoint.labels))


def domain_labels(state: DomainState) -> str:
    """The labels that every series of a domain has."""
    if not state.labels:
        target, name = state.domain.target, state.domain.domain
        state.labels = labels((*zip(LABELS[Scope.DOMAIN], (target.name, name), strict=True), *target.labels))
    return state.labels


def of_endpoint(state: State, now: float) -> Lines:
    """What the state of a peer says of each of its endpoints. `now`: Unix time, for labels that are unstable."""
    if (state.churn or state.unstable) and (unstable := hidden(state.churn, now)) != state.unstable:
        state.samples, state.unstable = None, unstable
    if state.samples is None:
        state.samples = tuple([_lines(family, family.read(state)) for family in FAMILIES])
    elif state.repeated:
        said = list(state.samples)
        for index, family in FLEETING:
            said[index] = _lines(family, family.read(state))
        state.samples = tuple(said)
    state.repeated = False
    return state.samples


def write_ahead(state: State) -> None:
    """Write what a new result says while nobody waits, if somebody read what the one before said."""
    if state.read and state.result:
        state.read = False
        of_endpoint(state, state.result.finished)


def of_domain(state: DomainState, hosts: Iterable[State]) -> Lines:
    """What the state of a domain says, with those of its MX hosts."""
    exchanges, policies = state.written_of
    if state.samples is None or exchanges is not state.exchanges or policies is not state.policies:
        state.written_of = state.exchanges, state.policies
        state.samples = tuple([_lines(family, family.read(state, hosts)) for family in DOMAIN_FAMILIES])
        return state.samples
    for index, family in enumerate(DOMAIN_FAMILIES):
        if family.fleeting:
            line = _lines(family, family.read(state, hosts))
            if line != state.samples[index]:
                state.samples = (*state.samples[:index], line, *state.samples[index + 1 :])
    return state.samples


def _lines(family: Family | DomainFamily, samples: Iterable[Sample]) -> str:
    lines = ""
    for own, value in samples:
        if isfinite(value):
            said = _own(family.labels, own) if own else ""
            lines += f"{PLACE}{said}}} {number(value)}\n" if family.fleeting else _line(said, number(value))
    return lines


@lru_cache(maxsize=1 << 13)
def _line(own: str, value: str) -> str:
    """Most endpoints say the same, and share its text."""
    return f"{PLACE}{own}}} {value}\n"


@lru_cache(maxsize=1 << 15)
def _own(names: tuple[str, ...], values: tuple[str, ...]) -> str:
    """A family's own labels, as they follow those of the endpoint or domain."""
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
