"""The zoo, as trust sees it: its clock, and files of anchors."""

from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from exporter.simulated.certificates import Zoo


@pytest.fixture
def anchors(tmp_path: Path) -> Callable[..., str]:
    """Write a ca_file: `anchors(zoo.root.certificate)` is its path."""

    def write(*certificates: x509.Certificate, name: str = "anchors.pem") -> str:
        path = tmp_path / name
        path.write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in certificates))
        return str(path)

    return write


@pytest.fixture
def now(zoo: Zoo) -> float:
    """The moment that the dates in the zoo are relative to."""
    return zoo.now.timestamp()
