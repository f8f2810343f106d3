"""Odd certificates before `openssl verify` and GnuTLS's `certtool`: where both accept, we accept."""

import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from exporter.trust import Judge
from tests.patience import PATIENCE
from tests.real.conftest import NewDirectory, require
from tests.trust.odd import ACCEPTED, AUTHORITIES, REFUSED
from tests.trust.raw import NAME, ROOT, Raw, in_pem

EVERY = {**ACCEPTED, **REFUSED}


@pytest.fixture(scope="module")
def root(new_directory: NewDirectory) -> Path:
    path = new_directory("odd-certificates") / "root.pem"
    path.write_text(in_pem(ROOT.der))
    return path


def accepted_by(*command: str | Path) -> bool:
    return subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False).returncode == 0


def by_openssl(leaf: Path, root: Path) -> bool:
    places = ("-no-CApath", "-no-CAstore", "-CAfile", root)
    return accepted_by("openssl", "verify", "-purpose", "sslserver", "-verify_hostname", NAME, *places, leaf)


def by_gnutls(leaf: Path, root: Path) -> bool:
    asked = ("--verify-hostname", NAME, "--verify-purpose", "1.3.6.1.5.5.7.3.1", "--verify-allow-broken")
    return accepted_by("certtool", "--verify", "--load-ca-certificate", root, *asked, "--infile", leaf)


def judged(der: bytes, root: Path) -> tuple[bool, bool, bool]:
    """Whether we, OpenSSL and GnuTLS accept a certificate below a root."""
    require(there=shutil.which("certtool"), otherwise="gnutls-bin is missing: make tools")
    leaf = root.with_name("leaf.pem")
    leaf.write_text(in_pem(der))
    verdict = Judge().judge((der,), NAME, str(root), time.time())
    return verdict is not None and verdict.valid, by_openssl(leaf, root), by_gnutls(leaf, root)


@pytest.mark.parametrize("name", EVERY)
def test_what_openssl_and_gnutls_accept_we_accept(root: Path, name: str) -> None:
    ours, openssl, gnutls = judged(EVERY[name].raw.der, root)
    assert ours or not (openssl and gnutls)
    assert ours is openssl


@pytest.mark.parametrize("name", AUTHORITIES)
def test_an_authority_that_openssl_and_gnutls_take_we_take(root: Path, name: str) -> None:
    subject = AUTHORITIES[name]
    odd = root.with_name("odd.pem")
    odd.write_text(in_pem(replace(ROOT, subject=subject, issuer=subject).der))
    assert judged(replace(Raw(), issuer=subject).der, odd) == (True, True, True)
