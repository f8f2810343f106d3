"""When a login is due, by a clock that is passed in, and which verdict stands between logins."""

from dataclasses import replace
from pathlib import Path

import pytest

from exporter.model import AuthSettings, Ended, Peer, Reply, Settings
from exporter.probe.logins import Logins
from exporter.reasons import Reason, Stage
from exporter.smtp.dialogue import Seen

OWN = "192.0.2.1"
HASH = hash("secret")
OK, NO, LATER = Reply(235, ("ok",)), Reply(535, ("no",)), Reply(454, ("4.7.0 temporary failure",))
TOO_OFTEN = Reply(454, ("4.7.0 too many logins from your IP",))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text("secret\n")
    return path


@pytest.fixture
def peer(file: Path) -> Peer:
    auth = AuthSettings("user", password_file=str(file), interval=300.0)
    return Peer("mail.example.test", "192.0.2.9", 587, Settings(auth=auth))


def tried(logins: Logins, peer: Peer, reply: Reply | None, at: float, ended: Ended | None = None) -> None:
    seen = Seen(auth=reply, authenticated=reply is not None and reply.code == 235)
    assert logins.note(peer, seen, ended, at, OWN, password_hash=HASH) is None


def test_nothing_is_due_where_no_login_is_configured(peer: Peer) -> None:
    assert not Logins().due(replace(peer, settings=Settings()), 0.0, HASH)


def test_the_first_one_is_due(peer: Peer) -> None:
    assert Logins().due(peer, 0.0, HASH)


@pytest.mark.parametrize(
    ("reply", "after", "due"),
    [
        (OK, 299.0, False),
        (OK, 300.0, True),
        (LATER, 299.0, False),
        (LATER, 300.0, True),
        (None, 299.0, False),
        (None, 300.0, True),
        (NO, 300.0, False),
        (NO, 899.0, False),
        (NO, 900.0, True),
    ],
)
def test_when_the_next_one_is_due(peer: Peer, reply: Reply | None, after: float, due: bool) -> None:
    logins = Logins()
    tried(logins, peer, reply, 1000.0)
    assert logins.due(peer, 1000.0 + after, HASH) is due


def test_after_a_rejection_an_interval_that_is_longer_holds(peer: Peer) -> None:
    auth = peer.settings.auth
    assert auth
    slow, logins = replace(peer, settings=Settings(auth=replace(auth, interval=3600.0))), Logins()
    tried(logins, slow, NO, 0.0)
    assert (logins.due(slow, 3599.0, HASH), logins.due(slow, 3600.0, HASH)) == (False, True)


@pytest.mark.parametrize("after", [1.0, 899.0])
@pytest.mark.parametrize("password_hash", [hash("another"), None], ids=["changed", "not known"])
def test_after_a_rejection_a_changed_password_is_tried(peer: Peer, after: float, password_hash: int | None) -> None:
    logins = Logins()
    tried(logins, peer, NO, 0.0)
    assert logins.due(peer, after, password_hash)


def test_a_password_that_was_good_may_change_without_a_login(peer: Peer) -> None:
    logins = Logins()
    tried(logins, peer, OK, 0.0)
    assert not logins.due(peer, 1.0, hash("another"))


@pytest.mark.parametrize("reply", [OK, NO, LATER])
def test_between_logins_the_verdict_stands(peer: Peer, reply: Reply) -> None:
    logins, seen = Logins(), Seen()
    tried(logins, peer, reply, 0.0)
    assert logins.note(peer, seen, None, 60.0, OWN, password_hash=None) is None
    assert (seen.auth, seen.authenticated) == (reply, reply is OK)


def test_what_ended_the_last_login_stands_too(peer: Peer) -> None:
    logins, ended = Logins(), Ended(Stage.AUTH, Reason.AUTH_TIMEOUT)
    tried(logins, peer, None, 0.0, ended)
    seen = Seen()
    assert (logins.note(peer, seen, None, 60.0, OWN, password_hash=None), seen.authenticated) == (ended, False)


@pytest.mark.parametrize("why", ["auth_not_attempted", "auth_unavailable"])
def test_nothing_stands_where_a_login_is_not_possible_now(peer: Peer, why: str) -> None:
    logins, seen = Logins(), Seen()
    setattr(seen, why, "so")
    tried(logins, peer, OK, 0.0)
    logins.note(peer, seen, None, 60.0, OWN, password_hash=None)
    assert seen.authenticated is None


@pytest.mark.parametrize(("before", "stands"), [(OK, OK), (NO, NO), (None, None)], ids=["ok", "no", "nothing"])
def test_a_verdict_that_came_while_untestable_does_not_stand(
    peer: Peer, before: Reply | None, stands: Reply | None
) -> None:
    logins, seen = Logins(), Seen()
    if before:
        tried(logins, peer, before, 0.0)
    tried(logins, peer, TOO_OFTEN, 1000.0)
    logins.note(peer, seen, None, 1060.0, OWN, password_hash=None)
    assert (seen.auth, logins.due(peer, 1299.0, HASH)) == (stands, False)


def test_a_peer_that_is_forgotten_is_due_again(peer: Peer) -> None:
    logins = Logins()
    tried(logins, peer, OK, 0.0)
    logins.forget(peer)
    assert logins.due(peer, 1.0, HASH)


def test_no_password_is_remembered(peer: Peer) -> None:
    logins = Logins()
    tried(logins, peer, NO, 0.0)
    assert "secret" not in repr(vars(logins))


def test_a_login_that_told_nothing_leaves_the_verdict_and_waits(peer: Peer) -> None:
    logins, seen = Logins(), Seen(authenticated=False)
    tried(logins, peer, OK, 0.0)
    assert logins.note(peer, seen, None, 400.0, OWN, password_hash=HASH, untestable=True) is None
    assert (seen.authenticated, seen.auth) == (True, OK)
    assert (logins.due(peer, 699.0, HASH), logins.due(peer, 700.0, HASH)) == (False, True)


def test_the_first_login_may_tell_nothing(peer: Peer) -> None:
    logins, seen = Logins(), Seen(auth=Reply(334, ("",)), authenticated=False)
    assert logins.note(peer, seen, None, 0.0, OWN, password_hash=HASH, untestable=True) is None
    assert (seen.authenticated, seen.auth) == (None, None)
