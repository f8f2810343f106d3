"""OpenSSL's verifier (RFC 5280 section 6): its stores, the paths that it finds, and single questions to it.

Dates are judged apart, so that an expired chain still has a path. X509_STRICT is off, as in mail servers.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from OpenSSL import crypto
from OpenSSL._util import lib  # the purpose of a store has no public call
from OpenSSL.SSL import X509VerificationCodes as Code

from exporter.trust.certificate import Reading, read
from exporter.trust.der import BIT_STRING, BOOLEAN, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, element, oid
from exporter.trust.fields import EXTENSIONS, GENERALIZED_TIME, UTC_TIME, VERSION

Flags = crypto.X509StoreFlags
NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME of <openssl/x509_vfy.h>, to which pyOpenSSL gives no name."""
NO_DATE = {
    Code.ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD: "notBefore",
    Code.ERR_ERROR_IN_CERT_NOT_AFTER_FIELD: "notAfter",
}


def store_of(anchors: Iterable[crypto.X509]) -> crypto.X509Store:
    """A store in which each of these is a trust anchor of TLS servers, self-signed or not."""
    return _filled(anchors, Flags.PARTIAL_CHAIN | NO_CHECK_TIME, lib.X509_PURPOSE_SSL_SERVER)


def path_to(store: crypto.X509Store, leaf: crypto.X509, others: Sequence[crypto.X509]) -> list[bytes]:
    """The DER certificates from leaf to an anchor of the store, trusted ones first.

    Raises:
        crypto.X509StoreContextError: there is no path; `errors` holds OpenSSL's code, the depth and its text.
    """
    path = crypto.X509StoreContext(store, leaf, others).get_verified_chain()
    return [crypto.dump_certificate(crypto.FILETYPE_ASN1, one) for one in path]


def signed_by_itself(one: Reading, *, flagged: bool) -> bool:
    """Whether its own key signed it. The signature is verified: equal names prove nothing.

    `flagged`: OpenSSL calls it self-signed, and so would look for no other issuer.
    """
    if not one.self_issued or one.fields.slow_key:
        return False
    if not flagged:
        return signed_with(one, one.fields.key) is not None
    return _failure(one, (one,), Flags.CHECK_SS_SIGNATURE | NO_CHECK_TIME) is None


def signed_with(one: Reading, key: bytes) -> Reading | None:
    """The certificate that is missing above one that a bare key signed; None where it did not.

    `key` is a SubjectPublicKeyInfo. Who signed that certificate is nobody's business: it is to be trusted as it stands.
    """
    try:
        issuer = read(_bearing(key, one.fields.issuer))
    except ValueError:
        return None
    holds = not issuer.fields.slow_key and _failure(one, (issuer,), Flags.PARTIAL_CHAIN | NO_CHECK_TIME) is None
    return issuer if holds else None


def not_a_date(one: Reading) -> str | None:
    """Which of its dates OpenSSL refuses as such, where one of them could not be read."""
    if None not in one.dates:
        return None
    readable = next(filter(None, one.dates), 0.0)  # at that moment it complains of the other
    return NO_DATE.get(_failure(one, (one,), Flags.PARTIAL_CHAIN, at=readable) or 0)


def _failure(one: Reading, anchors: Iterable[Reading], flags: int, at: float = 0.0) -> int | None:
    """OpenSSL's code for why there is no path from this one alone to the anchors, whatever either is for."""
    store = _filled((each.openssl for each in anchors), flags | Flags.IGNORE_CRITICAL, lib.X509_PURPOSE_ANY)
    if not flags & NO_CHECK_TIME:
        store.set_time(datetime.fromtimestamp(at, UTC).replace(tzinfo=None))
    try:
        crypto.X509StoreContext(store, one.openssl).verify_certificate()
    except crypto.X509StoreContextError as error:
        return int(error.errors[0])
    return None


def _filled(anchors: Iterable[crypto.X509], flags: int, purpose: int) -> crypto.X509Store:
    store = crypto.X509Store()
    store.set_flags(flags)
    lib.X509_STORE_set_purpose(store._store, purpose)
    for anchor in anchors:
        store.add_cert(anchor)
    return store


def _bearing(key: bytes, name: bytes) -> bytes:
    """A certificate of that key and name. The signature is none: an anchor needs none."""
    signature = element(SEQUENCE, element(OBJECT_IDENTIFIER, oid("1.3.101.112")))
    names = element(SEQUENCE, name)
    authority = element(SEQUENCE, element(BOOLEAN, b"\xff"))
    constraints = element(SEQUENCE, element(OBJECT_IDENTIFIER, oid("2.5.29.19")), element(OCTET_STRING, authority))
    validity = element(SEQUENCE, element(UTC_TIME, b"500101000000Z"), element(GENERALIZED_TIME, b"99991231235959Z"))
    signed = element(
        SEQUENCE,
        element(VERSION, element(INTEGER, b"\2")),
        element(INTEGER, b"\1"),
        *(signature, names, validity, names, key),
        element(EXTENSIONS, element(SEQUENCE, constraints)),
    )
    return element(SEQUENCE, signed, signature, element(BIT_STRING, bytes(65)))
