"""Which policy is in force, what is wrong, and when to fetch anew."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from exporter.model import Ended, Fetched, Policy, Problem
from exporter.reasons import Reason, Severity, Stage
from exporter.resolve import Texts
from exporter.sts import attempted, due, judge
from exporter.sts.judge import LONGEST_RETRY, REFRESH, RETRY
from tests.results import NOW

DOMAIN = "example.test"
RECORD, NEWER = Texts(("v=STSv1; id=1",)), Texts(("v=STSv1; id=2",))
NONE, BROKEN, TWO = Texts(), Texts(("v=STSv1",)), Texts(("v=STSv1; id=1", "v=STSv1; id=2"))
REPORTS, NO_RUA = Texts(("v=TLSRPTv1; rua=mailto:a@b.test",)), Texts(("v=TLSRPTv1;",))
FAILED = Texts(problem=Ended(Stage.DNS, Reason.DNS_FAILURE, "SERVFAIL"))
OLD = Texts(RECORD.texts, FAILED.problem)
POLICY = Policy("enforce", frozenset({"mx.example.test"}), 86400)
FAULT = Problem(Reason.STS_POLICY_FETCH_ERROR, Stage.POLICY, Severity.WARNING, "HTTP status 404")
HELD = Fetched("1", NOW, policy=POLICY, since=NOW)
LOST = Fetched("1", NOW, FAULT, 1, POLICY, NOW - 100)
NEVER = Fetched("1", NOW, FAULT, 1)
EXPIRED = Fetched("1", NOW, FAULT, 1, POLICY, NOW - 86400)

BAD_MX = replace(POLICY, wrong="mx: 'mx.example.test.': no host name")
ONE_BAD = Fetched("1", NOW, policy=BAD_MX, since=NOW)


@pytest.mark.parametrize(
    ("told", "held", "present", "valid", "policy", "problems"),
    [
        pytest.param(NONE, None, False, None, None, [], id="nothing"),
        pytest.param(RECORD, None, True, None, None, [], id="not fetched yet"),
        pytest.param(RECORD, HELD, True, True, POLICY, [], id="all is well"),
        pytest.param(NEWER, HELD, True, True, POLICY, [], id="another id: until the new one is there"),
        pytest.param(RECORD, LOST, True, False, POLICY, ["sts_policy_fetch_error"], id="known, to be had no more"),
        pytest.param(RECORD, EXPIRED, True, False, None, ["sts_policy_fetch_error"], id="known once, and expired"),
        pytest.param(RECORD, NEVER, True, False, None, ["sts_policy_fetch_error"], id="never to be had"),
        pytest.param(BROKEN, HELD, True, False, POLICY, ["sts_policy_invalid"], id="record broken, policy known"),
        pytest.param(BROKEN, None, True, False, None, ["sts_policy_invalid"], id="record broken"),
        pytest.param(RECORD, ONE_BAD, True, False, BAD_MX, ["sts_policy_invalid"], id="one pattern is invalid"),
        pytest.param(BROKEN, ONE_BAD, True, False, BAD_MX, ["sts_policy_invalid"], id="record broken, one pattern too"),
        pytest.param(NONE, ONE_BAD, False, None, BAD_MX, [], id="record gone, one pattern was invalid"),
        pytest.param(TWO, None, True, False, None, ["sts_policy_invalid"], id="two records"),
        pytest.param(NONE, HELD, False, None, POLICY, [], id="record gone: senders know the policy"),
        pytest.param(NONE, LOST, False, None, POLICY, [], id="record and policy gone: senders know it"),
        pytest.param(NONE, EXPIRED, False, None, None, [], id="gone for long"),
        pytest.param(FAILED, None, None, None, None, ["dns_failure"], id="DNS fails"),
        pytest.param(FAILED, HELD, None, None, POLICY, ["dns_failure"], id="DNS fails, policy known"),
        pytest.param(OLD, HELD, True, True, POLICY, ["dns_failure"], id="DNS fails, record and policy known"),
    ],
)
def test_what_is_in_force_and_what_is_wrong(
    told: Texts, held: Fetched | None, present: bool | None, valid: bool | None, policy: Any, problems: list[str]
) -> None:
    found = judge(DOMAIN, told, NONE, held, NOW)
    assert (found.sts, found.sts_valid, found.policy) == (present, valid, policy)
    assert [each.reason for each in found.problems] == problems
    assert {each.severity for each in found.problems} <= {"warning"}


@pytest.mark.parametrize(
    ("told", "present"),
    [(NONE, False), (REPORTS, True), (NO_RUA, False), (FAILED, None), (Texts(REPORTS.texts, FAILED.problem), True)],
)
def test_whether_reports_are_asked_for(told: Texts, present: bool | None) -> None:
    found = judge(DOMAIN, NONE, told, None, NOW)
    assert (found.tlsrpt, found.problems) == (present, ())
    assert bool(found.tlsrpt_wrong) is (told is NO_RUA)


@pytest.mark.parametrize(
    ("told", "held", "after", "fetched"),
    [
        pytest.param(NONE, None, 0, False, id="no record"),
        pytest.param(BROKEN, HELD, REFRESH, False, id="broken record"),
        pytest.param(RECORD, None, 0, True, id="never fetched"),
        pytest.param(RECORD, HELD, REFRESH / 2 - 1, False, id="fetched a while ago"),
        pytest.param(RECORD, HELD, REFRESH, True, id="fetched an hour ago: is it still to be had?"),
        pytest.param(NEWER, HELD, 0, True, id="another id: at once"),
        pytest.param(RECORD, LOST, RETRY - 1, False, id="failed: not for five minutes"),
        pytest.param(RECORD, LOST, RETRY, True, id="failed five minutes ago"),
        pytest.param(NEWER, LOST, 0, True, id="failed, and there is another id"),
        pytest.param(RECORD, Fetched("1", NOW, FAULT, 2), RETRY, False, id="failed twice: later"),
        pytest.param(RECORD, Fetched("1", NOW, FAULT, 2), 2 * RETRY, True, id="failed twice, ten minutes ago"),
        pytest.param(RECORD, Fetched("1", NOW, FAULT, 99), LONGEST_RETRY, True, id="failed for long: hourly"),
    ],
)
def test_when_a_policy_is_fetched(told: Texts, held: Fetched | None, after: float, fetched: bool) -> None:
    assert due(DOMAIN, told, held, NOW + after) is fetched


def test_policies_that_were_fetched_together_do_not_come_due_together() -> None:
    names = [f"d{n}.example" for n in range(1000)]
    by_tenth = [sum(due(name, RECORD, HELD, NOW + REFRESH * (0.5 + part / 20)) for name in names) for part in range(11)]
    steps = [after - before for before, after in pairwise(by_tenth)]
    assert sum(steps) == len(names)
    assert max(steps) < 200


@pytest.mark.parametrize("max_age", [0, 1, 31_557_600])
def test_whatever_its_max_age_a_policy_is_fetched_no_more_often_than_a_failure_is_retried_and_hourly(
    max_age: int,
) -> None:
    held = Fetched("1", NOW, policy=Policy("none", frozenset(), max_age), since=NOW)
    assert not due(DOMAIN, RECORD, held, NOW + RETRY / 2 - 1)
    assert due(DOMAIN, RECORD, held, NOW + REFRESH)


def test_an_attempt_that_fails_keeps_the_policy_and_counts() -> None:
    first = attempted(RECORD, None, POLICY, NOW)
    assert first == HELD
    second = attempted(NEWER, first, FAULT, NOW + 10)
    assert second == Fetched("2", NOW + 10, FAULT, 1, POLICY, NOW)
    assert attempted(NEWER, second, FAULT, NOW + 20).failures == 2
    assert attempted(NEWER, second, POLICY, NOW + 30) == Fetched("2", NOW + 30, policy=POLICY, since=NOW + 30)
    assert attempted(RECORD, None, FAULT, NOW) == NEVER
