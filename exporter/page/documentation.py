"""The pages of reasons and runbooks: what the tables say, for sites without internet access.

A name is looked up in a table, and never becomes part of a path.
"""

from collections.abc import Iterator

from markupsafe import Markup, escape

from exporter.links import PUBLIC
from exporter.page.environment import HERE, Links, environment, pieces
from exporter.page.runbooks import Runbook, runbooks
from exporter.reasons import REASONS, UNTESTABLE, Reason, Row, Rule, Stage, Untestable, UntestableRow

SEVERITIES = {
    Rule.CRITICAL: "critical",
    Rule.WARNING: "warning",
    Rule.EXPECTED_ELSE_WARNING: "critical where an expectation covers it, else a warning",
    Rule.EXPECTED_ELSE_NOTHING: "critical where an expectation covers it, else no problem",
}


def render_reasons(links: Links = HERE) -> Iterator[str]:
    """Render the list of all reasons, by the first stage in which they arise."""
    stages = {stage: [(reason, row) for reason, row in REASONS.items() if row.stages[0] is stage] for stage in Stage}
    return _render("reasons.html", links, stages=stages, untestable=UNTESTABLE)


def render_reason(name: str, links: Links = HERE) -> list[str]:
    """Render the page of one reason, of a problem or for being untestable; no pieces where there is none."""
    row: Row | UntestableRow
    if name in REASONS:
        row = REASONS[Reason(name)]
    elif name in UNTESTABLE:
        row = UNTESTABLE[Untestable(name)]
    else:
        return []
    named = [runbook for runbook in runbooks().values() if name in runbook.reasons]
    return list(_render("reason.html", links, reason=name, row=row, runbooks=named))


def render_runbooks(links: Links = HERE) -> Iterator[str]:
    """Render the list of all runbooks."""
    return _render("runbooks.html", links, runbooks=runbooks().values())


def render_runbook(alert: str, links: Links = HERE) -> list[str]:
    """Render the page of one runbook; no pieces where there is none."""
    runbook = runbooks().get(alert)
    return list(_render("runbook.html", links, runbook=runbook, text=_text(runbook, links))) if runbook else []


def _text(runbook: Runbook, links: Links) -> Markup:
    """What a runbook says, with links to pages that the agent does not serve where --web.docs has them."""
    elsewhere = f'href="{escape(links.docs.page(""))}'
    return Markup(runbook.html.replace(f'href="{PUBLIC}/', elsewhere))  # noqa: S704 - our own, printed by tools.runbooks


def _render(template: str, links: Links, **shown: object) -> Iterator[str]:
    return pieces(environment().get_template(template).generate(links=links, severities=SEVERITIES, **shown))
