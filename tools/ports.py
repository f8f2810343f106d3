"""Writes the tables of docs/ports.md: what each reason means at each port, by stage, with its metric and its alert.

    .venv/bin/python -m tools.ports

The text around them is written by hand. Reasons and modules come from their tables, alerts from `tools.alerts`.
"""

from collections.abc import Iterator
from pathlib import Path

from exporter.config.loaded import BUILT_IN
from exporter.reasons import REASONS, UNTESTABLE, Reason, Rule, Severity, Stage
from tools.alert_page import runbook, tickets
from tools.alerts import BLOCKED, EXPIRES_SOON, STAGES
from tools.alerts.thresholds import DOMAIN_BROKEN
from tools.marked import marked

FILE = Path(__file__).parent.parent / "docs/ports.md"
MODULES = {"25": "relay", "465": "submissions", "587, 2525": "submission"}
"""The columns of the tables, and the module that a port means."""

METRICS: dict[Stage, str] = {
    Stage.DNS: '`smtp_probe_problem{stage="dns"}`; of a mail domain `smtp_domain_problem`',
    Stage.CONNECT: "`smtp_port_open` is 0",
    Stage.GREETING: "`smtp_greeting_code`: not 220, or absent where none came",
    Stage.EHLO: "`smtp_extensions_info` is absent",
    Stage.STARTTLS: "`smtp_starttls_advertised`; `smtp_tls_established` is absent where TLS was not tried",
    Stage.TLS: "`smtp_tls_established` is 0; `smtp_tls_info`",
    Stage.CERTIFICATE: "`smtp_certificate_valid` is 0; `smtp_certificate_not_after_timestamp_seconds`",
    Stage.AUTH: "`smtp_auth_advertised`, `smtp_auth_success`",
    Stage.POLICY: "`smtp_dane_valid`, `smtp_domain_mta_sts_valid`",
    Stage.EXPECTATION: '`smtp_probe_problem{stage="expectation"}`',
    Stage.INTERNAL: "`smtp_exporter_internal_errors_total`",
}
"""Beside `smtp_probe_problem`, which every reason has: what is to be seen of a stage that failed."""

COVERED: dict[Reason, tuple[str, str]] = {
    Reason.STARTTLS_NOT_SUPPORTED: ("starttls", "required"),
    Reason.STARTTLS_MASKED: ("starttls", "required"),
    Reason.AUTH_NOT_OFFERED: ("auth", "required"),
    Reason.AUTH_OFFERED_IN_CLEAR: ("auth_before_tls", "forbidden"),
    **{reason: ("certificate", "trusted") for reason in REASONS if reason.startswith("certificate_")},
}
"""What must be expected for a reason to be critical, where its rule asks for that."""
IMPLICIT, CLEAR = {Reason.PLAINTEXT_ON_TLS_PORT}, {Reason.STARTTLS_NOT_TLS, Reason.AUTH_OFFERED_IN_CLEAR}
"""Only where TLS begins with the first byte; only where the conversation begins in clear."""
DOMAINS = {
    Reason.MX_NOT_FOUND, Reason.MX_INVALID,
    Reason.STS_POLICY_INVALID, Reason.STS_POLICY_FETCH_ERROR, Reason.STS_WEBPKI_INVALID,
}  # fmt: skip
"""Of a mail domain, not of a port."""
MORE_ALERTS = {
    Reason.CERTIFICATE_EXPIRES_SOON: EXPIRES_SOON,
    **dict.fromkeys(
        (Reason.STARTTLS_NOT_SUPPORTED, Reason.STARTTLS_MASKED, Reason.STARTTLS_WITHDRAWN), "SmtpStarttlsLost"
    ),
}
"""Alerts on the same fact that do not ask for the reason: on the date, and on an offer within 7 days."""


def severity(reason: Reason, module: str) -> str:
    """How grave a reason is at a port without any key of the user: C, W, or nothing where it cannot be."""
    row, keys = REASONS[reason], BUILT_IN[module]
    implicit = keys["security"] == "implicit"
    if reason in DOMAINS or (implicit and (reason in CLEAR or reason.startswith("starttls_"))):
        return ""
    if (reason is Reason.IMPLICIT_TLS_REQUIRED and (implicit or module == "relay")) or (
        reason in IMPLICIT and not implicit
    ):
        return ""
    if reason is Reason.TLS_VERSION_TOO_OLD:
        found = row.rule.severity(expected="min_tls" in keys["expect"])
    elif row.rule in {Rule.CRITICAL, Rule.WARNING}:
        found = row.rule.severity()
    elif reason in COVERED:
        key, value = COVERED[reason]
        found = row.rule.severity(expected=keys["expect"].get(key) == value)
    elif reason is Reason.STS_MX_MISMATCH:
        return "W; C under enforce" if module == "relay" else ""
    else:  # DANE binds those who deliver, to port 25
        found = row.rule.severity(expected=module == "relay")
    return {Severity.CRITICAL: "C", Severity.WARNING: "W", None: ""}[found]


def _alerts(reason: Reason) -> str:
    """The page for it where it is critical, the ticket where it is a warning, and others on the same fact."""
    names = [DOMAIN_BROKEN if reason in DOMAINS else STAGES[REASONS[reason].stages[0]]]
    if REASONS[reason].rule is Rule.WARNING:
        names = []
    names += [*tickets(reason), *filter(None, [MORE_ALERTS.get(reason)])]
    return ", ".join(map(runbook, names))


def _stage(stage: Stage) -> Iterator[str]:
    rows = {reason: row for reason, row in REASONS.items() if row.stages[0] is stage}
    if not rows:
        return
    yield f"### {stage}\nMetrics: {METRICS[stage]}.\n"
    yield f"| reason | symptom | likely cause | first check | {' | '.join(MODULES)} | alerts |"
    yield f"|{'---|' * (len(MODULES) + 5)}"
    for reason, row in rows.items():
        cells = [row.meaning, row.cause, row.check, *(severity(reason, each) for each in MODULES.values())]
        text = " | ".join(cell.replace("|", r"\|") for cell in cells)
        yield f"| [`{reason}`](reasons.md#{reason}) | {text} | {_alerts(reason)} |"
    yield ""


def tables() -> str:
    """All that is printed, from `dns` to `internal`, and what is untestable."""
    lines = [line for stage in Stage for line in _stage(stage)]
    lines += ["### untestable", "Metrics: `smtp_probe_untestable`; `smtp_probe_success` is absent.\n",
              "| reason | symptom | first check | alert |", "|---|---|---|---|"]  # fmt: skip
    for untestable, row in UNTESTABLE.items():
        name = BLOCKED if untestable == "egress_blocked" else "SmtpUntestable"
        lines.append(f"| `{untestable}` | {row.meaning} | {row.check} | {runbook(name)} |")
    return "\n".join(lines) + "\n"


def page() -> str:
    """docs/ports.md, with the tables as they are now."""
    return marked(FILE, tables())


if __name__ == "__main__":
    FILE.write_text(page(), "utf-8")
