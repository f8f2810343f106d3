"""What is known of one peer, and of one mail domain, and for how long. Data: who changes it is the board. No I/O."""

from collections import Counter
from dataclasses import dataclass, field, fields
from math import inf
from operator import attrgetter

from exporter.checks import Assessment, refuses_client
from exporter.checks.history import NEVER_ASKED, Offers
from exporter.churn import Churn, Hidden, with_seen
from exporter.failure import Failure
from exporter.model import Domain, Exchanges, Fetched, Peer, Policies, Problem, Result
from exporter.reasons import Reason

NO_ANSWER = frozenset({Reason.DNS_FAILURE, Reason.DNS_TIMEOUT, Reason.DNSSEC_INVALID})
"""Critical ones of a domain: nothing new is known of its records."""
STALE_WAITS, STALE_SECONDS = 3, 180.0
"""A result older than 3 times the wait in force, and 3 minutes, is withdrawn."""
CONFIRMATIONS = 2
"""Probes that confirm a first failure."""
TIMES = {"started", "finished", "duration", "stages", "steps"}
"""What of a result differs though the same was seen."""
_seen = attrgetter(*(field.name for field in fields(Result) if field.name not in TIMES))


def held(wait: float) -> float:
    """How many seconds a result is shown."""
    return max(STALE_WAITS * wait, STALE_SECONDS)


@dataclass(slots=True)
class State:
    """What is known of one peer. Endpoints that are alike share it."""

    peer: Peer
    wait: float
    """Seconds until the next probe, as in force: the interval; longer while backing off or crowded, shorter while a
    failure is confirmed."""
    targets: Counter[str] = field(default_factory=Counter)
    """The targets that have it as an endpoint."""
    result: Result | None = None
    assessment: Assessment = field(default_factory=Assessment)
    probes: int = 0
    failures: int = 0
    untestable: int = 0
    """Probes that ended untestable."""
    consecutive_failures: int = 0
    since: float = 0.0
    """When the state or the primary reason changed last, Unix seconds."""
    logged: tuple[str, str] = ("pending", "")
    """Its `summary` then."""
    last_tested: float = 0.0
    starttls_offered: float | None = None
    """When it offered STARTTLS last, Unix seconds."""
    offers: Offers = NEVER_ASKED
    """Whether it offered STARTTLS in the last probes."""
    last_failures: tuple[Failure, ...] = ()
    """The last probes that failed, and some that were untestable, the latest first; a success takes none away."""
    outcomes: bytes = b""
    """Its last outcomes (`outcomes`)."""
    churn: Churn = ()
    """How its info labels changed within the last hour."""
    samples: tuple[str, ...] | None = None
    """What `exposition` wrote of it, by family; None where it says something else now."""
    unstable: Hidden = ()
    """The info labels that `samples` call unstable."""
    repeated: bool = False
    """A probe since `samples` were written has seen the same: what is to be written anew is `fleeting`."""
    read: bool = False
    """Somebody has read `samples` since the last result."""

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

    @property
    def cause(self) -> tuple[str, str]:
        """What the log names: why nothing can be said, or else the first problem; and what was seen of it."""
        assessment = self.assessment
        first = assessment.primary or next(iter(assessment.problems), None)
        reason = assessment.untestable or (first.reason if first else "")
        return str(reason), first.detail if first else ""

    @property
    def told(self) -> tuple[object, ...]:
        """What there is to say of it, but for counts and times that change with every probe."""
        result = self.result
        return self.assessment, self.untestable, result and (_seen(result), tuple(result.stages))

    @property
    def summary(self) -> tuple[str, str]:
        """The state and its cause, a word each: where one is another, that is a change."""
        return self.word, self.cause[0]

    @property
    def confirm(self) -> float:
        """Seconds after which its last probe is to be confirmed; inf: it need not be.

        A server that refuses us is left alone, also where that has been no excuse for long.
        """
        doubtful = self.assessment.success is False and self.consecutive_failures <= CONFIRMATIONS
        if not doubtful or self.result is None or refuses_client(self.result):
            return inf
        return self.peer.settings.confirm_interval or inf

    def waits(self, wait: float) -> None:
        """Note the wait in force from now on."""
        if wait != self.wait:
            self.wait, self.samples = wait, None

    def say_anew(self, told: tuple[object, ...]) -> bool:
        """Note what is to be written anew, for this is what there was to say of it. True if it says something else."""
        self.repeated = True
        changed = told != self.told
        if changed:
            self.samples = None
        return changed

    def withdrawn(self, now: float) -> bool:
        """Whether the result is too old to be shown."""
        return self.result is None or now - self.result.finished > held(self.wait)

    def change(self, at: float) -> "Change | None":
        """Another state or primary reason than at the last change, None if it is the same; since when is noted."""
        before, after = self.logged, self.summary
        if before == after:
            return None
        self.since, self.logged = at, after
        return Change(before[0], self.word, before[1], *self.cause)

    def inherit(self, of: "State") -> None:
        """Go on where another state ended."""
        for name in HERITAGE:
            setattr(self, name, getattr(of, name))

    @property
    def without_result(self) -> "State":
        """What is worth remembering of it once it is no longer probed."""
        kept = State(self.peer, self.wait)
        kept.inherit(self)
        kept.churn = with_seen(self.churn, self.result)
        return kept


HERITAGE = ("probes", "failures", "untestable", "consecutive_failures", "since", "logged", "last_tested",
            "starttls_offered", "offers", "last_failures", "outcomes", "churn")  # fmt: skip
"""What stays of a state where its endpoint stays and its settings change, and where its address leaves and returns."""


@dataclass(slots=True)
class DomainState:
    """What is known of one mail domain."""

    domain: Domain
    wait: float
    exchanges: Exchanges | None = None
    updated: float = 0.0
    policies: Policies | None = None
    fetched: Fetched | None = None
    """What is held of its MTA-STS policy."""
    refused: frozenset[str] = frozenset()
    """MX hosts that its policy, in mode enforce, does not list."""
    logged: tuple[Reason, ...] = ()
    """What was wrong with it when that was logged last."""
    outcomes: bytes = b""
    """Its last outcomes (`outcomes`), one for each time that DNS was asked."""
    labels: str = ""
    """Its labels as `exposition` wrote them."""
    samples: tuple[str, ...] | None = None
    """What `exposition` wrote of it, by family."""
    written_of: tuple[Exchanges | None, Policies | None] = (None, None)
    """Of what it wrote that."""

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with its records and policy; what fails for both is told once."""
        found = self.exchanges.problems if self.exchanges else ()
        more = self.policies.problems if self.policies else ()
        if not more:
            return found
        told = {each.reason for each in found}
        return (*found, *(each for each in more if each.reason not in told))

    def withdrawn(self, now: float) -> bool:
        """Whether the answer is too old to be shown."""
        return self.exchanges is None or now - self.updated > held(self.wait)


@dataclass(frozen=True, slots=True)
class Change:
    """What a new result changed, for the log: the words and primary reasons before and after."""

    before: str
    after: str
    reason_before: str
    reason_after: str
    detail: str
    """What was seen of the problem that `reason_after` names."""
