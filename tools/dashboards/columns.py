"""Columns that many tables have, and where their cells lead: another dashboard, the status page, the documentation.

The status page of an agent is where Prometheus scrapes it: http://INSTANCE/. Where people reach it in another way, the
label `instance` of the scrape configuration may say so, as a whole address (grafana/README.md).
"""

from tools.annotations import DOCS
from tools.dashboards.thresholds import SEVERITY
from tools.grafana import ROWS, Column, Link

CHOSEN = "${datasource:queryparam}&${job:queryparam}"
"""What is chosen on every dashboard."""

TO_ENDPOINT = Link(
    "The endpoint over time",
    f"/d/smtp-exporter-endpoint?{CHOSEN}&var-target=<target>&var-host=<host>&var-port=<port>&${{__url_time_range}}",
)
TO_HOST = Link(
    "The host over time",
    f"/d/smtp-exporter-endpoint?{CHOSEN}&var-target=<target>&var-host=<host>&${{__url_time_range}}",
)
TO_DOMAIN = Link(
    "This domain alone",
    f"/d/smtp-exporter-domains?{CHOSEN}&var-target=<target>&var-domain=<domain>&${{__url_time_range}}",
)
TO_TRANSCRIPT = Link(
    "Transcript on the status page",
    "<page>/endpoint?target=<target>&host=<host>&address=<address>&port=<port>",
    new_tab=True,
)
TO_PORT = Link(
    "Addresses and transcripts on the status page", "<page>/?target=<target>&find=<host>&port=<port>", new_tab=True
)
TO_HOST_PAGE = Link("Addresses and transcripts on the status page", "<page>/?target=<target>&find=<host>", new_tab=True)
TO_DOMAIN_PAGE = Link("Its problems on the status page", "<page>/?target=<target>&find=<domain>", new_tab=True)
TO_MEANING = Link("What it means and what to check first", f"{DOCS}/reasons.md#<reason>", new_tab=True)
TO_RUNBOOK = Link("What to do", f"{DOCS}/runbooks/<alertname>.md", new_tab=True)
TO_ALL_LIKE_IT = Link("All like it on the status page", "<page>/?reason=<reason>", new_tab=True)

TARGET = Column("target")
DOMAIN = Column("domain", links=(TO_DOMAIN, TO_DOMAIN_PAGE))
MX_HOST = Column("host", links=(TO_HOST, TO_HOST_PAGE))
HOST = Column("host", links=(TO_ENDPOINT, TO_PORT))
PORT = Column("port", width=70)
PAGE = Column("page", hidden=True)
"""For links to the status page: the query has to be `paged`."""
SEVERITIES = Column("severity", width=100, words=SEVERITY)
REASON = Column("reason", width=200, links=(TO_MEANING,))
STAGE = Column("stage", width=90)
AGENT = Column("instance", width=160)

MISSING = "No data. Is rules/dashboards.yml loaded?"
"""What a panel says that asks for records, which there are only where their rules are."""

PROBLEM = "stage, reason, severity, primary"
OF_ADDRESS = "address, instance, vantage"
"""The labels that tell the series of one port apart: nothing counts twice that has two addresses or two agents."""


def paged(expression: str) -> str:
    """The series of an expression with a label `page`: the address of the status page of the agent they are from."""
    by_address = f'label_replace({expression}, "page", "http://$1", "instance", "(.+)")'
    return f'label_replace({by_address}, "page", "$1", "instance", "(https?://.+?)/?")'


def most(expression: str, rows: int = ROWS) -> str:
    """The series of an expression with the highest values."""
    return f"topk({rows}, {expression})"


def least(expression: str, rows: int = ROWS) -> str:
    """The series of an expression with the lowest values."""
    return f"bottomk({rows}, {expression})"


def by_severity(*expressions: str) -> str:
    """The series of several expressions of less than a million each, those of the first one first."""
    ranked = [f"({each}) + {len(expressions) - index}e6" for index, each in enumerate(expressions)]
    return f"({most(' or '.join(ranked))} % 1e6)"
