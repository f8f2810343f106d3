"""What the page shows of mail domains: one row each, the worst first. What is wrong with their hosts are endpoints."""

from collections.abc import Iterator
from dataclasses import dataclass

from exporter.board import Board
from exporter.filters import STATES, Filter, word_of_domain
from exporter.page.text import mta_sts, mx, tlsrpt
from exporter.state import DomainState, State

DOMAINS = 25
"""Mail domains that are shown."""
COUNTED = 500
"""Mail domains looked at before others may run."""


@dataclass(frozen=True, slots=True)
class DomainRow:
    """One mail domain, as it was when the rows were sorted."""

    state: DomainState
    hosts: tuple[State, ...]
    """The endpoints of its MX hosts."""
    word: str

    @property
    def place(self) -> tuple[object, ...]:
        """Where it stands: the worst first, then by name."""
        domain = self.state.domain
        return STATES.index(self.word), domain.target.name, domain.domain

    @property
    def verdict(self) -> str:
        """How its hosts do, in a few words."""
        tested = [each.assessment.success for each in self.hosts if each.result]
        return (
            f"{tested.count(True)} of {len(self.hosts)} endpoint{'s' * (len(self.hosts) != 1)} well" if tested else ""
        )

    @property
    def said(self) -> dict[str, str]:
        """What its records say, by the name of each."""
        exchanges, policies = self.state.exchanges, self.state.policies
        return {
            "MX": mx(exchanges) if exchanges else "",
            "MTA-STS": mta_sts(policies) if policies else "",
            "TLS-RPT": tlsrpt(policies) if policies else "",
        }


def domain_rows(board: Board, now: float, wanted: Filter) -> Iterator[DomainRow | None]:
    """The domains asked for; None where others may run."""
    shared: dict[tuple[str, object], tuple[State, ...]] = {}  # many domains share their hosts
    for number, (domain, state) in enumerate(board.domains.snapshot().items(), 1):
        key = domain.target.name, state.exchanges.hosts if state.exchanges else ()
        if key not in shared:
            shared[key] = tuple(board.of_domain(state))
        word = word_of_domain(state, shared[key], now)
        if wanted.wants_domain(state, word):
            yield DomainRow(state, shared[key], word)
        if number % COUNTED == 0:
            yield None
