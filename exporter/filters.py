"""Which endpoints and domains are asked for, in the words that the status page and the JSON share in their queries.

A state is one word: that of the latest result, or `stale` once the result is too old to tell anything. Pure: reads
states, shows nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Self
from urllib.parse import urlencode

from exporter.families import readers
from exporter.model import Endpoint, Problem
from exporter.reasons import REASONS, UNTESTABLE
from exporter.state import DomainState, State

STATES = ("critical", "stale", "untestable", "warning", "pending", "ok")
"""What an endpoint or domain can be, the worst first."""


def word_of(state: State, now: float) -> str:
    """The state of an endpoint at a time, in one word."""
    return "stale" if state.result and state.withdrawn(now) else state.word


def word_of_domain(state: DomainState, hosts: Iterable[State], now: float) -> str:
    """The state of a domain at a time, in one word. `hosts`: the states of its MX hosts."""
    if state.exchanges is None:
        return "pending"
    if state.withdrawn(now):
        return "stale"
    hosts = tuple(hosts)
    success = next((bool(value) for _, value in readers.domain_success(state, hosts)), None)
    if success is None:
        return "untestable" if any(host.assessment.untestable for host in hosts) else "pending"
    if not success:
        return "critical"
    return "warning" if state.problems else "ok"


@dataclass(frozen=True, slots=True)
class Filter:
    """What is asked for; empty: whatever. One attribute is one key of the query, and all have to fit."""

    state: str = ""
    find: str = ""
    """A part of target, host, address or host:port, whatever its case."""
    port: str = ""
    target: str = ""
    label: str = ""
    """`name=value`, or a name alone: any value."""
    reason: str = ""
    """A problem's reason, or why it is untestable."""
    page: int = 1
    """Which part of a long list is shown."""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Self:
        """Read a query; keys that are not ours are left alone.

        Raises:
            ValueError: a value that no endpoint can have; says which.
        """
        asked = {each.name: query.get(each.name, "") for each in fields(cls)}
        for key, known in (("state", STATES), ("reason", (*REASONS, *UNTESTABLE))):
            if asked[key] and asked[key] not in known:
                raise ValueError(f"{key}: there is none of this name; it is one of {', '.join(known)}")
        for key, highest in (("port", 65535), ("page", 10**6)):
            digits = asked[key].isascii() and asked[key].isdigit() and len(asked[key]) < 8
            if asked[key] and not (digits and 1 <= int(asked[key]) <= highest):
                raise ValueError(f"{key}: not a whole number from 1 to {highest}")
        return cls(**{key: value for key, value in asked.items() if key != "page"}, page=int(asked["page"] or 1))

    def query(self, **other: str | int) -> str:
        """This as the query of a link, with `other` values in the place of its own; the first page unless named."""
        one = replace(self, **{"page": 1, **other})  # type: ignore[arg-type]  # the caller names our fields
        given = {each.name: getattr(one, each.name) for each in fields(one)}
        return "?" + urlencode({k: v for k, v in given.items() if v and (k, v) != ("page", 1)}, errors="replace")

    def wants(self, endpoint: Endpoint, state: State, word: str) -> bool:
        """Whether an endpoint is asked for."""
        peer = endpoint.peer
        if self.port and self.port != str(peer.port):
            return False
        if not self._fits(word, endpoint.target, endpoint.labels):
            return False
        assessment = state.assessment
        return self._has(assessment.problems, assessment.untestable) and (
            not self.find or self._finds(endpoint.target, peer.host, peer.address, f"{peer.host}:{peer.port}")
        )

    def wants_domain(self, state: DomainState, word: str) -> bool:
        """Whether a domain is asked for. A domain has no port."""
        target, domain = state.domain.target, state.domain.domain
        return (
            not self.port
            and self._fits(word, target.name, target.labels)
            and self._has(state.problems)
            and (not self.find or self._finds(target.name, domain))
        )

    def _fits(self, word: str, target: str, labels: tuple[tuple[str, str], ...]) -> bool:
        if (self.state and self.state != word) or (self.target and self.target != target):
            return False
        name, has_value, value = self.label.partition("=")
        return not name or any(name == key and (not has_value or value == its) for key, its in labels)

    def _has(self, problems: tuple[Problem, ...], untestable: str | None = None) -> bool:
        return not self.reason or self.reason == untestable or any(each.reason == self.reason for each in problems)

    def _finds(self, *texts: str) -> bool:
        return self.find.strip().lower() in " ".join(texts).lower()


ANYTHING = Filter()
"""All of them."""
