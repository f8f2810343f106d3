"""The status page: what it shows, that it is bounded, and that it comes in pieces."""

from html.parser import HTMLParser
from typing import Any

import pytest

from exporter import page
from exporter.board import Board, DomainState
from exporter.model import Domain, Endpoint, Exchanges, Hello, Problem, Reply, Settings, Step, Target
from exporter.page import MOST, PIECE, Filter
from exporter.reasons import REASONS, Reason, Severity, Stage
from tests.results import HOST, NOW, endpoint, failed, healthy, peer

EVIL = '<script>alert(1)</script><img src=x onerror="x">\u202e\x1b[31m'
ROW = 40 * 1024
"""More than one row without transcripts takes."""


class Tags(HTMLParser):
    """The tags of a page, its text, and the text of each transcript."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.text = ""
        self.transcripts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag == "pre":
            self.transcripts.append("")

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.transcripts and self.tags[-1] == "pre":
            self.transcripts[-1] += data


@pytest.fixture
def board() -> Board:
    return Board()


def seen(board: Board, **options: Any) -> Tags:
    return Tags("".join(page.render(board, NOW, **options)))


def heard(*lines: str) -> Step:
    return Step(0.25, Stage.GREETING, "S", Reply(554, lines))


def rejected(of: Endpoint, *lines: str, finished: float = NOW, **facts: Any) -> Any:
    reply = Reply(554, lines)
    facts = {"ended": None, "greeting": reply, "steps": (heard(*lines),), **facts}
    return failed(Reason.GREETING_REJECTED, of.peer, finished=finished, **facts)


def talkative(board: Board, number: int) -> None:
    """Servers that say as much as a transcript holds."""
    for port in range(1, number + 1):
        one = endpoint(EVIL, of=peer(port=port))
        board.add(one)
        for back in range(4):
            board.record(rejected(one, *["\x01" * 200] * 40, finished=NOW - back, greeting=Reply(554, (EVIL * 900,))))


# --- what it shows --------------------------------------------------------------------------------------------


def test_the_last_failures_are_shown_the_latest_first(board: Board) -> None:
    board.add(endpoint())
    for back in (4, 3, 2, 1):
        board.record(rejected(endpoint(), f"failure {back}", finished=NOW - back))
    said = seen(board)
    assert [each.strip() for each in said.transcripts] == [f"0.250 S 554 failure {back}" for back in (1, 2, 3)]
    assert "since 2027-01-15 07:59:56 UTC" in said.text


def test_an_endpoint_that_is_well_again_shows_its_failures_and_nothing_else(board: Board) -> None:
    board.add(endpoint())
    board.record(rejected(endpoint(), "go away"))
    board.record(healthy(steps=(heard("all is well"),)))
    said = seen(board)
    assert [each.strip() for each in said.transcripts] == ["0.250 S 554 go away"]
    assert "all is well" not in said.text


def test_a_warning_shows_its_transcript(board: Board) -> None:
    board.add(endpoint())
    in_clear: dict[str, Any] = {
        "starttls": None,
        "session": None,
        "established": False,
        "hello_tls": None,
        "ehlo_tls": None,
    }
    board.record(healthy(hello=Hello("EHLO"), verdict=None, steps=(heard("hm"),), **in_clear))
    assert [each.strip() for each in seen(board).transcripts] == ["0.250 S 554 hm"]


def test_a_problem_comes_with_help_and_stage_times(board: Board) -> None:
    board.add(endpoint())
    board.record(failed(Reason.GREETING_TIMEOUT))
    text = seen(board).text
    assert "Connect by hand and wait" in text
    assert "greeting 500.0 ms" in text


def test_links_keep_the_prefix(board: Board) -> None:
    text = "".join(page.render(board, NOW, "/monitor", "/scrape"))
    for path in ("/scrape", "/api/v1/endpoints", "/style.css", "/-/healthy"):
        assert f'href="/monitor{path}"' in text


@pytest.mark.parametrize(
    ("wanted", "ports"),
    [
        pytest.param(Filter(), {25, 465, 587}, id="all"),
        pytest.param(Filter("critical"), {465}, id="a state"),
        pytest.param(Filter("ok"), {25}, id="another state"),
        pytest.param(Filter(find=":587"), {587}, id="a port"),
        pytest.param(Filter(find=" TARGET 465 "), {465}, id="a target, whatever its case"),
        pytest.param(Filter(find="192.0.2.1"), {25, 465, 587}, id="an address"),
        pytest.param(Filter("critical", ":587"), set(), id="both"),
        pytest.param(Filter("nothing"), set(), id="no state of ours"),
        pytest.param(Filter(find=EVIL), set(), id="hostile"),
    ],
)
def test_filters(board: Board, wanted: Filter, ports: set[int]) -> None:
    for port in (25, 465, 587):
        board.add(endpoint(f"target {port}", of=peer(port=port)))
    board.record(healthy(peer(port=25)))
    board.record(failed(Reason.GREETING_TIMEOUT, peer(port=465)))
    said = seen(board, wanted=wanted)
    assert {port for port in (25, 465, 587) if f"{HOST}:{port}" in said.text} == ports
    assert ("No endpoint is like that" in said.text) is (not ports)
    assert all(f"1 {word}" in said.text for word in ("critical", "ok", "pending"))
    assert "script" not in said.tags


# --- hostile text ---------------------------------------------------------------------------------------------


def test_what_a_peer_said_stays_text(board: Board) -> None:
    one = endpoint(EVIL, (("note", EVIL),), peer(port=587))
    board.add(one)
    board.record(rejected(one, EVIL, "\udcff", "</pre></details>"))
    text = "".join(page.render(board, NOW))
    said = Tags(text)
    assert not {"script", "img"} & set(said.tags)
    assert "onerror" not in said.attributes
    assert said.text.count("<script>alert(1)</script>") >= 3
    assert not {"\x1b", "\u202e"} & set(text)
    assert "</pre></details>" in said.transcripts[0]


# --- bounds ---------------------------------------------------------------------------------------------------


def test_the_worst_are_shown_and_the_rest_counted(board: Board) -> None:
    for port in range(1, 3001):
        board.add(endpoint(of=peer(port=port)))
    board.record(healthy(peer(port=1)))
    board.record(failed(Reason.GREETING_TIMEOUT, peer(port=2999)))
    said = seen(board)
    assert said.tags.count("tr") == MOST + 1
    assert said.text.index(f"{HOST}:2999") < said.text.index(f"{HOST}:3")
    assert f"{3000 - MOST} more endpoints are not shown here" in said.text
    assert "1 critical" in said.text
    assert "2998 pending" in said.text


def test_however_talkative_the_servers_the_page_is_bounded(board: Board) -> None:
    talkative(board, 20)
    text = "".join(page.render(board, NOW))
    assert len(text) < 20 * ROW
    said = Tags(text)
    assert len(said.transcripts) == 20 * 3
    assert all(len(each.strip().splitlines()) <= 40 for each in said.transcripts)
    assert all(len(line) < 1000 for each in said.transcripts for line in each.splitlines())


def test_it_comes_in_pieces_none_of_which_takes_long(board: Board) -> None:
    talkative(board, 20)
    pieces = list(page.render(board, NOW))
    assert len(pieces) > sum(map(len, pieces)) // (PIECE + 8192)
    assert max(map(len, pieces)) < PIECE + 8192


def test_many_endpoints_are_sorted_in_pieces(board: Board) -> None:
    for port in range(1, 5001):
        board.add(endpoint(of=peer(port=port)))
    assert [next(pieces) for pieces in [page.render(board, NOW)] for _ in range(5)] == [""] * 5


def test_a_broken_domain_is_told_with_cause_and_check(board: Board) -> None:
    domain = Domain(Target("mail", ((25, Settings()),), domains=("exmaple.test",)), "exmaple.test")
    gone = Problem(Reason.DNS_NOT_FOUND, Stage.DNS, Severity.CRITICAL, "<b>exmaple.test</b> does not exist")
    board.domains[domain] = DomainState(domain, 300.0, Exchanges(problems=(gone,)), NOW)
    html = "".join(page.render(board, NOW))
    assert "<h3>exmaple.test</h3>" in html
    assert REASONS[Reason.DNS_NOT_FOUND].check in html
    assert "<b>exmaple" not in html
