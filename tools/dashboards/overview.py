"""The overview: what is wrong now and why, which certificates run out, which ports answer."""

from tools.alerts.thresholds import WARNING_DAYS, WARNING_SHARE
from tools.dashboards.certificates import DAY, OF_CERTIFICATE, of_ports
from tools.dashboards.columns import (
    AGENT,
    HOST,
    MISSING,
    OF_ADDRESS,
    PAGE,
    PORT,
    PROBLEM,
    REASON,
    SEVERITIES,
    STAGE,
    TARGET,
    TO_ALL_LIKE_IT,
    TO_MEANING,
    TO_RUNBOOK,
    by_severity,
    least,
    most,
    paged,
)
from tools.dashboards.thresholds import ALL_GOOD, BLOCKED, LASTS, NONE_BETTER, NONE_GOOD, UNKNOWN, VALID
from tools.grafana import Column, Panel

OF_JOB = 'job=~"$job",target=~"$target"'
BLOCKED_HERE = 'smtp_egress_port_blocked{job=~"$job",port=~"$port"}'
SUCCESS = f"min without ({OF_ADDRESS}) (smtp_probe_success{{@ports}})"
NOTHING_WRONG = "Nothing is wrong, or rules/dashboards.yml is not loaded."


def holding(severity: str) -> str:
    """For how many ports each problem of a severity holds, by agent."""
    problems = f'smtp_probe_problem{{@ports,severity="{severity}"}}'
    return f"count by (instance, severity, stage, reason) (max without (address, primary) ({problems}))"


UNTESTABLE = (
    "label_replace(count by (instance, reason) (max without (address) (smtp_probe_untestable{@ports})), "
    '"severity", "untestable", "", "")'
)


def on_addresses(matchers: str) -> str:
    """On how many addresses of a port each problem holds."""
    return f"count without (address) (smtp_probe_problem{{@ports,{matchers}}})"


def firing(severity: str) -> str:
    """Alerts that fire; not all have the labels of a port."""
    return f'ALERTS{{alertstate="firing",alertname=~"Smtp.+",job=~"$job|",target=~"$target|",severity="{severity}"}}'


def since(severity: str) -> str:
    """When each alert of a severity began, Unix time."""
    return f"(ALERTS_FOR_STATE and ignoring (alertstate) {firing(severity)})"


SINCE = since("critical") + " + 1e10", since("warning")


CERTIFICATES = of_ports("{@ports}")
URGENT = least(f"{CERTIFICATES.left} / {CERTIFICATES.warning}")
NAMED = f"smtp_certificate_info{{@ports}} and ignoring (address, {OF_CERTIFICATE}) {URGENT}"


def over(sum_: str, count: str, by: str) -> str:
    """A share by a label, of records that are a sum and a count."""
    return f"sum by ({by}) ({sum_}) / sum by ({by}) ({count})"


WORKS = f"target:smtp_probe_success:ratio{{{OF_JOB}}}"
WORST = least(f"(avg_over_time({WORKS}[$__range] @ end()) < 1)", 10)


def duration(percent: int) -> Panel:
    """What the stages take at a share of the ports."""
    record = f"instance:smtp_probe_stage_duration_seconds:p{percent}"
    return Panel(
        "timeseries", f"Time by stage, {percent} %",
        f"At {percent} % of the ports a stage takes no longer; a failed stage until it failed. Of all targets of the "
        "job: not by target. Of the slowest agent and port number.",
        {"{{stage}}": f'max by (stage) ({record}{{job=~"$job",port=~"$port"}})'},
        (12, 8), "s", empty=MISSING,
    )  # fmt: skip


OVERVIEW: dict[str, tuple[Panel, ...]] = {
    "Ports and domains now": (
        Panel("stat", "Working", "Share of the ports that could be tested and are as they should be on every address. "
              "A port that should be closed, and is, works.",
              {"": f"avg({SUCCESS})"},
              (3, 3), "percentunit", ALL_GOOD, empty="not tested"),
        Panel("stat", "Failing", "Ports with an address on which the last probe failed.",
              {"": f"count({SUCCESS} == 0) or vector(0)"},
              (3, 3), thresholds=NONE_GOOD),
        Panel("stat", "Warnings", "Ports that work or fail, and have a lesser problem besides.",
              {"": f"count(max without ({OF_ADDRESS}, stage, reason, primary) ("
                   'smtp_probe_problem{@ports,severity="warning"} '
                   f"unless ignoring ({PROBLEM}) smtp_probe_untestable{{@ports}})) or vector(0)"},
              (3, 3), thresholds=NONE_BETTER),
        Panel("stat", "Untestable", "Ports with an address of which nothing can be said from here.",
              {"": f"count(max without ({OF_ADDRESS}, reason) (smtp_probe_untestable{{@ports}})) or vector(0)"},
              (3, 3), thresholds=(("green", None), (UNKNOWN, 1))),
        Panel("stat", "Blocked", "Ports, of one address family, that the network or provider of the "
              "agent seems to block. What is behind them is untestable.",
              {"": f"count(max by (port, family) ({BLOCKED_HERE}) == 1) or vector(0)"},
              (3, 3), thresholds=(("green", None), (UNKNOWN, 1))),
        Panel("stat", "Expiring",
              f"Ports whose certificate has expired, or has less than {WARNING_DAYS:g} days and less than "
              f"{WARNING_SHARE:.0%} of its lifetime left.",
              {"": f"count(min without (instance, vantage) {CERTIFICATES.late}) "
                   f"or 0 * count({CERTIFICATES.left})"},
              (3, 3), thresholds=NONE_BETTER, empty=MISSING),
        Panel("stat", "No delivery", "Mail domains that nobody can deliver to: no MX host works, or a record "
              "stops mail. More about them is on their own dashboard.",
              {"": f"count(min without (instance, vantage) (smtp_domain_success{{{OF_JOB}}}) == 0) or vector(0)"},
              (3, 3), thresholds=NONE_GOOD),
        Panel("stat", "Stale", "Endpoints whose result was withdrawn: nobody probes them any more.",
              {"": "count(smtp_probe_last_timestamp_seconds{@ports} unless smtp_probe_duration_seconds{@ports}) "
                   "or vector(0)"},
              (3, 3), thresholds=NONE_GOOD),
    ),
    "What is wrong now": (
        Panel("table", "Alerts", "Alerts that fire; critical ones first, then the newest. "
              "The name of an alert leads to its runbook.",
              {"since": paged(f"({most(' or '.join(SINCE))} % 1e10 * 1000)")},
              (24, 7),
              columns=(SEVERITIES, Column("alertname", width=250, links=(TO_RUNBOOK,)), HOST, PORT, Column("domain"),
                       TARGET, AGENT, Column("since", unit="dateTimeFromNow", width=130), PAGE),
              sort=("severity", "-since"), empty="No alert fires, or the alerts are not loaded."),
        Panel("table", "By reason", "For how many ports each reason holds. A reason leads to what it means.",
              {"ports": paged(by_severity(holding("critical"), UNTESTABLE, holding("warning")))},
              (10, 10),
              columns=(SEVERITIES, Column("reason", links=(TO_MEANING, TO_ALL_LIKE_IT)), STAGE,
                       Column("ports", width=70), AGENT, PAGE),
              sort=("severity", "-ports"), empty="Nothing is wrong."),
        Panel("timeseries", "By reason, over time", "For how many ports each reason holds.",
              {"{{reason}} ({{severity}})":
                  "sum by (reason, severity) (target:smtp_probe_problem:count{@ports})"},
              (14, 10), stacked=True, empty=NOTHING_WRONG),
        Panel("table", "Port by port", "The problems that hold on any address of a port: those that make it fail "
              "first, then other critical ones, then warnings. A host leads to its dashboard and to its transcripts.",
              {"addresses": paged(by_severity(on_addresses('primary="true"'),
                                              on_addresses('primary="false",severity="critical"'),
                                              on_addresses('primary="false",severity="warning"')))},
              (24, 10),
              columns=(SEVERITIES, REASON, STAGE, TARGET, HOST, PORT, Column("primary", width=80),
                       Column("addresses", width=95), AGENT, PAGE),
              sort=("severity", "reason"), empty="Nothing is wrong."),
    ),
    "Certificates": (
        Panel("table", "Days left", "Certificates, or what their path needs, on the address where they have the "
              "fewest days left: those that have expired first, then those that alerts wait for, then by days. "
              f"Soon: less than {WARNING_DAYS:g} days and {WARNING_SHARE:.0%} of the lifetime. "
              "Valid: chain, name and dates, whatever is expected of the port.",
              {"lasts": paged(f"({CERTIFICATES.level} and {URGENT})"),
               "days left": paged(f"({CERTIFICATES.left} / {DAY} and {URGENT})"),
               "valid": paged(f"(min without (address) (smtp_certificate_valid{{@ports}}) and {URGENT})"),
               "name": paged(most(f"max without (address, serial, fingerprint_sha256) ({NAMED})"))},
              (24, 10),
              columns=(Column("lasts", width=110, words=LASTS), Column("days left", width=90, decimals=1),
                       Column("valid", width=90, words=VALID), TARGET, HOST, PORT, Column("subject"), Column("issuer"),
                       Column("key", width=90), PAGE),
              sort=("-lasts", "days left"), empty=MISSING),
    ),
    "Ports over time": (
        Panel("timeseries", "Ports that answer",
              "Share of the hosts that accept connections on a port, on at least one address. Without ports that "
              "should be closed or could not be tested.",
              {"{{port}}": over("target:smtp_port_open:sum{@ports}", "target:smtp_port_open:count{@ports}", "port")},
              (8, 8), "percentunit", empty=MISSING),
        Panel("timeseries", "Worst targets",
              "Share of a target's ports that could be tested and are as they should be on every address: the ten "
              "targets where it was lowest on average. All ports, whichever are chosen.",
              {"{{target}}": f"min by (target) ({WORKS} and {WORST})"},
              (8, 8), "percentunit", empty=NOTHING_WRONG),
        Panel("state-timeline", "Ports blocked from here",
              "Ports that the network or provider of the agent seems to block. Absent where it cannot be told.",
              {"{{port}} {{family}}": f"max by (port, family) ({BLOCKED_HERE})"},
              (8, 8), words=BLOCKED),
        *map(duration, (50, 99)),
    ),
}  # fmt: skip
