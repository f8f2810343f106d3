r"""Text that a peer chose, made safe to store and to show: one policy for everything that is not printable.

Controls (C0, C1), bidirectional controls, line and paragraph separators, lone surrogates and odd spaces are escaped as
Python and YAML write them: `\x1b`, `\u202e`. Backslashes stay as they are, so text that is escaped twice is the same
as text that is escaped once, and a terminal, a page, a log line and the API show the same characters; JSON, logfmt,
HTML and the exposition format add their own quoting, and nothing else. Values of labels are compared rather than read,
so there U+FFFD replaces what is not printable.
"""

MAX_EXCERPT = 160
"""Characters of a peer's text within a sentence of ours."""


def escape(text: str, limit: int | None = None) -> str:
    """Escape what is not printable, and cut the text at `limit` characters."""
    text = text[:limit]
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)[:limit]


def excerpt(text: str) -> str:
    """Escape a text and cut it to what a sentence may quote."""
    return escape(text, MAX_EXCERPT)


def quote(text: str) -> str:
    """Write an excerpt in quotation marks."""
    return f"'{excerpt(text)}'"


def replace_unprintable(text: str, limit: int | None = None) -> str:
    """Make a value of a label: U+FFFD replaces what is not printable, and the text is cut at `limit` characters."""
    text = text[:limit]
    return text if text.isprintable() else "".join(c if c.isprintable() else "\ufffd" for c in text)
