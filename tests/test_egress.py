"""Blocked from here, or down? Both directions: a block is seen, and an outage never hides behind it."""

import pytest

from exporter.egress import Egress, Way, ballot, vote_of
from exporter.model import Ended, Expect, Peer, Result, Settings
from exporter.reasons import Reason, Stage

TIMEOUT, REFUSED = Reason.CONNECTION_TIMEOUT, Reason.CONNECTION_REFUSED
SMTP = Way(25, 4)
Votes = list[tuple[str, str, int, Reason | None]]


def voter(name: str) -> Peer:
    return Peer(name, "", 25, Settings())


def verdict(votes: Votes, way: Way = SMTP) -> bool | None:
    egress = Egress()
    for number, (host, address, port, reason) in enumerate(votes):
        egress.cast(voter(str(number)), ballot(host, address, port, reason))
    return egress.blocked(way)


def hosts(count: int, networks: int, reason: Reason | None = TIMEOUT, port: int = 25) -> Votes:
    return [(f"mx{n}", f"9.{n % networks}.0.{n + 1}", port, reason) for n in range(count)]


ELSEWHERE: Votes = [("mail", "8.8.8.8", 587, None)]


@pytest.mark.parametrize(
    ("votes", "wanted"),
    [
        pytest.param([], None, id="nobody votes"),
        pytest.param(hosts(1, 1, None), False, id="one connects"),
        pytest.param(hosts(20, 6) + hosts(1, 1, None), False, id="one of many connects"),
        pytest.param(hosts(3, 2) + ELSEWHERE, True, id="three hosts in two networks, and 587 connects"),
        pytest.param(hosts(3, 2), None, id="three hosts in two networks, and nothing connects anywhere"),
        pytest.param(hosts(2, 2) + ELSEWHERE, None, id="two hosts are too few"),
        pytest.param(hosts(5, 1) + ELSEWHERE, None, id="hosts behind one firewall are one network"),
        pytest.param(hosts(10, 5), True, id="ten hosts in five networks need no other port"),
        pytest.param(hosts(10, 4), None, id="ten hosts in four networks do"),
        pytest.param(hosts(3, 2, REFUSED) + ELSEWHERE, True, id="a firewall that rejects"),
        pytest.param([*hosts(3, 3), ("x", "9.9.9.9", 25, REFUSED), *ELSEWHERE], None, id="failed in different ways"),
        pytest.param(
            [("mx", f"9.{n}.0.1", 25, TIMEOUT) for n in range(5)] + ELSEWHERE, None, id="one host with many addresses"
        ),
        pytest.param(
            [(f"h{n}", f"10.{n}.0.1", 25, TIMEOUT) for n in range(4)] + hosts(1, 1, None),
            False,
            id="public ones decide",
        ),
        pytest.param(
            [*hosts(3, 3), ("lan", "10.0.0.1", 25, None), *ELSEWHERE],
            True,
            id="a private one that connects is no proof",
        ),
        pytest.param(
            [*hosts(3, 3), ("localhost", "127.0.0.1", 587, None)], None, id="loopback elsewhere proves nothing"
        ),
        pytest.param(
            [(f"h{n}", f"10.{n}.0.1", 25, TIMEOUT) for n in range(3)] + [("h", "10.9.0.1", 587, None)],
            True,
            id="private ones where no public one votes",
        ),
    ],
)
def test_a_way_is_blocked_only_where_nothing_else_explains_it(votes: Votes, wanted: bool | None) -> None:
    assert verdict(votes) is wanted


def test_families_are_judged_apart() -> None:
    six = [(f"mx{n}", f"2600:{n}::1", 25, TIMEOUT) for n in range(3)] + [("mail", "2600:9::1", 587, None)]
    assert verdict(six + hosts(1, 1, None), Way(25, 6)) is True
    assert verdict(six + hosts(1, 1, None), Way(25, 4)) is False


def test_a_new_vote_takes_the_place_of_the_old_one() -> None:
    egress = Egress()
    egress.cast(voter("a"), ballot("mx", "9.0.0.1", 25, TIMEOUT))
    egress.cast(voter("a"), ballot("mx", "9.0.0.1", 25, None))
    assert egress.blocked(SMTP) is False
    egress.cast(voter("a"), None)
    assert egress.blocked(SMTP) is None
    assert egress.ways() == []


def test_only_the_farthest_voters_decide() -> None:
    egress = Egress()
    egress.cast(voter("public"), ballot("mx", "9.0.0.1", 25, TIMEOUT))
    egress.cast(voter("private"), ballot("lan", "10.0.0.1", 25, TIMEOUT))
    assert egress.voters(SMTP) == [voter("public"), voter("private")]
    assert egress.counts(voter("public"))
    assert not egress.counts(voter("private"))


def result(reason: Reason | None, *, connected: bool | None, port: str = "open") -> Result:
    settings = Settings(expect=Expect(port="closed" if port == "closed" else "open"))
    ended = Ended(Stage.CONNECT, reason) if reason else None
    peer = Peer("mx", "9.0.0.1", 25, settings)
    return Result(peer, 0, 1, 1, {}, address="9.0.0.1", connected=connected, ended=ended)


@pytest.mark.parametrize(
    ("seen", "votes"),
    [
        pytest.param(result(None, connected=True), True, id="connected"),
        pytest.param(result(TIMEOUT, connected=False), True, id="timed out"),
        pytest.param(result(Reason.DNS_TIMEOUT, connected=None), False, id="never tried"),
        pytest.param(result(TIMEOUT, connected=False, port="closed"), False, id="closed on purpose"),
    ],
)
def test_only_what_tried_to_connect_votes(seen: Result, *, votes: bool) -> None:
    assert (vote_of(seen.peer, seen) is not None) is votes
