"""The AUTH dialogue (RFC 4954): one mechanism, one attempt. Encoded by aiosmtplib; what is secret is never shown.

Only `smtp.dialogue` decides whether it is safe to come here.
"""

from base64 import b64decode
from collections.abc import Generator
from typing import Literal

from aiosmtplib.auth import auth_crammd5_verify, auth_login_encode, auth_plain_encode

from exporter.model import AuthSettings, Reply
from exporter.reasons import Stage
from exporter.smtp.commands import Say

Mechanism = Literal["PLAIN", "LOGIN", "CRAM-MD5"]
MECHANISMS: tuple[Mechanism, ...] = ("PLAIN", "LOGIN", "CRAM-MD5")
"""In order of preference: inside TLS, PLAIN works with every password store and CRAM-MD5 does not."""
MAX_COMMAND = 510
"""RFC 5321 4.5.3.1.4: 512 octets, CRLF included. A longer PLAIN goes without initial response (RFC 4954 4)."""

Step = Generator[Say, Reply, Reply]


def choose(auth: AuthSettings, offered: frozenset[str]) -> Mechanism | None:
    """The one mechanism to try: the configured one, else the first of ours that is offered."""
    ours = (auth.mechanism,) if auth.mechanism else MECHANISMS
    return next((mechanism for mechanism in ours if mechanism in offered), None)


def login(mechanism: Mechanism, username: str, password: str) -> Generator[Say, Reply, tuple[Reply, Reply]]:
    """Log in, and return the reply that decided (235 where the server let us in) and the last one.

    A challenge that we have no answer to is the deciding one; it is cancelled with `*` (RFC 4954 4).
    """
    decided = yield from {"PLAIN": _plain, "LOGIN": _login, "CRAM-MD5": _cram_md5}[mechanism](username, password)
    last = (yield Say(Stage.AUTH, "*")) if decided.code == 334 else decided
    return decided, last


def _secret(line: bytes | str) -> Say:
    return Say(Stage.AUTH, line if isinstance(line, str) else line.decode("ascii"), shown="***")


def _plain(username: str, password: str) -> Step:
    """RFC 4616."""
    response = auth_plain_encode(username, password).decode("ascii")
    if len(line := f"AUTH PLAIN {response}") <= MAX_COMMAND:
        return (yield Say(Stage.AUTH, line, shown="AUTH PLAIN ***"))
    reply = yield Say(Stage.AUTH, "AUTH PLAIN")
    return (yield _secret(response)) if reply.code == 334 else reply


def _login(username: str, password: str) -> Step:
    """Two answers to two prompts, whose texts differ from server to server and are not looked at."""
    reply = yield Say(Stage.AUTH, "AUTH LOGIN")
    for response in auth_login_encode(username, password):
        if reply.code != 334:
            break
        reply = yield _secret(response)
    return reply


def _cram_md5(username: str, password: str) -> Step:
    """RFC 2195."""
    reply = yield Say(Stage.AUTH, "AUTH CRAM-MD5")
    if reply.code != 334 or not _is_challenge(reply.text):
        return reply
    return (yield _secret(auth_crammd5_verify(username, password, reply.text)))


def _is_challenge(encoded: str) -> bool:
    """Whether it is base64 of anything: the parser of the library overlooks what is not."""
    try:
        return bool(b64decode(encoded, validate=True))
    except ValueError:
        return False
