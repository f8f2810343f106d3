"""The paths of the documentation that the agent serves: a name in a path is looked up in a table, never opened."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from aiohttp import web

from exporter import page
from exporter.responses import send_html

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
IN_DOCS = ".md"
"""How a name ends in docs/: a link to that folder leads to our page, too, where a site writes our URL for it."""


@dataclass(frozen=True, slots=True)
class Documentation:
    """The handlers; `links` tells where their pages' links lead."""

    links: Callable[[], page.Links]

    def routes(self) -> dict[str, Handler]:
        """All paths and their handlers."""
        return {
            "/reasons": self.reasons,
            f"/reasons{IN_DOCS}": self.reasons_in_docs,
            "/reasons/{name:.*}": self.reason,
            "/runbooks": self.runbooks,
            "/runbooks/{name:.*}": self.runbook,
        }

    async def reasons(self, request: web.Request) -> web.StreamResponse:
        """Serve the list of reasons."""
        return await send_html(request, page.render_reasons(self.links()))

    async def reasons_in_docs(self, _: web.Request) -> web.StreamResponse:
        """Lead to the list of reasons; a browser keeps the heading that it was asked for."""
        raise web.HTTPFound(f"{self.links().prefix}/reasons")

    async def reason(self, request: web.Request) -> web.StreamResponse:
        """Serve the page of one reason."""
        return await self._found(request, page.render_reason(request.match_info["name"], self.links()), "reason")

    async def runbooks(self, request: web.Request) -> web.StreamResponse:
        """Serve the list of runbooks."""
        return await send_html(request, page.render_runbooks(self.links()))

    async def runbook(self, request: web.Request) -> web.StreamResponse:
        """Serve the page of one runbook."""
        name = request.match_info["name"]
        pieces = page.render_runbook(name.removesuffix(IN_DOCS), self.links())
        if pieces and name.endswith(IN_DOCS):
            raise web.HTTPFound(f"{self.links().prefix}/runbooks/{name.removesuffix(IN_DOCS)}")
        return await self._found(request, pieces, "runbook")

    async def _found(self, request: web.Request, pieces: Iterable[str], kind: str) -> web.StreamResponse:
        """Send a page; without one lead from /reasons/ to the list, or say that there is no such thing."""
        if pieces:
            return await send_html(request, pieces)
        if not request.match_info["name"]:
            raise web.HTTPFound(f"{self.links().prefix}/{kind}s")
        raise web.HTTPNotFound(text=f"No such {kind}. See the list of all {kind}s.\n")
