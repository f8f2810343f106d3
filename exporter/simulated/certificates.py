"""The certificate zoo: one server certificate for each way a certificate can be right or wrong.

`KINDS` is the table; a kind is made when it is first asked for, relative to the zoo's clock, in the zoo's directory.
Nothing here speaks TLS or judges a certificate.
"""

import ipaddress
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

NAMES = ("mail.example.test", "localhost", "127.0.0.1", "::1")
DAY = timedelta(days=1)

KeyKind = Literal["ec", "ec384", "ec521", "rsa1024", "rsa2048"]
CURVES: Mapping[str, ec.EllipticCurve] = {"ec": ec.SECP256R1(), "ec384": ec.SECP384R1(), "ec521": ec.SECP521R1()}
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True, slots=True)
class Credentials:
    """A certificate, its private key, and the certificates sent after it."""

    certificate: x509.Certificate
    key: PrivateKey
    chain: tuple[x509.Certificate, ...]
    pem_file: Path
    """Chain and key in one file, for load_cert_chain() and for real servers."""

    @property
    def cert_chain_pem(self) -> bytes:
        """What a server sends: the certificate first, then the chain."""
        return b"".join(one.public_bytes(Encoding.PEM) for one in (self.certificate, *self.chain))

    @property
    def key_pem(self) -> bytes:
        """The private key, PKCS 8, not encrypted."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def write(self, path: Path) -> Path:
        """Write chain and key to one file that only its owner may read."""
        path.touch(mode=0o600)
        path.write_bytes(self.cert_chain_pem + self.key_pem)
        return path


@dataclass(frozen=True, slots=True)
class Kind:
    """How a certificate is made. The default is a good one; a kind says how it differs."""

    issuer: "str | Credentials | None" = "intermediate"
    """A kind of the zoo or one of your own; None: its own key signs it."""
    names: tuple[str, ...] | None = None
    """subjectAltNames; None: those of the zoo. `{domain}` is the domain of the zoo's first name."""
    subject: str | None = None
    """The common name; None: the first of the names."""
    starts: timedelta = -DAY
    ends: timedelta = 89 * DAY
    key: KeyKind = "ec"
    ca: bool = False
    purpose: x509.ObjectIdentifier = ExtendedKeyUsageOID.SERVER_AUTH
    extensions: tuple[tuple[x509.ExtensionType, bool], ...] = ()
    """Further extensions, each with whether it is critical."""
    sends_chain: bool = True
    sha1: bool = False
    """Signed with SHA-1; the key that signs must be an RSA key."""


def _authority(subject: str, issuer: str | None = "root", ends: timedelta = 3650 * DAY, key: KeyKind = "ec") -> Kind:
    return Kind(issuer=issuer, names=(), subject=subject, starts=-365 * DAY, ends=ends, key=key, ca=True)


KINDS: Mapping[str, Kind] = {
    "root": _authority("Example Root CA", issuer=None),
    "intermediate": _authority("Example Issuing CA"),
    "rsa_intermediate": _authority("Example RSA Issuing CA", key="rsa2048"),
    "old_intermediate": _authority("Example Issuing CA of last year", ends=-10 * DAY),
    "unknown_root": _authority("Unknown Root CA", issuer=None),
    "good": Kind(),
    "good_rsa": Kind(key="rsa2048"),
    "wildcard": Kind(names=("*.{domain}",)),
    "expiring": Kind(starts=-87 * DAY, ends=3 * DAY),
    "outdated": Kind(starts=-75 * DAY, ends=15 * DAY),
    "expired": Kind(starts=-100 * DAY, ends=-10 * DAY),
    "expired_intermediate": Kind(issuer="old_intermediate"),
    "expired_self_signed": Kind(issuer=None, starts=-100 * DAY, ends=-10 * DAY),
    "not_yet_valid": Kind(starts=5 * DAY, ends=95 * DAY),
    "wrong_host": Kind(names=("other.example.org",)),
    "no_san": Kind(names=()),
    "self_signed": Kind(issuer=None),
    "self_signed_sha1": Kind(issuer=None, key="rsa2048", sha1=True),
    "unknown_ca": Kind(issuer="unknown_root"),
    "no_intermediate": Kind(sends_chain=False),
    "weak_key": Kind(key="rsa1024"),
    "sha1": Kind(issuer="rsa_intermediate", sha1=True),
    "client_only": Kind(purpose=ExtendedKeyUsageOID.CLIENT_AUTH),
    "sni_default": Kind(names=("default.{domain}",)),
    "sni_second": Kind(names=("second.{domain}",)),
}


class Zoo:
    """The kinds, made when first asked for: `zoo.good`, `zoo.expired`. Close it, or its directory stays.

    `ca_file` holds the root that trusts them. `now` is the moment that the dates of the kinds are relative to.
    """

    def __init__(
        self, directory: Path | None = None, names: tuple[str, ...] = NAMES, now: datetime | None = None
    ) -> None:
        self._own = None if directory else tempfile.TemporaryDirectory(prefix="smtp-exporter-zoo-")
        self.directory = directory or Path(self._own.name if self._own else "")
        self.names = names
        self.now = (now or datetime.now(UTC)).replace(microsecond=0)
        self._made: dict[str, Credentials] = {}
        self.ca_file = self.directory / "ca.pem"
        self.ca_file.write_bytes(self["root"].cert_chain_pem)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove the directory, where it is the zoo's own."""
        if self._own:
            self._own.cleanup()

    def __iter__(self) -> Iterator[str]:
        return iter(KINDS)

    def __getitem__(self, kind: str) -> Credentials:
        if kind not in self._made:
            self._made[kind] = self.issue(KINDS[kind], kind)
        return self._made[kind]

    def __getattr__(self, kind: str) -> Credentials:
        if kind not in KINDS:
            raise AttributeError(f"no {kind!r} in the zoo; there are {', '.join(KINDS)}")
        return self[kind]

    def issue(self, kind: Kind, file_name: str = "") -> Credentials:
        """Make a certificate of one's own: `zoo.issue(Kind(names=("mx.example.test",), ends=2 * DAY))`."""
        issuer = self[kind.issuer] if isinstance(kind.issuer, str) else kind.issuer
        key = _new_key(kind.key)
        signer = issuer.key if issuer else key
        certificate = self._build(kind, key, issuer).sign(signer, hashes.SHA256())
        if kind.sha1:
            certificate = _sign_again_with_sha1(certificate, signer)
        sent = kind.sends_chain and issuer and issuer.certificate.issuer != issuer.certificate.subject
        chain = (issuer.certificate, *issuer.chain) if sent and issuer else ()
        path = self.directory / f"{file_name or certificate.serial_number}.pem"
        made = Credentials(certificate, key, chain, path)
        made.write(path)
        return made

    def _build(self, kind: Kind, key: PrivateKey, issuer: Credentials | None) -> x509.CertificateBuilder:
        domain = self.names[0].partition(".")[2]
        names = self.names if kind.names is None else tuple(name.format(domain=domain) for name in kind.names)
        subject = _distinguished(kind.subject or (names or self.names)[0])
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer.certificate.subject if issuer else subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.now + kind.starts)
            .not_valid_after(self.now + kind.ends)
        )
        for extension, critical in (*_extensions(kind, names, key, issuer), *kind.extensions):
            builder = builder.add_extension(extension, critical)
        return builder


def _new_key(kind: KeyKind) -> PrivateKey:
    if curve := CURVES.get(kind):
        return ec.generate_private_key(curve)
    return rsa.generate_private_key(65537, int(kind.removeprefix("rsa")))


def _distinguished(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Example Trust"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _extensions(
    kind: Kind, names: tuple[str, ...], key: PrivateKey, issuer: Credentials | None
) -> Iterator[tuple[x509.ExtensionType, bool]]:
    """What RFC 5280 4.2 asks of such a certificate, each with whether it is critical."""
    yield x509.BasicConstraints(kind.ca, None), True
    yield x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False
    encipherment = isinstance(key, rsa.RSAPrivateKey) and not kind.ca
    yield x509.KeyUsage(not kind.ca, False, encipherment, False, False, kind.ca, kind.ca, False, False), True  # noqa: FBT003 - the API takes nine
    if not kind.ca:
        yield x509.ExtendedKeyUsage([kind.purpose]), False
    if names:
        yield x509.SubjectAlternativeName([_alternative(name) for name in names]), False
    if issuer:
        yield x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), False
        if issuer.certificate.subject != issuer.certificate.issuer:
            url = x509.UniformResourceIdentifier(f"http://ca.example.test/{issuer.pem_file.stem}.cer")
            yield (
                x509.AuthorityInformationAccess(
                    [x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, url)]
                ),
                False,
            )


def _sign_again_with_sha1(certificate: x509.Certificate, signer: PrivateKey) -> x509.Certificate:
    """Do what `cryptography` no longer does. Identifiers and signatures keep their lengths."""
    if not isinstance(signer, rsa.RSAPrivateKey):
        raise TypeError("a certificate is signed with SHA-1 with an RSA key")
    sha256, sha1 = (bytes.fromhex(f"06092a864886f70d0101{last}") for last in ("0b", "05"))  # RFC 8017 A.2.4
    signed = certificate.tbs_certificate_bytes.replace(sha256, sha1)
    signature = signer.sign(signed, padding.PKCS1v15(), hashes.SHA1())  # noqa: S303 - weak is what it is for
    der = certificate.public_bytes(Encoding.DER).replace(sha256, sha1)
    return x509.load_der_x509_certificate(der[: -len(signature)] + signature)
