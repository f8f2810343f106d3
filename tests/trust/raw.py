"""Certificates put together from DER, for those that `cryptography` makes none of: every field may be anything.

`Raw` is a good certificate; a test says with `replace` which field differs, in the octets of that field.
"""

import base64
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, cached_property
from itertools import count
from math import gcd

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from exporter.trust.der import INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, element, oid

NAME = "mail.example.test"
NOW = datetime(2026, 6, 1, tzinfo=UTC).timestamp()
"""A moment at which the good ones are valid; they are so long, because `certtool` knows only the clock."""

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def sequence(*content: bytes) -> bytes:
    return element(SEQUENCE, *content)


def identifier(dotted: str) -> bytes:
    return element(OBJECT_IDENTIFIER, oid(dotted))


def integer(number: int) -> bytes:
    return element(INTEGER, number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True))


def attribute(kind: str, value: str | bytes, tag: int = 0x0C) -> bytes:
    """One attribute of a name, a UTF8String unless told otherwise."""
    return sequence(identifier(kind), element(tag, value.encode() if isinstance(value, str) else value))


def named(common_name: str | bytes, tag: int = 0x0C) -> bytes:
    return sequence(element(0x31, attribute("2.5.4.3", common_name, tag)))


def utc(text: str) -> bytes:
    return element(0x17, text.encode())


def generalized(text: str) -> bytes:
    return element(0x18, text.encode())


def extension(kind: str, value: bytes, *, critical: bool = False) -> bytes:
    return sequence(identifier(kind), *((element(1, b"\xff"),) if critical else ()), element(OCTET_STRING, value))


def alternatives(*names: bytes) -> bytes:
    return extension("2.5.29.17", sequence(*names))


def host(name: str | bytes) -> bytes:
    """A dNSName of a subjectAltName."""
    return element(0x82, name.encode() if isinstance(name, str) else name)


def constraints(value: bytes, *, critical: bool = True) -> bytes:
    """basicConstraints with this content."""
    return extension("2.5.29.19", sequence(value), critical=critical)


SHA256, SHA1, MD5 = hashes.SHA256(), hashes.SHA1(), hashes.MD5()  # noqa: S303 - weak is what they are for
ECDSA_SHA256, ECDSA_SHA1 = sequence(identifier("1.2.840.10045.4.3.2")), sequence(identifier("1.2.840.10045.4.1"))
RSA_SHA256, RSA_SHA1, RSA_MD5 = (sequence(identifier(f"1.2.840.113549.1.1.{last}"), b"\x05\x00") for last in (11, 5, 4))
HASHES = {ECDSA_SHA1: SHA1, RSA_SHA1: SHA1, RSA_MD5: MD5}
SINCE, UNTIL = utc("200101000000Z"), utc("490101000000Z")
VALIDITY = sequence(SINCE, UNTIL)
FOR_SERVERS = extension("2.5.29.37", sequence(identifier("1.3.6.1.5.5.7.3.1")))
AN_AUTHORITY = constraints(element(1, b"\xff"))


@cache
def new_key(name: str = "server") -> PrivateKey:
    """A key by any name. `rsa` is an RSA key, `rsa/65` one with an exponent of 65 bits."""
    if not name.startswith("rsa"):
        return ec.generate_private_key(ec.SECP256R1())
    key = rsa.generate_private_key(65537, 2048)
    _, _, bits = name.partition("/")
    return with_exponent(key.private_numbers(), 1 << int(bits) - 1) if bits else key


def with_exponent(numbers: rsa.RSAPrivateNumbers, least: int) -> rsa.RSAPrivateKey:
    """The key of the same primes whose public exponent is the least that will do from there on."""
    p, q = numbers.p, numbers.q
    order = (p - 1) * (q - 1)
    exponent = next(each for each in count(least | 1, 2) if gcd(each, order) == 1)
    d = pow(exponent, -1, order)
    public = rsa.RSAPublicNumbers(exponent, p * q)
    return rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), public).private_key(
        unsafe_skip_rsa_key_validation=True
    )


def spki(key: PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@dataclass(frozen=True)
class Raw:
    """The fields of a certificate in DER (RFC 5280 4.1), and whose key signs it."""

    subject: bytes = named(NAME)
    issuer: bytes = named("Raw Root")
    version: bytes = element(0xA0, integer(2))
    serial: bytes = integer(0x1234)
    validity: bytes = VALIDITY
    key: str = "server"
    key_info: bytes | None = None
    """Its SubjectPublicKeyInfo, where it is not that of `key`."""
    extensions: tuple[bytes, ...] = (alternatives(host(NAME)), FOR_SERVERS)
    signer: str = "root"
    algorithm: bytes = ECDSA_SHA256
    outer_algorithm: bytes | None = None
    rewritten: Callable[[bytes], bytes] | None = None
    """What is done to the part that is signed, before it is."""

    @cached_property
    def der(self) -> bytes:
        """The whole certificate: signed once, because ECDSA signs differently each time."""
        listed = (element(0xA3, sequence(*self.extensions)),) if self.extensions else ()
        key_info = self.key_info or spki(new_key(self.key))
        signed = sequence(
            self.version, self.serial, self.algorithm, self.issuer, self.validity, self.subject, key_info, *listed
        )
        signed = self.rewritten(signed) if self.rewritten else signed
        key, digest = new_key(self.signer), HASHES.get(self.algorithm, SHA256)
        signature = (
            key.sign(signed, padding.PKCS1v15(), digest)
            if isinstance(key, rsa.RSAPrivateKey)
            else key.sign(signed, ec.ECDSA(digest))
        )
        return sequence(signed, self.outer_algorithm or self.algorithm, element(3, b"\0", signature))


ROOT = Raw(subject=named("Raw Root"), key="root", extensions=(AN_AUTHORITY,))


def in_pem(der: bytes) -> str:
    lines = textwrap.wrap(base64.b64encode(der).decode(), 64)
    return "\n".join(("-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----", ""))
