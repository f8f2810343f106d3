import os
from dataclasses import replace
from pathlib import Path

import pytest

from exporter.config import files
from exporter.config.files import MAX_SECRET_BYTES, Beside
from exporter.simulated.certificates import Zoo
from tests.trust.raw import ROOT, in_pem, named


@pytest.mark.parametrize(("limit", "said"), [(2048, "over 2 KiB long"), (3 * 2**20, "over 3 MiB long")])
def test_a_long_file_is_not_read(tmp_path: Path, limit: int, said: str) -> None:
    file = tmp_path / "long"
    file.write_bytes(b"x" * limit)
    assert files.read(file, limit) == b"x" * limit
    file.write_bytes(b"x" * (limit + 1))
    with pytest.raises(ValueError, match=said):
        files.read(file, limit)


@pytest.mark.parametrize("name", [".", "/dev/zero", "pipe"])
@pytest.mark.parametrize("swapped", [False, True], ids=["before", "while it is opened"])
def test_only_regular_files_are_read(tmp_path: Path, name: str, swapped: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe")
    if swapped:
        monkeypatch.setattr(Path, "is_file", lambda _: True)
    with pytest.raises(ValueError, match=r"not a regular file|Is a directory"):
        files.read(tmp_path / name)


def test_a_password_file_is_short(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"x\n" + b"y" * MAX_SECRET_BYTES)
    with pytest.raises(ValueError, match=r"cannot read .*secret: over 64 KiB long"):
        Beside(tmp_path, {}).password_file("secret")


def test_patterns_name_regular_files_in_order(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.yaml", "c.json"):
        (tmp_path / name).touch()
    (tmp_path / "d.yaml").mkdir()
    assert [file.name for file in files.matching(tmp_path, "*.yaml")] == ["a.yaml", "b.yaml"]
    assert files.matching(tmp_path, str(tmp_path / "c.*")) == [tmp_path / "c.json"]
    assert files.matching(tmp_path, "none/*.yaml") == []


def test_a_ca_file_holds_certificates(tmp_path: Path, zoo: Zoo) -> None:
    beside = Beside(tmp_path, {})
    assert beside.ca_file(str(zoo.ca_file)) == str(zoo.ca_file)
    odd = tmp_path / "odd.pem"
    odd.write_text(in_pem(replace(ROOT, subject=named("R&D Root", 0x13)).der))  # OpenSSL takes that `&`
    assert beside.ca_file("odd.pem") == str(odd)
    (tmp_path / "broken.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    with pytest.raises(ValueError, match="no PEM certificate, or a broken one"):
        beside.ca_file("broken.pem")
    with pytest.raises(ValueError, match=r"cannot read .*missing.pem: No such file"):
        beside.ca_file("missing.pem")


def test_a_password_never_shows(tmp_path: Path) -> None:
    beside = Beside(tmp_path, {"SMTP_PASSWORD": "hunter2"})
    (tmp_path / "secret").write_text("hunter2\n")
    assert beside.password_file("secret") == str(tmp_path / "secret")
    assert beside.password_env("SMTP_PASSWORD") == "SMTP_PASSWORD"
    with pytest.raises(ValueError, match=r"^expected the name of an environment variable$"):
        beside.password_env("hunter-2!")
    assert "hunter2" not in repr(beside)


def test_each_file_is_looked_into_once(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hunter2\n")
    beside = Beside(tmp_path, {})
    first = beside.password_file("secret")
    (tmp_path / "secret").unlink()
    assert beside.password_file("secret") == first
