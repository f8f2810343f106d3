"""Does the name lead to addresses?"""

from collections.abc import Iterator

from exporter.checks.problem import problem
from exporter.model import Expect, Problem, Result
from exporter.reasons import Reason, Severity


def check(result: Result, _: Expect) -> Iterator[Problem]:
    """Without addresses the reason is critical; with addresses known from before a warning, unless they are bogus."""
    lookup = result.lookup
    if lookup is None:
        return
    if lookup.problem and result.ended != lookup.problem:
        stale = lookup.problem
        severity = Severity.CRITICAL if stale.reason is Reason.DNSSEC_INVALID else Severity.WARNING
        yield Problem(stale.reason, stale.stage, severity, stale.detail)
    if lookup.addresses_left_out:
        yield from problem(Reason.TOO_MANY_ADDRESSES, f"{lookup.addresses_left_out} addresses are not probed")
