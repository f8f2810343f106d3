"""Prints docs/runbooks as HTML for the agent's own pages, with what each alert is about and which alert a reason makes.

    .venv/bin/python -m tools.runbooks

So that the agent needs neither the files nor a Markdown library. HTML in a runbook is shown as text. Reasons and alerts
that a runbook names become links; links to pages that the agent does not serve lead to the public address.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

from exporter.links import PUBLIC, SITE
from exporter.reasons import REASONS, UNTESTABLE, Severity, Untestable
from tools.alert_page import about, tickets, when
from tools.alerts import BLOCKED, OPTIONAL, RULES, STAGES
from tools.prometheus import Alert

ROOT = Path(__file__).parents[1]
FOLDER, FILE = ROOT / "docs/runbooks", ROOT / "exporter/page/runbooks.json"
ALERT = re.compile(r"\bSmtp[A-Z]\w+")
MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")
EXPLAINED = {*REASONS, *UNTESTABLE}


def alerts() -> dict[str, list[Alert]]:
    """All levels of each alert, by its name, in the order of the rule files."""
    found: dict[str, list[Alert]] = {}
    for file in (RULES | OPTIONAL).values():
        for row in (row for group in file.groups for row in group.rules if isinstance(row, Alert)):
            found.setdefault(row.name, []).append(row)
    return found


def destination(link: str) -> str:
    """Where a link of a runbook leads on the agent's page of it: beside it, or to the public address."""
    path, _, heading = link.partition("#")
    if ":" in path:
        return link
    file = (FOLDER / path).resolve().relative_to(ROOT)
    if file.parent == FOLDER.relative_to(ROOT):
        return file.stem
    if file == Path("docs/reasons.md"):
        return f"../reasons/{heading}" if heading in EXPLAINED else f"../reasons{heading and f'#{heading}'}"
    return (f"{PUBLIC}/{file.name}" if file.parent == Path("docs") else f"{SITE}/{file}") + (heading and f"#{heading}")


def _linked(tokens: list[Token], name: str) -> Iterator[Token]:
    """The same words, where reasons and other alerts are links."""
    inside = 0
    for token in tokens:
        inside += token.nesting if token.type in ("link_open", "link_close") else 0
        if token.type == "link_open":
            token.attrSet("href", destination(str(token.attrs["href"])))
        if inside or token.type not in ("code_inline", "text"):
            yield token
        elif token.type == "code_inline" and token.content in EXPLAINED:
            yield from _link(f"../reasons/{token.content}", token)
        elif token.type == "code_inline":
            yield token
        else:
            yield from _alerts_linked(token.content, name)


def _alerts_linked(text: str, name: str) -> Iterator[Token]:
    """Text, where the names of alerts but this one are links."""
    end = 0
    for found in ALERT.finditer(text):
        if found[0] != name and (FOLDER / f"{found[0]}.md").exists():
            yield Token("text", "", 0, content=text[end : found.start()])
            yield from _link(found[0], Token("text", "", 0, content=found[0]))
            end = found.end()
    yield Token("text", "", 0, content=text[end:])


def _link(to: str, shown: Token) -> tuple[Token, Token, Token]:
    return Token("link_open", "a", 1, attrs={"href": to}), shown, Token("link_close", "a", -1)


def html(name: str) -> str:
    """A runbook without its title."""
    tokens = MARKDOWN.parse((FOLDER / f"{name}.md").read_text("utf-8"))[3:]
    for token in tokens:
        token.children = list(_linked(token.children, name)) if token.children else token.children
    return str(MARKDOWN.renderer.render(tokens, MARKDOWN.options, {}))


def alert_of() -> dict[str, dict[str, str]]:
    """The alert that a reason makes, by how grave it is and the reason."""
    grave = {
        reason: {row.rule.severity(expected=expected) for expected in (True, False)} for reason, row in REASONS.items()
    }
    return {
        "critical": {
            reason: STAGES[REASONS[reason].stages[0]] for reason in REASONS if Severity.CRITICAL in grave[reason]
        },
        "warning": {reason: names[0] for reason in REASONS if (names := tickets(reason))},
        "untestable": {
            reason: BLOCKED if reason is Untestable.EGRESS_BLOCKED else "SmtpUntestable" for reason in UNTESTABLE
        },
    }


def page() -> str:
    """exporter/page/runbooks.json."""
    runbooks: dict[str, Any] = {}
    for name, levels in alerts().items():
        text = html(name)
        runbooks[name] = {
            "severity": " or ".join(sorted({level.severity for level in levels})),
            "about": about(levels[0]),
            "when": when(name),
            "reasons": list(dict.fromkeys(re.findall(r'href="\.\./reasons/(\w+)"', text))),
            "html": text.splitlines(),
        }
    return json.dumps({"runbooks": runbooks, "alert_of": alert_of()}, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(page(), "utf-8")
