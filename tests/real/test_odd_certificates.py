"""Odd certificates before `openssl verify` and GnuTLS's `certtool`: where both accept, we accept."""

import shutil
import subprocess
import time
from pathlib import Path

import pytest

from exporter.trust import Judge
from tests.patience import PATIENCE
from tests.real.conftest import NewDirectory, require
from tests.trust.odd import ACCEPTED, REFUSED
from tests.trust.raw import NAME, ROOT, in_pem

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


@pytest.mark.parametrize("name", EVERY)
def test_openssl_and_gnutls_agree(root: Path, name: str) -> None:
    require(there=shutil.which("certtool"), otherwise="gnutls-bin is missing: make tools")
    der = EVERY[name].raw.der
    leaf = root.with_name("leaf.pem")
    leaf.write_text(in_pem(der))
    verdict = Judge().judge((der,), NAME, str(root), time.time())
    assert verdict is not None
    openssl, gnutls = by_openssl(leaf, root), by_gnutls(leaf, root)
    assert verdict.valid or not (openssl and gnutls)
    assert verdict.valid is openssl
