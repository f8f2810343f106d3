"""What two contexts agree on, shaken hands in memory."""

import ssl
import warnings
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from exporter.simulated.tls import server_context

if TYPE_CHECKING:
    from exporter.simulated.certificates import Zoo


def shake(server: ssl.SSLContext, client: ssl.SSLContext, name: str | None = "mail.example.test") -> ssl.SSLObject:
    """Shake hands until both are done; return the client's side. Raises what either side does."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    here = client.wrap_bio(to_client, to_server, server_hostname=name)
    there = server.wrap_bio(to_server, to_client, server_side=True)
    for side in (here, there) * 3:
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
        except ssl.SSLError:
            if side is there:
                here.do_handshake()  # raises the alert that it was sent
                here.read()  # or, in TLS 1.3, only now
            raise
    return here


def shown(connection: ssl.SSLObject) -> x509.Certificate:
    return x509.load_der_x509_certificate(connection.getpeercert(binary_form=True) or b"")


@pytest.mark.parametrize("version", ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"])
def test_speaks_the_versions_it_is_told_to(zoo: "Zoo", blind: ssl.SSLContext, version: str) -> None:
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        blind.minimum_version = ssl.TLSVersion.TLSv1
    assert shake(server_context(zoo.good, versions=(version, version)), blind).version() == version  # type: ignore[arg-type]  # one of the four


def test_knows_tls_1_2_and_1_3_unless_told(zoo: "Zoo") -> None:
    context = server_context(zoo.good)
    assert (context.minimum_version, context.maximum_version) == (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)


def test_uses_the_ciphers_it_is_told_to(zoo: "Zoo", blind: ssl.SSLContext) -> None:
    server = server_context(zoo.good_rsa, versions=("TLSv1.2", "TLSv1.2"), ciphers="AES256-SHA")
    assert (shake(server, blind).cipher() or ("",))[0] == "AES256-SHA"


@pytest.mark.parametrize("kind", ["weak_key", "sha1", "expired", "client_only"])
def test_serves_what_no_careful_server_would(zoo: "Zoo", blind: ssl.SSLContext, kind: str) -> None:
    assert shown(shake(server_context(zoo[kind]), blind)) == zoo[kind].certificate


@pytest.mark.parametrize(
    ("ciphers", "key"), [("ECDHE+aRSA", rsa.RSAPublicKey), ("ECDHE+aECDSA", ec.EllipticCurvePublicKey)]
)
def test_has_certificates_of_both_key_types(zoo: "Zoo", blind: ssl.SSLContext, ciphers: str, key: type) -> None:
    blind.maximum_version = ssl.TLSVersion.TLSv1_2
    blind.set_ciphers(ciphers)
    assert isinstance(shown(shake(server_context(zoo.good, zoo.good_rsa), blind)).public_key(), key)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("mail.example.test", "good"),
        ("second.example.test", "sni_second"),
        ("other.test", "sni_default"),
        (None, "sni_default"),
    ],
)
def test_chooses_the_certificate_by_the_name_asked_for(
    zoo: "Zoo", blind: ssl.SSLContext, name: str | None, kind: str
) -> None:
    server = server_context(zoo.sni_default, sni={"mail.example.test": zoo.good, "second.example.test": zoo.sni_second})
    assert shown(shake(server, blind, name)) == zoo[kind].certificate


def test_can_refuse_a_name_it_does_not_know(zoo: "Zoo", blind: ssl.SSLContext) -> None:
    server = server_context(zoo.sni_default, unknown_name="refused")
    with pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"):
        shake(server, blind)


@pytest.mark.parametrize(
    ("version", "alert"), [("TLSv1.2", "SSLV3_ALERT_HANDSHAKE_FAILURE"), ("TLSv1.3", "CERTIFICATE_REQUIRED")]
)
def test_can_require_a_client_certificate(zoo: "Zoo", blind: ssl.SSLContext, version: str, alert: str) -> None:
    server = server_context(zoo.good, versions=(version, version), client_certificate="required")  # type: ignore[arg-type]  # one of the four
    with pytest.raises(ssl.SSLError, match=alert):
        shake(server, blind)


def test_can_ask_for_a_client_certificate_and_do_without(zoo: "Zoo", blind: ssl.SSLContext) -> None:
    assert shake(server_context(zoo.good, client_certificate="requested"), blind).version() == "TLSv1.3"


@pytest.mark.parametrize("name", ["mail.example.test", "localhost", "127.0.0.1", "::1"])
def test_a_careful_client_trusts_good_for_each_of_its_names(zoo: "Zoo", name: str) -> None:
    careful = ssl.create_default_context(cafile=str(zoo.ca_file))
    careful.verify_flags |= ssl.VERIFY_X509_STRICT
    assert shake(server_context(zoo.good), careful, name).version() == "TLSv1.3"


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("expired", "certificate has expired"),
        ("expired_intermediate", "certificate has expired"),
        ("not_yet_valid", "not yet valid"),
        ("wrong_host", "Hostname mismatch"),
        ("no_san", "Hostname mismatch"),
        ("self_signed", "self-signed certificate"),
        ("unknown_ca", "unable to get local issuer"),
        ("no_intermediate", "unable to get local issuer"),
        ("client_only", "unsuitable certificate purpose"),
        ("weak_key", "EE certificate key too weak"),
        ("sha1", "CA signature digest algorithm too weak"),
    ],
)
def test_a_careful_client_refuses_what_is_wrong(zoo: "Zoo", kind: str, message: str) -> None:
    careful = ssl.create_default_context(cafile=str(zoo.ca_file))
    careful.hostname_checks_common_name = False
    with pytest.raises(ssl.SSLCertVerificationError, match=message):
        shake(server_context(zoo[kind]), careful)
