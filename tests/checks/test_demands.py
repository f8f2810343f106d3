"""What MTA-STS policies ask of the endpoints of an MX host."""

from dataclasses import replace
from typing import Any

import pytest

from exporter.checks import assess
from exporter.checks.demands import expected, strictest
from exporter.checks.history import History
from exporter.model import Demands, Expect, Hello, Result, Session, Verdict
from tests.checks.conftest import LEAF, Said, healthy

ENFORCED = Demands(enforced_by="example.test")
TESTING = Demands(unlisted_by="example.test")
REFUSED = Demands("example.test", "example.test", refused=True)
EXPIRED = Verdict(LEAF, LEAF.not_after, expired="expired yesterday")


def said(result: Result, demands: Demands) -> Said:
    return {str(each.reason): str(each.severity) for each in assess(result, History(demands=demands)).problems}


@pytest.mark.parametrize(
    ("seen", "found"),
    [
        pytest.param({}, {}, id="nothing wrong"),
        pytest.param({"verdict": EXPIRED}, {"certificate_expired": "critical"}, id="certificate"),
        pytest.param(
            {"session": Session("TLSv1.1", "ECDHE-RSA-AES256-SHA")}, {"tls_version_too_old": "critical"}, id="TLS 1.1"
        ),
        pytest.param(
            {"hello": Hello("EHLO"), "starttls": None, "session": None, "hello_tls": None, "verdict": None},
            {"starttls_not_supported": "critical"},
            id="no STARTTLS",
        ),
    ],
)
def test_what_an_enforced_policy_makes_critical_is_a_warning_without_it(seen: dict[str, Any], found: Said) -> None:
    assert said(healthy(**seen), ENFORCED) == found
    assert said(healthy(**seen), Demands()) == dict.fromkeys(found, "warning")


@pytest.mark.parametrize(
    ("demands", "found"),
    [
        pytest.param(Demands(), {}, id="listed, or no policy"),
        pytest.param(TESTING, {"sts_mx_mismatch": "warning"}, id="mode testing"),
        pytest.param(REFUSED, {"sts_mx_mismatch": "critical"}, id="mode enforce"),
    ],
)
def test_a_host_that_the_policy_does_not_list(demands: Demands, found: Said) -> None:
    assert said(healthy(), demands) == found


def test_the_problem_names_the_domain_whose_policy_it_is() -> None:
    (problem,) = assess(healthy(), History(demands=REFUSED)).problems
    assert problem.detail == "the policy of example.test, in mode enforce, does not list it"


@pytest.mark.parametrize(
    ("port", "written", "effective"),
    [
        (25, Expect(), Expect("required", "trusted", min_tls="TLSv1.2")),
        (25, Expect(min_tls="TLSv1.3"), Expect("required", "trusted", min_tls="TLSv1.3")),
        (25, Expect("forbidden", min_tls="TLSv1"), Expect("required", "trusted", min_tls="TLSv1.2")),
        (25, Expect(port="closed"), Expect("required", "trusted", min_tls="TLSv1.2", port="closed")),
        (587, Expect(), Expect()),
    ],
)
def test_expectations_of_the_operator_and_of_an_enforced_policy_make_the_stricter(
    port: int, written: Expect, effective: Expect
) -> None:
    result = healthy()
    peer = replace(result.peer, port=port, settings=replace(result.peer.settings, expect=written))
    assert expected(replace(result, peer=peer), History(demands=ENFORCED)) == effective


def test_without_tls_there_is_nothing_to_ask_for() -> None:
    in_clear = healthy(settings={"security": "none"}, session=None, verdict=None, starttls=None)
    assert said(in_clear, ENFORCED) == {}


@pytest.mark.parametrize(
    ("every", "strict"),
    [
        ([], Demands()),
        ([Demands(), TESTING], TESTING),
        ([TESTING, REFUSED], REFUSED),
        ([REFUSED, TESTING], REFUSED),
        ([Demands("a.test"), Demands("b.test", "c.test")], Demands("a.test", "c.test")),
    ],
)
def test_of_several_the_strictest_holds(every: list[Demands], strict: Demands) -> None:
    assert strictest(every) == strict
