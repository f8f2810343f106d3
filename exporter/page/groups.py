"""What is wrong, in groups: all that has one reason, or all on one host. Bounded: of each group a few examples."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from heapq import nsmallest

from exporter.filters import STATES, Filter
from exporter.page.order import DomainEntry, EndpointEntry, Entry
from exporter.reasons import REASONS, UNTESTABLE, Reason, Untestable, UntestableRow
from exporter.reasons import Row as Help
from exporter.state import State

EXAMPLES = 5
"""Endpoints or domains that are named with a group."""
OPEN = 3
"""Groups that are open at first."""
MOST = 25
"""Groups that are shown."""
RANK = {state: rank for rank, state in enumerate(STATES)}
NO_MX = "no MX host works"
"""In the place of a reason: why a domain takes no mail whose own records are good."""
OWN_HELP = {
    "stale": UntestableRow(
        "The last result is too old: no probe has finished for three intervals.",
        "The health of the agent, at the end of this page; its log; whether this machine was asleep.",
    ),
    NO_MX: UntestableRow(
        "Every MX host of the domain fails, so it receives no mail.",
        "The MX hosts that are named here: they are endpoints, each with its own reason.",
    ),
}
Wrong = tuple[str, str, str]
"""A state, a reason, and what was seen."""


def help_for(state: str, reason: str) -> Help | UntestableRow:
    """What a reason means, and what to check."""
    if reason in OWN_HELP:
        return OWN_HELP[reason]
    return UNTESTABLE[Untestable(reason)] if state == "untestable" else REASONS[Reason(reason)]


def wrong_with(state: State, word: str) -> Iterator[Wrong]:
    """What is wrong with an endpoint. Of one that cannot be tested, only why."""
    assessment = state.assessment
    if word == "stale":
        yield "stale", "stale", ""
    elif assessment.untestable:
        yield "untestable", assessment.untestable, next((each.detail for each in assessment.problems), "")
    else:
        for each in assessment.problems:
            yield each.severity, each.reason, each.detail


def wrong_with_domain(entry: DomainEntry, word: str) -> Iterator[Wrong]:
    """What is wrong with a domain: that its MX hosts fail, where its records are good, and what is wrong with those."""
    hosts = entry.hosts
    if word == "stale":
        yield "stale", "stale", ""
        return
    if word == "critical" and entry.records != "critical":
        yield "critical", NO_MX, hosts.detail
    elif word == "untestable":
        yield "untestable", hosts.reason, hosts.detail
    for each in entry.state.problems if entry.records != "ok" else ():
        yield each.severity, each.reason, each.detail


@dataclass(frozen=True, slots=True)
class Example:
    """One endpoint or domain of a group."""

    entry: Entry
    state: str
    reason: str
    detail: str

    @property
    def help(self) -> Help | UntestableRow:
        """What it means, and what to check."""
        return help_for(self.state, self.reason)


@dataclass(slots=True)
class Group:
    """Everything that has one reason, or everything on one host."""

    kind: str
    """That of its members; empty: of any."""
    state: str
    """That of the worst member."""
    name: str
    """The reason or host."""
    number: int = 0
    """Members."""
    since: float = 0.0
    """Since when the first of them is in its state, Unix seconds; 0: not known."""
    examples: list[Example] = field(default_factory=list)

    @property
    def help(self) -> Help | UntestableRow | None:
        """What its reason means, and what to check; None: a group of several reasons."""
        return help_for(self.state, self.name) if self.kind else None

    @property
    def place(self) -> tuple[object, ...]:
        """Where it stands: the worst first, of those domains, then what concerns most."""
        return RANK[self.state], self.kind != "domain", -self.number, self.name

    def count(self, since: float) -> None:
        """Count one more member, and since when it is in its state."""
        self.number += 1
        if since and not 0 < self.since <= since:
            self.since = since


class Groups:
    """What is wrong with everything that is asked for."""

    def __init__(self, wanted: Filter) -> None:
        self._wanted = wanted
        self._by_host = wanted.group == "host"
        self._found: dict[tuple[str, str, str], Group] = {}

    def add_endpoint(self, entry: EndpointEntry, word: str) -> None:
        """Take in what is wrong with an endpoint."""
        self._add("endpoint", entry, wrong_with(entry.state, word), entry.key.peer.host)

    def add_domain(self, entry: DomainEntry, word: str) -> None:
        """Take in what is wrong with a domain. It belongs to its first MX host where the hosts are what is wrong."""
        hosts = entry.hosts
        if word == "stale" or entry.records != "ok" or not hosts.states:
            self._add("domain", entry, wrong_with_domain(entry, word), entry.name)
        elif isinstance(hosts.group, Group) and len(hosts.group.examples) >= EXAMPLES:  # as the others of these hosts
            hosts.group.number += 1
        else:
            hosts.group = self._add("domain", entry, wrong_with_domain(entry, word), hosts.states[0].peer.host)

    def shown(self) -> list[Group]:
        """The worst groups."""
        return nsmallest(MOST, self._found.values(), key=lambda group: group.place)

    def __len__(self) -> int:
        """How many groups there are."""
        return len(self._found)

    def _add(self, kind: str, entry: Entry, wrong: Iterable[Wrong], host: str) -> Group | None:
        """Add an entry to the groups of its reasons, or once to that of its host."""
        group = None
        for state, reason, detail in wrong:
            if self._wanted.reason and reason not in self._wanted.reasons:
                continue
            known = group is not None and self._by_host
            key = ("", "", host) if self._by_host else (kind, state, reason)
            if (group := self._found.get(key)) is None:
                group = self._found[key] = Group(key[0], state, key[2])
            if not known:
                group.count(entry.since)
            if RANK[state] < RANK[group.state]:
                group.state = state
            if len(group.examples) < EXAMPLES:
                group.examples.append(Example(entry, state, reason, detail))
        return group
