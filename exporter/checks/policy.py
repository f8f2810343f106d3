"""Do the MTA-STS policies of the domains that name this host allow it?"""

from collections.abc import Iterator

from exporter.checks.problem import problem
from exporter.model import Demands, Problem
from exporter.reasons import Reason


def check(demands: Demands) -> Iterator[Problem]:
    """A host that the policy does not list gets no mail from senders that know the policy (RFC 8461 4.1)."""
    if demands.unlisted_by:
        mode = "enforce" if demands.refused else "testing"
        detail = f"the policy of {demands.unlisted_by}, in mode {mode}, does not list it"
        yield from problem(Reason.STS_MX_MISMATCH, detail, expected=demands.refused)
