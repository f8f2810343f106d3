"""The web configuration: every key read, every wrong one told with its place, and never a secret in what is told."""

import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from exporter.config import ConfigErrors
from exporter.config.errors import MAX_ERRORS, TOLD
from exporter.door.reading import Reading
from exporter.simulated.certificates import Zoo
from tests.door.conftest import CANARY, HASH, Write


def wrong(path: Path) -> list[str]:
    """Say what is wrong with a file, without its directory."""
    with pytest.raises(ConfigErrors) as raised:
        Reading(path).settings()
    return str(raised.value).replace(f"{path.parent}/", "").split("\n")


@pytest.fixture
def pem(zoo: Zoo, write: Write) -> None:
    """Put `good.pem`, `other.pem` (each certificate and key) and `ca.pem` beside the web configuration."""
    write(zoo.good.pem_file.read_bytes(), "good.pem")
    write(zoo.good_rsa.pem_file.read_bytes(), "other.pem")
    write(zoo.ca_file.read_bytes(), "ca.pem")


def test_of_thousands_of_errors_the_first_hundred_are_told(write: Write) -> None:
    told = wrong(write("".join(f"k{number}: 1\n" for number in range(3 * MAX_ERRORS))))
    assert (len(told), told[-1]) == (TOLD + 1, f"and at least {MAX_ERRORS - TOLD} more errors")


def test_a_certificate_whose_key_is_of_an_unknown_kind_cannot_be_used(zoo: Zoo, write: Write) -> None:
    known, unknown = (bytes.fromhex(f"06072a8648ce3d02{last}") for last in ("01", "7f"))  # of RFC 5480 2.1.1
    der = zoo.good.certificate.public_bytes(Encoding.DER).replace(known, unknown)
    write(ssl.DER_cert_to_PEM_cert(der).encode() + zoo.good.key_pem, "own.pem")
    said = "web.yml:1:20: tls_server_config: certificate and key cannot be used: they are of an unknown kind"
    assert wrong(write("tls_server_config: {cert_file: own.pem, key_file: own.pem}")) == [said]


def test_what_openssl_refuses_is_told_in_its_words(zoo: Zoo, write: Write) -> None:
    write(zoo.weak_key.pem_file.read_bytes(), "weak.pem")
    said = "web.yml:1:20: tls_server_config: certificate and key cannot be used: ee key too small"
    assert wrong(write("tls_server_config: {cert_file: weak.pem, key_file: weak.pem}")) == [said]


def test_an_empty_file_leaves_the_door_open(write: Write) -> None:
    settings = Reading(write("# nothing\n")).settings()
    assert (settings.users, settings.headers, settings.tls) == ({}, {}, None)


@pytest.mark.usefixtures("pem")
def test_every_key_is_understood(write: Write) -> None:
    path = write(f"""
        tls_server_config:
          cert_file: good.pem
          key_file: good.pem
          client_auth_type: RequireAndVerifyClientCert
          client_ca_file: ca.pem
          client_allowed_sans: [client.example.test, 192.0.2.1]
          min_version: TLS12
          max_version: TLS13
          cert:
          client_ca: ""
        http_server_config:
          http2: true
          headers:
            Content-Security-Policy: default-src 'self'
            Strict-Transport-Security: max-age=31536000
            X-Content-Type-Options: nosniff
            X-Frame-Options: deny
            X-XSS-Protection: ""
        basic_auth_users:
          alice: {HASH}
          bjørn: {HASH.replace("$2b$", "$2y$")}
        """)
    reading = Reading(path)
    settings = reading.settings()
    assert list(settings.users) == ["alice", "bjørn"]
    assert settings.headers == {
        "Content-Security-Policy": "default-src 'self'",
        "Strict-Transport-Security": "max-age=31536000",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "deny",
    }
    assert settings.tls is not None
    assert {file.name for file in reading.files} == {"web.yml", "good.pem", "ca.pem"}


def test_certificate_and_key_may_stand_inline(zoo: Zoo, write: Write) -> None:
    indent = "\n            ".join
    path = write(f"""
        tls_server_config:
          cert: |
            {indent(zoo.good.cert_chain_pem.decode().splitlines())}
          key: |
            {indent(zoo.good.key_pem.decode().splitlines())}
          client_auth_type: VerifyClientCertIfGiven
          client_ca: |
            {indent(zoo.ca_file.read_text().splitlines())}
        """)
    reading = Reading(path)
    assert reading.settings().tls is not None
    assert reading.files == [path]


@pytest.mark.parametrize(
    ("text", "errors"),
    [
        ("[]", ["web.yml:1:1: expected a mapping, got a list"]),
        ("nothing here", ["web.yml:1:1: expected a mapping, got text"]),
        ("tls_server_confg: {}", [
            "web.yml:1:1: tls_server_confg: unknown key `tls_server_confg`; did you mean `tls_server_config`?"]),
        ("cert_file: x", [
            "web.yml:1:1: cert_file: unknown key `cert_file`; did you mean `tls_server_config.cert_file`?"]),
        ("rate_limit: {burst: 1}", [
            "web.yml:1:13: rate_limit: this key of exporter-toolkit is not understood here: leave it out; what "
            "strangers may take is bounded by itself"]),
        ("http_server_config: {http2: yes, headers: {X-Frame-Options: allow, Server: x}}", [
            "web.yml:1:29: http_server_config.http2: expected true or false, got the old YAML boolean yes",
            "web.yml:1:61: http_server_config.headers.X-Frame-Options: expected one of deny, sameorigin, got 'allow'",
            "web.yml:1:68: http_server_config.headers.Server: unknown key `Server`"]),
        ('http_server_config: {headers: {X-XSS-Protection: "0\\r\\nSet-Cookie: a=b"}}', [
            "web.yml:1:50: http_server_config.headers.X-XSS-Protection: expected one line of printable ASCII"]),
        ("tls_server_config: {min_version: TLS13}", [
            "web.yml:1:1: tls_server_config: `cert_file` is required for TLS",
            "web.yml:1:1: tls_server_config: `key_file` is required for TLS"]),
        ("tls_server_config: {cert_file: no.pem, key_file: no.pem, min_version: SSL3, cipher_suites: [x]}", [
            "web.yml:1:32: tls_server_config.cert_file: cannot read no.pem: No such file or directory",
            "web.yml:1:50: tls_server_config.key_file: cannot read no.pem: No such file or directory",
            "web.yml:1:71: tls_server_config.min_version: expected one of TLS10, TLS11, TLS12, TLS13, got 'SSL3'",
            "web.yml:1:92: tls_server_config.cipher_suites: this key of exporter-toolkit is not understood here: "
            "leave it out; OpenSSL chooses"]),
        ("tls_server_config: {cert_file: good.pem, key_file: good.pem, client_auth_type: RequireAndVerify}", [
            "web.yml:1:80: tls_server_config.client_auth_type: expected one of NoClientCert, RequestClientCert, "
            "RequireAnyClientCert, RequireClientCert, VerifyClientCertIfGiven, RequireAndVerifyClientCert, got "
            "'RequireAndVerify'; did you mean RequireAndVerifyClientCert?"]),
        ("tls_server_config: {cert_file: good.pem, key_file: good.pem, client_auth_type: RequireAndVerifyClientCert}", [
            "web.yml:1:80: tls_server_config.client_auth_type: `client_ca_file` is required to verify clients"]),
        ("tls_server_config: {cert_file: good.pem, key_file: good.pem, client_ca_file: ca.pem}", [
            "web.yml:1:20: tls_server_config: client CAs are given, and no certificate is asked for"]),
        ("tls_server_config: {cert_file: good.pem, key_file: good.pem, client_allowed_sans: [a]}", [
            "web.yml:1:83: tls_server_config.client_allowed_sans: `client_allowed_sans` needs RequireAnyClientCert or "
            "RequireAndVerifyClientCert"]),
        ("tls_server_config: {cert_file: good.pem, key_file: good.pem, client_allowed_sans: []}", [
            "web.yml:1:83: tls_server_config.client_allowed_sans: expected a list with something in it, got a list"]),
        ("tls_server_config: {cert_file: good.pem, key_file: good.pem, min_version: TLS13, max_version: TLS12}", [
            "web.yml:1:95: tls_server_config.max_version: `max_version` is below `min_version`"]),
        ("tls_server_config: {cert_file: good.pem, key_file: other.pem}", [
            "web.yml:1:20: tls_server_config: the private key is not that of the (first) certificate"]),
        ("tls_server_config: {cert_file: web.yml, key_file: ca.pem}", [
            "web.yml:1:32: tls_server_config.cert_file: holds no PEM certificate, or a broken one",
            "web.yml:1:51: tls_server_config.key_file: holds no PEM private key"]),
        ("tls_server_config: {cert_file: good.pem, cert: x, key_file: good.pem}", [
            "web.yml:1:48: tls_server_config.cert: give either `cert` or `cert_file`"]),
        ('basic_auth_users: {"a:b": ' + HASH + "}", [
            "web.yml:1:19: basic_auth_users: a user name is printable, not empty, and holds no colon"]),
        ("basic_auth_users: {a: $2y$19$" + "." * 53 + "}", [
            "web.yml:1:23: basic_auth_users.a: a bcrypt cost above 18: one login would keep a processor busy for "
            "minutes"]),
        ("basic_auth_users: {a: }", [
            "web.yml:1:23: basic_auth_users.a: expected a bcrypt hash: make one with htpasswd -nBC 10 NAME; passwords "
            "are not written here"]),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("pem")
def test_what_is_wrong_is_told_all_at_once_with_its_place(text: str, errors: list[str], write: Write) -> None:
    assert wrong(write(text)) == errors


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    assert wrong(tmp_path / "web.yml") == ["web.yml: cannot read web.yml: No such file or directory"]


def test_an_encrypted_key_is_not_asked_a_password_for(zoo: Zoo, write: Write) -> None:
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

    write(zoo.good.cert_chain_pem, "cert.pem")
    encrypted = BestAvailableEncryption(CANARY.encode())
    write(zoo.good.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encrypted), "key.pem")
    [error] = wrong(write("tls_server_config: {cert_file: cert.pem, key_file: key.pem}"))
    assert error.endswith("key_file: this private key is encrypted: there is nobody to ask for its password")


@pytest.mark.parametrize(
    "text",
    [
        f"basic_auth_users: {{alice: {CANARY}}}",
        f"basic_auth_users: {CANARY}",
        f"basic_auth_users: {{alice: [{CANARY}]}}",
        f"basic_auth_users: {{alice: {{{CANARY}: 1}}}}",
        f"basic_auth_users: {{alice:{HASH}}}",
        f"basic_auth_users: alice:{HASH}",
        f"{{alice:{HASH}}}",
        f"alice: {HASH}",
        f"tls_server_config: {{cert: x, key: {CANARY}}}",
        f"tls_server_config: {{cert: x, key: [{CANARY}]}}",
        f"tls_server_config: {{cert: x, key: '-----BEGIN PRIVATE KEY-----{CANARY}-----END PRIVATE KEY-----'}}",
        f"tls_server_config: {CANARY}",
        f"basic_auth_users: {{alice: {HASH}, bob: '{CANARY}}}",
        CANARY,
    ],
)
def test_no_error_shows_a_secret(text: str, write: Write) -> None:
    told = "\n".join(wrong(write(text)))
    assert told
    assert CANARY not in told
    assert CANARY.encode("unicode_escape").decode() not in told
    assert HASH[7:] not in told


def test_settings_do_not_show_hashes(write: Write) -> None:
    assert HASH not in repr(Reading(write(f"basic_auth_users: {{alice: {HASH}}}")).settings())
