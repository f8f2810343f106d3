"""What shows only across time, across a host, or across all hosts: what one result alone cannot tell."""

from collections.abc import Iterator
from dataclasses import dataclass

from exporter.checks.conversation import hides_extensions
from exporter.checks.problem import problem
from exporter.frozen import frozen
from exporter.model import NO_DEMANDS, Certificate, Demands, Expect, Problem, Result, Security
from exporter.reasons import Reason

REMEMBERED = 86400.0
"""Seconds for which an offer of STARTTLS is remembered."""
IN_A_ROW, COUNTED = 10, 20
"""Probes that must be offered STARTTLS before it counts as offered again; probes that the detail counts over."""
USED_UP = 2 / 3
"""The share of its lifetime after which a certificate should have been renewed, as ACME clients do: a node that renews
itself is never blamed, a daemon that was not reloaded always is."""


@dataclass(frozen=True, slots=True)
class Offers:
    """Whether the last probes of an endpoint were offered STARTTLS, of those that got an answer to EHLO."""

    probes: int = 0
    """How many of them are known, at most COUNTED."""
    missing: int = 0
    """One bit for each, the latest lowest: 1 where it was not offered."""
    withdrawn: bool = False
    """It was found withdrawn, and has not been offered IN_A_ROW times since."""

    @property
    def lacking(self) -> bool:
        """One of the last IN_A_ROW probes was not offered it."""
        return bool(self.missing & ((1 << IN_A_ROW) - 1))

    @property
    def tally(self) -> str:
        """How many of the last probes were not offered it."""
        return f"not offered in {self.missing.bit_count()} of the last {self.probes} probes" if self.probes else ""


NEVER_ASKED, STEADY = Offers(), Offers(COUNTED)
"""Of an endpoint that was not probed, and of one that has always offered it: nearly all share the latter."""


def after_probe(offers: Offers, *, offered: bool) -> Offers:
    """Take in one more probe."""
    if offered and offers is STEADY:
        return offers
    missing = (offers.missing << 1 | (not offered)) & ((1 << COUNTED) - 1)
    after = Offers(min(offers.probes + 1, COUNTED), missing, offers.withdrawn)
    return STEADY if after == STEADY else after


@frozen
class History:
    """What is known beside the result itself."""

    starttls_offered: float | None = None
    """When this endpoint offered STARTTLS last, Unix seconds."""
    siblings: tuple[Result, ...] = ()
    """The latest results of the other endpoints of the same target and host."""
    blocked: bool = False
    """Its port looks blocked from here, and it is one of those by which that is judged."""
    demands: Demands = NO_DEMANDS
    """What the MTA-STS policies of the domains that name its host ask of it."""
    offers: Offers = NEVER_ASKED
    """Whether it was offered STARTTLS in the last probes, this one included."""


def check(result: Result, expect: Expect, history: History) -> Iterator[Problem]:
    """Compare a result with the past and with its siblings."""
    if withdrawn := _withdrawn(result, expect, history):
        yield from problem(Reason.STARTTLS_WITHDRAWN, withdrawn)
    if outdated(result, history):
        yield from problem(Reason.CERTIFICATE_OUTDATED)


def _withdrawn(result: Result, expect: Expect, history: History) -> str | None:
    """Who offered STARTTLS that is not offered now (RFC 3207 6), or was not in all of the last probes."""
    offered = starttls_offered(result)
    if offered is None or expect.starttls == "forbidden":
        return None
    offers, evidence = history.offers, None if offered else _evidence(result, history)
    if evidence or (offers.withdrawn and offers.lacking):
        return "; ".join(filter(None, (evidence, offers.tally)))
    return None


def starttls_offered(result: Result) -> bool | None:
    """Whether STARTTLS was offered; None where it is not used, EHLO was not answered, or what is offered is hidden."""
    if result.hello is None or result.peer.settings.security is not Security.STARTTLS:
        return None
    offered = "STARTTLS" in result.hello.extensions
    return None if not offered and hides_extensions(result) else offered


def _evidence(result: Result, history: History) -> str | None:
    """Who offered it within a day, or offers it now."""
    if history.starttls_offered is not None and result.finished - history.starttls_offered < REMEMBERED:
        minutes = round((result.finished - history.starttls_offered) / 60)
        ago = f"{minutes} minutes" if minutes > 1 else "a minute" if minutes else "less than a minute"
        return f"this endpoint offered it {ago} ago"
    for sibling in history.siblings:
        if sibling.peer.port == result.peer.port and starttls_offered(sibling):
            return f"{sibling.peer.address} offers it"
    return None


def outdated(result: Result, history: History) -> bool | None:
    """Whether a renewal of its certificate is served elsewhere on the host; None where nothing can be compared."""
    if result.verdict is None:
        return None
    leaf, others = result.verdict.certificate, [each.verdict.certificate for each in history.siblings if each.verdict]
    if not others:
        return None
    if leaf.not_before is None or leaf.not_after is None:
        return False
    used = result.finished - leaf.not_before > USED_UP * (leaf.not_after - leaf.not_before)
    return used and any(_renews(other, leaf) for other in others)


def _renews(new: Certificate, old: Certificate) -> bool:
    return (
        new.names == old.names
        and new.issuer_organisation == old.issuer_organisation
        and new.key.partition("-")[0] == old.key.partition("-")[0]
        and _later(new.not_before, old.not_before)
        and _later(new.not_after, old.not_after)
    )


def _later(new: float | None, old: float | None) -> bool:
    return new is not None and old is not None and new > old
