"""The fields of a certificate as they stand in it (RFC 5280 4.1), each read by itself: one that is odd spoils no other.

For facts only: whether a certificate may be used so is OpenSSL's to say. Nothing here raises.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from exporter.trust.der import BIT_STRING, INTEGER, NOTHING, OCTET_STRING, Element, elements, first, oid

COMMON_NAME, ORGANISATION = oid("2.5.4.3"), oid("2.5.4.10")
SUBJECT_ALTERNATIVE_NAME, NAME_CONSTRAINTS = oid("2.5.29.17"), oid("2.5.29.30")
KEY_USAGE, EXTENDED_KEY_USAGE, SERVER_AUTHENTICATION = oid("2.5.29.15"), oid("2.5.29.37"), oid("1.3.6.1.5.5.7.3.1")
AUTHORITY_ACCESS, CA_ISSUERS = oid("1.3.6.1.5.5.7.1.1"), oid("1.3.6.1.5.5.7.48.2")
RSA, RSA_PSS, DSA = oid("1.2.840.113549.1.1.1"), oid("1.2.840.113549.1.1.10"), oid("1.2.840.10040.4.1")
SHA1, MD5 = oid("1.3.14.3.2.26"), oid("1.2.840.113549.2.5")

VERSION, EXTENSIONS, DNS_NAME, IP_ADDRESS, PSS_HASH = 0xA0, 0xA3, 0x82, 0x87, 0xA0
"""Context-specific tags of a TBSCertificate, of GeneralName and of RSASSA-PSS-params (RFC 4055 3.1)."""
UTC_TIME, GENERALIZED_TIME = 0x17, 0x18
TIME = re.compile(rb"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z")
ENCODINGS = {0x0C: "utf-8", 0x1E: "utf-16-be", 0x1C: "utf-32-be"}
"""UTF8String, BMPString, UniversalString; all other strings are read as Latin-1, as OpenSSL does."""
WIDEST = 4
"""Octets of a character."""
TLS_USAGES = 0x80 | 0x20 | 0x08
"""digitalSignature, keyEncipherment and keyAgreement in the first octet of a keyUsage (RFC 5280 4.2.1.3)."""
SMALL_KEY = 200
"""Octets under which a SubjectPublicKeyInfo is none of the large keys."""
MAX_EXPONENT, MAX_DSA = 64, 4096
"""Bits of an RSA exponent and of a DSA prime with which signatures are verified: larger ones take milliseconds each."""


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields that are looked at; empty where they cannot be found."""

    serial: bytes
    algorithm: bytes
    issuer: bytes
    validity: bytes
    subject: bytes
    key: bytes
    """The whole SubjectPublicKeyInfo; of the others the content."""
    extensions: Mapping[bytes, bytes]
    """Values by object identifier; the first of each kind."""

    @classmethod
    def of(cls, der: bytes) -> "Fields":
        """Take a certificate apart."""
        found = list(elements(first(first(der).content).content))
        if found and found[0].tag == VERSION:  # optional
            del found[0]
        serial, algorithm, issuer, validity, subject, key, *rest = (*found, *[NOTHING] * 6)
        listed = next((each.content for each in rest if each.tag == EXTENSIONS), b"")
        return cls(
            serial.content, algorithm.content, issuer.content, validity.content, subject.content, key.whole,
            _extensions(listed),
        )  # fmt: skip

    def extension(self, kind: bytes) -> bytes:
        """The value of the first extension of this kind; empty where it has none."""
        return self.extensions.get(kind, b"")

    @property
    def dates(self) -> tuple[float | None, float | None]:
        """Give notBefore and notAfter in Unix seconds; None for one that is no date, or before the year 1."""
        not_before, not_after, *_ = (*elements(self.validity), NOTHING, NOTHING)
        return _moment(not_before), _moment(not_after)

    def alternatives(self, most: int) -> Iterator[Element]:
        """The first entries of its subjectAltName, of all kinds."""
        return elements(first(self.extension(SUBJECT_ALTERNATIVE_NAME)).content, most)

    @property
    def key_algorithm(self) -> bytes:
        """The object identifier of its kind of key."""
        return first(first(first(self.key).content).content).content

    @property
    def slow_key(self) -> str | None:
        """Why signatures of its key are not verified, as far as that is for the time that it takes."""
        if len(self.key) < SMALL_KEY:
            return None
        bits = self._sensitive_bits
        if self.key_algorithm in (RSA, RSA_PSS) and bits > MAX_EXPONENT:
            return f"the exponent of its RSA key has {bits} bits, over {MAX_EXPONENT}"
        if self.key_algorithm == DSA and bits > MAX_DSA:
            return f"its DSA key has {bits} bits, over {MAX_DSA}"
        return None

    @property
    def _sensitive_bits(self) -> int:
        """The bits on which the time of a verification depends most: of the exponent (RSA), of the prime (DSA)."""
        algorithm, bits, *_ = (*elements(first(self.key).content), NOTHING, NOTHING)
        if self.key_algorithm == DSA:
            _, parameters, *_ = (*elements(algorithm.content), NOTHING, NOTHING)
            number = first(parameters.content)
        else:
            _, number, *_ = (*elements(first(bits.content[1:]).content), NOTHING, NOTHING)
        return int.from_bytes(number.content, "big").bit_length() if number.tag == INTEGER else 0

    @property
    def hash_of_pss(self) -> bytes:
        """The hash of an RSASSA-PSS signature, which is SHA-1 unless it says otherwise (RFC 4055 3.1)."""
        _, parameters, *_ = (*elements(self.algorithm), NOTHING, NOTHING)
        told = next((each for each in elements(parameters.content) if each.tag == PSS_HASH), NOTHING)
        return first(first(told.content).content).content or SHA1

    @property
    def names_its_issuer(self) -> bool:
        """It says where to get the certificate of its issuer, as those of public CAs do (RFC 5280 4.2.2.1)."""
        ways = elements(first(self.extension(AUTHORITY_ACCESS)).content)
        return any(first(way.content).content == CA_ISSUERS for way in ways)

    @property
    def lacks_tls_usage(self) -> bool:
        """Its keyUsage allows no TLS handshake (RFC 5280 4.2.1.3)."""
        usage = first(self.extension(KEY_USAGE))
        return usage.tag == BIT_STRING and not any(octet & TLS_USAGES for octet in usage.content[1:2])

    @property
    def purposes(self) -> list[bytes]:
        """The object identifiers in its extendedKeyUsage."""
        return [each.content for each in elements(first(self.extension(EXTENDED_KEY_USAGE)).content)]


def _extensions(listed: bytes) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    for each in elements(first(listed).content):
        kind, *value = (*elements(each.content, 3), NOTHING)  # a BOOLEAN may stand between them
        found.setdefault(kind.content, next((part.content for part in value if part.tag == OCTET_STRING), b""))
    return found


def attribute(name: bytes, kind: bytes, limit: int) -> str:
    """The first attribute of that kind in a distinguished name, so many characters of it; may hold any character."""
    for relative in elements(name):
        for pair in elements(relative.content, 8):
            told, value, *_ = (*elements(pair.content, 2), NOTHING, NOTHING)
            if told.content == kind:
                cut = value.content[: limit * WIDEST]
                return cut.decode(ENCODINGS.get(value.tag, "latin-1"), "replace")[:limit]
    return ""


def _moment(time: Element) -> float | None:
    """Unix seconds of a time in the form of RFC 5280 4.1.2.5, the only one that OpenSSL compares."""
    text = time.content
    if time.tag == UTC_TIME:
        text = (b"20" if text[:2] < b"50" else b"19") + text
    if time.tag in (UTC_TIME, GENERALIZED_TIME) and (match := TIME.fullmatch(text)):
        with suppress(ValueError):
            year, month, day, hour, minute, second = map(int, match.groups())
            return datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()
    return None
