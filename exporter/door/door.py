"""The door itself: before every page stands the question who asks, and whether they may. Serves no page.

All paths are behind it, /-/healthy as well, as with exporter-toolkit.
"""

import base64
import binascii
import logging
import socket
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import hdrs, web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler

from exporter.aside import aside
from exporter.door.connections import BOUNDS, Connection, Connections, Limits
from exporter.door.expectations import can_be_met
from exporter.door.passwords import BusyError, Passwords
from exporter.door.settings import Settings
from exporter.door.site import Site

if TYPE_CHECKING:
    from exporter.door.following import Following

CHALLENGE = 'Basic realm="smtp-exporter", charset="UTF-8"'
"""RFC 7617 2 and 2.1: the realm is required, and passwords come as UTF-8."""
HEALTH = ("/-/healthy", "/-/ready")
"""The ends of paths that are answered however many strangers ask for others."""
log = logging.getLogger(__name__)


class Door:
    """What stands between the network and the pages. Without a web configuration only what is asked is bounded."""

    def __init__(self, following: "Following | None" = None, limits: Limits = BOUNDS) -> None:
        self._following = following
        self._plain = Settings()
        self._passwords = Passwords()
        self._limits = limits
        self.connections = Connections(self.latest, limits)
        logging.getLogger("aiohttp.server").addFilter(_not_of_strangers)

    @classmethod
    async def open(cls, path: Path | None) -> "Door":
        """Read the web configuration, if there is one.

        Raises:
            ConfigErrors: everything that is wrong with it and the files it names.
        """
        if path is None:
            return cls()
        from exporter.door.following import Following  # YAML comes with it

        return cls(await aside(lambda: Following(path)))

    @property
    def settings(self) -> Settings:
        """The settings that are in force, without a look at their files."""
        return self._following.settings if self._following else self._plain

    async def latest(self) -> Settings:
        """Give the settings that are in force, after a look at their files where one is due."""
        return await self._following.latest() if self._following else self._plain

    def stand_before(self, application: web.Application) -> None:
        """Let nobody in to an application but by this door; call it once all else is set up."""
        application.middlewares.insert(0, self._at_the_door)
        application.on_response_prepare.append(self._set_headers)

    def site(
        self, runner: web.AppRunner, host: str | None = None, port: int = 0, sock: socket.socket | None = None
    ) -> Site:
        """Make what listens on an address, or on a socket that is bound already; then `await site.start()`."""
        return Site(runner, self.connections, host, port, sock)

    @web.middleware
    async def _at_the_door(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        connection = self.connections.by_protocol.get(request.protocol)
        known = False
        if connection:
            connection.begin_answer()
        try:
            refusal = await self._refusal(request, connection)
            known = refusal is None
            return await _taken(request, refusal or await handler(request))
        except ConnectionError as error:
            if request.transport and not request.transport.is_closing():
                raise  # it was not the client's
            error.__traceback__ = None  # it would hold the response, and the future that holds the error: a cycle
            log.debug("the client left", extra={"client": request.remote, "path": request.path})
            return web.Response()  # for aiohttp, which finds that nobody is there
        finally:
            if connection:
                connection.end_answer(known=known)

    async def _refusal(self, request: web.Request, connection: Connection | None) -> web.Response | None:
        """Say why a request is not let in; None where it is."""
        settings = await self.latest()
        try:
            if settings.users and not await self._is_known(request, settings):
                return _refused(HTTPStatus.UNAUTHORIZED, {hdrs.WWW_AUTHENTICATE: CHALLENGE})
        except BusyError:
            return _refused(HTTPStatus.TOO_MANY_REQUESTS, {hdrs.RETRY_AFTER: "1"})
        if (request.content_length or 0) > self._limits.question:
            return _refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, {})
        if not can_be_met(request):
            return _refused(HTTPStatus.EXPECTATION_FAILED, {})
        known = settings.users or (connection and connection.known) or request.path.endswith(HEALTH)
        if not (known or self.connections.has_room()):
            return _refused(HTTPStatus.SERVICE_UNAVAILABLE, {hdrs.RETRY_AFTER: "1"})
        return None

    async def _is_known(self, request: web.Request, settings: Settings) -> bool:
        given = credentials(request.headers.get(hdrs.AUTHORIZATION, ""))
        return given is not None and await self._passwords.accept(settings.users, *given, request.remote or "")

    async def _set_headers(self, _: web.BaseRequest, response: web.StreamResponse) -> None:
        response.headers.update(self.settings.headers)


def credentials(header: str) -> tuple[str, bytes] | None:
    """Read user and password of an Authorization header (RFC 7617 2); None where it holds none."""
    scheme, _, token = header.partition(" ")
    try:
        user, colon, password = base64.b64decode(token.strip(), validate=True).partition(b":")
    except (binascii.Error, ValueError):  # ValueError: not ASCII
        return None
    return (user.decode("utf-8", "surrogateescape"), password) if scheme.lower() == "basic" and colon else None


async def _taken(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    """Send a response; until the client has taken it, the connection counts as being answered."""
    await response.prepare(request)
    await response.write_eof()
    return response


def _refused(status: HTTPStatus, headers: dict[str, str]) -> web.Response:
    """Make a short answer, the last one on its connection."""
    response = web.Response(status=status, text=f"{status.phrase}\n", headers=headers)
    response.force_close()
    return response


def _not_of_strangers(record: logging.LogRecord) -> bool:
    """Keep what aiohttp logs of a client's mistakes to debug level: it has tracebacks, and passwords in them."""
    error = record.exc_info[1] if record.exc_info else None
    if not isinstance(error, HttpProcessingError | web.RequestPayloadError | ConnectionError):
        return True
    log.debug("bad request", extra={"error": type(error).__name__})
    return False
