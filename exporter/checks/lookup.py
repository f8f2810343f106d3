"""Does the name lead to addresses?"""

from collections.abc import Iterator

from exporter.checks.problem import problem
from exporter.model import Expect, Problem, Result
from exporter.reasons import Reason, Severity


def check(result: Result, _: Expect) -> Iterator[Problem]:
    """Without addresses the reason is critical; with addresses known from before it is a warning."""
    lookup = result.lookup
    if lookup is None:
        return
    if lookup.problem and result.ended != lookup.problem:
        stale = lookup.problem
        yield Problem(stale.reason, stale.stage, Severity.WARNING, stale.detail)
    if lookup.addresses_left_out:
        yield from problem(Reason.TOO_MANY_ADDRESSES, f"{lookup.addresses_left_out} addresses are not probed")
