"""Is the certificate good? Dates, trust and name are judged apart, so several reasons may hold at once."""

from collections.abc import Iterator

from exporter.checks.problem import problem
from exporter.model import Expect, Problem, Result
from exporter.reasons import Reason
from exporter.targets import is_literal

FINDINGS = (
    ("expired", Reason.CERTIFICATE_EXPIRED),
    ("not_yet_valid", Reason.CERTIFICATE_NOT_YET_VALID),
    ("host_mismatch", Reason.CERTIFICATE_HOST_MISMATCH),
    ("self_signed", Reason.CERTIFICATE_SELF_SIGNED),
    ("not_trusted", Reason.CERTIFICATE_NOT_TRUSTED),
    ("unsuitable", Reason.CERTIFICATE_UNSUITABLE),
    ("weak", Reason.CERTIFICATE_WEAK),
)
"""Which finding of a `Verdict` is which reason."""
DAY = 86400


def check(result: Result, expect: Expect) -> Iterator[Problem]:
    """What the verdict says, as grave as the expectation makes it."""
    verdict = result.verdict
    if verdict is None:
        return
    trusted = expect.certificate == "trusted"  # an address is seldom in a certificate: there the user must ask for it
    for finding, reason in FINDINGS:
        detail: str | None = getattr(verdict, finding)
        if detail:
            by_address = finding == "host_mismatch" and is_literal(result.peer.host)
            yield from problem(reason, detail, expected=trusted and (expect.user_wants_trust or not by_address))
    ends = [end for end in (verdict.certificate.not_after, verdict.chain_not_after) if end is not None]
    if expect.min_days_left is not None and ends and not verdict.expired:
        days = (min(ends) - result.finished) / DAY
        if days < expect.min_days_left:
            yield from problem(Reason.CERTIFICATE_EXPIRES_SOON, f"{days:.1f} days left")
