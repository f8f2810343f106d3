"""The pages of one endpoint and of one mail domain: what is wrong, why, since when, and how to see it by hand."""

from collections.abc import Iterator
from dataclasses import dataclass

from exporter.board import Board
from exporter.filters import ANYTHING, word_of_domain
from exporter.model import Endpoint
from exporter.page.by_hand import at, probe
from exporter.page.environment import HERE, Links, environment, pieces
from exporter.page.rows import Row
from exporter.state import DomainState
from exporter.verdicts import summary, word_of_records
from exporter.wording import mta_sts, tlsrpt

PERIODS = 20
"""Times in which it was not well that are listed, the latest first."""
SECURE = "DNSSEC vouches for the MX records: TLSA records of the hosts count"
NOT_SECURE = "DNSSEC does not vouch for the MX records: TLSA records of the hosts do not count"
ENDPOINTS = 100
"""Endpoints of an MX host, or of a port, that are shown."""


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
    if not rows:
        return []
    command = probe(at(host, port), links.config_file)
    template = environment().get_template("endpoint.html")
    return list(pieces(template.generate(
        rows=rows[:ENDPOINTS], count=len(rows), now=now, links=links, wanted=ANYTHING, command=command, most=PERIODS
    )))  # fmt: skip


@dataclass(frozen=True, slots=True)
class MxHost:
    """One MX host of a domain, and what is known of its endpoints."""

    name: str
    preference: int
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class DomainPage:
    """What is shown of one mail domain."""

    state: DomainState
    word: str
    reason: str
    hosts: tuple[MxHost, ...]

    @classmethod
    def of(cls, board: Board, state: DomainState, now: float) -> "DomainPage":
        """Look at a domain now."""
        states, target = tuple(board.of_domain(state)), state.domain.target
        hosts = tuple(
            MxHost(name, preference, tuple(
                Row.of(Endpoint(target.name, each.peer, target.labels), each, now)
                for each in states if each.peer.host == name
            ))
            for preference, name in (state.exchanges.hosts if state.exchanges else ())
        )  # fmt: skip
        return cls(state, word_of_domain(state, states, now), summary(state, states)[1], hosts)

    @property
    def hosts_fail(self) -> bool:
        """Its MX hosts make it what it is, not its records."""
        return self.word in {"critical", "untestable"} and word_of_records(self.state) != "critical"

    @property
    def records(self) -> Iterator[tuple[str, str]]:
        """What it publishes beside its MX records, in a sentence each."""
        exchanges, policies = self.state.exchanges, self.state.policies
        if policies:
            yield "MTA-STS", mta_sts(policies)
            yield "TLS-RPT", tlsrpt(policies)
        if exchanges:
            yield "DANE", SECURE if exchanges.secure else NOT_SECURE


def render_domain(board: Board, now: float, target: str | None, name: str, links: Links = HERE) -> list[str]:
    """Render the page of one mail domain, in pieces; there are none where it does not exist.

    Args:
        board: what to show.
        now: Unix seconds.
        target: its target; None: each that has it.
        name: the domain.
        links: where its links lead.
    """
    found = [
        DomainPage.of(board, state, now)
        for domain, state in board.domains.items()
        if domain.domain == name and target in {None, domain.target.name}
    ]
    if not found:
        return []
    command = probe(f"--domain={name}", links.config_file)
    template = environment().get_template("domain.html")
    return list(pieces(template.generate(
        found=found, name=name, now=now, links=links, wanted=ANYTHING, command=command, most=PERIODS
    )))  # fmt: skip
