"""The pages of one endpoint and of one mail domain: what they tell, and what of it can be copied."""

import html
import re
import subprocess
from dataclasses import replace

import pytest

from exporter.board import Board
from exporter.links import Prometheus
from exporter.model import Domain, Exchanges, Lookup, Policies, Policy, Problem, Settings, Target, Tlsa
from exporter.outcomes import after
from exporter.page import Links, render_domain, render_endpoint
from exporter.page.by_hand import at, probe, quoted
from exporter.page.details import ENDPOINTS, PERIODS
from exporter.page.environment import HERE
from exporter.page.groups import help_for
from exporter.reasons import REASONS, Reason, Severity, Stage, Untestable
from exporter.state import DomainState
from tests.results import ADDRESS, HOST, NOW, endpoint, failed, healthy, peer

EVIL = "<script>alert(1)</script>\u202e\x1b[31m'\""
TARGET = Target("customers", ((25, Settings()),), domains=("example.test",), labels=(("team", "mail"),))
HOSTS = Exchanges(((10, HOST), (20, "mx2.example.test")), records=2)


def with_domain(exchanges: Exchanges | None, **known: object) -> Board:
    """A board with one domain, of which the first MX host works and the second does not."""
    board, domain = Board(), Domain(TARGET, "example.test")
    board.domains[domain] = DomainState(domain, 300.0, exchanges, NOW, **known)  # type: ignore[arg-type]  # its fields
    for one in peer(), peer(host="mx2.example.test", address="192.0.2.2"):
        board.add(endpoint("customers", TARGET.labels, one))
    board.record(healthy())
    board.record(failed(Reason.CONNECTION_TIMEOUT, peer(host="mx2.example.test", address="192.0.2.2")))
    board.record_domain(board.domains[domain])
    return board


def of_domain(board: Board, target: str | None = None, links: Links = HERE) -> str:
    return html.unescape("".join(render_domain(board, NOW, target, "example.test", links)))


def of_endpoint(board: Board, links: Links = HERE, now: float = NOW) -> str:
    return html.unescape("".join(render_endpoint(board, now, ("mail", HOST, ADDRESS, "25"), links)))


@pytest.fixture
def board() -> Board:
    board = Board()
    board.add(endpoint())
    return board


# --- a mail domain --------------------------------------------------------------------------------------------


def test_a_domain_tells_its_hosts_in_order_with_state_and_preference() -> None:
    text = of_domain(with_domain(HOSTS))
    assert re.findall(r"<h3>(\S+) <small>preference (\d+)", text) == [(HOST, "10"), ("mx2.example.test", "20")]
    assert re.findall(r'<li><span class="state (\w+)', text) == ["ok", "critical"]
    assert "connection_timeout" in text
    assert f'href="/endpoint?target=customers&host={HOST}&address={ADDRESS}&port=25"' in text


def test_a_domain_tells_its_policy_reports_and_dane() -> None:
    policies = Policies(
        sts=True, sts_id="1", sts_valid=True, policy=Policy("enforce", frozenset({HOST}), 86400), tlsrpt=True
    )
    board = with_domain(HOSTS, policies=policies)
    board.record(healthy(lookup=Lookup(0.0, tlsa=Tlsa(none="no TLSA records"))))
    text = of_domain(board)
    for part in (
        f"enforce for {HOST}",
        "asked for",
        "DANE: no TLSA records",
        "DNSSEC does not vouch for the MX records",
    ):
        assert part in text


def test_what_is_wrong_with_a_domain_has_cause_check_and_runbook() -> None:
    problem = Problem(Reason.DNS_NOT_FOUND, Stage.DNS, Severity.CRITICAL, f"seen: {EVIL}")
    text = of_domain(with_domain(Exchanges(problems=(problem,))))
    row = REASONS[Reason.DNS_NOT_FOUND]
    for part in (row.meaning, row.cause, row.check, "reasons.md#dns_not_found", "runbooks/SmtpDomainBroken"):
        assert part in text
    assert "\x1b" not in text


@pytest.mark.parametrize(
    ("untestable", "said"),
    [(None, "no MX host takes mail: connection_timeout"), (Untestable.NO_IPV6, "can be tested from here: no_ipv6")],
)
def test_where_no_host_works_the_domain_says_why(untestable: Untestable | None, said: str) -> None:
    late = Problem(Reason.DNS_TIMEOUT, Stage.DNS, Severity.WARNING, "no answer within 5 s")
    board = with_domain(replace(HOSTS, problems=(late,)))
    for one in (peer(), peer(host="mx2.example.test", address="192.0.2.2")):
        board.record(failed(Reason.CONNECTION_TIMEOUT, one, untestable=untestable))
    text = of_domain(board)
    assert text.index(said) < text.index("no answer within 5 s")


@pytest.mark.parametrize(
    ("exchanges", "said"),
    [
        pytest.param(None, "DNS has not been asked yet", id="not asked yet"),
        pytest.param(Exchanges(records=1, null_mx=True), "this domain takes no mail", id="null MX"),
        pytest.param(Exchanges(((0, HOST),), implicit=True), "senders go to the domain itself", id="no MX record"),
        pytest.param(Exchanges(((10, "mx9.example.test"),), records=1), "not probed", id="a host without endpoints"),
    ],
)
def test_a_domain_without_hosts_says_so(exchanges: Exchanges | None, said: str) -> None:
    assert said in of_domain(with_domain(exchanges))


def test_a_domain_of_several_targets_is_told_for_each_or_for_the_one_that_is_named() -> None:
    board = with_domain(HOSTS)
    other = Domain(Target("other", TARGET.ports, domains=TARGET.domains), "example.test")
    board.domains[other] = DomainState(other, 300.0, None, NOW)
    assert [of_domain(board, target).count("<h1>") for target in (None, "other", "nobody")] == [2, 1, 0]


def test_an_answer_that_is_too_old_says_so() -> None:
    board = with_domain(HOSTS)
    text = "".join(render_domain(board, NOW + 3600, None, "example.test"))
    assert '<span class="state stale">stale</span> example.test' in text
    assert help_for("stale", "stale").meaning in text


# --- history --------------------------------------------------------------------------------------------------


def test_an_endpoint_tells_when_and_why_it_failed(board: Board) -> None:
    for minute in range(100):
        result = failed(Reason.GREETING_TIMEOUT) if 50 <= minute < 65 else healthy()
        board.record(healthy(finished=NOW + 60 * minute) if result.ended is None
                     else failed(Reason.GREETING_TIMEOUT, finished=NOW + 60 * minute))  # fmt: skip
    text = re.sub("<[^>]+>", "", of_endpoint(board, now=NOW + 6000))
    assert "85 % good" in text
    assert "failed 08:50 to 09:05 UTC (15 min) greeting_timeout 15 probes" in text


def test_periods_are_bounded(board: Board) -> None:
    (state,) = board.states.values()
    for minute in range(90):
        outcome = ("ok", "") if minute % 2 else ("critical", "greeting_timeout")
        state.outcomes = after(state.outcomes, outcome, NOW + 600 * minute, 900.0)
    text = of_endpoint(board, now=NOW + 54_000)
    assert text.count('<span class="state critical">failed') == PERIODS
    assert "and 25 more times before" in text


def test_addresses_of_a_port_are_bounded(board: Board) -> None:
    for number in range(ENDPOINTS + 5):
        board.add(endpoint(of=peer(f"2001:db8::{number:x}")))
    text = "".join(render_endpoint(board, NOW, ("mail", HOST, None, "25")))
    assert text.count("<h1>") == ENDPOINTS
    assert "and 6 more addresses" in text


def test_an_ipv6_host_stands_in_brackets(board: Board) -> None:
    board.add(endpoint(of=peer("::1", host="::1")))
    text = "".join(render_endpoint(board, NOW, ("mail", "::1", "::1", "25")))
    assert "<title>pending: [::1]:25 - smtp-exporter</title>" in text
    assert text.count(" ::1:25") == 0


# --- by hand --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "file", "command"),
    [
        pytest.param(at("mx.example.test", "25"), "", "smtp-exporter probe mx.example.test:25", id="without a file"),
        pytest.param(at("2001:db8::1", "465"), "", "smtp-exporter probe '[2001:db8::1]:465'", id="IPv6 in brackets"),
        pytest.param(
            "--domain=example.test",
            "/etc/smtp exporter.yaml",
            "smtp-exporter probe --config.file='/etc/smtp exporter.yaml' --domain=example.test",
            id="a domain, and a file with a space",
        ),
        pytest.param("$(reboot)", "", "smtp-exporter probe '$(reboot)'", id="a command within"),
        pytest.param("a\x1b'\u202eb\\", "", r"smtp-exporter probe $'a\x1b\'\xe2\x80\xaeb\\'", id="what is not seen"),
    ],
)
def test_the_command_that_probes_the_same(what: str, file: str, command: str) -> None:
    assert probe(what, file) == command


@pytest.mark.parametrize(
    "word", ["plain", "", "a b", "'\"$`\\!*", "\n\t\x01\x7f\x1b", "é\u202e\u2028", "--x=a b", "=;"]
)
def test_a_shell_takes_a_quoted_word_for_the_word(word: str) -> None:
    said = subprocess.run(["bash", "-c", f"printf %s {quoted(word)}"], capture_output=True, check=True)
    assert said.stdout.decode() == word


def test_the_pages_show_the_command_with_the_configuration_that_runs(board: Board) -> None:
    links = Links(config_file="/etc/smtp-exporter.yaml")
    board.record(healthy())
    start = "smtp-exporter probe --config.file=/etc/smtp-exporter.yaml"
    assert f">{start} {HOST}:25</pre>" in of_endpoint(board, links)
    assert f">{start} --domain=example.test</pre>" in of_domain(with_domain(HOSTS), links=links)


def test_every_button_copies_a_text_that_is_there_once(board: Board) -> None:
    board.record(failed(Reason.GREETING_TIMEOUT))
    board.add(endpoint(of=peer("192.0.2.7")))
    for text in (
        "".join(render_endpoint(board, NOW, ("mail", HOST, None, "25"))),
        of_domain(with_domain(HOSTS)),
    ):
        identifiers = re.findall(r' id="([^"]+)"', text)
        assert len(identifiers) == len(set(identifiers))
        buttons = re.findall(r'data-copy="([^"]+)"', text)
        assert buttons
        assert set(buttons) <= set(identifiers)


# --- links ----------------------------------------------------------------------------------------------------


def test_there_is_a_way_back_and_a_way_to_prometheus(board: Board) -> None:
    links = Links("/x", prometheus=Prometheus("http://prom.example"))
    for text in (of_endpoint(board, links), of_domain(with_domain(HOSTS), links=links)):
        assert '<a href="/x/">overview</a>' in text
        assert 'href="http://prom.example/graph?' in text
    assert "prom.example" not in of_endpoint(board)
