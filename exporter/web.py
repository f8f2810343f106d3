"""HTTP: /metrics, the status page, results as JSON, health: what the board holds. Only /probe waits for a probe."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field

from aiohttp import web
from prometheus_client import exposition as text_format
from prometheus_client.openmetrics import exposition as openmetrics_format

from exporter import exposition, facts, page, running
from exporter.board import Board
from exporter.config import Config
from exporter.encoding import encoded, sliced
from exporter.filters import Filter
from exporter.multitarget import MultiTarget
from exporter.telemetry import Telemetry

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
JSON = "application/json; charset=utf-8"
CROSS_SITE = "Pages of other sites may not ask for this.\n"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class Pages:
    """The handlers and what they show."""

    board: Board
    telemetry: Telemetry
    prefix: str = ""
    """Before every path, without a slash at the end (--web.route-prefix)."""
    outside: str = ""
    """The prefix that browsers see, where a proxy in front changes it (--web.external-url)."""
    telemetry_path: str = "/metrics"
    clock: Callable[[], float] = time.time
    ready: bool = False
    config: Callable[[], Config] | None = None
    """The configuration that runs."""
    on_demand: MultiTarget | None = None
    """What answers /probe; None: not yet."""
    reload: Callable[[], Awaitable[list[str]]] | None = None
    """Reads the configuration anew and returns what is wrong with it; None: not allowed to strangers."""
    _rendering: asyncio.Lock = field(default_factory=asyncio.Lock)
    _columns: exposition.Columns = field(default_factory=exposition.Columns)

    def application(self) -> web.Application:
        """The aiohttp application with all routes."""
        routes: dict[str, Handler] = {
            "/": self.index,
            "/endpoint": self.endpoint,
            **dict.fromkeys((f"/{name}" for name in page.STATIC), self.static),
            self.telemetry_path: self.metrics,
            "/api/v1/endpoints": self.endpoints,
            "/api/v1/domains": self.domains,
            "/probe": self.probe,
            "/config": self.running,
            "/-/healthy": self.healthy,
            "/-/ready": self.is_ready,
        }
        app = web.Application(client_max_size=64 * 1024)
        app.add_routes([web.get(self.prefix + path, handler) for path, handler in routes.items()])
        app.add_routes([web.post(f"{self.prefix}/-/reload", self.reload_now)])
        if self.prefix:
            app.add_routes([web.get("/", self.to_prefix), web.get(self.prefix, self.to_prefix)])
        app.on_response_prepare.append(_secure)
        return app

    async def index(self, request: web.Request) -> web.StreamResponse:
        """Serve the status page."""
        wanted = _wanted(request)
        return await _html(
            request, page.render(self.board, self.clock(), self._links, wanted, page.health(self.telemetry))
        )

    async def endpoint(self, request: web.Request) -> web.StreamResponse:
        """Serve the page of one endpoint, or of all addresses of a port."""
        target, host, port = (request.query.get(key, "") for key in ("target", "host", "port"))
        named = target, host, request.query.get("address"), port
        pieces = page.render_endpoint(self.board, self.clock(), named, self._links)
        if not pieces:
            raise web.HTTPNotFound(text="There is no such endpoint, or none any more.\n")
        return await _html(request, pieces)

    @property
    def _links(self) -> page.Links:
        return page.Links(self.outside, self.telemetry_path)

    async def endpoints(self, request: web.Request) -> web.StreamResponse:
        """Serve the latest results as JSON (docs/api.md), as fast as the client takes them."""
        return await _text(request, facts.render(self.board, self.clock(), _wanted(request)), JSON)

    async def domains(self, request: web.Request) -> web.StreamResponse:
        """Serve what is known of the mail domains, in the same way."""
        return await _text(request, facts.render_domains(self.board, self.clock(), _wanted(request)), JSON)

    async def static(self, request: web.Request) -> web.Response:
        """Serve the style sheet and the script of the pages."""
        name = request.path.rpartition("/")[2]
        return web.Response(text=page.static(name), content_type=page.STATIC[name], charset="utf-8")

    async def healthy(self, _: web.Request) -> web.Response:
        """Say that the event loop answers."""
        return web.Response(text="smtp-exporter is healthy.\n")

    async def is_ready(self, _: web.Request) -> web.Response:
        """Say whether the first configuration runs."""
        if self.ready:
            return web.Response(text="smtp-exporter is ready.\n")
        return web.Response(status=503, text="smtp-exporter is starting.\n")

    async def reload_now(self, request: web.Request) -> web.Response:
        """Read the configuration anew, where --web.enable-lifecycle allows it; not for the page of another site."""
        if from_another_site(request.headers):
            raise web.HTTPForbidden(text=CROSS_SITE)
        if self.reload is None:
            raise web.HTTPForbidden(text="Reloading by request is not enabled: --web.enable-lifecycle\n")
        errors = await self.reload()
        text = "".join(f"{each}\n" for each in errors) or "Reloaded.\n"
        return web.Response(status=500 if errors else 200, text=text)

    async def running(self, request: web.Request) -> web.StreamResponse:
        """Serve the running configuration."""
        pieces = running.render(self.config()) if self.config else ()
        return await _text(request, pieces, "text/plain; charset=utf-8")

    async def probe(self, request: web.Request) -> web.StreamResponse:
        """Probe one address now: the multi-target pattern. Pages of other sites may link to it, but not embed it."""
        if from_another_site(request.headers) and request.headers.get("Sec-Fetch-Dest") != "document":
            raise web.HTTPForbidden(text=CROSS_SITE)
        if self.on_demand is None:
            return web.Response(status=503, text="smtp-exporter is starting.\n")
        timeout = request.headers.get("X-Prometheus-Scrape-Timeout-Seconds")
        answer = await self.on_demand.answer(request.query.items(), timeout)
        if not answer.metrics:
            return web.Response(status=answer.status, text=answer.text, headers=answer.headers)
        openmetrics = accepts_openmetrics(request.headers.get("Accept", ""))
        kind = exposition.OPENMETRICS if openmetrics else exposition.TEXT
        return await _text(
            request, (answer.text, "# EOF\n" if openmetrics else ""), kind, vary="Accept, Accept-Encoding"
        )

    async def to_prefix(self, _: web.Request) -> web.StreamResponse:
        """Lead from the root to the route prefix."""
        raise web.HTTPFound(f"{self.prefix}/")

    async def metrics(self, request: web.Request) -> web.StreamResponse:
        """Serve all metrics, in the format and encoding that is asked for."""
        openmetrics = accepts_openmetrics(request.headers.get("Accept", ""))
        async with self._rendering:  # two scrapes at once would only hold the loop twice as long
            own = (openmetrics_format if openmetrics else text_format).generate_latest(self.telemetry.registry).decode()
            said = self._columns.pieces(self.board, self.clock(), own, openmetrics=openmetrics)
            pieces = [piece async for piece in sliced(said) if piece.size]
        compress = accepts_gzip(request.headers.get("Accept-Encoding", ""))
        blocks = exposition.pack(pieces) if compress else exposition.unpack(pieces)
        kind = exposition.OPENMETRICS if openmetrics else exposition.TEXT
        headers = {"Content-Type": kind, **_encoding("Accept, Accept-Encoding", compress=compress)}
        return await _stream(request, headers, sliced(blocks))


def _wanted(request: web.Request) -> Filter:
    """What the query asks for; a query that makes no sense is answered with 400."""
    try:
        return Filter.of(request.query)
    except ValueError as error:
        raise web.HTTPBadRequest(text=f"{error}\n") from error


async def _html(request: web.Request, pieces: Iterable[str]) -> web.StreamResponse:
    return await _text(request, pieces, "text/html; charset=utf-8")


async def _text(
    request: web.Request, pieces: Iterable[str], kind: str, vary: str = "Accept-Encoding"
) -> web.StreamResponse:
    """Send text as it is made, and as fast as the client takes it."""
    compress = accepts_gzip(request.headers.get("Accept-Encoding", ""))
    headers = {"Content-Type": kind, **_encoding(vary, compress=compress)}
    return await _stream(request, headers, encoded(pieces, compress=compress))


async def _stream(
    request: web.Request, headers: dict[str, str], blocks: AsyncGenerator[bytes, None]
) -> web.StreamResponse:
    """Send blocks as fast as the client takes them: no answer is ever there as a whole."""
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    if request.method != "HEAD":
        async with aclosing(blocks):
            async for block in blocks:
                await response.write(block)
    await response.write_eof()
    return response


def _encoding(vary: str = "Accept-Encoding", *, compress: bool) -> dict[str, str]:
    """What the headers say of it (RFC 9110 8.4, 12.5.5)."""
    return {"Vary": vary} | ({"Content-Encoding": "gzip"} if compress else {})


async def _secure(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(SECURITY_HEADERS)
    response.headers.setdefault("Cache-Control", "no-store")


def from_another_site(headers: Mapping[str, str]) -> bool:
    """Whether a browser sends a request for the page of another site, as it says itself (Fetch Metadata; RFC 6454 7).

    Programs that are no browsers send neither header.
    """
    site, origin = headers.get("Sec-Fetch-Site"), headers.get("Origin")
    if site is not None:
        return site not in {"same-origin", "none"}
    return origin is not None and origin.partition("://")[2] != headers.get("Host")


def _qualities(header: str) -> dict[str, tuple[float, dict[str, str]]]:
    """A header of alternatives (RFC 9110 12.4.2): each with its quality and parameters."""
    found = {}
    for item in header.split(","):
        name, *rest = (part.strip() for part in item.split(";"))
        parameters = {k.strip().lower(): v.strip().strip('"') for k, _, v in (part.partition("=") for part in rest)}
        try:
            quality = float(parameters.pop("q", "1"))
        except ValueError:
            quality = 0.0
        found[name.lower() + parameters.get("version", "")] = quality, parameters
    return found


def accepts_openmetrics(header: str) -> bool:
    """Whether OpenMetrics 1.0 is wanted at least as much as the text format."""
    asked = _qualities(header)
    wanted = max((q for name, (q, p) in asked.items() if name.startswith("application/openmetrics-text")
                  and p.get("version", "1.0.0") == "1.0.0"), default=0.0)  # fmt: skip
    anything = asked.get("text/*", asked.get("*/*", (0.0, {})))[0]
    text = max((q for name, (q, _) in asked.items() if name.startswith("text/plain")), default=anything)
    return wanted > 0 and wanted >= text


def accepts_gzip(header: str) -> bool:
    """Whether the answer may come with gzip (RFC 9110 12.5.3)."""
    asked = _qualities(header)
    return asked.get("gzip", asked.get("*", (0.0, {})))[0] > 0
