"""STARTTLS withdrawn, a renewed certificate not loaded, a port blocked from here: what one result cannot tell."""

from dataclasses import replace
from typing import Any

import pytest

from exporter.checks import assess
from exporter.checks.history import History, outdated
from exporter.model import Ended, Expect, Hello, Reply, Result, Security
from exporter.reasons import Reason, Severity, Stage, Untestable
from tests.results import LEAF, NOW, healthy, peer

HOUR, DAY = 3600.0, 86400.0
REPLY = Reply(250, ("mail.example.test",))


def in_clear(result: Result, **expect: Any) -> Result:
    """The same endpoint without an offer of STARTTLS."""
    settings = replace(result.peer.settings, expect=Expect(**expect))
    return Result(
        replace(result.peer, settings=settings), NOW - 1, NOW, 1.0, {}, address="192.0.2.1", connected=True,
        greeting=Reply(220, ("mail",)), ehlo=REPLY, hello=Hello("EHLO", {"SIZE": ""}),
    )  # fmt: skip


def reasons(result: Result, known: History) -> set[Reason]:
    return {each.reason for each in assess(result, known).problems}


@pytest.mark.parametrize(
    ("known", "withdrawn"),
    [
        pytest.param(History(), False, id="never offered"),
        pytest.param(History(NOW - HOUR), True, id="offered an hour ago"),
        pytest.param(History(NOW - DAY - 1), False, id="offered more than a day ago"),
        pytest.param(History(siblings=(healthy(peer(address="192.0.2.9")),)), True, id="another address offers it"),
        pytest.param(History(siblings=(healthy(peer(port=587)),)), False, id="another port offers it"),
    ],
)
def test_starttls_is_withdrawn_where_it_was_or_is_offered(known: History, *, withdrawn: bool) -> None:
    found = reasons(in_clear(healthy()), known)
    assert Reason.STARTTLS_NOT_SUPPORTED in found
    assert (Reason.STARTTLS_WITHDRAWN in found) is withdrawn


def test_what_is_forbidden_cannot_be_withdrawn() -> None:
    assert reasons(in_clear(healthy(), starttls="forbidden"), History(NOW - 60)) == set()


def test_what_is_offered_is_not_withdrawn() -> None:
    assert assess(healthy(), History(NOW - 60)).problems == ()


def serving(not_before: float | None, not_after: float | None, port: int = 25, **facts: Any) -> Result:
    result = healthy(peer(port=port))
    assert result.verdict
    leaf = replace(LEAF, not_before=not_before, not_after=not_after, **facts)
    return replace(result, verdict=replace(result.verdict, certificate=leaf))


OLD = serving(NOW - 61 * DAY, NOW + 29 * DAY)  # 61 of 90 days are over
NEW = (NOW - DAY, NOW + 89 * DAY)


@pytest.mark.parametrize(
    ("sibling", "wanted"),
    [
        pytest.param(serving(*NEW, port=587), True, id="its renewal"),
        pytest.param(OLD, False, id="the same one"),
        pytest.param(serving(*NEW, port=587, names=("other.example",)), False, id="of other names"),
        pytest.param(serving(*NEW, port=587, issuer_organisation="Another CA"), False, id="of another CA"),
        pytest.param(serving(*NEW, port=587, key="rsa-4096"), False, id="of the other kind of key"),
        pytest.param(serving(*NEW, port=587, key="ecdsa-384"), True, id="of another size of key"),
        pytest.param(serving(NOW - DAY, NOW + 5 * DAY, port=587), False, id="that ends sooner"),
        pytest.param(serving(NOW - DAY, None, port=587), False, id="whose end cannot be read"),
        pytest.param(in_clear(healthy()), None, id="no certificate to compare with"),
    ],
)
def test_a_certificate_is_outdated_where_its_renewal_is_served(sibling: Result, wanted: bool | None) -> None:
    known = History(siblings=(sibling,))
    assert outdated(OLD, known) is wanted
    assert (Reason.CERTIFICATE_OUTDATED in reasons(OLD, known)) is bool(wanted)
    assert assess(OLD, known).certificate_outdated is wanted


def test_what_tells_no_dates_is_not_outdated() -> None:
    assert outdated(serving(None, NOW + DAY), History(siblings=(serving(*NEW, port=587),))) is False


def test_no_warning_during_an_ordinary_rollout() -> None:
    young = serving(NOW - 59 * DAY, NOW + 31 * DAY)  # 59 of 90 days: it may still renew itself
    assert outdated(young, History(siblings=(serving(*NEW, port=587),))) is False


def refused(result: Result) -> Result:
    ended = Ended(Stage.CONNECT, Reason.CONNECTION_TIMEOUT)
    return Result(result.peer, NOW - 1, NOW, 1.0, {}, address="192.0.2.1", connected=False, ended=ended)


def test_a_blocked_way_says_nothing_of_the_host() -> None:
    found = assess(refused(healthy()), History(blocked=True))
    assert (found.untestable, found.success) == (Untestable.EGRESS_BLOCKED, None)
    assert [each.severity for each in found.problems] == [Severity.WARNING]


def test_one_who_connects_is_not_excused_by_a_blocked_way() -> None:
    assert assess(healthy(), History(blocked=True)).untestable is None


def test_implicit_tls_knows_no_starttls_to_withdraw() -> None:
    result = healthy()
    settings = replace(result.peer.settings, security=Security.IMPLICIT)
    implicit = replace(in_clear(result), peer=replace(result.peer, settings=settings))
    assert Reason.STARTTLS_WITHDRAWN not in reasons(implicit, History(NOW - 60))
