"""What a simulated probe ends with, and scripts that say so for each probe. Data; knows nothing of time series."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from exporter.reasons import REASONS, Reason, Stage, Untestable

STAGES = tuple(Stage)
FOREVER = float("inf")

Span = tuple[float, float]
"""From one minute to another."""
Script = Callable[[int, float], "Outcome"]
"""The outcome of a probe by its number and the minute in which it starts."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of one probe: success unless there is a critical reason or it is untestable."""

    reason: Reason | None = None
    """The primary problem."""
    others: tuple[Reason, ...] = ()
    """Further critical problems."""
    warnings: tuple[Reason, ...] = ()
    untestable: Untestable | None = None

    @property
    def stage(self) -> Stage | None:
        """The stage at which the probe failed, or where it stopped being testable."""
        stopped = self.reason or (STOPS.get(self.untestable) if self.untestable else None)
        return REASONS[stopped].stages[0] if stopped else None

    def reached(self, stage: Stage) -> bool:
        """Whether the probe completed this stage."""
        return self.stage is None or STAGES.index(self.stage) > STAGES.index(stage)


STOPS = {
    Untestable.EGRESS_BLOCKED: Reason.CONNECTION_TIMEOUT,
    Untestable.RATE_LIMITED: Reason.GREETING_TEMPORARY,
    Untestable.CLIENT_BLOCKED: Reason.CLIENT_REJECTED,
    Untestable.DNS_UNAVAILABLE: Reason.DNS_TIMEOUT,
}
"""The warning that goes with an untestable probe (contract, section 4)."""
SECONDS = {
    Reason.GREETING_TIMEOUT: 30.0,
    Reason.TLS_TIMEOUT: 30.0,
    Reason.EHLO_TIMEOUT: 30.0,
    Reason.CONNECTION_TIMEOUT: 10.0,
}
"""How long a probe takes that waits in vain; any other takes QUICK."""
QUICK = 0.3

GOOD = Outcome()


def fails(reason: Reason, *others: Reason) -> Outcome:
    """A probe that fails."""
    return Outcome(reason, others)


def warns(*reasons: Reason) -> Outcome:
    """A good probe with problems of severity warning."""
    return Outcome(warnings=reasons)


def untestable(reason: Untestable) -> Outcome:
    """A probe that says nothing about the server."""
    stopped = STOPS.get(reason)
    return Outcome(warnings=(stopped,) if stopped else (), untestable=reason)


def each(*outcomes: Outcome) -> Script:
    """Give the outcomes in turn, probe by probe."""
    return lambda number, _: outcomes[number % len(outcomes)]


def shuffled(*outcomes: Outcome, seed: int = 1) -> Script:
    """Give one of the outcomes at random, probe by probe."""
    chosen = random.Random(seed).choices(outcomes, k=4000)  # noqa: S311 # no secret
    return lambda number, _: chosen[number]


def during(script: Script | Outcome, *spans: Span, otherwise: Outcome = GOOD) -> Script:
    """Follow a script within the spans of minutes only."""

    def outcome(number: int, minute: float) -> Outcome:
        inside = any(start <= minute < end for start, end in spans)
        return scripted(script)(number, minute) if inside else otherwise

    return outcome


def cycle(script: Script | Outcome, down: float, up: float, start: float = 10, times: int = 100) -> Script:
    """Follow a script for some minutes, then be good for some, over and over."""
    return during(script, *((start + n * (down + up), start + n * (down + up) + down) for n in range(times)))


def scripted(script: Script | Outcome) -> Script:
    """Take one outcome for a script."""
    return each(script) if isinstance(script, Outcome) else script


def since(minute: float, script: Script | Outcome) -> Script:
    """Follow a script from a minute on."""
    return during(script, (minute, FOREVER))
