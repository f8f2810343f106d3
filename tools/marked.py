"""A page of docs/ whose text is written by hand and whose tables are printed, between two marks."""

from pathlib import Path

BEGIN, END = "<!-- begin: make reference writes this -->\n", "<!-- end -->"


def marked(file: Path, tables: str) -> str:
    """The page with these tables in the place of those that are there."""
    before, _, rest = file.read_text("utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    assert end, f"{file} has lost its marks"  # noqa: S101 (of whoever edits it)
    return f"{before}{BEGIN}{tables}{END}{after}"
