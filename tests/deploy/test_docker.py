"""The Dockerfile, as far as it can be judged without a container engine: hadolint, and what it names is there."""

import re
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "deploy/docker/Dockerfile"
TEXT = DOCKERFILE.read_text()
LAST_STAGE = TEXT.rpartition("\nFROM ")[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def copied() -> list[str]:
    """What is copied from the checkout, not from another stage."""
    lines = [line.split()[1:-1] for line in TEXT.splitlines() if line.startswith("COPY ") and "--from" not in line]
    return [source for line in lines for source in line]


def normal(name: str) -> str:
    """A distribution's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_hadolint_finds_nothing() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, "--no-color", DOCKERFILE], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("", 0)


def test_every_source_of_a_copy_is_there() -> None:
    assert copied()
    assert [source for source in copied() if not (ROOT / source).exists()] == []


def test_the_build_context_shows_exactly_what_is_copied() -> None:
    shown = [
        line for line in DOCKERFILE.with_name("Dockerfile.dockerignore").read_text().splitlines() if line[:1] == "!"
    ]
    assert sorted(line[1:] for line in shown) == sorted(copied())


def test_all_files_that_the_build_reads_are_copied() -> None:
    named = [PROJECT["readme"], "pyproject.toml", "exporter", "requirements.lock"]
    named += [path.name for path in ROOT.iterdir() if any(fnmatch(path.name, one) for one in PROJECT["license-files"])]
    assert set(named) <= set(copied())


def test_the_lock_has_every_runtime_dependency_with_hashes() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    locked = set(re.findall(r"^([\w.-]+)==\S+.*\\\n +--hash=sha256:", lock, re.MULTILINE))
    needed = {normal(re.split(r"[^\w.-]", one)[0]) for one in PROJECT["dependencies"]}
    assert needed <= {normal(name) for name in locked}
    assert "--require-hashes --only-binary=:all: -r requirements.lock" in TEXT


def test_the_entrypoint_is_a_command_of_the_project() -> None:
    match = re.search(r'^ENTRYPOINT \["(.+)"\]$', LAST_STAGE, re.MULTILINE)
    assert match
    assert match[1] in PROJECT["scripts"]


def test_the_user_is_a_number_and_not_root() -> None:
    assert re.findall(r"^USER (.*)$", LAST_STAGE, re.MULTILINE) == ["65534:65534"]


def test_nothing_is_installed_in_the_last_stage() -> None:
    assert "\nRUN " not in LAST_STAGE


def test_the_health_check_is_python_that_compiles() -> None:
    match = re.search(r'CMD \["python", "-c", "(.+)"\]', LAST_STAGE)
    assert match
    compile(match[1], "HEALTHCHECK", "exec")
    assert "http://127.0.0.1:10225/-/healthy" in match[1]
