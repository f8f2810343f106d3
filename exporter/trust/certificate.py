"""One certificate, read: DER to the facts that are exported, whatever its maker did to it.

OpenSSL says whether it is one. The facts are then read field by field, so each of them may be missing: strict parsers
refuse certificates that OpenSSL and GnuTLS accept. Nothing here knows of time, trust or other certificates.
"""

import hashlib
import ipaddress
import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache

from OpenSSL import crypto
from OpenSSL._util import lib  # the hash of an issuer's name has no public call

from exporter.model import Certificate
from exporter.peer_text import replace_unprintable
from exporter.trust.der import first, oid
from exporter.trust.fields import (
    COMMON_NAME,
    DNS_NAME,
    DSA,
    IP_ADDRESS,
    MD5,
    ORGANISATION,
    RSA,
    RSA_PSS,
    SHA1,
    Fields,
    attribute,
)

MAX_SIZE = 100 * 1024
"""Octets of a certificate that is read at all: as much as OpenSSL takes for a whole chain."""
MAX_CACHED = 8 * 1024
"""Octets of a certificate whose reading is kept for when it is seen again."""
MAX_LABEL, MAX_SERIAL = 64, 80
"""Characters of a common name and hex digits of a serial number that are kept."""
MAX_NAMES = 100
"""Names kept as a fact, each as long as a DNS name may be. All of them are matched."""
MAX_NAME = 253
MAX_ENTRIES = 2000
"""Entries of a subjectAltName that are read for that."""

KEYS = {
    RSA: ("rsa-{}", 2048),
    RSA_PSS: ("rsa-{}", 2048),
    DSA: ("dsa-{}", 2048),
    oid("1.2.840.10045.2.1"): ("ecdsa-{}", 224),
    oid("1.3.101.112"): ("ed25519", 0),
    oid("1.3.101.113"): ("ed448", 0),
    **{oid(f"2.16.840.1.101.3.4.3.{17 + level}"): (f"ml-dsa-{size}", 0) for level, size in enumerate((44, 65, 87))},
}
"""Kind of key, what a label calls it, bits under which it is weak."""
WEAK_HASHES = {SHA1: "SHA-1", MD5: "MD5"}
WEAK_SIGNATURES = {
    oid(dotted): name
    for name, dotteds in {
        "MD2": ("1.2.840.113549.1.1.2",),
        "MD5": ("1.2.840.113549.1.1.4", "1.3.14.3.2.3"),
        "SHA-1": (
            *("1.2.840.113549.1.1.5", "1.2.840.10045.4.1", "1.2.840.10040.4.3"),
            *("1.3.14.3.2.13", "1.3.14.3.2.27", "1.3.14.3.2.29"),
        ),
    }.items()
    for dotted in dotteds
}
"""Signature algorithms (RFC 3279 2.2, and older identifiers of the same) and the hash for which they are weak."""


@dataclass(frozen=True)
class Reading:
    """A certificate as it can be looked at: its octets, OpenSSL's view, its fields."""

    der: bytes
    openssl: crypto.X509
    fields: Fields
    dates: tuple[float | None, float | None]
    """notBefore and notAfter, as in `facts`, which take longer to read."""

    @cached_property
    def facts(self) -> Certificate:
        """What is exported of it."""
        fields = self.fields
        names = _names(fields)
        organisation = _label(fields.issuer, ORGANISATION)
        not_before, not_after = self.dates
        key, weakness = _key(fields.key_algorithm, self.openssl)
        return Certificate(
            subject=self.subject or replace_unprintable("".join(names[:1]), MAX_LABEL),
            issuer=_label(fields.issuer, COMMON_NAME) or organisation,
            serial=f"{int.from_bytes(fields.serial, 'big', signed=True):x}"[:MAX_SERIAL],
            fingerprint_sha256=hashlib.sha256(self.der).hexdigest(),
            key=key,
            not_before=not_before,
            not_after=not_after,
            names=tuple(replace_unprintable(name, MAX_NAME) for name in sorted(set(names))[:MAX_NAMES]),
            issuer_organisation=organisation,
            weakness=weakness or _weak_signature(fields),
        )

    @property
    def subject(self) -> str:
        """Its common name, fit for a label; empty where it has none."""
        return _label(self.fields.subject, COMMON_NAME)

    @property
    def title(self) -> str:
        """What a sentence calls it: some authorities have no common name."""
        return self.subject or _label(self.fields.subject, ORGANISATION) or self.facts.subject

    @property
    def self_issued(self) -> bool:
        """Subject and issuer are the same name, as of a root (RFC 5280 section 3.2)."""
        return self.fields.subject != b"" and self.subject_hash == self.issuer_hash

    @cached_property
    def subject_hash(self) -> int:
        """OpenSSL's hash of the subject: the same for two ways to write a name that it takes for one."""
        return self.openssl.subject_name_hash()

    @cached_property
    def issuer_hash(self) -> int:
        """The same of the issuer."""
        return int(lib.X509_NAME_hash(lib.X509_get_issuer_name(self.openssl._x509)))


def certificate(der: bytes) -> Certificate:
    """The facts of a DER certificate.

    Raises:
        ValueError: OpenSSL cannot read it, or it is over `MAX_SIZE`.
    """
    return read(der).facts


def read(der: bytes) -> Reading:
    """Read a DER certificate; equal ones share one reading, unless they are large.

    Raises:
        ValueError: OpenSSL cannot read it, or it is over `MAX_SIZE`.
    """
    if len(der) > MAX_SIZE:
        raise ValueError(f"a certificate of {len(der)} octets")
    return _shared(der) if len(der) <= MAX_CACHED else _read(der)


def _read(der: bytes) -> Reading:
    try:
        openssl = crypto.load_certificate(crypto.FILETYPE_ASN1, der)
    except crypto.Error:
        raise ValueError("not a certificate: OpenSSL cannot read it") from None
    fields = Fields.of(der)
    return Reading(der, openssl, fields, fields.dates)


_shared = lru_cache(maxsize=256)(_read)
"""Mostly of intermediates and anchors: a leaf's facts live on in its verdict."""


def within(dates: tuple[float | None, float | None], now: float) -> bool:
    """It is neither too early nor too late; both ends belong to the validity (RFC 5280 4.1.2.5).

    A date that cannot be read does not count.
    """
    begin, end = dates
    return (begin is None or begin <= now) and (end is None or now <= end)


def unchanged(validities: Iterable[tuple[float | None, float | None]], now: float) -> tuple[float, float]:
    """From when until when (exclusive) none of these begins or ends, around now."""
    edges = {
        edge
        for begin, end in validities
        for edge in (begin, None if end is None else math.nextafter(end, math.inf))
        if edge is not None
    }
    return (
        max((edge for edge in edges if edge <= now), default=-math.inf),
        min((edge for edge in edges if edge > now), default=math.inf),
    )


def unreadable(der: bytes) -> Certificate:
    """All that is known of what cannot be read: its fingerprint."""
    return Certificate("", "", "", hashlib.sha256(der).hexdigest(), "unknown", None, None, ())


def address(octets: bytes) -> str | None:
    """The IP address of an iPAddress subjectAltName; None where it is none (RFC 5280 4.2.1.6)."""
    return str(ipaddress.ip_address(octets)) if len(octets) in (4, 16) else None


def _names(fields: Fields) -> list[str]:
    """Its dNSNames, then its iPAddresses, in order."""
    hosts, addresses = [], []
    for entry in fields.alternatives(MAX_ENTRIES):
        if entry.tag == DNS_NAME and entry.content:
            hosts.append(entry.content[: MAX_NAME + 1].decode("utf-8", "replace"))
        elif entry.tag == IP_ADDRESS and (found := address(entry.content)):
            addresses.append(found)
    return hosts + addresses


def _label(name: bytes, kind: bytes) -> str:
    """An attribute of a distinguished name, fit for a label, or nothing."""
    return replace_unprintable(attribute(name, kind, MAX_LABEL), MAX_LABEL)


def _key(algorithm: bytes, openssl: crypto.X509) -> tuple[str, str | None]:
    """What a label calls its key, and why that is weak."""
    label, least = KEYS.get(algorithm, ("unknown", 0))
    try:
        bits = openssl.get_pubkey().bits()
    except crypto.Error:  # a curve that OpenSSL does not know, or no point on it
        return "unknown", None
    name = label.format(bits)
    return name, f"{name} key" if bits < least else None


def _weak_signature(fields: Fields) -> str | None:
    algorithm = first(fields.algorithm).content
    name = WEAK_HASHES.get(fields.hash_of_pss) if algorithm == RSA_PSS else WEAK_SIGNATURES.get(algorithm)
    return f"{name} signature" if name else None
