"""How a check says what it found: the table of reasons decides how grave that is."""

from collections.abc import Iterator

from exporter.model import Problem, Reply
from exporter.peer_text import escape
from exporter.reasons import REASONS, Reason, Stage

MAX_DETAIL = 1000
"""Characters: a reply may be 64 KiB, a line of a log or of the page may not."""


def problem(
    reason: Reason, detail: str = "", *, expected: bool = False, stage: Stage | None = None
) -> Iterator[Problem]:
    """Yield the problem, or nothing where it is none.

    Args:
        reason: the row of the table.
        detail: what was seen, for the operator; may hold text of the peer, and is escaped here.
        expected: an expectation of the user covers the fact.
        stage: where it arose, for a reason that can arise at several stages.
    """
    row = REASONS[reason]
    severity = row.rule.severity(expected=expected)
    if severity:
        shown = escape(detail if len(detail) <= MAX_DETAIL else f"{detail[:MAX_DETAIL]}...")
        yield Problem(reason, stage or row.stages[0], severity, shown)


def first_line_hint(reply: Reply | None, keyword: str) -> str:
    """For the operator: the keyword is on the first line of the reply to EHLO (RFC 5321 4.1.1.1); else nothing."""
    first = reply.lines[0].upper().split(maxsplit=1)[:1] if reply else []
    return (
        f"{keyword} is on the first line of the reply, where senders read the host name" if first == [keyword] else ""
    )
