"""The status page and that of one endpoint: what they show, that they are bounded, that they come in pieces."""

import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from exporter import page
from exporter.board import Board
from exporter.egress import ballot
from exporter.filters import Filter
from exporter.model import (
    Dane,
    Demands,
    Domain,
    Endpoint,
    Exchanges,
    Lookup,
    Policies,
    Policy,
    Problem,
    Reply,
    Result,
    Settings,
    Step,
    Target,
    Tlsa,
    TlsaRecord,
    Verdict,
)
from exporter.page import PIECE, Fact, Links, health
from exporter.page.groups import EXAMPLES
from exporter.page.order import COUNTED
from exporter.page.tables import ROWS
from exporter.page.text import coded
from exporter.reasons import REASONS, UNTESTABLE, Reason, Severity, Stage, Untestable
from exporter.state import DomainState
from exporter.telemetry import Telemetry
from exporter.wording import dane, instant, mta_sts, mx, span
from tests.results import HOST, LEAF, NOW, endpoint, failed, healthy, peer

EVIL = '<script>alert(1)</script><img src=x onerror="x">\u202e\x1b[31m'
ROW = 16 * 1024
"""More than one row takes."""


class Tags(HTMLParser):
    """The tags of a page, its text, and the text of each transcript."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.text = ""
        self.transcripts: list[str] = []
        self.widths: list[str | None] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag == "pre" and dict(attrs)["class"] == "transcript":
            self.transcripts.append("")
        if tag == "rect" and "x" in dict(attrs) and "y" not in dict(attrs):
            self.widths.append(dict(attrs)["width"])

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.transcripts and self.tags[-1] == "pre":
            self.transcripts[-1] += data


@pytest.fixture
def board() -> Board:
    return Board()


def seen(board: Board, **options: Any) -> Tags:
    return Tags("".join(page.render(board, NOW, **options)))


def seen_of(board: Board, of: Endpoint, now: float = NOW) -> Tags:
    one = of.peer
    return Tags("".join(page.render_endpoint(board, now, (of.target, one.host, one.address, str(one.port)))))


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


# --- what is wrong ---------------------------------------------------------------------------------------------


def test_what_is_wrong_is_told_once_with_all_that_it_concerns(board: Board) -> None:
    for port in range(1, 10):
        board.add(endpoint(of=peer(port=port)))
        board.record(failed(Reason.GREETING_TIMEOUT, peer(port=port), finished=NOW - port))
    text = " ".join(seen(board).text.split())
    assert text.count(REASONS[Reason.GREETING_TIMEOUT].check) == 1
    assert "greeting_timeout 9 endpoints for 9 s" in text
    assert "all 9 with greeting_timeout" in text
    group = text[text.index("First check") : text.index("all 9 with")]
    assert group.count(f"{HOST}:") == EXAMPLES


def test_the_worst_come_first(board: Board) -> None:
    board.add(endpoint())
    board.record(healthy())
    for port, result in enumerate(
        (
            failed(Reason.GREETING_TIMEOUT, peer(port=587)),
            healthy(peer(port=588), finished=NOW - 9999),
            failed(Reason.CONNECTION_TIMEOUT, peer(port=589), untestable=Untestable.NO_IPV6, ended=None),
            healthy(peer(port=590), verdict=Verdict(LEAF, NOW, expired="expired")),
        ),
        587,
    ):
        board.add(endpoint(of=peer(port=port)))
        board.record(result)
    board.add(endpoint(of=peer(port=591)))
    text = seen(board).text
    table = text[text.index("Last probe") :]
    order = sorted((587, 588, 589, 590, 591, 25), key=lambda port: table.index(f"{HOST}:{port}"))
    assert order == [587, 588, 589, 590, 591, 25]
    for counted in ("1 critical", "1 stale", "1 untestable", "1 warning", "1 pending", "1 ok"):
        assert counted in text
    for help_ in (UNTESTABLE[Untestable.NO_IPV6].check.replace("`", ""), "The last result is too old"):
        assert help_ in text


def test_a_withdrawn_result_is_stale_until_the_next(board: Board) -> None:
    board.add(endpoint())
    board.record(healthy(finished=NOW - 181))
    assert "1 stale" in seen(board).text
    assert "1 ok" not in seen(board).text
    board.record(healthy())
    assert "1 stale" not in seen(board).text


def test_a_broken_domain_is_told_with_cause_and_check(board: Board) -> None:
    domain = Domain(Target("mail", ((25, Settings()),), domains=("exmaple.test",)), "exmaple.test")
    gone = Problem(Reason.DNS_NOT_FOUND, Stage.DNS, Severity.CRITICAL, "<b>exmaple.test</b> does not exist")
    board.domains[domain] = DomainState(domain, 300.0, Exchanges(problems=(gone,)), NOW)
    said = seen(board)
    for part in (
        "exmaple.test",
        "dns_not_found 1 mail domain",
        REASONS[Reason.DNS_NOT_FOUND].check,
        "<b>exmaple.test</b>",
    ):
        assert part in said.text
    assert "dns_not_found" not in seen(board, wanted=Filter(state="ok")).text


POLICY = Policy("enforce", frozenset({"*.example.test"}), 86400)
IN_FORCE = Policies(sts=True, sts_id="7", sts_valid=True, policy=POLICY, until=NOW + 86400, tlsrpt=True)


def add_domains(board: Board, *names: str, policies: Policies | None = IN_FORCE) -> None:
    """Domains that share the host of every test."""
    target = Target("mail", ((25, Settings()),))
    for name in names:
        domain = Domain(target, name)
        board.domains[domain] = DomainState(domain, 300.0, Exchanges(((10, HOST),)), NOW, policies)


def test_a_domain_is_a_row_with_its_records_and_how_its_hosts_do(board: Board) -> None:
    board.add(endpoint())
    board.record(healthy())
    add_domains(board, "example.test")
    text = " ".join(seen(board).text.split("Records")[1].split())
    assert f"ok 1 of 1 endpoint healthy example.test mail MX10 {HOST}" in text
    assert "MTA-STSenforce for *.example.test, kept for 1 d; id 7" in text
    assert "TLS-RPTasked for" in text


def test_the_page_of_an_endpoint_says_whose_policy_made_expectations_stricter(board: Board) -> None:
    board.add(endpoint())
    board.record(healthy())
    assert "MTA-STS" not in seen_of(board, endpoint()).text
    board.demand("mail", HOST, Demands(enforced_by="example.test"))
    assert "example.test enforces MTA-STS: STARTTLS, a trusted certificate" in seen_of(board, endpoint()).text


def test_of_many_domains_the_worst_are_shown(board: Board) -> None:
    board.add(endpoint())
    board.record(healthy())
    add_domains(board, *(f"d{n:05}.test" for n in range(2 * COUNTED)))
    wrong = Problem(Reason.STS_POLICY_INVALID, Stage.POLICY, Severity.WARNING, EVIL)
    add_domains(board, "z.test", policies=replace(IN_FORCE, problems=(wrong,), sts_valid=False, tlsrpt_wrong=EVIL))
    found = seen(board)
    section = " ".join(found.text.split("1-50 of 1,001")[1].split())
    assert section.index("z.test") < section.index("d00000.test")
    assert section.count(".test mail") == ROWS
    assert not {"script", "img"} & set(found.tags[found.tags.index("main") :])
    assert "d00000.test" not in seen(board, wanted=Filter(state="warning")).text


@pytest.mark.parametrize(
    ("policies", "said"),
    [
        (Policies(), "not known"),
        (Policies(sts=False), "no record"),
        (Policies(sts=True), "not fetched yet"),
        (Policies(sts=True, sts_valid=False), "a record, but no policy in force"),
        (IN_FORCE, "enforce for *.example.test, kept for 1 d; id 7"),
        (replace(IN_FORCE, policy=replace(POLICY, mode="none", mx=frozenset())), "none, kept for 1 d; id 7"),
        (
            replace(IN_FORCE, policy=replace(POLICY, mx=frozenset(f"mx{n}.test" for n in range(9)))),
            "enforce for mx0.test, mx1.test, mx2.test, mx3.test, mx4.test (5 of 9), kept for 1 d; id 7",
        ),
        (
            replace(IN_FORCE, sts_valid=False),
            "the record is not valid or the policy not to be had; who knows the policy goes by it until "
            f"{instant(NOW + 86400)}: enforce for *.example.test, kept for 1 d",
        ),
        (
            replace(IN_FORCE, sts=False, sts_valid=None),
            f"no record; who knows the policy goes by it until {instant(NOW + 86400)}: "
            "enforce for *.example.test, kept for 1 d",
        ),
    ],
)
def test_mta_sts_in_a_sentence(policies: Policies, said: str) -> None:
    assert mta_sts(policies) == said


@pytest.mark.parametrize(
    ("exchanges", "said"),
    [
        (Exchanges(), "no MX host"),
        (Exchanges(((10, "a.test"), (20, "b.test"))), "10 a.test, 20 b.test"),
        (Exchanges(((0, "d.test"),), implicit=True), "0 d.test; no MX record, so the domain itself"),
        (Exchanges(null_mx=True), "null MX: takes no mail"),
        (
            Exchanges(tuple((n, "a.test") for n in range(7))),
            "0 a.test, 1 a.test, 2 a.test, 3 a.test, 4 a.test (5 of 7)",
        ),
    ],
)
def test_mx_hosts_in_a_sentence(exchanges: Exchanges, said: str) -> None:
    assert mx(exchanges) == said


def test_blocked_ports_and_the_health_of_the_agent_are_shown(board: Board) -> None:
    for net in range(12):
        voter = peer(host=f"h{net}")
        board.vote(voter, ballot(voter.host, f"8.8.{net}.9", 25, Reason.CONNECTION_TIMEOUT))
    text = " ".join(seen(board, facts=[Fact("Overruns", "7")]).text.split())
    assert "blocked port 25, IPv4" in text
    assert "Overruns7" in text


def test_the_agent_tells_how_it_does() -> None:
    telemetry = Telemetry()
    assert {fact.name: fact.value for fact in health(telemetry)}["Probes start"] == "not measured yet"
    for late in (*[0.004] * 98, 0.2, 99.0):
        telemetry.schedule_delay.observe(late)
        telemetry.loop_lag.observe(99.0)
    telemetry.reload_successful.set(1)
    telemetry.reload_time.set(NOW)
    telemetry.in_flight.set_function(lambda: 12)
    telemetry.overloaded.set(2)
    found = {fact.name: (fact.value, fact.well) for fact in health(telemetry)}
    assert found["Probes start"] == ("99% at most 250 ms late", True)
    assert found["Event loop runs"] == ("often more than 10 s late", True)
    assert found["Configuration of"] == ("2027-01-15 08:00:00 UTC", True)
    assert found["Last reload"] == ("succeeded", True)
    assert found["Probes under way"] == ("12", True)
    assert found["Overloaded addresses"] == ("2", False)


def test_names_whose_addresses_rotate_are_told_what_to_set_in_plain_html(board: Board) -> None:
    board.add(endpoint())
    board.rotating = {("provider", "pool.example.test"): NOW + 60, (EVIL, EVIL): NOW, ("calm", "calm.test"): NOW - 1}
    found = seen(board)
    text = " ".join(found.text.split())
    assert "warning set addresses: any 2 names Meaning" in text
    assert "pool.example.test provider" in text
    assert "calm.test" not in text


def test_of_many_names_whose_addresses_rotate_twenty_are_named(board: Board) -> None:
    board.add(endpoint())
    assert "rotate" not in seen(board).text
    board.rotating = {(f"t{number:02}", f"pool{number:02}.test"): NOW for number in range(22)}
    text = " ".join(seen(board).text.split())
    assert "pool19.test t19 and 2 more, which the log names" in text


# --- one endpoint ---------------------------------------------------------------------------------------------


def test_the_page_of_an_endpoint_tells_what_to_do_and_what_was_seen(board: Board) -> None:
    of = endpoint("corporate", (("team", "mail"),))
    board.add(of)
    board.record(healthy(verdict=Verdict(LEAF, NOW, expired="expired 3 days ago")))
    text = " ".join(seen_of(board, of, NOW + 60).text.split())
    for part in (
        "warning mail.example.test:25", "corporate", "192.0.2.1", "team=mail", "relay, security starttls, every 1 min",
        "expired 3 days ago", REASONS[Reason.CERTIFICATE_EXPIRED].check, "220 mail.example.test ESMTP Postfix",
        "PIPELINING SIZE", "TLSv1.3 TLS_AES_256_GCM_SHA384", "not valid, 80 days left", "Example Issuing CA",
        "greeting 2.0 ms", "250.0 ms in all", "08:00:00 UTC, 1 min ago",
    ):  # fmt: skip
        assert part in text


@pytest.mark.parametrize(
    ("wait", "said"),
    [
        (60.0, "every 1 min Since"),
        (15.0, "every 1 min; again after 15 s to confirm the failure"),
        (120.0, "every 1 min; now every 2 min, because the server asks for fewer probes or its address is overloaded"),
    ],
    ids=["the interval", "a failure is confirmed", "backing off"],
)
def test_the_page_of_an_endpoint_tells_the_wait_in_force(board: Board, wait: float, said: str) -> None:
    board.add(endpoint())
    board.record(failed(Reason.GREETING_CLOSED))
    board.record(healthy(untestable=Untestable.NO_IPV6))
    board.states[endpoint().peer].waits(wait)
    text = " ".join(seen_of(board, endpoint()).text.split())
    assert said in text
    assert "2 in all, 1 failed, 1 untestable, the last 1 in a row" in text


def test_the_last_conversation_and_the_last_failures_are_shown_the_latest_first(board: Board) -> None:
    board.add(endpoint())
    for back in (5, 4, 3, 2):
        board.record(rejected(endpoint(), f"failure {back}", finished=NOW - back))
    board.record(healthy(steps=(heard("all is well"),)))
    said = seen_of(board, endpoint())
    assert [each.strip() for each in said.transcripts] == [
        f"0.250 S 554 {text}" for text in ("all is well", "failure 2", "failure 3", "failure 4")
    ]


def test_of_an_endpoint_not_probed_yet_there_is_a_page(board: Board) -> None:
    board.add(endpoint())
    assert "pending" in seen_of(board, endpoint()).text


@pytest.mark.parametrize("named", [("", "", "", ""), ("mail", HOST, "192.0.2.1", "26"), (EVIL, EVIL, EVIL, EVIL)])
def test_of_an_endpoint_that_is_not_there_is_no_page(board: Board, named: tuple[str, str, str, str]) -> None:
    board.add(endpoint())
    assert page.render_endpoint(board, NOW, named) == []


def test_a_certificate_without_end_has_a_page(board: Board) -> None:
    board.add(endpoint())
    board.record(healthy(verdict=Verdict(replace(LEAF, not_after=math.inf), math.nan)))
    assert "beyond the year 9999" in seen_of(board, endpoint()).text
    assert "inf days left" in seen(board).text


def test_a_certificate_whose_dates_cannot_be_read_has_a_page(board: Board) -> None:
    board.add(endpoint())
    undated = replace(LEAF, not_before=None, not_after=None)
    board.record(healthy(verdict=Verdict(undated, None, missing_intermediate="'Between' was not sent")))
    page = seen_of(board, endpoint()).text
    assert "valid, no date of expiry that can be read" in page
    assert "'Between' was not sent" in page
    assert "days left" not in seen(board).text


# --- all endpoints --------------------------------------------------------------------------------------------


def test_stage_times_are_a_bar_and_text(board: Board) -> None:
    board.add(endpoint())
    board.record(failed(Reason.GREETING_TIMEOUT, stages={Stage.CONNECT: 0.1, Stage.GREETING: 0.4}))
    said = seen(board)
    assert "connect 100.0 ms, greeting 400.0 ms" in said.text
    assert said.widths[-2:] == ["20.00", "80.00"]


def test_links_keep_the_prefix(board: Board) -> None:
    board.add(endpoint())
    text = "".join(page.render(board, NOW, Links("/monitor", "/scrape")))
    for path in ("/scrape", "/api/v1/endpoints", "/api/v1/domains", "/style.css", "/endpoint?target=mail"):
        assert f'href="/monitor{path}' in text


@pytest.mark.parametrize(
    ("wanted", "ports"),
    [
        pytest.param(Filter(), {25, 465, 587}, id="all"),
        pytest.param(Filter("critical"), {465}, id="a state"),
        pytest.param(Filter(find=" TARGET 465 "), {465}, id="a target, whatever its case"),
        pytest.param(Filter("critical", ":587"), set(), id="both"),
    ],
)
def test_filters(board: Board, wanted: Filter, ports: set[int]) -> None:
    for port in (25, 465, 587):
        board.add(endpoint(f"target {port}", of=peer(port=port)))
    board.record(healthy(peer(port=25)))
    board.record(failed(Reason.GREETING_TIMEOUT, peer(port=465)))
    said = seen(board, wanted=wanted)
    assert {port for port in (25, 465, 587) if f"{HOST}:{port}" in said.text} == ports
    assert ("Nothing matches" in said.text) is (not ports)


def test_each_page_has_its_part_and_none_is_lost(board: Board) -> None:
    many = 2 * COUNTED + 7
    for port in range(1, many + 1):
        board.add(endpoint(of=peer(port=port)))
        board.record(healthy(peer(port=port)))
    board.record(failed(Reason.GREETING_TIMEOUT, peer(port=many)))
    ports = list[str]()
    for number in range(1, -(-many // ROWS) + 1):
        said = seen(board, wanted=Filter(page=number))
        table = said.text[said.text.rindex("What is wrong") :]
        ports += re.findall(rf"{HOST}:([0-9]+)", table)
        assert f"of {many:,}" in said.text
    assert ports == [str(many), *map(str, range(1, many))]
    assert f"1,001-{many:,} of {many:,}" in seen(board, wanted=Filter(page=99)).text


# --- hostile text ---------------------------------------------------------------------------------------------


def test_what_a_peer_said_stays_text(board: Board) -> None:
    one = endpoint(EVIL, (("note", EVIL),), peer(port=587))
    board.add(one)
    board.record(rejected(one, EVIL, "\udcff", "</pre></details>"))
    for said, ours in ((seen(board), 1), (seen_of(board, one), 2)):
        assert not {"img", "b"} & set(said.tags)
        assert said.tags.count("script") == ours
        assert not {"onerror", "style", "onclick"} & said.attributes
        assert said.text.count("<script>alert(1)</script>") >= 3
        assert [c for c in said.text if not c.isprintable() and c != "\n"] == []
    assert "</pre></details>" in seen_of(board, one).transcripts[0]


# --- bounds ---------------------------------------------------------------------------------------------------


def test_however_talkative_the_servers_the_pages_are_bounded(board: Board) -> None:
    talkative(board, 20)
    assert len("".join(page.render(board, NOW))) < 20 * ROW
    said = seen_of(board, endpoint(EVIL, of=peer(port=1)))
    assert len(said.transcripts) == 4
    assert all(len(each.strip().splitlines()) <= 40 for each in said.transcripts)
    assert all(len(line) < 1000 for each in said.transcripts for line in each.splitlines())


def test_it_comes_in_pieces_none_of_which_takes_long(board: Board) -> None:
    talkative(board, 90)
    pieces = list(page.render(board, NOW))
    assert len(pieces) > sum(map(len, pieces)) // (PIECE + 8192)
    assert max(map(len, pieces)) < PIECE + 8192


def test_many_endpoints_are_sorted_in_pieces(board: Board) -> None:
    for port in range(1, 5 * COUNTED + 1):
        board.add(endpoint(of=peer(port=port)))
    assert [next(pieces) for pieces in [page.render(board, NOW)] for _ in range(5)] == [""] * 5


# --- words ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-1.0, "0 s"), (0.0, "0 s"), (59.9, "59 s"), (60.0, "1 min"), (7199.0, "1 h"), (86400.0 * 9, "9 d")],
)
def test_a_span_is_told_in_its_greatest_unit(seconds: float, said: str) -> None:
    assert span(seconds) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.0, ""), (NOW, "2027-01-15 08:00:00 UTC"), (math.inf, "beyond the year 9999"), (1e15, "beyond the year 9999")],
)
def test_an_instant_is_utc(seconds: float, said: str) -> None:
    assert instant(seconds) == said


def test_names_in_the_help_are_marked_as_such_and_nothing_else_is_markup() -> None:
    assert coded("set `tls.ca_file`; <b> & `a<b`") == (
        "set <code>tls.ca_file</code>; &lt;b&gt; &amp; <code>a&lt;b</code>"
    )


OWN, CA = TlsaRecord(3, 1, 1, bytes(4)), TlsaRecord(2, 0, 1, bytes(4))


def looked_up(*records: TlsaRecord, none: str = "", verdict: Dane | None = None) -> Result:
    return healthy(lookup=Lookup(0.0, tlsa=Tlsa(records, HOST, none)), dane=verdict)


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (healthy(), ""),
        (looked_up(), ""),
        (looked_up(none="not testable"), "not testable"),
        (looked_up(CA, OWN), "no certificate was seen; records: 2 0 1 00000000, 3 1 1 00000000"),
        (looked_up(*[CA] * 9), f"no certificate was seen; records: {', '.join([str(CA)] * 5)} (5 of 9)"),
        (looked_up(CA, verdict=Dane(1, CA)), "valid; the record 2 0 1 00000000 fits"),
        (
            looked_up(CA, OWN, verdict=Dane(2, OWN)),
            "valid: its name, dates and issuer do not matter; the record 3 1 1 00000000 fits (1 of 2)",
        ),
        (looked_up(OWN, verdict=Dane(1, None, "of another key")), "NOT VALID: of another key"),
    ],
)
def test_what_dane_says(board: Board, result: Result, said: str) -> None:
    assert dane(result) == said
    board.add(endpoint())
    board.record(result)
    text = seen_of(board, endpoint()).text
    assert said in text
    assert ("DANE" in text) is bool(said)
