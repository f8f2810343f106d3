"""Writes the tables of docs/alerts.md: every alert, every reason of severity warning with its ticket, the thresholds.

    .venv/bin/python -m tools.alert_page

The text around them is written by hand. Alerts come from `tools.alerts`, and when each fires from the first sentence of
its runbook.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from exporter.reasons import Reason
from tools.alerts import OPTIONAL, RULES
from tools.alerts.thresholds import (
    BLIND_ENDPOINTS,
    BLIND_HOSTS,
    BLIND_SHARE,
    CAN_WARN,
    CRITICAL_DAYS,
    CRITICAL_SHARE,
    FAILURE_RATE,
    FAILURES,
    HOLD_EVALUATIONS,
    KEPT,
    LONG_INTERVAL,
    LONG_KEPT,
    LOOKUPS,
    MANY_DOMAINS,
    MANY_HOSTS,
    NO_TICKET,
    SLOW_GREETING_SECONDS,
    WARNING_DAYS,
    WARNING_SHARE,
)
from tools.marked import marked
from tools.prometheus import Alert, RuleFile

FILE = Path(__file__).parent.parent / "docs/alerts.md"
ABOUT = {"domain host": "a domain or a host", "domain": "a domain", "host port": "a port", "host": "a host"}
"""What an alert is about, by the labels that its summary names; all others are about agents."""

NUMBERS = {
    "failed probes in a row before a port or host is a page": f"{FAILURES}",
    "critical problem of a domain's records before it is a page": LOOKUPS,
    "how long an incident outlives its last failure": KEPT,
    f"the same, of a port that is probed at intervals above {LONG_INTERVAL}": LONG_KEPT,
    "how long it lasts without results, evaluated every 30 s": f"{HOLD_EVALUATIONS / 120:g}h",
    "hosts that fail at once and are one page": f"{MANY_HOSTS}",
    "domains that get no mail at once and are one page": f"{MANY_DOMAINS}",
    "failed probes in 30 minutes that make a ticket": f"more than {FAILURE_RATE:.0%}",
    "endpoints that fail where the agent is blind": f"more than {BLIND_SHARE:.0%}, "
    f"at least {BLIND_ENDPOINTS}, of at least {BLIND_HOSTS} hosts",
    "time left of a certificate, page": f"less than {CRITICAL_DAYS:g} days and {CRITICAL_SHARE:.1%} of its lifetime",
    "time left of a certificate, ticket": f"less than {WARNING_DAYS:g} days and {WARNING_SHARE:.0%} of its lifetime",
    "time to a complete greeting, average of 15 minutes": f"more than {SLOW_GREETING_SECONDS} s",
}
"""The thresholds that a site may want to know; durations as Prometheus writes them."""


def runbook(name: str) -> str:
    """The link to the runbook of an alert."""
    return f"[{name}](runbooks/{name}.md)"


def tickets(reason: Reason) -> list[str]:
    """The alerts for a reason of severity warning."""
    return re.findall(r"\bSmtp\w+", NO_TICKET.get(reason, "SmtpWarning")) if reason in CAN_WARN else []


def when(name: str) -> str:
    """When an alert fires: the first sentence of its runbook."""
    text = (FILE.parent / f"runbooks/{name}.md").read_text("utf-8")
    first = re.search(r"^\*\*What it means\.\*\* (.+?\.)(?=\s)", text, re.DOTALL | re.MULTILINE)
    assert first, f"the runbook of {name} does not say what it means"  # noqa: S101 (of whoever edits it)
    return " ".join(first[1].split())


def about(alert: Alert, others: str = "an agent") -> str:
    """What an alert is about; `others`: where its summary names no domain, host or port."""
    named = sorted({"domain", "host", "port"} & set(re.findall(r"\$labels\.(\w+)", alert.summary)))
    return ABOUT.get(" ".join(named), others)


def _row(levels: Sequence[Alert], others: str) -> str:
    alert = levels[0]
    severities = " or ".join(sorted({level.severity for level in levels}))
    return f"| {runbook(alert.name)} | {severities} | {about(alert, others)} | {when(alert.name)} |"


def _file(name: str, file: RuleFile, others: str) -> Iterator[str]:
    alerts = [row for group in file.groups for row in group.rules if isinstance(row, Alert)]
    if not alerts:
        return
    yield from (f"### {name}.yml", f"{file.says}\n", "| alert | severity | about | when |", "|---|---|---|---|")
    for each in dict.fromkeys(alert.name for alert in alerts):
        yield _row([alert for alert in alerts if alert.name == each], others)
    yield ""


def tables() -> str:
    """All that is printed: the alerts by their files, the warnings, and the numbers."""
    lines = ["## All alerts", *(line for name, file in RULES.items() for line in _file(name, file, "an agent"))]
    for name, file in OPTIONAL.items():
        lines += _file(f"optional/{name}", file, "several agents")
    lines += ["## Warnings and their tickets", "| reason | ticket |", "|---|---|"]
    for reason in CAN_WARN:
        names = ", ".join(runbook(name) for name in tickets(reason))
        lines.append(f"| [`{reason}`](reasons.md#{reason}) | {names or f'none; {NO_TICKET[reason]}'} |")
    lines += [
        "",
        "## Numbers",
        "| what | value |",
        "|---|---|",
        *(f"| {what} | {value} |" for what, value in NUMBERS.items()),
    ]
    return "\n".join(lines) + "\n"


def page() -> str:
    """docs/alerts.md, with the tables as they are now."""
    return marked(FILE, tables())


if __name__ == "__main__":
    FILE.write_text(page(), "utf-8")
