"""Every link of every page leads somewhere: pages, headings, files, pictures."""

import re
import struct

import pytest

from tests.docs.markdown import ROOT, anchors, links, pages, prose, text_of

LARGEST_PICTURE = 200_000
"""Bytes: who reads the README on a train waits for it."""
every_page = pytest.mark.parametrize("page", pages())


def outside(link: str) -> bool:
    return link.startswith(("https://", "http://localhost"))


@every_page
def test_its_links_lead_somewhere(page: str) -> None:
    for link in links(page):
        path, _, anchor = link.partition("#")
        there = (ROOT / page).parent / path if path else ROOT / page
        assert outside(link) or there.exists(), link
        if anchor and not outside(link):
            assert anchor in anchors(str(there.resolve().relative_to(ROOT))), link


@every_page
def test_no_conflict_of_a_merge_is_left(page: str) -> None:
    assert re.findall(r"^(?:<<<<<<< |>>>>>>> )", text_of(page), re.MULTILINE) == []


@every_page
def test_files_of_ours_that_it_names_are_there(page: str) -> None:
    if page == "CHANGELOG.md":  # speaks of the past
        return
    named = re.findall(r"`((?:deploy|docs|exporter|grafana|tests|tools|benchmarks)/[\w./-]+)`", text_of(page))
    assert [path for path in named if not (ROOT / path).exists()] == []


@every_page
def test_every_reference_is_defined(page: str) -> None:
    """`[1]: https://...` and footnotes `[^1]`."""
    defined = set(re.findall(r"^\[(\^?[\w-]+)\]: ", text_of(page), re.MULTILINE))
    used = set(re.findall(r"\[(\^[\w-]+)\](?!:)", prose(page))) | set(re.findall(r"\]\[([\w-]+)\]", prose(page)))
    assert used == defined


def test_every_page_is_linked_from_another() -> None:
    """The README leads to each page, a runbook's link is in its alert."""
    linked = {
        str(((ROOT / page).parent / link.partition("#")[0]).resolve().relative_to(ROOT))
        for page in pages()
        for link in links(page)
        if not outside(link)
    }
    alone = [page for page in pages() if page not in linked and not page.startswith("docs/runbooks/")]
    assert alone == ["README.md"]


def test_pictures_are_small_and_none_is_left_over() -> None:
    shown = {(ROOT / page).parent / link for page in pages() for link in links(page) if link.endswith(".png")}
    kept = set((ROOT / "docs/images").glob("*.png"))
    assert {path.resolve() for path in shown} == kept
    assert {path.name: size for path in kept if (size := path.stat().st_size) > LARGEST_PICTURE} == {}


def test_pictures_are_as_wide_as_a_reader_sees_them() -> None:
    for path in (ROOT / "docs/images").glob("*.png"):
        (width,) = struct.unpack(">I", path.read_bytes()[16:20])  # of the chunk IHDR
        assert 1000 <= width <= 1600, path.name
