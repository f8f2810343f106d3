"""Is what was agreed on in the handshake good enough? The handshake itself takes anything."""

import re
from collections.abc import Iterator
from functools import lru_cache

from exporter.checks.problem import problem
from exporter.model import TLS_VERSIONS, Expect, Problem, Result, Security, Session
from exporter.reasons import Reason

WEAK_CIPHER = re.compile(r"NULL|EXP|DES|RC[24]|MD5|IDEA|SEED|^A(EC)?DH")
FORWARD_SECRECY = re.compile(r"^(TLS_|ECDHE-|DHE-)")
"""OpenSSL's names; every suite of TLS 1.3 has forward secrecy."""
LEAST_GROUP = 2048
"""Bits: the smallest finite-field group that OpenSSL takes at level 2, the default in Debian (112 bits of security)."""

REFUSED = "OpenSSL at Debian's default level, 2, refuses"


def check(result: Result, expect: Expect) -> Iterator[Problem]:
    """Version (RFC 8996) and cipher and group (RFC 9325) of the session."""
    session = result.session
    if result.peer.settings.security is Security.NONE or session is None or session.version is None:
        return
    least = expect.min_tls or "TLSv1.2"
    if session.version not in TLS_VERSIONS[TLS_VERSIONS.index(least) :]:
        detail = f"{session.version}; at least {least} is expected"
        yield from problem(Reason.TLS_VERSION_TOO_OLD, detail, expected=expect.min_tls is not None)
    if weaknesses := "; ".join(_weaknesses(session)):
        yield from problem(Reason.TLS_WEAK, weaknesses)


def _weaknesses(session: Session) -> Iterator[str]:
    """What is wrong with a session, as RFC 9325 or OpenSSL's default level has it."""
    if weakness := _weakness(session.cipher or ""):
        yield weakness
    elif session.dh_bits and session.dh_bits < LEAST_GROUP:
        yield f"Diffie-Hellman group of {session.dh_bits} bits; {REFUSED} less than {LEAST_GROUP}"
    if session.signed_with_sha1:
        yield f"the key exchange is signed with SHA-1; {REFUSED} that"
    if session.secure_renegotiation is False:
        yield "no secure renegotiation (RFC 5746), without which OpenSSL refuses a server"


@lru_cache(maxsize=256)
def _weakness(cipher: str) -> str:
    """What is wrong with a cipher of OpenSSL's, of which there are few; empty where nothing is."""
    if WEAK_CIPHER.search(cipher):
        return f"cipher {cipher}"
    return "" if FORWARD_SECRECY.search(cipher) else f"no forward secrecy: {cipher}"
