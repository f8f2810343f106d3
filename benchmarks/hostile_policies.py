"""Policy hosts that mean harm: each row of POLICIES is one way, and a script of what is sent to a request.

The domains of a kind are KIND-N.example, N below DOMAINS, their policy hosts mta-sts.KIND-N.example; `hostile_names`
tells where these are. `python -m benchmarks.hostile_policies DIRECTORY DOMAINS` answers, in a network namespace in
which WORLD is local, and writes its trust anchor into the directory as ca.pem.
"""

import asyncio
import contextlib
import gzip
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from exporter.simulated.certificates import Kind, Zoo

WORLD = "44.0.0.0/8"
"""Looks public, so that `mta_sts.allow_private` may stay off; nothing leaves the namespace in which it is local."""

Script = Callable[[str], AsyncIterator[bytes]]
"""What is sent to who asks for the policy of a domain, piece by piece."""
Speaks = Literal["TLS", "in clear", "with a certificate of its own"]

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def policy(domain: str, *, mode: str = "enforce", more: str = "") -> str:
    return f"version: STSv1\r\nmode: {mode}\r\nmx: mx.{domain}\r\n{more}max_age: 86400\r\n"


def whole(body: bytes, head: bytes = HEAD) -> bytes:
    return head + f"Content-Length: {len(body)}\r\n\r\n".encode() + body


def saying(answer: Callable[[str], bytes]) -> Script:
    """A script that sends this, made for the domain, at once."""

    async def script(domain: str) -> AsyncIterator[bytes]:
        yield answer(domain)

    return script


async def endless(begin: bytes, piece: bytes) -> AsyncIterator[bytes]:
    yield begin
    while True:
        yield piece


async def drip(domain: str) -> AsyncIterator[bytes]:
    """A byte each second."""
    for byte in whole(policy(domain).encode()):
        yield bytes([byte])
        await asyncio.sleep(1)


async def byte_by_byte(domain: str) -> AsyncIterator[bytes]:
    """Each byte a chunk of its own."""
    yield CHUNKED + b"".join(b"1\r\n%c\r\n" % byte for byte in (policy(domain) + "#" * 65536).encode())


async def silence(_: str) -> AsyncIterator[bytes]:
    await asyncio.sleep(3600)
    yield b""


@dataclass(frozen=True, slots=True)
class Policies:
    """What is sent, and what the agent is to say of the domain and its host."""

    script: Script
    reasons: frozenset[str] = frozenset({"sts_policy_fetch_error"})
    endpoint: str = ""
    speaks: Speaks = "TLS"
    at: str = ""
    """Where the policy host is; empty: where it answers."""
    ever_new: bool = False
    """The record in DNS has another id each time it is asked for."""
    slow: bool = False
    """The agent's patience with a policy host, half a minute, is waited out."""


INVALID, WEBPKI = frozenset({"sts_policy_invalid"}), frozenset({"sts_webpki_invalid"})
TO_METADATA = b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/latest/meta-data/\r\nContent-Length: 0\r\n\r\n"
BOMB = whole(gzip.compress(bytes(64 << 20)), HEAD + b"Content-Encoding: gzip\r\n")
LONG_LIST = "".join(f"mx: {n}.example\r\n" for n in range(3500))

POLICIES: Mapping[str, Policies] = {
    "endless-body": Policies(lambda _: endless(HEAD + b"\r\n", b"#" * 65536)),
    "endless-chunks": Policies(lambda _: endless(CHUNKED, b"10000\r\n" + b"#" * 65536 + b"\r\n")),
    "endless-headers": Policies(lambda _: endless(HEAD, b"X: " + b"x" * 1000 + b"\r\n")),
    "one-long-line": Policies(lambda _: endless(HEAD, b"x" * 65536)),
    "byte-by-byte": Policies(byte_by_byte),
    "drip-of-a-policy": Policies(drip, slow=True),
    "silence-in-tls": Policies(silence, slow=True),
    "silence-before-tls": Policies(silence, speaks="in clear", slow=True),
    "no-tls": Policies(saying(lambda _: b"220 mail.example ESMTP\r\n"), speaks="in clear"),
    "closed": Policies(saying(lambda _: b"")),
    "no-http": Policies(saying(lambda _: b"\0\xff" * 500)),
    "redirect-inside": Policies(saying(lambda _: TO_METADATA)),
    "wrong-charset": Policies(saying(lambda domain: whole(policy(domain).encode("utf-16"))), INVALID),
    "html": Policies(saying(lambda _: whole(b"<p>", HEAD.replace(b"text/plain", b"text/html"))), INVALID),
    "bomb": Policies(saying(lambda _: BOMB)),
    "long-list": Policies(
        saying(lambda _: whole(policy("other.example", more=LONG_LIST).encode())), frozenset(), "sts_mx_mismatch"
    ),
    "ever-new": Policies(saying(lambda domain: whole(policy(domain).encode())), frozenset(), ever_new=True),
    "strange-certificate": Policies(silence, WEBPKI, speaks="with a certificate of its own"),
    "inside": Policies(silence, at="10.0.0.1"),
    "own-web-server": Policies(silence, at="127.0.0.1"),
    "nobody": Policies(silence, at="44.0.0.99"),
}  # fmt: skip

WELL = "well"
"""The kind that means no harm."""
HONEST = Policies(saying(lambda domain: whole(policy(domain).encode())), frozenset())
PLACES: Mapping[Speaks, str] = {
    "TLS": "44.0.0.1", "in clear": "44.0.0.2", "with a certificate of its own": "44.0.0.3"
}  # fmt: skip
*_, LAST = PLACES.values()
"""Where it answers when it answers everywhere."""


def policies_of(kind: str) -> Policies | None:
    """The policy host of a kind of domain; None where it has none."""
    return HONEST if kind == WELL else POLICIES.get(kind)


def place_of(policies: Policies) -> str:
    """Its address."""
    return policies.at or PLACES[policies.speaks]


# --- serving --------------------------------------------------------------------------------------------------------


def serving(
    answer: Callable[[asyncio.StreamReader], Awaitable[AsyncIterator[bytes]]],
) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    """Read a request, send the answer piece by piece, and close, also where the client has gone before."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, EOFError, asyncio.LimitOverrunError):
            async for piece in await answer(reader):
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)  # what can be sent at once is: let others run in between
                if writer.is_closing():
                    break
        writer.close()

    return serve


async def in_tls(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    request = await reader.readuntil(b"\r\n\r\n")
    domain = request.partition(b"Host: mta-sts.")[2].partition(b"\r\n")[0].decode()
    policies = policies_of(domain.rpartition("-")[0])
    return (policies.script if policies else silence)(domain)


async def in_clear(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """The name that is asked for stands in the ClientHello."""
    hello = await reader.read(4096)
    kinds = (each for kind, each in POLICIES.items() if each.speaks == "in clear" and kind.encode() in hello)
    return next(kinds).script("")


def contexts(zoo: Zoo, domains: int) -> ssl.SSLContext:
    """A certificate for each kind, chosen by the name that is asked for (RFC 6066 3)."""
    made = {}
    for kind in (WELL, *POLICIES):
        names = tuple(f"mta-sts.{kind}-{n}.example" for n in range(domains))
        made[kind] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made[kind].load_cert_chain(zoo.issue(Kind(names=names)).pem_file)

    def choose(connection: ssl.SSLSocket | ssl.SSLObject, name: str | None, _: ssl.SSLSocket) -> None:
        connection.context = made.get((name or "").removeprefix("mta-sts.").rpartition("-")[0], made[WELL])

    made[WELL].set_servername_callback(choose)
    return made[WELL]


async def main(directory: Path, domains: int) -> None:
    """Serve until the process is ended."""
    with Zoo(directory) as zoo:
        strange = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        strange.load_cert_chain(zoo.self_signed.pem_file)
        speakers: dict[Speaks, Any] = {"TLS": (in_tls, contexts(zoo, domains)), "in clear": (in_clear, None),
                    "with a certificate of its own": (in_tls, strange)}  # fmt: skip
        servers = [
            await asyncio.start_server(serving(speak), PLACES[how], 443, ssl=context, backlog=1000)
            for how, (speak, context) in speakers.items()
        ]
        await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
