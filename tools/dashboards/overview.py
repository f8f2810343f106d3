"""The overview: what is wrong now and why, which certificates run out, which ports answer."""

from tools.dashboards.columns import (
    HOST,
    PAGE,
    PORT,
    REASON,
    SEVERITIES,
    STAGE,
    TARGET,
    TO_ALL_LIKE_IT,
    TO_MEANING,
    paged,
)
from tools.dashboards.thresholds import (
    ALL_GOOD,
    BLOCKED,
    DAYS_LEFT,
    NONE_BETTER,
    NONE_GOOD,
    UNKNOWN,
    VALID,
    WARNING_DAYS,
)
from tools.grafana import Column, Panel

LEFT = "(smtp_certificate_not_after_timestamp_seconds{@ports} - time()) / 86400"
OF_CERTIFICATE = "(subject, issuer, serial, fingerprint_sha256, key)"

BLOCKED_HERE = 'smtp_egress_port_blocked{job=~"$job",port=~"$port"}'

OVERVIEW: dict[str, tuple[Panel, ...]] = {
    "Ports and domains now": (
        Panel("stat", "Working", "Share of the ports that could be tested and work on every address.",
              {"": "avg(min without (address) (smtp_probe_success{@ports}))"},
              (3, 3), "percentunit", ALL_GOOD),
        Panel("stat", "Failing", "Ports with an address on which the last probe failed.",
              {"": "count(min without (address) (smtp_probe_success{@ports}) == 0) or vector(0)"},
              (3, 3), thresholds=NONE_GOOD),
        Panel("stat", "Warnings", "Ports that work or fail, and have a lesser problem besides.",
              {"": "count(max without (address, stage, reason, primary) ("
                   'smtp_probe_problem{@ports,severity="warning"} '
                   "unless on (job, instance, target, host, address, port) smtp_probe_untestable)) or vector(0)"},
              (3, 3), thresholds=NONE_BETTER),
        Panel("stat", "Untestable", "Ports with an address of which nothing can be said from here.",
              {"": "count(max without (address, reason) (smtp_probe_untestable{@ports})) or vector(0)"},
              (3, 3), thresholds=(("green", None), (UNKNOWN, 1))),
        Panel("stat", "Blocked", "Ports, of one address family, that the network or provider of the "
              "agent seems to block. What is behind them is untestable.",
              {"": f"count(max by (port, family) ({BLOCKED_HERE}) == 1) or vector(0)"},
              (3, 3), thresholds=(("green", None), (UNKNOWN, 1))),
        Panel("stat", "Expiring",
              f"Ports whose certificate has expired or has less than {WARNING_DAYS:g} days left.",
              {"": f"count(min without (address) ({LEFT}) < {WARNING_DAYS:g}) or vector(0)"},
              (3, 3), thresholds=NONE_BETTER),
        Panel("stat", "No delivery", "Mail domains that nobody can deliver to: no MX host works, or a record "
              "stops mail. More about them is on their own dashboard.",
              {"": 'count(smtp_domain_success{job=~"$job",target=~"$target"} == 0) or vector(0)'},
              (3, 3), thresholds=NONE_GOOD),
        Panel("stat", "Stale", "Endpoints whose result was withdrawn: nobody probes them any more.",
              {"": "count(smtp_probe_last_timestamp_seconds{@ports} unless smtp_probe_duration_seconds) "
                   "or vector(0)"},
              (3, 3), thresholds=NONE_GOOD),
    ),
    "What is wrong now": (
        Panel("table", "By reason", "For how many ports each reason holds. A reason leads to what it means.",
              {"ports": paged(
                  "(count by (instance, severity, stage, reason) (max without (address, primary) "
                  "(smtp_probe_problem{@ports}))) or label_replace(count by (instance, reason) "
                  '(max without (address) (smtp_probe_untestable{@ports})), "severity", "untestable", "", "")')},
              (10, 10),
              columns=(SEVERITIES, Column("reason", links=(TO_MEANING, TO_ALL_LIKE_IT)), STAGE,
                       Column("ports", width=70), PAGE),
              sort=("severity", "-ports"), empty="Nothing is wrong."),
        Panel("timeseries", "By reason, over time", "For how many ports each reason holds.",
              {"{{reason}} ({{severity}})":
                  "count by (reason, severity) (max without (address, primary) (smtp_probe_problem{@ports}))"},
              (14, 10), stacked=True, empty="Nothing is wrong."),
        Panel("table", "Port by port", "Every problem that holds on any address of a port; critical ones first. "
              "A host leads to its dashboard and to its transcripts.",
              {"addresses": paged("count without (address) (smtp_probe_problem{@ports})")},
              (24, 10),
              columns=(SEVERITIES, REASON, STAGE, TARGET, HOST, PORT, Column("primary", width=80),
                       Column("addresses", width=95), PAGE),
              sort=("severity", "reason"), empty="Nothing is wrong."),
    ),
    "Certificates": (
        Panel("table", "Days left", "Every certificate, the one that expires first on top, of the address where it has "
              "the fewest days left. Valid: chain, name and dates, whatever is expected of the port.",
              {"days left": paged("min without (address, serial, fingerprint_sha256) ("
                                  f"smtp_certificate_info{{@ports}} * ignoring {OF_CERTIFICATE} group_left () {LEFT})"),
               "valid": paged("min without (address) (smtp_certificate_valid{@ports})")},
              (24, 10),
              columns=(Column("days left", width=90, decimals=1, thresholds=DAYS_LEFT),
                       Column("valid", width=90, words=VALID), TARGET, HOST, PORT, Column("subject"), Column("issuer"),
                       Column("key", width=90), PAGE),
              sort=("days left",), empty="No certificate was seen."),
    ),
    "Ports": (
        Panel("timeseries", "Ports that answer",
              "Share of the hosts that accept connections on a port, on at least one address.",
              {"{{port}}": "avg by (port) (max without (address) (smtp_port_open{@ports}))"},
              (12, 8), "percentunit"),
        Panel("timeseries", "Worst targets", "Share of a target's ports that work on every address: the lowest ten.",
              {"{{target}}": "bottomk(10, avg by (target) (min without (address) (smtp_probe_success{@ports})))"},
              (12, 8), "percentunit"),
        Panel("state-timeline", "Ports blocked from here",
              "Ports that the network or provider of the agent seems to block. Absent where it cannot be told.",
              {"{{port}} {{family}}": f"max by (port, family) ({BLOCKED_HERE})"},
              (12, 8), words=BLOCKED),
        Panel("timeseries", "Time by stage", "What the stages of a probe take, on average over all that get there.",
              {"{{stage}}": "avg by (stage) (smtp_probe_stage_duration_seconds{@ports})"},
              (12, 8), "s", stacked=True),
    ),
}  # fmt: skip
