"""The certificates that a leaf depends on, and why they do not do: what OpenSSL's verification means to an operator.

A path to an anchor that is valid now; else to one that is not; else as far up as the server sent. What is valid
now is preferred; dates, names and strength of what is on the path are judged in `judge`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from OpenSSL import crypto
from OpenSSL.SSL import X509VerificationCodes as Code

from exporter.model import Certificate
from exporter.trust.anchors import Anchors, path_to, store_of
from exporter.trust.certificate import Reading, read

MAX_SENT = 32
"""Certificates of a chain that are looked at. Real paths are shorter than 6."""

NO_ISSUER = frozenset(
    {
        Code.ERR_UNABLE_TO_GET_ISSUER_CERT,
        Code.ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
        Code.ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE,
        Code.ERR_DEPTH_ZERO_SELF_SIGNED_CERT,
        Code.ERR_SELF_SIGNED_CERT_IN_CHAIN,
        Code.ERR_CERT_UNTRUSTED,
    }
)
"""OpenSSL's words for: the path ends before an anchor."""
UNSUITABLE = frozenset(
    {
        Code.ERR_INVALID_CA,
        Code.ERR_INVALID_NON_CA,
        Code.ERR_INVALID_PURPOSE,
        Code.ERR_PATH_LENGTH_EXCEEDED,
        Code.ERR_KEYUSAGE_NO_CERTSIGN,
        Code.ERR_UNHANDLED_CRITICAL_EXTENSION,
        Code.ERR_PROXY_CERTIFICATES_NOT_ALLOWED,
        Code.ERR_PROXY_PATH_LENGTH_EXCEEDED,
        Code.ERR_INVALID_EXTENSION,
        Code.ERR_INVALID_POLICY_EXTENSION,
        Code.ERR_UNSUPPORTED_EXTENSION_FEATURE,
        Code.ERR_UNNESTED_RESOURCE,
        Code.ERR_PERMITTED_VIOLATION,
        Code.ERR_EXCLUDED_VIOLATION,
        Code.ERR_SUBTREE_MINMAX,
        Code.ERR_UNSUPPORTED_CONSTRAINT_TYPE,
        Code.ERR_UNSUPPORTED_CONSTRAINT_SYNTAX,
        Code.ERR_UNSUPPORTED_NAME_SYNTAX,
    }
)
"""OpenSSL's words for: the path is there, and a certificate on it may not be used so."""


@dataclass(frozen=True, slots=True)
class Path:
    """The certificates that the leaf depends on, and what OpenSSL has against them."""

    readings: tuple[Reading, ...]
    """The leaf first; up to the anchor where `anchored`, else as far as the server sent them."""
    anchored: bool
    distrust: str | None = None
    """Why there is no path to an anchor."""
    unsuitable: str | None = None
    """Why a certificate on it may not be used so."""


def readings(ders: Iterable[bytes]) -> tuple[Reading, ...]:
    """Those of the certificates that can be read, in order."""
    read_ones = []
    for der in ders:
        try:
            read_ones.append(read(der))
        except ValueError:
            continue
    return tuple(read_ones)


def find_path(store: Anchors, sent: Sequence[Reading], now: float) -> Path:
    """The best path for the first of the certificates sent, through the others in any order and the store."""
    leaf, *others = sent
    others.sort(key=lambda one: not holds(one.facts, now))  # the first that fits is taken
    for moment in (now, None):
        try:
            found = store.path(leaf.openssl, [one.openssl for one in others], moment)
            return Path((leaf, *readings(found[1:])), anchored=True)  # the leaf as it was sent, flaw and all
        except crypto.X509StoreContextError as error:
            failure = error
    walked = walk(leaf, others)
    if failure.errors[0] in UNSUITABLE:
        return Path(walked, anchored=False, unsuitable=_objection(failure, walked))
    return Path(walked, anchored=False, distrust=_distrust(failure, walked, store), unsuitable=_judged_alone(walked))


def holds(facts: Certificate, now: float) -> bool:
    """It is neither too early nor too late for it; both ends belong to the validity (RFC 5280 4.1.2.5)."""
    return facts.not_before <= now <= facts.not_after


def role(one: Reading, path: Path) -> str:
    """How the text calls a certificate of the path: nothing for the leaf, which the text is about."""
    if one is path.readings[0]:
        return ""
    return f"{'root' if one.self_issued else 'intermediate'} '{one.facts.subject}'"


def walk(leaf: Reading, others: Sequence[Reading]) -> tuple[Reading, ...]:
    """From the leaf upwards by names alone, through what the server sent."""
    waiting = {one.subject: one for one in reversed(others) if one.subject}  # the first of a name wins
    walked = [leaf]
    while not walked[-1].self_issued and (issuer := waiting.pop(walked[-1].issuer, None)):
        walked.append(issuer)
    return tuple(walked)


def _judged_alone(walked: Sequence[Reading]) -> str | None:
    """What OpenSSL would object to if the last certificate of the walk were an anchor."""
    leaf, *others = (one.openssl for one in walked)
    try:
        path_to(store_of([walked[-1].openssl]), leaf, others)
    except crypto.X509StoreContextError as error:
        return _objection(error, walked) if error.errors[0] in UNSUITABLE else None
    return None


def _objection(failure: crypto.X509StoreContextError, walked: Sequence[Reading]) -> str:
    _, depth, text = failure.errors
    if depth == 0 or not (culprit := readings([crypto.dump_certificate(crypto.FILETYPE_ASN1, failure.certificate)])):
        return str(text)
    return f"{role(culprit[0], Path(tuple(walked), anchored=False))}: {text}"


def _distrust(failure: crypto.X509StoreContextError, walked: Sequence[Reading], store: Anchors) -> str:
    """One sentence: what is missing, who issued what, and where was looked."""
    if failure.errors[0] not in NO_ISSUER:
        return f"no path to a trust anchor: {failure.errors[2]}"
    if not store.size:
        return "this machine has no trust anchors: install ca-certificates, or set tls.ca_file"
    top = walked[-1]
    where = f" in {store.ca_file}" if store.ca_file else ""
    if top.self_issued:
        return f"private CA: set tls.ca_file: '{top.facts.subject}', which was sent, is no trust anchor{where}"
    alone, public = len(walked) == 1, top.names_its_issuer
    causes = (
        (alone or public, "no intermediate was sent" + ("" if alone else f" above '{top.facts.subject}'")),
        (not (alone and public), "private CA: set tls.ca_file"),
    )
    likely = ", or ".join(cause for holds_here, cause in causes if holds_here)
    issuer = f"'{top.facts.issuer}', the issuer of '{top.facts.subject}'"
    return f"{likely}: {issuer}, was not sent and is no trust anchor{where}"
