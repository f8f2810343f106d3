"""The dashboards of grafana/: what they ask. They can name no metric that does not exist.

    .venv/bin/python -m tools.dashboards

writes them anew. A panel is a row of a table: its kind, title and description, what it asks by legend, its size, unit
and thresholds. What is good or bad: `thresholds`. Where cells lead: `columns`. The JSON: `tools.grafana`.
"""

import json

from tools.dashboards.agent import AGENT
from tools.dashboards.availability import AVAILABLE
from tools.dashboards.columns import CHOSEN
from tools.dashboards.domains import DOMAINS
from tools.dashboards.endpoint import ENDPOINT
from tools.dashboards.overview import OVERVIEW
from tools.grafana import Dashboard, Json, Variable
from tools.grafana.shape import shaped

SELECTORS = {
    "ports": 'job=~"$job",target=~"$target",port=~"$port"',
    "endpoint": 'job=~"$job",target="$target",host="$host",port="$port",address=~"$address"',
    "domains": 'job=~"$job",target=~"$target",domain=~"$domain"',
    "targets": 'job=~"$job",target=~"$target"',
    "agent": 'job=~"$job",instance=~"$instance"',
}
"""What stands for the variables of a dashboard in an expression."""
PROBED = "smtp_probe_last_timestamp_seconds"
LOOKED_UP = "smtp_domain_success"

JOB = Variable("job", "smtp_exporter_build_info")
OF_JOB = '{job=~"$job"}'
OF_TARGET = '{job=~"$job",target=~"$target"}'

EVERY = (
    Dashboard(
        "smtp-exporter-overview", "SMTP / Overview", "What is wrong with the mail servers now, and why.",
        (JOB, Variable("target", PROBED, OF_JOB), Variable("port", PROBED, OF_TARGET)),
        OVERVIEW, labels=True,
    ),
    Dashboard(
        "smtp-exporter-endpoint", "SMTP / Endpoint", "One port of one host, on all its addresses, over time.",
        (JOB, Variable("target", PROBED, OF_JOB, several=False), Variable("host", PROBED, OF_TARGET, several=False),
         Variable("port", PROBED, '{job=~"$job",target=~"$target",host=~"$host"}', several=False),
         Variable("address", PROBED, '{job=~"$job",target=~"$target",host=~"$host",port=~"$port"}')),
        ENDPOINT,
    ),
    Dashboard(
        "smtp-exporter-domains", "SMTP / Domains", "Which mail domains cannot be delivered to now, and why.",
        (JOB, Variable("target", LOOKED_UP, OF_JOB), Variable("domain", LOOKED_UP, OF_TARGET)),
        DOMAINS, labels=True,
    ),
    Dashboard(
        "smtp-exporter-availability", "SMTP / Availability",
        "How much of the last 30 days each port was available, and how it looks from each vantage point.",
        (JOB, Variable("target", PROBED, OF_JOB), Variable("port", PROBED, OF_TARGET)),
        AVAILABLE, labels=True,
    ),
    Dashboard(
        "smtp-exporter-agent", "SMTP / Agent", "Whether smtp-exporter itself keeps up, and what it needs.",
        (JOB, Variable("instance", "smtp_exporter_build_info", OF_JOB)),
        AGENT,
    ),
)  # fmt: skip


def linked(dashboard: Dashboard) -> Json:
    """A dashboard with links to all others."""
    return shaped(
        dashboard,
        SELECTORS,
        {other.title: f"/d/{other.uid}?{CHOSEN}" for other in EVERY if other is not dashboard},
    )


DASHBOARDS: dict[str, Json] = {dashboard.uid: linked(dashboard) for dashboard in EVERY}


def text_of(name: str) -> str:
    """The file of a dashboard as it is committed."""
    return json.dumps(DASHBOARDS[name], indent=2, ensure_ascii=False) + "\n"
