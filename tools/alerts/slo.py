"""Optional: how much of 30 days each port and host was available, and whether its error budget lasts.

A port is available at a time when the last probe of some address of it succeeded, for some agent of its job (vantage
points are agents too). A host is while any port of it is that should be open. Coverage is the share of the time in
which it could be tested at all.

The result of the last probe is looked at once a minute. Once an hour the looks are summed up as a share of the hour,
and each sum counts for the seconds since the one before, whatever the interval: 30 days are 720 sums. Failures have
series only where there are any: burn rates cost as much as fails.
"""

from tools.alerts.states import MX, PORT_FAILING
from tools.alerts.thresholds import BURN_RATES, ERROR_BUDGET_BURNS, KEPT, OBJECTIVE
from tools.annotations import AT_PORT, OF_PORT_LINKS, PORT, asked
from tools.prometheus import Alert, Record

OTHERS = "address, instance, vantage"
SHOULD_BE_OPEN = "(smtp_probe_success unless (smtp_port_open == 0 and smtp_probe_success == 1))"
DAYS_30 = 30 * 86400
GOAL = "slo:smtp_probe_success:objective"
LOOK = "slo:smtp_probe_success:looks"
SUMMED, SUM_SECONDS = "slo:smtp_probe_success:summed_at", "slo:smtp_probe_success:sum_seconds"
PORT_30D = "port:smtp_probe_success:availability_30d"
SHOWN = asked(PORT_30D, ("cluster", "job", "target", "host", "port"))


def _of_looks(record: str, window: str) -> str:
    """The share of the looks in a window that a record holds for."""
    return f"count_over_time({record}[{window}]) / on () group_left () count_over_time({LOOK}[{window}])"


def _of_sums(record: str, window: str, of_seconds: int) -> str:
    """The share of a window, from the sums of its hours."""
    seconds = f"(avg_over_time({SUM_SECONDS}[{window}]) / {of_seconds})"
    return f"sum_over_time({record}[{window}]) * on () group_left () {seconds}"


def _looks(level: str) -> tuple[Record, ...]:
    available = (
        f"max without ({OTHERS}) (smtp_probe_success)" if level == "port" else
        f"max without (port, {OTHERS}) {SHOULD_BE_OPEN}"
    )  # fmt: skip
    return (
        Record(f"{level}:smtp_probe_success:available", f"Whether a {level} is available, where it can be tested.",
               available),
        Record(f"{level}:smtp_probe_success:unavailable", f"1 for each {level} that is not.",
               f"({level}:smtp_probe_success:available == 0) + 1"),
    )  # fmt: skip


def _sums(level: str) -> tuple[Record, ...]:
    tested, failed = (f"{level}:smtp_probe_success:{what}" for what in ("tested", "failed"))
    looks = ((tested, "available", "could be tested"), (failed, "unavailable", "was not available"))
    return (
        *(Record(f"{record}_1h", f"The share of an hour in which a {level} {says}.",
                 _of_looks(f"{level}:smtp_probe_success:{what}", "1h")) for record, what, says in looks),
        *(Record(f"{record}_30d", f"The share of 30 days in which a {level} {says}.",
                 _of_sums(f"{record}_1h", "30d", DAYS_30)) for record, _, says in looks),
    )  # fmt: skip


def _figures(level: str) -> tuple[Record, ...]:
    """What people read; repeated more often than it is computed, for an instant query sees five minutes."""
    tested, failed = (f"last_over_time({level}:smtp_probe_success:{what}_30d[2h])" for what in ("tested", "failed"))
    return (
        Record(f"{level}:smtp_probe_success:availability_30d",
               f"The share of the time in which a {level} was available, of that in which it could be tested.",
               f"1 - ({failed} or 0 * {tested}) / ({tested} > 0)"),
        Record(f"{level}:smtp_probe_success:coverage_30d", "The share of 30 days in which it could be tested.",
               f"clamp_max({tested}, 1)"),
    )  # fmt: skip


FAILS = {
    **{window: _of_looks("port:smtp_probe_success:unavailable", window) for window in ("5m", "1h", "6h")},
    "3d": _of_sums("port:smtp_probe_success:failed_1h", "3d", 3 * 86400),
}
"""The share of each window in which a port is known not to have been available."""


def _burn(severity: str, lasts: str, long: str, short: str, rate: float) -> Alert:
    """A pair of windows in which the error budget burns at a rate: 1 spends it in 30 days."""
    burns = [f"{FAILS[window]} / on () group_left () (1 - {GOAL}) > {rate:g}" for window in (long, short)]
    told = [f"unless on (cluster, target, host, port) last_over_time({PORT_FAILING}[@{KEPT}])"] if rate > 1 else []
    return Alert(
        ERROR_BUDGET_BURNS, severity,
        "\n".join((" and\n".join(burns), f"unless on (cluster, target, host) {MX}", *told)),
        lasts, f"{AT_PORT} spends its error budget {{{{ $value | printf `%.1f` }}}} times too fast.",
        f"{PORT} failed so often in the last {long}, seen from wherever it looks best, that the budget of 30 days is "
        f"used up early. Available in 30 days: {SHOWN.each('{{ .Value | humanizePercentage }}', 'host')}"
        f"{SHOWN.otherwise('not known yet')}.", links=OF_PORT_LINKS.dashboard_only(), keeps="5m",
    )  # fmt: skip


LOOKS = (
    Record(GOAL, "The objective. Write your own here.", f"vector({OBJECTIVE})"),
    Record(LOOK, "One for each look.", "vector(1)"),
    *(row for level in ("port", "host") for row in (*_looks(level), *_figures(level))),
    *(_burn(*row) for row in BURN_RATES),
)
SUMS = (
    Record(SUM_SECONDS, "Seconds since the sums before, at most an hour.",
           f"clamp_max(time() - last_over_time({SUMMED}[2h]), 3600) or vector(0)"),
    Record(SUMMED, "When that was, Unix time.", "vector(time())"),
    *(row for level in ("port", "host") for row in _sums(level)),
)  # fmt: skip
