"""Writes grafana/*.json: what the dashboards ask. They can name no metric that does not exist.

    .venv/bin/python -m tools.dashboards

A panel is a row of a table: its kind, title and description, what it asks by legend, the unit, and its width and
height. The days at which a certificate turns orange and red are those of the alert rules. The JSON: see `grafana`.
"""

import json
import re
from pathlib import Path

from tools.grafana import Json, Panel, Threshold, dashboard

ROOT = Path(__file__).parent.parent
CERTIFICATE_RULES = (ROOT / "deploy/prometheus/rules/certificates.yml").read_text("utf-8")
CRITICAL_DAYS, WARNING_DAYS = sorted(float(days) for days in re.findall(r"< (\d+) \* 86400", CERTIFICATE_RULES))

DAYS_LEFT: tuple[Threshold, ...] = ("red", None), ("orange", CRITICAL_DAYS), ("green", WARNING_DAYS)
ALL_GOOD: tuple[Threshold, ...] = ("red", None), ("green", 1)
NONE_GOOD: tuple[Threshold, ...] = ("green", None), ("red", 1)
NONE_BETTER: tuple[Threshold, ...] = ("green", None), ("orange", 1)

OVERVIEW: dict[str, tuple[Panel, ...]] = {
    "What is wrong now": (
        Panel("stat", "Ports that work", "Share of ports on whose every address the last probe succeeded.",
              {"": "avg(min without (address) (smtp_probe_success{@ports}))"},
              "percentunit", (5, 4), ALL_GOOD, empty="no results"),
        Panel("stat", "Ports that fail", "Ports with an address on which the last probe failed.",
              {"": "count(min without (address) (smtp_probe_success{@ports}) == 0) or vector(0)"},
              "none", (5, 4), NONE_GOOD),
        Panel("stat", "Ports with warnings", "Ports that work or fail, and have a lesser problem besides.",
              {"": "count(max without (address, stage, reason, primary) "
                   '(smtp_probe_problem{@ports,severity="warning"})) or vector(0)'},
              "none", (5, 4), NONE_BETTER),
        Panel("stat", "Ports untestable", "Ports with an address of which nothing can be said from here.",
              {"": "count(max without (address, reason) (smtp_probe_untestable{@ports})) or vector(0)"},
              "none", (5, 4), NONE_BETTER),
        Panel("stat", "Results too old", "Endpoints whose result was withdrawn: nobody probes them any more.",
              {"": "count(smtp_probe_last_timestamp_seconds{@ports} unless smtp_probe_duration_seconds) "
                   "or vector(0)"},
              "none", (4, 4), NONE_GOOD),
        Panel("table", "Problems", "Every problem that holds, on any address of a port; critical ones first.",
              {"": "count without (address) (smtp_probe_problem{@ports})"},
              "none", (14, 10),
              columns=("severity", "reason", "stage", "target", "host", "port", "primary", "Value"),
              value="addresses", sort="severity", empty="Nothing is wrong."),
        Panel("timeseries", "Problems by reason", "How many ports each reason holds for.",
              {"{{reason}} ({{severity}})":
                  "count by (reason, severity) (max without (address) (smtp_probe_problem{@ports}))"},
              "none", (10, 10), stacked=True, empty="Nothing is wrong."),
        Panel("timeseries", "Success ratio by target", "Share of the ports of a target that work on every address.",
              {"{{target}}": "avg by (target) (min without (address) (smtp_probe_success{@ports}))"},
              "percentunit", (24, 7), empty="no results"),
    ),
    "Certificates": (
        Panel("table", "Days left", "Certificates by the days they have left, of the address that has the fewest.",
              {"": "min without (address, serial, fingerprint_sha256, key) ("
                   "smtp_certificate_info{@ports} "
                   "* ignoring (subject, issuer, serial, fingerprint_sha256, key) "
                   "(smtp_certificate_not_after_timestamp_seconds - time()) / 86400)"},
              "none", (24, 9), DAYS_LEFT,
              columns=("Value", "target", "host", "port", "subject", "issuer"),
              value="days left", sort="days left", empty="No certificate was seen."),
    ),
    "Ports": (
        Panel("timeseries", "Ports open", "Share of the hosts that answer on a port, on at least one address.",
              {"{{port}}": "avg by (port) (max without (address) (smtp_port_open{@ports}))"},
              "percentunit", (12, 8), empty="no results"),
        Panel("timeseries", "Stage times", "What the stages of a probe took, on average where it got there.",
              {"{{stage}}": "avg by (stage) (smtp_probe_stage_duration_seconds{@ports})"},
              "s", (12, 8), stacked=True, empty="no results"),
    ),
    "Agent": (
        Panel("timeseries", "Probes per second", "Probes that finish, and those the agent was late for.",
              {"{{instance}} finished":
                  "sum by (instance) (rate(smtp_probes_total{@agent}[$__rate_interval]))",
               "{{instance}} overrun":
                  "sum by (instance) (rate(smtp_exporter_probe_overruns_total{@agent}[$__rate_interval]))"},
              "ops", (8, 8)),
        Panel("timeseries", "Delays, 99th percentile", "How late probes start, and how long the event loop stalls.",
              {"{{instance}} schedule":
                  "histogram_quantile(0.99, sum by (instance, le) "
                  "(rate(smtp_exporter_schedule_delay_seconds_bucket{@agent}[$__rate_interval])))",
               "{{instance}} event loop":
                  "histogram_quantile(0.99, sum by (instance, le) "
                  "(rate(smtp_exporter_event_loop_lag_seconds_bucket{@agent}[$__rate_interval])))"},
              "s", (8, 8)),
        Panel("timeseries", "Endpoints and probes in flight", "What the agent has to do, and what it is doing.",
              {"{{instance}} endpoints": "smtp_exporter_endpoints{@agent}",
               "{{instance}} in flight": "smtp_exporter_probes_in_flight{@agent}"},
              "none", (8, 8)),
        Panel("timeseries", "Memory", "Resident memory of the agent.",
              {"{{instance}}":
                  "process_resident_memory_bytes{@agent} and on (job, instance) smtp_exporter_build_info"},
              "bytes", (12, 6)),
        Panel("timeseries", "Internal errors", "Mistakes of the agent itself in five minutes: please report them.",
              {"{{instance}}": "increase(smtp_exporter_internal_errors_total{@agent}[5m])"},
              "none", (12, 6), NONE_GOOD),
    ),
}  # fmt: skip

DASHBOARDS: dict[str, Json] = {
    "smtp-exporter-overview": dashboard("smtp-exporter-overview", "SMTP / Overview", OVERVIEW),
}


def text_of(name: str) -> str:
    """The file of a dashboard as it is committed."""
    return json.dumps(DASHBOARDS[name], indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for name in DASHBOARDS:
        (ROOT / "grafana" / f"{name}.json").write_text(text_of(name), "utf-8")
