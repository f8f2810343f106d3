"""The table of reasons against the contract, and against the code that refers to it."""

import ast
import re
from pathlib import Path

import pytest

import exporter
from exporter.reasons import REASONS, UNTESTABLE, Reason, Row, Rule, Severity, Stage, Untestable

CONTRACT = """
dns_not_found            dns                    C
dns_no_address           dns                    C
dns_failure              dns                    C
dns_timeout              dns                    C
too_many_addresses       dns                    W
connection_timeout       connect                C
connection_refused       connect                C
network_unreachable      connect                C
connection_prohibited    connect                C
greeting_timeout         greeting               C
greeting_closed          greeting               C
greeting_temporary       greeting               C
greeting_rejected        greeting               C
greeting_malformed       greeting               C
implicit_tls_required    greeting               C
plaintext_on_tls_port    tls                    C
client_rejected          greeting,ehlo,starttls C
ehlo_timeout             ehlo                   C
ehlo_closed              ehlo                   C
ehlo_temporary           ehlo                   C
ehlo_rejected            ehlo                   C
reply_malformed          ehlo,starttls,auth     C
reply_too_long           ehlo,starttls,auth     C
starttls_not_supported   starttls               E/w
starttls_masked          starttls               E/w
starttls_withdrawn       starttls               C
starttls_temporary       starttls               C
starttls_rejected        starttls               C
starttls_timeout         starttls               C
starttls_closed          starttls               C
starttls_injection       starttls               C
starttls_after_tls       starttls               W
starttls_forbidden       expectation            C
starttls_not_tls         tls                    C
tls_timeout              tls                    C
tls_closed               tls                    C
tls_version_unsupported  tls                    C
tls_client_certificate_required tls             C
tls_name_rejected        tls                    C
tls_handshake_failed     tls                    C
tls_version_too_old      expectation            E/w
tls_weak                 tls                    W
certificate_expired      certificate            E/w
certificate_not_yet_valid certificate           E/w
certificate_host_mismatch certificate           E/w
certificate_self_signed  certificate            E/w
certificate_not_trusted  certificate            E/w
certificate_unsuitable   certificate            E/w
certificate_weak         certificate            W
certificate_expires_soon expectation            W
certificate_outdated     certificate            W
auth_not_offered         auth                   E/-
auth_offered_in_clear    auth                   E/w
auth_not_attempted       auth                   C
auth_mechanism_unavailable auth                 C
auth_rejected            auth                   C
auth_temporary           auth                   C
auth_failed              auth                   C
auth_timeout             auth                   C
auth_closed              auth                   C
banner_mismatch          expectation            C
extension_missing        expectation            C
port_open                expectation            C
mx_not_found             dns                    C
mx_invalid               dns                    W
tlsa_invalid             policy                 E/w
tlsa_unusable            policy                 W
dnssec_invalid           policy                 C
sts_policy_invalid       policy                 W
sts_policy_fetch_error   policy                 W
sts_webpki_invalid       policy                 W
sts_mx_mismatch          policy                 E/w
internal_error           internal               C
"""
"""Section 5 of the contract, line by line. tlsa_invalid: C on 25, else W; sts_mx_mismatch: W, C under enforce."""

STAGES = "dns connect greeting ehlo starttls tls certificate auth policy expectation quit internal"
IANA = {
    "starttls-not-supported", "certificate-host-mismatch", "certificate-expired", "certificate-not-trusted",
    "validation-failure", "tlsa-invalid", "dnssec-invalid", "dane-required", "sts-policy-fetch-error",
    "sts-policy-invalid", "sts-webpki-invalid",
}  # fmt: skip
"""The registry "STARTTLS Validation Result Types" (RFC 8460 6.6)."""

PACKAGE = Path(exporter.__file__).parent


def test_reasons_stages_and_severities_are_those_of_the_contract_in_its_order() -> None:
    expected = [tuple(line.split()) for line in CONTRACT.strip().split("\n")]
    assert [(reason, ",".join(row.stages), row.rule) for reason, row in REASONS.items()] == expected


def test_the_names_are_in_the_order_of_the_table() -> None:
    """Of several critical problems of one stage the first in this order is primary."""
    assert list(Reason) == list(REASONS)
    assert list(Untestable) == list(UNTESTABLE)


def test_the_stages_are_those_of_the_contract() -> None:
    assert " ".join(Stage) == STAGES


def test_why_nothing_can_be_said_is_what_the_contract_lists() -> None:
    assert " ".join(Untestable) == (
        "no_ipv6 no_ipv4 rate_limited client_blocked egress_blocked dns_unavailable local_resources"
    )


@pytest.mark.parametrize(("reason", "row"), REASONS.items())
def test_a_row_helps_whoever_is_woken_by_it(reason: Reason, row: Row) -> None:
    for text in (row.meaning, row.cause):
        assert re.fullmatch(r"\S.*\.", text), f"{reason}: a sentence"
        assert text[0] == text[0].upper(), f"{reason}: a sentence"
    assert re.fullmatch(r"\S.*\S", row.check), f"{reason}: one line"
    assert len({row.meaning, row.cause, row.check}) == 3
    assert reason.value not in row.meaning, f"{reason}: its name explains nothing"


@pytest.mark.parametrize("row", UNTESTABLE.values(), ids=UNTESTABLE)
def test_a_row_of_the_untestable_says_what_to_do(row: object) -> None:
    assert row.meaning.endswith(".")  # type: ignore[attr-defined]  # an UntestableRow
    assert row.check.endswith(".")  # type: ignore[attr-defined]  # an UntestableRow


def test_no_two_reasons_mean_the_same() -> None:
    meanings = [row.meaning for row in REASONS.values()]
    assert len(set(meanings)) == len(meanings)


@pytest.mark.parametrize(("reason", "row"), [(reason, row) for reason, row in REASONS.items() if row.rfc8460], ids=str)
def test_names_of_rfc_8460_are_registered(reason: Reason, row: Row) -> None:
    assert row.rfc8460 in IANA


def references(name: str) -> set[str]:
    """The members of an enumeration that code of the package refers to as NAME.MEMBER, the tables left aside."""
    found = set()
    for path in PACKAGE.rglob("*.py"):
        if path.name != "reasons.py":
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == name:
                    found.add(node.attr)
    return found


def test_there_is_code_for_every_reason() -> None:
    assert {reason.name for reason in Reason} <= references("Reason")


@pytest.mark.parametrize(
    ("rule", "expected", "severity"),
    [
        (Rule.CRITICAL, False, Severity.CRITICAL),
        (Rule.CRITICAL, True, Severity.CRITICAL),
        (Rule.WARNING, False, Severity.WARNING),
        (Rule.WARNING, True, Severity.WARNING),
        (Rule.EXPECTED_ELSE_WARNING, False, Severity.WARNING),
        (Rule.EXPECTED_ELSE_WARNING, True, Severity.CRITICAL),
        (Rule.EXPECTED_ELSE_NOTHING, False, None),
        (Rule.EXPECTED_ELSE_NOTHING, True, Severity.CRITICAL),
    ],
    ids=str,
)
def test_severity(rule: Rule, expected: bool, severity: Severity | None) -> None:
    assert rule.severity(expected=expected) is severity
