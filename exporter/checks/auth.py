"""Can users log in, and only safely (RFC 4954, RFC 8314)?"""

from collections.abc import Iterator
from functools import lru_cache
from ipaddress import ip_address

from exporter.checks.problem import first_line_hint, problem
from exporter.model import Expect, Problem, Reply, Result, Security
from exporter.phrases import explain
from exporter.reasons import Reason, Stage
from exporter.smtp.login import MECHANISMS

SHOW_THE_PASSWORD = frozenset({"PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER"})
"""Mechanisms open to whoever listens (RFC 4954 9); CRAM-MD5, SCRAM, NTLM and GSSAPI are not."""
NOT_UNDERSTOOD = frozenset({500, 501, 502, 503})


def check(result: Result, expect: Expect) -> Iterator[Problem]:
    """The offer in clear, the offer inside TLS, and the login where one is configured."""
    settings = result.peer.settings
    if settings.security is Security.NONE:
        return
    if result.hello and not _on_loopback(result.address):
        in_clear = result.hello.mechanisms & SHOW_THE_PASSWORD
        if in_clear:
            forbidden = expect.auth_before_tls == "forbidden"
            yield from problem(Reason.AUTH_OFFERED_IN_CLEAR, " ".join(sorted(in_clear)), expected=forbidden)
    if result.hello_tls and not result.hello_tls.mechanisms:
        detail = first_line_hint(result.ehlo_tls, "AUTH")
        yield from problem(Reason.AUTH_NOT_OFFERED, detail, expected=expect.auth == "required")
    if result.auth_not_attempted:
        yield from problem(Reason.AUTH_NOT_ATTEMPTED, result.auth_not_attempted)
    elif settings.auth and result.ended and result.ended.reason is Reason.STARTTLS_INJECTION:
        yield from problem(Reason.AUTH_NOT_ATTEMPTED, "STARTTLS was tampered with")
    if result.auth_unavailable:
        yield from problem(Reason.AUTH_MECHANISM_UNAVAILABLE, result.auth_unavailable + _unsupported(result))
    if result.auth_ended:
        yield from problem(result.auth_ended.reason, result.auth_ended.detail, stage=Stage.AUTH)
    elif result.auth and not result.authenticated:
        yield from problem(_refusal(result.auth), explain(result.auth))


def _unsupported(result: Result) -> str:
    """What we support, where the server offers none of it: SCRAM, OAuth, Kerberos or NTLM only."""
    offered = result.hello_tls.mechanisms if result.hello_tls else frozenset()
    return "" if offered.intersection(MECHANISMS) else f"; this exporter supports {', '.join(MECHANISMS)}"


def _refusal(reply: Reply) -> Reason:
    """What the last answer of a login means that was not 235."""
    if reply.code == 504:
        return Reason.AUTH_MECHANISM_UNAVAILABLE
    if reply.code in NOT_UNDERSTOOD:
        return Reason.AUTH_FAILED
    return {4: Reason.AUTH_TEMPORARY, 5: Reason.AUTH_REJECTED}.get(reply.code // 100, Reason.AUTH_FAILED)


@lru_cache(maxsize=4096)
def _on_loopback(address: str) -> bool:
    return bool(address) and ip_address(address).is_loopback
