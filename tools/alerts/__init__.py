"""The alerts of deploy/prometheus, what they build on, and what explains what. Literal tables, printed by `__main__`.

| file | what it says |
|---|---|
| `thresholds` | how long, how many, which stage is which kind of failure |
| `states` | what fails over time: recording rules |
| `incidents` | which of these are a page of their own: recording rules |
| `pages` | a port, host or domain that its clients cannot use |
| `tickets` | what is about to fail, fails now and then, or fails where others take over |
| `certificates` | what expires |
| `agent` | the agent itself |
| `dashboards` | what the dashboards draw over time: recording rules |
| `vantage` | optional: what several agents see from several places |
| `slo` | optional: availability in 30 days, and error budgets |
| `inhibitions` | what is not sent because another alert explains it |

What an alert says of the addresses and reasons that hold: see `tools.annotations`; the YAML: `tools.prometheus`.
"""

from pathlib import Path
from typing import Any

from tools.alerts.agent import AGENT_ALERTS, AGENT_STATES
from tools.alerts.certificates import CERTIFICATES
from tools.alerts.dashboards import DASHBOARDS
from tools.alerts.incidents import AGENTS, WAYS, incidents
from tools.alerts.inhibitions import INHIBITIONS
from tools.alerts.pages import DOMAINS, PORTS_AND_HOSTS, STARTTLS
from tools.alerts.slo import LOOKS, SUMS
from tools.alerts.states import AGENT, OFFERS, STATES
from tools.alerts.thresholds import BLOCKED, CRITICAL_DAYS, EXPIRES_SOON, OUTDATED, STAGES, WARNING_DAYS
from tools.alerts.tickets import FAILURE_RATES, TICKET_ALERTS
from tools.alerts.vantage import VANTAGE
from tools.prometheus import JOB, Group, RuleFile, Site, written_files

__all__ = (
    "AGENT", "BLOCKED", "CRITICAL_DAYS", "EXPIRES_SOON", "FOLDER", "INHIBITIONS", "JOB", "OPTIONAL", "OUTDATED",
    "RULES", "STAGES", "WARNING_DAYS", "files",
)  # fmt: skip

FOLDER = Path(__file__).parents[2] / "deploy/prometheus"

RULES = {
    "incidents": RuleFile(
        "What an operator is woken for: a port, a host or a domain that its clients cannot use.",
        (
            Group("", "30s", (*STATES, *incidents(AGENTS), *WAYS, *STARTTLS, *PORTS_AND_HOSTS, *DOMAINS)),
            Group("5m", "5m", OFFERS),
        ),
    ),
    "tickets": RuleFile(
        "What is about to fail, fails now and then, or fails where others take over.",
        (Group("", "", TICKET_ALERTS), Group("2m", "2m", FAILURE_RATES)),
    ),
    "certificates": RuleFile(
        "Certificates that expire, where a trusted one is expected, and renewed ones that are not loaded.",
        (Group("", "", CERTIFICATES),),
    ),
    "agent": RuleFile(
        "The agent itself: while one of these holds, silence of the other rules may mean nothing.",
        (Group("", "", (*AGENT_STATES, *AGENT_ALERTS)),),
    ),
    "dashboards": DASHBOARDS,
}

OPTIONAL = {
    "vantage": RuleFile(
        "Several agents that watch the same endpoints from several places (label vantage) decide together. Add it to "
        "rule_files, beside rules/*.yml: docs/vantage.md.",
        (Group("", "30s", VANTAGE),),
    ),
    "slo": RuleFile(
        "Availability in 30 days and error budgets, seen from wherever a port looks best. Add it to rule_files, beside "
        "rules/*.yml: docs/vantage.md.",
        (Group("", "1m", LOOKS), Group("1h", "1h", SUMS)),
    ),
}
"""What not everybody wants: the shipped configuration does not load it."""


def files(site: Site | None = None, *, pace: float = 1, **options: Any) -> dict[str, str]:
    """The files by their names in deploy/prometheus; the options are those of `written_files`."""
    return written_files(RULES, INHIBITIONS, site or Site(pace=pace), optional=OPTIONAL, **options)
