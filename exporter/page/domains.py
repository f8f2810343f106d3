"""One mail domain on a page: what its records say, and how its MX hosts do."""

from dataclasses import dataclass

from exporter.page.groups import Wrong, wrong_with_domain
from exporter.page.order import DomainEntry
from exporter.state import DomainState, State
from exporter.wording import how_many_healthy, records


@dataclass(frozen=True, slots=True)
class DomainRow:
    """One mail domain, as it was when the rows were sorted."""

    state: DomainState
    hosts: tuple[State, ...]
    """The endpoints of its MX hosts."""
    word: str
    wrong: tuple[Wrong, ...] = ()
    """What is wrong: (state, reason, what was seen)."""
    link: str = ""
    """The path and query of its page."""

    @classmethod
    def of(cls, entry: DomainEntry, word: str) -> "DomainRow":
        """Show an entry."""
        return cls(entry.state, entry.hosts.states, word, tuple(wrong_with_domain(entry, word)), entry.link)

    @property
    def verdict(self) -> str:
        """How its hosts do, in a few words."""
        return how_many_healthy(self.hosts)

    @property
    def said(self) -> dict[str, str]:
        """What its records say, by the name of each."""
        return records(self.state)
