"""The certificates that a leaf depends on, and why they do not do: what OpenSSL's verification means to an operator.

A path to an anchor that is valid now; else to one that is not; else as far up as the server sent. What is valid
now is preferred; dates, names and strength of what is on the path are judged in `findings`.

A server that leads nowhere must not cost much: no signature of a slow key is verified, and of a path that only the
server itself vouches for no more than `MAX_UNTRUSTED` certificates.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import takewhile

from OpenSSL import crypto
from OpenSSL.SSL import X509VerificationCodes as Code

from exporter.trust.anchors import Anchors
from exporter.trust.certificate import MAX_SIZE, Reading, read, within
from exporter.trust.fields import NAME_CONSTRAINTS, SERVER_AUTHENTICATION, SUBJECT_ALTERNATIVE_NAME
from exporter.trust.verifier import path_to, store_of

MAX_DEPTH = 100
"""Certificates of a path, as with OpenSSL."""
MAX_UNTRUSTED = 4
"""Certificates that are verified of a path to no anchor: real ones are shorter."""
MAX_PRODUCT = 1 << 25
"""Octets of names times octets of name constraints: OpenSSL compares each with each, here a million times or so."""

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
UNSPECIFIED, EXPLICIT_PARAMETERS = 1, 94
"""X509_V_ERR_UNSPECIFIED and X509_V_ERR_EC_KEY_EXPLICIT_PARAMS, to which pyOpenSSL gives no names."""
UNSUITABLE = frozenset(
    {
        UNSPECIFIED,
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
        EXPLICIT_PARAMETERS,
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
    self_signed: bool = False
    """OpenSSL calls the leaf self-signed; its signature was not verified."""
    missing: tuple[Reading, ...] = ()
    """Those that the server did not send, roots aside."""
    source: str = ""
    """Where these are from."""

    def role(self, one: Reading) -> str:
        """How the text calls a certificate of the path: nothing for the leaf, which the text is about."""
        if one is self.readings[0]:
            return ""
        place = f" of {self.source}, which was not sent," if one in self.missing else ""
        return f"{'root' if one.self_issued else 'intermediate'} '{one.title}'{place}"


def readings(ders: Iterable[bytes]) -> tuple[Reading, ...]:
    """Those of the certificates that can be read, in order: as many octets as OpenSSL takes for a chain."""
    read_ones, room = [], MAX_SIZE
    for der in ders:
        if len(der) <= room:
            room -= len(der)
            with suppress(ValueError):
                read_ones.append(read(der))
    return tuple(read_ones)


def find_path(anchors: Anchors, sent: Sequence[Reading], now: float) -> Path:
    """The best path for the first of the certificates sent, through the others in any order and the anchors."""
    leaf, *others = sent
    others.sort(key=lambda one: not within(one.dates, now))  # the first that fits is taken
    usable = [one.openssl for one in others if not one.fields.slow_key]
    for store in anchors.stores(now):
        try:
            found = path_to(store, leaf.openssl, usable)
        except crypto.X509StoreContextError as error:
            failure = error
        else:
            path = (leaf, *readings(found[1:]))  # the leaf as it was sent, octet for octet
            return Path(path, anchored=True, missing=_missing(path, sent), source=anchors.source)
    walked, code = walk(leaf, others), failure.errors[0]
    if code in UNSUITABLE:
        return Path(walked, anchored=False, unsuitable=_objection(failure, walked))
    return Path(
        walked,
        anchored=False,
        distrust=_distrust(failure, walked, anchors),
        unsuitable=_judged_alone(walked),
        self_signed=code == Code.ERR_DEPTH_ZERO_SELF_SIGNED_CERT,
    )


def walk(leaf: Reading, others: Iterable[Reading]) -> tuple[Reading, ...]:
    """From the leaf upwards by names alone, through what the server sent; the first of a name is taken."""
    waiting: dict[int, Reading] = {}
    for one in others:
        if one.fields.subject:
            waiting.setdefault(one.subject_hash, one)
    walked = [leaf]
    while len(walked) < MAX_DEPTH and not walked[-1].self_issued:
        if (issuer := waiting.pop(walked[-1].issuer_hash, None)) is None:
            break
        walked.append(issuer)
    return tuple(walked)


def costly(chain: Sequence[Reading]) -> bool:
    """There are too many names and name constraints in these to compare each with each (RFC 5280 4.2.1.10)."""
    names, constraints = (
        sum(len(one.fields.extension(kind)) for one in chain) for kind in (SUBJECT_ALTERNATIVE_NAME, NAME_CONSTRAINTS)
    )
    return names * constraints > MAX_PRODUCT


def _missing(path: Sequence[Reading], sent: Sequence[Reading]) -> tuple[Reading, ...]:
    """The intermediates of a path that did not come from the server, neither these nor others of the same key."""
    there = {(one.fields.subject, one.fields.key) for one in sent}
    return tuple(one for one in path[1:] if not one.self_issued and (one.fields.subject, one.fields.key) not in there)


def _judged_alone(walked: Sequence[Reading]) -> str | None:
    """What OpenSSL would object to if the last certificate of the walk were an anchor."""
    leaf, *above = walked[:MAX_UNTRUSTED]
    chain = [leaf, *takewhile(lambda one: not one.fields.slow_key, above)]
    if costly(chain):
        return None
    try:
        path_to(store_of([chain[-1].openssl]), leaf.openssl, [one.openssl for one in chain[1:]])
    except crypto.X509StoreContextError as error:
        return _objection(error, walked) if error.errors[0] in UNSUITABLE else None
    return None


def _objection(failure: crypto.X509StoreContextError, walked: Sequence[Reading]) -> str:
    """One sentence: which certificate may not be used so, and why."""
    code, depth, text = failure.errors
    culprit = walked[0]
    if depth:
        try:
            culprit = read(crypto.dump_certificate(crypto.FILETYPE_ASN1, failure.certificate))
        except (ValueError, crypto.Error):  # OpenSSL does not say which
            return str(text)
    told = Path(tuple(walked), anchored=False).role(culprit)
    return f"{told}: {_explained(code, culprit, text)}".removeprefix(": ")


def _explained(code: int, culprit: Reading, text: str) -> str:
    fields = culprit.fields
    if code == EXPLICIT_PARAMETERS:
        return "its key gives the parameters of its curve instead of a name"
    if code == Code.ERR_INVALID_PURPOSE:
        if fields.purposes and SERVER_AUTHENTICATION not in fields.purposes:
            return "extendedKeyUsage lacks serverAuth"
        return "its keyUsage allows no TLS handshake" if fields.lacks_tls_usage else "it is not for TLS servers"
    if code == UNSPECIFIED and culprit.facts.key == "unknown":
        return "its key is of a kind or curve that OpenSSL does not know"
    return text


def _distrust(failure: crypto.X509StoreContextError, walked: Sequence[Reading], anchors: Anchors) -> str:
    """One sentence: what is missing, who issued what, and where was looked."""
    code, depth, text = failure.errors
    if code not in NO_ISSUER:
        return f"no path to a trust anchor: {text}"
    if not anchors.size:
        return "this machine has no trust anchors: install ca-certificates, or set tls.ca_file"
    if depth + 1 < len(walked):
        return _not_accepted(walked[depth], walked[depth + 1].fields.slow_key, "was sent")
    top = walked[-1]
    where = f" in {anchors.ca_file}" if anchors.ca_file else ""
    if top.self_issued:
        return f"private CA: set tls.ca_file: '{top.title}', which was sent, is no trust anchor{where}"
    if anchors.has_subject(top.issuer_hash):
        return _not_accepted(top, None, f"is a trust anchor{where}")
    alone, public = len(walked) == 1, top.fields.names_its_issuer
    causes = (
        (alone or public, "no intermediate was sent" + ("" if alone else f" above '{top.title}'")),
        (not (alone and public), "private CA: set tls.ca_file"),
    )
    likely = ", or ".join(cause for holds_here, cause in causes if holds_here)
    issuer = f"'{top.facts.issuer}', the issuer of '{top.title}'"
    return f"{likely}: {issuer}, was not sent and is no trust anchor{where}"


def _not_accepted(one: Reading, slow: str | None, place: str) -> str:
    """Why OpenSSL does not take a certificate of the right name as the issuer."""
    why = slow or "their keys or key identifiers do not match, or an extension is malformed"
    return f"'{one.facts.issuer}', the issuer of '{one.title}', {place}, but is not accepted: {why}"
