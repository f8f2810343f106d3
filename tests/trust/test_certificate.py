import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.model import Certificate
from exporter.simulated.certificates import Kind, Zoo
from exporter.trust import certificate
from exporter.trust.certificate import MAX_NAMES, MAX_SIZE, read
from exporter.trust.verifier import signed_by_itself

START = datetime(2026, 1, 1, tzinfo=UTC)
CN, ORGANISATION, COUNTRY = NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME, NameOID.COUNTRY_NAME
SHA256 = hashes.SHA256()
KEY = ec.generate_private_key(ec.SECP256R1())
KEYS: dict[str, CertificateIssuerPrivateKeyTypes] = {
    "ecdsa-256": KEY,
    "ecdsa-521": ec.generate_private_key(ec.SECP521R1()),
    "rsa-1024": rsa.generate_private_key(65537, 1024),  # noqa: S505 - weak is what it is for
    "rsa-2048": rsa.generate_private_key(65537, 2048),
    "dsa-1024": dsa.generate_private_key(1024),  # noqa: S505 - weak is what it is for
    "ed25519": ed25519.Ed25519PrivateKey.generate(),
    "ed448": ed448.Ed448PrivateKey.generate(),
}


def der(one: x509.Certificate) -> bytes:
    return one.public_bytes(Encoding.DER)


def make(
    subject: dict[x509.ObjectIdentifier, str],
    issuer: dict[x509.ObjectIdentifier, str],
    names: tuple[str, ...] = (),
    key: str = "ecdsa-256",
) -> bytes:
    """A certificate with these names; its own key has signed it."""
    own = KEYS[key]
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(*pair) for pair in subject.items()]))
        .issuer_name(x509.Name([x509.NameAttribute(*pair) for pair in issuer.items()]))
        .public_key(own.public_key())
        .serial_number(0x0A2B)
        .not_valid_before(START)
        .not_valid_after(START + timedelta(days=90))
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), False)  # noqa: FBT003 - critical or not
    signs_alone = isinstance(own, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey)
    return der(builder.sign(own, None if signs_alone else SHA256))


PLAIN = make({COUNTRY: "DE", CN: "mail.example"}, {ORGANISATION: "Lab", CN: "Lab CA"}, ("mail.example",))


def test_the_facts_are_those_of_the_contract() -> None:
    assert certificate(PLAIN) == Certificate(
        subject="mail.example",
        issuer="Lab CA",
        serial="a2b",
        fingerprint_sha256=hashlib.sha256(PLAIN).hexdigest(),
        key="ecdsa-256",
        not_before=START.timestamp(),
        not_after=(START + timedelta(days=90)).timestamp(),
        names=("mail.example",),
        issuer_organisation="Lab",
        weakness=None,
    )


@pytest.mark.parametrize(
    ("subject", "issuer", "names", "expected"),
    [
        pytest.param({CN: "a"}, {CN: "ca", ORGANISATION: "o"}, ("b",), ("a", "ca"), id="common names"),
        pytest.param({}, {ORGANISATION: "o"}, ("b", "a"), ("b", "o"), id="first SAN and organisation"),
        pytest.param({}, {}, (), ("", ""), id="nothing at all"),
        pytest.param({CN: "x" * 64}, {ORGANISATION: "y" * 64}, (), ("x" * 64, "y" * 64), id="64 characters"),
        pytest.param({}, {}, ("n" * 200,), ("n" * 64, ""), id="cut at 64"),
        pytest.param({CN: 'a\n"\x1b[31mb'}, {CN: "\u202ec"}, (), ('a\ufffd"\ufffd[31mb', "\ufffdc"), id="control"),
    ],
)
def test_subject_and_issuer_are_labels(
    subject: dict[x509.ObjectIdentifier, str],
    issuer: dict[x509.ObjectIdentifier, str],
    names: tuple[str, ...],
    expected: tuple[str, str],
) -> None:
    facts = certificate(make(subject, issuer, names))
    assert (facts.subject, facts.issuer) == expected


@pytest.mark.parametrize(
    ("key", "weakness"),
    [
        ("ecdsa-256", None),
        ("ecdsa-521", None),
        ("ed25519", None),
        ("ed448", None),
        ("rsa-2048", None),
        ("rsa-1024", "rsa-1024 key"),
        ("dsa-1024", "dsa-1024 key"),
    ],
)
def test_a_key_is_called_by_its_kind_and_size(key: str, weakness: str | None) -> None:
    facts = certificate(make({CN: "a"}, {CN: "b"}, key=key))
    assert (facts.key, facts.weakness) == (key, weakness)


def test_a_sha1_signature_is_weak(zoo: Zoo) -> None:
    assert certificate(der(zoo.sha1.certificate)).weakness == "SHA-1 signature"


def test_an_md5_signature_is_weak() -> None:
    sha256, md5 = (bytes.fromhex(f"06092a864886f70d0101{last}") for last in ("0b", "04"))
    assert certificate(make({CN: "a"}, {CN: "b"}, key="rsa-2048").replace(sha256, md5)).weakness == "MD5 signature"


def test_names_are_dns_names_and_addresses_sorted(zoo: Zoo) -> None:
    assert certificate(der(zoo.good.certificate)).names == ("127.0.0.1", "::1", "localhost", "mail.example.test")


def test_names_are_bounded() -> None:
    facts = certificate(make({}, {}, tuple(f"{n}.example" for n in range(MAX_NAMES + 50))))
    assert len(facts.names) == MAX_NAMES


def test_equal_certificates_share_their_facts() -> None:
    assert certificate(bytes(bytearray(PLAIN))) is certificate(PLAIN)


@pytest.mark.parametrize(
    ("der_", "message"),
    [
        pytest.param(b"", "not a certificate", id="nothing"),
        pytest.param(b"\x30\x03\x02\x01\x00", "not a certificate", id="another sequence"),
        pytest.param(PLAIN[:-1], "not a certificate", id="cut short"),
        pytest.param(bytes(1 << 20), "1048576 octets", id="a megabyte"),
        pytest.param(PLAIN + bytes(MAX_SIZE), "octets", id="a long tail"),
    ],
)
def test_what_is_no_certificate_is_a_clear_error(der_: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        certificate(der_)


@settings(deadline=None, derandomize=True)  # a busy machine fails no test
@given(st.binary(max_size=300))
def test_random_octets_are_no_certificate(octets: bytes) -> None:
    with pytest.raises(ValueError, match="not a certificate"):
        certificate(octets)


@settings(deadline=None, derandomize=True)  # a busy machine fails no test
@given(st.integers(0, len(PLAIN) - 1), st.integers(0, 255))
def test_a_damaged_certificate_is_facts_or_a_clear_error(at: int, octet: int) -> None:
    damaged = PLAIN[:at] + bytes([octet]) + PLAIN[at + 1 :]
    try:
        facts = certificate(damaged)
    except ValueError:
        return
    assert facts.fingerprint_sha256 == hashlib.sha256(damaged).hexdigest()
    assert all(text.isprintable() for text in (facts.subject, facts.issuer, *facts.names))


def test_a_name_of_any_string_type_is_dates_or_a_clear_error() -> None:
    """`cryptography` 45 meets some of them with a KeyError."""
    told = []
    for tag in range(256):
        try:
            told.append(certificate(PLAIN.replace(b"\x13\x02DE", bytes([tag]) + b"\x02DE")).not_before)
        except ValueError as error:
            assert str(error).startswith("not a certificate")  # noqa: PT017 - most are none, and which ones differs
    assert set(told) == {START.timestamp()}


def test_equal_names_do_not_make_it_self_signed(zoo: Zoo) -> None:
    pretender = zoo.issue(Kind(issuer="unknown_root", subject="Unknown Root CA"))
    reading = read(der(pretender.certificate))
    assert (reading.self_issued, signed_by_itself(reading, flagged=False)) == (True, False)
