"""Agents simulated as sources of metrics: what Prometheus scrapes of them, minute by minute.

The series are those of the contract (sections 4, 5 and 13), not of an implementation: a fact that a probe did not reach
is absent, a restart begins counters anew, a result that is too old is withdrawn but for timestamp and counters.
"""

import heapq
import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from exporter.reasons import Reason, Stage
from tests.deploy.stories.outcomes import FOREVER, GOOD, QUICK, SECONDS, Outcome, Script, Span, scripted

DAY = 86400
ALWAYS: tuple[Span, ...] = ((0, FOREVER),)
REMEMBERED = 3600.0
"""Seconds for which the counters of an address that left are kept."""
CONFIRMATIONS = 2
"""Probes that confirm a first failure, sooner than the interval (contract, section 13)."""
STALE_WAITS, STALE_SECONDS = 3, 180.0

Labels = Mapping[str, str]
Addresses = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Certificate:
    """Days left at the beginning of the story, and the lifetime in days."""

    left: float = 60
    lifetime: float = 90
    min_days_left: float = 0
    trusted: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Host:
    """A mail server: a script for each port, or for each address of it."""

    name: str
    ports: Mapping[int, Script | Outcome | Mapping[str, Script | Outcome]]
    addresses: Addresses | Callable[[float], Addresses] = ("192.0.2.1",)
    """What DNS says; by the minute where it changes."""
    target: str = ""
    interval: float = 60
    labels: Labels = field(default_factory=dict)
    certificate: Certificate = Certificate()
    trusted: tuple[int, ...] = (465, 587)
    closed: tuple[int, ...] = ()
    """Ports that should be closed."""
    configured: Span = (0, FOREVER)
    confirms: bool = True
    """False: `confirm_interval: off`."""
    stalled: tuple[Span, ...] = ()
    """When the agent does not probe it, for a mistake of its own."""
    greets_after: float = 0.05

    def script(self, port: int, address: str) -> Script:
        """The script of an endpoint."""
        found = self.ports[port]
        return scripted(found.get(address, GOOD) if isinstance(found, Mapping) else found)

    def known(self, minute: float) -> Addresses:
        """What DNS says in a minute."""
        return self.addresses(minute) if callable(self.addresses) else self.addresses


@dataclass(frozen=True, slots=True)
class Domain:
    """A mail domain; its MX hosts are hosts of the agent with the same target. Problems hold in spans of minutes."""

    name: str
    mx: tuple[str, ...]
    target: str = ""
    problems: Mapping[tuple[Reason, str], tuple[Span, ...]] = field(default_factory=dict)
    labels: Labels = field(default_factory=dict)
    sts: str = ""
    """The mode of its MTA-STS policy."""


@dataclass(frozen=True, slots=True)
class Agent:
    """One agent, the spans in which its process runs, and those in which Prometheus knows of it."""

    hosts: tuple[Host, ...] = ()
    domains: tuple[Domain, ...] = ()
    instance: str = "agent:10225"
    runs: tuple[Span, ...] = ALWAYS
    listed: tuple[Span, ...] = ALWAYS
    lost: Callable[[int], bool] = lambda minute: False
    """Whether the scrape of a minute fails."""
    hangs: tuple[Span, ...] = ()
    """When it answers scrapes and probes nothing."""
    blocked: Mapping[tuple[int, str], tuple[Span, ...]] = field(default_factory=dict)
    scraped: Labels = field(default_factory=dict)
    """Labels that the scrape configuration adds."""
    honor_labels: bool = True
    job: str = "smtp-exporter"
    own: Mapping[str, float] = field(default_factory=dict)
    """Other values of the agent's own metrics."""


@dataclass(slots=True)
class Known:
    """An endpoint's state after a probe."""

    outcome: Outcome = GOOD
    finished: float = 0
    duration: float = QUICK
    wait: float = 60
    probes: int = 0
    failures: int = 0
    untestable: int = 0
    in_a_row: int = 0
    gone: float = FOREVER


Endpoint = tuple[Host, int, str]


def within(minute: float, spans: Sequence[Span]) -> bool:
    """Whether a minute is in one of the spans."""
    return any(start <= minute < end for start, end in spans)


def confirm_interval(interval: float) -> float:
    """The default of the key (contract, section 13)."""
    return min(max(interval / 4, 15), interval)


def probed(before: Known, outcome: Outcome, start: float, host: Host) -> Known:
    """Count one probe."""
    taken = next((SECONDS[each] for each in (outcome.reason, *outcome.warnings) if each in SECONDS), QUICK)
    failed, tested = outcome.reason is not None, outcome.untestable is None
    in_a_row = (before.in_a_row + 1 if failed else 0) if tested else before.in_a_row
    sooner = failed and in_a_row <= CONFIRMATIONS and host.confirms
    wait = confirm_interval(host.interval) if sooner else host.interval
    return Known(
        outcome, start + taken, taken, wait, before.probes + 1, before.failures + failed,
        before.untestable + (not tested), in_a_row,
    )  # fmt: skip


def history(host: Host, port: int, agent: Agent, run: Span, first: float) -> dict[str, list[Known]]:
    """Probe one port of a host while a process runs: the states of each address. Every probe asks DNS anew."""
    start, end = max(run[0], host.configured[0]) * 60, min(run[1], host.configured[1]) * 60
    states: dict[str, list[Known]] = defaultdict(list)
    due = [(start + first + n, address) for n, address in enumerate(host.known(start / 60) or ("",))]
    places = {address: at for at, address in due}
    while due:
        at, address = heapq.heappop(due)
        if at >= end:
            continue
        if hangs := [b for a, b in (*agent.hangs, *host.stalled) if a <= at / 60 < b]:
            heapq.heappush(due, (hangs[0] * 60, address))
            continue
        answer = host.known(at / 60) or ("",)
        for n, new in enumerate(each for each in answer if each not in places):
            heapq.heappush(due, (at + n, new))
            places[new] = at + n
        for old in places.keys() - set(answer):
            del places[old]
            if states[old]:
                states[old][-1].gone = at
        if address not in places:
            continue
        past = states[address][-1] if states[address] else Known()
        if past.gone < at - REMEMBERED:
            past = Known()
        outcome = aged(host, port, host.script(port, address)(past.probes, at / 60), at)
        state = probed(past, outcome, at, host)
        states[address].append(state)
        heapq.heappush(due, (next_start(at, state, host.interval, places[address]), address))
        due = [(when, each) for when, each in due if each in places]
        heapq.heapify(due)
    return states


def next_start(at: float, state: Known, interval: float, place: float) -> float:
    """When the next probe starts: at its place, once an interval; one that confirms a failure comes before it."""
    if state.wait < interval:
        return max(state.finished, min(state.finished + state.wait, at + interval))
    return place + math.ceil((max(state.finished, at + 0.001) - place) / interval) * interval


def aged(host: Host, port: int, outcome: Outcome, now: float) -> Outcome:
    """Add what is wrong with the certificate by now."""
    left = host.certificate.left - now / DAY
    if port == 25 and 25 not in host.trusted and left <= 0 and outcome.reached(Stage.CERTIFICATE):
        return replace(outcome, warnings=(*outcome.warnings, Reason.CERTIFICATE_EXPIRED))
    if left <= 0 and port in host.trusted and outcome.reached(Stage.CERTIFICATE):
        return Outcome(Reason.CERTIFICATE_EXPIRED)
    if 0 < left < host.certificate.min_days_left and outcome.reached(Stage.EXPECTATION):
        return replace(outcome, warnings=(*outcome.warnings, Reason.CERTIFICATE_EXPIRES_SOON))
    return outcome


def withdrawn(state: Known, now: float) -> bool:
    """Whether a result is too old to be shown."""
    return now - state.finished > max(STALE_WAITS * state.wait, STALE_SECONDS)


def third_failures(probes: Sequence[tuple[float, bool, int]]) -> float:
    """The minute in which no address of a port was good in three probes; of (finished, failed, addresses)."""
    run = 0
    for finished, failed, addresses in sorted(probes):
        run = run + 1 if failed else 0
        if run >= 3 * addresses:
            return finished / 60
    return math.inf
