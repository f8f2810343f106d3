"""The latest result of every peer and domain, what is wrong with it, counters. Forgets what the config dropped.

Everything that shows results (metrics, page, API) reads here; nothing but the roster writes. No I/O.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from exporter.checks import Assessment, assess
from exporter.model import Domain, Ended, Endpoint, Exchanges, Peer, Result
from exporter.reasons import Reason, Stage, Untestable

GRACE = 3600.0
"""After so long without a tested probe, being refused counts as a failure again (contract 5, Untestable)."""
EXCUSES = frozenset({Untestable.RATE_LIMITED, Untestable.CLIENT_BLOCKED})
NO_ANSWER = frozenset({Reason.DNS_FAILURE, Reason.DNS_TIMEOUT})
"""Critical ones of a domain: nothing new is known of its records."""
STALE_WAITS, STALE_SECONDS = 3, 180.0
"""A result older than 3 times the wait in force, and 3 minutes, is withdrawn (contract 4)."""


@dataclass(slots=True)
class State:
    """What is known of one peer. Endpoints that are alike share it."""

    peer: Peer
    wait: float
    """Seconds between probes in force; longer than the interval while backing off or crowded."""
    result: Result | None = None
    assessment: Assessment = field(default_factory=Assessment)
    probes: int = 0
    failures: int = 0
    consecutive_failures: int = 0
    since: float = 0.0
    """When the state or the primary reason changed last, Unix seconds."""
    last_tested: float = 0.0
    samples: tuple[tuple[tuple[str, str], ...], ...] | None = None
    """What `exposition` made of the result, by family; kept until the next one."""

    @property
    def word(self) -> str:
        """The state in one word: pending, ok, warning, critical or untestable."""
        if self.result is None:
            return "pending"
        if self.assessment.untestable:
            return "untestable"
        if self.assessment.primary:
            return "critical"
        return "warning" if self.assessment.problems else "ok"

    def withdrawn(self, now: float) -> bool:
        """Whether the result is too old to be shown."""
        return self.result is None or now - self.result.finished > max(STALE_WAITS * self.wait, STALE_SECONDS)


@dataclass(slots=True)
class DomainState:
    """What is known of one mail domain."""

    domain: Domain
    wait: float
    exchanges: Exchanges | None = None
    updated: float = 0.0

    def withdrawn(self, now: float) -> bool:
        """Whether the answer is too old to be shown."""
        return self.exchanges is None or now - self.updated > max(STALE_WAITS * self.wait, STALE_SECONDS)


@dataclass(frozen=True, slots=True)
class Change:
    """What a new result changed, for the log: the words and primary reasons before and after."""

    before: str
    after: str
    reason_before: str
    reason_after: str
    detail: str
    """What was seen of the problem that `reason_after` names."""


class Board:
    """States by peer, endpoints by label set, domains. Iterate over copies: a scrape is taken in slices."""

    def __init__(self) -> None:
        self.states: dict[Peer, State] = {}
        self.endpoints: dict[Endpoint, State] = {}
        self.domains: dict[Domain, DomainState] = {}
        self._shared: dict[Peer, int] = {}
        self._at: dict[tuple[str, str], dict[Endpoint, State]] = {}

    # --- what is there ------------------------------------------------------------------------------------------

    def add(self, endpoint: Endpoint) -> bool:
        """Take in an endpoint; True if its peer is new and must be probed."""
        peer = endpoint.peer
        if endpoint in self.endpoints:
            return False
        new = peer not in self.states
        if new:
            self.states[peer] = State(peer, peer.settings.interval)
        self.endpoints[endpoint] = self.states[peer]
        self._at.setdefault((endpoint.target, peer.host), {})[endpoint] = self.states[peer]
        self._shared[peer] = self._shared.get(peer, 0) + 1
        return new

    def remove(self, endpoint: Endpoint) -> bool:
        """Forget an endpoint; True if nobody needs its peer any more."""
        if self.endpoints.pop(endpoint, None) is None:
            return False
        place = endpoint.target, endpoint.peer.host
        del self._at[place][endpoint]
        if not self._at[place]:
            del self._at[place]
        self._shared[endpoint.peer] -= 1
        if self._shared[endpoint.peer]:
            return False
        del self._shared[endpoint.peer], self.states[endpoint.peer]
        return True

    def of_domain(self, domain: Domain) -> Iterator[State]:
        """The states of a domain's MX hosts."""
        state = self.domains.get(domain)
        for _, host in state.exchanges.hosts if state and state.exchanges else ():
            yield from self._at.get((domain.target.name, host), {}).values()

    # --- what was seen ------------------------------------------------------------------------------------------

    def record(self, result: Result) -> Change | None:
        """Take in a result; return what it changed, None where nothing or nobody asks for it any more."""
        state = self.states.get(result.peer)
        if state is None:
            return None
        before = state.word, _first(state.assessment)[0]
        state.result, state.assessment, state.samples = result, self._assess(state, result), None
        state.probes += 1
        success = state.assessment.success
        if success is not None:
            state.last_tested = result.finished
            state.failures += not success
            state.consecutive_failures = 0 if success else state.consecutive_failures + 1
        reason, detail = _first(state.assessment)
        if before == (state.word, reason):
            return None
        state.since = result.finished
        return Change(before[0], state.word, before[1], reason, detail)

    @staticmethod
    def _assess(state: State, result: Result) -> Assessment:
        state.last_tested = state.last_tested or result.started
        assessment = assess(result)
        if assessment.untestable in EXCUSES and result.finished - state.last_tested > GRACE:
            return assess(result, excuse=False)
        return assessment


def internal_error(peer: Peer, error: BaseException, now: float) -> Result:
    """Make the result of a probe that a mistake of ours ended."""
    return Result(peer, now, now, 0.0, {}, ended=Ended(Stage.INTERNAL, Reason.INTERNAL_ERROR, type(error).__name__))


def _first(assessment: Assessment) -> tuple[str, str]:
    """What the log names as the cause, the primary problem or why nothing can be said, and what was seen of it."""
    first = assessment.primary or next(iter(assessment.problems), None)
    reason = assessment.untestable or (first.reason if first else "")
    return str(reason), first.detail if first else ""
