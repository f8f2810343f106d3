"""Tickets: what works and is about to fail, fails now and then, or fails where others take over."""

from exporter.reasons import Stage
from tools.alerts.incidents import EXPLAINED
from tools.alerts.pages import NO_RESULT, ON_HOST
from tools.alerts.states import (
    AGENT,
    BLIND,
    ENDPOINT_FAILING,
    HOST_DOWN,
    MX,
    OVERWRITTEN,
    PARTLY_DOWN,
    PORT_FAILING,
    PORT_INCIDENT,
    PROBLEM,
    TESTED,
)
from tools.alerts.thresholds import (
    FAILURE_RATE,
    FAILURES,
    KEPT,
    MX_HOST_DOWN,
    SLOW_GREETING_SECONDS,
    STS,
    TICKETS,
    UNRESOLVED,
)
from tools.annotations import (
    AT,
    AT_PORT,
    HOST,
    OF_DOMAIN,
    OF_EITHER_LINKS,
    OF_HOST,
    OF_HOST_LINKS,
    OF_PORT_LINKS,
    PORT,
    REASON,
    TARGET,
    Asked,
    asked,
)
from tools.prometheus import Alert, Record

FAILED, PROBED = "port:smtp_probe_failures:increase30m", "port:smtp_probes:increase30m"
WARNS = "{{ with .Labels.port }}port {{ . }} {{ end }}{{ .Labels.reason }}"
EITHER = (*OF_DOMAIN, "host")
"""Labels of an alert on a host or on a domain."""
HOST_OR_DOMAIN = "{{ or $labels.domain $labels.host }}"
AT_HOST_OR_DOMAIN = f"{HOST_OR_DOMAIN} {TARGET}"
OF_DOMAIN_OR_HOST = "smtp_domain_problem|smtp_probe_problem"


def _problems(reasons: str) -> Asked:
    """The problems of severity warning of a host or a domain."""
    return asked("", EITHER, __name__=OF_DOMAIN_OR_HOST, severity="warning", reason=reasons)


def _warns(reasons: str) -> str:
    """Hosts and domains that have one of these problems; what stopped an untestable probe is none."""
    return f"""
        (
            max without (stage, reason, severity) (smtp_domain_problem{{reason=~"{reasons}",severity="warning"}})
          or
            max without (address, port, {PROBLEM}) (
              smtp_probe_problem{{reason=~"{reasons}",severity="warning"}}
              unless ignoring ({PROBLEM}, reason) max without (reason) (smtp_probe_untestable)
            )
        )
        {OVERWRITTEN}
        """


def _increase(family: str) -> str:
    return f"sum without (address) (increase({family}[@30m]))"


UNRESOLVED_PROBLEMS, STS_PROBLEMS, WARNINGS = map(_problems, ("|".join(UNRESOLVED), STS, TICKETS))
PARTIAL = asked("smtp_probe_problem", OF_HOST, primary="true")

TICKET_ALERTS = (
    Alert("SmtpAddressDown", "warning", f"""
          last_over_time({PARTLY_DOWN}[@15m]) unless last_over_time({HOST_DOWN}[@{KEPT}])
          {OVERWRITTEN}
          """, "5m", "{{ $labels.host }} does not answer at some of its addresses.",
          f"{HOST} does not answer everywhere: "
          f"{PARTIAL.each(REASON + AT, aggregated='count by (address, reason) (%s)')}{PARTIAL.otherwise(NO_RESULT)}.",
          PARTIAL.links(), OF_HOST_LINKS),
    Alert(MX_HOST_DOWN, "warning", f"""
          max without (port) (
            {PORT_INCIDENT} and on ({AGENT}, target, host) {MX}
            unless on ({AGENT}, host, port) last_over_time({EXPLAINED}[@{KEPT}])
          )
          {OVERWRITTEN}
          """, "2m", "MX host {{ $labels.host }} takes no mail; others do.",
          f"{HOST} is one of several MX hosts: {ON_HOST.each(REASON + AT)}{ON_HOST.otherwise(NO_RESULT)}. Mail still "
          "arrives at the others.",
          ON_HOST.links(), OF_HOST_LINKS),
    Alert("SmtpNameUnresolved", "warning", _warns("|".join(UNRESOLVED)), "10m",
          f"{HOST_OR_DOMAIN} cannot be resolved.",
          f"{AT_HOST_OR_DOMAIN}: {UNRESOLVED_PROBLEMS.reasons()}. The agent still probes the addresses that it knew; "
          "nobody else can resolve the name.", UNRESOLVED_PROBLEMS.links(), OF_EITHER_LINKS, keeps=KEPT),
    Alert("SmtpMtaStsBroken", "warning", _warns(STS), "1h", f"The MTA-STS policy of {HOST_OR_DOMAIN} is not in order.",
          f"{AT_HOST_OR_DOMAIN}: {STS_PROBLEMS.reasons()}.", STS_PROBLEMS.links(), OF_EITHER_LINKS, keeps="15m"),
    Alert("SmtpWarning", "warning", _warns(TICKETS), "30m", f"{HOST_OR_DOMAIN} works, with a problem.",
          f"{AT_HOST_OR_DOMAIN}: {WARNINGS.each(WARNS, 'reason', aggregated='count by (port, reason) (%s)')}.",
          WARNINGS.links(), OF_EITHER_LINKS, keeps="15m"),
)  # fmt: skip

FAILURE_RATES = (
    Record(FAILED, "Failed probes of a port in 30 minutes, where there are any.",
           _increase("smtp_probe_failures_total") + " > 0"),
    Record(PROBED, "Probes of these ports in 30 minutes that could be tested.", f"""
           {_increase("smtp_probes_total")}
           - (
             {_increase("smtp_probes_untestable_total")} > 0
             or 0 * ({FAILED} and ignoring (address) smtp_probe_success)
           )
           """),
    Alert("SmtpProbesFailing", "warning", f"""
          {FAILED} / {PROBED} > {FAILURE_RATE} and {FAILED} > 1.5
          and ignoring (address) smtp_probe_success offset @15m
          unless count without (address) (smtp_probe_consecutive_failures >= {FAILURES - 1}) == {TESTED}
          unless max without (address, {PROBLEM}) (last_over_time(smtp_probe_problem{{stage="{Stage.INTERNAL}"}}[@30m]))
          unless max without (address, {PROBLEM}, mode) (last_over_time({ENDPOINT_FAILING}[@30m]))
          unless last_over_time({PORT_FAILING}[@30m])
          unless on ({AGENT}) last_over_time({BLIND}[@30m])
          {OVERWRITTEN}
          """, "", f"{AT_PORT} fails more than one probe in five.",
          f"{PORT} failed {{{{ $value | humanizePercentage }}}} of its probes in 30 minutes, and worked in between. "
          "Its last failures are on the agent's page.", links=OF_PORT_LINKS, keeps=KEPT),
    Alert("SmtpGreetingSlow", "warning", f"""
          max without (address, stage) (
            avg_over_time(smtp_probe_stage_duration_seconds{{stage="{Stage.GREETING}"}}[@15m]) > {SLOW_GREETING_SECONDS}
            and ignoring (stage) smtp_greeting_code
          )
          {OVERWRITTEN}
          """, "5m", f"{AT_PORT} greets slowly.",
          f"{PORT} takes {{{{ $value | humanizeDuration }}}} to greet, on average over 15 minutes.",
          links=OF_PORT_LINKS, keeps="5m"),
)  # fmt: skip
