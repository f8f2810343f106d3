"""The agent itself: while one of these holds, silence of the other rules may mean nothing."""

from exporter.reasons import Reason, Untestable
from tools.alerts.states import AGENT, OVERWRITTEN, STALE
from tools.alerts.thresholds import (
    ABSENT,
    AGENT_KEPT,
    BLIND,
    BLIND_ENDPOINTS,
    BLIND_HOSTS,
    BLIND_SHARE,
    BLOCKED,
    MISTAKE,
    OVERRUN_RATE,
    UNRESOLVED,
)
from tools.alerts.thresholds import OVERWRITTEN as OVERWRITTEN_ALERT
from tools.annotations import (
    AT_PORT,
    HOST,
    OF_AGENT,
    OF_AGENT_LINKS,
    OF_HOST,
    OF_HOST_LINKS,
    OF_PORT_LINKS,
    PORT,
    asked,
    help_of,
)
from tools.prometheus import JOB, Alert, Record

UNTESTABLE = help_of("untestable")
BLIND_WHY = asked("agent:smtp_endpoints:blind", OF_AGENT)
FAILING_HOSTS = asked("smtp_probe_success", OF_AGENT, " == 0")
SILENT = "endpoint:smtp_probe_success:silent"
ENDPOINTS = "agent:smtp_endpoints:count"
UNTESTABLE_PORTS = "port:smtp_probe_untestable:all"
STALE_ONES = asked("smtp_probe_last_timestamp_seconds", OF_HOST, " unless smtp_probe_duration_seconds")
UP = "agent:up:max"
COMES_AND_GOES = 4
"""Changes in 30 minutes: one restart, or one outage, is two of them."""
REPLACED = ".+/.+-[bcdfghjklmnpqrstvwxz2456789]{5}"
"""The `instance` of a sidecar in a Deployment or DaemonSet: its pod, whose name ends in five characters of those that
Kubernetes draws from. Each rollout replaces it, which is no incident."""
IS_AGENT = f'up{{job="{JOB}"}} or up and on ({AGENT}) last_over_time(smtp_exporter_build_info[1d])'
"""Scrapes of agents: those of the shipped job, and of whatever has told that it is one."""

AGENT_STATES = (
    Record(UP, "Whether Prometheus could scrape an agent.", IS_AGENT),
    Record(ENDPOINTS, "Endpoints of an agent that have, or had, a result.",
           f"count by ({AGENT}) (smtp_probe_consecutive_failures or smtp_probe_last_timestamp_seconds)"),
    Record(SILENT, "Endpoints that fail or say nothing, but for those that SmtpPortBlocked pages for.", f"""
           smtp_probe_success == 0
           or max without (reason) (
             smtp_probe_untestable unless smtp_probe_untestable{{reason="{Untestable.EGRESS_BLOCKED}",port="25"}}
           )
           or {STALE}
           """),
    Record("agent:smtp_endpoints:unresolved", "Of these, those whose names nobody resolves.", f"""
           count by ({AGENT}) (
             max without (stage, reason, severity, primary) (smtp_probe_problem{{reason=~"{"|".join(UNRESOLVED)}"}})
             or max without (reason) (smtp_probe_untestable{{reason="{Untestable.DNS_UNAVAILABLE}"}})
           )
           """),
    Record("agent:smtp_endpoints:blind", "Agents that see nothing, by the reason why.", f"""
           label_replace(
             count by ({AGENT}) ({SILENT}) / {ENDPOINTS} > {BLIND_SHARE}
             and count by ({AGENT}) ({SILENT}) >= {BLIND_ENDPOINTS}
             and count by ({AGENT}) (count by ({AGENT}, host) ({SILENT})) >= {BLIND_HOSTS},
             "why", "most endpoints fail or cannot be tested", "", "")
           or label_replace(
             count by ({AGENT}) ({STALE}) == {ENDPOINTS},
             "why", "no endpoint has been probed for a while", "", "")
           or label_replace(
             (agent:smtp_endpoints:unresolved / {ENDPOINTS}) > {BLIND_SHARE}
             or
               sum by ({AGENT}) (rate(smtp_exporter_dns_lookups_total{{result="timeout"}}[@3m]))
               / sum by ({AGENT}) (rate(smtp_exporter_dns_lookups_total[@3m])) > {BLIND_SHARE},
             "why", "its name servers do not answer", "", "")
           """),
    Record(UNTESTABLE_PORTS, "Ports that cannot be tested at any address, but those behind a blocked port.", f"""
           max without (address) (smtp_probe_untestable{{reason!="{Untestable.EGRESS_BLOCKED}"}})
           unless ignoring (reason, address) smtp_probe_success
           unless ignoring (reason)
             max without (address, reason) (smtp_probe_untestable{{reason="{Untestable.EGRESS_BLOCKED}"}})
           """),
)  # fmt: skip

BLOCKED_TEXT = (
    "{{ $labels.instance }} reaches no mail server on port {{ $labels.port }}"
    "{{ with $labels.family }} over {{ . }}{{ end }}: it cannot watch that port."
)
BLOCKED_SUMMARY = "Port {{ $labels.port }} is blocked on the way out from {{ $labels.instance }}."

AGENT_ALERTS = (
    Alert(ABSENT, "critical", f"""
          {UP} == 0
          or absent(up{{job="{JOB}"}}) unless on () last_over_time(smtp_exporter_build_info[@5m])
          """, "5m", "Prometheus cannot scrape {{ or $labels.instance \"any smtp-exporter\" }}.",
          "{{ with $labels.instance }}{{ . }} does not answer{{ else }}No smtp-exporter is known to Prometheus{{ end }}"
          ": no mail server is watched by it."),
    Alert(BLIND, "critical", "count without (why) (agent:smtp_endpoints:blind)", "2m",
          "{{ $labels.instance }} cannot tell how its mail servers are.",
          f"{{{{ $labels.instance }}}}: {BLIND_WHY.each('{{ .Labels.why }}', 'why')}. The agent's own network or "
          "resolver is the likely cause; what else it reports may follow from that. Hosts that fail: "
          f"{FAILING_HOSTS.names('host')}{FAILING_HOSTS.otherwise('none')}.", UNTESTABLE, OF_AGENT_LINKS,
          keeps=AGENT_KEPT),
    Alert(BLOCKED, "critical", 'min without (family) (smtp_egress_port_blocked{port="25"}) == 1', "3m",
          BLOCKED_SUMMARY, BLOCKED_TEXT, UNTESTABLE, OF_AGENT_LINKS, keeps=AGENT_KEPT),
    Alert(BLOCKED, "warning", """
          min without (family) (smtp_egress_port_blocked{port!="25"}) == 1
          or
            smtp_egress_port_blocked == 1
            unless ignoring (family) min without (family) (smtp_egress_port_blocked) == 1
          """, "3m", BLOCKED_SUMMARY, BLOCKED_TEXT, UNTESTABLE, OF_AGENT_LINKS, keeps=AGENT_KEPT),
    Alert("SmtpUntestable", "warning", f"""
          {UNTESTABLE_PORTS}
          {OVERWRITTEN}
          """, "1h", f"{AT_PORT} could not be tested for an hour.",
          f"{{{{ $labels.instance }}}} can test {PORT} at no address: {{{{ $labels.reason }}}}.", UNTESTABLE,
          OF_PORT_LINKS, keeps="10m"),
    Alert("SmtpResultsStale", "warning", f"""
          count without (address, port) ({STALE})
          {OVERWRITTEN}
          """, "5m", "{{ $labels.host }} is no longer probed.",
          f"{{{{ $labels.instance }}}} has no recent result of {HOST}, ports {STALE_ONES.names('port')}.",
          links=OF_HOST_LINKS),
    Alert(OVERWRITTEN_ALERT, "warning", "agent:smtp_labels:overwritten", "5m",
          "Prometheus overwrites labels of {{ $labels.instance }}: set honor_labels: true.",
          "The scrape configuration of job {{ $labels.job }} has labels of the same names as the agent's (target, "
          "host, address, port, domain), and lacks honor_labels: true. No alert about its mail servers fires until it "
          "has.",
          links=OF_AGENT_LINKS),
    Alert("SmtpExporterUnstable", "warning", f"""
          changes({UP}[@30m]) >= {COMES_AND_GOES}
          or changes(process_start_time_seconds[@30m]) >= {COMES_AND_GOES} and on ({AGENT}) {UP}
          or last_over_time({UP}{{instance!~"{REPLACED}"}}[3h]) unless on ({AGENT}) up
          """, "10m", "{{ $labels.instance }} comes and goes.",
          "Prometheus misses scrapes of {{ $labels.instance }}, the agent restarts again and again, or it is gone from "
          "service discovery: incidents may be noticed late.", links=OF_AGENT_LINKS),
    Alert("SmtpExporterReloadFailed", "warning", "smtp_exporter_config_last_reload_successful == 0", "5m",
          "{{ $labels.instance }} could not reload its configuration.",
          "{{ $labels.instance }} keeps the previous configuration: changes made since are not in force.",
          links=OF_AGENT_LINKS),
    Alert("SmtpExporterBehindSchedule", "warning", f"""
          sum by ({AGENT}) (rate(smtp_exporter_probe_overruns_total[@15m]))
          / sum by ({AGENT}) (rate(smtp_probes_total[@15m]))
          > {OVERRUN_RATE}
          """, "15m", "{{ $labels.instance }} does not keep to its schedule.",
          "{{ $labels.instance }} leaves out probes that are due, because earlier ones still run or wait: "
          "{{ $value | humanizePercentage }} of those it makes.", links=OF_AGENT_LINKS),
    Alert(MISTAKE, "warning", "increase(smtp_exporter_internal_errors_total[1h]) > 0", "1m",
          "{{ $labels.instance }} met an internal error.",
          "{{ $labels.instance }} found errors of its own; a probe that ends so says nothing about the mail server. "
          "How many in an hour: {{ $value | printf `%.0f` }}.", help_of(Reason.INTERNAL_ERROR), OF_AGENT_LINKS),
)  # fmt: skip
