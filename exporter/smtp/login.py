"""The AUTH dialogue (RFC 4954): one mechanism, one attempt. Encoded by aiosmtplib; what is secret is never shown.

Only `smtp.dialogue` decides whether it is safe to come here.
"""

from collections.abc import Generator
from typing import Literal

from aiosmtplib import SMTPAuthenticationError
from aiosmtplib.auth import auth_crammd5_verify, auth_login_encode, auth_plain_encode

from exporter.model import AuthSettings, Reply
from exporter.reasons import Stage
from exporter.smtp.commands import Say

Mechanism = Literal["PLAIN", "LOGIN", "CRAM-MD5"]
MECHANISMS: tuple[Mechanism, ...] = ("PLAIN", "LOGIN", "CRAM-MD5")
"""In order of preference: inside TLS, PLAIN works with every password store and CRAM-MD5 does not."""
MAX_COMMAND = 510
"""RFC 5321 4.5.3.1.4: 512 octets, CRLF included. A longer PLAIN goes without initial response (RFC 4954 4)."""

Login = Generator[Say, Reply, Reply]


def choose(auth: AuthSettings, offered: frozenset[str]) -> Mechanism | None:
    """The one mechanism to try: the configured one, else the first of ours that is offered."""
    ours = (auth.mechanism,) if auth.mechanism else MECHANISMS
    return next((mechanism for mechanism in ours if mechanism in offered), None)


def login(mechanism: Mechanism, username: str, password: str) -> Login:
    """Log in, and return the reply that decided: 235 where the server let us in.

    A challenge that we have no answer to is the deciding one; it is cancelled with `*` (RFC 4954 4).
    """
    reply = yield from {"PLAIN": _plain, "LOGIN": _login, "CRAM-MD5": _cram_md5}[mechanism](username, password)
    if reply.code == 334:
        yield Say(Stage.AUTH, "*")
    return reply


def _secret(line: bytes | str) -> Say:
    return Say(Stage.AUTH, line if isinstance(line, str) else line.decode("ascii"), shown="***")


def _plain(username: str, password: str) -> Login:
    """RFC 4616."""
    response = auth_plain_encode(username, password).decode("ascii")
    if len(line := f"AUTH PLAIN {response}") <= MAX_COMMAND:
        return (yield Say(Stage.AUTH, line, shown="AUTH PLAIN ***"))
    reply = yield Say(Stage.AUTH, "AUTH PLAIN")
    return (yield _secret(response)) if reply.code == 334 else reply


def _login(username: str, password: str) -> Login:
    """Two answers to two prompts, whose texts differ from server to server and are not looked at."""
    reply = yield Say(Stage.AUTH, "AUTH LOGIN")
    for response in auth_login_encode(username, password):
        if reply.code != 334:
            break
        reply = yield _secret(response)
    return reply


def _cram_md5(username: str, password: str) -> Login:
    """RFC 2195."""
    reply = yield Say(Stage.AUTH, "AUTH CRAM-MD5")
    if reply.code != 334:
        return reply
    try:
        response = auth_crammd5_verify(username, password, reply.text.encode("ascii"))
    except (SMTPAuthenticationError, UnicodeEncodeError):
        return reply
    return (yield _secret(response))
