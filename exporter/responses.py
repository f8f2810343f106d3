"""Answers of the web server: text in slices, with gzip where the client takes it; what an Accept header asks for."""

from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing

from aiohttp import web

from exporter.encoding import encoded

NO_HEADERS: Mapping[str, str] = {}


async def send_html(
    request: web.Request, pieces: Iterable[str], status: int = 200, headers: Mapping[str, str] = NO_HEADERS
) -> web.StreamResponse:
    """Send a page as it is made."""
    return await send_text(request, pieces, "text/html; charset=utf-8", status=status, more=headers)


async def send_text(
    request: web.Request,
    pieces: Iterable[str],
    kind: str,
    *,
    vary: str = "Accept-Encoding",
    status: int = 200,
    more: Mapping[str, str] = NO_HEADERS,
) -> web.StreamResponse:
    """Send text as it is made, and as fast as the client takes it."""
    compress = accepts_gzip(request.headers.get("Accept-Encoding", ""))
    headers = {**more, "Content-Type": kind, **vary_and_encoding(vary, compress=compress)}
    return await send(request, headers, encoded(pieces, compress=compress), status)


async def send(
    request: web.Request, headers: Mapping[str, str], blocks: AsyncGenerator[bytes, None], status: int = 200
) -> web.StreamResponse:
    """Send blocks as fast as the client takes them: no answer is ever there as a whole."""
    response = web.StreamResponse(status=status, headers=headers)
    await response.prepare(request)
    if request.method != "HEAD":
        async with aclosing(blocks):
            async for block in blocks:
                await response.write(block)
    await response.write_eof()
    return response


def vary_and_encoding(vary: str = "Accept-Encoding", *, compress: bool) -> dict[str, str]:
    """What the headers say of it (RFC 9110 8.4, 12.5.5)."""
    return {"Vary": vary} | ({"Content-Encoding": "gzip"} if compress else {})


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


def accepts_html(header: str) -> bool:
    """Whether HTML is named, as browsers do, and not only covered by */*."""
    asked = _qualities(header)
    return max((asked[kind][0] for kind in ("text/html", "application/xhtml+xml") if kind in asked), default=0.0) > 0


def accepts_only_data(header: str) -> bool:
    """Whether plain text or JSON is named, and HTML is not."""
    asked = _qualities(header)
    return not accepts_html(header) and any(
        asked[kind][0] > 0 for kind in ("text/plain", "application/json") if kind in asked
    )
