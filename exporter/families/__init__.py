"""TABLE 2: every metric: its name, help, type, labels, and how it is read off a state. Pure functions of results.

A row's reader yields (values of its own labels, value); nothing where the fact was not reached. The labels target,
host, address, port (or target, domain) and the target's own stand before them. The agent's own metrics have no
reader: `telemetry` registers them from their rows here.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from exporter import churn
from exporter.families import readers
from exporter.families.readers import Read, ReadDomain


class Scope(StrEnum):
    """What one series of a family is about; decides its first labels."""

    ENDPOINT = "endpoint"
    DOMAIN = "domain"
    EGRESS = "egress"
    AGENT = "agent"


LABELS: dict[Scope, tuple[str, ...]] = {
    Scope.ENDPOINT: ("target", "host", "address", "port"),
    Scope.DOMAIN: ("target", "domain"),
    Scope.EGRESS: (),
    Scope.AGENT: (),
}


@dataclass(frozen=True, slots=True)
class Family:
    """One metric family."""

    name: str
    help: str
    read: Read
    labels: tuple[str, ...] = ()
    kind: Literal["gauge", "counter"] = "gauge"
    lasting: bool = False
    """It stays when a result is withdrawn for its age."""
    fleeting: bool = False
    """It may say something else after a probe that saw the same: counts, times."""
    scope: Literal[Scope.ENDPOINT] = Scope.ENDPOINT


@dataclass(frozen=True, slots=True)
class DomainFamily:
    """One metric family of mail domains."""

    name: str
    help: str
    read: ReadDomain
    labels: tuple[str, ...] = ()
    kind: Literal["gauge"] = "gauge"
    lasting: Literal[False] = False
    fleeting: bool = False
    """It says what the states of the MX hosts say, else only what DNS and policy hosts told."""
    scope: Literal[Scope.DOMAIN] = Scope.DOMAIN


@dataclass(frozen=True, slots=True)
class EgressFamily:
    """The metric of what is blocked from here; read off the board."""

    name: str
    help: str
    labels: tuple[str, ...]
    kind: Literal["gauge"] = "gauge"
    scope: Literal[Scope.EGRESS] = Scope.EGRESS


@dataclass(frozen=True, slots=True)
class AgentFamily:
    """One metric of the agent itself, counted by `telemetry`."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    kind: Literal["gauge", "counter", "histogram"] = "gauge"
    scope: Literal[Scope.AGENT] = Scope.AGENT


FAMILIES: tuple[Family, ...] = (
    Family("smtp_probe_success", "Whether the last probe found no critical problem; absent while untestable.",
           readers.success),
    Family("smtp_probe_untestable", "1 for the reason why nothing can be said from here; absent otherwise.",
           readers.untestable, ("reason",)),
    Family("smtp_probe_problem", "1 for each problem that holds; absent otherwise.",
           readers.problems, ("stage", "reason", "severity", "primary")),
    Family("smtp_probe_consecutive_failures", "Failed probes in a row; unchanged by untestable ones.",
           lambda state: readers.one(state.consecutive_failures), fleeting=True),
    Family("smtp_probes_total", "Probes that have finished.",
           lambda state: readers.one(state.probes), kind="counter", lasting=True, fleeting=True),
    Family("smtp_probe_failures_total", "Probes that found a critical problem.",
           lambda state: readers.one(state.failures), kind="counter", lasting=True, fleeting=True),
    Family("smtp_probes_untestable_total", "Probes that ended untestable; smtp_probes_total counts them too.",
           lambda state: readers.one(state.untestable), kind="counter", lasting=True),
    Family("smtp_probe_interval_seconds",
           "The wait in force until the next probe: the interval; longer while backing off or where the address is "
           "overloaded, shorter while a failure is confirmed.",
           readers.interval),
    Family("smtp_probe_last_timestamp_seconds", "When the last probe finished, Unix time.",
           readers.of_result(lambda result: result.finished), lasting=True, fleeting=True),
    Family("smtp_probe_duration_seconds", "How long the last probe took, from DNS to the close.",
           readers.of_result(lambda result: round(result.duration, readers.MICROSECONDS)), fleeting=True),
    Family("smtp_probe_stage_duration_seconds", "How long each stage of the last probe took, those reached.",
           readers.stages, ("stage",), fleeting=True),
    Family("smtp_endpoint_info", "How the endpoint is probed and what is expected of it.",
           readers.endpoint_info, ("module", "security", "family", "certificate")),
    Family("smtp_port_open", "Whether TCP connected.", readers.of_result(lambda result: result.connected)),
    Family("smtp_greeting_code", "The reply code of the greeting.",
           readers.of_result(lambda result: result.greeting.code if result.greeting else None)),
    Family("smtp_greeting_info", "The mail software that the greeting names, or unknown.",
           readers.info(churn.software), ("software",)),
    Family("smtp_starttls_advertised", "Whether STARTTLS was offered, where EHLO or HELO was answered in clear.",
           readers.of_result(readers.starttls)),
    Family("smtp_extensions_info", "The EHLO keywords after TLS, or before it where there is none.",
           readers.info(churn.extensions), ("extensions",)),
    Family("smtp_message_size_limit_bytes", "The SIZE that EHLO announces, where it is given and not 0.",
           readers.of_result(readers.size)),
    Family("smtp_auth_advertised", "Whether AUTH was offered, before and after TLS.",
           readers.auth_advertised, ("when",)),
    Family("smtp_auth_success", "Whether the last login succeeded; kept between logins.",
           readers.of_result(lambda result: result.authenticated)),
    Family("smtp_tls_established", "Whether a reply was read inside TLS, where TLS was tried.",
           readers.of_result(readers.tls_established)),
    Family("smtp_tls_info", "The TLS version and cipher agreed on.", readers.info(churn.tls), ("version", "cipher")),
    Family("smtp_certificate_valid",
           "Whether the chain is trusted, the name matches, the dates fit and it may serve TLS.",
           readers.of_result(lambda result: result.verdict.valid if result.verdict else None)),
    Family("smtp_certificate_not_after_timestamp_seconds",
           "When the certificate expires, whether or not it verifies.",
           readers.of_certificate(lambda leaf: leaf.not_after)),
    Family("smtp_certificate_not_before_timestamp_seconds", "When the certificate becomes valid.",
           readers.of_certificate(lambda leaf: leaf.not_before)),
    Family("smtp_certificate_chain_not_after_timestamp_seconds",
           "The earliest expiry on the verified path; where none verifies, among the certificates sent.",
           readers.of_result(lambda result: result.verdict.chain_not_after if result.verdict else None)),
    Family("smtp_certificate_info", "The certificate: common names, serial, fingerprint and key.",
           readers.info(churn.certificate), ("subject", "issuer", "serial", "fingerprint_sha256", "key")),
    Family("smtp_certificate_outdated",
           "Whether a renewal of the certificate is served elsewhere on the host, and not here.",
           lambda state: readers.one(state.assessment.certificate_outdated)),
    Family("smtp_dane_valid", "Whether the certificate fits a TLSA record, where there are DNSSEC-secure ones.",
           readers.of_result(lambda result: result.dane.matched is not None if result.dane else None)),
    Family("smtp_dane_tlsa_records", "DNSSEC-secure TLSA records of the host and port, where there are any.",
           readers.of_result(readers.tlsa_records)),
)  # fmt: skip

DOMAIN_FAMILIES: tuple[DomainFamily, ...] = (
    DomainFamily("smtp_domain_success",
                 "Whether the domain has no critical problem and some MX host succeeds; absent while untestable.",
                 readers.domain_success, fleeting=True),
    DomainFamily("smtp_domain_problem", "1 for each problem of the domain's records that holds; absent otherwise.",
                 readers.domain_problems, ("stage", "reason", "severity")),
    DomainFamily("smtp_domain_mx_info", "1 for each MX host; joins a domain to its endpoints.",
                 readers.mx, ("host", "preference")),
    DomainFamily("smtp_domain_mx_records", "How many MX records the domain has.", readers.domain_fact("records")),
    DomainFamily("smtp_domain_null_mx", "Whether the domain says that it takes no mail (RFC 7505).",
                 readers.domain_fact("null_mx")),
    DomainFamily("smtp_domain_mta_sts_present", "Whether the domain has a record at _mta-sts (RFC 8461).",
                 readers.published(lambda policies: policies.sts)),
    DomainFamily("smtp_domain_tlsrpt_present", "Whether the domain asks for TLS reports, in a good record (RFC 8460).",
                 readers.published(lambda policies: policies.tlsrpt)),
    DomainFamily("smtp_domain_mta_sts_valid", "Whether the MTA-STS record and policy are valid and to be had.",
                 readers.published(lambda policies: policies.sts_valid)),
    DomainFamily("smtp_domain_mta_sts_max_age_seconds", "For how long senders keep the MTA-STS policy.",
                 readers.of_policy(lambda policy: policy.max_age)),
    DomainFamily("smtp_domain_mta_sts_info", "The mode of the MTA-STS policy: enforce, testing or none.",
                 readers.policy_mode, ("mode",)),
)  # fmt: skip

EGRESS_FAMILY = EgressFamily(
    "smtp_egress_port_blocked",
    "Whether the port looks blocked from here; absent where it cannot be told.",
    ("port", "family"),
)

AGENT_FAMILIES: tuple[AgentFamily, ...] = (
    AgentFamily("smtp_exporter_build_info", "The version of the exporter and of what it is built on.",
                ("version", "python", "openssl")),
    AgentFamily("smtp_exporter_config_last_reload_successful", "Whether the last configuration reload succeeded."),
    AgentFamily("smtp_exporter_config_last_reload_success_timestamp_seconds",
                "When the running configuration was loaded, Unix time."),
    AgentFamily("smtp_exporter_target_file_errors",
                "1 for a target file with errors: its last good content stays in force; else 0.", ("file",)),
    AgentFamily("smtp_exporter_config_skipped_entries",
                "Lines of a domains file that are not domains, and are skipped.", ("file",)),
    AgentFamily("smtp_exporter_targets", "Targets in the running configuration."),
    AgentFamily("smtp_exporter_endpoints", "Endpoints that are probed now."),
    AgentFamily("smtp_exporter_shard_info", "Which share of the targets this process probes.", ("index", "count")),
    AgentFamily("smtp_exporter_probes_in_flight", "Probes under way."),
    AgentFamily("smtp_exporter_probe_overruns_total", "Probes that were due while the one before still ran.",
                kind="counter"),
    AgentFamily("smtp_exporter_overloaded_addresses",
                "IP addresses whose probes do not fit into their interval, so that it grows."),
    AgentFamily("smtp_exporter_problems_total", "Problems found by all probes so far.",
                ("reason", "severity"), "counter"),
    AgentFamily("smtp_exporter_schedule_delay_seconds", "How late probes started.", kind="histogram"),
    AgentFamily("smtp_exporter_event_loop_lag_seconds",
                "How late the event loop ran what was due.", kind="histogram"),
    AgentFamily("smtp_exporter_dns_lookups_total", "Questions to name servers.", ("type", "result"), "counter"),
    AgentFamily("smtp_exporter_internal_errors_total", "Mistakes of the exporter itself.", kind="counter"),
)  # fmt: skip

EVERY: tuple[Family | DomainFamily | EgressFamily | AgentFamily, ...] = (
    *FAMILIES,
    *DOMAIN_FAMILIES,
    EGRESS_FAMILY,
    *AGENT_FAMILIES,
)
