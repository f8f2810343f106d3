"""Which endpoints and domains are asked for, in the words that the status page and the JSON share in their queries.

A state is one word: that of the latest result, or `stale` once the result is too old to tell anything. Pure: reads
states, shows nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self
from urllib.parse import urlencode

from exporter import verdicts
from exporter.board import Board
from exporter.model import Endpoint, Problem
from exporter.reasons import REASONS, UNTESTABLE
from exporter.state import DomainState, State

STATES = ("critical", "stale", "untestable", "warning", "pending", "ok")
"""What an endpoint or domain can be, the worst first."""
KINDS = ("endpoint", "domain")
"""What the status page lists, one table each."""
GROUPS = ("reason", "host")
"""What the status page groups problems by."""
SORTS = ("state", "name", "reason", "certificate", "probe")
"""What the tables can be sorted by; a `-` in front reverses the order."""
KNOWN: dict[str, tuple[str, ...]] = {
    "state": STATES, "kind": KINDS, "group": GROUPS, "sort": (*SORTS, *(f"-{each}" for each in SORTS)),
}  # fmt: skip
"""The keys of a query that take only known values."""
NUMBERS = {"port": 65535, "page": 10**6}
"""The keys that take a number from 1 to this."""
MAX_TEXT = 256
"""Characters of any other value: each link of a page repeats it."""


def word_of(state: State, now: float) -> str:
    """The state of an endpoint at a time, in one word."""
    return "stale" if state.result and state.withdrawn(now) else state.word


def word_of_domain(state: DomainState, hosts: Iterable[State], now: float) -> str:
    """The state of a domain at a time, in one word. `hosts`: the states of its MX hosts."""
    if state.exchanges is None:
        return "pending"
    if state.withdrawn(now):
        return "stale"
    return verdicts.word_of(state, hosts)


@dataclass(frozen=True, slots=True)
class Filter:
    """What is asked for; empty: everything. Each attribute is a key of the query, and all have to match.

    `target`, `label` and `reason` match any part, whatever its case, unless something has exactly this name: then they
    mean only that.
    """

    state: str = ""
    find: str = ""
    """Words. Each is a part of the target, a label, the host, address, `host:port` or domain, or of a reason."""
    port: str = ""
    target: str = ""
    label: str = ""
    """`name=value`, or a name alone: any value."""
    reason: str = ""
    """Of a problem, or why it is untestable."""
    kind: str = ""
    """Which table is shown; empty: all of them."""
    group: str = ""
    sort: str = ""
    page: int = 1
    """Which part of a long table is shown."""
    whole: frozenset[str] = field(default=frozenset(), repr=False)
    """Of `target` and `label` those that something has exactly so: see `resolved`."""
    words: tuple[str, ...] = field(init=False, repr=False, compare=False)
    """Of `find`, in lower case."""
    reasons: frozenset[str] = field(init=False, repr=False, compare=False)
    """Those that `reason` means."""

    def __post_init__(self) -> None:
        """Read what many endpoints are compared with once."""
        object.__setattr__(self, "words", tuple(self.find.lower().split()))
        object.__setattr__(self, "reasons", reasons_of(self.reason))

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Self:
        """Read a query; keys that are not ours are left alone.

        Raises:
            ValueError: a value that nothing can have; says which.
        """
        asked = {key: query.get(key, "") for key in KEYS}
        for key, known in KNOWN.items():
            if asked[key] and asked[key] not in known:
                raise ValueError(f"{key}: no such {key}; it is one of {', '.join(known)}")
        for key, highest in NUMBERS.items():
            digits = asked[key].isascii() and asked[key].isdigit() and len(asked[key]) < 8
            if asked[key] and not (digits and 1 <= int(asked[key]) <= highest):
                raise ValueError(f"{key}: not a whole number from 1 to {highest}")
        for key in KEYS - KNOWN.keys() - NUMBERS.keys():
            if len(asked[key]) > MAX_TEXT:
                raise ValueError(f"{key}: longer than {MAX_TEXT} characters")
        if asked["reason"] and not reasons_of(asked["reason"]):
            raise ValueError(f"reason: no such reason; the names are {', '.join((*REASONS, *UNTESTABLE))}")
        given: dict[str, Any] = {**asked, "page": int(asked["page"] or 1)}
        return cls(**given)

    @property
    def narrow(self) -> bool:
        """Whether it leaves anything out, apart from states."""
        return bool(self.find or self.port or self.target or self.label or self.reason)

    def query(self, **other: str | int) -> str:
        """This as the query of a link, with `other` values in the place of its own; the first page unless named.

        Longer values are cut, because `of` refuses them: a part of a name finds it.
        """
        one = replace(self, **{"page": 1, **other})  # type: ignore[arg-type]  # the caller names our fields
        given = {key: value[:MAX_TEXT] if isinstance(value := getattr(one, key), str) else value for key in QUERY}
        return "?" + urlencode({k: v for k, v in given.items() if v and (k, v) != ("page", 1)}, errors="replace")

    def wants(self, endpoint: Endpoint, state: State, word: str, text: str = "") -> bool:
        """Whether an endpoint is asked for. `text`: its `text_of`, where that is at hand."""
        peer = endpoint.peer
        if self.port and self.port != str(peer.port):
            return False
        assessment = state.assessment
        return (
            (not self.state or self.state == word)
            and self.fits(endpoint.target, endpoint.labels)
            and self.has(assessment.problems, assessment.untestable)
            and (not self.words or self.finds((text or text_of(endpoint)) + text_of_reasons(state)))
        )

    def wants_domain(self, state: DomainState, word: str) -> bool:
        """Whether a domain is asked for. A domain has no port."""
        target = state.domain.target
        return (
            not self.port
            and (not self.state or self.state == word)
            and self.fits(target.name, target.labels)
            and self.has(state.problems)
            and (not self.words or self.finds(text_of_domain(state)))
        )

    def fits(self, target: str, labels: tuple[tuple[str, str], ...]) -> bool:
        """Whether target and labels are asked for."""
        if self.target and not self._is("target", target):
            return False
        return not self.label or any(self._is("label", *texts_of(*label)) for label in labels)

    def has(self, problems: tuple[Problem, ...], untestable: str | None = None) -> bool:
        """Whether one of these reasons is asked for."""
        return not self.reason or untestable in self.reasons or any(each.reason in self.reasons for each in problems)

    def finds(self, text: str) -> bool:
        """Whether all words are in a text of lower case."""
        return all(map(text.__contains__, self.words))

    def resolved(self, board: Board) -> "Filter":
        """Mean only what has exactly the name that is asked for, if anything on the board has."""
        if not (self.target or self.label):
            return self
        every = {(each.target, each.labels) for each in board.endpoints.snapshot()}
        every |= {(each.target.name, each.target.labels) for each in board.domains.snapshot()}
        labels = {text for _, labels in every for label in labels for text in texts_of(*label)}
        whole = {"target"} if any(target == self.target for target, _ in every) else set[str]()
        return replace(self, whole=frozenset(whole | ({"label"} if self.label in labels else set())))

    def _is(self, key: str, *texts: str) -> bool:
        """Whether one of these texts is what a key asks for."""
        asked: str = getattr(self, key)
        return asked in texts if key in self.whole else any(asked.lower() in text.lower() for text in texts)


def texts_of(name: str, value: str) -> tuple[str, str]:
    """What may be asked for of a label."""
    return name, f"{name}={value}"


def reasons_of(asked: str) -> frozenset[str]:
    """The reasons that `reason` means: the one of this name, or all whose names contain it."""
    known = (*REASONS, *UNTESTABLE)
    return frozenset([asked] if asked in known else [name for name in known if asked.lower() in name])


QUERY = tuple(each.name for each in fields(Filter) if each.repr)
"""The keys of a query, in the order of a link."""
KEYS = frozenset(QUERY)
ANYTHING = Filter()
"""All of them."""


def text_of(endpoint: Endpoint) -> str:
    """What `find` looks at of an endpoint, in lower case; no word is part of two lines."""
    peer, labels = endpoint.peer, "".join([f"{name}={value}\n" for name, value in endpoint.labels])
    host = f"[{peer.host}]" if ":" in peer.host else peer.host
    return f"{endpoint.target}\n{labels}{peer.address}\n{peer.host}\n{host}:{peer.port}\n".lower()


def text_of_reasons(state: State) -> str:
    """The part of it that changes."""
    assessment = state.assessment
    if not (assessment.problems or assessment.untestable):
        return ""
    return "\n".join([assessment.untestable or "", *(each.reason for each in assessment.problems)])


def text_of_domain(state: DomainState) -> str:
    """The same of a mail domain; its MX hosts are a part of it."""
    reasons = "\n".join(each.reason for each in state.problems)
    hosts = state.exchanges.hosts if state.exchanges else ()
    return f"{state.domain.domain}\n{text_of_hosts(state, hosts)}\n{reasons}".lower()


def text_of_hosts(state: DomainState, hosts: Iterable[tuple[int, str]]) -> str:
    """The part of it that many domains share."""
    target = state.domain.target
    labels = (f"{name}={value}" for name, value in target.labels)
    return "\n".join((target.name, *labels, *(host for _, host in hosts))).lower()
