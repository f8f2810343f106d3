import os
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import crypto

from exporter.simulated.certificates import Zoo
from exporter.trust import TrustStore, TrustStoreError
from exporter.trust.verifier import path_to

Anchors = Callable[..., str]


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """A system without trust anchors; set the variables to give it some."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "absent.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "absent"))
    return monkeypatch


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(None, "anchors.pem: No such file or directory", id="missing"),
        pytest.param(b"", "anchors.pem: holds no certificate in PEM form", id="empty"),
        pytest.param(b"\x30\x82\x01\x00", "anchors.pem: holds no certificate in PEM form", id="DER"),
        pytest.param(
            b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "anchors.pem: certificate 1 is broken: OpenSSL cannot read it",
            id="broken",
        ),
    ],
)
def test_a_ca_file_that_cannot_be_used_is_a_clear_error(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "anchors.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(TrustStoreError) as raised:
        TrustStore(str(path))
    assert str(raised.value) == f"{tmp_path}/{message}"


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["directory", "pipe"])
def test_only_a_regular_file_is_a_ca_file(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "anchors.pem")
    with pytest.raises(TrustStoreError, match=r"anchors.pem: not a regular file"):
        TrustStore(str(tmp_path / "anchors.pem"))


def test_a_pipe_among_the_systems_files_is_passed_over(nowhere: pytest.MonkeyPatch, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pem")
    nowhere.setenv("SSL_CERT_FILE", str(tmp_path / "pipe.pem"))
    assert TrustStore(None).size == 0


def test_text_and_keys_between_the_certificates_do_not_matter(tmp_path: Path, zoo: Zoo) -> None:
    path = tmp_path / "anchors.pem"
    path.write_bytes(
        b"# ours\n" + zoo.root.key_pem + zoo.root.cert_chain_pem + b"\n# theirs\n" + zoo.good.cert_chain_pem
    )
    assert TrustStore(str(path)).size == 3


def test_the_digest_tells_changed_content(anchors: Anchors, zoo: Zoo) -> None:
    before = TrustStore(anchors(zoo.root.certificate))
    again = TrustStore(anchors(zoo.root.certificate))
    after = TrustStore(anchors(zoo.unknown_root.certificate))
    assert before.digest == again.digest != after.digest


def test_the_system_file_is_ssl_cert_file(nowhere: pytest.MonkeyPatch, anchors: Anchors, zoo: Zoo) -> None:
    nowhere.setenv("SSL_CERT_FILE", anchors(zoo.root.certificate, zoo.unknown_root.certificate))
    assert TrustStore(None).size == 2


def test_the_system_directories_are_ssl_cert_dir(nowhere: pytest.MonkeyPatch, tmp_path: Path, zoo: Zoo) -> None:
    for directory, name, one in (
        ("a", "0123abcd.0", zoo.root),
        ("b", "0123abcd.1", zoo.unknown_root),
        ("b", "not-hashed.pem", zoo.self_signed),
    ):
        (tmp_path / directory).mkdir(exist_ok=True)
        (tmp_path / directory / name).write_bytes(one.certificate.public_bytes(Encoding.PEM))
    nowhere.setenv("SSL_CERT_DIR", f"{tmp_path}/a:{tmp_path}/b")
    assert TrustStore(None).size == 2


def test_a_broken_system_certificate_is_passed_over(nowhere: pytest.MonkeyPatch, tmp_path: Path, zoo: Zoo) -> None:
    broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    (tmp_path / "roots.pem").write_bytes(broken + zoo.root.cert_chain_pem)
    nowhere.setenv("SSL_CERT_FILE", str(tmp_path / "roots.pem"))
    assert TrustStore(None).size == 1


@pytest.mark.usefixtures("nowhere")
def test_a_system_without_anchors_is_no_error() -> None:
    assert TrustStore(None).size == 0


def test_an_anchor_counts_while_it_is_valid(anchors: Anchors, zoo: Zoo, now: float) -> None:
    store = TrustStore(anchors(zoo.old_intermediate.certificate))
    leaf = crypto.X509.from_cryptography(zoo.expired_intermediate.certificate)

    def reached(at: float) -> list[bool]:
        """By the anchors that are valid then, and by all of them where these are others."""
        found = []
        for one in store.stores(at):
            try:
                found.append(len(path_to(one, leaf, [])) == 2)
            except crypto.X509StoreContextError:
                found.append(False)
        return found

    assert [reached(at) for at in (now, now - 20 * 86400, now)] == [[False, True], [True], [False, True]]
