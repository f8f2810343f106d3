"""The overview: all is counted, what is wrong is grouped, every table is paged and sorted, and the work is bounded."""

import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from typing import Any
from urllib.parse import parse_qsl

import pytest

from exporter import page
from exporter.board import Board
from exporter.filters import Filter, word_of, word_of_domain
from exporter.model import Domain, Exchanges, Policies, Policy, Problem, Settings, Target, Verdict
from exporter.page import domains, rows
from exporter.page.groups import MOST, NO_MX, OPEN
from exporter.page.order import Listing
from exporter.page.overview import Survey, survey
from exporter.page.tables import KINDS, ROWS, Kind
from exporter.reasons import Reason, Severity, Stage, Untestable
from exporter.state import DomainState, State
from tests.results import HOST, LEAF, NOW, endpoint, failed, healthy, peer

EVIL = '"><script>alert(1)</script>\u202e\x1b[31m'
GONE = Problem(Reason.DNS_NOT_FOUND, Stage.DNS, Severity.CRITICAL, "no such domain")
SMALL = Problem(Reason.STS_POLICY_INVALID, Stage.POLICY, Severity.WARNING, "line 2")


@pytest.fixture
def board() -> Board:
    return Board()


def domain(board: Board, name: str, *hosts: str, target: str = "customers", **known: Any) -> DomainState:
    """Add a mail domain with these MX hosts."""
    of = Domain(Target(target, ((25, Settings()),), labels=(("team", "mail"),)), name)
    exchanges = Exchanges(tuple((10 * n, host) for n, host in enumerate(hosts, 1)), len(hosts))
    state = DomainState(of, 300.0, **{"exchanges": exchanges, "updated": NOW, **known})
    board.domains[of] = state
    return state


def host(board: Board, name: str, reason: Reason | None = None, target: str = "customers", **seen: Any) -> None:
    """Add an endpoint, good or failing."""
    of = peer(host=name)
    board.add(endpoint(target, of=of))
    board.record(failed(reason, of, **seen) if reason else healthy(of, **seen))


def looked(board: Board, wanted: Filter = Filter(), listing: Listing | None = None) -> Survey:  # noqa: B008 - frozen
    """What one view tells."""

    def run() -> Iterator[Survey]:
        yield (yield from survey(listing or Listing(), board, NOW, wanted))  # type: ignore[misc]  # pieces first

    return list(run())[-1]


def shown(board: Board, **wanted: Any) -> str:
    return "".join(page.render(board, NOW, wanted=Filter(**wanted)))


def asked_by(link: str) -> Filter:
    """What the query of a link in HTML asks for."""
    return Filter.of(dict(parse_qsl(unescape(link))))


def text_of(html: str) -> str:
    return " ".join(re.sub("<[^>]*>", " ", html).split())


def names(found: Survey, kind: str = "endpoint") -> list[str]:
    """The rows of a table."""
    table = next(each for each in found.tables if each.kind.name == kind)
    return [r.endpoint.peer.host if isinstance(r, rows.Row) else r.state.domain.domain for r in table.rows]


# --- counts ---------------------------------------------------------------------------------------------------------


def test_head_and_title_count_endpoints_and_domains(board: Board) -> None:
    for number in range(3):
        host(board, f"down{number}.test", Reason.CONNECTION_REFUSED)
    for number in range(8):
        host(board, f"up{number}.test")
    for number in range(201):
        domain(board, f"d{number}.test", "down0.test" if number < 40 else "up0.test")
    html = shown(board)
    assert "<title>43 critical - smtp-exporter</title>" in html
    text = text_of(html)
    assert "43 critical of 212 monitored: 11 endpoints, 201 mail domains" in text
    assert "Endpoints 3 critical 8 ok Mail domains 40 critical 161 ok" in text


def test_a_filter_changes_the_counts_of_states_but_neither_head_nor_title(board: Board) -> None:
    host(board, "mx1.test", Reason.EHLO_CLOSED)
    host(board, "mx2.test")
    host(board, "other.test", Reason.EHLO_CLOSED)
    html = shown(board, find="mx", state="ok")
    assert "<title>2 critical" in html
    assert "2 critical of 3 monitored" in text_of(html)
    assert "Endpoints 1 critical 1 ok" in text_of(html)
    assert names(looked(board, Filter(find="mx", state="ok"))) == ["mx2.test"]


@pytest.mark.parametrize(
    ("results", "head"),
    [
        ([], "No endpoints yet."),
        ([None], "All is well of 1 monitored: 1 endpoint"),
        ([None, Reason.GREETING_CLOSED], "1 critical of 2 monitored: 2 endpoints"),
    ],
)
def test_the_head_tells_the_worst_state(board: Board, results: list[Reason | None], head: str) -> None:
    for number, reason in enumerate(results):
        host(board, f"h{number}.test", reason)
    assert head in text_of(shown(board))


def test_the_icon_tells_whether_something_is_critical(board: Board) -> None:
    host(board, "mx.test")
    assert 'href="/icon.svg"' in shown(board)
    host(board, "down.test", Reason.EHLO_CLOSED)
    assert 'href="/icon-critical.svg"' in shown(board)


# --- what is wrong --------------------------------------------------------------------------------------------------


def test_a_domain_whose_only_mx_host_is_down_is_wrong(board: Board) -> None:
    host(board, "mx.test", Reason.CONNECTION_REFUSED)
    domain(board, "a.test", "mx.test")
    first, second = looked(board).groups.shown()
    assert (first.kind, first.name, first.number, first.state) == ("domain", NO_MX, 1, "critical")
    assert (second.kind, second.name) == ("endpoint", "connection_refused")
    assert f"{NO_MX} 1 mail domain" in text_of(shown(board))
    assert "mx.test:25 connection_refused" in text_of(shown(board))


@pytest.mark.parametrize(
    ("known", "groups"),
    [
        pytest.param({}, [], id="good"),
        pytest.param({"exchanges": Exchanges(problems=(GONE,))}, [("critical", "dns_not_found")], id="gone"),
        pytest.param({"policies": Policies(problems=(SMALL,))}, [("warning", "sts_policy_invalid")], id="a warning"),
        pytest.param({"updated": NOW - 9999}, [("stale", "stale")], id="the answer is old"),
        pytest.param({"exchanges": None}, [], id="not asked yet"),
    ],
)
def test_what_is_wrong_with_a_domain(board: Board, known: dict[str, Any], groups: list[tuple[str, str]]) -> None:
    host(board, "mx.test")
    domain(board, "a.test", "mx.test", **known)
    assert [(each.state, each.name) for each in looked(board).groups.shown()] == groups


def test_a_domain_whose_hosts_cannot_be_tested_says_why(board: Board) -> None:
    host(board, "mx.test", Reason.CONNECTION_TIMEOUT, untestable=Untestable.NO_IPV6, ended=None)
    domain(board, "a.test", "mx.test")
    assert [(each.kind, each.name) for each in looked(board).groups.shown()] == [
        ("domain", "no_ipv6"),
        ("endpoint", "no_ipv6"),
    ]


def test_groups_by_host_hold_all_that_is_wrong_there_and_each_member_once(board: Board) -> None:
    of = peer(host="mx.test")
    board.add(endpoint("customers", of=of))
    board.record(healthy(of, verdict=Verdict(LEAF, NOW, expired="expired", host_mismatch="of another")))
    board.add(endpoint("customers", of=peer(host="mx.test", port=587)))
    board.record(failed(Reason.EHLO_CLOSED, peer(host="mx.test", port=587)))
    host(board, "fine.test")
    (group,) = looked(board, Filter(group="host")).groups.shown()
    assert (group.name, group.state, group.number) == ("mx.test", "critical", 2)
    assert len(group.examples) == 3
    assert "First check" in shown(board, group="host")


def test_domains_belong_to_the_host_that_makes_them_fail(board: Board) -> None:
    host(board, "mx.test", Reason.EHLO_CLOSED)
    for number in range(40):
        domain(board, f"d{number}.test", "mx.test")
    domain(board, "gone.test", exchanges=Exchanges(problems=(GONE,)))
    groups = looked(board, Filter(group="host")).groups.shown()
    assert [(each.name, each.number) for each in groups] == [("mx.test", 41), ("gone.test", 1)]


def test_groups_are_collapsed_from_the_fourth_on(board: Board) -> None:
    for number, reason in enumerate([Reason.EHLO_CLOSED, Reason.EHLO_TIMEOUT, Reason.TLS_CLOSED, Reason.TLS_TIMEOUT]):
        host(board, f"h{number}.test", reason)
    opened = [" open>" in each for each in re.findall("<details class=.group[^>]*>", shown(board))]
    assert opened == [True] * OPEN + [False]


@pytest.mark.parametrize("group", ["", "host"])
def test_the_switch_of_groups_keeps_the_filter(board: Board, group: str) -> None:
    host(board, "mx.test", Reason.EHLO_CLOSED)
    html = shown(board, find="mx", group=group)
    assert f'href="?find=mx"{" aria-current" if not group else ""}' in html
    assert f'href="?find=mx&amp;group=host"{" aria-current" if group else ""}' in html


def test_of_many_failing_hosts_the_worst_groups_are_shown(board: Board) -> None:
    for number in range(MOST + 7):
        host(board, f"h{number}.test", Reason.EHLO_CLOSED)
    html = shown(board, group="host")
    assert html.count('<details class="group') == MOST
    assert "and 7 more groups" in html


# --- tables ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [each.name for each in KINDS])
def test_the_links_of_a_table_lead_through_all_of_it(board: Board, kind: str) -> None:
    every = {f"h{number}.test" for number in range(2 * ROWS + 7)}
    for name in every:
        host(board, name)
        domain(board, name, name)
    html, found = shown(board, kind=kind), list[str]()
    while True:
        found += re.findall(rf'class="name" href="/{kind}[^"]*">(h[0-9]+.test)', html)
        if not (link := re.search(r'rel="next" href="\?([^"#]*)"', html)):
            break
        html = "".join(page.render(board, NOW, wanted=asked_by(link[1])))
    assert len(found) == len(every)
    assert set(found) == every


def test_every_table_of_the_overview_has_its_pages(board: Board) -> None:
    for number in range(ROWS + 1):
        host(board, f"h{number}.test")
        domain(board, f"d{number}.test", "h0.test")
    html = shown(board)
    for kind in KINDS:
        assert f'rel="next" href="?kind={kind.name}&amp;page=2"' in html


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("", ["down", "old", "slow", "quick"]),
        ("state", ["down", "old", "slow", "quick"]),
        ("-state", ["quick", "old", "slow", "down"]),
        ("name", ["down", "old", "quick", "slow"]),
        ("-name", ["slow", "quick", "old", "down"]),
        ("reason", ["old", "slow", "down", "quick"]),
        ("certificate", ["slow", "old", "quick", "down"]),
        ("-certificate", ["old", "quick", "slow", "down"]),
        ("probe", ["quick", "old", "down", "slow"]),
        ("-probe", ["slow", "down", "old", "quick"]),
    ],
)
def test_endpoints_are_sorted_by_column_and_what_has_no_value_comes_last(
    board: Board, sort: str, order: list[str]
) -> None:
    ends = {days: Verdict(replace(LEAF, not_after=NOW + days * 86400), NOW) for days in (3, 90)}
    good: dict[str, dict[str, Any]] = {
        "quick": {"duration": 0.1, "verdict": ends[90]},
        "slow": {"duration": 9.0, "verdict": replace(ends[3], weak="RSA-1024")},
        "old": {"duration": 0.3, "verdict": replace(ends[90], expired="expired")},
    }
    for name, seen in good.items():
        board.add(endpoint(of=peer(host=name)))
        board.record(replace(healthy(peer(host=name)), **seen))
    host(board, "down", Reason.EHLO_CLOSED, target="mail")
    assert names(looked(board, Filter(sort=sort))) == order


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("", ["b.test", "c.test", "a.test"]),
        ("name", ["a.test", "b.test", "c.test"]),
        ("-name", ["c.test", "b.test", "a.test"]),
        ("reason", ["c.test", "b.test", "a.test"]),
    ],
)
def test_domains_are_sorted_by_column(board: Board, sort: str, order: list[str]) -> None:
    host(board, "mx.test")
    host(board, "down.test", Reason.EHLO_CLOSED)
    domain(board, "a.test", "mx.test")
    domain(board, "b.test", "down.test")
    domain(board, "c.test", exchanges=Exchanges(problems=(GONE,)))
    found = looked(board, Filter(kind="domain", sort=sort))
    assert sorted(names(found, "domain")) == sorted(order)
    assert names(found, "domain") == order


def test_the_column_that_is_sorted_by_says_so_and_is_turned_by_its_link(board: Board) -> None:
    host(board, "mx.test")
    assert '<th scope="col" aria-sort="ascending"><a href="?kind=endpoint&amp;sort=-state#endpoints">State' in shown(
        board
    )
    html = shown(board, kind="endpoint", sort="-name")
    assert '<th scope="col" aria-sort="descending"><a href="?kind=endpoint&amp;sort=name#endpoints">Endpoint' in html
    assert html.count("aria-sort") == 1


def test_what_is_wrong_is_told_on_the_first_page_only(board: Board) -> None:
    for number in range(ROWS + 1):
        host(board, f"mx{number}.test", Reason.EHLO_CLOSED)
    assert "Group by" in shown(board)
    assert "Group by" in shown(board, find="mx7", page=2)  # there is no second page
    for other in ({"page": 2}, {"sort": "name", "kind": "endpoint"}):
        assert "Group by" not in shown(board, **other)
        assert 'class="check"' in shown(board, **other)


# --- search ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("find", "endpoints", "found"),
    [
        ("MX1", ["mx1.test"], ["a.test"]),
        ("a.test", [], ["a.test"]),
        ("customers b.t", [], ["b.test"]),
        ("ehlo_clo", ["mx1.test"], []),
        ("team=ma", [], ["a.test", "b.test"]),
        ("192.0.2", ["mx1.test", "mx2.test"], []),
        (EVIL, [], []),
    ],
)
def test_the_search_finds_parts_of_everything(board: Board, find: str, endpoints: list[str], found: list[str]) -> None:
    host(board, "mx1.test", Reason.EHLO_CLOSED)
    host(board, "mx2.test")
    domain(board, "a.test", "mx1.test")
    domain(board, "b.test", "mx2.test")
    seen = looked(board, Filter(find=find))
    assert (names(seen), names(seen, "domain")) == (endpoints, found)
    assert ("Nothing matches" in shown(board, find=find)) is not bool(endpoints or found)


WANTED = (
    Filter(), Filter("critical"), Filter(find="mx"), Filter(find="d1 down"), Filter(port="25"), Filter(target="cust"),
    Filter(target="customers"), Filter(label="team=mail"), Filter(label="tea"), Filter(reason="dns_not_found"),
    Filter(reason="sts"), Filter(find="dns_not"), Filter("stale", find="d"),
)  # fmt: skip


KNOWN: tuple[dict[str, Any], ...] = (
    {},
    {"updated": NOW - 9999},
    {"exchanges": None},
    {"policies": Policies(problems=(SMALL,))},
    {"exchanges": Exchanges(null_mx=True)},
    {"exchanges": Exchanges(problems=(GONE,)), "refused": frozenset({"down.test"})},
)


@pytest.mark.parametrize("wanted", WANTED, ids=lambda each: each.query())
def test_the_overview_finds_what_the_json_finds_and_calls_it_the_same(board: Board, wanted: Filter) -> None:
    host(board, "mx.test")
    host(board, "down.test", Reason.EHLO_CLOSED)
    host(board, "old.test", finished=NOW - 9999)
    enforced = Policies(sts=True, policy=Policy("enforce", frozenset(), 86400))
    for number, known in enumerate((*KNOWN, {"policies": enforced})):
        domain(board, f"d{number}.test", "mx.test", "down.test", **known)
        domain(board, f"d1{number}.test", "down.test", target="other customers", **known)
    whole = wanted.resolved(board)
    words = {each.domain: word_of_domain(state, board.of_domain(state), NOW) for each, state in board.domains.items()}
    expected = {
        d.domain: words[d.domain] for d, state in board.domains.items() if whole.wants_domain(state, words[d.domain])
    }
    seen = looked(board, wanted)
    assert {r.state.domain.domain: r.word for r in seen.tables[1].rows if isinstance(r, domains.DomainRow)} == expected
    assert {(r.endpoint, r.word) for r in seen.tables[0].rows if isinstance(r, rows.Row)} == {
        (each, word_of(state, NOW))
        for each, state in board.endpoints.items()
        if whole.wants(each, state, word_of(state, NOW))
    }


# --- bounds ---------------------------------------------------------------------------------------------------------


class Counting(Listing):
    """Counts the domains whose records it reads."""

    reads = 0

    def read(self, entry: Any) -> None:
        """Count."""
        self.reads += 1
        super().read(entry)


def test_a_view_makes_rows_of_one_page_and_reads_only_what_changed(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        host(board, f"mx{number}.test")
    states = [domain(board, f"d{number}.test", f"mx{number % 20}.test") for number in range(3000)]
    listing, made, asked = Counting(), list[str](), list[str]()

    def counting(kind: Kind) -> Kind:
        def row(entry: Any, state: str) -> Any:
            made.append(kind.name)
            return kind.row(entry, state)

        return replace(kind, row=row)

    def of_domain(state: DomainState) -> Iterator[State]:
        asked.append(state.domain.domain)
        return Board.of_domain(board, state)

    monkeypatch.setattr("exporter.page.overview.KINDS", tuple(map(counting, KINDS)))
    monkeypatch.setattr(board, "of_domain", of_domain)
    for changed, reads in ((0, 3000), (0, 3000), (5, 3005)):
        for state in states[:changed]:
            state.exchanges = Exchanges(((10, "mx3.test"),))
        del made[:], asked[:]
        looked(board, Filter(), listing)
        assert (len(made), len(asked), listing.reads) == (20 + ROWS, 20, reads)


def test_an_order_is_kept_until_something_comes_or_goes(board: Board) -> None:
    listing = Listing()
    for name in ("c.test", "a.test"):
        host(board, name)
    assert names(looked(board, Filter(), listing)) == ["a.test", "c.test"]
    before = list(listing.endpoints.entries(board.endpoints))
    assert before == []  # nothing was looked at again
    host(board, "b.test")
    board.remove(endpoint("customers", of=peer(host="c.test")))
    assert names(looked(board, Filter(), listing)) == ["a.test", "b.test"]


def test_a_domain_that_changes_is_seen_in_the_next_view(board: Board) -> None:
    listing, state = Listing(), domain(board, "a.test", "mx.test")
    host(board, "mx.test")

    def words() -> list[str]:
        return [row.word for row in looked(board, Filter(), listing).tables[1].rows]

    assert words() == ["ok"]
    state.policies = Policies(problems=(SMALL,))
    assert words() == ["warning"]
    board.record(failed(Reason.EHLO_CLOSED, peer(host="mx.test")))
    assert words() == ["critical"]
    state.exchanges = Exchanges(null_mx=True)
    state.policies = None
    assert words() == ["ok"]


def test_hostile_text_stays_text_in_links_and_in_the_form(board: Board) -> None:
    board.add(endpoint(EVIL, (("note", EVIL),), peer(host=HOST)))
    board.record(failed(Reason.EHLO_CLOSED, peer(host=HOST)))
    for wanted in ({"find": EVIL}, {"target": EVIL}, {"label": f"note={EVIL}"}, {"group": "host"}):
        html = shown(board, **wanted)
        assert "<script>alert" not in html
        assert EVIL not in html


def test_long_names_do_not_make_links_that_are_refused(board: Board) -> None:
    board.add(endpoint("x" * 3000, (("note", "y" * 3000),)))
    for query in re.findall(r'href="\?([^"#]*)"', shown(board)):
        asked_by(query)


def test_the_tables_know_every_order_that_a_query_may_name() -> None:
    known = {"state"} | {key for kind in KINDS for key in kind.keys}
    assert known == {each.sort for kind in KINDS for each in kind.columns} - {""}
    for key in known:
        assert Filter.of({"sort": f"-{key}"}).sort == f"-{key}"
    assert {kind.name for kind in KINDS} == {"endpoint", "domain"}
