"""Recording rules for what the dashboards draw over time: a range of 10,000 endpoints is too much to ask at once.

They count ports, not addresses and not agents: a host with ten addresses counts once, and so does one that is watched
from three places. Labels of the target and of the scrape (team, cluster) survive.
"""

from tools.prometheus import Group, Record, RuleFile

PORT = "without (address, instance, vantage)"
"""Makes one series a port of the series of its addresses, whoever probes it."""
TO_BE_OPEN = f"""
    max {PORT} (
      smtp_port_open
      unless ignoring (reason) smtp_probe_untestable
      unless (smtp_port_open == 0 unless smtp_probe_success == 0)
      unless ignoring (stage, reason, severity, primary) smtp_probe_problem{{reason="port_open"}}
    )
"""
"""Whether TCP connected, where it was tested and should: success without a connection is `port: closed`."""


NOT_AFTER, NOT_BEFORE = (f"smtp_certificate_not_{when}_timestamp_seconds" for when in ("after", "before"))


def expiry(selector: str = "") -> str:
    """When the certificate expires, or one on its path where that is valid, Unix time."""
    path = f"smtp_certificate_chain_not_after_timestamp_seconds{selector} and smtp_certificate_valid{selector} == 1"
    return f"({path} or {NOT_AFTER}{selector})"


def lifetime(selector: str = "") -> str:
    """How long the certificate lasts as a whole, in seconds."""
    return f"({NOT_AFTER}{selector} - {NOT_BEFORE}{selector})"


SLOWEST = "max without (address) (smtp_probe_stage_duration_seconds)"


def _duration_quantile(percent: int) -> Record:
    return Record(
        f"instance:smtp_probe_stage_duration_seconds:p{percent}",
        f"How long each stage takes at most at {percent} % of the ports, at the slowest address of each.",
        f"quantile without (target, host) ({percent / 100:g}, {SLOWEST})",
    )


DASHBOARDS = RuleFile(
    "What the dashboards draw over time. They count ports, not addresses and not agents.",
    (
        Group("", "60s", (
            Record("target:smtp_probe_success:ratio",
                   "Share of a target's ports that are as they should be on every address that could be tested.",
                   f"avg without (host, port) (min {PORT} (smtp_probe_success))"),
            Record("target:smtp_port_open:sum", "How many ports of a target accept connections.",
                   f"sum without (host) ({TO_BE_OPEN})"),
            Record("target:smtp_port_open:count", "How many ports of a target should accept connections.",
                   f"count without (host) ({TO_BE_OPEN})"),
            Record("target:smtp_probe_problem:count", "How many ports of a target have each problem.",
                   "count without (host) (max without (address, instance, vantage, primary) (smtp_probe_problem))"),
            Record("instance:smtp_probes:rate5m", "Probes that ended per second, in five minutes.",
                   "sum without (address, port, host, target) (rate(smtp_probes_total[5m]))"),
            Record("target:smtp_domain_success:failing", "How many mail domains of a target fail.",
                   "sum without (domain) (1 - min without (instance, vantage) (smtp_domain_success))"),
            Record("target:smtp_domain_problem:count", "How many mail domains of a target have each problem.",
                   "count without (domain) (max without (instance, vantage) (smtp_domain_problem))"),
        )),
        Group("2m", "2m", (
            *map(_duration_quantile, (50, 99)),
        )),
    ),
)  # fmt: skip
