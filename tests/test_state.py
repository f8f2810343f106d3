"""How long what is known of a peer or a domain is shown, and what is said of it in a word."""

import pytest

from exporter.board import Board
from exporter.checks import assess
from exporter.checks.history import History
from exporter.churn import hidden
from exporter.model import Domain, Exchanges, Hello, Result, Target
from exporter.reasons import Reason, Untestable
from exporter.state import Change, DomainState, State
from tests.results import NOW, endpoint, failed, healthy, peer


def state_of(result: Result | None, wait: float = 60.0) -> State:
    state = State(peer(), wait, result=result)
    if result:
        state.assessment = assess(result, History())
    return state


AGES = pytest.mark.parametrize(
    ("wait", "age", "withdrawn"),
    [
        pytest.param(10.0, 179.0, False, id="short wait, under 3 minutes"),
        pytest.param(10.0, 181.0, True, id="short wait, over 3 minutes"),
        pytest.param(300.0, 899.0, False, id="long wait, under 3 of it"),
        pytest.param(300.0, 901.0, True, id="long wait, over 3 of it"),
        pytest.param(480.0, 1400.0, False, id="backing off: the wait in force counts"),
    ],
)


@AGES
def test_an_old_result_is_withdrawn(wait: float, age: float, withdrawn: bool) -> None:
    assert state_of(healthy(), wait).withdrawn(NOW + age) is withdrawn


@AGES
def test_an_old_answer_of_a_domain_is_withdrawn(wait: float, age: float, withdrawn: bool) -> None:
    domain = Domain(Target("mail", (), domains=("example.test",)), "example.test")
    assert DomainState(domain, wait, Exchanges(), updated=NOW).withdrawn(NOW + age) is withdrawn


@pytest.mark.parametrize(
    ("result", "summary", "detail"),
    [
        pytest.param(None, ("pending", ""), "", id="nothing yet"),
        pytest.param(healthy(), ("ok", ""), "", id="ok"),
        pytest.param(
            failed(Reason.GREETING_TIMEOUT), ("critical", "greeting_timeout"), "what was seen", id="a problem"
        ),
        pytest.param(healthy(untestable=Untestable.NO_IPV6), ("untestable", "no_ipv6"), "", id="nothing can be said"),
    ],
)
def test_a_state_in_words(result: Result | None, summary: tuple[str, str], detail: str) -> None:
    state = state_of(result)
    assert (state.summary, state.cause) == (summary, (summary[1], detail))


def test_labels_of_an_address_that_leaves_and_returns_are_counted_on() -> None:
    former = State(peer(), 60.0)
    for number in range(8):
        board = Board()
        board.add(endpoint())
        board.states[peer()].inherit(former)
        board.record(healthy(finished=NOW + number, hello_tls=Hello("EHLO", {f"X{number}": ""})))
        former = board.states[peer()].without_result
    assert hidden(former.churn, NOW + 7) == ((), (True,), (), ())


def test_a_change_is_another_word_or_cause_and_its_time_is_kept() -> None:
    state = state_of(failed(Reason.GREETING_TIMEOUT))
    state.logged = ("ok", "")
    change = state.change(NOW)
    assert change == Change("ok", "critical", "", "greeting_timeout", "what was seen")
    assert state.change(NOW + 60) is None
    assert state.since == NOW
