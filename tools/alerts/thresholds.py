"""The numbers and words of the alerts: how long, how many, which stage is which kind of failure.

Dashboards take their thresholds from here. Durations are written as Prometheus writes them.
"""

from exporter.reasons import REASONS, Reason, Severity, Stage

CRITICAL_DAYS, WARNING_DAYS = 3.0, 14.0
"""Days that a certificate has left."""
CRITICAL_SHARE, WARNING_SHARE = 1 / 8, 1 / 4
"""The share of its lifetime that it has left: a certificate of six days is not late because it has under fourteen."""
FAILURES = 3
"""Failed probes in a row before anybody is woken."""
LOOKUPS = "10m"
"""How long a critical problem of a domain's records has held before anybody is woken: two lookups of the default."""
FAILURE_RATE = 0.2
"""Failed probes, as a share of all in 30 minutes, that make a ticket."""
SLOW_GREETING_SECONDS = 10
"""Postscreen waits 6, and clients 300 (RFC 5321 4.5.3.2)."""
OVERRUN_RATE = 0.01
"""Probes that were due and left out, as a share of those made."""
BLIND_SHARE, BLIND_ENDPOINTS, BLIND_HOSTS = 0.8, 5, 3
"""More than this share of an agent's endpoints fails, at least so many endpoints of so many hosts: it is the agent."""
MANY_HOSTS, MANY_DOMAINS = 5, 5
"""So many failing at once are one page, not one page each."""

KEPT = "10m"
"""How long an incident outlives its last failure: five minutes down and seven up are one incident."""
LONG_INTERVAL, LONG_KEPT = "150s", "30m"
"""And where a port is probed at such intervals, or longer ones."""
SETTLED = "8m"
"""How long the ports of a host that was down have no page of their own; less than KEPT, so that no gap opens."""
AGENT_KEPT = "3m"
"""How long an alert on an agent outlives what it tells: less than KEPT by Alertmanager's group_interval, because an
alert that ends while it is inhibited is never told as resolved."""
HOLD_EVALUATIONS = 240
"""Evaluations for which an incident lasts without results: two hours at one every 30 s."""

SILENT_EVALUATIONS = 10
"""Evaluations for which a vantage point without results still votes that a port fails: five minutes, for a restart."""
OBJECTIVE = 0.999
"""The share of 30 days in which a port is to be available."""
BURN_RATES = (("critical", "10m", "1h", "5m", 14.4), ("warning", "1h", "3d", "6h", 1))
"""How fast an error budget burns, over a long and a short window, and for how long, until somebody hears of it (Google,
The Site Reliability Workbook, chapter 5). A failure of five minutes is not critical."""

UNREACHABLE, MIXED = "unreachable", "mixed"
PORT_DOWN, PORT_FAILING, HOST_DOWN = "SmtpPortDown", "SmtpPortFailing", "SmtpHostDown"
MANY_HOSTS_DOWN, MANY_DOMAINS_BROKEN = "SmtpManyHostsDown", "SmtpManyDomainsBroken"
DOMAIN_BROKEN, MX_HOST_DOWN = "SmtpDomainBroken", "SmtpMxHostDown"
BLOCKED, BLIND, ABSENT = "SmtpPortBlocked", "SmtpAgentBlind", "SmtpExporterAbsent"
OVERWRITTEN = "SmtpLabelsOverwritten"
EXPIRES_SOON, OUTDATED = "SmtpCertificateExpiresSoon", "SmtpCertificateOutdated"
MISTAKE = "SmtpExporterInternalError"
VANTAGE_PORT_DOWN, VANTAGE_HOST_DOWN = "SmtpVantagePortDown", "SmtpVantageHostDown"
VANTAGE_DOMAIN_BROKEN, VANTAGE_DISAGREES = "SmtpVantageDomainBroken", "SmtpVantageDisagrees"
VANTAGE_MANY_HOSTS_DOWN, VANTAGE_MANY_DOMAINS_BROKEN = "SmtpVantageManyHostsDown", "SmtpVantageManyDomainsBroken"
VANTAGE_DISAGREES_ON_DOMAIN = "SmtpVantageDisagreesOnDomain"
VANTAGE_ALONE, ERROR_BUDGET_BURNS = "SmtpVantageAlone", "SmtpErrorBudgetBurns"

FAILURES_BY_STAGE: dict[Stage, str] = {
    Stage.DNS: UNREACHABLE,
    Stage.CONNECT: UNREACHABLE,
    Stage.GREETING: UNREACHABLE,
    Stage.EHLO: UNREACHABLE,
    Stage.STARTTLS: "tls",
    Stage.TLS: "tls",
    Stage.CERTIFICATE: "certificate",
    Stage.AUTH: "auth",
    Stage.POLICY: "policy",
    Stage.EXPECTATION: "expectation",
}
"""What a primary problem of each stage means for a port: the label `mode`. Nothing from QUIT on is a problem, and a
mistake of the exporter says nothing about a server."""

ALERTS_BY_FAILURE: dict[str, str] = {
    UNREACHABLE: PORT_DOWN,
    "tls": "SmtpTlsBroken",
    "certificate": "SmtpCertificateInvalid",
    "auth": "SmtpAuthBroken",
    "policy": "SmtpPolicyBroken",
    "expectation": "SmtpExpectationFailed",
}
"""The page for a port that fails in one way only; `PORT_FAILING` is the page where the stages differ."""

STAGES: dict[Stage, str] = {
    **{stage: ALERTS_BY_FAILURE[failure] for stage, failure in FAILURES_BY_STAGE.items()},
    Stage.INTERNAL: MISTAKE,
}
"""The alert for a primary problem of each stage."""


def stages(failure: str) -> str:
    """The stages of a kind of failure, as a matcher takes them."""
    return "|".join(stage for stage, kind in FAILURES_BY_STAGE.items() if kind == failure)


STS = "|".join(reason for reason in REASONS if reason.startswith("sts_"))

UNRESOLVED = (Reason.DNS_FAILURE, Reason.DNS_TIMEOUT)
"""Old addresses are probed, and the rest of the world cannot resolve the name: `SmtpNameUnresolved`."""

NO_TICKET: dict[Reason, str] = {
    Reason.STARTTLS_NOT_SUPPORTED: "nobody expects STARTTLS there: `expect.starttls: required` makes it a page",
    Reason.STARTTLS_AFTER_TLS: "harmless: clients ignore it (RFC 3207 4.2)",
    Reason.TLS_VERSION_TOO_OLD: "nobody asked for more: `expect.min_tls` makes it a page",
    Reason.CERTIFICATE_HOST_MISMATCH: "relays do not verify names: `expect.certificate: trusted` makes it a page",
    Reason.CERTIFICATE_SELF_SIGNED: "relays do not verify: `expect.certificate: trusted` makes it a page",
    Reason.CERTIFICATE_NOT_TRUSTED: "relays do not verify: `expect.certificate: trusted` makes it a page",
    Reason.CERTIFICATE_UNSUITABLE: "relays do not verify: `expect.certificate: trusted` makes it a page",
    Reason.AUTH_OFFERED_IN_CLEAR: "nobody forbids it: `expect.auth_before_tls: forbidden` makes it a page",
    Reason.CERTIFICATE_OUTDATED: f"it has an alert of its own: {OUTDATED}",
    **{reason: "it has an alert of its own: SmtpMtaStsBroken" for reason in REASONS if reason.startswith("sts_")},
    **dict.fromkeys(UNRESOLVED, "it has an alert of its own: SmtpNameUnresolved"),
}
"""Why a reason of severity warning makes no `SmtpWarning`."""

CAN_WARN = tuple(
    reason
    for reason, row in REASONS.items()
    if Severity.WARNING in {row.rule.severity(expected=expected) for expected in (True, False)} or reason in UNRESOLVED
)
"""The reasons that may have severity warning while the endpoint can be tested."""
TICKETS = "|".join(reason for reason in CAN_WARN if reason not in NO_TICKET)
"""The reasons of `SmtpWarning`."""
