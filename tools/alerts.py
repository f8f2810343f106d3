"""Writes deploy/prometheus: the alerts, what they build on, and what silences what. One literal table.

    .venv/bin/python -m tools.alerts

Few alerts, on symptoms, one an incident. A failing endpoint has exactly one primary problem, and `STAGES` shares the
stages out among the alerts. Dashboards take the numbers at the top from here. The YAML: see `prometheus`; what an alert
says of the addresses and reasons that hold: see `annotations`.
"""

from pathlib import Path
from typing import Any

from exporter.reasons import REASONS, Reason, Stage, Untestable
from tools.annotations import AT, DOMAIN, HOST, PORT, REASON, TARGET, asked, equals, help_of
from tools.prometheus import Alert, Inhibition, Record, RuleFile, written_files

CRITICAL_DAYS, WARNING_DAYS = 3.0, 14.0
"""Days that a certificate has left."""
CRITICAL_SHARE, WARNING_SHARE = 1 / 8, 1 / 4
"""And the share of its lifetime: a certificate of six days is not late because it has less than fourteen."""
FAILURES = 3
"""So many probes in a row fail before anybody is woken: the slack that `for` gives elsewhere."""
SLOW_GREETING = 10
"""Seconds. Postscreen waits 6, and clients 300 (RFC 5321 4.5.3.2)."""
LEFT_OUT = 0.01
"""Probes that were due and left out, as a share of those made."""
BRIDGE = "5m"
"""From a restart of the agent to its third probe of an endpoint that is probed every minute."""
SETTLES = "3m"
"""In so long the ports of a host that comes back have all been probed; less than BRIDGE, which covers a mistake."""
JOB = "smtp-exporter"
FOLDER = Path(__file__).parent.parent / "deploy/prometheus"

HOST_DOWN, PORT_DOWN, BLOCKED = "SmtpHostDown", "SmtpPortDown", "SmtpPortBlocked"
EXPIRES_SOON, OUTDATED = "SmtpCertificateExpiresSoon", "SmtpCertificateOutdated"

STAGES: dict[Stage, str] = {
    Stage.DNS: PORT_DOWN,
    Stage.CONNECT: PORT_DOWN,
    Stage.GREETING: PORT_DOWN,
    Stage.EHLO: PORT_DOWN,
    Stage.STARTTLS: "SmtpTlsBroken",
    Stage.TLS: "SmtpTlsBroken",
    Stage.CERTIFICATE: "SmtpCertificateInvalid",
    Stage.AUTH: "SmtpAuthBroken",
    Stage.POLICY: "SmtpPolicyBroken",
    Stage.EXPECTATION: "SmtpExpectationFailed",
    Stage.INTERNAL: "SmtpExporterInternalError",
}
"""The alert for a primary problem of each stage. Nothing from QUIT on is a problem."""


def stages(alert: str) -> str:
    """The stages of an alert, as a matcher wants them."""
    return "|".join(stage for stage, name in STAGES.items() if name == alert)


UNREACHABLE = stages(PORT_DOWN)
STS = "|".join(reason for reason in REASONS if reason.startswith("sts_"))
INFO, PROBLEM = "module, security, family, certificate", "stage, reason, severity, primary"

OF_HOST, OF_DOMAIN = ("job", "instance", "target", "host"), ("job", "instance", "target", "domain")
UNTESTABLE = help_of("untestable")
ON_HOST = asked("smtp_probe_problem", OF_HOST, primary="true", stage=UNREACHABLE)
OLD_ONES = asked("smtp_certificate_outdated", OF_HOST, " == 1")
DOMAIN_PROBLEMS = asked("smtp_domain_problem", OF_DOMAIN, severity="critical")
STS_PROBLEMS = asked("", (*OF_DOMAIN, "host"), __name__="smtp_domain_problem|smtp_probe_problem", reason=STS)


def of_port(name: str, summary: str, expr: str = "", unless: str = "") -> Alert:
    """An alert on primary problems of its stages, where any address of a port has one unless it says otherwise."""
    failing = f"endpoint:smtp_probe_problem:failing{{{equals('stage', stages(name))}}}"
    found = asked("smtp_probe_problem", (*OF_HOST, "port"), primary="true", stage=stages(name))
    expr = f"{expr or f'max without (address, {PROBLEM}) ({failing})'}\n{unless}"
    text = f"{PORT}: {found.each(REASON + AT)}."
    return Alert(name, "critical", expr, "2m", summary, text, BRIDGE, found.links())


def expires(severity: str, lasts: str, days: float, share: float) -> Alert:
    """A level of days left, reached only where no more than a share of the lifetime is left as well."""
    return Alert(
        EXPIRES_SOON, severity, f"""
        min without (address, port) (
          endpoint:smtp_certificate_left_seconds:trusted > 0 < {days:g} * 86400
          and endpoint:smtp_certificate_left_ratio:trusted < {share}
        )
        """, lasts, "The certificate of a mail server expires soon.",
        f"A certificate of {HOST}, or one that its path needs, expires in {{{{ $value | humanizeDuration }}}}.",
        help=help_of(Reason.CERTIFICATE_EXPIRES_SOON),
    )  # fmt: skip


ENDPOINTS = RuleFile("What an operator is woken for: a mail port that its clients cannot use.", {"": (
    Record("endpoint:smtp_probe_problem:failing",
           "1 for each endpoint that fails, with the stage and reason of its primary problem.", f"""
           smtp_probe_problem{{primary="true"}}
           and ignoring ({PROBLEM}) smtp_probe_success == 0
           and ignoring ({PROBLEM}) smtp_probe_consecutive_failures >= {FAILURES}
           """),
    Record("port:smtp_probe_success:tested",
           "Addresses of a port that could be tested, without those that are, as they should be, closed.", """
           count without (address) (smtp_probe_success unless (smtp_port_open == 0 and smtp_probe_success == 1))
           """),
    Record("port:smtp_probe_problem:unreachable",
           "Addresses of a port that cannot be reached or do not speak SMTP.", f"""
           count without (address, {PROBLEM}) (endpoint:smtp_probe_problem:failing{{stage=~"{UNREACHABLE}"}})
           """),
    Record("host:smtp_probe_problem:down",
           "How many ports of a host are down, where it has several and the last probe reached none. One failure of "
           "the others is enough: none of them is to be reported first and alone.", f"""
           count without (port) (port:smtp_probe_problem:unreachable == port:smtp_probe_success:tested)
           and count without (port) (port:smtp_probe_success:tested) > 1
           and
             count without (address, port, {PROBLEM}) (smtp_probe_problem{{primary="true",stage=~"{UNREACHABLE}"}})
             == sum without (port) (port:smtp_probe_success:tested)
           """),
    Record("port:smtp_starttls_advertised:lost",
           "0 for each port that offers STARTTLS at no address, and did within 7 days.", """
           max without (address) (
             smtp_starttls_advertised
             and ignoring (module, security, family, certificate) smtp_endpoint_info{security="starttls"}
           ) == 0
           and last_over_time(port:smtp_starttls_advertised:max_7d[@15m]) == 1
           """),
    Alert(HOST_DOWN, "critical", "host:smtp_probe_problem:down", "1m", "No port of a mail server answers.",
          f"{HOST} answers on none of its ports: {ON_HOST.each(f'{{{{ .Labels.port }}}} {REASON}{AT}', 'port')}.",
          BRIDGE, ON_HOST.links()),
    of_port(PORT_DOWN, "An SMTP port does not answer as a mail server.",
            "port:smtp_probe_problem:unreachable == port:smtp_probe_success:tested",
            f"unless ignoring (port) last_over_time(host:smtp_probe_problem:down[@{SETTLES}])"),
    Alert("SmtpAddressDown", "warning",
          "sum without (port) (port:smtp_probe_problem:unreachable < port:smtp_probe_success:tested)", "5m",
          "Some addresses of a mail server do not answer, others do.",
          f"{HOST} does not answer everywhere: "
          f"{ON_HOST.each(REASON + AT, aggregated='count by (address, reason) (%s)')}.",
          BRIDGE, ON_HOST.links()),
    of_port("SmtpTlsBroken", "A mail server answers, but TLS with it fails.",
            unless="unless port:smtp_starttls_advertised:lost"),
    of_port("SmtpCertificateInvalid", "A mail server shows a certificate that its clients do not accept."),
    of_port("SmtpAuthBroken", "Clients cannot log in at a mail server."),
    of_port("SmtpPolicyBroken", "A mail server is not as DANE or MTA-STS promise: senders that check do not deliver."),
    of_port("SmtpExpectationFailed", "A mail server works, but not as it is expected to."),
    Alert("SmtpStarttlsLost", "critical", "port:smtp_starttls_advertised:lost", "5m",
          "A mail server that offered STARTTLS does not any more.",
          f"{PORT} offered STARTTLS within the last 7 days: mail to it goes in clear now, or not at all.",
          BRIDGE, help_of(Reason.STARTTLS_WITHDRAWN)),
    Alert("SmtpGreetingSlow", "warning", f"""
          max without (address, port, stage) (
            avg_over_time(smtp_probe_stage_duration_seconds{{stage="{Stage.GREETING}"}}[@15m])
            and ignoring (stage) smtp_greeting_code
          ) > {SLOW_GREETING}
          """, "5m", "A mail server takes long to greet.",
          f"{HOST} takes {{{{ $value | humanizeDuration }}}} to greet, in the mean of 15 minutes.", BRIDGE),
), "5m": (
    Record("port:smtp_starttls_advertised:max_5m",
           "Whether any address of a port offered STARTTLS in 5 minutes, and was not forbidden to.", f"""
           max without (address) (
             max_over_time(smtp_starttls_advertised[@5m])
             unless ignoring ({PROBLEM})
               max_over_time(smtp_probe_problem{{reason="{Reason.STARTTLS_FORBIDDEN}"}}[@5m])
           )
           """),
    Record("port:smtp_starttls_advertised:max_7d", "And in 7 days, whenever the agent was restarted.",
           "max_over_time(port:smtp_starttls_advertised:max_5m[7d])"),
)})  # fmt: skip

CERTIFICATES = RuleFile(
    "Certificates that run out, where a trusted one is expected, and renewed ones that are not loaded. One that has "
    "expired is SmtpCertificateInvalid, and no longer here. One alert a host: its ports mostly share a certificate.",
    {"": (
        Record("endpoint:smtp_certificate_left_seconds:trusted",
               "What is left of the certificate, and of its path where that is valid. Probes of the last hour that did "
               "not come so far leave no gap.", f"""
               (
                   last_over_time(smtp_certificate_chain_not_after_timestamp_seconds[1h])
                   and last_over_time(smtp_certificate_valid[1h]) == 1
                 or last_over_time(smtp_certificate_not_after_timestamp_seconds[1h])
               ) - time()
               and ignoring ({INFO}) last_over_time(smtp_endpoint_info{{certificate="trusted"}}[1h])
               """),
        Record("endpoint:smtp_certificate_left_ratio:trusted", "The same as a share of the certificate's lifetime.", """
               endpoint:smtp_certificate_left_seconds:trusted
               / (
                 last_over_time(smtp_certificate_not_after_timestamp_seconds[1h])
                 - last_over_time(smtp_certificate_not_before_timestamp_seconds[1h])
               )
               """),
        expires("warning", "1h", WARNING_DAYS, WARNING_SHARE),
        expires("critical", "10m", CRITICAL_DAYS, CRITICAL_SHARE),
        Alert(OUTDATED, "warning", f"""
              max without (address, port) (
                smtp_certificate_outdated == 1
                unless ignoring ({PROBLEM}) endpoint:smtp_probe_problem:failing{{stage="{Stage.CERTIFICATE}"}}
              )
              """, "1h", "A renewed certificate is not loaded everywhere.",
              f"{HOST} still serves the old one on {OLD_ONES.each('{{ .Labels.port }}' + AT, 'port')}.",
              BRIDGE, help_of(Reason.CERTIFICATE_OUTDATED)),
    )})  # fmt: skip

DOMAINS = RuleFile("Mail domains: what is wrong with them, rather than with one of their mail servers.", {"": (
    Alert("SmtpDomainBroken", "critical", """
          smtp_domain_success == 0
          unless on (job, instance, target, domain) (
            smtp_domain_mx_info and on (job, instance, target, host) endpoint:smtp_probe_problem:failing
            unless on (job, instance, target, domain) smtp_domain_problem{severity="critical"}
          )
          """, "15m", "A domain cannot receive mail.",
          f"No mail reaches {DOMAIN}: {DOMAIN_PROBLEMS.reasons()}"
          f"{DOMAIN_PROBLEMS.otherwise('none of its MX hosts works')}.", "15m", DOMAIN_PROBLEMS.links()),
    Alert("SmtpMtaStsBroken", "warning", f"""
          max without (stage, reason, severity) (smtp_domain_problem{{reason=~"{STS}",severity="warning"}})
          or max without (address, port, {PROBLEM}) (smtp_probe_problem{{reason=~"{STS}",severity="warning"}})
          """, "1h", "The MTA-STS policy of a domain is not in order.",
          f"{{{{ or $labels.domain $labels.host }}}} {TARGET}: {STS_PROBLEMS.reasons()}.", "15m", STS_PROBLEMS.links()),
)})  # fmt: skip

AGENT = RuleFile("The agent itself: while one of these holds, silence of the other rules may mean nothing.", {"": (
    Alert("SmtpExporterAbsent", "critical", f'up{{job="{JOB}"}} == 0 or absent(up{{job="{JOB}"}})', "5m",
          "Prometheus cannot scrape smtp-exporter.",
          "{{ with $labels.instance }}{{ . }} does not answer{{ else }}No smtp-exporter is known to Prometheus{{ end }}"
          ": no mail server is watched by it."),
    Alert(BLOCKED, "warning", """
          min without (family) (smtp_egress_port_blocked) == 1
          or
            smtp_egress_port_blocked == 1
            unless ignoring (family) min without (family) (smtp_egress_port_blocked) == 1
          """, "10m", "An SMTP port looks blocked on the way out from smtp-exporter.",
          "{{ $labels.instance }} reaches no mail server on port {{ $labels.port }}"
          "{{ with $labels.family }} over {{ . }}{{ end }}: it cannot watch that port.", "10m", UNTESTABLE),
    Alert("SmtpUntestable", "warning", f"""
          count by (job, instance, reason) (
            max without (address) (smtp_probe_untestable{{reason!="{Untestable.EGRESS_BLOCKED}"}})
            unless ignoring (reason) port:smtp_probe_success:tested
            unless ignoring (reason)
              max without (address, reason) (smtp_probe_untestable{{reason="{Untestable.EGRESS_BLOCKED}"}})
          )
          """, "1h", "Some ports could not be tested for an hour.",
          "{{ $labels.instance }} can test no address of some ports: {{ $labels.reason }}. How many: {{ $value }}.",
          "10m", UNTESTABLE),
    Alert("SmtpResultsStale", "warning",
          "count by (job, instance) (smtp_probe_last_timestamp_seconds unless smtp_probe_duration_seconds)", "5m",
          "Some endpoints are no longer probed.",
          "{{ $labels.instance }} has no recent result of some endpoints. How many: {{ $value }}."),
    Alert("SmtpExporterReloadFailed", "warning", "smtp_exporter_config_last_reload_successful == 0", "5m",
          "The configuration of smtp-exporter could not be reloaded.",
          "{{ $labels.instance }} keeps the previous configuration: changes made since are not in force."),
    Alert("SmtpExporterBehindSchedule", "warning", f"""
          rate(smtp_exporter_probe_overruns_total[@15m])
          / on (job, instance) sum by (job, instance) (rate(smtp_probes_total[@15m]))
          > {LEFT_OUT}
          """, "15m", "smtp-exporter does not keep to its schedule.",
          "{{ $labels.instance }} leaves out probes that are due, because those before still run or wait: "
          "{{ $value | humanizePercentage }} of those it makes."),
    Alert(STAGES[Stage.INTERNAL], "warning", "increase(smtp_exporter_internal_errors_total[1h]) > 0", "1m",
          "smtp-exporter met a mistake of its own.",
          "{{ $labels.instance }} found errors of its own; a probe that ends so says nothing about the mail server. "
          "How many in an hour: {{ $value | printf `%.0f` }}.", help=help_of(Reason.INTERNAL_ERROR)),
)})  # fmt: skip

RULES = {"endpoints": ENDPOINTS, "certificates": CERTIFICATES, "domains": DOMAINS, "agent": AGENT}

INHIBITIONS = (
    Inhibition("What a blocked port explains. It has a label `family` only where the other family is open; a port that "
               "is down has none.",
               (f"alertname = {BLOCKED}",), (f"alertname = {PORT_DOWN}",), ("job", "instance", "port", "family")),
    Inhibition("While no port of a host answers, nothing else about it matters.",
               (f"alertname = {HOST_DOWN}",), (f"alertname != {HOST_DOWN}",), OF_HOST),
    Inhibition("A renewed certificate that is not loaded is why the old one runs out.",
               (f"alertname = {OUTDATED}",), (f"alertname = {EXPIRES_SOON}", "severity = warning"), OF_HOST),
    Inhibition("Of two levels the higher one.",
               ("severity = critical",), ("severity = warning",), ("alertname", *OF_HOST)),
)  # fmt: skip


def files(**options: Any) -> dict[str, str]:
    """The files by their names in deploy/prometheus; the options are those of `written_files`."""
    return written_files(RULES, INHIBITIONS, JOB, **options)


if __name__ == "__main__":
    for name, text in files().items():
        (FOLDER / name).write_text(text, "utf-8")
