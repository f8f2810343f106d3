"""What is packed once and again is what would be written anew, whatever happened between two scrapes."""

import gzip
from collections.abc import Callable
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.board import Board
from exporter.churn import HOUR
from exporter.exposition import Columns, Piece, pack, render, unpack, write_ahead
from exporter.exposition.columns import BLOCK, PAUSE
from exporter.exposition.rows import WIDTH
from exporter.families import DOMAIN_FAMILIES, FAMILIES
from exporter.model import Domain, Exchanges, Hello, Peer, Policies, Reply, Settings, Target
from exporter.reasons import Reason, Stage
from exporter.state import DomainState, State
from tests.results import HOST, NOW, endpoint, failed, healthy, peer

PORTS = range(1, 4)
DOMAINS = [Domain(Target("mail", ((25, Settings()),), domains=(name,)), name) for name in ("a.test", "b.test")]
COUNT, LAST = "smtp_probes_total", "smtp_probe_last_timestamp_seconds"


def scraped(columns: Columns, board: Board, now: float = NOW, more: str = "", *, openmetrics: bool = False) -> str:
    """What it says; packed and unpacked it is the same."""
    pieces = list(columns.pieces(board, now, more, openmetrics=openmetrics))
    said = gzip.decompress(b"".join(pack(pieces)))
    assert said == b"".join(unpack(pieces))
    return said.decode()


def written(board: Board, now: float = NOW, *, openmetrics: bool = False) -> str:
    """What the board says, where nothing is kept of what was written before."""
    states: tuple[State | DomainState, ...] = (*board.states.values(), *board.domains.values())
    for state in states:
        state.samples = None
    return "".join(render(board, now, openmetrics=openmetrics))


def add(board: Board, port: int) -> None:
    if (each := endpoint(of=peer(port=port))) not in board.endpoints:
        board.add(each)


def remove(board: Board, port: int) -> None:
    board.remove(endpoint(of=peer(port=port)))


def look_up(board: Board, port: int) -> None:
    domain = DOMAINS[port % 2]
    hosts = ((10, HOST),) if port > 1 else ()
    board.domains[domain] = DomainState(domain, 300.0, Exchanges(hosts, records=port), NOW)


def ask(board: Board, port: int) -> None:
    if state := board.domains.get(DOMAINS[port % 2]):
        state.policies = Policies(sts=port == 1, tlsrpt=True)


def churn(board: Board, port: int) -> None:
    """It changes too often, for the last time at NOW + 100."""
    for at in range(93, 101):
        board.record(healthy(peer(port=port), finished=NOW + at, hello_tls=Hello("EHLO", {f"X{at}": ""})))


def forget(board: Board, port: int) -> None:
    board.domains.pop(DOMAINS[port % 2], None)


def read(board: Board, _: int) -> None:
    """Somebody reads it without gzip."""
    list(render(board, NOW, openmetrics=True))


EVENTS: list[Callable[[Board, int], object]] = [
    lambda board, port: board.record(healthy(peer(port=port))),
    lambda board, port: board.record(healthy(peer(port=port), finished=NOW + 1, stages={})),
    lambda board, port: board.record(healthy(peer(port=port), greeting=Reply(220, ("ESMTP Exim 4.98",)))),
    lambda board, port: board.record(healthy(peer(port=port), verdict=None)),
    lambda board, port: board.record(healthy(peer(port=port), finished=NOW - 1000)),
    lambda board, port: board.record(failed(Reason.CONNECTION_TIMEOUT, peer(port=port))),
    lambda board, port: board.record(failed(Reason.GREETING_CLOSED, peer(port=port))),
    add, add, remove, look_up, ask, forget, read, churn,
]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(EVENTS), st.sampled_from(PORTS)), max_size=12), st.integers(0, 3))
def test_a_scrape_says_what_the_board_says_whatever_happened_since_the_last(
    events: list[tuple[Callable[[Board, int], object], int]], every: int
) -> None:
    board, columns = Board(), Columns()
    for number, (event, port) in enumerate(events):
        event(board, port)
        if every and number % every == 0:
            scraped(columns, board)
    assert scraped(columns, board) == written(board)
    assert scraped(columns, board, openmetrics=True) == written(board, openmetrics=True)
    assert scraped(columns, board, NOW + 200) == written(board, NOW + 200), "results of before are withdrawn"
    for state in board.states.values():
        state.waits(3600.0)
    assert scraped(columns, board, NOW + 3700) == written(board, NOW + 3700), "no label is unstable any more"


def test_how_far_it_came_is_not_a_matter_of_time() -> None:
    board, columns = Board(), Columns()
    add(board, 1)
    for stages in ({Stage.TLS: 0.1}, {}, {Stage.TLS: 0.1}):
        board.record(healthy(peer(port=1), session=None, stages=stages))
        assert scraped(columns, board) == written(board)


def board_of(count: int) -> Board:
    board = Board()
    for number in range(count):
        board.add(endpoint(of=at(number)))
        board.record(healthy(at(number)))
    return board


def at(number: int) -> Peer:
    return peer(f"198.18.{number // 250}.{number % 250}")


@pytest.fixture
def packed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is packed, from now on."""
    texts, of = list[str](), Piece.of

    def noted(text: str) -> Piece:
        texts.append(text)
        return of(text)

    monkeypatch.setattr(Piece, "of", noted)
    return texts


@pytest.mark.parametrize(
    ("change", "again"),
    [
        (lambda board: None, []),
        (lambda board: board.record(healthy(at(7), finished=NOW + 9)), [COUNT, LAST]),
        (lambda board: board.record(healthy(at(7), greeting=Reply(220, ("Exim",)))), [COUNT, "smtp_greeting_info"]),
        (lambda board: board.add(endpoint(of=at(9999))), []),
        (lambda board: board.remove(endpoint(of=at(WIDTH + 1))), [family.name for family in FAMILIES]),
    ],
    ids=["nothing", "another probe that saw the same", "other software", "an endpoint without a result",
         "one is gone from the second part"],
)  # fmt: skip
def test_only_what_is_new_is_packed(change: Callable[[Board], object], again: list[str], packed: list[str]) -> None:
    board, columns = board_of(WIDTH + 2), Columns()
    scraped(columns, board)
    change(board)
    packed.clear()
    assert scraped(columns, board, more="# EOF\n") == "".join(render(board, NOW, openmetrics=False)) + "# EOF\n"
    *families, outside = packed
    assert [name for name in again if f"{name}{{" in written(board)] == [
        each.partition("{")[0] for each in families if each
    ]
    assert outside.endswith("# EOF\n")


def test_a_label_that_is_stable_again_is_all_that_is_packed_anew(packed: list[str]) -> None:
    board, columns = board_of(WIDTH), Columns()
    for number in range(8):
        board.record(healthy(at(0), finished=NOW + number, hello_tls=Hello("EHLO", {f"X{number}": ""})))
    board.states[at(0)].waits(HOUR)
    for later in (HOUR - 1, HOUR):
        packed.clear()
        scraped(columns, board, NOW + 7 + later)
    again, *_outside = packed
    assert again.startswith("smtp_extensions_info{")
    assert len(packed) == 2


def test_only_the_success_of_a_domain_hangs_on_its_hosts(packed: list[str]) -> None:
    board, columns = board_of(1), Columns()
    for domain in DOMAINS:
        board.domains[domain] = DomainState(domain, 300.0, Exchanges(((10, HOST),), records=1), NOW)
    scraped(columns, board)
    board.record(failed(Reason.GREETING_CLOSED, at(0)))
    packed.clear()
    assert scraped(columns, board) == written(board)
    assert [text for text in packed if text.startswith("smtp_domain")] == [
        "".join(f'smtp_domain_success{{target="mail",domain="{each.domain}"}} 0\n' for each in DOMAINS)
    ]
    assert DOMAIN_FAMILIES[0].name == "smtp_domain_success"


def test_a_scrape_that_is_given_up_does_no_harm() -> None:
    board, columns = board_of(2 * WIDTH), Columns()
    scraped(columns, board)
    for number in range(0, 200, 7):
        board.record(failed(Reason.GREETING_CLOSED, at(number)))
        assert len(list(islice(columns.pieces(board, NOW, "", openmetrics=False), number))) <= number
    assert scraped(columns, board) == written(board)


def test_a_scrape_tells_of_the_time_when_it_began() -> None:
    board, columns = board_of(2 * WIDTH), Columns()
    before, began = written(board), False
    pieces = list[Piece]()
    for piece in columns.pieces(board, NOW, "", openmetrics=False):
        pieces.append(piece)
        if piece.size and not began:
            began = True
            board.record(failed(Reason.GREETING_CLOSED, at(1)))
            board.remove(endpoint(of=at(2)))
            board.add(endpoint(of=at(9999)))
    assert b"".join(unpack(pieces)).decode() == before
    assert scraped(columns, board) == written(board) != before


def test_a_domain_that_goes_meanwhile_takes_no_other_with_it() -> None:
    board, columns = board_of(1), Columns()
    first = Domain(DOMAINS[0].target, "first.test")
    for domain in (first, *DOMAINS):
        hosts = () if domain is first else ((10, HOST),)
        board.domains[domain] = DomainState(domain, 300.0, Exchanges(hosts, records=1), NOW)
    before = scraped(columns, board)
    pieces = columns.pieces(board, NOW, "", openmetrics=False)
    assert (next(pieces), next(pieces)) == (PAUSE, PAUSE), "the endpoint, and the first domain"
    del board.domains[DOMAINS[0]]
    assert b"".join(unpack(pieces)).decode() == before


@pytest.mark.parametrize("size", [0, 1, 255, 65_537, 3_000_007])
def test_the_checksum_is_that_of_the_whole(size: int) -> None:
    assert scraped(Columns(), board_of(1), more="x" * size).endswith("\n" + "x" * size)


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK])
def test_a_piece_is_unpacked_block_by_block(size: int) -> None:
    blocks = list(Piece.of("x" * size).unpack())
    assert b"".join(blocks) == b"x" * size
    assert max(map(len, blocks)) <= BLOCK


def test_a_lone_surrogate_breaks_nothing() -> None:
    assert scraped(Columns(), Board(), more="\ud800") == "?"


def test_a_result_is_written_when_it_comes_if_the_one_before_was_read() -> None:
    board, columns = Board(on_result=write_ahead), Columns()
    board.add(endpoint())
    state = board.states[peer()]
    for number in range(4):
        board.record(healthy(finished=NOW + number))
        assert state.repeated is (number != 2), "only the one after a scrape is written at once"
        if number == 1:
            scraped(columns, board)
    assert scraped(columns, board) == written(board)
