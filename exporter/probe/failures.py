"""The one place where an exception becomes a Reason: a table by stage and kind, and what TLS hides.

OpenSSL says WRONG_VERSION_NUMBER for a greeting, a web page and an injected reply alike, so the first raw bytes of
the handshake decide before its error does.
"""

import contextlib
import errno

from exporter.model import Ended, Reply, Security
from exporter.phrases import took_for_command
from exporter.probe.lag import LoopBlockedError
from exporter.reasons import Reason, Stage, Untestable
from exporter.smtp.reply import MalformedReplyError, ReplyParser, ReplyTooLongError, text
from exporter.wire import NO_ROUTE, ClosedError, EarlyDataError, HandshakeError, TlsError, has_route, is_tls_record

LOCAL_RESOURCES = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
)
"""Errors of our own machine, which say nothing of the target."""

CONNECT: dict[int | None, Reason] = {
    errno.ECONNREFUSED: Reason.CONNECTION_REFUSED,
    errno.ETIMEDOUT: Reason.CONNECTION_TIMEOUT,
    errno.ENETUNREACH: Reason.NETWORK_UNREACHABLE,
    errno.EHOSTUNREACH: Reason.NETWORK_UNREACHABLE,
    errno.EHOSTDOWN: Reason.NETWORK_UNREACHABLE,
    errno.ENETDOWN: Reason.NETWORK_UNREACHABLE,
    errno.EACCES: Reason.CONNECTION_PROHIBITED,
    errno.EPERM: Reason.CONNECTION_PROHIBITED,
    errno.EINVAL: Reason.CONNECTION_PROHIBITED,  # a blackhole route
}

STAGES: dict[Stage, dict[type[Exception], Reason]] = {
    Stage.CONNECT: {TimeoutError: Reason.CONNECTION_TIMEOUT},
    Stage.GREETING: {
        TimeoutError: Reason.GREETING_TIMEOUT,
        ClosedError: Reason.GREETING_CLOSED,
        MalformedReplyError: Reason.GREETING_MALFORMED,
        ReplyTooLongError: Reason.GREETING_MALFORMED,
    },
    Stage.EHLO: {
        TimeoutError: Reason.EHLO_TIMEOUT,
        ClosedError: Reason.EHLO_CLOSED,
        MalformedReplyError: Reason.REPLY_MALFORMED,
        ReplyTooLongError: Reason.REPLY_TOO_LONG,
    },
    Stage.STARTTLS: {
        TimeoutError: Reason.STARTTLS_TIMEOUT,
        ClosedError: Reason.STARTTLS_CLOSED,
        MalformedReplyError: Reason.REPLY_MALFORMED,
        ReplyTooLongError: Reason.REPLY_TOO_LONG,
    },
    Stage.TLS: {TimeoutError: Reason.TLS_TIMEOUT, ClosedError: Reason.TLS_CLOSED},
    Stage.AUTH: {
        TimeoutError: Reason.AUTH_TIMEOUT,
        ClosedError: Reason.AUTH_CLOSED,
        MalformedReplyError: Reason.REPLY_MALFORMED,
        ReplyTooLongError: Reason.REPLY_TOO_LONG,
    },
}
"""An OSError at a stage not found here is a connection that was reset: ClosedError."""

OPENSSL: dict[str, Reason] = {
    "tlsv1 alert protocol version": Reason.TLS_VERSION_UNSUPPORTED,
    "unsupported protocol": Reason.TLS_VERSION_UNSUPPORTED,
    "wrong ssl version": Reason.TLS_VERSION_UNSUPPORTED,
    "tlsv13 alert certificate required": Reason.TLS_CLIENT_CERTIFICATE_REQUIRED,
    "tlsv1 unrecognized name": Reason.TLS_NAME_REJECTED,
}
"""TlsError.reason; any other is tls_handshake_failed."""

NO_CLIENT_CERTIFICATE = ("alert handshake failure", "alert no certificate", "alert bad certificate")
"""How the reason of a TlsError ends where a TLS 1.2 server asked for a certificate and got none."""


SILENCE = 2.5
"""Seconds of silence before a close. PROXY protocol listeners wait for their header for 3 s (Exim, Dovecot) or 5 s."""


def ended(
    stage: Stage,
    error: Exception,
    security: Security,
    port: int,
    *,
    established: bool = False,
    silence: float = 0.0,
) -> Ended:
    """Say what it means that the conversation ended at this stage with this error.

    `established`: a reply was read inside TLS, so the handshake is no longer to blame.
    `silence`: seconds for which nothing came at this stage.
    """
    match error:
        case HandshakeError():
            return _handshake(error, security)
        case EarlyDataError():
            return _early(error.args[0])
        case TlsError() if not established:  # TLS 1.3: the handshake failed late
            return Ended(Stage.TLS, OPENSSL.get(error.reason, Reason.TLS_HANDSHAKE_FAILED), error.reason)
        case MalformedReplyError() if _greets_with_tls(stage, error, security, port):
            return Ended(stage, Reason.IMPLICIT_TLS_REQUIRED, "the first bytes are a TLS record")
        case OSError() if stage is Stage.CONNECT and not isinstance(error, TimeoutError):
            return Ended(stage, CONNECT.get(error.errno, Reason.NETWORK_UNREACHABLE), str(error.strerror))
    known = STAGES[stage]
    reason = known.get(type(error), known.get(ClosedError, Reason.INTERNAL_ERROR))
    if reason is Reason.GREETING_CLOSED and silence >= SILENCE and security is not Security.IMPLICIT:
        return Ended(stage, reason, f"after {silence:.0f} s of silence: perhaps a PROXY protocol listener")
    return Ended(stage, reason, detail(error))


def mistake(error: BaseException) -> Ended:
    """Say that a mistake of ours ended it."""
    return Ended(Stage.INTERNAL, Reason.INTERNAL_ERROR, type(error).__name__)


def untestable(error: Exception, address: str) -> Untestable | None:
    """Whether this says nothing of the target: no route or no resources here, or our own event loop was blocked."""
    cause = error.cause if isinstance(error, HandshakeError) else error
    code = cause.errno if isinstance(cause, OSError) else None
    if code in NO_ROUTE and not has_route(address):
        return Untestable.NO_IPV6 if ":" in address else Untestable.NO_IPV4
    return Untestable.LOCAL_RESOURCES if code in LOCAL_RESOURCES or isinstance(cause, LoopBlockedError) else None


def detail(error: Exception) -> str:
    """What an error says, in words of people rather than of libraries; empty where its kind says all."""
    match error:
        case HandshakeError():
            return detail(error.cause)
        case MalformedReplyError() | LoopBlockedError():
            return str(error)
        case TlsError():
            return error.reason
        case OSError() if error.errno:
            return str(error.strerror)
    return ""


def _greets_with_tls(stage: Stage, error: MalformedReplyError, security: Security, port: int) -> bool:
    plaintext = stage is Stage.GREETING and security is not Security.IMPLICIT
    return plaintext and port != 25 and is_tls_record(error.raw)


def clear_reply(raw: bytes) -> Reply | None:
    """The SMTP reply with which a server answered our ClientHello in clear, if it did: the lines that have come."""
    parser = ReplyParser()
    try:
        return parser.feed(raw if raw.endswith(b"\n") else raw + b"\r\n") or parser.feed(raw[:3] + b" \r\n")
    except (MalformedReplyError, ReplyTooLongError):
        return None


def greeting_in_clear(raw: bytes) -> Reply | None:
    """A refusal in clear on an implicit TLS port: Exim says 421 and 554 so when it is busy or does not like us."""
    reply = clear_reply(raw)
    return reply if reply and reply.code // 100 in (4, 5) and not took_for_command(reply) else None


def _own_refusal(raw: bytes) -> str:
    """The first of one or more complete 4xx or 5xx replies, if that is all that came; else an empty string.

    TLS failed to start after the 220, and the server says so itself: an attacker gains nothing from that.
    """
    parser, refusals = ReplyParser(), list[Reply]()
    with contextlib.suppress(MalformedReplyError, ReplyTooLongError):
        reply = parser.feed(raw)
        while reply and reply.code // 100 in (4, 5):
            refusals.append(reply)
            if not parser.pending.strip(b"\r\n"):
                return f"{refusals[0].code} {refusals[0].text}"
            reply = parser.feed(b"")
    return ""


def _early(raw: bytes) -> Ended:
    """What followed the 220 to STARTTLS, before we sent anything, is no TLS."""
    if refusal := _own_refusal(raw):
        return Ended(Stage.TLS, Reason.STARTTLS_NOT_TLS, refusal)
    return Ended(Stage.STARTTLS, Reason.STARTTLS_INJECTION, f"after the 220 came: {_shown(raw)}")


def _in_clear(raw: bytes, security: Security) -> Ended:
    """What answered our ClientHello is no TLS."""
    if security is Security.STARTTLS:
        detail = _own_refusal(raw) or f"our ClientHello was answered in clear: {_shown(raw)}"
        return Ended(Stage.TLS, Reason.STARTTLS_NOT_TLS, detail)
    reply = clear_reply(raw)
    if reply and (reply.code == 220 or (reply.code // 100 in (4, 5) and took_for_command(reply))):
        return Ended(Stage.TLS, Reason.PLAINTEXT_ON_TLS_PORT, f"in clear: {_shown(raw)}")
    return Ended(Stage.TLS, Reason.TLS_HANDSHAKE_FAILED, f"in clear: {_shown(raw)}")


def _handshake(error: HandshakeError, security: Security) -> Ended:
    cause = error.cause
    if error.raw and not 0x14 <= error.raw[0] <= 0x17:
        return _in_clear(error.raw, security)
    if isinstance(cause, TimeoutError):
        return Ended(Stage.TLS, Reason.TLS_TIMEOUT)
    if not isinstance(cause, TlsError):
        return Ended(Stage.TLS, Reason.TLS_CLOSED, detail(cause))
    if cause.reason.endswith(NO_CLIENT_CERTIFICATE) and error.certificate_requested:
        return Ended(Stage.TLS, Reason.TLS_CLIENT_CERTIFICATE_REQUIRED, cause.reason)
    return Ended(Stage.TLS, OPENSSL.get(cause.reason, Reason.TLS_HANDSHAKE_FAILED), cause.reason)


def _shown(raw: bytes) -> str:
    """What came, or "an empty line" where that is all, or TLS follows it."""
    rest = raw.lstrip(b"\r\n")
    return "an empty line" if not rest or (rest != raw and is_tls_record(rest)) else text(raw[:100]).strip()
