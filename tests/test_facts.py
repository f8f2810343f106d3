"""Results as data for programs: their shape is that of docs/api.md, and any result has one."""

import asyncio
import json
import math
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from exporter import facts, page
from exporter.board import Board
from exporter.filters import ANYTHING, QUERY, Filter
from exporter.links import PUBLIC_DOCS
from exporter.model import (
    AuthSettings,
    Dane,
    Domain,
    Endpoint,
    Exchanges,
    Expect,
    Hello,
    Lookup,
    Peer,
    Problem,
    Reply,
    Result,
    Settings,
    Step,
    Target,
    Tlsa,
    TlsaRecord,
    TlsSettings,
    Verdict,
)
from exporter.probe.prober import Prober
from exporter.reasons import REASONS, Reason, Severity, Stage, Untestable
from exporter.report import Seen
from exporter.report.facts import as_json
from exporter.simulated.healthy import SmtpServer, saying
from exporter.simulated.scripts import SCRIPTS
from exporter.state import DomainState
from exporter.trust import Judge
from tests.results import HOST, LEAF, NOW, endpoint, failed, healthy, peer

if TYPE_CHECKING:
    from exporter.simulated.certificates import Zoo
    from tests.conftest import Serve

DOCUMENT = Path(__file__).parent.parent / "docs" / "api.md"
EVIL = "\x00\x1b[31m\u202e\u2028\udcff</script>" + "\U0001f600" * 2000


def shape(value: Any) -> Any:
    """Keys and kinds of value, without the values."""
    match value:
        case dict():
            return {key: shape(each) for key, each in value.items()}
        case list():
            return [shape(each) for each in value]
        case bool() | None:
            return value
        case int() | float():
            return "number"
    return "text"


def rendered(board: Board, now: float = NOW) -> Any:
    return json.loads("".join(facts.render(board, now)))


async def probed(one: Endpoint) -> tuple[Board, Result]:
    board, done = Board(), asyncio.get_running_loop().create_future()
    board.add(one)
    prober = Prober(asyncio.get_running_loop(), Judge(), ehlo_name="probe.example.net")
    prober.probe(one.peer, ("127.0.0.1",), None, done.set_result)
    board.record(await done)
    return board, await done


async def test_the_documented_example_is_what_comes_key_by_key(serve: "Serve", zoo: "Zoo") -> None:
    server = await serve(SCRIPTS["certificate_expired"](zoo))
    settings = Settings("submission", tls=TlsSettings(str(zoo.ca_file)), expect=Expect(certificate="trusted"))
    one = endpoint("corporate mail", (("team", "mail"),), Peer("mail.example.test", "127.0.0.1", server.port, settings))
    board, result = await probed(one)
    example, _of_a_domain = re.findall(r"```json\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
    assert shape(json.loads(example)) == shape(rendered(board, result.finished)[0])


def test_every_key_is_documented(board: Board) -> None:
    board.record(failed(Reason.GREETING_TIMEOUT))
    board.record(healthy(verdict=Verdict(LEAF, NOW, expired="expired"), steps=(Step(0.1, Stage.QUIT, "C", "QUIT"),)))
    text = DOCUMENT.read_text("utf-8").partition("```json")[0]
    (found,) = rendered(board)
    parts = found["problems"][0], found["certificate"], found["last_failures"][0], found["tls"], found["transcript"][0]
    assert [key for part in (found, *parts) for key in part if f"`{key}`" not in text] == []


async def test_no_credentials_are_in_what_is_kept(serve: "Serve", zoo: "Zoo", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSWORD", "Spring2019")
    repeating = saying("535 5.7.8 AHVzZXIAU3ByaW5nMjAxOQ== was: Spring2019")
    server = await serve(SmtpServer(zoo.good, auth=("PLAIN",), on={"AUTH": repeating}))
    login = Settings("login", tls=TlsSettings(str(zoo.ca_file)), auth=AuthSettings("user", password_env="PASSWORD"))
    one = endpoint(of=Peer("mail.example.test", "127.0.0.1", server.port, login))
    board, result = await probed(one)
    board.record(healthy(one.peer))
    named = one.target, one.peer.host, one.peer.address, str(one.peer.port)
    pages = *page.render(board, result.finished), *page.render_endpoint(board, result.finished, named)
    shown = "".join((*facts.render(board, result.finished), *pages))
    assert shown.count("535 5.7.8 ") == 4
    for secret in ("Spring2019", "U3ByaW5nMjAxOQ", "AHVzZXIAU3ByaW5nMjAxOQ"):
        assert secret not in shown


@pytest.fixture
def board() -> Board:
    board = Board()
    board.add(endpoint())
    return board


@pytest.mark.parametrize(
    "result",
    [
        pytest.param(healthy(), id="healthy"),
        pytest.param(failed(Reason.DNS_NOT_FOUND), id="no address"),
        pytest.param(failed(Reason.CONNECTION_TIMEOUT), id="not connected"),
        pytest.param(failed(Reason.INTERNAL_ERROR), id="our own mistake"),
        pytest.param(failed(Reason.CONNECTION_TIMEOUT, untestable=Untestable.NO_IPV6, ended=None), id="untestable"),
        pytest.param(healthy(verdict=Verdict(replace(LEAF, not_after=math.inf), math.nan)), id="dates beyond JSON"),
        pytest.param(
            healthy(verdict=Verdict(replace(LEAF, not_before=None, not_after=None), None)), id="dates not readable"
        ),
        pytest.param(
            healthy(
                greeting=Reply(220, (EVIL,)),
                hello_tls=Hello("EHLO", {"X": EVIL}),
                verdict=Verdict(replace(LEAF, subject=EVIL, names=(EVIL,)), NOW),
                steps=(Step(0.1, Stage.GREETING, "S", Reply(220, (EVIL,))),),
            ),
            id="hostile",
        ),
    ],
)
def test_any_result_has_the_same_keys_and_comes_as_printable_ascii(board: Board, result: Result) -> None:
    board.record(result)
    text = "".join(facts.render(board, NOW))
    assert text.isascii()
    assert not [c for c in text if not c.isprintable() and c != "\n"]
    other = Board()
    other.add(endpoint())
    other.record(healthy())
    assert json.loads(text)[0].keys() == rendered(other)[0].keys()


def test_tlsa_records_and_what_they_say(board: Board) -> None:
    record = TlsaRecord(3, 1, 1, b"\xab")
    tlsa = Lookup(0.0, tlsa=Tlsa((record,) * 50, HOST))
    board.record(healthy(lookup=tlsa, dane=Dane(50, record)))
    told = {"matched": "3 1 1 ab", "base": HOST, "records": ["3 1 1 ab"] * 20, "record_count": 50}
    assert rendered(board)[0]["dane"] == {"valid": True, "detail": "", **told}
    board.record(healthy(lookup=tlsa, dane=Dane(50, None, "no")))
    assert rendered(board)[0]["dane"] == {"valid": False, "detail": "no", **told, "matched": None}
    board.record(healthy(lookup=Lookup(0.0, tlsa=Tlsa(none="not testable"))))
    nothing: dict[str, Any] = {"valid": None, "matched": None, "base": "", "records": [], "record_count": 0}
    assert rendered(board)[0]["dane"] == {"detail": "not testable", **nothing}
    board.record(healthy())
    assert rendered(board)[0]["dane"] is None


def test_before_the_first_result_there_is_no_success(board: Board) -> None:
    (found,) = rendered(board)
    assert (found["state"], found["success"], found["since"], found["withdrawn"]) == ("pending", None, None, True)


def test_the_past_of_an_endpoint(board: Board) -> None:
    steps = (Step(0.25, Stage.GREETING, "S", Reply(554, ("go", "away"))),)
    for second in range(2):
        board.record(failed(Reason.GREETING_TIMEOUT, finished=NOW + second, steps=steps))
    (found,) = rendered(board, NOW + 1)
    assert (found["since"], found["consecutive_failures"], found["withdrawn"]) == (NOW, 2, False)
    counts = ("interval_seconds", "probes", "failures", "untestable_probes")
    assert [found[name] for name in counts] == [60.0, 2, 2, 0]
    assert [(each["finished"], each["reason"]) for each in found["last_failures"]] == [
        (NOW + 1, "greeting_timeout"),
        (NOW, "greeting_timeout"),
    ]
    assert found["last_failures"][0]["transcript"] == [
        {"at": 0.25, "stage": "greeting", "who": "S", "lines": ["554-go"]},
        {"at": 0.25, "stage": "greeting", "who": "S", "lines": ["554 away"]},
    ]


def test_the_history_of_an_endpoint(board: Board) -> None:
    for minute in range(3):
        board.record(healthy(finished=NOW + 60 * minute))
    board.record(failed(Reason.GREETING_TIMEOUT, finished=NOW + 180))
    (found,) = rendered(board, NOW + 181)
    assert found["good_share"] == 0.75
    failure = {"state": "critical", "reason": "greeting_timeout", "outcomes": 1, "good": 0, "failed": 1}
    assert found["history"] == [
        {"from": NOW, "to": NOW + 180, "state": "ok", "reason": None, "outcomes": 3, "good": 3, "failed": 0},
        {"from": NOW + 180, "to": NOW + 180, **failure},
    ]
    for most, states in (0, []), (1, ["critical"]), (96, ["ok", "critical"]):
        (found,) = json.loads("".join(facts.render(board, NOW, most=most)))
        assert [each["state"] for each in found["history"]] == states


def test_no_endpoints_are_an_empty_list() -> None:
    assert rendered(Board()) == []
    assert json.loads("".join(facts.render_domains(Board(), NOW))) == []


def test_only_what_is_asked_for_is_listed(board: Board) -> None:
    for port in range(26, 26 + 2 * facts.PASSED):
        board.add(endpoint(of=peer(port=port)))
    pieces = list(facts.render(board, NOW, Filter(port="1000")))
    assert [each["port"] for each in json.loads("".join(pieces))] == [1000]
    assert len(pieces) == 3


# --- mail domains ---------------------------------------------------------------------------------------------


def with_domain(exchanges: Exchanges | None) -> Board:
    """A board with one domain, whose host is there and well."""
    board = Board()
    target = Target("customers", ((25, Settings()),), domains=("example.test",), labels=(("team", "mail"),))
    domain = Domain(target, "example.test")
    board.domains[domain] = DomainState(domain, 300.0, exchanges, NOW)
    board.add(endpoint("customers"))
    board.record(healthy())
    return board


def domains(board: Board, wanted: Filter = ANYTHING) -> Any:
    return json.loads("".join(facts.render_domains(board, NOW, wanted)))


def test_a_domain_tells_its_hosts_and_its_problems() -> None:
    gone = Problem(Reason.DNS_TIMEOUT, Stage.DNS, Severity.WARNING, "no answer within 5 s")
    (found,) = domains(with_domain(Exchanges(((10, HOST),), records=2, problems=(gone,))))
    assert (found["target"], found["domain"], found["state"], found["success"]) == (
        "customers", "example.test", "warning", True,
    )  # fmt: skip
    (problem,) = found["problems"]
    assert (problem["stage"], problem["reason"], problem["severity"]) == ("dns", "dns_timeout", "warning")
    assert problem["first_check"] == REASONS[Reason.DNS_TIMEOUT].check
    assert problem["reason_url"] == PUBLIC_DOCS.reason("dns_timeout")
    assert (found["mx"], found["mx_records"]) == ([{"host": HOST, "preference": 10}], 2)
    assert (found["null_mx"], found["updated"], found["labels"]) == (False, NOW, {"team": "mail"})


def test_a_domain_that_has_not_been_asked_for_yet() -> None:
    (found,) = domains(with_domain(None))
    assert (found["state"], found["success"], found["problems"]) == ("pending", None, [])


def test_domains_are_filtered_too() -> None:
    board = with_domain(Exchanges(((10, HOST),)))
    assert len(domains(board, Filter("ok", find="example"))) == 1
    assert domains(board, Filter("critical")) == []


def test_a_probe_lists_domains_after_their_endpoints() -> None:
    gone = Problem(Reason.DNS_NOT_FOUND, Stage.DNS, Severity.CRITICAL, "example.test does not exist")
    board = with_domain(Exchanges(problems=(gone,)))
    next(iter(board.domains.values())).updated = time.time()
    of_host, of_domain = json.loads(as_json(Seen(board)))
    assert (of_host["host"], "domain" in of_host) == (HOST, False)
    assert (of_domain["domain"], of_domain["state"], "host" in of_domain) == ("example.test", "critical", False)


def test_every_key_of_a_domain_is_documented() -> None:
    text = DOCUMENT.read_text("utf-8").partition("## Mail domains")[2]
    (found,) = domains(with_domain(Exchanges(((10, HOST),))))
    assert [key for key in (*found, *found["mx"][0]) if f"`{key}`" not in text] == []


def test_the_history_of_a_domain() -> None:
    board = with_domain(Exchanges(((10, HOST),)))
    (state,) = board.domains.values()
    board.record_domain(state)
    board.record(failed(Reason.GREETING_TIMEOUT))
    state.updated = NOW + 300
    board.record_domain(state)
    (found,) = domains(board)
    assert [(each["from"], each["state"], each["reason"]) for each in found["history"]] == [
        (NOW, "ok", None),
        (NOW + 300, "critical", "greeting_timeout"),
    ]
    assert found["good_share"] == 0.5


def test_every_key_of_a_history_is_documented(board: Board) -> None:
    board.record(healthy())
    text = DOCUMENT.read_text("utf-8").partition("## History")[2]
    assert [key for key in rendered(board)[0]["history"][0] if f"`{key}`" not in text] == []


def test_every_filter_is_documented() -> None:
    text = DOCUMENT.read_text("utf-8")
    assert [key for key in QUERY if f"`{key}`" not in text] == []


def test_many_endpoints_come_in_many_pieces() -> None:
    board = Board()
    for port in range(1, 201):
        board.add(endpoint(of=peer(port=port)))
        board.record(failed(Reason.GREETING_TIMEOUT, peer(port=port)))
    pieces = list(facts.render(board, NOW))
    assert max(map(len, pieces)) < 2 * facts.PIECE
    assert len(pieces) >= sum(map(len, pieces)) // (2 * facts.PIECE)
    assert len(json.loads("".join(pieces))) == 200
