"""The pages of this repository as their readers see them: code blocks, links, headings, pictures.

Only what GitHub's Markdown does with our own pages; not Markdown in general.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^( *)```([^\n]*)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"!?\[[^]]*\]\(([^)\s]+)\)")
PRINTED = {"docs/configuration.md", "docs/metrics.md", "docs/reasons.md"}
"""Pages that `make reference` writes whole: they hold no examples."""


@dataclass(frozen=True, slots=True)
class Block:
    """A code block: its language, its text, and the line of the page where it begins."""

    page: str
    line: int
    language: str
    text: str

    @property
    def id(self) -> str:
        """Where it stands, for the name of a test."""
        return f"{self.page}:{self.line}"

    @property
    def file(self) -> str | None:
        """The name that its first line gives it: `# smtp-exporter.yaml`."""
        match = re.match(r"# ([\w./-]+\.\w+)\n", self.text)
        return match and match[1]


@cache
def pages() -> tuple[str, ...]:
    """All pages, by their path in the repository."""
    found = (path.relative_to(ROOT) for path in ROOT.rglob("*.md"))
    return tuple(sorted(str(path) for path in found if not any(part.startswith(".") for part in path.parts)))


@cache
def text_of(page: str) -> str:
    """A page as it is written."""
    return (ROOT / page).read_text("utf-8")


def blocks(page: str) -> Iterator[Block]:
    """The code blocks of a page, from the top."""
    for match in FENCE.finditer(text_of(page)):
        indent, language, text = match.groups()
        inner = re.sub(f"^{indent}", "", text, flags=re.MULTILINE)
        yield Block(page, text_of(page).count("\n", 0, match.start()) + 1, language, inner)


def prose(page: str) -> str:
    """A page without its code blocks and without code in a line."""
    return re.sub(r"`[^`\n]+`", "`code`", FENCE.sub("", text_of(page)))


def links(page: str) -> list[str]:
    """Where a page leads, pictures included."""
    return LINK.findall(prose(page))


@cache
def anchors(page: str) -> frozenset[str]:
    """What may stand after # in a link to a page, as GitHub makes it of the headings."""
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", text_of(page)), re.MULTILINE)
    return frozenset(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings)
