"""One certificate, read: DER to the facts of the contract, whatever its maker did to it.

`cryptography` reads strictly; what it refuses OpenSSL may still have accepted in the handshake: then OpenSSL tells
the dates and `Reading.flaw` tells what is malformed. Nothing here knows of time, trust or other certificates.
"""

import hashlib
import math
import warnings
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID
from OpenSSL import crypto

from exporter.model import Certificate

MAX_SIZE = 100 * 1024
"""Octets of a certificate that is read at all: as much as OpenSSL takes for a whole chain."""
MAX_LABEL = 64
"""Characters of a common name that are kept (contract, section 4)."""
MAX_NAMES = 100
"""Names kept as a fact, each as long as a DNS name may be. All of them are matched."""
MAX_NAME = 253

KEYS: tuple[tuple[type, str, int], ...] = (
    (rsa.RSAPublicKey, "rsa-{.key_size}", 2048),
    (ec.EllipticCurvePublicKey, "ecdsa-{.key_size}", 224),
    (dsa.DSAPublicKey, "dsa-{.key_size}", 2048),
    (ed25519.Ed25519PublicKey, "ed25519", 0),
    (ed448.Ed448PublicKey, "ed448", 0),
)
"""Kind of key, what a label calls it, bits under which it is weak."""
WEAK_HASHES = {"md5": "MD5", "sha1": "SHA-1"}

AnExtension = TypeVar("AnExtension", bound=x509.ExtensionType)


@dataclass(frozen=True, slots=True)
class Reading:
    """A certificate as it can be looked at: our facts, OpenSSL's view and `cryptography`'s."""

    facts: Certificate
    openssl: crypto.X509
    parsed: x509.Certificate | None
    """None where `flaw` says why not."""
    flaw: str | None = None
    """What is malformed (X.690, RFC 5280), although OpenSSL can read it."""
    subject: bytes = b""
    """The distinguished names in DER, to find the next of a chain; empty where they cannot be read."""
    issuer: bytes = b""

    @property
    def self_issued(self) -> bool:
        """Subject and issuer are the same name, as of a root (RFC 5280 section 3.2)."""
        return self.subject == self.issuer != b""

    @property
    def signed_by_itself(self) -> bool:
        """Its own key signed it. The signature is verified: equal names prove nothing."""
        if self.parsed is None:
            return False
        try:
            self.parsed.verify_directly_issued_by(self.parsed)
        except Exception:  # noqa: BLE001 - hostile keys and signatures fail in many ways, and each of them means no
            return False
        return True

    @property
    def names_its_issuer(self) -> bool:
        """It tells where its issuer's certificate is to be had, as those of public CAs do (RFC 5280 4.2.2.1)."""
        ways = self.extension(x509.AuthorityInformationAccess) or ()
        return any(way.access_method == AuthorityInformationAccessOID.CA_ISSUERS for way in ways)

    def extension(self, kind: type[AnExtension]) -> AnExtension | None:
        """Its extension of this kind, or None."""
        return None if self.parsed is None or self.flaw else extension(self.parsed, kind)


def certificate(der: bytes) -> Certificate:
    """The facts of a DER certificate.

    Raises:
        ValueError: not even OpenSSL can read it, or it is over `MAX_SIZE`.
    """
    return read(der).facts


@lru_cache(maxsize=256)  # mostly intermediates and anchors: a leaf's facts live on in its verdict
def read(der: bytes) -> Reading:
    """Read a DER certificate; equal ones share one reading.

    Raises:
        ValueError: not even OpenSSL can read it, or it is over `MAX_SIZE`.
    """
    if len(der) > MAX_SIZE:
        raise ValueError(f"a certificate of {len(der)} octets")
    try:
        openssl = crypto.load_certificate(crypto.FILETYPE_ASN1, der)
    except crypto.Error:
        raise ValueError("not a certificate: OpenSSL cannot read it") from None
    with warnings.catch_warnings(action="ignore"):  # of serial numbers and country codes: peers' faults, not ours
        try:
            parsed = x509.load_der_x509_certificate(der)
            facts = _facts(parsed)
            names = parsed.subject.public_bytes(), parsed.issuer.public_bytes()
        except Exception as error:  # noqa: BLE001 - what hostile names raise differs by version, KeyError for one
            return Reading(_facts_by_openssl(openssl, der), openssl, None, _flaw(error))
        try:
            _ = parsed.extensions
        except Exception as error:  # noqa: BLE001 - as above
            return Reading(facts, openssl, parsed, _flaw(error), *names)
    return Reading(facts, openssl, parsed, None, *names)


def validity(openssl: crypto.X509) -> tuple[float, float]:
    """From when and until when it is valid, in Unix seconds, as OpenSSL reads it.

    Raises:
        ValueError: it has no such dates.
    """
    try:
        stamps = [openssl.get_notBefore() or b"", openssl.get_notAfter() or b""]
    except crypto.Error:
        raise ValueError("not a certificate: OpenSSL cannot read its dates") from None
    first, last = (datetime.strptime(stamp.decode("ascii"), "%Y%m%d%H%M%SZ").replace(tzinfo=UTC) for stamp in stamps)
    return first.timestamp(), last.timestamp()


def unchanged(validities: Iterable[tuple[float, float]], now: float) -> tuple[float, float]:
    """From when until when (exclusive) none of these begins or ends, around now."""
    edges = {edge for first, last in validities for edge in (first, math.nextafter(last, math.inf))}
    return (
        max((edge for edge in edges if edge <= now), default=-math.inf),
        min((edge for edge in edges if edge > now), default=math.inf),
    )


def unreadable(der: bytes) -> Certificate:
    """All that is known of what cannot be read: its fingerprint. The dates are 0.0."""
    return Certificate("", "", "", hashlib.sha256(der).hexdigest(), "unknown", 0.0, 0.0, ())


def clean(text: str, limit: int) -> str:
    """Peer text, fit for a label or a terminal: what is not printable is replaced, and it is cut."""
    kept = text[:limit]
    return kept if kept.isprintable() else "".join(char if char.isprintable() else "\ufffd" for char in kept)


def _flaw(error: Exception) -> str:
    return clean(str(error) if isinstance(error, ValueError) else repr(error), 200)


def extension(parsed: x509.Certificate, kind: type[AnExtension]) -> AnExtension | None:
    """The extension of this kind, or None where it has none or none can be read."""
    with suppress(Exception):  # it has none, or none can be read: of the latter `Reading.flaw` tells
        return parsed.extensions.get_extension_for_class(kind).value
    return None


def _facts(parsed: x509.Certificate) -> Certificate:
    san = extension(parsed, x509.SubjectAlternativeName) or x509.SubjectAlternativeName([])
    names = [*san.get_values_for_type(x509.DNSName), *map(str, san.get_values_for_type(x509.IPAddress))]
    organisation = _first(parsed.issuer, NameOID.ORGANIZATION_NAME)
    key, weakness = _key(parsed)
    return Certificate(
        subject=_first(parsed.subject, NameOID.COMMON_NAME) or clean("".join(names[:1]), MAX_LABEL),
        issuer=_first(parsed.issuer, NameOID.COMMON_NAME) or organisation,
        serial=f"{parsed.serial_number:x}",
        fingerprint_sha256=parsed.fingerprint(hashes.SHA256()).hex(),
        key=key,
        not_before=parsed.not_valid_before_utc.timestamp(),
        not_after=parsed.not_valid_after_utc.timestamp(),
        names=tuple(sorted({clean(name, MAX_NAME) for name in names})[:MAX_NAMES]),
        issuer_organisation=organisation,
        weakness=weakness or _weak_signature(parsed),
    )


def _first(name: x509.Name, oid: x509.ObjectIdentifier) -> str:
    """The first attribute of that kind in a distinguished name, fit for a label, or nothing."""
    texts = [attribute.value for attribute in name.get_attributes_for_oid(oid)]
    return clean(texts[0], MAX_LABEL) if texts and isinstance(texts[0], str) else ""


def _key(parsed: x509.Certificate) -> tuple[str, str | None]:
    """What a label calls its key, and why that is weak."""
    with suppress(ValueError, UnsupportedAlgorithm):
        key = parsed.public_key()
        for kind, label, bits in KEYS:
            if isinstance(key, kind):
                weak = getattr(key, "key_size", bits) < bits
                name = label.format(key)
                return name, f"{name} key" if weak else None
    return "unknown", None


def _weak_signature(parsed: x509.Certificate) -> str | None:
    with suppress(UnsupportedAlgorithm):
        name = getattr(parsed.signature_hash_algorithm, "name", "")
        return f"{WEAK_HASHES[name]} signature" if name in WEAK_HASHES else None
    return None


def _facts_by_openssl(openssl: crypto.X509, der: bytes) -> Certificate:
    """What OpenSSL tells of a certificate that `cryptography` refuses.

    Raises:
        ValueError: it has no dates either.
    """
    not_before, not_after = validity(openssl)
    serial = f"{openssl.get_serial_number():x}"
    return replace(unreadable(der), serial=serial, not_before=not_before, not_after=not_after)
