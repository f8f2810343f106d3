"""Availability in 30 days against an objective, and how the same port looks from several vantage points."""

from tools.alerts.thresholds import OBJECTIVE
from tools.dashboards.columns import PORT, TARGET, TO_ENDPOINT, TO_HOST, least, most
from tools.dashboards.thresholds import ALL_GOOD, COVERED, NONE_BETTER, NONE_GOOD, STATE
from tools.grafana import Column, Panel

MISSING = "No data. Is optional/slo.yml loaded?"
OF_PORTS, OF_HOSTS = "@ports", 'job=~"$job",target=~"$target"'
AVAILABILITY = f"port:smtp_probe_success:availability_30d{{{OF_PORTS}}}"
COVERAGE = f"port:smtp_probe_success:coverage_30d{{{OF_PORTS}}}"
HOST = Column("host", links=(TO_ENDPOINT,))

PROBED = '(smtp_probe_success{@ports,vantage!=""} or ignoring (reason) %s * smtp_probe_untestable{@ports,vantage!=""})'


def seen(untestable: str) -> str:
    """How each port looks from each vantage point, on the address where it looks worst."""
    return f"min by (job, target, host, port, vantage) ({PROBED % untestable})"


SEEN = seen("0.5")
DIFFERENCE = f"(max without (vantage) ({SEEN}) - min without (vantage) ({SEEN}))"
DISAGREE = most(f"(2 * {DIFFERENCE} - min without (vantage) ({SEEN}))")


def figures(level: str, selector: str, says: str, *columns: Column) -> Panel:
    """Availability, what is left of the error budget, and coverage: the lowest first."""
    availability, coverage = (
        f"{level}:smtp_probe_success:{what}_30d{{{selector}}}" for what in ("availability", "coverage")
    )
    lowest = f"and {least(availability)}"
    return Panel(
        "table", f"Availability of each {level}", f"{says} The lowest first. Coverage is the share of the time that it "
        f"could be tested. The error budget is what an objective of {OBJECTIVE:.1%} allows; it is overspent below "
        "zero.",
        {"availability": f"({availability} {lowest})",
         "error budget left": f"((1 - (1 - {availability}) / (1 - {OBJECTIVE})) {lowest})",
         "coverage": f"({coverage} {lowest})"},
        (12, 10),
        columns=(Column("availability", unit="percentunit", decimals=3, width=110),
                 Column("error budget left", unit="percentunit", decimals=0, width=140,
                        thresholds=(("red", None), ("orange", 0), ("green", 0.5))),
                 Column("coverage", unit="percentunit", decimals=1, width=90,
                        thresholds=(("orange", None), ("green", COVERED))),
                 TARGET, *columns),
        sort=("availability",), empty=MISSING,
    )  # fmt: skip


AVAILABLE: dict[str, tuple[Panel, ...]] = {
    "The last 30 days": (
        Panel("stat", "Within the objective", f"Share of the ports that were available for {OBJECTIVE:.1%} of the time "
              "in which they could be tested, seen from the best vantage point.",
              {"": f"avg({AVAILABILITY} >= bool {OBJECTIVE})"}, (6, 3), "percentunit", ALL_GOOD, empty=MISSING),
        Panel("stat", "Budget spent", f"Ports that were available for less than {OBJECTIVE:.1%} of the time.",
              {"": f"count({AVAILABILITY} < {OBJECTIVE}) or 0 * count({AVAILABILITY})"}, (6, 3), thresholds=NONE_GOOD,
              empty=MISSING),
        Panel("stat", "Seldom tested", f"Ports that could be tested for less than {COVERED:.0%} of the time: their "
              "availability says little.",
              {"": f"count({COVERAGE} < {COVERED}) or 0 * count({COVERAGE})"}, (6, 3), thresholds=NONE_BETTER,
              empty=MISSING),
        Panel("stat", "Seen differently", "Ports that work from one vantage point and fail from another.",
              {"": f"count({DIFFERENCE} == 1) or vector(0)"}, (6, 3), thresholds=NONE_BETTER),
        figures("port", OF_PORTS, "A port is available while some address works.", HOST, PORT),
        figures("host", OF_HOSTS, "A host is available while some port works.", Column("host", links=(TO_HOST,))),
        Panel("timeseries", "Availability over time", "Of the ten ports where it is lowest now, each time of the 30 "
              "days before.",
              {"{{host}}:{{port}} ({{target}})":
                  f"max by (target, host, port) ({AVAILABILITY} "
                  f"and {least('port:smtp_probe_success:availability_30d{@ports} @ end()', 10)})"},
              (24, 8), "percentunit", empty=MISSING),
    ),
    "From each vantage point": (
        Panel("table", "Each port from each vantage point", "How a port looks from where the label `vantage` says, on "
              "the address where it looks worst: those that look different first, then those that fail.",
              {"": f"({seen('2')} and ignoring (vantage) {DISAGREE})"},
              (24, 12), words=STATE, across="vantage",
              columns=(TARGET, HOST, PORT, Column("job")),
              sort=("target",), empty="No scrape configuration sets a label vantage."),
    ),
}  # fmt: skip
