"""The table of metrics against the contract, and each family read off results made by hand."""

import ast
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import exporter
from exporter.board import Board
from exporter.families import AGENT_FAMILIES, DOMAIN_FAMILIES, EVERY, FAMILIES, LABELS, Scope
from exporter.model import (
    Dane,
    Domain,
    Ended,
    Exchanges,
    Expect,
    Hello,
    Lookup,
    Peer,
    Policies,
    Policy,
    Problem,
    Reply,
    Result,
    Security,
    Settings,
    Target,
    Tlsa,
    TlsaRecord,
    Verdict,
)
from exporter.reasons import Reason, Severity, Stage, Untestable
from exporter.state import DomainState, State
from tests.results import DAY, HOST, LEAF, NOW, endpoint, failed, healthy, peer

CONTRACT = """
smtp_probe_success
smtp_probe_untestable reason
smtp_probe_problem stage reason severity primary
smtp_probe_consecutive_failures
smtp_probes_total
smtp_probe_failures_total
smtp_probes_untestable_total
smtp_probe_interval_seconds
smtp_probe_last_timestamp_seconds
smtp_probe_duration_seconds
smtp_probe_stage_duration_seconds stage
smtp_endpoint_info module security family certificate
smtp_port_open
smtp_greeting_code
smtp_greeting_info software
smtp_starttls_advertised
smtp_extensions_info extensions
smtp_message_size_limit_bytes
smtp_auth_advertised when
smtp_auth_success
smtp_tls_established
smtp_tls_info version cipher
smtp_certificate_valid
smtp_certificate_not_after_timestamp_seconds
smtp_certificate_not_before_timestamp_seconds
smtp_certificate_chain_not_after_timestamp_seconds
smtp_certificate_info subject issuer serial fingerprint_sha256 key
smtp_certificate_outdated
smtp_dane_valid
smtp_dane_tlsa_records
smtp_domain_success
smtp_domain_problem stage reason severity
smtp_domain_mx_info host preference
smtp_domain_mx_records
smtp_domain_null_mx
smtp_domain_mta_sts_present
smtp_domain_tlsrpt_present
smtp_domain_mta_sts_valid
smtp_domain_mta_sts_max_age_seconds
smtp_domain_mta_sts_info mode
smtp_egress_port_blocked port family
smtp_exporter_build_info version python openssl
smtp_exporter_config_last_reload_successful
smtp_exporter_config_last_reload_success_timestamp_seconds
smtp_exporter_target_file_errors file
smtp_exporter_config_skipped_entries file
smtp_exporter_targets
smtp_exporter_endpoints
smtp_exporter_shard_info index count
smtp_exporter_probes_in_flight
smtp_exporter_probe_overruns_total
smtp_exporter_overloaded_addresses
smtp_exporter_problems_total reason severity
smtp_exporter_schedule_delay_seconds
smtp_exporter_event_loop_lag_seconds
smtp_exporter_dns_lookups_total type result
smtp_exporter_internal_errors_total
"""
"""Section 4 of the contract, line by line: the family, then its own labels."""

PACKAGE = Path(exporter.__file__).parent
TABLES = {PACKAGE / "reasons.py", PACKAGE / "families" / "__init__.py"}
RESERVED = {"job", "instance", "le", "quantile", "alertname"}


# --- the table ------------------------------------------------------------------------------------------------


def test_families_and_labels_are_those_of_the_contract() -> None:
    assert [" ".join((row.name, *row.labels)) for row in EVERY] == CONTRACT.strip().split("\n")


@pytest.mark.parametrize("row", EVERY, ids=lambda row: row.name)
def test_a_row_obeys_the_rules_of_prometheus(row: object) -> None:
    name, kind, labels, text = row.name, row.kind, row.labels, row.help  # type: ignore[attr-defined]  # any of three
    scope: Scope = row.scope  # type: ignore[attr-defined]  # any of three
    assert re.fullmatch(r"smtp_[a-z0-9_]+[a-z0-9]", name)
    assert name.endswith("_total") == (kind == "counter")
    assert not name.endswith(("_count", "_sum", "_bucket", "_created", "_milliseconds", "_ms", "_kilobytes"))
    if kind == "histogram":
        assert name.endswith("_seconds")
    assert re.fullmatch(r"[A-Z0-9][^\n\\]*\.", text), "help is a sentence on one line"
    assert len(set(labels)) == len(labels)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", label) for label in labels)
    assert not set(labels) & (RESERVED | set(LABELS[scope]))


def test_no_family_is_there_twice() -> None:
    names = [row.name for row in EVERY]
    assert len(set(names)) == len(names)


def test_lasting_ones_are_the_timestamp_and_the_counters() -> None:
    assert {row.name for row in FAMILIES if row.lasting} == {
        "smtp_probe_last_timestamp_seconds",
        *(row.name for row in FAMILIES if row.kind == "counter"),
    }


def strings(path: Path) -> Iterator[tuple[int, str]]:
    """The string literals of a file that are values, not docstrings."""
    tree = ast.parse(path.read_text())
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node.lineno, node.value


def sources() -> list[Path]:
    return [path for path in sorted(PACKAGE.rglob("*.py")) if path not in TABLES and "simulated" not in path.parts]


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_metric_and_a_reason_are_spelt_once(path: Path) -> None:
    """House rule 3. `telemetry` and `page.environment` pick rows by name; `demo.table` announces verdicts."""
    within = str(path.relative_to(PACKAGE))
    names = {row.name for row in EVERY} if within not in {"telemetry.py", "page/environment.py"} else set()
    reasons = {*Reason, *Untestable} if within != "demo/table.py" else set()
    assert [(line, text) for line, text in strings(path) if text in names | reasons] == []


def test_every_row_of_the_agent_has_its_place_in_telemetry() -> None:
    names = {text for _, text in strings(PACKAGE / "telemetry.py")}
    assert {row.name for row in AGENT_FAMILIES} <= names


# --- what is read off a state ---------------------------------------------------------------------------------


def state_of(*results: Result) -> State:
    board, one = Board(), results[0].peer
    board.add(endpoint(of=one))
    for result in results:
        board.record(result)
    return board.states[one]


def read(name: str, state: State) -> dict[tuple[str, ...], float]:
    (family,) = (row for row in FAMILIES if row.name == name)
    return {tuple(map(str, labels)): value for labels, value in family.read(state)}


HELLO, HELLO_TLS = healthy().hello, healthy().hello_tls
assert HELLO is not None
assert HELLO_TLS is not None
AUTH = Hello("EHLO", {"AUTH": "PLAIN"}, frozenset({"PLAIN"}))
UNREADABLE = Verdict(replace(LEAF, not_after=NOW - DAY), NOW - 2 * DAY, expired="yesterday")
UNDATED = Verdict(replace(LEAF, not_before=None, not_after=None), None)
IN_1970 = Verdict(replace(LEAF, not_before=0.0, not_after=0.0), 0.0)
ON_TLS_PORT = Peer(HOST, "2001:db8::1", 465, Settings("submissions", security=Security.IMPLICIT,
                                                      expect=Expect(certificate="trusted")))  # fmt: skip
TIMEOUT = failed(Reason.GREETING_TIMEOUT)
LIMITED = failed(Reason.GREETING_TEMPORARY, ended=None, connected=True, own_address="192.0.2.99",
                 greeting=Reply(421, ("4.7.0 too many connections from 192.0.2.99",)))  # fmt: skip
TIMED = {Stage.DNS: 0.1, Stage.CONNECT: 0.2, Stage.QUIT: 0.3, Stage.CERTIFICATE: 9.0}

OWN_KEY = TlsaRecord(3, 1, 1, bytes(32))
TWO_RECORDS = Lookup(0.0, tlsa=Tlsa((OWN_KEY, TlsaRecord(2, 0, 1, bytes(32))), "mail.example.test"))
ROWS: list[tuple[str, str, Result, dict[tuple[str, ...], float]]] = [
    ("smtp_probe_success", "success", healthy(), {(): 1}),
    ("smtp_probe_success", "failure", TIMEOUT, {(): 0}),
    ("smtp_probe_success", "untestable", LIMITED, {}),
    ("smtp_probe_untestable", "testable", healthy(), {}),
    ("smtp_probe_untestable", "rate limited", LIMITED, {("rate_limited",): 1}),
    ("smtp_probe_untestable", "no route", healthy(untestable=Untestable.NO_IPV6), {("no_ipv6",): 1}),
    ("smtp_probe_problem", "none", healthy(), {}),
    ("smtp_probe_problem", "primary", TIMEOUT, {("greeting", "greeting_timeout", "critical", "true"): 1}),
    ("smtp_probe_problem", "warning while untestable", LIMITED,
     {("greeting", "greeting_temporary", "warning", "false"): 1}),
    ("smtp_probe_problem", "once, though found twice",
     healthy(ehlo=Reply(450, ("no",)), ehlo_tls=Reply(451, ("no",))),
     {("ehlo", "ehlo_temporary", "critical", "true"): 1}),
    ("smtp_probe_consecutive_failures", "none", healthy(), {(): 0}),
    ("smtp_dane_valid", "no records", healthy(), {}),
    ("smtp_dane_valid", "one fits", healthy(dane=Dane(2, OWN_KEY)), {(): 1}),
    ("smtp_dane_valid", "none fits", healthy(dane=Dane(2, None, "no")), {(): 0}),
    ("smtp_dane_valid", "none can be used", healthy(dane=Dane(0, None, "no")), {(): 0}),
    ("smtp_dane_tlsa_records", "a literal", healthy(), {}),
    ("smtp_dane_tlsa_records", "none", healthy(lookup=Lookup(0.0)), {}),
    ("smtp_dane_tlsa_records", "two", failed(Reason.CONNECTION_REFUSED, lookup=TWO_RECORDS), {(): 2}),
    ("smtp_endpoint_info", "its certificate is in DNS", healthy(dane=Dane(1, OWN_KEY)),
     {("relay", "starttls", "ipv4", "dane_ee"): 1}),
    ("smtp_certificate_outdated", "nothing to compare with", healthy(), {}),
    ("smtp_probe_consecutive_failures", "one", TIMEOUT, {(): 1}),
    ("smtp_probes_total", "one", healthy(), {(): 1}),
    ("smtp_probe_failures_total", "none yet", healthy(), {(): 0}),
    ("smtp_probe_failures_total", "untestable", LIMITED, {(): 0}),
    ("smtp_probes_untestable_total", "none yet", TIMEOUT, {(): 0}),
    ("smtp_probes_untestable_total", "one", LIMITED, {(): 1}),
    ("smtp_probe_interval_seconds", "the interval", healthy(peer(interval=300.0)), {(): 300}),
    ("smtp_probe_last_timestamp_seconds", "when", healthy(), {(): NOW}),
    ("smtp_probe_duration_seconds", "how long", TIMEOUT, {(): 0.5}),
    ("smtp_probe_stage_duration_seconds", "those reached", healthy(stages=TIMED),
     {("dns",): 0.1, ("connect",): 0.2, ("quit",): 0.3}),
    ("smtp_endpoint_info", "IPv4", healthy(), {("relay", "starttls", "ipv4", "any"): 1}),
    ("smtp_endpoint_info", "IPv6", healthy(ON_TLS_PORT), {("submissions", "implicit", "ipv6", "trusted"): 1}),
    ("smtp_endpoint_info", "no address", healthy(peer("")), {("relay", "starttls", "", "any"): 1}),
    ("smtp_port_open", "open", healthy(), {(): 1}),
    ("smtp_port_open", "closed", failed(Reason.CONNECTION_REFUSED), {(): 0}),
    ("smtp_port_open", "not tried", failed(Reason.DNS_NOT_FOUND, connected=None), {}),
    ("smtp_greeting_code", "220", healthy(), {(): 220}),
    ("smtp_greeting_code", "421", LIMITED, {(): 421}),
    ("smtp_greeting_code", "none", TIMEOUT, {}),
    ("smtp_greeting_info", "Postfix", healthy(), {("postfix",): 1}),
    ("smtp_greeting_info", "unknown", healthy(greeting=Reply(220, ("hi",))), {("unknown",): 1}),
    ("smtp_greeting_info", "none", TIMEOUT, {}),
    ("smtp_starttls_advertised", "offered", healthy(), {(): 1}),
    ("smtp_starttls_advertised", "not offered", healthy(hello=HELLO_TLS), {(): 0}),
    ("smtp_starttls_advertised", "EHLO not answered", TIMEOUT, {}),
    ("smtp_extensions_info", "inside TLS", healthy(), {("PIPELINING SIZE",): 1}),
    ("smtp_extensions_info", "in clear", healthy(hello_tls=None), {("PIPELINING SIZE STARTTLS",): 1}),
    ("smtp_extensions_info", "HELO", healthy(hello_tls=None, hello=Hello("HELO")), {("",): 1}),
    ("smtp_extensions_info", "none", TIMEOUT, {}),
    ("smtp_message_size_limit_bytes", "given", healthy(), {(): 10_240_000}),
    ("smtp_message_size_limit_bytes", "0", healthy(hello_tls=Hello("EHLO", {"SIZE": "0"})), {}),
    ("smtp_message_size_limit_bytes", "no number", healthy(hello_tls=Hello("EHLO", {"SIZE": "big"})), {}),
    ("smtp_message_size_limit_bytes", "Arabic digits", healthy(hello_tls=Hello("EHLO", {"SIZE": "\u0663"})), {}),
    ("smtp_message_size_limit_bytes", "endless", healthy(hello_tls=Hello("EHLO", {"SIZE": "9" * 5000})), {}),
    ("smtp_auth_advertised", "neither", healthy(), {("before_tls",): 0, ("after_tls",): 0}),
    ("smtp_auth_advertised", "after TLS", healthy(hello_tls=AUTH), {("before_tls",): 0, ("after_tls",): 1}),
    ("smtp_auth_advertised", "implicit", healthy(ON_TLS_PORT, hello=None, hello_tls=AUTH), {("after_tls",): 1}),
    ("smtp_auth_success", "not tried", healthy(), {}),
    ("smtp_auth_success", "succeeded", healthy(authenticated=True), {(): 1}),
    ("smtp_auth_success", "failed", healthy(authenticated=False), {(): 0}),
    ("smtp_tls_established", "established", healthy(), {(): 1}),
    ("smtp_tls_established", "handshake failed", failed(Reason.TLS_HANDSHAKE_FAILED), {(): 0}),
    ("smtp_tls_established", "failed after it", healthy(established=False), {(): 0}),
    ("smtp_tls_established", "refused in clear on a TLS port",
     healthy(ON_TLS_PORT, session=None, established=False, greeting=Reply(421, ("busy",))), {(): 0}),
    ("smtp_tls_established", "injected before it",
     failed(Reason.STARTTLS_INJECTION, stages={Stage.STARTTLS: 0.1, Stage.TLS: 0.0}), {}),
    ("smtp_tls_established", "not tried", TIMEOUT, {}),
    ("smtp_tls_info", "agreed", healthy(), {("TLSv1.3", "TLS_AES_256_GCM_SHA384"): 1}),
    ("smtp_tls_info", "not agreed", TIMEOUT, {}),
    ("smtp_certificate_valid", "valid", healthy(), {(): 1}),
    ("smtp_certificate_valid", "expired", healthy(verdict=UNREADABLE), {(): 0}),
    ("smtp_certificate_valid", "none seen", TIMEOUT, {}),
    ("smtp_certificate_not_after_timestamp_seconds", "valid", healthy(), {(): NOW + 80 * DAY}),
    ("smtp_certificate_not_after_timestamp_seconds", "expired", healthy(verdict=UNREADABLE), {(): NOW - DAY}),
    ("smtp_certificate_not_after_timestamp_seconds", "the handshake failed later",
     healthy(established=False, ended=Ended(Stage.TLS, Reason.TLS_CLOSED)), {(): NOW + 80 * DAY}),
    ("smtp_certificate_not_after_timestamp_seconds", "none seen", TIMEOUT, {}),
    ("smtp_certificate_not_before_timestamp_seconds", "valid", healthy(), {(): NOW - 10 * DAY}),
    ("smtp_certificate_not_before_timestamp_seconds", "none seen", TIMEOUT, {}),
    ("smtp_certificate_chain_not_after_timestamp_seconds", "valid", healthy(), {(): NOW + 70 * DAY}),
    ("smtp_certificate_chain_not_after_timestamp_seconds", "none seen", TIMEOUT, {}),
    ("smtp_certificate_not_before_timestamp_seconds", "no date", healthy(verdict=UNDATED), {}),
    ("smtp_certificate_not_before_timestamp_seconds", "in 1970", healthy(verdict=IN_1970), {(): 0.0}),
    ("smtp_certificate_not_after_timestamp_seconds", "no date", healthy(verdict=UNDATED), {}),
    ("smtp_certificate_not_after_timestamp_seconds", "in 1970", healthy(verdict=IN_1970), {(): 0.0}),
    ("smtp_certificate_chain_not_after_timestamp_seconds", "no date", healthy(verdict=UNDATED), {}),
    ("smtp_certificate_chain_not_after_timestamp_seconds", "in 1970", healthy(verdict=IN_1970), {(): 0.0}),
    ("smtp_certificate_info", "all of it", healthy(),
     {("mail.example.test", "Example Issuing CA", "0a1b", "ab" * 32, "ecdsa-256"): 1}),
    ("smtp_certificate_info", "none seen", TIMEOUT, {}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "result", "expected"),
    [(name, result, expected) for name, _, result, expected in ROWS],
    ids=[f"{name}-{case}" for name, case, _, _ in ROWS],
)
def test_a_family_of_endpoints(name: str, result: Result, expected: dict[tuple[str, ...], float]) -> None:
    assert read(name, state_of(result)) == expected


def test_every_family_of_endpoints_has_a_row_here() -> None:
    assert {row[0] for row in ROWS} == {row.name for row in FAMILIES}


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
@pytest.mark.parametrize(
    "result",
    [healthy(authenticated=True), TIMEOUT, LIMITED, healthy(verdict=UNREADABLE)],
    ids=["healthy", "time-out", "rate limited", "expired"],
)
def test_a_reader_yields_as_many_values_as_labels(family: object, result: Result) -> None:
    for values, _ in family.read(state_of(result)):  # type: ignore[attr-defined]  # a Family
        assert len(values) == len(family.labels)  # type: ignore[attr-defined]  # a Family


# --- what is read off a domain --------------------------------------------------------------------------------

TARGET = Target("mail", ((25, Settings()),), domains=("example.test",))
FOUND = Exchanges(((10, HOST), (20, "mx2.example.test")), records=2)


def unfound(reason: Reason, severity: Severity = Severity.CRITICAL, **facts: object) -> Exchanges:
    return replace(Exchanges(problems=(Problem(reason, Stage.DNS, severity),)), **facts)  # type: ignore[arg-type]


def domain_read(name: str, of: Exchanges | Policies | None, *results: Result) -> dict[tuple[str, ...], float]:
    (family,) = (row for row in DOMAIN_FAMILIES if row.name == name)
    exchanges, policies = (FOUND, of) if isinstance(of, Policies) else (of, None)
    state = DomainState(Domain(TARGET, "example.test"), 300.0, exchanges, policies=policies)
    found = {tuple(map(str, labels)): float(value) for labels, value in family.read(state, map(state_of, results))}
    assert all(len(labels) == len(family.labels) for labels in found)
    return found


STS = Policy("enforce", frozenset({HOST}), 86400)
UNFETCHED = Problem(Reason.STS_POLICY_FETCH_ERROR, Stage.POLICY, Severity.WARNING)
ENFORCED = Policies(sts=True, sts_valid=True, policy=STS, tlsrpt=True)
KEPT = replace(ENFORCED, sts_valid=False, problems=(UNFETCHED,))
GONE = replace(ENFORCED, sts=False, sts_valid=None, tlsrpt=False)
UNKNOWN = Policies(problems=(Problem(Reason.DNS_TIMEOUT, Stage.DNS, Severity.WARNING),))

DOMAIN_ROWS: list[tuple[str, str, Exchanges | Policies | None, list[Result], dict[tuple[str, ...], float]]] = [
    ("smtp_domain_success", "a host succeeds", FOUND, [TIMEOUT, healthy()], {(): 1}),
    ("smtp_domain_success", "all fail", FOUND, [TIMEOUT, TIMEOUT], {(): 0}),
    ("smtp_domain_success", "untestable and failed", FOUND, [LIMITED, TIMEOUT], {(): 0}),
    ("smtp_domain_success", "all untestable", FOUND, [LIMITED], {}),
    ("smtp_domain_success", "nothing probed yet", FOUND, [], {}),
    ("smtp_domain_success", "null MX", Exchanges(records=1, null_mx=True), [], {(): 1}),
    ("smtp_domain_success", "no MX", unfound(Reason.MX_NOT_FOUND), [], {(): 0}),
    ("smtp_domain_success", "lookup failed, hosts known", unfound(Reason.DNS_FAILURE, hosts=FOUND.hosts), [healthy()],
     {(): 0}),
    ("smtp_domain_success", "a warning only", replace(FOUND, problems=(
        Problem(Reason.MX_INVALID, Stage.DNS, Severity.WARNING),)), [healthy()], {(): 1}),
    ("smtp_domain_success", "not asked yet", None, [], {}),
    ("smtp_domain_problem", "none", FOUND, [], {}),
    ("smtp_domain_problem", "one", unfound(Reason.MX_NOT_FOUND), [], {("dns", "mx_not_found", "critical"): 1}),
    ("smtp_domain_problem", "not asked yet", None, [], {}),
    ("smtp_domain_mx_info", "each host", FOUND, [], {(HOST, "10"): 1, ("mx2.example.test", "20"): 1}),
    ("smtp_domain_mx_info", "not asked yet", None, [], {}),
    ("smtp_domain_mx_records", "two", FOUND, [], {(): 2}),
    ("smtp_domain_mx_records", "none", unfound(Reason.MX_NOT_FOUND), [], {(): 0}),
    ("smtp_domain_mx_records", "lookup failed", unfound(Reason.DNS_TIMEOUT), [], {}),
    ("smtp_domain_mx_records", "known from before", unfound(Reason.DNS_TIMEOUT, Severity.WARNING, records=2), [],
     {(): 2}),
    ("smtp_domain_mx_records", "not asked yet", None, [], {}),
    ("smtp_domain_null_mx", "null MX", Exchanges(records=1, null_mx=True), [], {(): 1}),
    ("smtp_domain_null_mx", "hosts", FOUND, [], {(): 0}),
    ("smtp_domain_null_mx", "lookup failed", unfound(Reason.DNS_FAILURE), [], {}),
    ("smtp_domain_success", "the policy is not to be had", KEPT, [healthy()], {(): 1}),
    ("smtp_domain_problem", "of the policy", KEPT, [], {("policy", "sts_policy_fetch_error", "warning"): 1}),
    ("smtp_domain_mta_sts_present", "a record", ENFORCED, [], {(): 1}),
    ("smtp_domain_mta_sts_present", "none", Policies(sts=False), [], {(): 0}),
    ("smtp_domain_mta_sts_present", "not known", UNKNOWN, [], {}),
    ("smtp_domain_mta_sts_present", "not asked yet", None, [], {}),
    ("smtp_domain_mta_sts_valid", "valid", ENFORCED, [], {(): 1}),
    ("smtp_domain_mta_sts_valid", "known of old", KEPT, [], {(): 0}),
    ("smtp_domain_mta_sts_valid", "not fetched yet", Policies(sts=True), [], {}),
    ("smtp_domain_mta_sts_valid", "no record", GONE, [], {}),
    ("smtp_domain_mta_sts_max_age_seconds", "a day", ENFORCED, [], {(): 86400}),
    ("smtp_domain_mta_sts_max_age_seconds", "known of old", KEPT, [], {(): 86400}),
    ("smtp_domain_mta_sts_max_age_seconds", "no record", GONE, [], {}),
    ("smtp_domain_mta_sts_info", "enforce", ENFORCED, [], {("enforce",): 1}),
    ("smtp_domain_mta_sts_info", "no policy", Policies(sts=True, sts_valid=False), [], {}),
    ("smtp_domain_mta_sts_info", "no record", GONE, [], {}),
    ("smtp_domain_tlsrpt_present", "a record", ENFORCED, [], {(): 1}),
    ("smtp_domain_tlsrpt_present", "none, or no good one", GONE, [], {(): 0}),
    ("smtp_domain_tlsrpt_present", "not known", UNKNOWN, [], {}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "of", "results", "expected"),
    [(name, *rest) for name, _, *rest in DOMAIN_ROWS],
    ids=[f"{row[0]}-{row[1]}" for row in DOMAIN_ROWS],
)
def test_a_family_of_domains(
    name: str, of: Exchanges | Policies | None, results: list[Result], expected: dict[tuple[str, ...], float]
) -> None:
    assert domain_read(name, of, *results) == expected


def test_every_family_of_domains_has_a_row_here() -> None:
    assert {row[0] for row in DOMAIN_ROWS} == {row.name for row in DOMAIN_FAMILIES}
