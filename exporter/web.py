"""HTTP: /metrics, the status page, results as JSON, health: what the board holds. Only /probe waits for a probe."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from aiohttp import web
from prometheus_client import exposition as text_format
from prometheus_client.openmetrics import exposition as openmetrics_format

from exporter import exposition, facts, page, running
from exporter.board import Board
from exporter.config import Config
from exporter.documentation import Documentation, Handler
from exporter.encoding import sliced
from exporter.filters import Filter
from exporter.links import NO_PROMETHEUS, PUBLIC_DOCS, Docs, Prometheus
from exporter.multitarget import MultiTarget
from exporter.outcomes import MAX_ENTRIES
from exporter.responses import (
    accepts_gzip,
    accepts_html,
    accepts_only_data,
    accepts_openmetrics,
    send,
    send_html,
    send_text,
    vary_and_encoding,
)
from exporter.telemetry import Telemetry

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
JSON = "application/json; charset=utf-8"
PATH_SHOWN = 200
"""Characters of a path that an error shows."""
FAVICON = "/favicon.ico"
OF_PROGRAMS = ("/api/", "/probe", "/config", "/-/")
"""How the paths begin that programs ask for, beside that of the metrics: an error there is plain text."""
CROSS_SITE = "Pages of other sites may not ask for this.\n"


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
    docs: Docs = PUBLIC_DOCS
    prometheus: Prometheus = NO_PROMETHEUS
    clock: Callable[[], float] = time.time
    ready: bool = False
    config: Callable[[], Config] | None = None
    """The configuration that runs."""
    on_demand: MultiTarget | None = None
    """What answers /probe; None: not yet."""
    reload: Callable[[], Awaitable[list[str]]] | None = None
    """Reads the configuration anew and returns what is wrong with it; None: not allowed to strangers."""
    _rendering: asyncio.Lock = field(default_factory=asyncio.Lock)
    _listing: page.Listing = field(default_factory=page.Listing)
    _columns: exposition.Columns = field(default_factory=exposition.Columns)

    def application(self) -> web.Application:
        """The aiohttp application with all routes."""
        routes: dict[str, Handler] = {
            "/": self.index,
            "/endpoint": self.endpoint,
            "/domain": self.domain,
            **dict.fromkeys((f"/{name}" for name in page.STATIC), self.static),
            FAVICON: self.favicon,
            **Documentation(lambda: self._links).routes(),
            self.telemetry_path: self.metrics,
            "/api/v1/endpoints": self.endpoints,
            "/api/v1/domains": self.domains,
            "/probe": self.probe,
            "/config": self.running,
            "/-/healthy": self.healthy,
            "/-/ready": self.is_ready,
        }
        app = web.Application(client_max_size=64 * 1024, middlewares=[self._refuse])
        app.add_routes([web.get(self.prefix + path, handler) for path, handler in routes.items()])
        app.add_routes([web.post(f"{self.prefix}/-/reload", self.reload_now)])
        if self.prefix:
            app.add_routes([web.get("/", self.to_prefix), web.get(self.prefix, self.to_prefix)])
            app.add_routes([web.get(FAVICON, self.favicon)])  # browsers ask for it there
        app.on_response_prepare.append(_secure)
        return app

    async def index(self, request: web.Request) -> web.StreamResponse:
        """Serve the status page."""
        wanted = _wanted(request)
        agent = page.health(self.telemetry)
        pieces = page.render(self.board, self.clock(), self._links, wanted, agent, listing=self._listing)
        return await send_html(request, pieces)

    async def endpoint(self, request: web.Request) -> web.StreamResponse:
        """Serve the page of one endpoint, or of all addresses of a port."""
        target, host, port = (request.query.get(key, "") for key in ("target", "host", "port"))
        named = target, host, request.query.get("address"), port
        pieces = page.render_endpoint(self.board, self.clock(), named, self._links)
        if not pieces:
            raise web.HTTPNotFound(text="There is no such endpoint, or none any more.\n")
        return await send_html(request, pieces)

    async def domain(self, request: web.Request) -> web.StreamResponse:
        """Serve the page of one mail domain, of one target or of each that has it."""
        name = request.query.get("domain", "").strip().rstrip(".").lower()
        pieces = page.render_domain(self.board, self.clock(), request.query.get("target"), name, self._links)
        if not pieces:
            raise web.HTTPNotFound(text="There is no such mail domain, or none any more.\n")
        return await send_html(request, pieces)

    @property
    def _links(self) -> page.Links:
        path = self.config().path if self.config else None
        file = str(path.absolute()) if path else ""
        return page.Links(self.outside, self.telemetry_path, self.docs, self.prometheus, file)

    @web.middleware
    async def _refuse(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer what cannot be served with a page that leads on; programs get the plain text as before."""
        try:
            return await handler(request)
        except web.HTTPException as error:
            if error.status < HTTPStatus.BAD_REQUEST or not self._shows_a_page(request):
                raise
            allow = {name: error.headers[name] for name in ("Allow",) if name in error.headers}
            pieces = page.render_error(*_said(error, request), self._links)
            return await send_html(request, pieces, error.status, allow)

    def _shows_a_page(self, request: web.Request) -> bool:
        """Whether an error is shown as HTML: to all browsers, and on the paths of pages to whoever takes it."""
        accept, path = request.headers.get("Accept", ""), request.path.removeprefix(self.prefix)
        of_programs = path == self.telemetry_path or path.startswith(OF_PROGRAMS)
        return accepts_html(accept) or not (of_programs or accepts_only_data(accept))

    async def endpoints(self, request: web.Request) -> web.StreamResponse:
        """Serve the latest results as JSON (docs/api.md), as fast as the client takes them."""
        pieces = facts.render(self.board, self.clock(), _wanted(request), _most(request), self.docs)
        return await send_text(request, pieces, JSON)

    async def domains(self, request: web.Request) -> web.StreamResponse:
        """Serve what is known of the mail domains, in the same way."""
        pieces = facts.render_domains(self.board, self.clock(), _wanted(request), _most(request), self.docs)
        return await send_text(request, pieces, JSON)

    async def static(self, request: web.Request) -> web.Response:
        """Serve the style sheet and the script of the pages."""
        name = request.path.rpartition("/")[2]
        return web.Response(text=page.static(name), content_type=page.STATIC[name], charset="utf-8")

    async def favicon(self, _: web.Request) -> web.Response:
        """Serve the icon where browsers look for one that no page names, as beside plain text."""
        return web.Response(text=page.static("icon.svg"), content_type=page.STATIC["icon.svg"], charset="utf-8")

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
        return await send_text(request, pieces, "text/plain; charset=utf-8")

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
        return await send_text(
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
        headers = {"Content-Type": kind, **vary_and_encoding("Accept, Accept-Encoding", compress=compress)}
        return await send(request, headers, sliced(blocks))


def _wanted(request: web.Request) -> Filter:
    """What the query asks for; a query that makes no sense is answered with 400."""
    try:
        return Filter.of(request.query)
    except ValueError as error:
        raise web.HTTPBadRequest(text=f"{error}\n") from error


def _most(request: web.Request) -> int:
    """How many entries of each history are asked for; of more than there can be, 400."""
    asked = request.query.get("history", str(MAX_ENTRIES))
    if not (asked.isascii() and asked.isdigit() and len(asked) < 8 and int(asked) <= MAX_ENTRIES):
        raise web.HTTPBadRequest(text=f"history: not a whole number from 0 to {MAX_ENTRIES}\n")
    return int(asked)


def _said(error: web.HTTPException, request: web.Request) -> tuple[str, str]:
    """What the page of an error says: a title, and what was wrong."""
    title = error.reason.capitalize()
    if error.status == HTTPStatus.METHOD_NOT_ALLOWED:
        return title, f"{request.path[:PATH_SHOWN]} is for {error.headers['Allow']} only."
    if error.text and not error.text.startswith(f"{error.status}: "):  # what aiohttp says by itself
        return title, error.text.strip()
    return title, f"Nothing is served at {request.path[:PATH_SHOWN]}"


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
