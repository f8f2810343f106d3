"""Target files with errors, as in Prometheus' file_sd: no other file suffers, and what they had stays in force."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from exporter.config import Config, ConfigErrors, load
from exporter.config.apart import load_apart
from exporter.config.errors import MAX_ERRORS
from exporter.config.kept import with_last_targets
from exporter.model import Target

MAIN = "targets: [{host: main.test, ports: [25]}]\ntarget_files: [t/*.yaml]\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "t").mkdir()
    (tmp_path / "c.yaml").write_text(MAIN)
    for name in ("a", "b", "c"):
        (tmp_path / f"t/{name}.yaml").write_text(f"- {{host: {name}.test, ports: [25]}}\n")
    return tmp_path


def hosts(config: Config) -> list[str]:
    return [target.host or ",".join(target.domains) for target in config.targets]


def tolerant(folder: Path, running: Config | None = None) -> Config:
    config = load(folder / "c.yaml", tolerant=True)
    return with_last_targets(config, running) if running else config


def gone(file: Path) -> None:
    file.unlink()
    file.symlink_to("nowhere")


def piped(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


BROKEN: dict[str, Callable[[Path], object]] = {
    "not YAML": lambda file: file.write_text("- {host: b.test"),
    "no list": lambda file: file.write_text("host: b.test\n"),
    "an unknown key": lambda file: file.write_text("- {host: new.test, ports: [25]}\n- {host: b.test, prots: [25]}\n"),
    "an endpoint twice": lambda file: file.write_text("- {host: new.test, ports: [25]}\n" * 2),
    "one of another file": lambda file: file.write_text("- {host: a.test, ports: [25]}\n"),
    "one of the configuration": lambda file: file.write_text("- {host: main.test, ports: [25]}\n"),
    "a missing file": lambda file: file.write_text("- {host: b.test, ports: [25], tls: {ca_file: missing.pem}}\n"),
    "a missing domains file": lambda file: file.write_text("- {domains_file: missing.txt}\n"),
    "thousands of errors": lambda file: file.write_text("- {hots: b.test}\n" * 3 * MAX_ERRORS),
    "a link to nothing": gone,
    "a pipe": piped,
}


@pytest.mark.parametrize("break_it", BROKEN.values(), ids=BROKEN)
def test_a_target_file_with_errors_keeps_its_targets_and_holds_up_no_other_file(
    folder: Path, break_it: Callable[[Path], object]
) -> None:
    running = tolerant(folder)
    break_it(folder / "t/b.yaml")
    (folder / "t/c.yaml").write_text("- {host: c2.test, ports: [25]}\n")
    at_start, config = tolerant(folder), tolerant(folder, running)
    assert hosts(at_start) == ["main.test", "a.test", "c2.test"]
    assert hosts(config) == ["main.test", "a.test", "b.test", "c2.test"]
    assert config.targets[2] is running.targets[2]
    assert [bool(file.errors) for file in config.target_files] == [False, True, False]
    assert [file.targets for file in config.target_files] == [1, 1, 1]
    assert hosts(tolerant(folder, config)) == hosts(config), "and goes on to"


@pytest.mark.parametrize("break_it", BROKEN.values(), ids=BROKEN)
def test_who_checks_a_configuration_is_told(folder: Path, break_it: Callable[[Path], object]) -> None:
    break_it(folder / "t/b.yaml")
    with pytest.raises(ConfigErrors, match=r"t/b\.yaml"):
        load(folder / "c.yaml")


def test_errors_of_all_files_are_told_at_once(folder: Path) -> None:
    (folder / "c.yaml").write_text(MAIN + "x: 1\n")
    (folder / "t/b.yaml").write_text("- {}\n")
    for tolerantly in (True, False):
        with pytest.raises(ConfigErrors) as raised:
            load(folder / "c.yaml", tolerant=tolerantly)
        assert [error.file.name for error in raised.value.errors] == ["c.yaml", "b.yaml"]


def test_a_file_that_is_mended_has_its_new_targets(folder: Path) -> None:
    running = tolerant(folder)
    (folder / "t/b.yaml").write_text("- x")
    broken = tolerant(folder, running)
    (folder / "t/b.yaml").write_text("- {host: b2.test, ports: [25]}\n")
    assert hosts(tolerant(folder, broken)) == ["main.test", "a.test", "b2.test", "c.test"]


def test_a_file_that_is_removed_has_none(folder: Path) -> None:
    running = tolerant(folder)
    (folder / "t/b.yaml").unlink()
    assert hosts(tolerant(folder, running)) == ["main.test", "a.test", "c.test"]


def test_what_is_elsewhere_by_now_is_not_kept(folder: Path) -> None:
    (folder / "t/b.yaml").write_text(
        "- {host: b.test, ports: [25, 587]}\n- {domains: [d.test, e.test], name: x}\n- {domain: f.test}\n"
    )
    running = tolerant(folder)
    (folder / "t/b.yaml").write_text("- x")
    (folder / "t/c.yaml").write_text(
        "- {host: b.test, ports: [587]}\n- {domain: d.test, name: x}\n- {domain: e.test}\n- {domain: f.test}\n"
    )
    assert hosts(tolerant(folder, running)) == ["main.test", "a.test", "e.test", "b.test", "d.test", "e.test", "f.test"]


def test_a_fault_of_the_configuration_that_only_target_files_meet_is_one_of_each(folder: Path) -> None:
    (folder / "c.yaml").write_text(MAIN + "global: {interval: 10m, timeout: 6m}\n")
    for name in ("a", "b"):
        (folder / f"t/{name}.yaml").write_text("- {domain: d.test}\n")
    assert hosts(tolerant(folder)) == ["main.test", "c.test"]


def test_a_folder_that_cannot_be_listed_is_an_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So a reload changes nothing, where no file would be found."""

    def refuse(_folder: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(ConfigErrors, match=r"target_files\[0\]: cannot list t/\*\.yaml: Permission denied"):
        tolerant(folder)


def of_ours(target: Target) -> Target | None:
    return target if target.host in {"main.test", "b.test"} else None


async def test_a_child_tells_what_is_broken_and_what_it_had_stays(folder: Path) -> None:
    running = await load_apart(folder / "c.yaml", choose=of_ours)
    (folder / "t/b.yaml").write_text("- x")
    config = await load_apart(folder / "c.yaml", choose=of_ours, running=running)
    assert hosts(config) == ["main.test", "b.test"]
    assert all(target is before for target, before in zip(config.targets, running.targets, strict=True))
    assert [len(file.errors) for file in config.target_files] == [0, 1, 0]
