"""Odd certificates: what is out there, or could be, and how OpenSSL judges it.

`ACCEPTED` are those that OpenSSL accepts, whatever a strict parser thinks of them; `REFUSED` those that it does not.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from exporter.trust.der import OCTET_STRING, element
from tests.trust.raw import (
    FOR_SERVERS,
    NAME,
    SINCE,
    UNTIL,
    Raw,
    alternatives,
    attribute,
    constraints,
    extension,
    generalized,
    host,
    identifier,
    integer,
    named,
    sequence,
    spki,
    utc,
)

COMMON_NAME, ORGANISATION = "2.5.4.3", "2.5.4.10"
GOOD = host(NAME)
SAN = alternatives(GOOD)
BROKEN = sequence(element(1, b"\1"))
"""A well-formed element that is the content of no extension."""


@dataclass(frozen=True)
class Odd:
    """A certificate, and what is to be said of it."""

    raw: Raw
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Facts that differ from those of the good one."""
    finding: str = ""
    text: str = ""


def odd(facts: Mapping[str, Any] | None = None, /, **differs: Any) -> Odd:
    return Odd(replace(Raw(), **differs), facts or {})


def subject(value: str | bytes, tag: int, told: str) -> Odd:
    return odd({"subject": told}, subject=named(value, tag))


def entries(*names: bytes, **facts: Any) -> Odd:
    return odd(facts, extensions=(alternatives(*names), FOR_SERVERS))


def with_extension(kind: str, value: bytes, *, critical: bool = False) -> Odd:
    return odd(extensions=(SAN, FOR_SERVERS, extension(kind, value, critical=critical)))


def dated(since: bytes, until: bytes, **facts: float | None) -> Odd:
    return odd(facts, validity=sequence(since, until))


def with_key(*algorithm: bytes, bits: bytes = b"\4" + b"a" * 64, told: str = "unknown") -> Odd:
    return odd({"key": told}, key_info=sequence(sequence(*algorithm), element(3, b"\0", bits)))


def refused(one: Odd, finding: str, text: str) -> Odd:
    return replace(one, finding=finding, text=text)


NOT_ACCEPTED = (
    "'Raw Root', the issuer of 'mail.example.test', is a trust anchor in {ca_file}, but is not accepted: "
    "their keys or key identifiers do not match, or an extension is malformed"
)


def malformed(one: Odd) -> Odd:
    """OpenSSL finds no issuer for what has an extension that it cannot read."""
    return refused(one, "not_trusted", NOT_ACCEPTED)


def no_date(one: Odd, which: str) -> Odd:
    return refused(one, "unsuitable", f"its {which} is not a valid date")


EC, P256 = identifier("1.2.840.10045.2.1"), identifier("1.2.840.10045.3.1.7")
GENERATOR = bytes.fromhex(
    "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
)
"""The base point of P-256, as good a public key as any (SEC 2)."""
EXPLICIT_P256 = sequence(
    integer(1),
    sequence(
        identifier("1.2.840.10045.1.1"),
        integer(0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF),
    ),
    sequence(
        element(OCTET_STRING, bytes.fromhex("ffffffff00000001000000000000000000000000fffffffffffffffffffffffc")),
        element(OCTET_STRING, bytes.fromhex("5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b")),
    ),
    element(OCTET_STRING, GENERATOR),
    integer(0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551),
    integer(1),
)
ACCEPTED: Mapping[str, Odd] = {
    "good": odd(),
    **{f"PrintableString with {char}": subject(f"mail{char}", 0x13, f"mail{char}") for char in "*&@_"},
    "PrintableString in Latin-1": subject("müller".encode("latin-1"), 0x13, "müller"),
    "IA5String in Latin-1": subject("müller".encode("latin-1"), 0x16, "müller"),
    "T61String in Latin-1": subject("müller".encode("latin-1"), 0x14, "müller"),
    "BMPString": subject("müller".encode("utf-16-be"), 0x1E, "müller"),
    "UniversalString": subject("müller".encode("utf-32-be"), 0x1C, "müller"),
    "NumericString with letters": subject("abc", 0x12, "abc"),
    "a common name that is a BIT STRING": subject(b"\0abc", 3, "\ufffdabc"),
    "a common name that is a SEQUENCE": subject(b"\5\0", 0x30, "\ufffd\ufffd"),
    "a common name of 40,000 characters": subject("a" * 40000, 0x0C, "a" * 64),
    "an empty common name": odd(subject=named("")),
    "no subject": odd(subject=sequence()),
    "an empty RDN": odd(subject=sequence(element(0x31))),
    "a multi-valued RDN out of order": odd(
        {"subject": "a"},
        subject=sequence(element(0x31, attribute(ORGANISATION, "zzz"), attribute(COMMON_NAME, "a"))),
    ),
    "basicConstraints with explicit FALSE": with_extension("2.5.29.19", sequence(element(1, b"\0"))),
    "basicConstraints with a TRUE of 1": odd(extensions=(SAN, FOR_SERVERS, constraints(element(1, b"\1")))),
    "pathLenConstraint without CA": with_extension("2.5.29.19", sequence(integer(0))),
    "an explicit critical FALSE": odd(
        extensions=(
            SAN,
            FOR_SERVERS,
            sequence(identifier("1.3.6.1.4.1.99999.1"), element(1, b"\0"), element(OCTET_STRING, b"\5\0")),
        )
    ),
    "NULL parameters of ECDSA": odd(algorithm=sequence(identifier("1.2.840.10045.4.3.2"), b"\5\0")),
    "a dNSName over 127": entries(host(b"m\xffl"), GOOD, names=(NAME, "m\ufffdl")),
    "a dNSName with NUL": entries(host(b"a\0b"), GOOD, names=("a\ufffdb", NAME)),
    "an empty dNSName": entries(host(b""), GOOD),
    "an iPAddress of 5 octets": entries(element(0x87, b"12345"), GOOD),
    "an empty iPAddress": entries(element(0x87), GOOD),
    "a URI that is none": entries(element(0x86, b"ht\xfftp:[["), GOOD),
    "an rfc822Name that is none": entries(element(0x81, b"\xff"), GOOD),
    "an otherName": entries(element(0xA0, identifier("1.2.3"), element(0xA0, element(0x0C, b"x"))), GOOD),
    "a directoryName with &": entries(element(0xA4, named("R&D", 0x13)), GOOD),
    "an x400Address": entries(element(0xA3, sequence()), GOOD),
    "an ediPartyName": entries(element(0xA5, element(0xA1, element(0x0C, b"x"))), GOOD),
    "2,000 names": entries(
        *(host(f"{n:04}.test") for n in range(2000)), GOOD, names=tuple(f"{n:04}.test" for n in range(100))
    ),
    "a subjectAltName with a tail": odd(extensions=(extension("2.5.29.17", sequence(GOOD) + b"xx"), FOR_SERVERS)),
    "a subjectAltName of indefinite length": odd(
        extensions=(extension("2.5.29.17", b"\x30\x80" + GOOD + b"\0\0"), FOR_SERVERS)
    ),
    "a subjectAltName of a long length": odd(
        extensions=(extension("2.5.29.17", b"\x30\x82\0" + bytes([len(GOOD)]) + GOOD), FOR_SERVERS)
    ),
    **{
        f"a broken {kind}": with_extension(dotted, BROKEN)
        for kind, dotted in {
            "certificatePolicies": "2.5.29.32",
            "authorityInfoAccess": "1.3.6.1.5.5.7.1.1",
            "SCT list": "1.3.6.1.4.1.11129.2.4.2",
            "template of Microsoft": "1.3.6.1.4.1.311.21.7",
        }.items()
    },
    "server-gated cryptography": odd(
        extensions=(SAN, extension("2.5.29.37", sequence(identifier("1.3.6.1.4.1.311.10.3.3"))))
    ),
    "a serial number of 20,000 octets": odd({"serial": "55" * 40}, serial=element(2, b"\x55" * 20000)),
    "a negative serial number": odd({"serial": "-75d5"}, serial=element(2, b"\x8a\x2b")),
    "serial number 0": odd({"serial": "0"}, serial=integer(0)),
    **{f"version {n + 1}": odd(version=element(0xA0, integer(n))) for n in (-1, 0, 1, 7)},
    "no version": odd(version=b""),
    "GeneralizedTime before 2050": dated(
        generalized("20200101000000Z"), generalized("20300101000000Z"), not_after=1893456000.0
    ),
    "no end in sight": dated(SINCE, generalized("99991231235959Z"), not_after=253402300799.0),
    "a notBefore in the year 0": dated(generalized("00000101000000Z"), UNTIL, not_before=None),
    "a notBefore in 1950": dated(utc("500101000000Z"), UNTIL, not_before=-631152000.0),
    "a key on P-521": odd({"key": "ecdsa-521"}, key_info=spki(ec.generate_private_key(ec.SECP521R1()))),
    "a key of X25519": with_key(identifier("1.3.101.110"), bits=b"a" * 32),
}

REFUSED: Mapping[str, Odd] = {
    **{
        f"a broken {kind}": malformed(with_extension(dotted, BROKEN))
        for kind, dotted in {
            "keyUsage": "2.5.29.15",
            "authorityKeyIdentifier": "2.5.29.35",
            "subjectKeyIdentifier": "2.5.29.14",
            "cRLDistributionPoints": "2.5.29.31",
            "nameConstraints": "2.5.29.30",
        }.items()
    },
    "a broken subjectAltName": malformed(
        odd({"names": ()}, extensions=(extension("2.5.29.17", b"\x30\x55\1"), FOR_SERVERS))
    ),
    "an entry of an unknown kind": malformed(entries(element(0x8F, b"x"), GOOD)),
    "two subjectAltNames": malformed(odd(extensions=(SAN, SAN, FOR_SERVERS))),
    "no extendedKeyUsage in the extension": refused(
        odd(extensions=(SAN, extension("2.5.29.37", sequence()))), "unsuitable", "it is not for TLS servers"
    ),
    "a keyUsage of a CA": refused(
        with_extension("2.5.29.15", element(3, b"\2\4")), "unsuitable", "its keyUsage allows no TLS handshake"
    ),
    "for clients, says Netscape": refused(
        with_extension("2.16.840.1.113730.1.1", element(3, b"\7\x80")), "unsuitable", "it is not for TLS servers"
    ),
    "two signature algorithms": refused(
        odd(outer_algorithm=sequence(identifier("1.2.840.10045.4.3.2"), b"\5\0")),
        "not_trusted",
        "no path to a trust anchor: certificate signature failure",
    ),
    "a notBefore with an offset": no_date(dated(utc("200101000000+0100"), UNTIL, not_before=None), "notBefore"),
    "a notAfter with a fraction": no_date(dated(SINCE, generalized("20490101000000.5Z"), not_after=None), "notAfter"),
    **{
        f"a notAfter of {text}": no_date(dated(SINCE, utc(text), not_after=None), "notAfter")
        for text in ("481231235960Z", "480230000000Z", "481301000000Z", "481231240000Z", "48 101000000Z")
    },
    "a key of an unknown kind": refused(
        with_key(identifier("1.2.3.4")), "unsuitable", "its key is of a kind or curve that OpenSSL does not know"
    ),
    "a key on an unknown curve": refused(
        with_key(EC, identifier("1.2.3.4")), "unsuitable", "its key is of a kind or curve that OpenSSL does not know"
    ),
    "a key that is no point": refused(
        with_key(EC, P256), "unsuitable", "its key is of a kind or curve that OpenSSL does not know"
    ),
    "a key on a curve without a name": refused(
        with_key(EC, EXPLICIT_P256, bits=GENERATOR, told="ecdsa-256"),
        "unsuitable",
        "its key gives the parameters of its curve instead of a name",
    ),
}

AUTHORITIES: Mapping[str, bytes] = {
    "PrintableString with &": named("R&D Root", 0x13),
    "IA5String in Latin-1": named("Wurzel für alle".encode("latin-1"), 0x16),
    "T61String in Latin-1": named("Wurzel für alle".encode("latin-1"), 0x14),
    "no common name": sequence(element(0x31, attribute("2.5.4.11", "unit*", 0x13))),
    "a multi-valued RDN out of order": sequence(
        element(0x31, attribute(ORGANISATION, "zzz"), attribute(COMMON_NAME, "Root"))
    ),
}
"""Names of authorities that OpenSSL accepts."""
