"""What is not sent because another alert explains it. Most explanations are expressions already."""

from tools.alerts.thresholds import (
    ABSENT,
    ALERTS_BY_FAILURE,
    BLIND,
    ERROR_BUDGET_BURNS,
    EXPIRES_SOON,
    HOST_DOWN,
    MX_HOST_DOWN,
    OUTDATED,
    PORT_FAILING,
    VANTAGE_ALONE,
    VANTAGE_DISAGREES,
    VANTAGE_HOST_DOWN,
    VANTAGE_PORT_DOWN,
)
from tools.annotations import OF_AGENT
from tools.prometheus import Inhibition

ABOUT_AGENTS = f"{BLIND}|SmtpExporter.*"
OF_HOST = (*OF_AGENT, "host")
"""Without the target: two targets may watch the same host."""
PORT_ALERTS = "|".join((*ALERTS_BY_FAILURE.values(), PORT_FAILING))
ON_PROBES = f"SmtpAddressDown|SmtpProbesFailing|SmtpNameUnresolved|{MX_HOST_DOWN}"
BY_VANTAGE = f"{VANTAGE_HOST_DOWN}|{VANTAGE_PORT_DOWN}"

INHIBITIONS = (
    Inhibition("An agent that cannot be scraped or sees nothing explains all that it reports.",
               (f"alertname =~ {ABSENT}|{BLIND}",), (f"alertname !~ {ABOUT_AGENTS}", "alertname =~ Smtp.*"), OF_AGENT),
    Inhibition("And one that cannot be scraped explains that it is blind.",
               (f"alertname = {ABSENT}",), (f"alertname =~ {BLIND}|SmtpExporterUnstable",), OF_AGENT),
    Inhibition("While no port of a host answers, nothing else about it matters.",
               (f"alertname = {HOST_DOWN}",), (f"alertname != {HOST_DOWN}",), OF_HOST),
    Inhibition("A page on a port explains that its probes fail.",
               (f"alertname =~ {PORT_ALERTS}",), ("alertname = SmtpProbesFailing",), (*OF_HOST, "port")),
    Inhibition("A page on a port explains the tickets on its host.",
               (f"alertname =~ {PORT_ALERTS}",), (f"alertname =~ SmtpAddressDown|SmtpNameUnresolved|{MX_HOST_DOWN}",),
               OF_HOST),
    Inhibition("And so does what the vantage points say of it, for each of them.",
               (f"alertname =~ {BY_VANTAGE}|{VANTAGE_DISAGREES}",), (f"alertname =~ {ON_PROBES}", "vantage != \"\""),
               ("cluster", "host")),
    Inhibition("An agent that is gone explains that another vantage point is alone.",
               (f"alertname =~ {ABSENT}|{BLIND}",), (f"alertname = {VANTAGE_ALONE}",), ("cluster",)),
    Inhibition("An incident explains that it spends the error budget.",
               (f"alertname =~ {PORT_ALERTS}|{HOST_DOWN}|{BY_VANTAGE}",), (f"alertname = {ERROR_BUDGET_BURNS}",),
               ("cluster", "target", "host")),
    Inhibition("A renewed certificate that is not loaded is why the old one expires.",
               (f"alertname = {OUTDATED}",), (f"alertname = {EXPIRES_SOON}", "severity = warning"),
               (*OF_HOST, "target")),
    Inhibition("Of two levels the higher one.",
               ("severity = critical",), ("severity = warning",), ("alertname", *OF_HOST, "target", "port")),
)  # fmt: skip
