"""Whether files have changed: told by their content, through links, and with new matches of patterns."""

import os
from pathlib import Path

import pytest

from exporter.config.files import digest
from exporter.config.sources import Looking, Sources

KEY, LONG_AGO = b"key", 1_000_000.0


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    (tmp_path / "c.yaml").write_text("one")
    (tmp_path / "a.d").mkdir()
    (tmp_path / "a.d/1.yaml").write_text("1")
    return Sources((str(tmp_path / "a.d/*.yaml"),), {("configuration", str(tmp_path / "c.yaml")): ""})


def names(sources: Sources, looking: Looking) -> dict[str, str]:
    return {Path(path).name: content for (_, path), content in looking.look(sources).items()}


def test_it_tells_the_content_of_files_and_of_what_patterns_match(sources: Sources) -> None:
    assert names(sources, Looking(KEY)) == {"c.yaml": digest(b"one", KEY), "1.yaml": digest(b"1", KEY)}


def test_new_and_vanished_matches_are_seen(sources: Sources, tmp_path: Path) -> None:
    looking = Looking(KEY)
    looking.look(sources)
    (tmp_path / "a.d/2.yaml").write_text("2")
    (tmp_path / "a.d/1.yaml").unlink()
    assert set(names(sources, looking)) == {"c.yaml", "2.yaml"}


def test_another_date_alone_is_no_change(sources: Sources, tmp_path: Path) -> None:
    looking = Looking(KEY)
    before = looking.look(sources)
    os.utime(tmp_path / "c.yaml", (LONG_AGO, LONG_AGO))
    assert looking.look(sources) == before


@pytest.mark.parametrize("now", [0.0, None], ids=["long after", "at once"])
def test_other_content_of_the_same_length_and_date_is_a_change(
    sources: Sources, tmp_path: Path, now: float | None
) -> None:
    looking = Looking(KEY) if now is None else Looking(KEY, lambda: now)
    os.utime(tmp_path / "c.yaml", (LONG_AGO, LONG_AGO))
    looking.look(sources)
    (tmp_path / "c.yaml").write_text("two")
    os.utime(tmp_path / "c.yaml", (LONG_AGO, LONG_AGO))
    if now is not None:  # a change of the inode, as file systems have it whose clock has moved on
        (tmp_path / "new").write_text("two")
        (tmp_path / "new").replace(tmp_path / "c.yaml")
    assert names(sources, looking)["c.yaml"] == digest(b"two", KEY)


def test_links_that_are_swapped_are_followed(tmp_path: Path) -> None:
    """As Kubernetes does with a ConfigMap: c.yaml -> ..data/c.yaml, ..data -> ..version."""
    for version in ("one", "two"):
        (tmp_path / f"..{version}").mkdir()
        (tmp_path / f"..{version}/c.yaml").write_text(version)
    (tmp_path / "..data").symlink_to("..one")
    (tmp_path / "c.yaml").symlink_to("..data/c.yaml")
    sources, looking = Sources((), {("configuration", str(tmp_path / "c.yaml")): ""}), Looking(KEY, lambda: 0.0)
    before = names(sources, looking)
    (tmp_path / "..new").symlink_to("..two")
    (tmp_path / "..new").replace(tmp_path / "..data")
    assert (before, names(sources, looking)) == ({"c.yaml": digest(b"one", KEY)}, {"c.yaml": digest(b"two", KEY)})


def test_a_file_that_is_left_alone_is_read_once(sources: Sources, monkeypatch: pytest.MonkeyPatch) -> None:
    looking = Looking(KEY, lambda: 0.0)
    before = looking.look(sources)
    monkeypatch.setattr("exporter.config.files.read", lambda _file: pytest.fail("read again"))
    assert looking.look(sources) == before


def test_a_file_that_cannot_be_read_has_no_content(sources: Sources, tmp_path: Path) -> None:
    looking = Looking(KEY)
    looking.look(sources)
    (tmp_path / "c.yaml").unlink()
    assert names(sources, looking)["c.yaml"] == ""


def test_what_is_gone_is_forgotten(sources: Sources, tmp_path: Path) -> None:
    looking = Looking(KEY)
    looking.look(sources)
    (tmp_path / "a.d/1.yaml").unlink()
    looking.look(sources)
    assert [Path(path).name for path in looking._known] == ["c.yaml"]


def test_a_digest_tells_nothing_without_the_key() -> None:
    assert digest(b"hunter2", b"one") != digest(b"hunter2", b"two")
