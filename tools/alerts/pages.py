"""Pages: a port, a host or a domain that its clients cannot use. One incident is one page.

A port that fails is a page whatever the stages: `SmtpPortDown` and its siblings say at which stage it fails, and
`SmtpPortFailing` that the stages differ. Of a host of which no port answers, the host is told; of a domain that gets
no mail, the domain and not its MX hosts; of many at once, their number.
"""

from exporter.reasons import Reason
from tools.alerts.incidents import AGENTS, EXPLAINED
from tools.alerts.states import (
    AGENT,
    INFO,
    MX,
    OFFERED,
    OVERWRITTEN,
    PORT_FAILING,
)
from tools.alerts.thresholds import (
    ALERTS_BY_FAILURE,
    DOMAIN_BROKEN,
    HOST_DOWN,
    KEPT,
    MANY_DOMAINS_BROKEN,
    MANY_HOSTS_DOWN,
    MIXED,
    UNREACHABLE,
)
from tools.alerts.thresholds import PORT_FAILING as PORT_FAILING_ALERT
from tools.annotations import (
    AT,
    AT_PORT,
    DOMAIN,
    HOST,
    OF_AGENT,
    OF_AGENT_LINKS,
    OF_DOMAIN,
    OF_DOMAIN_LINKS,
    OF_HOST,
    OF_HOST_LINKS,
    OF_PORT_LINKS,
    PORT,
    REASON,
    Asked,
    asked,
    help_of,
)
from tools.prometheus import Alert, Record

LOST = "port:smtp_starttls_advertised:lost"
ON_PORT = asked("smtp_probe_problem", (*OF_HOST, "port"), primary="true")
ON_HOST = asked("smtp_probe_problem", OF_HOST, primary="true")
NO_RESULT = "no failing probe now"
DOMAIN_PROBLEMS = asked("smtp_domain_problem", OF_DOMAIN, severity="critical")
MX_PROBLEMS = Asked(
    f'smtp_probe_problem{{primary="true"}} and on ({AGENT}, target, host) '
    f"smtp_domain_mx_info{{{','.join(f'{name}=%q' for name in OF_DOMAIN)}}}",
    OF_DOMAIN,
)
WHY_DOMAIN = Asked(f"{DOMAIN_PROBLEMS.query} or {MX_PROBLEMS.query}", (*DOMAIN_PROBLEMS.labels, *MX_PROBLEMS.labels))
FAILING_HOSTS = asked(AGENTS["host:candidates"], OF_AGENT)
FAILING_MX = asked(EXPLAINED, OF_AGENT)
FAILING_DOMAINS = asked(AGENTS["domain:open"], OF_AGENT)

SUMMARIES = {
    UNREACHABLE: "does not answer as a mail server",
    "tls": "answers, but TLS with it fails",
    "certificate": "shows a certificate that its clients do not accept",
    "auth": "does not let clients log in",
    "policy": "breaks its DANE or MTA-STS policy: senders that check do not deliver",
    "expectation": "does not meet what is expected of it",
}


def _of_port(name: str, mode: str, summary: str) -> Alert:
    text = f"{PORT}: {ON_PORT.each(REASON + AT)}{ON_PORT.otherwise(NO_RESULT)}."
    lost = f" unless {LOST}" if mode == "tls" else ""
    expr = f'max without (mode) ({AGENTS["port:page"]}{{mode="{mode}"}}){lost}'
    return Alert(name, "critical", expr, "", f"{AT_PORT} {summary}.", text, ON_PORT.links(), OF_PORT_LINKS)


STARTTLS = (
    Record(LOST, "0 for each port that offers STARTTLS at no address, and did within 7 days.", f"""
           max without (address) (smtp_starttls_advertised) == 0
           and ignoring (address, {INFO}) smtp_endpoint_info{{security="starttls"}}
           and last_over_time({OFFERED}[@15m]) > time() - @@7d
           """),
    Alert("SmtpStarttlsLost", "critical", f"""
          {LOST}
          unless ({PORT_FAILING} and on ({AGENT}, target, host) {MX})
          {OVERWRITTEN}
          """, "2m", f"{AT_PORT} does not offer STARTTLS any more.",
          f"{PORT} offered STARTTLS within the last 7 days: mail to it goes in clear now, or not at all.",
          help_of(Reason.STARTTLS_WITHDRAWN), OF_PORT_LINKS, keeps=KEPT),
)  # fmt: skip

PORTS_AND_HOSTS = (
    Alert(HOST_DOWN, "critical", AGENTS["host:page"], "", "{{ $labels.host }} is down: no port of it answers.",
          f"{HOST}: {ON_HOST.each(f'{{{{ .Labels.port }}}} {REASON}{AT}', 'port')}{ON_HOST.otherwise(NO_RESULT)}.",
          ON_HOST.links(), OF_HOST_LINKS),
    *(_of_port(ALERTS_BY_FAILURE[mode], mode, summary) for mode, summary in SUMMARIES.items()),
    _of_port(PORT_FAILING_ALERT, MIXED, "fails, and not always in the same way"),
    Alert(MANY_HOSTS_DOWN, "critical", AGENTS.many_hosts, "",
          "{{ $value }} mail servers fail at the same time.",
          "{{ $labels.instance }} sees a network or a provider fail, rather than single servers: "
          f"{FAILING_HOSTS.names('host')}.", links=OF_AGENT_LINKS),
)  # fmt: skip

DOMAINS = (
    Alert(DOMAIN_BROKEN, "critical", AGENTS["domain:page"], "1m", "{{ $labels.domain }} gets no mail.",
          f"No mail reaches {DOMAIN}: {DOMAIN_PROBLEMS.reasons()}"
          f"{DOMAIN_PROBLEMS.otherwise('none of its MX hosts works')}. MX hosts: "
          f"{MX_PROBLEMS.each(f'{{{{ .Labels.host }}}} {REASON}{AT}', 'host')}{MX_PROBLEMS.otherwise(NO_RESULT)}.",
          WHY_DOMAIN.links(), OF_DOMAIN_LINKS),
    Alert(MANY_DOMAINS_BROKEN, "critical", AGENTS.many_domains, "", "{{ $value }} domains get no mail.",
          f"No mail reaches {FAILING_DOMAINS.names('domain')}. Their MX hosts that fail: {FAILING_MX.names('host')}"
          f"{FAILING_MX.otherwise('none')}.", links=OF_AGENT_LINKS),
)  # fmt: skip
