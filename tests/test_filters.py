"""What a query asks for, who fits it, and the one word for a state."""

from dataclasses import replace
from typing import Any

import pytest

from exporter.board import Board
from exporter.families import readers
from exporter.filters import MAX_TEXT, STATES, Filter, word_of, word_of_domain
from exporter.model import Domain, Endpoint, Exchanges, Problem, Result, Settings, Target
from exporter.reasons import Reason, Severity, Stage, Untestable
from exporter.state import DomainState
from tests.results import HOST, NOW, endpoint, failed, healthy, peer

NO_IPV6: dict[str, Any] = {"untestable": Untestable.NO_IPV6, "ended": None}
GONE = Problem(Reason.DNS_NOT_FOUND, Stage.DNS, Severity.CRITICAL)
SMALL = Problem(Reason.DNS_TIMEOUT, Stage.DNS, Severity.WARNING)


def state_after(*results: Result) -> tuple[Endpoint, Any]:
    board, one = Board(), endpoint("Corporate", (("team", "mail"), ("note", "a=b")))
    board.add(one)
    for result in results:
        board.record(result)
    return one, board.endpoints[one]


def domain_state(exchanges: Exchanges | None) -> DomainState:
    target = Target("customers", ((25, Settings()),), domains=("example.test",), labels=(("team", "mail"),))
    return DomainState(Domain(target, "example.test"), 300.0, exchanges, NOW)


@pytest.mark.parametrize(
    ("results", "word"),
    [
        pytest.param([], "pending", id="not probed yet"),
        pytest.param([healthy()], "ok", id="well"),
        pytest.param([healthy(finished=NOW - 180)], "ok", id="as old as it may be"),
        pytest.param([healthy(finished=NOW - 181)], "stale", id="older"),
        pytest.param([failed(Reason.GREETING_TIMEOUT, finished=NOW - 181)], "stale", id="a failure long ago"),
        pytest.param([failed(Reason.GREETING_TIMEOUT)], "critical", id="failed"),
    ],
)
def test_the_word_of_an_endpoint(results: list[Result], word: str) -> None:
    assert word_of(state_after(*results)[1], NOW) == word


@pytest.mark.parametrize(
    ("exchanges", "hosts", "now", "word"),
    [
        pytest.param(None, [], NOW, "pending", id="not asked yet"),
        pytest.param(Exchanges(hosts=((10, HOST),)), [], NOW, "pending", id="no host probed yet"),
        pytest.param(Exchanges(hosts=((10, HOST),)), [healthy()], NOW, "ok", id="a host is well"),
        pytest.param(Exchanges(hosts=((10, HOST),)), [healthy()], NOW + 901, "stale", id="the answer is old"),
        pytest.param(Exchanges(null_mx=True), [], NOW, "ok", id="takes no mail"),
        pytest.param(Exchanges(), [failed(Reason.GREETING_TIMEOUT)], NOW, "critical", id="no host is well"),
        pytest.param(Exchanges(), [failed(Reason.CONNECTION_TIMEOUT, **NO_IPV6)], NOW, "untestable", id="untestable"),
        pytest.param(Exchanges(problems=(GONE,)), [], NOW, "critical", id="no such domain"),
        pytest.param(Exchanges(problems=(SMALL,)), [healthy()], NOW, "warning", id="a warning"),
    ],
)
def test_the_word_of_a_domain(exchanges: Exchanges | None, hosts: list[Result], now: float, word: str) -> None:
    states = [state_after(result)[1] for result in hosts]
    assert word_of_domain(domain_state(exchanges), states, now) == word


@pytest.mark.parametrize("hosts", [[], [healthy()], [failed(Reason.EHLO_CLOSED)]], ids=["no", "good", "bad"])
@pytest.mark.parametrize("exchanges", [Exchanges(), Exchanges(null_mx=True)], ids=["MX", "null MX"])
@pytest.mark.parametrize("problems", [(), (SMALL,), (GONE,)], ids=["well", "warning", "critical"])
def test_the_word_of_a_domain_agrees_with_its_metric(
    exchanges: Exchanges, problems: tuple[Problem, ...], hosts: list[Result]
) -> None:
    state, states = domain_state(replace(exchanges, problems=problems)), [state_after(each)[1] for each in hosts]
    success = [value for _, value in readers.domain_success(state, states)]
    word = word_of_domain(state, states, NOW)
    assert success == {"pending": [], "critical": [0]}.get(word, [1])


@pytest.mark.parametrize(
    ("query", "fits"),
    [
        ({}, True),
        ({"state": "critical"}, True),
        ({"state": "ok"}, False),
        ({"port": "25"}, True),
        ({"port": "2"}, False),
        ({"target": "Corporate"}, True),
        ({"target": "corporate"}, True),
        ({"target": "RPOR"}, True),
        ({"target": "relay"}, False),
        ({"label": "team=mail"}, True),
        ({"label": "team"}, True),
        ({"label": "team="}, True),
        ({"label": "note=a=b"}, True),
        ({"label": "m=MAI"}, True),
        ({"label": "team=web"}, False),
        ({"reason": "greeting_timeout"}, True),
        ({"reason": "GREETING"}, True),
        ({"reason": "ehlo_timeout"}, False),
        ({"find": "corp"}, True),
        ({"find": " MAIL.example "}, True),
        ({"find": "192.0.2.1"}, True),
        ({"find": ":25"}, True),
        ({"find": "team=MAIL"}, True),
        ({"find": "eting_tim"}, True),
        ({"find": "mail.example 192.0"}, True),
        ({"find": "mail.example 192.1"}, False),
        ({"find": "nobody"}, False),
        ({"find": "corp", "state": "ok"}, False),
        ({"other": "x", "page": "3"}, True),
    ],
)
def test_which_endpoints_fit(query: dict[str, str], fits: bool) -> None:
    one, state = state_after(failed(Reason.GREETING_TIMEOUT))
    assert Filter.of(query).wants(one, state, word_of(state, NOW)) is fits


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"target": "mail"}, ["mail"]),
        ({"target": "mai"}, ["mail", "mail backup", "webmail"]),
        ({"target": "Mail"}, ["mail", "mail backup", "webmail"]),
        ({"label": "for=mail"}, ["mail"]),
        ({"label": "for=mai"}, ["mail", "mail backup"]),
        ({"label": "for"}, ["mail", "mail backup", "webmail"]),
        ({"target": "customers"}, ["domain"]),
        ({"reason": "tls_timeout"}, []),
        ({"reason": "tls_time"}, ["mail"]),
    ],
    ids=str,
)
def test_a_whole_name_means_only_that(query: dict[str, str], found: list[str]) -> None:
    board = Board()
    for name in ("mail", "mail backup", "webmail"):
        board.add(endpoint(name, (("for", name),), peer(host=name)))
    board.record(failed(Reason.STARTTLS_TIMEOUT, peer(host="mail")))
    of_domain = domain_state(Exchanges(problems=(GONE,)))
    board.domains[of_domain.domain] = of_domain
    wanted = Filter.of(query).resolved(board)
    names = [each.target for each, state in board.endpoints.items() if wanted.wants(each, state, state.word)]
    assert names + ["domain"] * wanted.wants_domain(of_domain, "critical") == found


def test_a_domain_is_found_by_its_mx_hosts() -> None:
    assert Filter(find="MX1.exa").wants_domain(domain_state(Exchanges(((10, "mx1.example.test"),))), "ok")


def test_why_it_is_untestable_is_a_reason_too() -> None:
    one, state = state_after(failed(Reason.CONNECTION_TIMEOUT, **NO_IPV6))
    assert Filter(reason="no_ipv6").wants(one, state, "untestable")


@pytest.mark.parametrize(
    ("query", "fits"),
    [
        ({}, True),
        ({"state": "critical"}, True),
        ({"state": "ok"}, False),
        ({"target": "customers", "label": "team=mail", "find": "EXAMPLE.test"}, True),
        ({"target": "other"}, False),
        ({"reason": "dns_not_found"}, True),
        ({"reason": "dns_timeout"}, False),
        ({"find": "other"}, False),
        ({"find": "team=mail DNS_NOT"}, True),
        ({"port": "25"}, False),
    ],
)
def test_which_domains_fit(query: dict[str, str], fits: bool) -> None:
    state = domain_state(Exchanges(problems=(GONE,)))
    assert Filter.of(query).wants_domain(state, "critical") is fits


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"state": "broken"}, f"state: no such state; it is one of {', '.join(STATES)}"),
        ({"reason": "<script>"}, "reason: no such reason; the names are "),
        ({"kind": "printer"}, "kind: no such kind"),
        ({"group": "colour"}, "group: no such group"),
        ({"sort": "--name"}, "sort: no such sort"),
        ({"find": "x" * 257}, "find: longer than 256 characters"),
        ({"target": "x" * 10_000}, "target: longer than 256 characters"),
        ({"page": "1000000000"}, "page: "),
        ({"port": "0"}, "port: not a whole number from 1 to 65535"),
        ({"port": "65536"}, "port: "),
        ({"port": "smtp"}, "port: "),
        ({"port": "\u0662\u0665"}, "port: "),
        ({"page": "0"}, "page: "),
        ({"page": "-1"}, "page: "),
        ({"page": "9" * 5000}, "page: "),
    ],
)
def test_a_query_that_makes_no_sense_is_refused_in_one_line(query: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said.replace("<", ".")) as error:
        Filter.of(query)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("one", "other", "query"),
    [
        (Filter(), {}, "?"),
        (Filter("ok", page=3), {}, "?state=ok"),
        (Filter("ok", page=3), {"page": 4}, "?state=ok&page=4"),
        (Filter("ok", find="a b"), {"state": "stale"}, "?state=stale&find=a+b"),
        (Filter("ok"), {"state": ""}, "?"),
        (Filter(), {"label": "note=<&\udcff>"}, "?label=note%3D%3C%26%3F%3E"),
        (Filter(), {"target": "x" * 3000}, "?target=" + "x" * MAX_TEXT),
    ],
)
def test_links_name_what_is_asked_for(one: Filter, other: dict[str, Any], query: str) -> None:
    assert one.query(**other) == query
