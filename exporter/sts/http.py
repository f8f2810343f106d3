"""One GET of a policy, and what may come in reply (RFC 8461 3.2, 3.3): all of it is bounded."""

import asyncio

import h11

from exporter import __version__
from exporter.peer_text import excerpt, quote
from exporter.sts.errors import InvalidError, RefusedError
from exporter.sts.stream import AT_A_TIME, TlsStream

MOST_BYTES = 64 * 1024
"""Of a policy, as RFC 8461 3.3 suggests."""
MOST_RECEIVED = 8 * MOST_BYTES
"""With all that HTTP puts around it: a server may send each byte as a chunk of its own."""
MOST_PIECES = 1000
"""That the body comes in: each takes h11 some 50 microseconds, and a chunk for each byte took seconds."""
PATH = "/.well-known/mta-sts.txt"
HEADERS = (
    ("User-Agent", f"smtp-exporter/{__version__}"), ("Accept", "text/plain"), ("Accept-Encoding", "identity"),
    ("Connection", "close"),
)  # fmt: skip


async def get(host: str, stream: TlsStream) -> bytes:
    """Ask for the policy, and return its text.

    Raises:
        RefusedError: it is not to be had as RFC 8461 3.3 asks.
        InvalidError: it is not of the type that RFC 8461 3.2 asks for.
    """
    talk = h11.Connection(h11.CLIENT)
    request = h11.Request(method="GET", target=PATH, headers=[("Host", host), *HEADERS])
    stream.write((talk.send(request) or b"") + (talk.send(h11.EndOfMessage()) or b""))
    try:
        return await receive(talk, stream)
    except h11.RemoteProtocolError as error:
        said = excerpt(str(error).partition(": bytearray")[0])  # what it was made of
        raise RefusedError(f"no whole answer in HTTP ({said})") from None


async def receive(talk: h11.Connection, reader: asyncio.StreamReader | TlsStream) -> bytes:
    """The body of a response, read no further than it has to be."""
    body, received, pieces = bytearray(), 0, 0
    while True:
        event = talk.next_event()
        if event is h11.NEED_DATA:
            data = await reader.read(AT_A_TIME)
            await asyncio.sleep(0)  # what has come already is read without waiting: let others run in between
            if not (data or received):
                raise RefusedError("it closed the connection without an answer")
            received += len(data)
            if received > MOST_RECEIVED:
                raise RefusedError(f"more than {MOST_BYTES // 1024} KiB")
            talk.receive_data(data)
        elif isinstance(event, h11.Response):
            _accept(event)
        elif isinstance(event, h11.Data):
            body += event.data
            pieces += 1
            if len(body) > MOST_BYTES:
                raise RefusedError(f"more than {MOST_BYTES // 1024} KiB")
            if pieces > MOST_PIECES:
                raise RefusedError(f"it comes in more than {MOST_PIECES} pieces")
        elif isinstance(event, h11.EndOfMessage):
            return bytes(body)


def _accept(response: h11.Response) -> None:
    """Take only what RFC 8461 3.2 and 3.3 allow. A charset is not looked at: a policy is read as UTF-8."""
    headers = {name.decode("latin-1"): excerpt(value.decode("latin-1")) for name, value in response.headers}
    if response.status_code != 200:
        to = headers.get("location", "")
        where = f" to {to}: redirects are not followed" if 300 <= response.status_code < 400 and to else ""
        raise RefusedError(f"HTTP status {response.status_code}{where}")
    kind = headers.get("content-type", "")
    if kind.partition(";")[0].strip().lower() != "text/plain":
        said = f"its Content-Type is {quote(kind)}" if kind else "it has no Content-Type"
        raise InvalidError(f"{said}; text/plain is required")
    encoding = headers.get("content-encoding", "identity")
    if encoding.lower() != "identity":
        raise RefusedError(f"its Content-Encoding is {quote(encoding)}, which was not asked for")
