"""Would a sender that goes by DANE deliver here (RFC 7672)?"""

from collections.abc import Iterator

from exporter.checks.problem import problem
from exporter.model import Expect, Problem, Result
from exporter.reasons import Reason, Severity
from exporter.trust.tlsa import none_usable


def check(result: Result, _: Expect) -> Iterator[Problem]:
    """Do the TLSA records fit the certificate, and could they be looked up?"""
    yield from _lookup(result)
    dane, sender_comes_here = result.dane, result.peer.port == 25
    if dane and dane.usable and dane.matched is None and result.established:
        yield from problem(Reason.TLSA_INVALID, dane.mismatch, expected=sender_comes_here)
    if result.lookup and (why := none_usable(result.lookup.tlsa.records)):
        yield from problem(Reason.TLSA_UNUSABLE, why)


def _lookup(result: Result) -> Iterator[Problem]:
    """Whoever gets no answer does not deliver (RFC 7672 2.1.2), but that may be the fault of our own name server."""
    lookup = result.lookup
    if lookup is None or lookup.unavailable or not (ended := lookup.tlsa.problem):
        return
    if ended.reason is Reason.DNSSEC_INVALID:
        yield from problem(ended.reason, ended.detail)
    else:
        grave = result.peer.port == 25 and not lookup.tlsa.remembered and lookup.problem is None
        severity = Severity.CRITICAL if grave else Severity.WARNING
        yield Problem(ended.reason, ended.stage, severity, ended.detail)
