"""The series of one simulated endpoint: what its last probe said, as the contract has it (sections 4 and 13)."""

from collections.abc import Iterator

from exporter.reasons import REASONS, Reason, Stage
from tests.deploy.stories.agents import DAY, Endpoint, Host, Known, Labels
from tests.deploy.stories.outcomes import Outcome

Sample = tuple[str, Labels, float]

MODULES = {25: "relay", 465: "submissions", 587: "submission"}
SECURITY = {25: "starttls", 465: "implicit", 587: "starttls"}
CODES = {Reason.GREETING_TEMPORARY: 421, Reason.GREETING_REJECTED: 554, Reason.CLIENT_REJECTED: 554}
"""What the server greets with, where it greets so."""
NO_STARTTLS = {Reason.STARTTLS_NOT_SUPPORTED, Reason.STARTTLS_MASKED, Reason.STARTTLS_WITHDRAWN}


def lasting(state: Known) -> Iterator[Sample]:
    """What stays when a result is withdrawn."""
    yield "smtp_probes_total", {}, state.probes
    yield "smtp_probe_failures_total", {}, state.failures
    yield "smtp_probes_untestable_total", {}, state.untestable
    yield "smtp_probe_last_timestamp_seconds", {}, state.finished


def family(address: str) -> str:
    """Name the family of an address; empty where there is none."""
    return ("ipv6" if ":" in address else "ipv4") if address else ""


def result(endpoint: Endpoint, state: Known) -> Iterator[Sample]:
    """What the last probe of an endpoint said."""
    host, port, address = endpoint
    outcome = state.outcome
    trust, security = ("trusted" if port in host.trusted else "any"), SECURITY.get(port, "starttls")
    if outcome.untestable:
        yield "smtp_probe_untestable", {"reason": outcome.untestable}, 1
    else:
        yield "smtp_probe_success", {}, outcome.reason is None
    yield from problems(outcome)
    yield "smtp_probe_consecutive_failures", {}, state.in_a_row
    yield "smtp_probe_duration_seconds", {}, state.duration
    yield "smtp_probe_interval_seconds", {}, state.wait
    how = {"module": MODULES.get(port, "relay"), "security": security, "family": family(address), "certificate": trust}
    yield "smtp_endpoint_info", how, 1
    if address and outcome.reached(Stage.DNS) and outcome.stage is not Stage.INTERNAL:
        yield from conversation(host, port, outcome, security)


def problems(outcome: Outcome) -> Iterator[Sample]:
    """Each problem that holds."""
    critical = (*([outcome.reason] if outcome.reason else []), *outcome.others)
    for reason in (*critical, *outcome.warnings):
        severity, primary = ("critical" if reason in critical else "warning"), str(reason is outcome.reason).lower()
        labels = {"stage": REASONS[reason].stages[0], "reason": reason, "severity": severity, "primary": primary}
        yield "smtp_probe_problem", labels, 1


def conversation(host: Host, port: int, outcome: Outcome, security: str) -> Iterator[Sample]:
    """Give the facts that the probe reached; on a port with implicit TLS the handshake comes before the greeting."""
    if port in host.closed and outcome.reason is None:
        yield "smtp_port_open", {}, 0
        return
    connected, implicit = outcome.reached(Stage.CONNECT), security == "implicit"
    yield "smtp_port_open", {}, connected
    yield "smtp_probe_stage_duration_seconds", {"stage": "connect"}, 0.02
    if not connected:
        return
    said = {outcome.reason, *outcome.others, *outcome.warnings}
    plain = bool(said & NO_STARTTLS)
    tried = (implicit or outcome.reached(Stage.STARTTLS)) and not plain
    encrypted = tried and (outcome.reached(Stage.TLS) or (implicit and outcome.stage is not Stage.TLS))
    if encrypted or not implicit:
        yield "smtp_probe_stage_duration_seconds", {"stage": "greeting"}, host.greets_after
    codes = [CODES[each] for each in (outcome.reason, *outcome.warnings) if each in CODES]
    if codes or (outcome.stage is not Stage.GREETING and (encrypted or not implicit)):
        yield "smtp_greeting_code", {}, codes[0] if codes else 220
    if not implicit and outcome.reached(Stage.EHLO):
        yield "smtp_starttls_advertised", {}, not plain
    if tried:
        yield "smtp_tls_established", {}, encrypted
    if encrypted:
        yield from certificate(host, outcome)


def certificate(host: Host, outcome: Outcome) -> Iterator[Sample]:
    """The facts about TLS and the certificate."""
    of_it = host.certificate
    ends = of_it.left * DAY
    bad = Reason.CERTIFICATE_EXPIRED in {outcome.reason, *outcome.warnings} or outcome.stage is Stage.CERTIFICATE
    yield "smtp_tls_info", {"version": "TLSv1.3", "cipher": "TLS_AES_256_GCM_SHA384"}, 1
    yield "smtp_certificate_valid", {}, of_it.trusted and not bad
    yield "smtp_certificate_not_after_timestamp_seconds", {}, ends
    yield "smtp_certificate_not_before_timestamp_seconds", {}, ends - of_it.lifetime * DAY
    yield "smtp_certificate_chain_not_after_timestamp_seconds", {}, ends
    names = {"subject": host.name, "issuer": "A CA", "serial": "0a", "fingerprint_sha256": "0f" * 32}
    yield "smtp_certificate_info", {**names, "key": "ecdsa-256"}, 1
