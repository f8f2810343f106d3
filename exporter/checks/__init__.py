"""Problems are a pure function of a result: one question a file, asked in the order of CHECKS."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from exporter.checks import auth, certificate, conversation, dane, expectation, history, lookup, policy, starttls, tls
from exporter.checks.conversation import hides_extensions, refusals
from exporter.checks.demands import OF_CERTIFICATES, Trust, enforcing, expected, trust
from exporter.checks.history import History
from exporter.checks.problem import problem
from exporter.frozen import frozen
from exporter.model import NO_DEMANDS, Expect, Problem, Result
from exporter.phrases import says_too_often
from exporter.reasons import Reason, Severity, Stage, Untestable

Check = Callable[[Result, Expect], Iterator[Problem]]

CHECKS: tuple[Check, ...] = (
    lookup.check,
    conversation.check,
    starttls.check,
    tls.check,
    certificate.check,
    auth.check,
    dane.check,
    expectation.check,
)

CLOSED = frozenset({Reason.CONNECTION_REFUSED, Reason.CONNECTION_TIMEOUT, Reason.CONNECTION_PROHIBITED})
"""What a port that is meant to be closed answers."""
NOTHING_KNOWN = History()
_ORDER = (
    {stage: number for number, stage in enumerate(Stage)},
    {reason: number for number, reason in enumerate(Reason)},
)


@frozen
class Assessment:
    """What is wrong with a result, in the order of `Reason`, and whether it says anything at all."""

    problems: tuple[Problem, ...] = ()
    untestable: Untestable | None = None
    certificate_outdated: bool | None = None
    """None where the host has no other certificate to compare with."""
    certificate: Trust | None = None
    """What is expected of its certificate, policies included; None where nothing was judged yet."""
    enforced_by: str = ""
    """A mail domain whose MTA-STS policy in mode enforce made the expectations stricter."""
    unasked: "Assessment | None" = None
    """The same without what policies of mail domains ask, where they ask anything."""

    @property
    def primary(self) -> Problem | None:
        """The one critical problem of the earliest stage; None where none is critical."""
        return next((found for found in self.problems if found.severity is Severity.CRITICAL), None)

    @property
    def success(self) -> bool | None:
        """It could be tested and nothing critical holds; None while untestable."""
        return None if self.untestable else self.primary is None


def assess(result: Result, known: History = NOTHING_KNOWN, *, excuse: bool = True) -> Assessment:
    """Ask all checks. While untestable, what stopped the probe is only a warning.

    With `excuse=False` a server that refuses this client counts as a failure: it did so for too long.
    """
    expect = expected(result, known)
    closed = expect.port == "closed"
    found = list(_port_closed(result, expect) if closed else _all(result, expect, known))
    refused = bool(found) and excuse and not closed  # a refusal is a problem, too
    untestable = result.untestable or (refuses_client(result) if refused else None)
    if known.blocked and not result.connected:
        untestable = untestable or Untestable.EGRESS_BLOCKED
    asked = trust(result, expect, known)
    if asked == "dane_ee":
        found = [each for each in found if each.reason not in OF_CERTIFICATES]
    found.sort(key=lambda each: (_ORDER[0][each.stage], _ORDER[1][each.reason]))
    if untestable:
        found = [replace(each, severity=Severity.WARNING) for each in found]
    unasked = assess(result, replace(known, demands=NO_DEMANDS), excuse=excuse) if known.demands != NO_DEMANDS else None
    outdated = history.outdated(result, known)
    return Assessment(tuple(found), untestable, outdated, asked, enforcing(result, known), unasked)


def _all(result: Result, expect: Expect, known: History) -> Iterator[Problem]:
    if hides_extensions(result):  # what it offers to others is hidden, and so not judged
        detail = "Sendmail offers only ENHANCEDSTATUSCODES, its way to refuse a client (access map, DNSBL)"
        yield from problem(Reason.CLIENT_REJECTED, detail, stage=Stage.EHLO)
        result = replace(result, hello=None, hello_tls=None)
    for check in CHECKS:
        yield from check(result, expect)
    yield from history.check(result, expect, known)
    yield from policy.check(known.demands)


def _port_closed(result: Result, expect: Expect) -> Iterator[Problem]:
    """`expect.port: closed`: if it connects, that is the only problem."""
    if result.connected:
        yield from problem(Reason.PORT_OPEN)
    else:
        yield from (each for each in _all(result, expect, NOTHING_KNOWN) if each.reason not in CLOSED)


def refuses_client(result: Result) -> Untestable | None:
    """Whether the server refuses this client and nobody else, and how."""
    replies = [reply for _, reply in refusals(result)] + ([result.auth] if result.auth else [])
    for reply in replies:
        if reply.code // 100 == 4 and says_too_often(reply, result.own_address):
            return Untestable.RATE_LIMITED
    found = conversation.check(result, result.peer.settings.expect)
    blocked = hides_extensions(result) or any(each.reason is Reason.CLIENT_REJECTED for each in found)
    return Untestable.CLIENT_BLOCKED if blocked else None
