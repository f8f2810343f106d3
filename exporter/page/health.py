"""How the agent itself does, for the page: the few numbers that tell whether its results can be relied on."""

from math import isinf
from typing import NamedTuple

from prometheus_client import Counter, Gauge, Histogram

from exporter.telemetry import BUCKETS, Telemetry
from exporter.wording import instant

MOST = 0.99
"""The share of all that a delay is told of."""


class Fact(NamedTuple):
    """One line; `well` is False where somebody should look."""

    name: str
    value: str
    well: bool = True


def health(telemetry: Telemetry) -> list[Fact]:
    """Read what the agent counts of itself."""
    overruns, overloaded = _value(telemetry.overruns), _value(telemetry.overloaded)
    errors, reloaded = _value(telemetry.internal_errors), _value(telemetry.reload_successful)
    return [
        Fact("Configuration of", instant(_value(telemetry.reload_time)) or "not loaded yet"),
        Fact("Last reload", "succeeded" if reloaded else "failed: see the log", bool(reloaded)),
        Fact("Targets, endpoints", f"{_value(telemetry.targets):.0f}, {_value(telemetry.endpoints):.0f}"),
        Fact("Probes under way", f"{_value(telemetry.in_flight):.0f}"),
        Fact("Probes start", _late(telemetry.schedule_delay)),
        Fact("Event loop runs", _late(telemetry.loop_lag)),
        Fact("Overruns", f"{overruns:.0f}"),
        Fact("Overloaded addresses", f"{overloaded:.0f}", not overloaded),
        Fact("Internal errors", f"{errors:.0f}", not errors),
    ]


def _value(metric: Gauge | Counter) -> float:
    """The one value of a metric without labels."""
    return next((sample.value for family in metric.collect() for sample in family.samples), 0.0)


def _late(histogram: Histogram) -> str:
    """How late at most nearly all were."""
    samples = [sample for family in histogram.collect() for sample in family.samples]
    count = max((sample.value for sample in samples if sample.name.endswith("_count")), default=0.0)
    if not count:
        return "not measured yet"
    buckets = (each for each in samples if each.name.endswith("_bucket"))
    bound = next(float(each.labels["le"]) for each in buckets if each.value >= MOST * count)
    if isinf(bound):
        return f"often more than {BUCKETS[-1]:.0f} s late"
    return f"{MOST:.0%} at most {bound * 1000:.0f} ms late"
