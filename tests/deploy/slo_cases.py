"""Stories of error budgets. `test_vantage` has promtool play them, and those of 30 days, which it tells itself."""

from tests.deploy.alert_cases import FAILS, WORKS, Case, Fired, R, Series, of, port, probed
from tests.deploy.vantage_cases import UP, agent, seen
from tools.alerts.thresholds import ERROR_BUDGET_BURNS, PORT_DOWN

REASON = R.CONNECTION_REFUSED
OF_PORT = {"job": "smtp-exporter", "target": "t", "host": "mx", "port": "25"}
HALF = (WORKS + FAILS) * 60


def burns(severity: str, window: str, value: str, available: str = "not known yet") -> Fired:
    """The budget of a port burns, over a window."""
    says = (
        f"mx:25 (target t) failed so often in the last {window}, seen from wherever it looks best, that the budget of "
        f"30 days is used up early. Available in 30 days: {available}."
    )
    return Fired(ERROR_BUDGET_BURNS, OF_PORT, says, (), severity, value)


def flaps(**others: str) -> Fired:
    """The ticket that an agent sees a port fail now and then."""
    says = (
        "mx:25 (target t) failed 50% of its probes in 30 minutes, and worked in between. Its last failures are on the "
        "agent's page."
    )
    return Fired("SmtpProbesFailing", port(25, "", **others), says, (), "warning")


SLO_CASES = (
    Case("every second probe fails: the budget burns", probed(port(), HALF, REASON),
         (burns("critical", "1h", "487.8", "53.1%"), flaps()), at="40m"),
    Case("every second probe fails from one of two places: the port is available from the other",
         seen(25, HALF, UP), (flaps(**agent("fra")),), spares=ERROR_BUDGET_BURNS, at="40m"),
    Case("a port fails for four minutes of five: its budget is not at stake",
         probed(port(), WORKS * 60 + FAILS * 2 + WORKS + FAILS * 2 + WORKS, REASON), spares=ERROR_BUDGET_BURNS,
         at="69m"),
    Case("a port is down: its page says so, not its budget",
         probed(port(), WORKS * 30 + FAILS, REASON),
         (Fired(PORT_DOWN, port(25, ""), f"mx:25 (target t): {REASON} at 192.0.2.1.", (REASON,)),),
         spares=ERROR_BUDGET_BURNS, at="60m"),
)  # fmt: skip


def slowly(every: int) -> Series:
    """A port of which one probe of so many fails, ten minutes apart, for four days."""
    return of("smtp_probe_success", " ".join([f"1x{every - 2} 0"] * (1 + 576 // every)), port())


SLOW_CASES = (
    Case("a port fails for ten minutes every six hours: its budget burns slowly", slowly(36),
         (burns("warning", "3d", "25.7", "97.42%"),), at="3d"),
    Case("a port failed for ten minutes, long ago", slowly(300), spares=ERROR_BUDGET_BURNS, at="3d"),
)  # fmt: skip
