"""The latest result of every peer and domain, what is wrong with it, counters. Forgets what the config dropped.

Everything that shows results (metrics, page, API) reads here; nothing but the roster writes. No I/O.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from exporter import churn, outcomes, verdicts
from exporter.checks import assess
from exporter.checks.demands import strictest
from exporter.checks.history import STEADY, History, after_probe, starttls_offered
from exporter.egress import Egress, Vote, Way, vote_of
from exporter.failure import Failure, keep
from exporter.lending import Lendable
from exporter.model import NO_DEMANDS, Demands, Domain, Endpoint, Peer, Result
from exporter.reasons import Reason, Untestable
from exporter.state import Change, DomainState, State, held

GRACE = 3600.0
"""After so long without a tested probe, being refused counts as a failure again."""
EXCUSES = frozenset({Untestable.RATE_LIMITED, Untestable.CLIENT_BLOCKED})
ANEW, SOME = 50, 500
"""Endpoints assessed, and votes looked at, before others may run: a millisecond."""


class Board:
    """States by peer, endpoints by label set, domains. Who goes through them in slices takes a snapshot.

    `on_egress` is told when it changes whether a port looks blocked from here (None: it cannot be told), `on_change` of
    each endpoint whose state that changes. There may be thousands: `soon` calls what looks at the next of them, after
    others ran. `on_result` is told of each state that has a new result.
    """

    def __init__(
        self,
        egress: Egress | None = None,
        *,
        on_egress: Callable[[Way, bool | None], None] = lambda _way, _blocked: None,
        on_change: Callable[[State, Change], None] = lambda _state, _change: None,
        on_result: Callable[[State], None] = lambda _state: None,
        soon: Callable[[Callable[[], None]], object] = lambda call: call(),
    ) -> None:
        self.egress = egress or Egress()
        self._on_result = on_result
        self._on_egress, self._on_change, self._soon = on_egress, on_change, soon
        self._anew: deque[State] = deque()
        self.states: dict[Peer, State] = {}
        self.endpoints = Lendable[Endpoint, State]()
        self.domains = Lendable[Domain, DomainState]()
        self.rotating: dict[tuple[str, str], float] = {}
        """Targets and hosts whose addresses rotate, and until when that holds unless they do so again, Unix seconds."""
        self._shared: Counter[Peer] = Counter()
        self._users: Counter[Endpoint] = Counter()
        self._at: dict[tuple[str, str], dict[Endpoint, State]] = {}
        self._demands: dict[tuple[str, str], Demands] = {}

    # --- what is there ------------------------------------------------------------------------------------------

    def add(self, endpoint: Endpoint) -> bool:
        """Take in an endpoint, possibly once more; True if its peer is new and must be probed."""
        peer = endpoint.peer
        self._users[endpoint] += 1
        if endpoint in self.endpoints:
            return False
        new = peer not in self.states
        if new:
            self.states[peer] = State(peer, peer.settings.interval)
        self.endpoints[endpoint] = self.states[peer]
        self.states[peer].targets[endpoint.target] += 1
        self._at.setdefault((endpoint.target, peer.host), {})[endpoint] = self.states[peer]
        self._shared[peer] += 1
        return new

    def target_of(self, peer: Peer) -> str:
        """The target of a peer, the first where several have it in common; empty where it is gone."""
        state = self.states.get(peer)
        return next(iter(state.targets), "") if state else ""

    def twin(self, endpoint: Endpoint) -> Endpoint | None:
        """Another endpoint whose labels are the same though it is probed otherwise: only one of them has series."""
        place, address, port = (endpoint.target, endpoint.peer.host), endpoint.peer.address, endpoint.peer.port
        alike = (each for each in self._at.get(place, ()) if (each.peer.address, each.peer.port) == (address, port))
        return next((each for each in alike if each != endpoint and each.labels == endpoint.labels), None)

    def inherit(self, heir: Peer, of: Peer) -> None:
        """Let a new peer go on with the series of another that is probed otherwise and is about to go.

        Its counters go on; until the heir is probed it shows what was seen last.
        """
        old, new = self.states[of], self.states[heir]
        new.inherit(old)
        if old.result:
            new.result, new.wait = replace(old.result, peer=heir), max(old.wait, new.wait)
            new.assessment = old.assessment
            self.vote(heir, vote_of(heir, new.result))

    def remove(self, endpoint: Endpoint) -> bool:
        """Forget an endpoint, once for each time it was added; True if nobody needs its peer any more."""
        if endpoint not in self.endpoints:
            return False
        self._users[endpoint] -= 1
        if self._users[endpoint]:
            return False
        del self.endpoints[endpoint], self._users[endpoint]
        place = endpoint.target, endpoint.peer.host
        self.states[endpoint.peer].targets -= Counter([endpoint.target])
        del self._at[place][endpoint]
        if not self._at[place]:
            del self._at[place]
        self._shared[endpoint.peer] -= 1
        if self._shared[endpoint.peer]:
            return False
        del self._shared[endpoint.peer], self.states[endpoint.peer]
        self.vote(endpoint.peer, None)
        return True

    def of_domain(self, state: DomainState) -> Iterator[State]:
        """The states of a domain's MX hosts, also of one that is gone meanwhile."""
        for _, host in state.exchanges.hosts if state.exchanges else ():
            yield from self._at.get((state.domain.target.name, host), {}).values()

    # --- what was seen ------------------------------------------------------------------------------------------

    def record(self, result: Result) -> Change | None:
        """Take in a result; return what it changed, None where nothing or nobody asks for it any more."""
        state = self.states.get(result.peer)
        if state is None:
            return None
        told, last = state.told, state.result
        state.result = result
        self.vote(result.peer, vote_of(result.peer, result))
        self._assess_anew(state, result)
        state.probes += 1
        success = state.assessment.success
        if success is not None:
            state.failures += not success
            state.consecutive_failures = 0 if success else state.consecutive_failures + 1
        else:
            state.untestable += 1
        if state.say_anew(told) or state.churn:
            state.churn = churn.after_probe(state.churn, last, result)
        if not success:
            state.last_failures = keep(Failure.of(result, *state.cause), state.last_failures)
        change = state.change(result.finished)
        state.outcomes = outcomes.after(state.outcomes, state.logged, result.finished, held(state.wait))
        self._on_result(state)
        return change

    def record_domain(self, state: DomainState) -> None:
        """Take in how a domain does now that DNS was asked: its records, and the last results of its hosts."""
        summary = verdicts.summary(state, tuple(self.of_domain(state)))
        if summary in outcomes.CODES:
            state.outcomes = outcomes.after(state.outcomes, summary, state.updated, held(state.wait))

    def _assess_anew(self, state: State, result: Result) -> None:
        """Ask the checks about a new result, and remember what it says of STARTTLS. A refusal of us says nothing."""
        offered, before = starttls_offered(result), state.offers
        if offered is not None:
            state.offers = after_probe(before, offered=offered)
        self._assess(state, result)
        if offered:
            state.starttls_offered = result.finished
        if offered is None or state.offers is STEADY:
            return
        withdrawn = any(each.reason is Reason.STARTTLS_WITHDRAWN for each in state.assessment.problems)
        if state.assessment.untestable:
            state.offers = before
        elif withdrawn != before.withdrawn:
            state.offers = replace(state.offers, withdrawn=withdrawn)

    def _assess(self, state: State, result: Result) -> None:
        """Ask the checks. A refusal is an excuse for an hour after the last probe that was tested, then no more."""
        state.last_tested = state.last_tested or result.started
        known = self._history(state, result)
        assessment = assess(result, known)
        if assessment.untestable is None:
            state.last_tested = result.finished
        elif assessment.untestable in EXCUSES and result.finished - state.last_tested > GRACE:
            assessment = assess(result, known, excuse=False)
        state.assessment = assessment

    def _history(self, state: State, result: Result) -> History:
        """What is known beside the result: its past, its siblings, and whether its way out is blocked."""
        peer = state.peer
        siblings = {
            other.peer: other.result
            for target in state.targets
            for other in self._at[target, peer.host].values()
            if other is not state and other.result and not other.withdrawn(result.finished)
        }
        demands = strictest(self._demands.get((target, peer.host), NO_DEMANDS) for target in state.targets)
        blocked = self.egress.excuses(peer)
        return History(state.starttls_offered, tuple(siblings.values()), blocked, demands, state.offers)

    def demand(self, target: str, host: str, demands: Demands) -> None:
        """Take in what policies ask of the endpoints of a target's host from now on; look at them anew."""
        if demands == self._demands.get((target, host), NO_DEMANDS):
            return
        self._demands[target, host] = demands
        if demands == NO_DEMANDS:
            del self._demands[target, host]
        self._look_anew(self._at.get((target, host), {}).values())

    def vote(self, voter: Peer, vote: Vote | None) -> None:
        """Record whether a voter could connect; where that changes a verdict, assess the voters again."""
        if self.egress.cast(voter, vote):
            self._judge_ways(voter, vote_came=vote is not None)

    def require(self, *, min_hosts: int, min_networks: int) -> None:
        """Ask for so many hosts and networks from now on before a port looks blocked."""
        self.egress.require(min_hosts=min_hosts, min_networks=min_networks)
        self._judge_ways(None)

    def _judge_ways(self, caster: Peer | None, *, vote_came: bool = True) -> None:
        """Judge which ports are blocked. Nobody is told of what a vote that goes changes."""
        for way, blocked in self.egress.judge(vote_came=vote_came):
            if vote_came:
                self._on_egress(way, blocked)
            others = (self.states.get(each) for each in self.egress.voters(way) if each != caster)
            self._look_anew(each for each in others if each)

    def look_at_all(self) -> None:
        """Assess every result once more: what the others have told meanwhile may say something else of it."""
        for state in tuple(self.states.values()):
            self._look_anew((state,))

    def _look_anew(self, states: Iterable[State]) -> None:
        """Assess some by what is known now beside their results: it holds, or holds no more, from now on."""
        idle = not self._anew
        self._anew.extend(states)
        if idle and self._anew:
            self._look_on()

    def _look_on(self) -> None:
        try:
            for _ in range(min(ANEW, len(self._anew))):
                state = self._anew.popleft()
                if (result := state.result) and self.states.get(state.peer) is state:
                    told = state.told
                    self._assess(state, result)
                    state.say_anew(told)
                    if change := state.change(result.finished):
                        self._on_change(state, change)
        finally:  # a mistake of ours must not keep the others waiting for ever
            if self._anew:
                self._soon(self._look_on)

    def expire_votes(self, now: float) -> Iterator[None]:
        """Take back the votes of results that are withdrawn: what was seen long ago tells nothing of today.

        In steps between which others may run; who is overlooked because of them is seen the next time.
        """
        start = 0
        while voters := self.egress.all_voters(start, start + SOME):
            late = [each for each in voters if (state := self.states.get(each)) and state.withdrawn(now)]
            for voter in late:
                self.vote(voter, None)
            start += len(voters) - len(late)
            yield

    def blocked_ways(self) -> Iterator[tuple[Way, bool]]:
        """The ways of which it can be told whether they are blocked."""
        for way in self.egress.ways():
            if (blocked := self.egress.blocked(way)) is not None:
                yield way, blocked
