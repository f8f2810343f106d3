import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from exporter.simulated.certificates import Credentials, Kind, Zoo
from exporter.trust.certificate import read
from exporter.trust.names import mismatch

HOSTNAME_MISMATCH, IP_ADDRESS_MISMATCH = 62, 64  # X509_V_ERR_*
ROWS = [
    pytest.param(("mail.example",), "mail.example", True, id="the name"),
    pytest.param(("MAIL.Example",), "mail.example", True, id="case does not matter"),
    pytest.param(("other.example", "mail.example"), "mail.example", True, id="one of several"),
    pytest.param(("other.example",), "mail.example", False, id="another name"),
    pytest.param(("example",), "mail.example", False, id="the parent"),
    pytest.param(("*.lab.example",), "mail.lab.example", True, id="wildcard"),
    pytest.param(("*.lab.example",), "lab.example", False, id="wildcard stands for a label"),
    pytest.param(("*.lab.example",), "a.b.lab.example", False, id="wildcard stands for one label"),
    pytest.param(("m*.lab.example",), "mail.lab.example", False, id="wildcard within a label"),
    pytest.param(("mail.*.example",), "mail.lab.example", False, id="wildcard not left-most"),
    pytest.param(("*.example",), "mail.example", False, id="wildcard over a top-level domain"),
    pytest.param(("*.lab.example",), "xn--mller-kva.lab.example", True, id="wildcard for an A-label"),
    pytest.param(("mller-kva.lab.example",), "xn--mller-kva.lab.example", False, id="an A-label is all of it"),
    pytest.param(("*", "mail.example"), "mail.example", True, id="a senseless pattern spoils only itself"),
    pytest.param(("my_mail.example",), "my_mail.example", True, id="underscore"),
    pytest.param(("localhost",), "localhost", True, id="single label"),
    pytest.param((), "mail.example", False, id="common name only"),
    pytest.param(("192.0.2.1",), "192.0.2.1", True, id="IPv4 address"),
    pytest.param(("2001:db8::1",), "2001:db8:0::1", True, id="IPv6 address"),
    pytest.param(("192.0.2.1",), "192.0.2.2", False, id="another address"),
    pytest.param(("mail.example",), "192.0.2.1", False, id="a name is no address"),
    pytest.param(("192.0.2.1",), "mail.example", False, id="an address is no name"),
]


def shown_by(zoo: Zoo, names: tuple[str, ...]) -> Credentials:
    return zoo.issue(Kind(names=names, subject="mail.example"), "names")


def openssl_accepts(made: Credentials, name: str) -> bool:
    """Whether Python's ssl, as a client, takes the certificate for the name."""
    client, server = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    client.load_verify_locations(made.pem_file)
    client.hostname_checks_common_name = False
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    server.load_cert_chain(made.pem_file)
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    there = client.wrap_bio(down, up, server_hostname=name)
    here = server.wrap_bio(up, down, server_side=True)
    for side in (there, here, there):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
        except ssl.SSLCertVerificationError as error:
            if error.verify_code not in {HOSTNAME_MISMATCH, IP_ADDRESS_MISMATCH}:
                raise
            return False
    return True


@pytest.mark.parametrize(("names", "name", "fits"), ROWS)
def test_a_name_fits(zoo: Zoo, names: tuple[str, ...], name: str, fits: bool) -> None:
    leaf = read(shown_by(zoo, names).certificate.public_bytes(Encoding.DER))
    assert (mismatch(leaf, name) is None) == fits


@pytest.mark.parametrize(("names", "name", "fits"), ROWS)
def test_openssl_agrees(zoo: Zoo, names: tuple[str, ...], name: str, fits: bool) -> None:
    assert openssl_accepts(shown_by(zoo, names), name) == fits


@pytest.mark.parametrize(
    ("names", "name", "text"),
    [
        pytest.param(
            ("b.example", "a.example"), "c.example", "valid for a.example, b.example, not for c.example", id="two"
        ),
        pytest.param(
            tuple(f"{n}.example" for n in range(9)),
            "c.example",
            "valid for 0.example, 1.example, 2.example, 3.example and 5 more, not for c.example",
            id="many",
        ),
        pytest.param((), "c.example", "valid for no name at all, not for c.example", id="none"),
        pytest.param(
            ("a.example",),
            "192.0.2.1",
            "valid for a.example, not for 192.0.2.1: set tls.server_name to the name it is to have",
            id="address",
        ),
    ],
)
def test_a_mismatch_says_whom_it_is_for(zoo: Zoo, names: tuple[str, ...], name: str, text: str) -> None:
    assert mismatch(read(shown_by(zoo, names).certificate.public_bytes(Encoding.DER)), name) == text


def test_other_kinds_of_names_do_not_count(zoo: Zoo) -> None:
    others = x509.SubjectAlternativeName(
        [x509.RFC822Name("mail.example"), x509.UniformResourceIdentifier("smtp:mail.example")]
    )
    made = zoo.issue(Kind(names=(), extensions=((others, False),)))
    assert mismatch(read(made.certificate.public_bytes(Encoding.DER)), "mail.example") is not None


@pytest.mark.parametrize("name", ["", ".", "12345", "mail example", "-.example", "a" * 300, "müller.example"])
def test_a_name_that_is_none_fits_nothing(zoo: Zoo, name: str) -> None:
    assert mismatch(read(zoo.good.certificate.public_bytes(Encoding.DER)), name) is not None
