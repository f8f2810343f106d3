"""The status page in a real browser: nothing a peer said runs or breaks it, it fits, and everybody can use it."""

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestServer

from exporter.board import Board
from exporter.egress import ballot
from exporter.model import Domain, Exchanges, Peer, Problem, Reply, Settings, Step, Target, Verdict
from exporter.page.tables import ROWS
from exporter.reasons import Reason, Severity, Stage, Untestable
from exporter.state import DomainState
from exporter.telemetry import Telemetry
from exporter.web import Pages
from tests.real.chromium import PROGRAM, Chromium, Page, run_chromium
from tests.real.conftest import NewDirectory, require
from tests.results import DAY, LEAF, endpoint, failed, healthy, peer

pytestmark = pytest.mark.real

AXE = Path(__file__).parents[2] / ".cache/axe-core-4.14.1.min.js"
HOSTILE = (
    "<script>document.title='owned'</script>",
    "</pre></code></td><img src=x onerror=\"document.title='owned'\">",
    "\u202etxet desrever\u2066 \u200f",
    "\x00\x07\x1b[2J\x1b]0;owned\x07\r\n\x7f\x85",
    "caf\udce9 \udcff\udcfe",
    "x" * 3000,
    "javascript:alert(1) {{7*7}} &lt;b&gt; '\"",
)
DOMAIN = "domain?domain=exmaple.test"
WIDTHS = [pytest.param(390, id="phone"), pytest.param(1280, id="desk")]
COLOURS = [pytest.param(False, id="light"), pytest.param(True, id="dark")]


def peer_of(number: int) -> Peer:
    return peer(f"192.0.2.{number % 250 + 1}", (25, 465, 587)[number % 3], f"mx{number:04}.example.test")


def make_board(number: int, now: float) -> Board:
    """Endpoints in every state, domains that are gone, a port that is blocked, and hostile servers."""
    board = Board()
    for each in range(number):
        at, of = now - each % 30, peer_of(each)
        board.add(endpoint(f"customer {each // 10}", (("team", "mail"), ("site", f"s{each % 7}")), of))
        leaf = replace(LEAF, not_before=at - 9 * DAY, not_after=at + (each % 80 + 9) * DAY)
        expired = Verdict(replace(leaf, not_after=at - 3 * DAY), at, expired="expired 3 days ago")
        board.record(
            {
                7: failed(Reason.GREETING_TIMEOUT, of, finished=at),
                11: failed(Reason.CONNECTION_TIMEOUT, of, finished=at, untestable=Untestable.NO_IPV6, ended=None),
                13: healthy(of, finished=at - 2000),
                17: healthy(of, finished=at, verdict=expired),
            }.get(each % 50)
            or healthy(of, finished=at, verdict=Verdict(leaf, at))
        )
    for port, said in enumerate(HOSTILE, 2525):
        text = said.encode("utf-8", "replace").decode()  # a configuration file is UTF-8
        one = endpoint(text, (("note", text),), peer(port=port, host="evil.example.test"))
        board.add(one)
        steps = (Step(0.2, Stage.GREETING, "S", Reply(554, (said,))),)
        reply, leaf = Reply(554, (said,)), replace(LEAF, subject=said, issuer=said, names=(said,))
        rejected: dict[str, Any] = {"ended": None, "greeting": reply, "steps": steps, "verdict": Verdict(leaf, now)}
        board.record(failed(Reason.GREETING_REJECTED, one.peer, finished=now, **rejected))
    gone = Domain(Target("domains", ((25, Settings()),), domains=("exmaple.test",)), "exmaple.test")
    problem = Problem(Reason.DNS_NOT_FOUND, Stage.DNS, Severity.CRITICAL, "exmaple.test does not exist (NXDOMAIN)")
    board.domains[gone] = DomainState(gone, 300.0, Exchanges(problems=(problem,)), now)
    for net in range(12):
        board.vote(peer(port=26, host=f"h{net}"), ballot(f"h{net}", f"8.8.{net}.9", 26, Reason.CONNECTION_TIMEOUT))
    return board


@asynccontextmanager
async def served(board: Board) -> AsyncIterator[str]:
    """The pages of a board, where a browser finds them."""
    telemetry = Telemetry()
    telemetry.reload_successful.set(1)
    async with TestServer(Pages(board, telemetry, ready=True).application(), host="127.0.0.1") as server:
        yield str(server.make_url("/"))


@pytest.fixture(scope="module")
def chromium(new_directory: NewDirectory) -> Iterator[Chromium]:
    require(there=PROGRAM, otherwise="chromium is missing: make tools")
    with run_chromium(new_directory("chromium")) as browser:
        yield browser


@pytest.fixture
async def page(chromium: Chromium) -> AsyncIterator[Page]:
    async with chromium.page() as page:
        yield page


@pytest.fixture
def board() -> Board:
    return make_board(1000, time.time())


@pytest.fixture
async def home(board: Board) -> AsyncIterator[str]:
    async with served(board) as url:
        yield url


async def opened(page: Page, script: str) -> list[str]:
    """The links that a script finds on the page."""
    return list(await page.ask(f"[...document.querySelectorAll({script!r})].map(a => a.href)"))


# --- hostile servers ------------------------------------------------------------------------------------------


async def test_what_a_server_said_is_shown_and_does_nothing(page: Page, home: str) -> None:
    await page.open(f"{home}?find=evil")
    links = await opened(page, "td a[href*='/endpoint?']")
    assert len(links) == len(HOSTILE)
    for url in (f"{home}?find=evil", *links):
        await page.open(url)
        assert "owned" not in await page.ask("document.title")
        assert await page.ask("document.querySelectorAll('main script, main img, main iframe').length") == 0
        text = await page.ask("document.documentElement.outerHTML")
        assert [c for c in text if not c.isprintable() and c != "\n"] == []
    assert (page.complaints, page.dialogs) == ([], 0)


async def test_no_script_but_ours_may_run(page: Page, home: str) -> None:
    await page.open(home)
    await page.ask("document.body.append(Object.assign(document.createElement('script'), {text: 'window.owned = 1'}))")
    assert await page.ask("typeof owned") == "undefined"
    assert "Content Security Policy" in "".join(page.complaints)


# --- many endpoints -------------------------------------------------------------------------------------------


async def test_a_thousand_endpoints_are_paged_without_loss(page: Page, home: str) -> None:
    url, names = home, list[str]()
    while url:
        await page.open(url)
        names += await page.ask("[...document.querySelectorAll('.endpoints tbody .name')].map(a => a.text)")
        url = next(iter(await opened(page, ".pager a[rel=next]")), "")
    assert len(names) == len(set(names)) == 1000 + len(HOSTILE)


async def test_the_form_filters(page: Page, home: str) -> None:
    await page.open(home)
    await page.ask("document.querySelector('[name=state]').value = 'stale'")
    await page.ask("document.querySelector('[name=port]').value = '465'")
    await page.follow("document.querySelector('form button').click()")
    rows = "[...document.querySelectorAll('tbody tr')]"
    words = await page.ask(
        f"{rows}.map(row => row.cells[0].textContent.slice(0, 5) + row.cells[1].querySelector('a').text.slice(-4))"
    )
    assert set(words) == {"stale:465"}
    assert await page.ask("document.querySelector('#filter details').open")


# --- for everybody --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("which", ["", "?find=evil", "?state=ok&page=3", "?group=host", "?state=x", "endpoint", DOMAIN])
async def test_it_fits_the_window(page: Page, home: str, width: int, which: str) -> None:
    await page.open(f"{home}{which}" if which != "endpoint" else await _evil(page, home), width)
    assert await page.ask("document.documentElement.scrollWidth") <= width


async def _evil(page: Page, home: str, number: int = 5) -> str:
    await page.open(f"{home}?find=evil")
    return (await opened(page, "td a[href*='/endpoint?']"))[number]


@pytest.mark.parametrize("dark", COLOURS)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    "which", ["", "?find=no", "?group=host", "?kind=domain&sort=-name", "?state=x", "endpoint", DOMAIN]
)
async def test_axe_core_finds_nothing(page: Page, home: str, which: str, width: int, *, dark: bool) -> None:
    await page.open(f"{home}{which}" if which != "endpoint" else await _evil(page, home), width, dark=dark)
    await page.ask("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert await _complaints_of_axe(page) == []


async def _complaints_of_axe(page: Page) -> Any:
    require(there=AXE.exists(), otherwise="axe-core is missing: tools/axe.sh")
    await page.ask(AXE.read_text("utf-8") + ";0")
    return await page.ask("axe.run().then(r => r.violations.map(v => [v.id, v.nodes.slice(0, 3).map(n => n.html)]))")


@pytest.mark.parametrize("dark", COLOURS)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    "path", ["reasons", "reasons/starttls_masked", "runbooks", "runbooks/SmtpAuthBroken", "nothing"]
)
async def test_the_documentation_fits_and_axe_core_finds_nothing(
    page: Page, home: str, path: str, width: int, *, dark: bool
) -> None:
    await page.open(f"{home}{path}", width, dark=dark)
    assert await page.ask("document.documentElement.scrollWidth") <= width
    assert [each for each in page.complaints if "404" not in each] == []
    assert await _complaints_of_axe(page) == []


async def test_a_link_into_docs_leads_to_the_reason_in_the_list(page: Page, home: str) -> None:
    await page.open(f"{home}reasons.md#tls_weak")
    assert await page.ask("location.pathname + location.hash") == "/reasons#tls_weak"
    assert "tls_weak" in await page.ask("document.querySelector(':target').textContent")


@pytest.mark.parametrize("which", ["?state=stale", "endpoint", DOMAIN])
async def test_with_the_keyboard_everything_is_reached_in_order_and_seen(page: Page, home: str, which: str) -> None:
    await page.open(f"{home}{which}" if which != "endpoint" else await _evil(page, home))
    reach = "[...document.querySelectorAll('a[href], button, input, select, summary')].filter(e => e.checkVisibility())"
    expected = await page.ask(f"{reach}.map(e => e.outerHTML)")
    reached = []
    for _ in expected:
        await page.press("Tab")
        reached.append(await page.ask("document.activeElement.outerHTML"))
        assert await page.ask("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert reached == expected


async def test_an_unknown_filter_leads_on(page: Page, home: str) -> None:
    await page.open(f"{home}?state=broken")
    assert "no such state" in await page.ask("document.querySelector('main').textContent")
    await page.follow("document.querySelector('main a[href]').click()")
    assert await page.ask("document.querySelectorAll('.endpoints').length") == 1


# --- the script -----------------------------------------------------------------------------------------------


async def test_a_refresh_shows_what_is_new_and_keeps_what_is_open(page: Page, home: str, board: Board) -> None:
    await page.open(f"{home}?find=mx0001")
    await page.ask("document.querySelector('tbody a').focus(), 0")
    board.record(failed(Reason.EHLO_TIMEOUT, peer_of(1), finished=time.time()))
    await page.ask("refresh()")
    assert await page.ask("document.querySelector('tbody .state').textContent") == "critical"
    assert await page.ask("document.activeElement.text") == "mx0001.example.test:465"
    await page.ask("document.querySelector('details.group').open = false, scrollTo(0, 50)")
    await page.ask("refresh()")
    assert await page.ask("document.querySelector('details.group').open") is False
    assert page.complaints == []


TYPE = """new Promise(done => {
  new MutationObserver(() => done(0)).observe(document.querySelector("main"), {childList: true});
  const find = document.querySelector("[name=find]");
  find.focus();
  find.value = "mx0001";
  find.dispatchEvent(new Event("input", {bubbles: true}));
})"""


async def test_it_searches_while_one_types(page: Page, home: str) -> None:
    await page.open(home)
    await page.ask(TYPE)
    assert await page.ask("document.querySelectorAll('.endpoints tbody tr').length") == 1
    assert await page.ask("location.search + document.activeElement.name") == "?find=mx0001find"
    assert page.complaints == []


async def test_a_search_that_is_refused_changes_nothing(page: Page, home: str) -> None:
    await page.open(home)
    await page.ask("document.querySelector('[name=reason]').value = 'nonsense', search()")
    assert await page.ask("location.search") == ""
    assert "no such reason" in await page.ask("document.querySelector('#refresh').textContent")


async def test_a_paused_page_stays_as_it_is(page: Page, home: str, board: Board) -> None:
    await page.open(f"{home}?find=mx0001")
    await page.ask("document.querySelector('#refresh button').click()")
    board.record(failed(Reason.EHLO_TIMEOUT, peer_of(1), finished=time.time()))
    await page.ask("refresh()")
    assert await page.ask("document.querySelector('tbody .state').textContent") == "ok"
    assert await page.ask("document.querySelector('#refresh button').textContent") == "Refresh"


async def test_it_says_so_where_the_agent_does_not_answer(page: Page, board: Board) -> None:
    async with served(board) as home:
        await page.open(home)
    await page.ask("refresh()")
    assert "does not answer" in await page.ask("document.querySelector('#refresh').textContent")


async def test_it_works_without_a_script(page: Page, home: str) -> None:
    await page.send("Emulation.setScriptExecutionDisabled", value=True)
    await page.open(home)
    document = await page.send("DOM.getDocument", depth=-1)
    rows = "table.endpoints tbody tr"
    found = await page.send("DOM.querySelectorAll", nodeId=document["root"]["nodeId"], selector=rows)
    assert len(found["nodeIds"]) == ROWS
