"""What `probe --domain` prints: verdict, records and hosts on one screen, then only what is not well."""

from dataclasses import replace
from io import StringIO

import pytest

from exporter.board import Board
from exporter.model import Domain, Exchanges, Policies, Policy, Problem, Settings, Target, Verdict
from exporter.reasons import Reason, Severity, Stage
from exporter.report.look import Seen
from exporter.report.terminal import Screen
from exporter.report.text import print_text
from exporter.state import DomainState
from tests.results import ADDRESS, HOST, LEAF, NOW, endpoint, failed, healthy, peer

DOMAIN = Domain(Target("mail", ((25, Settings()),)), "example.test")
POLICY = Policy("enforce", frozenset({HOST}), 86400)
PUBLISHED = Policies(sts=True, sts_id="7", sts_valid=True, policy=POLICY, until=NOW + 86400, tlsrpt=False)


def printed(board: Board) -> list[str]:
    screen = StringIO()
    print_text(Seen(board), Screen(screen, 120))
    return [" ".join(line.split()) for line in screen.getvalue().splitlines() if line.strip()]


def board_of(policies: Policies) -> Board:
    board = Board()
    board.add(endpoint())
    board.domains[DOMAIN] = DomainState(DOMAIN, 300.0, Exchanges(((10, HOST),)), NOW, policies)
    return board


def test_a_healthy_domain_takes_five_lines() -> None:
    board = board_of(PUBLISHED)
    board.record(healthy())
    assert printed(board) == [
        "OK example.test 1 of 1 endpoint healthy",
        f"MX 10 {HOST}",
        f"MTA-STS enforce for {HOST}, kept for 1 d; id 7",
        "TLS-RPT no record",
        f"ok {HOST}:25 {ADDRESS} TLSv1.3, certificate valid",
    ]


def test_what_is_wrong_with_records_and_hosts_follows_with_what_to_do() -> None:
    wrong = Problem(Reason.STS_POLICY_FETCH_ERROR, Stage.POLICY, Severity.WARNING, "HTTP status \x1b[31m404")
    board = board_of(Policies(sts=True, sts_valid=False, problems=(wrong,)))
    board.record(failed(Reason.CONNECTION_REFUSED))
    lines = printed(board)
    assert lines[0] == "CRITICAL example.test 0 of 1 endpoint healthy"
    assert lines.index("sts_policy_fetch_error warning") < lines.index("connection_refused critical")
    assert "seen HTTP status \\x1b[31m404" in lines
    assert f"critical {HOST}:25 {ADDRESS} no TLS connection_refused" in lines


def test_a_host_that_was_asked_for_beside_has_its_own_block() -> None:
    board = board_of(PUBLISHED)
    board.record(healthy())
    other = peer(host="other.example.test")
    board.add(endpoint(of=other))
    board.record(healthy(other))
    assert sum("other.example.test:25" in line and "relay" in line for line in printed(board)) == 1


def test_of_a_pool_the_address_that_connected_is_told() -> None:
    board, pool = Board(), peer("", addresses="any")
    board.add(endpoint(of=pool))
    board.record(healthy(pool))
    assert printed(board)[0] == f"OK {HOST}:25 {ADDRESS} relay, security starttls"


@pytest.mark.parametrize(
    ("verdict", "lines"),
    [
        pytest.param(
            Verdict(replace(LEAF, not_after=None), None),
            ["certificate valid, without a date of expiry that can be read"],
            id="no date",
        ),
        pytest.param(
            Verdict(LEAF, LEAF.not_after, missing_intermediate="'Between' was not sent"),
            ["certificate valid, 80 days left (2027-04-05 08:00:00 UTC)", "intermediate 'Between' was not sent"],
            id="an intermediate that only we have",
        ),
    ],
)
def test_a_certificate_is_told_as_far_as_it_can_be_read(verdict: Verdict, lines: list[str]) -> None:
    board = Board()
    board.add(endpoint())
    board.record(healthy(verdict=verdict))
    assert [line for line in printed(board) if line.startswith(("certificate", "intermediate"))] == lines
