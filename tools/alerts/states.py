"""Recording rules: what fails over time, by endpoint, port, host and domain. Pages and tickets follow from these.

A probe is judged by the agent; an incident is judged here, per target, host and port, whatever addresses DNS returned
meanwhile and whatever the stage. It begins with three failed probes without a success between them, and ends with a
success. While there is no result (the agent restarts, dies, is not scraped) it lasts: its value then counts the
evaluations since it was seen, up to `HOLD_EVALUATIONS`.

Matching is by all labels but those of the level, so that labels of the target and of the scrape (team, cluster,
vantage) survive. Where levels of different targets meet it is by `AGENT`, or by labels named there.
"""

from exporter.reasons import Reason
from tools.alerts.thresholds import (
    FAILURES,
    FAILURES_BY_STAGE,
    HOLD_EVALUATIONS,
    KEPT,
    LONG_INTERVAL,
    LONG_KEPT,
    LOOKUPS,
    UNREACHABLE,
    stages,
)
from tools.prometheus import Record

PROBLEM = "stage, reason, severity, primary"
INFO = "module, security, family, certificate"
"""The labels of `smtp_endpoint_info`."""
AGENT = "cluster, vantage, job, instance"
"""The labels of one agent; where a scrape configuration sets no cluster and no vantage these are empty."""
BLIND = "agent:smtp_endpoints:blind"
UP = f"unless on ({AGENT}) up == 1"
OVERWRITTEN = f"unless on ({AGENT}) agent:smtp_labels:overwritten"
"""Nothing is said about a server whose labels are not its own."""

ENDPOINT_FAILING, PORT_FAILING = "endpoint:smtp_probe_problem:failing", "port:smtp_probe_success:failing"
PORT_FAILURES, HOST_DOWN = "port:smtp_probe_problem:failing", "host:smtp_probe_success:down"
UNREACHABLE_HOSTS = "host:smtp_probe_success:unreachable"
PARTLY_DOWN = "host:smtp_probe_success:partly_down"
DOMAIN_DOWN = "domain:smtp_domain_success:down"
PORT_INCIDENT, MX = "port:smtp_incident:candidates", "host:smtp_domain_mx_info:max"
TESTED, GOOD, DOWN = (f"port:smtp_probe_success:{what}" for what in ("tested", "max", "down"))
IN_A_ROW, STALE = "endpoint:smtp_probe_consecutive_failures:failing", "endpoint:smtp_probe_success:stale"
PRIMARY = "endpoint:smtp_probe_problem:primary"
FAILED, RESULTS = "endpoint:smtp_probe_success:failed", "endpoint:smtp_probe_success:results"
FAILED_HOSTS, SELDOM = "host:smtp_probe_success:failed", "port:smtp_probe_interval_seconds:long"
OFFERED = "port:smtp_starttls_advertised:last_timestamp_seconds"


def _with_mode() -> str:
    """The primary problem of each endpoint, with the kind of its stage as the label `mode`."""
    return "\n               or ".join(
        f'label_replace(smtp_probe_problem{{primary="true",stage=~"{stages(mode)}"}}, "mode", "{mode}", "", "")'
        for mode in dict.fromkeys(FAILURES_BY_STAGE.values())
    )


def lasts(name: str, exists: str, ends: str) -> str:
    """An incident of the evaluation before, where there is no result by which it ended.

    Args:
        name: the record that tells it.
        exists: what there is of it as long as its agent lives and has not been told to forget it.
        ends: what ends it.
    """
    before = f"last_over_time({name}[@5m]) + 1 < {HOLD_EVALUATIONS}"
    return f"""
        (({before}) and {exists} or ({before}) {UP})
        {ends}"""


STATES = (
    Record("agent:smtp_labels:overwritten",
           "Agents whose labels Prometheus renamed, as it does without honor_labels: no alert can name a host by them.",
           " or ".join(f'count by ({AGENT}) ({{__name__=~"smtp_probes_total|smtp_domain_success",{label}!=""}})'
                       for label in ("exported_host", "exported_target", "exported_port", "exported_address",
                                     "exported_domain"))),
    Record(FAILED, "Endpoints whose last probe failed.", "smtp_probe_success == 0"),
    Record(FAILED_HOSTS, "Hosts with such an endpoint in 6 minutes, or an incident: only these are judged.", f"""
           max without (address, port) (last_over_time({FAILED}[@6m]))
           or max without (port) (last_over_time({PORT_FAILING}[@5m]))
           or last_over_time({HOST_DOWN}[@5m])
           """),
    Record(RESULTS, "Results of all their endpoints.",
           f"smtp_probe_success and ignoring (address, port) {FAILED_HOSTS}"),
    Record(PRIMARY,
           "The primary problem of each endpoint whose last probe failed, with the kind of failure. A connection that "
           "ends in TLS before any greeting is a server that cannot be reached: a load balancer without backends.", f"""
           (
               label_replace(
                 smtp_probe_problem{{primary="true",reason="tls_closed"}}
                 unless ignoring ({PROBLEM}) smtp_greeting_code,
                 "mode", "{UNREACHABLE}", "", ""
               )
             or ignoring (mode) (
                 {_with_mode()}
             )
           )
           and ignoring ({PROBLEM}, mode) {FAILED}
           """),
    Record(IN_A_ROW, "Failed probes in a row, of endpoints that fail.", "smtp_probe_consecutive_failures > 0"),
    Record(ENDPOINT_FAILING, f"Primary problems where {FAILURES} probes in a row failed.", f"""
           {PRIMARY} and ignoring ({PROBLEM}, mode) {IN_A_ROW} >= {FAILURES}
           """),
    Record(TESTED, "Addresses of a port that could be tested, without those that are, as they should be, closed.",
           f"count without (address) ({RESULTS} unless (smtp_port_open == 0 unless {FAILED}))"),
    Record(STALE, "1 for each endpoint whose results were withdrawn, because it is no longer probed.",
           "(smtp_probe_last_timestamp_seconds unless smtp_probe_duration_seconds) * 0 + 1"),
    Record(GOOD, "1 where the last probe of some address of a port succeeded, 0 where none did.",
           f"max without (address) ({RESULTS})"),
    Record(DOWN,
           f"Ports of which no address was good in {FAILURES} probes, however they failed: each address failed so "
           "often, or, where DNS returns another one each time, all of them together.", f"""
           (
               count without (address, {PROBLEM}, mode) ({ENDPOINT_FAILING}) == {TESTED}
             or
               sum without (address) (clamp_max(max_over_time({IN_A_ROW}[@5m]), {FAILURES})) >= {FAILURES} * {TESTED}
               and {GOOD} == 0 and last_over_time({GOOD}[@5m] offset @1m) == 0
           )
           and max without (address, {PROBLEM}, mode) ({PRIMARY})
           """),
    Record(MX, "The MX hosts of the domains that are targets, by target: they fail as parts of their domains.", f"""
           max by ({AGENT}, target, host) (smtp_domain_mx_info)
           or last_over_time(host:smtp_domain_mx_info:max[@5m])
              and on ({AGENT}, target, host) last_over_time({PORT_FAILING}[@5m]) {UP}
           """),
    Record(PORT_FAILING, "Ports that fail: no address is good, or one of them, which can be reached, is not.", f"""
           (
               {DOWN}
             or max without (address, {PROBLEM}, mode) (
               last_over_time({ENDPOINT_FAILING}{{mode!="{UNREACHABLE}"}}[@5m])
               and ignoring ({PROBLEM}, mode) {ENDPOINT_FAILING}
             )
           ) > bool 0
           or {lasts(PORT_FAILING, f"({GOOD} == 0 or max without (address) ({STALE}) unless {GOOD})", f'''
        unless {GOOD} == 1
        unless (max without (address, reason) (smtp_probe_untestable) unless {GOOD})''')}
           """),
    Record(PORT_FAILURES, "In which ways they fail.", f"""
           max without (address, {PROBLEM}) (last_over_time({PRIMARY}[@5m])) and ignoring (mode) {DOWN}
           or max without (address, {PROBLEM}) ({ENDPOINT_FAILING}{{mode!="{UNREACHABLE}"}})
           or
             last_over_time({PORT_FAILURES}[@5m]) and ignoring (mode) {PORT_FAILING}
             unless ignoring (mode) {GOOD}
           """),
    Record(UNREACHABLE_HOSTS,
           "Of hosts with several ports, one of which is down: 1 where the last probes reached none, else 0. One "
           "failure of the others is enough: none of them is to be reported first and alone.", f"""
           count without (address, port, {PROBLEM}, mode) ({PRIMARY}{{mode="{UNREACHABLE}"}})
               == bool sum without (port) ({TESTED})
           and count without (port) ({DOWN})
           and count without (port) ({TESTED}) > 1
           """),
    Record(HOST_DOWN, "Hosts of which that has been so for a minute.", f"""
           {UNREACHABLE_HOSTS} == 1 and min_over_time({UNREACHABLE_HOSTS}[@1m]) == 1
           and {UNREACHABLE_HOSTS} offset @30s == 1
           or {lasts(HOST_DOWN, f"max without (address, port) ({STALE})", f"unless max without (port) ({GOOD}) == 1")}
           """),
    Record(PARTLY_DOWN, "Addresses that cannot be reached of hosts that others of their addresses serve.", f"""
           sum without (port) (
             count without (address, {PROBLEM}, mode) ({ENDPOINT_FAILING}{{mode="{UNREACHABLE}"}}) < {TESTED}
           )
           """),
    Record(DOMAIN_DOWN, "Domains that get no mail: a record stops it, or none of their MX hosts works.", f"""
           (
             smtp_domain_success == 0
             and on ({AGENT}, target, domain) (
               smtp_domain_problem{{severity="critical"}} offset @{LOOKUPS}
               or smtp_domain_mx_info and on ({AGENT}, target, host) {PORT_FAILING}
               or smtp_domain_mx_info and on ({AGENT}, host) {HOST_DOWN}
               or max_over_time(smtp_domain_success[@15m]) == 0 and smtp_domain_success offset @15m
             )
           ) >= bool 0
           or {lasts(DOMAIN_DOWN, "smtp_domain_mx_records", "unless smtp_domain_success == 1")}
           """),
    Record(SELDOM, "Ports with an incident that are probed seldom.", f"""
           max without (address) (
             smtp_probe_interval_seconds > @@{LONG_INTERVAL}
             and ignoring (address) last_over_time({PORT_FAILING}[@{LONG_KEPT}])
           )
           """),
    Record(PORT_INCIDENT, f"Ports that fail, and for {KEPT} after; where probes are seldom, {LONG_KEPT}.", f"""
           last_over_time({PORT_FAILING}[@{KEPT}])
           or
             last_over_time({PORT_FAILING}[@{LONG_KEPT}])
             and last_over_time({SELDOM}[@{LONG_KEPT}])
           """),
)  # fmt: skip

OFFERS = (
    Record(OFFERED,
           "When an address of a port last offered STARTTLS and was not forbidden to, Unix time. The rule remembers it "
           "while the agent is away, and for a day without Prometheus.", f"""
           max without (address) (
             smtp_starttls_advertised == 1
             unless ignoring ({PROBLEM}) smtp_probe_problem{{reason="{Reason.STARTTLS_FORBIDDEN}"}}
           ) * 0 + time()
           or last_over_time({OFFERED}[@1d]) > time() - @@7d
           """),
)  # fmt: skip
