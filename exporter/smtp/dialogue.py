"""The script of a probe: what to say next, given what was heard. No I/O, no clock, no judgement of results.

It yields commands; whoever performs them sends the answers in, or closes the script where a command failed. What it
learns it notes in `Seen`, so that everything seen before a failure is kept. Never a byte before a reply is
complete, nothing pipelined, one connection, and never MAIL, RCPT, VRFY or EXPN.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from exporter.model import Hello, Peer, Reply, Security, Session, Settings, Verdict
from exporter.reasons import Stage
from exporter.smtp.commands import Command, Connect, Handshake, Hear, Judge, Password, Quit, Say
from exporter.smtp.hello import hello, offers_extensions
from exporter.smtp.login import Mechanism, choose, login

Script = Generator[Command, Any, Reply]

SAFE_FOR_LOGIN = ("TLSv1.2", "TLSv1.3")
GREETING = 220
"""The code of a greeting (RFC 5321 4.3.2). In reply to EHLO or HELO it is a second one, or that of another server."""
NO_EHLO = frozenset({500, 501, 502, 504, 550})
"""Answers to EHLO after which HELO is worth a try (RFC 5321 3.2 and what real servers answer)."""


@dataclass(slots=True)
class Seen:
    """What one conversation has brought so far; the fields are those of `model.Result`."""

    greeting: Reply | None = None
    ehlo: Reply | None = None
    ehlo_refusal: Reply | None = None
    hello: Hello | None = None
    unsolicited: Reply | None = None
    starttls: Reply | None = None
    session: Session | None = None
    verdict: Verdict | None = None
    ehlo_tls: Reply | None = None
    hello_tls: Hello | None = None
    auth: Reply | None = None
    authenticated: bool | None = None
    auth_not_attempted: str | None = None
    auth_unavailable: str | None = None


def converse(
    peer: Peer, seen: Seen, ehlo_name: str | None = None, *, login_due: bool = True
) -> Generator[Command, Any, None]:
    """Greet the peer, turn to TLS where it should, look around, log in where asked and safe, leave politely.

    Args:
        peer: whom to talk to.
        seen: where to note what was learned.
        ehlo_name: who we say we are; None: the address literal of the connection (RFC 5321 4.1.3).
        login_due: whether a configured login is to be tried now; whether it could be is looked at in any case.
    """
    own_address: str = yield Connect()
    last = yield from _talk(peer, seen, ehlo_name or _literal(own_address), login_due=login_due)
    if last.code != 421 and not seen.unsolicited:  # RFC 5321 3.8: after 421 the server has closed
        yield Quit()


def _talk(peer: Peer, seen: Seen, name: str, *, login_due: bool) -> Script:
    """Hold the conversation; return the last reply."""
    security, expect, auth = peer.settings.security, peer.settings.expect, peer.settings.auth
    if security is Security.IMPLICIT:
        yield from _secure(seen)
    last: Reply = yield Hear(Stage.GREETING)
    seen.greeting = last
    if last.code != GREETING or expect.port == "closed":
        return last
    if security is Security.IMPLICIT:
        return (yield from _inside_tls(seen, name, peer.settings, login_due=login_due))
    last = yield from _greet(seen, name, expect.extensions)
    if seen.hello is None:
        return last
    if security is Security.STARTTLS and "STARTTLS" in seen.hello.extensions and expect.starttls != "forbidden":
        last = yield Say(Stage.STARTTLS, "STARTTLS")
        seen.starttls = last
        if offers_extensions(last):  # a second reply to EHLO
            seen.unsolicited = last
            return last
        if last.code // 100 == 2:  # RFC 3207 4: now nothing but TLS
            yield from _secure(seen)
            return (yield from _inside_tls(seen, name, peer.settings, login_due=login_due))
    if auth:
        seen.auth_not_attempted = "there is no TLS"
    return last


def _greet(seen: Seen, name: str, wanted: tuple[str, ...]) -> Script:
    """EHLO, and once HELO where the server does not know EHLO (RFC 5321 3.2, 4.1.1.1)."""
    reply: Reply = yield Say(Stage.EHLO, f"EHLO {name}")
    seen.ehlo = reply  # stands where the server closes instead of answering HELO
    if reply.code == GREETING:
        seen.unsolicited = reply
    elif reply.code // 100 == 2:
        seen.hello = hello("EHLO", reply, wanted)
    elif reply.code in NO_EHLO:
        seen.ehlo_refusal = reply
        reply = yield Say(Stage.EHLO, f"HELO {name}")
        seen.ehlo = reply
        if offers_extensions(reply):  # this is the reply to EHLO, so the one before was not
            seen.unsolicited = seen.ehlo_refusal
        elif reply.code == GREETING:
            seen.unsolicited = reply
        elif reply.code // 100 == 2:
            seen.hello = hello("HELO", reply)
    return reply


def _secure(seen: Seen) -> Generator[Command, Any, None]:
    """Turn to TLS and judge the certificate: a fact always, whatever is expected."""
    seen.session = yield Handshake()
    seen.verdict = yield Judge()


def _inside_tls(seen: Seen, name: str, settings: Settings, *, login_due: bool) -> Script:
    """RFC 3207 4.2: forget what was said in clear and ask again."""
    reply: Reply = yield Say(Stage.EHLO, f"EHLO {name}")
    seen.ehlo_tls = reply
    if reply.code == GREETING:
        seen.unsolicited = reply
    if reply.code // 100 != 2 or seen.unsolicited:
        return reply
    seen.hello_tls = hello("EHLO", reply, settings.expect.extensions)
    auth, mechanisms = settings.auth, seen.hello_tls.mechanisms
    if auth is None or not mechanisms:
        return reply
    seen.auth_not_attempted = _unsafe(seen)
    if seen.auth_not_attempted:
        return reply
    mechanism = choose(auth, mechanisms)
    if mechanism is None:
        wanted = auth.mechanism or "PLAIN, LOGIN or CRAM-MD5"
        seen.auth_unavailable = f"{wanted} wanted, {' '.join(sorted(mechanisms))} offered"
        return reply
    if login_due:
        reply = yield from _log_in(seen, mechanism, auth.username, reply)
    return reply


def _log_in(seen: Seen, mechanism: Mechanism, username: str, last: Reply) -> Script:
    """One attempt; return the last reply."""
    password: str | None = yield Password()
    if password is None:
        seen.auth_not_attempted = "the password cannot be read"
        return last
    seen.authenticated = False
    seen.auth, last = yield from login(mechanism, username, password)
    seen.authenticated = seen.auth.code // 100 == 2
    return last


def _unsafe(seen: Seen) -> str | None:
    """Why no password goes to this server (RFC 4954 14, RFC 8314 4.1); None where one may."""
    version = seen.session.version if seen.session else None
    if version not in SAFE_FOR_LOGIN:
        return f"{version} is too old for a password"
    return None if seen.verdict and seen.verdict.valid else "the certificate is not valid"


def _literal(address: str) -> str:
    """Our own address as RFC 5321 4.1.3 writes it."""
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"
