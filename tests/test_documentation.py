"""The documentation that the agent serves: every reason, every alert, and no link that leads nowhere."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import bcrypt
import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from exporter.board import Board
from exporter.door import Door
from exporter.door.following import Following
from exporter.links import PUBLIC, SITE, Docs, Prometheus
from exporter.model import Domain, Exchanges, Problem, Settings, Target, Verdict
from exporter.page import Links, render_runbook
from exporter.page.runbooks import alert_of, runbooks
from exporter.reasons import REASONS, UNTESTABLE, Reason, Severity, Stage
from exporter.state import DomainState
from exporter.telemetry import Telemetry
from exporter.web import Pages
from tests.docs.markdown import ROOT, anchors
from tests.results import DAY, LEAF, NOW, endpoint, failed, healthy, peer
from tools.alerts import files
from tools.prometheus import Site
from tools.runbooks import FILE, alerts, destination, html, page

EXPIRED = Verdict(replace(LEAF, not_after=NOW - 3 * DAY), NOW, expired="expired 3 days ago")
PREFIX = "/monitor/smtp"
IN_RULES = re.compile(rf"http://agent\.example{PREFIX}([\w/.]+)#?([\w]+|{{{{ \.Labels\.reason }}}})?")
Client = TestClient[web.Request, web.Application]


def board_of_everything_wrong() -> Board:
    """An endpoint for each reason, one for each why it cannot be tested, one that is stale, a domain."""
    board, hosts = Board(), iter(range(1000))
    results = [partial(failed, reason) for reason in REASONS]
    results += [partial(failed, Reason.CONNECTION_TIMEOUT, untestable=why, ended=None) for why in UNTESTABLE]
    results += [partial(healthy, finished=NOW - 9000), partial(healthy, verdict=EXPIRED)]
    for result in results:
        each = peer(host=f"mx{next(hosts)}.example.test")
        board.add(endpoint('a"b <i>&', (("team", "mail"),), each))
        board.record(result(each))
    domain = Domain(Target("domains", ((25, Settings()),), domains=("example.test",)), "example.test")
    problem = Problem(Reason.MX_NOT_FOUND, Stage.DNS, Severity.CRITICAL, "no MX")
    board.domains[domain] = DomainState(domain, 300.0, Exchanges(problems=(problem,)), NOW)
    return board


@pytest.fixture
def pages() -> Pages:
    docs, prometheus = Docs.of("local", PREFIX), Prometheus("https://prometheus.example/x")
    return Pages(
        board_of_everything_wrong(), Telemetry(), prefix=PREFIX, outside=PREFIX, clock=lambda: NOW, ready=True,
        docs=docs, prometheus=prometheus,
    )  # fmt: skip


@pytest.fixture
async def client(pages: Pages) -> AsyncIterator[Client]:
    async with TestClient(TestServer(pages.application())) as client:
        yield client


class Seen(HTMLParser):
    """What a page has in its attributes: where it leads, what can be led to, and what no page of ours may have."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.inline: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.inline += [name for name, _ in attrs if name == "style" or name.startswith("on")]
        self.inline += [tag] if tag in ("style", "iframe") or (tag == "script" and "src" not in dict(attrs)) else []
        self.links += [value for name, value in attrs if name in ("href", "src") and value]
        self.ids += [value for name, value in attrs if name == "id" and value]


async def get(client: Client, path: str) -> Seen:
    answer = await client.get(PREFIX + path)
    assert answer.status == 200, path
    return Seen(await answer.text())


# --- every reason and every alert -----------------------------------------------------------------------------


async def test_every_reason_has_a_page_and_a_place_in_the_list(client: Client) -> None:
    listed = await get(client, "/reasons")
    for name in (*REASONS, *UNTESTABLE):
        assert name in listed.ids
        assert f"{PREFIX}/reasons/{name}" in listed.links
        text = await (await client.get(f"{PREFIX}/reasons/{name}")).text()
        assert f"<h1>{name}</h1>" in text
        assert "First check" in text


async def test_every_alert_has_a_page_and_a_place_in_the_list(client: Client) -> None:
    listed = await get(client, "/runbooks")
    assert [*runbooks()] == [*alerts()]
    for name in alerts():
        assert f"{PREFIX}/runbooks/{name}" in listed.links
        text = await (await client.get(f"{PREFIX}/runbooks/{name}")).text()
        assert f"<h1>{name}</h1>" in text
        assert "What it means." in text


async def test_a_reason_names_the_runbooks_that_name_it(client: Client) -> None:
    assert f"{PREFIX}/runbooks/SmtpAuthBroken" in (await get(client, "/reasons/auth_rejected")).links


def test_the_printed_runbooks_are_current() -> None:
    assert FILE.read_text("utf-8") == page(), "run: make reference"


def test_every_runbook_is_of_an_alert() -> None:
    assert {file.stem for file in (ROOT / "docs/runbooks").glob("*.md")} == {*runbooks()}


@pytest.mark.parametrize(
    ("state", "reason", "of_domain", "alert"),
    [
        ("critical", "connection_refused", False, "SmtpPortDown"),
        ("critical", "auth_rejected", False, "SmtpAuthBroken"),
        ("critical", "mx_not_found", True, "SmtpDomainBroken"),
        ("warning", "tls_weak", False, "SmtpWarning"),
        ("warning", "dns_timeout", False, "SmtpNameUnresolved"),
        ("warning", "starttls_after_tls", False, ""),
        ("untestable", "egress_blocked", False, "SmtpPortBlocked"),
        ("untestable", "no_ipv6", False, "SmtpUntestable"),
        ("stale", "", False, "SmtpResultsStale"),
        ("critical", "something else", False, ""),
    ],
)
def test_the_alert_that_something_wrong_makes(state: str, reason: str, *, of_domain: bool, alert: str) -> None:
    assert alert_of(state, reason, of_domain=of_domain) == alert


def test_every_alert_that_a_reason_makes_has_a_runbook() -> None:
    made = {
        alert_of(state, reason) for state in ("critical", "warning", "untestable") for reason in (*REASONS, *UNTESTABLE)
    }
    assert made - {""} <= {*runbooks()}
    assert {reason for reason in REASONS if not (alert_of("critical", reason) or alert_of("warning", reason))} == {
        "starttls_after_tls"
    }


# --- links ----------------------------------------------------------------------------------------------------


async def test_every_link_of_every_page_leads_somewhere(client: Client) -> None:
    """From the status page to wherever its links lead, as a crawler goes."""
    home = f"http://agent.example{PREFIX}/"
    ids: dict[str, list[str] | None] = {}
    waiting, outside = [(home, "")], set()
    while waiting:
        url, from_ = waiting.pop()
        page_url, heading = urldefrag(url.partition("?")[0] if "/api/" in url else url)
        if urlsplit(page_url).netloc != "agent.example":
            outside.add(url)
            continue
        if page_url not in ids:
            answer = await client.get(page_url.removeprefix("http://agent.example"))
            assert answer.status == 200, f"{page_url}, from {from_}"
            ids[page_url] = None
            if answer.content_type == "text/html":
                seen = Seen(await answer.text())
                assert seen.inline == []
                assert len(set(seen.ids)) == len(seen.ids), page_url
                ids[page_url] = seen.ids
                if not page_url.startswith(f"{home}?"):  # filters combine without end
                    waiting += [(urljoin(page_url, link), page_url) for link in seen.links]
        assert not heading or unquote(heading) in (ids[page_url] or ()), f"{url}, from {from_}"
    assert len(ids) > len(REASONS) + len(UNTESTABLE) + len(runbooks())
    assert_in_the_repository({url for url in outside if url.startswith(SITE)})
    assert {urlsplit(url).netloc for url in outside} <= {"github.com", "prometheus.example"}


def assert_in_the_repository(urls: set[str]) -> None:
    for url in urls:
        file, _, heading = url.removeprefix(f"{SITE}/").partition("#")
        assert (ROOT / file).exists(), url
        assert not heading or heading in anchors(file), url


@pytest.mark.parametrize(
    ("link", "to"),
    [
        ("../alerts.md#for-your-site", f"{PUBLIC}/alerts.md#for-your-site"),
        ("../reasons.md", "../reasons"),
        ("../reasons.md#untestable", "../reasons#untestable"),
        ("../reasons.md#tls_weak", "../reasons/tls_weak"),
        ("SmtpWarning.md", "SmtpWarning"),
        ("../../deploy/prometheus/prometheus.yml", f"{SITE}/deploy/prometheus/prometheus.yml"),
        ("https://example.org/a#b", "https://example.org/a#b"),
    ],
)
def test_a_link_of_a_runbook_leads_to_our_page_where_there_is_one(link: str, to: str) -> None:
    assert destination(link) == to


def test_reasons_and_alerts_that_a_runbook_names_are_links() -> None:
    text = html("SmtpHostDown")
    assert '<a href="../reasons/connection_refused"><code>connection_refused</code></a>' in text
    assert '<a href="SmtpPortDown">SmtpPortDown</a>' in text
    assert "<code>dns_*</code>" in text


def test_pages_that_are_not_served_are_where_the_flag_says(pages: Pages) -> None:
    shown = "".join(render_runbook("SmtpExporterAbsent", Links(docs=Docs.of("https://docs.example/?&'s"))))
    assert 'href="https://docs.example/?&amp;&#39;s/alerts.md#for-your-site"' in shown


# --- what the shipped rules link to ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "to"),
    [
        ("/reasons.md", "/reasons"),
        ("/reasons/", "/reasons"),
        ("/runbooks/", "/runbooks"),
        ("/runbooks/SmtpPortDown.md", "/runbooks/SmtpPortDown"),
    ],
)
async def test_a_link_into_docs_or_with_a_slash_leads_to_our_page(client: Client, path: str, to: str) -> None:
    """`python -m tools.alerts --docs-url=http://AGENT` writes such links."""
    answer = await client.get(PREFIX + path, allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (302, PREFIX + to)


async def test_every_link_of_rules_written_for_this_agent_leads_somewhere(client: Client) -> None:
    rules = [
        rule
        for name, text in files(Site(docs=f"http://agent.example{PREFIX}")).items() if "/" in name
        for group in yaml.safe_load(text)["groups"]
        for rule in group["rules"] if "alert" in rule
    ]  # fmt: skip
    links = {link for rule in rules for key in ("runbook_url", "reason_url")
             for link in re.findall(IN_RULES, rule["annotations"].get(key, ""))}  # fmt: skip
    assert len(links) > len(runbooks())
    for path, heading in links:
        seen = await get(client, path)
        assert heading in {"", "{{ .Labels.reason }}", *seen.ids}


# --- names that are none --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["nothing", "..%2F..%2F..%2Fetc%2Fpasswd", "%2e%2e%2findex.html", "base.html", "runbooks.json",
     "SmtpPortDown.md.md", "SMTPPORTDOWN", ".md",
     "%3Cscript%3Ealert(1)%3C/script%3E", "%00", "tls_weak%0d%0aSet-Cookie:a=b", "x" * 4000],
)  # fmt: skip
@pytest.mark.parametrize("folder", ["reasons", "runbooks"])
async def test_a_name_that_is_in_no_table_is_not_found(client: Client, folder: str, name: str) -> None:
    answer = await client.get(f"{PREFIX}/{folder}/{name}", headers={"Accept": "text/html"}, allow_redirects=False)
    text = await answer.text()
    assert (answer.status, answer.content_type) == (404, "text/html")
    assert f'href="{PREFIX}/{folder}"' in text
    assert "<script>alert" not in text
    assert len(text) < 3000


@pytest.mark.parametrize(
    "path",
    ["/", "/reasons", "/reasons/tls_weak", "/runbooks/SmtpPortDown", "/runbooks/x", "/reasons.md", "/favicon.ico"],
)
async def test_strangers_see_no_page_where_there_are_users(pages: Pages, tmp_path: Path, path: str) -> None:
    users = tmp_path / "web.yml"
    users.write_text(f"basic_auth_users: {{alice: {bcrypt.hashpw(b'secret', bcrypt.gensalt(4)).decode()}}}\n")
    application = pages.application()
    Door(Following(users)).stand_before(application)
    async with TestClient(TestServer(application)) as client:
        answer = await client.get(PREFIX + path, headers={"Accept": "text/html"})
        assert (answer.status, await answer.text()) == (401, "Unauthorized\n")
        answer = await client.get(PREFIX + path, headers={"Authorization": "Basic YWxpY2U6c2VjcmV0"})
        assert answer.status != 401


@pytest.mark.parametrize("path", ["/reasons", "/reasons/tls_weak", "/runbooks", "/runbooks/SmtpPortDown"])
async def test_the_head_of_a_page_has_no_body(client: Client, path: str) -> None:
    answer = await client.head(PREFIX + path)
    assert (answer.status, answer.content_type, await answer.read()) == (200, "text/html", b"")
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
