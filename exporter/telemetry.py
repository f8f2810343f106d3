"""The agent's own metrics, registered with prometheus_client from their rows in the table of families."""

import sys
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.metrics import MetricWrapperBase

from exporter import __version__
from exporter.config import Config
from exporter.families import AGENT_FAMILIES, AgentFamily
from exporter.reasons import REASONS, Rule
from exporter.wire import OPENSSL

PYTHON = ".".join(map(str, sys.version_info[:3]))
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
KINDS: dict[str, Any] = {"gauge": Gauge, "counter": Counter, "histogram": Histogram}


class Telemetry:
    """One attribute a row, all in one registry. Every reason is there from the start, at 0."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # prometheus_client does not annotate it
        self.registry = CollectorRegistry()
        self._made = {row.name: self._make(row) for row in AGENT_FAMILIES}
        self.build_info: Gauge = self._of("smtp_exporter_build_info")
        self.reload_successful: Gauge = self._of("smtp_exporter_config_last_reload_successful")
        self.reload_time: Gauge = self._of("smtp_exporter_config_last_reload_success_timestamp_seconds")
        self.targets: Gauge = self._of("smtp_exporter_targets")
        self.endpoints: Gauge = self._of("smtp_exporter_endpoints")
        self.shard_info: Gauge = self._of("smtp_exporter_shard_info")
        self.in_flight: Gauge = self._of("smtp_exporter_probes_in_flight")
        self.target_file_errors: Gauge = self._of("smtp_exporter_target_file_errors")
        self.skipped_entries: Gauge = self._of("smtp_exporter_config_skipped_entries")
        self.overruns: Counter = self._of("smtp_exporter_probe_overruns_total")
        self.overloaded: Gauge = self._of("smtp_exporter_overloaded_addresses")
        self.problems: Counter = self._of("smtp_exporter_problems_total")
        self.schedule_delay: Histogram = self._of("smtp_exporter_schedule_delay_seconds")
        self.loop_lag: Histogram = self._of("smtp_exporter_event_loop_lag_seconds")
        self.dns_lookups: Counter = self._of("smtp_exporter_dns_lookups_total")
        self.internal_errors: Counter = self._of("smtp_exporter_internal_errors_total")
        self._begin()

    def _make(self, row: AgentFamily) -> MetricWrapperBase:
        options = {"buckets": BUCKETS} if row.kind == "histogram" else {}
        made: MetricWrapperBase = KINDS[row.kind](row.name, row.help, row.labels, registry=self.registry, **options)
        return made

    def _of(self, name: str) -> Any:
        return self._made[name]

    def show(self, config: Config) -> None:
        """Tell of a configuration that runs from now on."""
        self.targets.set(len(config.targets))
        self.target_file_errors.clear()
        for file in config.target_files:
            self.target_file_errors.labels(file.path).set(bool(file.errors))
        self.skipped_entries.clear()
        for path, lines in config.skipped.items():
            self.skipped_entries.labels(path).set(lines)

    def _begin(self) -> None:
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self.build_info.labels(__version__, PYTHON, OPENSSL).set(1)
        for reason, row in REASONS.items():
            for expected in (True, False):
                if severity := row.rule.severity(expected=expected):
                    self.problems.labels(reason, severity)
            if row.rule is Rule.CRITICAL:  # while untestable, what stopped the probe is a warning
                self.problems.labels(reason, "warning")
