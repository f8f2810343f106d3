import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID
from OpenSSL import crypto

from exporter.simulated.certificates import DAY, KINDS, Credentials, Kind, Zoo

NOW = datetime(2030, 6, 1, 12, tzinfo=UTC)
OK, NOT_YET_VALID, EXPIRED, SELF_SIGNED, NO_ISSUER = 0, 9, 10, 18, 20  # X509_V_ERR_*
VERDICTS = {
    "good": OK,
    "good_rsa": OK,
    "wildcard": OK,
    "expiring": OK,
    "outdated": OK,
    "wrong_host": OK,
    "no_san": OK,
    "weak_key": OK,
    "sha1": OK,
    "client_only": OK,
    "sni_default": OK,
    "sni_second": OK,
    "expired": EXPIRED,
    "expired_intermediate": EXPIRED,
    "not_yet_valid": NOT_YET_VALID,
    "self_signed": SELF_SIGNED,
    "self_signed_sha1": SELF_SIGNED,
    "expired_self_signed": SELF_SIGNED,
    "unknown_ca": NO_ISSUER,
    "no_intermediate": NO_ISSUER,
}


def judged(zoo: Zoo, one: Credentials, anchor: Credentials | None = None) -> int:
    """OpenSSL's verdict at the zoo's time: 0, or the number of its X509_V_ERR."""
    store = crypto.X509Store()
    store.add_cert(crypto.X509.from_cryptography((anchor or zoo.root).certificate))
    store.set_time(zoo.now.replace(tzinfo=None))
    chain = [crypto.X509.from_cryptography(other) for other in one.chain]
    try:
        crypto.X509StoreContext(store, crypto.X509.from_cryptography(one.certificate), chain).verify_certificate()
    except crypto.X509StoreContextError as error:
        return int(error.errors[0])
    return 0


def names(one: Credentials) -> list[str]:
    found = one.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [str(name.value) for name in found]


@pytest.mark.parametrize(("kind", "error"), VERDICTS.items())
def test_openssl_judges_each_chain_as_its_kind_says(zoo: Zoo, kind: str, error: int) -> None:
    assert judged(zoo, zoo[kind]) == error


def test_every_leaf_has_its_verdict() -> None:
    assert sorted(VERDICTS) == sorted(kind for kind in KINDS if not KINDS[kind].ca)


@pytest.mark.parametrize(
    ("kind", "days_left"),
    [("good", 89), ("expiring", 3), ("outdated", 15), ("expired", -10), ("expired_self_signed", -10)],
)
def test_dates_are_relative_to_the_clock_of_the_zoo(tmp_path: Path, kind: str, days_left: int) -> None:
    assert Zoo(tmp_path, now=NOW)[kind].certificate.not_valid_after_utc == NOW + timedelta(days=days_left)


def test_not_yet_valid_begins_in_the_future(zoo: Zoo) -> None:
    assert zoo.not_yet_valid.certificate.not_valid_before_utc == zoo.now + 5 * DAY


def test_only_the_intermediate_of_an_expired_intermediate_has_expired(zoo: Zoo) -> None:
    one = zoo.expired_intermediate
    assert one.certificate.not_valid_after_utc > zoo.now > one.chain[0].not_valid_after_utc


def test_an_outdated_certificate_has_used_two_thirds_of_its_life_and_good_is_its_renewal(zoo: Zoo) -> None:
    old, new = zoo.outdated.certificate, zoo.good.certificate
    begin, end = old.not_valid_before_utc, old.not_valid_after_utc
    assert (zoo.now - begin) / (end - begin) > 2 / 3
    assert (old.issuer, names(zoo.outdated)) == (new.issuer, names(zoo.good))
    assert new.not_valid_before_utc > begin


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("good", ["mail.example.test", "localhost", "127.0.0.1", "::1"]),
        ("wildcard", ["*.example.test"]),
        ("wrong_host", ["other.example.org"]),
        ("sni_default", ["default.example.test"]),
        ("sni_second", ["second.example.test"]),
    ],
)
def test_names_are_those_of_the_kind(zoo: Zoo, kind: str, expected: list[str]) -> None:
    assert names(zoo[kind]) == expected


def test_names_can_be_ones_own(tmp_path: Path) -> None:
    zoo = Zoo(tmp_path, names=("mx.example.net",))
    assert (names(zoo.good), names(zoo.wildcard)) == (["mx.example.net"], ["*.example.net"])


def test_no_san_has_its_name_in_the_subject_only(zoo: Zoo) -> None:
    assert zoo.no_san.certificate.subject.rfc4514_string() == "CN=mail.example.test,O=Example Trust"
    with pytest.raises(x509.ExtensionNotFound):
        names(zoo.no_san)


@pytest.mark.parametrize(("kind", "size"), [("good_rsa", 2048), ("weak_key", 1024), ("good", 256)])
def test_keys_are_of_the_size_of_the_kind(zoo: Zoo, kind: str, size: int) -> None:
    assert zoo[kind].key.key_size == size


def test_keys_are_ecdsa_unless_the_kind_says_rsa(zoo: Zoo) -> None:
    assert isinstance(zoo.good.key, ec.EllipticCurvePrivateKey)
    assert isinstance(zoo.good_rsa.key, rsa.RSAPrivateKey)


def test_client_only_may_not_serve(zoo: Zoo) -> None:
    usage = zoo.client_only.certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]


def test_sha1_is_really_signed_so(zoo: Zoo) -> None:
    assert zoo.sha1.certificate.signature_algorithm_oid.dotted_string == "1.2.840.113549.1.1.5"


def test_sha1_needs_an_issuer_with_an_rsa_key(zoo: Zoo) -> None:
    with pytest.raises(TypeError, match="RSA key"):
        zoo.issue(Kind(sha1=True))


@pytest.mark.parametrize("kind", ["self_signed", "expired_self_signed"])
def test_self_signed_is_signed_by_its_own_key_and_sends_nothing_else(zoo: Zoo, kind: str) -> None:
    zoo[kind].certificate.verify_directly_issued_by(zoo[kind].certificate)
    assert zoo[kind].chain == ()


def test_unknown_ca_is_not_signed_by_the_root_of_the_zoo(zoo: Zoo) -> None:
    with pytest.raises((InvalidSignature, ValueError)):
        zoo.unknown_ca.certificate.verify_directly_issued_by(zoo.root.certificate)


def test_a_missing_intermediate_could_be_fetched_and_a_private_ca_could_not(zoo: Zoo) -> None:
    wanted = x509.AuthorityInformationAccess
    zoo.no_intermediate.certificate.extensions.get_extension_for_class(wanted)
    with pytest.raises(x509.ExtensionNotFound):
        zoo.unknown_ca.certificate.extensions.get_extension_for_class(wanted)


def test_one_can_make_a_certificate_of_ones_own(zoo: Zoo) -> None:
    authority = zoo.issue(Kind(issuer=None, subject="My CA", names=(), ca=True))
    extension = (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"), True)
    one = zoo.issue(Kind(issuer=authority, names=("mx.example.net",), ends=2 * DAY, extensions=(extension,)))
    one.certificate.verify_directly_issued_by(authority.certificate)
    assert (names(one), judged(zoo, one, authority)) == (["mx.example.net"], 34)  # 34: unhandled critical extension


def test_a_kind_is_made_once(zoo: Zoo) -> None:
    assert zoo.good is zoo["good"]


def test_an_unknown_kind_is_told_what_there_is(zoo: Zoo) -> None:
    with pytest.raises(AttributeError, match="no 'elephant' in the zoo; there are root, intermediate"):
        _ = zoo.elephant


def test_all_kinds_can_be_listed(zoo: Zoo) -> None:
    assert list(zoo) == list(KINDS)


def test_the_pem_file_is_private_and_holds_the_chain_and_the_key(zoo: Zoo) -> None:
    one, text = zoo.good, zoo.good.pem_file.read_bytes()
    assert one.pem_file.stat().st_mode & 0o777 == 0o600
    assert x509.load_pem_x509_certificates(text) == [one.certificate, zoo.intermediate.certificate]
    assert load_pem_private_key(text, None).public_key() == one.certificate.public_key()


def test_the_ca_file_makes_a_trust_store(zoo: Zoo) -> None:
    store = ssl.create_default_context(cafile=str(zoo.ca_file)).get_ca_certs(binary_form=True)
    assert x509.load_der_x509_certificate(store[0]) == zoo.root.certificate


def test_a_directory_of_its_own_goes_with_the_zoo() -> None:
    with Zoo() as zoo:
        assert zoo.good.pem_file.exists()
    assert not zoo.directory.exists()


def test_a_directory_that_was_handed_in_stays(tmp_path: Path) -> None:
    with Zoo(tmp_path):
        pass
    assert (tmp_path / "ca.pem").exists()
