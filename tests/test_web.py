"""What is served over HTTP, asked by aiohttp's own client."""

import asyncio
import contextlib
import gzip
import json
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import cast

import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter import flags, running
from exporter.board import Board
from exporter.config import defaults
from exporter.door import Door
from exporter.exposition import OPENMETRICS, TEXT
from exporter.multitarget import Answer, MultiTarget
from exporter.reasons import Reason
from exporter.responses import accepts_gzip, accepts_openmetrics
from exporter.telemetry import Telemetry
from exporter.web import Pages
from tests.results import HOST, NOW, endpoint, failed, healthy, peer

Get = Callable[..., Awaitable[ClientResponse]]
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
PROMETHEUS_2_42 = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"  # noqa: E501 - as it is sent
EVIL = '<script>alert(1)</script><img src=x onerror="x">\u202e\x1b[31m'


@pytest.fixture
def board() -> Board:
    board = Board()
    board.add(endpoint())
    board.record(healthy())
    return board


@pytest.fixture
def pages(board: Board) -> Pages:
    return Pages(board, Telemetry(), clock=lambda: NOW, ready=True)


@pytest.fixture
async def get(pages: Pages) -> AsyncIterator[Get]:
    """Ask the pages as they are when a test first asks."""
    clients: list[TestClient] = []  # type: ignore[type-arg]  # its arguments are of no interest here

    async def ask(path: str, method: str = "GET", **headers: str) -> ClientResponse:
        if not clients:
            clients.append(TestClient(TestServer(pages.application()), auto_decompress=False))
            await clients[0].start_server()
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        skip = [] if "Accept_Encoding" in headers else ["Accept-Encoding"]
        return await clients[0].request(method, path, headers=given, skip_auto_headers=skip, allow_redirects=False)

    yield ask
    for client in clients:
        await client.close()


# --- metrics --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "openmetrics"),
    [
        ("", False),
        ("*/*", False),
        ("text/plain", False),
        ("application/openmetrics-text; version=1.0.0", True),
        ('application/openmetrics-text; version="1.0.0"', True),
        ("Application/OpenMetrics-Text", True),
        ("application/openmetrics-text;version=0.0.1", False),
        ("application/openmetrics-text;version=1.0.0;q=0", False),
        ("application/openmetrics-text;version=1.0.0;q=0.3, text/plain;q=0.5", False),
        ("application/openmetrics-text;version=1.0.0;q=0.3, */*", False),
        ("application/openmetrics-text;version=1.0.0;q=rubbish", False),
        (PROMETHEUS_3, True),
        (PROMETHEUS_2_42, True),
    ],
)
def test_which_format_is_wanted(accept: str, openmetrics: bool) -> None:
    assert accepts_openmetrics(accept) is openmetrics


@pytest.mark.parametrize(
    ("header", "wanted"),
    [("", False), ("gzip", True), ("deflate, gzip;q=0.5", True), ("gzip;q=0", False), ("*", True),
     ("gzip;q=0, *", False), ("GZIP", True), ("identity", False)],
)  # fmt: skip
def test_whether_gzip_is_wanted(header: str, wanted: bool) -> None:
    assert accepts_gzip(header) is wanted


async def test_metrics_as_text(get: Get) -> None:
    answer = await get("/metrics")
    body = await answer.text()
    assert (answer.status, answer.headers["Content-Type"]) == (200, TEXT)
    names = {metric.name for metric in parse_text(body)}
    assert {"smtp_probe_success", "smtp_exporter_build_info", "process_cpu_seconds", "python_info"} <= names
    assert "# EOF" not in body
    assert "Content-Encoding" not in answer.headers


async def test_metrics_as_openmetrics(get: Get) -> None:
    answer = await get("/metrics", Accept=PROMETHEUS_3)
    body = await answer.text()
    assert answer.headers["Content-Type"] == OPENMETRICS
    assert body.endswith("# EOF\n")
    assert body.count("# EOF") == 1
    metrics = list(parse_openmetrics(body))  # type: ignore[no-untyped-call]  # it has no types
    found = [(sample.name, *sorted(sample.labels.items())) for metric in metrics for sample in metric.samples]
    assert len(set(found)) == len(found)
    assert {metric.name for metric in metrics} >= {"smtp_probe_success", "smtp_probes", "smtp_exporter_problems"}


async def test_metrics_with_gzip(get: Get) -> None:
    answer = await get("/metrics", Accept_Encoding="gzip")
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.headers["Vary"] == "Accept, Accept-Encoding"
    assert "smtp_probe_success{" in gzip.decompress(await answer.read()).decode()


async def test_no_gzip_where_it_is_refused(get: Get) -> None:
    answer = await get("/metrics", Accept_Encoding="gzip;q=0")
    assert "Content-Encoding" not in answer.headers
    assert "smtp_probe_success{" in await answer.text()


# --- results as JSON ------------------------------------------------------------------------------------------


async def test_results_as_json(get: Get, board: Board) -> None:
    board.add(endpoint(EVIL, (("team", "mail"),), peer(port=587)))
    found = json.loads(await (await get("/api/v1/endpoints")).text())
    assert [(each["target"], each["port"], each["state"]) for each in found] == [
        ("mail", 25, "ok"),
        (EVIL, 587, "pending"),
    ]
    assert found[1]["labels"] == {"team": "mail"}


async def test_results_are_filtered(get: Get, board: Board) -> None:
    board.add(endpoint(of=peer(port=587)))
    assert [each["port"] for each in json.loads(await (await get("/api/v1/endpoints?state=pending")).text())] == [587]


@pytest.mark.parametrize("path", ["endpoints", "domains"])
@pytest.mark.parametrize("asked", ["1000000", "97", "-1", "1.5", "all", "\u0663", "9" * 5000])
async def test_a_history_longer_than_any_is_a_bad_request(get: Get, path: str, asked: str) -> None:
    answer = await get(f"/api/v1/{path}?history={asked}")
    assert (answer.status, await answer.text()) == (400, "history: not a whole number from 0 to 96\n")


@pytest.mark.parametrize("asked", ["0", "1", "96"])
async def test_a_history_is_as_long_as_asked_for(get: Get, asked: str) -> None:
    (found,) = await (await get(f"/api/v1/endpoints?history={asked}")).json()
    assert len(found["history"]) == min(1, int(asked))


@pytest.mark.parametrize("path", ["/api/v1/endpoints", "/api/v1/domains"])
@pytest.mark.parametrize("query", ["state=<b>broken</b>", "port=smtp", "page=-1"])
async def test_a_query_that_makes_no_sense_is_a_bad_request(get: Get, path: str, query: str) -> None:
    answer = await get(f"{path}?{query}")
    assert (answer.status, answer.headers["Content-Type"]) == (400, "text/plain; charset=utf-8")
    assert (await answer.text()).startswith(query.partition("=")[0] + ": ")


@pytest.mark.parametrize("path", ["/", "/api/v1/endpoints", "/api/v1/domains"])
async def test_with_gzip_it_is_the_same(get: Get, path: str) -> None:
    answer = await get(path, Accept_Encoding="gzip")
    assert (answer.headers["Content-Encoding"], answer.headers["Vary"]) == ("gzip", "Accept-Encoding")
    assert gzip.decompress(await answer.read()) == await (await get(path)).read()


# --- what cannot be served -------------------------------------------------------------------------------------

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
HTML, PLAIN = "text/html; charset=utf-8", "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    ("method", "path", "accept", "status", "kind"),
    [
        ("GET", "/?state=<b>broken</b>", BROWSER, 400, HTML),
        ("GET", "/?port=smtp", "*/*", 400, HTML),
        ("GET", "/?page=-1", "text/plain", 400, PLAIN),
        ("GET", "/nothing", BROWSER, 404, HTML),
        ("GET", "/nothing", "*/*", 404, HTML),
        ("GET", "/nothing", "application/json", 404, PLAIN),
        ("GET", "/<script>alert(1)</script>\u202e", BROWSER, 404, HTML),
        ("GET", "/endpoint?host=%3Cb%3E", BROWSER, 404, HTML),
        ("DELETE", "/", BROWSER, 405, HTML),
        ("POST", "/", "*/*", 405, HTML),
        ("GET", "/-/reload", BROWSER, 405, HTML),
        ("GET", "/-/reload", "*/*", 405, PLAIN),
        ("GET", "/api/v1/nothing", BROWSER, 404, HTML),
        ("GET", "/api/v1/nothing", "*/*", 404, PLAIN),
        ("GET", "/api/v1/endpoints?state=no", "*/*", 400, PLAIN),
        ("POST", "/metrics", "*/*", 405, PLAIN),
        ("POST", "/probe", PROMETHEUS_3, 405, PLAIN),
    ],
)  # fmt: skip
async def test_an_error_is_a_page_for_people_and_text_for_programs(
    get: Get, method: str, path: str, accept: str, status: int, kind: str
) -> None:
    answer = await get(path, method, Accept=accept)
    body = await answer.text()
    assert (answer.status, answer.headers["Content-Type"]) == (status, kind)
    assert ('<nav aria-label="Main">' in body) is (kind == HTML)
    assert "<b>" not in body or kind == PLAIN
    assert "alert(1)</script>" not in body
    assert "\u202e" not in body
    assert ("Allow" in answer.headers) is (status == 405)


async def test_an_error_says_what_is_wrong(get: Get) -> None:
    assert "state: " in await (await get("/?state=bad", Accept=BROWSER)).text()
    assert "Nothing is served at /nothing" in await (await get("/nothing", Accept=BROWSER)).text()
    assert "/ is for GET,HEAD only" in await (await get("/", "POST", Accept=BROWSER)).text()


async def test_a_long_path_is_shown_in_part(get: Get) -> None:
    assert len(await (await get("/" + "x" * 5000, Accept=BROWSER)).text()) < 3000


async def test_the_head_of_an_error_has_no_body(get: Get) -> None:
    answer = await get("/nothing", "HEAD", Accept=BROWSER)
    assert (answer.status, answer.headers["Content-Type"], await answer.read()) == (404, HTML, b"")


@pytest.mark.parametrize("path", ["/", "/nothing", "/endpoint?target=mail&host=mail.example.test&port=25"])
async def test_every_page_leads_everywhere(get: Get, pages: Pages, path: str) -> None:
    pages.prefix = pages.outside = "/smtp"
    pages.telemetry_path = "/scrape"
    text = await (await get(f"/smtp{path}", Accept=BROWSER)).text()
    for link in ("/", "/reasons", "/runbooks", "/scrape", "/config", "/#health"):
        assert f'href="/smtp{link}"' in text
    assert text.count('aria-current="page"') == 1


@pytest.mark.parametrize("prefix", ["", "/smtp"])
async def test_browsers_find_the_icon_where_they_look_for_it(get: Get, pages: Pages, prefix: str) -> None:
    pages.prefix = prefix
    for path in {"/favicon.ico", f"{prefix}/favicon.ico"}:
        answer = await get(path)
        assert (answer.status, answer.headers["Content-Type"]) == (200, "image/svg+xml; charset=utf-8")


# --- paths ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/?page=7&state=ok", "text/html; charset=utf-8"),
        ("/endpoint?target=mail&host=mail.example.test&address=192.0.2.1&port=25", "text/html; charset=utf-8"),
        ("/endpoint?target=mail&host=mail.example.test&port=25", "text/html; charset=utf-8"),
        ("/style.css", "text/css; charset=utf-8"),
        ("/page.js", "text/javascript; charset=utf-8"),
        ("/icon.svg", "image/svg+xml; charset=utf-8"),
        ("/api/v1/domains", "application/json; charset=utf-8"),
        ("/api/v1/endpoints", "application/json; charset=utf-8"),
        ("/-/healthy", "text/plain; charset=utf-8"),
        ("/-/ready", "text/plain; charset=utf-8"),
    ],
)
async def test_paths(get: Get, path: str, kind: str) -> None:
    answer = await get(path)
    assert (answer.status, answer.headers["Content-Type"]) == (200, kind)
    assert await answer.text()


async def test_not_ready_before_the_first_configuration_runs(get: Get, pages: Pages) -> None:
    pages.ready = False
    assert (await get("/-/ready")).status == 503
    assert (await get("/-/healthy")).status == 200
    pages.ready = True
    assert (await get("/-/ready")).status == 200


@pytest.mark.parametrize("path", ["/", "/metrics", "/api/v1/endpoints", "/-/healthy"])
async def test_head_is_answered_without_a_body(get: Get, path: str) -> None:
    answer = await get(path, "HEAD")
    assert (answer.status, await answer.read()) == (200, b"")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("POST", "/metrics", 405),
        ("DELETE", "/", 405),
        ("GET", "/../../etc/passwd", 404),
        ("GET", "/endpoint", 404),
        ("GET", "/endpoint?target=mail&host=mail.example.test&address=192.0.2.1&port=26", 404),
    ],
)
async def test_what_is_not_there(get: Get, method: str, path: str, status: int) -> None:
    assert (await get(path, method)).status == status


@pytest.mark.parametrize("path", ["/", "/metrics", "/api/v1/endpoints", "/nothing"])
async def test_security_headers(get: Get, path: str) -> None:
    headers = (await get(path)).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "script-src 'self';" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"


async def test_route_prefix_and_another_path_of_metrics(get: Get, pages: Pages) -> None:
    pages.prefix, pages.outside, pages.telemetry_path = "/smtp", "/monitor/smtp", "/scrape"
    assert (await get("/smtp/scrape")).status == 200
    assert (await get("/smtp/metrics")).status == 404
    assert (await get("/smtp/-/healthy")).status == 200
    assert (await get("/")).headers["Location"] == "/smtp/"
    shown = await (await get("/smtp/")).text()
    assert 'href="/monitor/smtp/scrape"' in shown
    assert 'href="/monitor/smtp/style.css"' in shown


def test_no_flag_can_take_a_path_that_is_served(pages: Pages) -> None:
    served = {resource.canonical for resource in pages.application().router.resources()}
    trees = {path for path in served if path.endswith("/{name}")}
    assert {path.removesuffix("{name}") for path in trees} == set(flags.TREES)
    assert served - trees - {"/", pages.telemetry_path} == flags.TAKEN


# --- operation ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("errors", "status", "said"),
    [
        ([], 200, "Reloaded.\n"),
        (["c.yaml:1:1: targets: nobody", "c.yaml:2:1: also wrong"], 500,
         "c.yaml:1:1: targets: nobody\nc.yaml:2:1: also wrong\n"),
    ],
    ids=["good", "broken"],
)  # fmt: skip
async def test_a_reload_that_is_asked_for(get: Get, pages: Pages, errors: list[str], status: int, said: str) -> None:
    async def reload() -> list[str]:
        return errors

    pages.reload = reload
    answer = await get("/-/reload", "POST")
    assert (answer.status, await answer.text()) == (status, said)
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"


async def test_a_reload_is_by_post_and_only_where_it_is_enabled(get: Get) -> None:
    answer = await get("/-/reload", "POST")
    assert (answer.status, await answer.text()) == (
        403,
        "Reloading by request is not enabled: --web.enable-lifecycle\n",
    )
    answer = await get("/-/reload")
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")


BROWSERS = {
    "no browser": ({}, False),
    "typed": ({"Sec-Fetch-Site": "none"}, False),
    "our own page": ({"Sec-Fetch-Site": "same-origin", "Origin": "http://x:1"}, False),
    "our own page behind a proxy": ({"Sec-Fetch-Site": "same-origin", "Origin": "https://y"}, False),
    "another site": ({"Sec-Fetch-Site": "cross-site"}, True),
    "another host of the site": ({"Sec-Fetch-Site": "same-site"}, True),
    "an old browser, our own page": ({"Origin": "http://x:1"}, False),
    "an old browser, another site": ({"Origin": "http://evil.example"}, True),
    "an old browser, a file": ({"Origin": "null"}, True),
}


@pytest.mark.parametrize(("headers", "foreign"), BROWSERS.values(), ids=BROWSERS)
async def test_a_page_of_another_site_reloads_nothing(
    get: Get, pages: Pages, headers: dict[str, str], *, foreign: bool
) -> None:
    reloaded: list[bool] = []

    async def reload() -> list[str]:
        reloaded.append(True)
        return []

    pages.reload = reload
    given = {name.replace("-", "_"): value for name, value in headers.items()}
    assert (await get("/-/reload", "POST", Host="x:1", **given)).status == (403 if foreign else 200)
    assert bool(reloaded) is not foreign


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Dest": "image"}, 403),
        ({"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Dest": "iframe"}, 403),
        ({"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Dest": "document"}, 200),
        ({"Sec_Fetch_Site": "same-origin", "Sec_Fetch_Dest": "empty"}, 200),
        ({}, 200),
    ],
)
async def test_a_page_of_another_site_may_link_to_a_probe_and_no_more(
    get: Get, on_demand: "OnDemand", headers: dict[str, str], status: int
) -> None:
    answering = on_demand(Answer(200, "x 1\n", metrics=True))
    assert (await get("/probe?target=a", **headers)).status == status
    assert bool(answering.asked) is (status == 200)


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
@pytest.mark.parametrize("path", ["/", "/metrics", "/config", "/api/v1/endpoints", "/api/v1/domains"])
async def test_what_may_be_large_is_sent_as_it_is_made(get: Get, pages: Pages, path: str, encoding: str) -> None:
    pages.config = defaults
    answer = await get(path, Accept_Encoding=encoding)
    assert answer.headers["Transfer-Encoding"] == "chunked"
    assert await answer.read()


async def test_the_running_configuration(get: Get, pages: Pages) -> None:
    pages.config = defaults
    answer = await get("/config")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
    text = await answer.text()
    assert text == "".join(running.render(defaults()))
    assert gzip.decompress(await (await get("/config", Accept_Encoding="gzip")).read()).decode() == text


# --- probes on demand -----------------------------------------------------------------------------------------


class Answering:
    """In the place of what probes: keeps what it was asked, and gives the answer it was made with."""

    def __init__(self, answer: Answer) -> None:
        self.given = answer
        self.asked: list[tuple[list[tuple[str, str]], str | None]] = []

    async def answer(self, query: Iterable[tuple[str, str]], scrape_timeout: str | None = None) -> Answer:
        self.asked.append((list(query), scrape_timeout))
        return self.given


OnDemand = Callable[[Answer], Answering]


@pytest.fixture
def on_demand(pages: Pages) -> OnDemand:
    """Have /probe give an answer."""

    def give(answer: Answer) -> Answering:
        answering = Answering(answer)
        pages.on_demand = cast("MultiTarget", answering)
        return answering

    return give


async def test_a_probe_before_the_first_configuration_runs(get: Get) -> None:
    assert (await get("/probe?target=a.example")).status == 503


async def test_a_probe_is_asked_for_with_all_that_was_given(get: Get, on_demand: OnDemand) -> None:
    answering = on_demand(Answer(200, ""))
    await get("/probe?module=m&target=%5B::1%5D:25&target=b")
    await get("/probe", X_Prometheus_Scrape_Timeout_Seconds="9.5")
    assert answering.asked == [([("module", "m"), ("target", "[::1]:25"), ("target", "b")], None), ([], "9.5")]


@pytest.mark.parametrize(
    ("accept", "kind", "end"), [("", TEXT, "x 1\n"), (PROMETHEUS_3, OPENMETRICS, "x 1\n# EOF\n")], ids=["text", "om"]
)
async def test_metrics_of_a_probe_come_in_the_format_that_is_asked_for(
    get: Get, on_demand: OnDemand, accept: str, kind: str, end: str
) -> None:
    on_demand(Answer(200, "x 1\n", metrics=True))
    answer = await get("/probe?target=a", Accept=accept)
    assert (answer.status, answer.headers["Content-Type"], await answer.text()) == (200, kind, end)
    packed = await get("/probe?target=a", Accept=accept, Accept_Encoding="gzip")
    assert (packed.headers["Content-Encoding"], packed.headers["Vary"]) == ("gzip", "Accept, Accept-Encoding")
    assert gzip.decompress(await packed.read()).decode() == end


@pytest.mark.parametrize("status", [200, 400, 403, 503])
async def test_what_is_no_metrics_of_a_probe_is_plain_text(get: Get, on_demand: OnDemand, status: int) -> None:
    on_demand(Answer(status, "<b>why</b>\n", {"Retry-After": "5"}))
    answer = await get("/probe?target=a", Accept=PROMETHEUS_3)
    assert (answer.status, await answer.text()) == (status, "<b>why</b>\n")
    assert (answer.headers["Content-Type"], answer.headers["Retry-After"]) == ("text/plain; charset=utf-8", "5")


# --- the page -------------------------------------------------------------------------------------------------


async def test_what_is_wrong_comes_first_with_cause_and_check(get: Get, board: Board) -> None:
    other = peer(port=587)
    board.add(endpoint("submission", of=other))
    board.record(failed(Reason.GREETING_TIMEOUT, other))
    text = await (await get("/")).text()
    assert text.index(f"{HOST}:587") < text.index(f"{HOST}:25")
    for part in ("greeting_timeout", "Connect by hand and wait", "1 critical", "80 days left"):
        assert part in text


@pytest.mark.parametrize(
    ("query", "shown"), [("?state=critical", False), ("?state=ok&find=mail", True), ("?find=x%00", False)]
)
async def test_the_page_shows_what_is_asked_for(get: Get, query: str, shown: bool) -> None:
    assert (f"{HOST}:25" in await (await get(f"/{query}")).text()) is shown


async def test_a_page_without_endpoints(get: Get, board: Board) -> None:
    board.remove(endpoint())
    assert "No endpoints yet." in await (await get("/")).text()


# --- clients that read slowly ---------------------------------------------------------------------------------


READERS = 8


@pytest.mark.parametrize("path", ["/metrics", "/api/v1/endpoints"])
async def test_clients_that_read_nothing_hold_little(pages: Pages, board: Board, path: str) -> None:
    for number in range(1, 2500):
        each = peer(f"198.18.{number // 250}.{number % 250}", host=f"mx{number}.example.test")
        board.add(endpoint(of=each))
        board.record(healthy(each))
    async with contextlib.AsyncExitStack() as stack:
        port = await behind_a_door(pages, stack)
        size = len(await (await ask_without_reading(port, path, stack)).read())
        tracemalloc.start()
        stack.callback(tracemalloc.stop)
        for _ in range(READERS):
            assert await (await ask_without_reading(port, path, stack)).read(100)
        assert tracemalloc.get_traced_memory()[1] < READERS * size / 4


async def behind_a_door(pages: Pages, stack: contextlib.AsyncExitStack) -> int:
    door, application = Door(), pages.application()
    door.stand_before(application)
    runner = web.AppRunner(application, access_log=None, handle_signals=False, shutdown_timeout=0.1)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await door.site(runner, "127.0.0.1", 0).start()
    return int(runner.addresses[0][1])


async def ask_without_reading(port: int, path: str, stack: contextlib.AsyncExitStack) -> asyncio.StreamReader:
    """Ask without gzip; what comes waits until it is read."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1000)
    stack.enter_context(contextlib.closing(writer))
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    return reader
