"""What a look at many endpoints and mail domains comes to: words, exit codes, their order, and the lines of each."""

import json
from collections.abc import Sequence
from dataclasses import replace
from io import StringIO

import pytest

from exporter.board import Board
from exporter.model import Domain, Exchanges, Policies, Problem, Settings, Target
from exporter.reasons import Reason, Severity, Stage
from exporter.report.asked import Asked
from exporter.report.facts import as_json, as_lines
from exporter.report.look import Progress, Seen
from exporter.report.progress import progress_on, said
from exporter.report.terminal import Screen
from exporter.report.text import print_text
from exporter.state import DomainState
from tests.results import NOW, endpoint, failed, healthy, peer

PORTS = ((25, Settings()),)
MAIL = Target("mail", PORTS, domains=("example.test",))
DOMAIN = Domain(replace(MAIL, domains=()), "example.test")
HOSTS = ("mx1.example.test", "mx2.example.test")
UNSIGNED = Problem(Reason.MX_INVALID, Stage.DNS, Severity.WARNING, "an address")
GONE = Problem(Reason.MX_NOT_FOUND, Stage.DNS, Severity.CRITICAL, "no host")
R = Reason


def seen(
    *results: Reason | None, problems: Sequence[Problem] = (), null_mx: bool = False, beside: Sequence[Asked] = ()
) -> Seen:
    """A mail domain whose MX hosts are healthy (None) or failed for a reason."""
    board, hosts = Board(), HOSTS[: len(results)]
    exchanges = Exchanges(tuple((10, host) for host in hosts), null_mx=null_mx, problems=tuple(problems))
    board.domains[DOMAIN] = DomainState(DOMAIN, 300.0, exchanges, NOW, Policies())
    for host, reason in reversed(list(zip(hosts, results, strict=True))):
        of = peer(host=host)
        board.add(endpoint(of=of))
        board.record(failed(reason, of) if reason else healthy(of))
    return Seen(board, [Asked(MAIL), *beside])


@pytest.mark.parametrize(
    ("found", "code", "headline"),
    [
        (seen(None, None), 0, "OK example.test 2 of 2 endpoints healthy"),
        (seen(None, R.CONNECTION_REFUSED), 1, "WARNING example.test 1 of 2 endpoints healthy"),
        (seen(None, R.CLIENT_REJECTED), 1, "WARNING example.test 1 of 2 endpoints healthy"),
        (seen(None, problems=[UNSIGNED]), 1, "WARNING example.test 1 of 1 endpoint healthy"),
        (seen(R.CONNECTION_REFUSED, R.GREETING_TIMEOUT), 2, "CRITICAL example.test 0 of 2 endpoints healthy"),
        (seen(problems=[GONE]), 2, "CRITICAL example.test"),
        (seen(), 3, "UNTESTABLE example.test"),
        (seen(null_mx=True), 0, "OK example.test"),
    ],
    ids=[
        "fine",
        "one dead MX",
        "one MX refuses us",
        "odd records",
        "all MX dead",
        "no MX",
        "nothing probed",
        "null MX",
    ],
)
def test_a_domain_is_judged_as_a_domain(found: Seen, code: int, headline: str) -> None:
    screen = StringIO()
    print_text(found, Screen(screen))
    assert (found.exit_code, screen.getvalue().splitlines()[0].rstrip()) == (code, headline)
    [state] = [each["state"] for each in json.loads(as_json(found)) if "domain" in each]
    assert headline.startswith(state.upper())


def test_a_host_that_was_asked_for_itself_is_judged_as_a_host() -> None:
    host = Target("mail", PORTS, host=HOSTS[1])
    assert seen(None, R.CONNECTION_REFUSED, beside=[Asked(host)]).exit_code == 2


def test_endpoints_come_in_the_order_asked_and_in_that_of_their_records() -> None:
    other = peer(host="a.example.test", port=587)
    found = seen(None, None, beside=[Asked(Target("first", ((587, Settings()),), host="a.example.test"))])
    found.board.add(endpoint("first", of=other))
    assert [row[0].peer.host for row in found.rows()] == [*HOSTS, "a.example.test"]


@pytest.mark.parametrize(
    ("found", "lines"),
    [
        (
            seen(None, R.CONNECTION_REFUSED),
            [
                "ok\tmx1.example.test:25\t192.0.2.1\tmail\t-\t-",
                "critical\tmx2.example.test:25\t192.0.2.1\tmail\tconnection_refused\twhat was seen",
            ],
        ),
        (seen(problems=[GONE]), ["critical\texample.test\t-\tmail\tmx_not_found\tno host"]),
    ],
    ids=["a dead MX", "no MX"],
)
def test_a_line_for_each_endpoint_and_for_a_domain_with_a_problem(found: Seen, lines: list[str]) -> None:
    assert as_lines(found).splitlines() == lines


def test_a_line_has_six_fields_whatever_a_peer_or_an_operator_writes() -> None:
    board, six = Board(), peer("2001:db8::1", host="2001:db8::1")
    board.add(endpoint("a\ttab\nand\u2028more", of=six))
    board.record(failed(R.GREETING_REJECTED, six))
    [line] = as_lines(Seen(board)).splitlines()
    assert line.split("\t")[1:4] == ["[2001:db8::1]:25", "2001:db8::1", "a\\ttab\\nand\\u2028more"]
    assert line.count("\t") == 5


# --- progress -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("waits_for", "words"),
    [
        ([peer()], "waiting for mail.example.test[192.0.2.1]:25"),
        ([DOMAIN], "waiting for DNS of example.test"),
        ([peer(port=port) for port in (1, 2, 3, 4, 5)],
         "waiting for mail.example.test[192.0.2.1]:1, mail.example.test[192.0.2.1]:2, "
         "mail.example.test[192.0.2.1]:3 and 2 more"),
        ([], "waiting for records and policies of mail domains"),
    ],
    ids=["a server", "a domain", "many", "nobody"],
)  # fmt: skip
def test_progress_says_what_it_waits_for(waits_for: list[object], words: str) -> None:
    assert said(Progress(2, 7, 9.3, waits_for)) == f"2/7, 9 s, {words}"  # type: ignore[arg-type]


@pytest.mark.parametrize(("finished", "seconds", "hint"), [(5, 10.0, True), (5, 9.9, False), (6, 10.0, False)])
def test_who_waits_for_a_queue_is_told_how_to_be_faster(finished: int, seconds: float, *, hint: bool) -> None:
    text = said(Progress(finished, 7, seconds, [peer()]))
    assert text.endswith("; --concurrency=N probes N at once at one address") is hint


class Terminal(StringIO):
    """A terminal of 40 columns."""

    def isatty(self) -> bool:
        return True


def test_progress_is_one_line_of_a_terminal_and_gone_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.delenv("TERM", raising=False)
    with progress_on(terminal := Terminal()) as told:
        assert told
        told(Progress(0, 3, 0.5, [peer()]))
        assert terminal.getvalue() == "", "most looks are over by then"
        told(Progress(2, 7, 12.0, [peer()]))
    assert terminal.getvalue() == "\r\x1b[K2/7, 12 s, waiting for mail.example.tes\r\x1b[K"


@pytest.mark.parametrize("term", ["dumb", None])
def test_there_is_no_progress_where_a_line_cannot_be_written_again(
    monkeypatch: pytest.MonkeyPatch, term: str | None
) -> None:
    monkeypatch.setenv("TERM", term or "xterm")
    stream = Terminal() if term else StringIO()
    with progress_on(stream) as told:
        assert told is None
    with progress_on(None) as told:
        assert told is None
    assert stream.getvalue() == ""
