"""What TLSA records mean for the problems of a host, and for what is expected of it."""

from dataclasses import replace
from typing import Any

import pytest

from exporter.checks import assess
from exporter.checks.history import History
from exporter.model import Dane, Demands, Ended, Hello, Lookup, Peer, Tlsa, TlsaRecord
from exporter.reasons import Reason, Stage
from tests.checks.conftest import GOOD, NOW, Said, healthy, said

C, W = "critical", "warning"
EE, TA = TlsaRecord(3, 1, 1, bytes(32)), TlsaRecord(2, 0, 1, bytes(32))
FITS, FITS_TA, FITS_NOT, UNUSABLE = (
    Dane(1, EE),
    Dane(1, TA),
    Dane(2, None, "no"),
    Dane(0, None, "no record can be used"),
)
IN_CLEAR: dict[str, Any] = {"starttls": None, "session": None, "ehlo_tls": None, "hello_tls": None, "verdict": None,
                            "established": False, "hello": Hello("EHLO")}  # fmt: skip
EVERYTHING = replace(GOOD, expired="so", not_yet_valid="so", host_mismatch="so", self_signed="so", not_trusted="so",
                     unsuitable="so", weak="so")  # fmt: skip
ALL = {"certificate_expired", "certificate_not_yet_valid", "certificate_host_mismatch", "certificate_self_signed",
       "certificate_not_trusted", "certificate_unsuitable", "certificate_weak"}  # fmt: skip


def looked_up(*records: TlsaRecord, hops: tuple[str, ...] = (), **more: Any) -> Lookup:
    return Lookup(0.0, tlsa=Tlsa(records, "mail.example.test", **more), next_hops=hops)


def without_answer(reason: Reason, *, remembered: bool = False, **lookup: Any) -> Lookup:
    found = looked_up(problem=Ended(Stage.DNS, reason, "said the name server"), remembered=remembered)
    return replace(found, **lookup)


LATE = Ended(Stage.DNS, Reason.DNS_TIMEOUT)


@pytest.mark.parametrize(
    ("facts", "problems"),
    [
        pytest.param({"dane": FITS}, {}, id="one fits"),
        pytest.param({"dane": FITS_NOT}, {"tlsa_invalid": C}, id="none fits"),
        pytest.param(
            {"dane": UNUSABLE, "lookup": looked_up(TlsaRecord(1, 1, 1, bytes(32)), TlsaRecord(3, 1, 1, bytes(31)))},
            {"tlsa_unusable": W},
            id="none can be used",
        ),
        pytest.param(
            {**IN_CLEAR, "lookup": looked_up(TlsaRecord(1, 1, 1, bytes(32)))},
            {"tlsa_unusable": W, "starttls_not_supported": W},
            id="none can be used, and there is no TLS",
        ),
        pytest.param({"dane": FITS, "lookup": looked_up(TlsaRecord(1, 1, 1, bytes(32)), EE)}, {}, id="one of two fits"),
        pytest.param({"dane": FITS_NOT, "established": False}, {}, id="none fits, and there is no TLS"),
        pytest.param({"lookup": without_answer(Reason.DNSSEC_INVALID)}, {"dnssec_invalid": C}, id="bogus"),
        pytest.param(
            {"lookup": without_answer(Reason.DNSSEC_INVALID, remembered=True)}, {"dnssec_invalid": C}, id="now bogus"
        ),
        pytest.param({"lookup": without_answer(Reason.DNS_FAILURE)}, {"dns_failure": C}, id="no answer"),
        pytest.param({"lookup": without_answer(Reason.DNS_TIMEOUT)}, {"dns_timeout": C}, id="no answer in time"),
        pytest.param(
            {"lookup": without_answer(Reason.DNS_FAILURE, remembered=True)}, {"dns_failure": W}, id="known from before"
        ),
        pytest.param(
            {"lookup": without_answer(Reason.DNS_TIMEOUT, unavailable=True)}, {}, id="nobody answers anything"
        ),
        pytest.param(
            {"lookup": without_answer(Reason.DNS_TIMEOUT, problem=LATE)},
            {"dns_timeout": W},
            id="the address could not be asked for either",
        ),
        pytest.param(
            {"lookup": Lookup(0.0, Ended(Stage.POLICY, Reason.DNSSEC_INVALID))},
            {"dnssec_invalid": C},
            id="addresses that are bogus now",
        ),
    ],
)
def test_on_port_25(facts: dict[str, Any], problems: Said) -> None:
    assert said(healthy(**facts)) == problems


@pytest.mark.parametrize(
    ("facts", "problems"),
    [
        ({"dane": FITS_NOT}, {"tlsa_invalid": W}),
        ({"lookup": without_answer(Reason.DNS_FAILURE)}, {"dns_failure": W}),
        ({"lookup": without_answer(Reason.DNSSEC_INVALID)}, {"dnssec_invalid": C}),
    ],
)
def test_on_another_port(facts: dict[str, Any], problems: Said) -> None:
    result = healthy(**facts)
    assert said(replace(result, peer=Peer("mail.example.test", "192.0.2.9", 587, result.peer.settings))) == problems


# --- what is expected -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("records", [(EE,), (TlsaRecord(0, 0, 0, b""),)], ids=["usable", "unusable"])
@pytest.mark.parametrize(
    ("hops", "port", "severity"), [(("example.test",), 25, C), ((), 25, W), (("example.test",), 2525, W)]
)
def test_records_make_starttls_required_where_a_mail_domain_leads(
    records: tuple[TlsaRecord, ...], hops: tuple[str, ...], port: int, severity: str
) -> None:
    result = healthy(**IN_CLEAR, lookup=looked_up(*records, hops=hops))
    result = replace(result, peer=replace(result.peer, port=port))
    unusable = {} if records == (EE,) else {"tlsa_unusable": W}
    assert said(result) == {"starttls_not_supported": severity, **unusable}


def test_without_records_a_mail_domain_asks_for_nothing() -> None:
    assert said(healthy(**IN_CLEAR, lookup=looked_up(hops=("example.test",)))) == {"starttls_not_supported": W}


def test_who_forbids_starttls_has_his_will() -> None:
    lookup = looked_up(EE, hops=("example.test",))
    assert said(healthy(**IN_CLEAR, lookup=lookup, expect={"starttls": "forbidden"})) == {}


@pytest.mark.parametrize(
    ("dane", "expect", "trust", "problems"),
    [
        (FITS, {}, "dane_ee", set()),
        (FITS, {"certificate": "trusted"}, "dane_ee", set()),
        (FITS, {"certificate": "trusted", "user_wants_trust": True}, "trusted", ALL),
        (FITS, {"user_wants_trust": True}, "any", ALL),
        (FITS_TA, {"certificate": "trusted"}, "trusted", ALL),
        (FITS_NOT, {}, "any", {"tlsa_invalid", *ALL}),
        (UNUSABLE, {}, "any", ALL),
        (None, {}, "any", ALL),
    ],
)
def test_a_certificate_that_dns_names_needs_nothing_else(
    dane: Dane | None, expect: dict[str, Any], trust: str, problems: set[str]
) -> None:
    found = assess(healthy(dane=dane, verdict=EVERYTHING, expect=expect))
    assert found.certificate == trust
    assert {str(each.reason) for each in found.problems} == problems


def test_nor_does_it_matter_when_it_expires() -> None:
    soon = replace(GOOD, certificate=replace(GOOD.certificate, not_after=NOW + 1))
    assert said(healthy(verdict=soon, expect={"min_days_left": 7.0})) == {"certificate_expires_soon": W}
    assert said(healthy(verdict=soon, expect={"min_days_left": 7.0}, dane=FITS)) == {}


def test_an_enforced_policy_asks_for_trust_whatever_dns_names() -> None:
    known = History(demands=Demands(enforced_by="example.test"))
    found = assess(healthy(dane=FITS, verdict=EVERYTHING), known)
    assert found.certificate == "trusted"
    assert {str(each.reason) for each in found.problems} == ALL
    submission = healthy(dane=FITS, verdict=EVERYTHING)
    submission = replace(submission, peer=replace(submission.peer, port=587))
    assert assess(submission, known).certificate == "dane_ee"
