"""What is remembered of each peer, and for how long."""

import gc
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from exporter.board import ANEW, GRACE, SOME, Board
from exporter.churn import HOUR, hidden
from exporter.egress import Egress, Way, ballot
from exporter.model import NO_DEMANDS, Demands, Domain, Exchanges, Hello, Peer, Reply, Result, Settings, Target
from exporter.outcomes import entries
from exporter.probe.prober import internal_error
from exporter.reasons import Reason, Untestable
from exporter.state import STALE_SECONDS, Change, DomainState, State
from tests.results import ADDRESS, DAY, HOST, NOW, endpoint, failed, healthy, peer

REFUSED = Reply(421, (f"4.7.0 Error: too many connections from {ADDRESS}",))


@pytest.fixture
def board() -> Board:
    board = Board()
    board.add(endpoint())
    return board


def rate_limited(finished: float) -> Result:
    return failed(
        Reason.GREETING_TEMPORARY,
        finished=finished,
        ended=None,
        greeting=REFUSED,
        own_address=ADDRESS,
        connected=True,
    )


def test_a_peer_is_probed_once_however_many_endpoints_share_it(board: Board) -> None:
    assert not board.add(endpoint("another target"))
    assert (len(board.states), len(board.endpoints)) == (1, 2)


def test_the_same_endpoint_twice_is_one_and_stays_until_nobody_asks_for_it(board: Board) -> None:
    assert not board.add(endpoint())
    assert len(board.endpoints) == 1
    assert not board.remove(endpoint())
    assert len(board.endpoints) == 1
    assert board.remove(endpoint())
    assert board.states == {}


def test_a_peer_goes_with_its_last_endpoint(board: Board) -> None:
    board.add(endpoint("another target"))
    assert not board.remove(endpoint())
    assert board.remove(endpoint("another target"))
    assert (board.states, dict(board.endpoints)) == ({}, {})


def test_removing_what_is_not_there_does_nothing(board: Board) -> None:
    assert not board.remove(endpoint("nobody"))
    assert len(board.endpoints) == 1


def test_what_a_policy_asks_holds_for_all_endpoints_of_the_host_at_once_and_until_it_goes() -> None:
    changes: list[tuple[str, str]] = []
    board = Board(on_change=lambda _, change: changes.append((change.before, change.after)))
    board.add(endpoint())
    board.record(healthy(hello=Hello("EHLO"), session=None, verdict=None))
    for demands in Demands(enforced_by="example.test"), NO_DEMANDS:
        board.demand("another target", HOST, demands)
        board.demand("mail", HOST, demands)
    assert changes == [("warning", "critical"), ("critical", "warning")]


def test_of_the_policies_of_several_targets_that_share_an_endpoint_the_strictest_holds(board: Board) -> None:
    board.add(endpoint("another target"))
    board.record(healthy())
    board.demand("another target", HOST, Demands(unlisted_by="example.test"))
    board.demand("mail", HOST, Demands("example.test", "example.test", refused=True))
    assert board.states[peer()].word == "critical"
    board.remove(endpoint("mail"))
    board.record(healthy())
    assert board.states[peer()].word == "warning"


def test_a_result_that_nobody_asks_for_any_more_is_dropped(board: Board) -> None:
    board.remove(endpoint())
    assert board.record(healthy()) is None
    assert board.states == {}


@pytest.mark.parametrize(
    ("results", "word", "counts"),
    [
        pytest.param([], "pending", (0, 0, 0, 0), id="nothing yet"),
        pytest.param([healthy()], "ok", (1, 0, 0, 0), id="success"),
        pytest.param([failed(Reason.GREETING_TIMEOUT)], "critical", (1, 1, 0, 1), id="failure"),
        pytest.param([failed(Reason.GREETING_TIMEOUT)] * 3, "critical", (3, 3, 0, 3), id="failures in a row"),
        pytest.param([failed(Reason.EHLO_CLOSED), healthy()], "ok", (2, 1, 0, 0), id="success ends the row"),
        pytest.param(
            [failed(Reason.EHLO_CLOSED), rate_limited(NOW)], "untestable", (2, 1, 1, 1), id="untestable leaves the row"
        ),
        pytest.param([healthy(of=None, hello=None, ehlo=None)], "ok", (1, 0, 0, 0), id="facts missing"),
    ],
)
def test_counters(board: Board, results: list[Result], word: str, counts: tuple[int, int, int, int]) -> None:
    for result in results:
        board.record(result)
    state = board.states[peer()]
    assert state.word == word
    assert (state.probes, state.failures, state.untestable, state.consecutive_failures) == counts


def test_a_warning_is_no_failure(board: Board) -> None:
    board.record(healthy(session=None, starttls=None, hello_tls=None, ehlo_tls=None, verdict=None, established=False,
                         hello=healthy().hello_tls))  # fmt: skip
    assert (board.states[peer()].word, board.states[peer()].failures) == ("warning", 0)


def test_a_change_names_what_was_and_what_is(board: Board) -> None:
    assert board.record(failed(Reason.GREETING_TIMEOUT)) == Change(
        "pending", "critical", "", "greeting_timeout", "what was seen"
    )
    assert board.record(failed(Reason.GREETING_TIMEOUT, finished=NOW + 60)) is None
    assert board.record(failed(Reason.EHLO_TIMEOUT, finished=NOW + 120)) == Change(
        "critical", "critical", "greeting_timeout", "ehlo_timeout", "what was seen"
    )
    assert board.record(healthy(finished=NOW + 180)) == Change("critical", "ok", "ehlo_timeout", "", "")
    assert board.states[peer()].since == NOW + 180


def test_being_refused_counts_as_a_failure_after_an_hour(board: Board) -> None:
    board.record(healthy(finished=NOW))
    board.record(rate_limited(NOW + GRACE - 1))
    assert board.states[peer()].assessment.untestable is Untestable.RATE_LIMITED
    board.record(rate_limited(NOW + GRACE + 1))
    assert board.states[peer()].word == "critical"
    assert board.states[peer()].consecutive_failures == 1


def test_being_refused_from_the_start_counts_after_an_hour_too(board: Board) -> None:
    board.record(rate_limited(NOW))
    assert board.states[peer()].word == "untestable"
    board.record(rate_limited(NOW + GRACE + 1))
    assert board.states[peer()].word == "critical"


def test_no_route_is_excused_however_long(board: Board) -> None:
    for hour in range(3):
        board.record(healthy(finished=NOW + hour * GRACE, untestable=Untestable.NO_IPV6))
    assert board.states[peer()].word == "untestable"


def test_the_states_of_a_domain_are_those_of_its_mx_hosts_in_its_target(board: Board) -> None:
    target = Target("mail", ((25, Settings()),), domains=("example.test",))
    domain = Domain(target, "example.test")
    board.domains[domain] = DomainState(domain, 300.0, Exchanges(((10, HOST), (20, "mx2.example.test"))))
    other = peer(host="mx2.example.test")
    board.add(endpoint("another target", of=other))
    assert [state.peer for state in board.of_domain(board.domains[domain])] == [peer()]


def test_a_mistake_of_ours_is_a_result() -> None:
    board = Board()
    board.add(endpoint())
    board.record(internal_error(peer(), ZeroDivisionError("secret"), NOW))
    (problem,) = board.states[peer()].assessment.problems
    assert (problem.reason, problem.detail) == (Reason.INTERNAL_ERROR, "ZeroDivisionError")


# --- across endpoints and time --------------------------------------------------------------------------------


def renewed(result: Result, *, on: float) -> Result:
    """The same, with a certificate of 90 days issued then."""
    assert result.verdict
    leaf = replace(result.verdict.certificate, not_before=on, not_after=on + 90 * DAY)
    return replace(result, verdict=replace(result.verdict, certificate=leaf))


def test_a_renewed_certificate_that_one_port_has_not_loaded() -> None:
    board = Board()
    for number in (25, 587):
        board.add(endpoint(of=peer(port=number)))
    board.record(renewed(healthy(peer(port=587)), on=NOW - DAY))
    board.record(renewed(healthy(peer(port=25)), on=NOW - 70 * DAY))
    board.record(renewed(healthy(peer(port=587)), on=NOW - DAY))
    found = {state.peer.port: state.assessment for state in board.states.values()}
    assert {port: each.certificate_outdated for port, each in found.items()} == {25: True, 587: False}
    assert [each.reason for each in found[25].problems] == [Reason.CERTIFICATE_OUTDATED]


def test_starttls_that_was_offered_is_missed() -> None:
    board = Board()
    board.add(endpoint())
    board.record(healthy())
    board.record(healthy(finished=NOW + 60, hello=Hello("EHLO", {}), session=None, verdict=None, hello_tls=None))
    assert Reason.STARTTLS_WITHDRAWN in {each.reason for each in board.states[peer()].assessment.problems}


NOT_OFFERED: dict[str, Any] = {"hello": Hello("EHLO", {}), "session": None, "verdict": None, "hello_tls": None}
LIMITED: dict[str, Any] = {"ehlo": REFUSED, **NOT_OFFERED}
TURNED_AWAY: dict[str, Any] = NOT_OFFERED | {
    "greeting": Reply(220, ("mail.example.test ESMTP Sendmail 8.17.1",)),
    "hello": Hello("EHLO", {"ENHANCEDSTATUSCODES": ""}),
}
PROBES: dict[str, Callable[[], Result]] = {
    "+": healthy,
    "-": lambda: healthy(**NOT_OFFERED),
    "x": lambda: failed(Reason.GREETING_TIMEOUT),
    "r": lambda: healthy(**LIMITED),
    "s": lambda: healthy(**TURNED_AWAY),
}
"""A probe that was offered STARTTLS, one that was not, one without an answer, one that was refused for its rate, and
one that Sendmail turned away.
"""


def withdrawn(board: Board, probes: str, start: float = NOW) -> str:
    """Record a probe a minute; `!` for each after which STARTTLS counts as withdrawn."""
    found = ""
    for number, each in enumerate(probes):
        board.record(replace(PROBES[each](), finished=start + 60 * number))
        reasons = {each.reason for each in board.states[peer()].assessment.problems}
        found += "!" if Reason.STARTTLS_WITHDRAWN in reasons else "."
    return found


@pytest.mark.parametrize(
    ("probes", "holds"),
    [
        pytest.param("+-+-+-+-", ".!!!!!!!", id="a mixed pool: no flapping"),
        pytest.param("+-" + 12 * "+", ".!" + 9 * "!" + "...", id="until ten in a row were offered it"),
        pytest.param("+-" + 9 * "+" + "-" + 10 * "+", ".!" + 9 * "!" + "!" + 9 * "!" + ".", id="ten anew"),
        pytest.param("--" + 10 * "+", 12 * ".", id="one that begins to offer it"),
        pytest.param("--+-", "...!", id="one that begins to offer it, and ends"),
        pytest.param("+-" + "x+" * 10, ".!" + ".!" * 9 + "..", id="what was not reached is not judged, nor counted"),
        pytest.param("+-+r+++++++++++", ".!!!!!!!!!!!...", id="a refusal of us says nothing"),
        pytest.param("+-" + 70 * "s" + "+", ".!" + 70 * "." + "!", id="nor does one by Sendmail, for however long"),
    ],
)
def test_how_long_starttls_counts_as_withdrawn(board: Board, probes: str, holds: str) -> None:
    assert withdrawn(board, probes) == holds


def test_once_withdrawn_it_stays_so_until_it_is_offered(board: Board) -> None:
    assert withdrawn(board, "+-") == ".!"
    assert withdrawn(board, "-", NOW + 3 * DAY) == "!"


def test_what_another_address_offers_is_missed_though_that_one_fails_meanwhile(board: Board) -> None:
    other = peer(address="192.0.2.2")
    board.add(endpoint(of=other))
    board.record(healthy(other))
    assert withdrawn(board, "-") == "!"
    board.record(failed(Reason.CONNECTION_TIMEOUT, other, finished=NOW + 60))
    assert withdrawn(board, "-", NOW + 60) == "!"


def test_what_another_address_offers_after_it_is_missed_too_once_all_are_looked_at(board: Board) -> None:
    other = peer(address="192.0.2.2")
    board.add(endpoint(of=other))
    assert withdrawn(board, "-") == "."
    board.record(healthy(other))
    board.look_at_all()
    assert Reason.STARTTLS_WITHDRAWN in {each.reason for each in board.states[peer()].assessment.problems}


def test_the_detail_says_how_many_probes_were_not_offered_it(board: Board) -> None:
    details = []
    for number, probes in enumerate(("+-", "+", "-+" * 15, 9 * "+", "-")):
        withdrawn(board, probes, NOW + 3600 * number)
        found = board.states[peer()].assessment.problems
        details += [each.detail for each in found if each.reason is Reason.STARTTLS_WITHDRAWN]
    assert details == [
        "this endpoint offered it a minute ago; not offered in 1 of the last 2 probes",
        "not offered in 1 of the last 3 probes",
        "not offered in 10 of the last 20 probes",
        "this endpoint offered it 52 minutes ago; not offered in 6 of the last 20 probes",
    ]


def test_an_offer_of_some_seconds_ago_is_not_called_0_minutes_old(board: Board) -> None:
    withdrawn(board, "+", NOW)
    withdrawn(board, "-", NOW + 10)
    [found] = [each for each in board.states[peer()].assessment.problems if each.reason is Reason.STARTTLS_WITHDRAWN]
    assert found.detail.startswith("this endpoint offered it less than a minute ago; ")


def test_endpoints_that_are_offered_it_share_what_is_remembered() -> None:
    board = Board()
    peers = [peer(address=f"192.0.2.{number}") for number in range(1, 9)]
    for each in peers:
        board.add(endpoint(of=each))
        for _ in range(30):
            board.record(healthy(each))
    assert len({id(board.states[each].offers) for each in peers}) == 1


def mx(number: int, network: int, port: int = 25) -> Peer:
    return peer(f"9.{network}.0.{number}", port, f"mx{number}")


def timed_out(of: Peer) -> Result:
    return failed(Reason.CONNECTION_TIMEOUT, of, address=of.address)


def board_with(*results: Result) -> tuple[Board, list[tuple[Way, bool | None]]]:
    told: list[tuple[Way, bool | None]] = []
    board = Board(on_egress=lambda way, blocked: told.append((way, blocked)))
    for result in results:
        board.add(endpoint(of=result.peer))
        board.record(result)
    return board, told


def words(board: Board) -> dict[str, str]:
    return {str(state.peer): state.word for state in board.states.values()}


def test_hosts_in_several_networks_that_time_out_on_one_port_only_are_blocked_from_here() -> None:
    elsewhere = mx(9, 9, 587)
    board, told = board_with(
        healthy(elsewhere, address=elsewhere.address), *(timed_out(mx(number, number)) for number in (1, 2, 3))
    )
    assert set(words(board).values()) == {"ok", "untestable"}
    assert told == [(Way(587, 4), False), (Way(25, 4), True)]
    assert dict(board.blocked_ways()) == {Way(25, 4): True, Way(587, 4): False}


def test_what_connects_on_another_port_later_tells_of_this_one_at_once() -> None:
    elsewhere = mx(9, 9, 587)
    board, _ = board_with(*(timed_out(mx(number, number)) for number in (1, 2, 3)))
    assert set(words(board).values()) == {"critical"}
    board.add(endpoint(of=elsewhere))
    board.record(healthy(elsewhere, address=elsewhere.address))
    assert sorted(words(board).values()) == ["ok", "untestable", "untestable", "untestable"]
    board.record(replace(timed_out(elsewhere), finished=NOW + 60))
    assert set(words(board).values()) == {"critical"}


def removed(board: Board, *peers: Peer) -> None:
    for each in peers:
        board.remove(endpoint(of=each))


def test_a_reload_that_removes_a_port_says_nothing_of_what_is_blocked() -> None:
    elsewhere, good, bad = mx(9, 9, 587), mx(8, 8), [mx(number, number) for number in (1, 2, 3)]
    board, told = board_with(*(healthy(each, address=each.address) for each in (elsewhere, good)), *map(timed_out, bad))
    told.clear()
    removed(board, good, *bad)
    assert (told, words(board)) == ([], {str(elsewhere): "ok"})
    assert dict(board.blocked_ways()) == {Way(587, 4): False}


def test_a_reload_that_removes_what_connected_says_nothing_and_excuses_nobody_until_the_next_vote() -> None:
    elsewhere, good, bad = mx(9, 9, 587), mx(8, 8), [mx(number, number) for number in (1, 2, 3)]
    board, told = board_with(*(healthy(each, address=each.address) for each in (elsewhere, good)), *map(timed_out, bad))
    told.clear()
    removed(board, good)
    assert (told, words(board)[str(bad[0])]) == ([], "critical")
    board.record(replace(timed_out(bad[0]), finished=NOW + 60))
    assert told == [(Way(25, 4), True)]
    assert {word for name, word in words(board).items() if name.endswith(":25")} == {"untestable"}


def test_a_reload_that_removes_who_connects_on_another_port_ends_the_excuse_and_says_nothing() -> None:
    elsewhere, bad = mx(9, 9, 587), [mx(number, number) for number in (1, 2, 3)]
    board, told = board_with(healthy(elsewhere, address=elsewhere.address), *map(timed_out, bad))
    told.clear()
    removed(board, elsewhere)
    assert (told, set(words(board).values())) == ([], {"critical"})


def test_what_is_shown_of_those_excused_is_written_anew_before_their_next_probe() -> None:
    elsewhere = mx(9, 9, 587)
    board, _ = board_with(*(timed_out(mx(number, number)) for number in (1, 2, 3)))
    for state in board.states.values():
        state.samples = ("as it was",)
    board.add(endpoint(of=elsewhere))
    board.record(healthy(elsewhere, address=elsewhere.address))
    assert [state.samples for state in board.states.values()] == [None] * 4


def test_two_hosts_behind_one_firewall_stay_critical() -> None:
    elsewhere = mx(1, 1, 587)
    board, _ = board_with(healthy(elsewhere, address=elsewhere.address), timed_out(mx(1, 1)), timed_out(mx(2, 1)))
    assert [word for name, word in words(board).items() if name.endswith(":25")] == ["critical", "critical"]
    assert dict(board.blocked_ways()) == {Way(587, 4): False}


def test_one_that_connects_ends_the_excuse_of_all() -> None:
    elsewhere = mx(9, 9, 587)
    board, told = board_with(
        healthy(elsewhere, address=elsewhere.address), *(timed_out(mx(number, number)) for number in (1, 2, 3))
    )
    back = mx(1, 1)
    board.record(healthy(back, finished=NOW + 60, address=back.address))
    assert sorted(words(board).values()) == ["critical", "critical", "ok", "ok"]
    assert told[-1] == (Way(25, 4), False)


def test_what_is_withdrawn_votes_no_more() -> None:
    elsewhere = mx(9, 9, 587)
    board, _ = board_with(
        healthy(elsewhere, address=elsewhere.address), *(timed_out(mx(number, number)) for number in (1, 2, 3))
    )
    list(board.expire_votes(NOW + STALE_SECONDS))
    assert dict(board.blocked_ways()) == {Way(25, 4): True, Way(587, 4): False}
    list(board.expire_votes(NOW + STALE_SECONDS + 1))
    assert dict(board.blocked_ways()) == {}


def test_the_votes_of_many_are_taken_back_in_one_go_through_all_and_others_run_meanwhile() -> None:
    board, _ = board_with(*(timed_out(mx(number // 250, number % 250)) for number in range(3 * SOME // 2)))
    assert len(list(board.expire_votes(NOW))) == 2
    assert len(board.egress.all_voters()) == 3 * SOME // 2
    assert len(list(board.expire_votes(NOW + STALE_SECONDS + 1))) == 2
    assert board.egress.all_voters() == []


def test_who_is_excused_or_not_any_more_is_told_of_once_and_so_is_the_voter() -> None:
    elsewhere = mx(9, 9, 587)
    told: list[tuple[str, str]] = []
    board = Board(on_change=lambda who, change: told.append((str(who.peer), change.after)))
    for result in (healthy(elsewhere, address=elsewhere.address), *(timed_out(mx(n, n)) for n in (1, 2, 3))):
        board.add(endpoint(of=result.peer))
        change = board.record(result)
    assert change == Change("pending", "untestable", "", "egress_blocked", "what was seen")
    assert told == [("mx1[9.1.0.1]:25", "untestable"), ("mx2[9.2.0.2]:25", "untestable")]


def test_thousands_are_looked_at_anew_in_pieces() -> None:
    """Until its turn comes, an endpoint is shown as it was."""
    elsewhere, later = mx(9, 9, 587), list[Callable[[], None]]()
    board = Board(soon=later.append)
    for voter in (mx(number, number % 3) for number in range(3 * ANEW)):
        board.add(endpoint(of=voter))
        board.record(timed_out(voter))
    assert set(words(board).values()) == {"critical"}
    board.add(endpoint(of=elsewhere))
    board.record(healthy(elsewhere, address=elsewhere.address))
    pieces = 0
    while later:
        later.pop(0)()
        pieces += 1
    assert Counter(words(board).values()) == {"untestable": 3 * ANEW, "ok": 1}
    assert pieces >= 2


# --- the last failures ------------------------------------------------------------------------------------------


def test_the_last_three_failures_are_kept_the_latest_first(board: Board) -> None:
    for second in range(4):
        board.record(failed(Reason.GREETING_TIMEOUT, finished=NOW + second))
    kept = board.endpoints[endpoint()].last_failures
    assert [(each.finished, each.reason) for each in kept] == [
        (NOW + second, Reason.GREETING_TIMEOUT) for second in (3, 2, 1)
    ]


def test_a_success_takes_no_failure_away_and_is_none(board: Board) -> None:
    board.record(rate_limited(NOW))
    board.record(healthy())
    assert [each.reason for each in board.endpoints[endpoint()].last_failures] == [Untestable.RATE_LIMITED]


def test_a_refusal_of_us_does_not_push_out_what_failed(board: Board) -> None:
    for second in range(2):
        board.record(failed(Reason.GREETING_TIMEOUT, finished=NOW + second))
    for second in range(5):
        board.record(rate_limited(NOW + 10 + second))
    kept = board.endpoints[endpoint()].last_failures
    assert [each.finished for each in kept] == [NOW + 14, NOW + 1, NOW]
    board.record(failed(Reason.GREETING_TIMEOUT, finished=NOW + 20))
    board.record(rate_limited(NOW + 30))
    kept = board.endpoints[endpoint()].last_failures
    assert [(each.finished, each.detail) for each in kept] == [(NOW + second, "what was seen") for second in (20, 1, 0)]


def test_failures_go_with_their_endpoint(board: Board) -> None:
    board.record(failed(Reason.GREETING_TIMEOUT))
    board.remove(endpoint())
    board.add(endpoint())
    assert board.endpoints[endpoint()].last_failures == ()


# --- a reload ---------------------------------------------------------------------------------------------------


def test_other_minima_of_egress_hold_at_once_and_are_told() -> None:
    told: list[bool | None] = []
    board = Board(Egress(min_hosts=3, min_networks=2), on_egress=lambda _way, blocked: told.append(blocked))
    board.vote(peer(port=587, host="x"), ballot("x", "8.8.8.8", 587, None))
    for number in (1, 2):
        board.vote(peer(host=f"h{number}"), ballot(f"h{number}", f"8.{number}.0.1", 25, Reason.CONNECTION_TIMEOUT))
    board.require(min_hosts=2, min_networks=2)
    board.require(min_hosts=4, min_networks=2)
    assert told[-2:] == [True, None]


def test_an_heir_has_the_vote_of_who_goes(board: Board) -> None:
    board.record(failed(Reason.CONNECTION_TIMEOUT, address="8.8.8.8"))
    heir = endpoint(of=peer(interval=5.0))
    board.add(heir)
    board.inherit(heir.peer, peer())
    board.remove(endpoint())
    assert board.egress.all_voters() == [heir.peer]


def test_what_an_heir_has_is_shown_for_as_long_as_it_would_have_been() -> None:
    board, old, heir = Board(), peer(interval=3600.0), peer(interval=60.0)
    board.add(endpoint(of=old))
    board.record(healthy(old))
    board.add(endpoint(of=heir))
    board.inherit(heir, old)
    assert not board.states[heir].withdrawn(NOW + 3600)


def test_an_heir_goes_on_with_what_changed_too_often() -> None:
    board, old, heir = Board(), peer(), peer(interval=30.0)
    board.add(endpoint(of=old))
    for number in range(8):
        board.record(healthy(old, finished=NOW + number, hello_tls=Hello("EHLO", {f"X{number}": ""})))
    board.add(endpoint(of=heir))
    board.inherit(heir, old)
    board.record(healthy(heir, finished=NOW + 9, hello_tls=Hello("EHLO", {"X9": ""})))
    assert hidden(board.states[heir].churn, NOW + 9) == hidden(board.states[old].churn, NOW + 9) != ()


def test_a_peer_whose_labels_stay_costs_nothing_more(board: Board) -> None:
    for number in range(3):
        board.record(healthy(finished=NOW + number))
    board.record(healthy(finished=NOW + 4, greeting=Reply(220, ("mail.example.test ESMTP Postfix (busy)",))))
    assert board.states[peer()].churn is State(peer(), 60.0).churn


def test_labels_that_changed_once_are_forgotten_after_an_hour_of_the_same(board: Board) -> None:
    for at, keyword in ((0, "X"), (1, "Y"), (2, "Y"), (HOUR + 1, "Y")):
        board.record(healthy(finished=NOW + at, hello_tls=Hello("EHLO", {keyword: ""})))
        if at == 2:
            assert board.states[peer()].churn
    assert board.states[peer()].churn == ()


# --- mistakes of ours -------------------------------------------------------------------------------------------


def test_a_mistake_while_voters_are_looked_at_keeps_no_other_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere, later = mx(9, 9, 587), list[Callable[[], None]]()
    board, _ = board_with(*(timed_out(mx(number, number)) for number in (1, 2, 3)))
    board._soon = later.append
    board.add(endpoint(of=elsewhere))
    monkeypatch.setattr(board, "_assess", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        board.record(healthy(elsewhere, address=elsewhere.address))
    monkeypatch.undo()
    while later:
        later.pop(0)()
    assert Counter(words(board).values())["untestable"] == 2


# --- the last outcomes ------------------------------------------------------------------------------------------


def test_each_result_is_one_outcome_and_a_verdict_that_changes_without_one_is_none() -> None:
    board = Board()
    board.add(endpoint())
    board.record(healthy())
    board.demand("mail", HOST, Demands("example.test"))
    board.record(failed(Reason.GREETING_TIMEOUT, finished=NOW + 60))
    board.record(failed(Reason.CONNECTION_TIMEOUT, untestable=Untestable.NO_IPV6, ended=None, finished=NOW + 120))
    found = entries(board.states[peer()].outcomes)
    assert [(each.state, each.reason, each.number) for each in found] == [
        ("ok", "", 1),
        ("critical", "greeting_timeout", 1),
        ("untestable", "no_ipv6", 1),
    ]


def test_a_time_without_results_is_in_no_outcome() -> None:
    board = Board()
    board.add(endpoint())
    for at in (0, 60, 86_400):
        board.record(healthy(finished=NOW + at))
    assert [(each.began - NOW, each.ended - NOW) for each in entries(board.states[peer()].outcomes)] == [
        (0, 60),
        (86_400, 86_400),
    ]


def test_an_outcome_leaves_nothing_for_the_garbage_collector() -> None:
    board = Board()
    board.add(endpoint())
    board.record(healthy())
    assert not gc.is_tracked(board.states[peer()].outcomes)
