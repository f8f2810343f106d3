"""A release: made by tools/release.sh, installed as users do, and holding what it should and nothing else."""

import hashlib
import json
import re
import signal
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from exporter import __version__
from tests.patience import PATIENCE
from tests.real.processes import free_ports, wait_until

ROOT = Path(__file__).parents[2]
LOCKED = set(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
"""Names, as indexes write them, and versions."""


@dataclass(frozen=True, slots=True)
class Release:
    """The files of a release, and an environment in which its wheel was installed."""

    folder: Path
    environment: Path

    def wheel(self) -> set[str]:
        """The files in the wheel."""
        return set(zipfile.ZipFile(self.folder / f"smtp_exporter-{__version__}-py3-none-any.whl").namelist())

    def sdist(self) -> set[str]:
        """The files in the sdist, by their place in a checkout."""
        with tarfile.open(self.folder / f"smtp_exporter-{__version__}.tar.gz") as archive:
            return {name.partition("/")[2] for name in archive.getnames()}

    def sbom(self) -> dict[str, list[dict[str, str]]]:
        """The bill of materials."""
        read: dict[str, list[dict[str, str]]] = json.loads(
            (self.folder / f"smtp-exporter-{__version__}.cdx.json").read_text()
        )
        return read


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    folder = tmp_path_factory.mktemp("release")
    made = Release(folder / "dist", folder / "environment")
    script = [ROOT / "tools/release.sh", made.folder, made.environment]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr
    return made


def committed(*folders: str) -> set[str]:
    """What is in folders of the checkout, and not left there by Python."""
    files = (file for folder in folders for file in (ROOT / folder).rglob("*") if file.is_file())
    return {str(file.relative_to(ROOT)) for file in files if "__pycache__" not in file.parts}


def normal(name: str) -> str:
    """A distribution's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.real
def test_the_wheel_is_the_package_with_its_templates_and_nothing_else(release: Release) -> None:
    package = {name for name in release.wheel() if ".dist-info/" not in name}
    assert package == committed("exporter")
    assert "exporter/page/templates/index.html" in package


@pytest.mark.real
def test_the_sdist_has_all_that_an_installation_needs_and_no_tests(release: Release) -> None:
    needed = committed("exporter", "deploy", "docs", "grafana") | {
        "README.md", "LICENSE", "CHANGELOG.md", "config.example.yaml", "pyproject.toml",
        "requirements.lock", "requirements-build.lock",
    }  # fmt: skip
    assert needed <= release.sdist()
    assert not [name for name in release.sdist() if re.match(r"tests|benchmarks|\.ci|.*\.pyc", name)]


@pytest.mark.real
def test_every_file_of_the_release_has_its_checksum(release: Release) -> None:
    lines = (line.split("  ") for line in (release.folder / "SHA256SUMS").read_text().splitlines())
    sums = {name: checksum for checksum, name in lines}
    files = [file for file in release.folder.iterdir() if file.name != "SHA256SUMS"]
    assert sums == {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
    assert len(files) == 4


@pytest.mark.real
def test_the_bill_of_materials_names_what_is_locked_with_licences_and_who_needs_whom(release: Release) -> None:
    parts = release.sbom()["components"]
    assert {(normal(part["name"]), part["version"]) for part in parts} == {
        (normal(name), version) for name, version in LOCKED
    }
    assert [part["name"] for part in parts if not part.get("licenses")] == []
    (needs,) = [each for each in release.sbom()["dependencies"] if each["ref"] == "root-component"]
    assert len(needs["dependsOn"]) >= 14


@pytest.mark.real
def test_what_was_installed_runs_the_demo_and_shows_its_page(release: Release, tmp_path: Path) -> None:
    (port,) = free_ports(["web"]).values()
    program = release.environment / "bin/smtp-exporter"
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [program, "demo", f"--web.listen-address=127.0.0.1:{port}"], cwd=tmp_path, stdout=output, stderr=output
        )

    def asked(path: str) -> str:
        command = ["curl", "--silent", "--noproxy", "*", f"http://127.0.0.1:{port}{path}"]
        assert process.poll() is None, log.read_text()
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout

    try:
        wait_until(lambda: "\nsmtp_probe_success{" in asked("/metrics"), PATIENCE, log.read_text)
        assert "</html>" in asked("/")
        assert asked("/style.css") == (ROOT / "exporter/page/static/style.css").read_text()
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.wait()


def test_the_version_is_written_in_one_place() -> None:
    """Its file; where others must repeat it, a test compares."""
    assert 'dynamic = ["version"]' in (ROOT / "pyproject.toml").read_text()
    asked = [sys.executable, "-m", "exporter", "--version"]
    said = subprocess.run(asked, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert said.startswith(f"smtp-exporter {__version__} ")
    images = {
        ROOT / "deploy/kubernetes/base/kustomization.yaml",
        ROOT / "deploy/kubernetes/overlays/sidecar/kustomization.yaml",
    }
    writers = {
        path
        for folder in ("exporter", "deploy")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and __version__ in path.read_text("utf-8")
    }
    assert writers == {ROOT / "exporter/__init__.py", *images}
