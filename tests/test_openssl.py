"""What a probe offers in its ClientHello, and that an openssl.cnf of the operator's does not change it."""

import contextlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from OpenSSL import SSL, crypto
from OpenSSL._util import lib

from exporter.model import Session
from exporter.probe.second_look import client_hello
from exporter.simulated.certificates import Credentials, KeyKind, Kind
from exporter.simulated.groups import GROUPS as GROUPS_OF_DH
from exporter.wire import Tls
from exporter.wire.tls import _translated
from tests.trust.raw import Raw, named

if TYPE_CHECKING:
    from exporter.simulated.certificates import Zoo

CLIENT_HELLO = """
import exporter.__main__
from exporter.probe.second_look import client_hello
print(client_hello("mail.example.test").hex())
"""

GROUPS = {
    0x0017: "P-256", 0x0018: "P-384", 0x0019: "P-521", 0x001D: "X25519", 0x001E: "X448", 0x0100: "ffdhe2048",
    0x0101: "ffdhe3072",
}  # fmt: skip
"""RFC 8446 4.2.7."""

SUPPORTED_GROUPS, KEY_SHARE = 10, 51
"""Types of extensions (RFC 8446 4.2)."""

CONF = """
openssl_conf = openssl_init
[openssl_init]
ssl_conf = ssl_sect
[ssl_sect]
system_default = system_default_sect
[system_default_sect]
"""
SETTINGS = (
    "Groups = P-256",
    "MinProtocol = TLSv1.3",
    "MaxProtocol = TLSv1.2",
    "Protocol = -TLSv1.3",
    "CipherString = ECDHE-RSA-AES128-SHA@SECLEVEL=2",
    "Ciphersuites = TLS_AES_128_GCM_SHA256",
    "SignatureAlgorithms = RSA+SHA256",
    "Options = -ExtendedMasterSecret,-UnsafeLegacyServerConnect",
)


def elsewhere(**environment: str) -> bytes:
    """The ClientHello of a new interpreter, which reads OPENSSL_CONF once."""
    command = [sys.executable, "-c", CLIENT_HELLO]
    clean = {name: value for name, value in os.environ.items() if name != "OPENSSL_CONF"}
    done = subprocess.run(command, env=clean | environment, capture_output=True, text=True, check=True)
    return bytes.fromhex(done.stdout)


def offered(record: bytes) -> tuple[bytes, dict[int, bytes]]:
    """The cipher suites and the extensions of a ClientHello (RFC 8446 4.1.2)."""
    body = record[9 + 2 + 32 :]  # after record and handshake header, version and random
    body = body[1 + body[0] :]  # session id
    suites, body = body[2 : 2 + int.from_bytes(body[:2])], body[2 + int.from_bytes(body[:2]) :]
    body = body[1 + body[0] + 2 :]  # compression methods, length of all extensions
    extensions = {}
    while body:
        end = 4 + int.from_bytes(body[2:4])
        extensions[int.from_bytes(body[:2])], body = body[4:end], body[end:]
    return suites, extensions


def without_key(record: bytes) -> tuple[bytes, dict[int, bytes]]:
    """The same without the key share, which is random."""
    suites, extensions = offered(record)
    return suites, {**extensions, KEY_SHARE: extensions[KEY_SHARE][:6]}


def test_the_usual_groups_are_offered_first() -> None:
    groups = offered(client_hello("mail.example.test"))[1][SUPPORTED_GROUPS][2:]
    names = [GROUPS[int.from_bytes(groups[at : at + 2])] for at in range(0, len(groups), 2)]
    assert names == ["X25519", "P-256", "P-384", "X448", "P-521", "ffdhe2048", "ffdhe3072"]


def test_one_key_share_is_sent() -> None:
    share = offered(client_hello("mail.example.test"))[1][KEY_SHARE]
    group, size = share[2:4], int.from_bytes(share[4:6])
    assert (GROUPS[int.from_bytes(group)], len(share)) == ("X25519", 6 + size)


@pytest.mark.parametrize("name", ["mail.example.test", ".".join(["x" * 62] * 4)], ids=["a name", "the longest name"])
def test_the_client_hello_fits_into_one_small_packet(name: str) -> None:
    assert len(client_hello(name)) < 600


@pytest.mark.parametrize("setting", SETTINGS)
def test_an_openssl_configuration_changes_nothing_of_a_client_hello(setting: str, tmp_path: Path) -> None:
    conf = tmp_path / "openssl.cnf"
    conf.write_text(f"{CONF}{setting}\n")
    assert without_key(elsewhere(OPENSSL_CONF=str(conf))) == without_key(client_hello("mail.example.test"))


def test_python_s_own_openssl_is_still_configured(tmp_path: Path) -> None:
    conf = tmp_path / "openssl.cnf"
    conf.write_text(f"{CONF}MaxProtocol = TLSv1.2\n")
    command = "import exporter.__main__, ssl; print(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).maximum_version.name)"
    environment = os.environ | {"OPENSSL_CONF": str(conf)}
    done = subprocess.run([sys.executable, "-c", command], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "TLSv1_2\n"


def agreed(server: SSL.Context) -> Session:
    """What a probe and a server with this context agree on."""
    ours, theirs = Tls("mail.example.test"), SSL.Connection(server)
    theirs.set_accept_state()
    for _ in range(10):
        if ours.shake_hands():
            return ours.session()
        theirs.bio_write(ours.outgoing())
        with contextlib.suppress(SSL.WantReadError):
            theirs.do_handshake()
        ours.feed(theirs.bio_read(65536))
    raise AssertionError("the handshake does not end")


def serving(credentials: Credentials, groups: str, version: int) -> SSL.Context:
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(version)
    context.set_max_proto_version(version)
    context.use_privatekey(credentials.key)
    context.use_certificate(credentials.certificate)
    assert lib.SSL_CTX_set1_curves_list(context._context, groups.encode()) == 1
    return context


@pytest.mark.parametrize("group", ["P-256", "P-384", "P-521", "X448", "ffdhe2048", "ffdhe3072"])
def test_a_server_with_one_group_of_tls_1_3_is_understood(zoo: "Zoo", group: str) -> None:
    assert agreed(serving(zoo.good, group, SSL.TLS1_3_VERSION)).version == "TLSv1.3"


@pytest.mark.parametrize("group", ["X25519", "P-256", "P-384", "P-521", "X448"])
def test_a_server_with_one_group_of_tls_1_2_has_forward_secrecy(zoo: "Zoo", group: str) -> None:
    session = agreed(serving(zoo.good_rsa, group, SSL.TLS1_2_VERSION))
    assert str(session.cipher).startswith("ECDHE-")


@pytest.mark.parametrize("version", [SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION], ids=["TLSv1.2", "TLSv1.3"])
@pytest.mark.parametrize("key", ["ec", "ec384", "ec521", "rsa2048"])
def test_a_certificate_with_a_key_of_each_kind_is_understood(zoo: "Zoo", key: KeyKind, version: int) -> None:
    session = agreed(serving(zoo.issue(Kind(key=key)), "P-521:P-384:P-256", version))
    assert str(session.cipher).startswith(("ECDHE-", "TLS_"))


@pytest.mark.parametrize("signature", ["RSA+SHA1", "RSA+SHA256"])
@pytest.mark.parametrize("suite", ["ECDHE-RSA-AES128-GCM-SHA256", "DHE-RSA-AES128-GCM-SHA256"])
def test_a_signature_with_sha1_is_accepted_and_told(zoo: "Zoo", suite: str, signature: str, tmp_path: Path) -> None:
    (tmp_path / "dh.pem").write_text(GROUPS_OF_DH[2048])
    server = serving(zoo.good_rsa, "P-256:ffdhe2048", SSL.TLS1_2_VERSION)
    server.set_cipher_list(f"{suite}:@SECLEVEL=0".encode())
    server.load_tmp_dh(str(tmp_path / "dh.pem"))
    assert lib.SSL_CTX_set1_sigalgs_list(server._context, signature.encode()) == 1
    session = agreed(server)
    assert (session.cipher, session.signed_with_sha1, session.secure_renegotiation) == (
        suite, signature == "RSA+SHA1", True
    )  # fmt: skip


def test_a_certificate_that_openssl_cannot_read_is_said_to_be_malformed() -> None:
    unreadable = replace(Raw(), subject=named(b"\xff")).der  # no UTF8String
    with pytest.raises(crypto.Error) as raised:
        crypto.load_certificate(crypto.FILETYPE_ASN1, unreadable)
    read = [(library, reason) for library, _, reason in raised.value.args[0]]
    queue = [*read, ("SSL routines", "asn1 lib")]  # as a handshake leaves it
    assert str(_translated(queue)) == "a certificate or a signature is malformed: invalid utf8string"
