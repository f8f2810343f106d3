"""The agent itself: whether it keeps up, what it needs, and whether what it says can be believed."""

from tools.dashboards.columns import MISSING, PAGE, most, paged
from tools.dashboards.thresholds import LOADED, NONE_BETTER, NONE_GOOD, ON_TIME
from tools.grafana import Column, Link, Panel

RATE = "[$__rate_interval]"
OWN = "{@agent} and on (job, instance) smtp_exporter_build_info"
STATUS = Link("Status page", "<page>/", new_tab=True)


def late(histogram: str) -> str:
    """What one in a hundred is later than."""
    return f"histogram_quantile(0.99, sum by (instance, le) (rate({histogram}_bucket{{@agent}}{RATE})))"


AGENT: dict[str, tuple[Panel, ...]] = {
    "Now": (
        Panel("stat", "Endpoints", "What is probed, by all agents together.",
              {"": "sum(smtp_exporter_endpoints{@agent})"}, (4, 3)),
        Panel("stat", "Probes per second", "That ended, in the last five minutes.",
              {"": "sum(instance:smtp_probes:rate5m{@agent})"}, (4, 3), "suffix:/s",
              empty=MISSING),
        Panel("stat", "Last reload", "Whether the configuration on disk is the one that runs, on every agent.",
              {"": "min(smtp_exporter_config_last_reload_successful{@agent})"}, (4, 3), words=LOADED),
        Panel("stat", "Addresses overloaded", "IP addresses that are asked for more probes than fit.",
              {"": "sum(smtp_exporter_overloaded_addresses{@agent})"}, (4, 3), thresholds=NONE_BETTER),
        Panel("stat", "Stale", "Endpoints whose result was withdrawn: nobody probes them any more.",
              {"": "count(smtp_probe_last_timestamp_seconds{@agent} unless smtp_probe_duration_seconds{@agent}) "
                   "or vector(0)"},
              (4, 3), thresholds=NONE_GOOD),
        Panel("stat", "Internal errors", "Mistakes of the agent itself in the last day: please report them.",
              {"": "sum(increase(smtp_exporter_internal_errors_total{@agent}[1d]))"}, (4, 3), thresholds=NONE_GOOD),
        Panel("table", "Agents", "Each agent, what it is built on, and its share of the targets. "
              "An instance leads to its status page.",
              {"build": paged(most("smtp_exporter_build_info{@agent}")),
               "share": paged(most("smtp_exporter_shard_info{@agent}")),
               "targets": paged(most("smtp_exporter_targets{@agent}")),
               "endpoints": paged(most("smtp_exporter_endpoints{@agent}")),
               "configuration loaded":
                   paged(most("(1000 * smtp_exporter_config_last_reload_success_timestamp_seconds{@agent})"))},
              (24, 4),
              columns=(Column("instance", links=(STATUS,)), Column("version"), Column("python"), Column("openssl"),
                       Column("index"), Column("count"), Column("targets"), Column("endpoints"),
                       Column("configuration loaded", unit="dateTimeFromNow"), PAGE),
              sort=("instance",)),
    ),
    "Does it keep up": (
        Panel("timeseries", "Probes per second", "Probes that end, and those that came due while the one before ran.",
              {"{{instance}} ended": "sum by (instance) (instance:smtp_probes:rate5m{@agent})",
               "{{instance}} overrun":
                   f"sum by (instance) (rate(smtp_exporter_probe_overruns_total{{@agent}}{RATE}))"},
              (12, 8), "suffix:/s", empty=MISSING),
        Panel("timeseries", "Schedule delay", "What one probe in a hundred starts later than.",
              {"{{instance}}": late("smtp_exporter_schedule_delay_seconds")}, (12, 8), "s", ON_TIME),
        Panel("timeseries", "Event loop lag", "What one turn of the event loop in a hundred is later than: "
              "everything that is measured is that uncertain.",
              {"{{instance}}": late("smtp_exporter_event_loop_lag_seconds")}, (12, 8), "s", ON_TIME),
        Panel("timeseries", "Probes in flight", "Conversations under way at the moment of the scrape.",
              {"{{instance}}": "smtp_exporter_probes_in_flight{@agent}"}, (12, 8)),
    ),
    "What it needs": (
        Panel("timeseries", "Memory", "Resident memory.",
              {"{{instance}}": f"process_resident_memory_bytes{OWN}"}, (8, 8), "bytes"),
        Panel("timeseries", "CPU", "Share of one core.",
              {"{{instance}}": f"rate(process_cpu_seconds_total{{@agent}}{RATE}) "
                               "and on (job, instance) smtp_exporter_build_info"},
              (8, 8), "percentunit"),
        Panel("timeseries", "File descriptors", "Open ones, and how many the process may have.",
              {"{{instance}} open": f"process_open_fds{OWN}", "{{instance}} limit": f"process_max_fds{OWN}"},
              (8, 8)),
    ),
    "What it does": (
        Panel("timeseries", "DNS lookups", "Questions to name servers per second, by type and what came of them.",
              {"{{type}} {{result}}": f"sum by (type, result) (rate(smtp_exporter_dns_lookups_total{{@agent}}{RATE}))"},
              (12, 8), "suffix:/s", empty="No name was looked up."),
        Panel("timeseries", "Problems found", "Problems that probes end with, per second, by reason.",
              {"{{reason}}": f"sum by (reason) (rate(smtp_exporter_problems_total{{@agent}}{RATE})) > 0"},
              (12, 8), "suffix:/s", stacked=True, empty="Nothing is wrong."),
        Panel("state-timeline", "Reloads", "Whether the last reload of the configuration succeeded.",
              {"{{instance}}": "smtp_exporter_config_last_reload_successful{@agent}"}, (12, 6), words=LOADED),
        Panel("timeseries", "Internal errors", "Mistakes of the agent itself in five minutes: please report them.",
              {"{{instance}}": "increase(smtp_exporter_internal_errors_total{@agent}[5m])"}, (12, 6)),
    ),
}  # fmt: skip
