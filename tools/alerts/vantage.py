"""Optional: several agents watch the same endpoints from several places (label `vantage`), and decide together.

A vantage point votes on a port, a host or a domain that an agent there has a result of: 1 where it fails (for ports:
three probes in a row), 0 where it does not. Those that are blind, blocked or cannot test it do not vote; one without
results keeps its vote for `SILENT_EVALUATIONS` if it was 1. A port is down where more than half of those that vote, and
at least two, say so. Where fewer than two vote nothing is decided: what was down stays so until one says that it works,
and what is new is left to the alerts of single agents.

Labels that differ from place to place, but for job, instance and vantage, make separate votes.
"""

from tools.alerts.incidents import LEVELS, VANTAGES, incidents
from tools.alerts.states import AGENT, DOMAIN_DOWN, FAILED, HOST_DOWN, PORT_FAILING
from tools.alerts.thresholds import (
    KEPT,
    SILENT_EVALUATIONS,
    VANTAGE_ALONE,
    VANTAGE_DISAGREES,
    VANTAGE_DISAGREES_ON_DOMAIN,
    VANTAGE_DOMAIN_BROKEN,
    VANTAGE_HOST_DOWN,
    VANTAGE_MANY_DOMAINS_BROKEN,
    VANTAGE_MANY_HOSTS_DOWN,
    VANTAGE_PORT_DOWN,
)
from tools.annotations import (
    AT,
    AT_PORT,
    DOMAIN,
    HOST,
    OF_DOMAIN_LINKS,
    OF_HOST_LINKS,
    OF_PORT_LINKS,
    PORT,
    REASON,
    Asked,
    asked,
)
from tools.prometheus import Alert, Record

FAILS = {"port": PORT_FAILING, "host": HOST_DOWN, "domain": DOMAIN_DOWN}
HERE = 'smtp_probe_success{vantage!=""}'
HAS_RESULT = {
    "port": f"max without (address) ({HERE})",
    "host": f"max without (address, port) ({HERE} unless (smtp_port_open == 0 unless {FAILED}))",
    "domain": 'smtp_domain_success{vantage!=""}',
}
VOTE = {level: f"{level}:smtp_vantage:vote" for level in LEVELS}
FROM = " from {{ .Labels.vantage }}"
BY_PORT = f"{{{{ .Labels.port }}}} {REASON}{AT} from {{{{ .Value }}}}"


def _of(*labels: str) -> tuple[str, ...]:
    return ("cluster", "target", *labels)


def _problems(family: str, *labels: str, **matchers: str) -> Asked:
    """Ask for the problems that the vantage points report."""
    found = asked(family, _of(*labels), **matchers)
    return Asked(f'{found.query[:-1]},vantage!=""}}', found.labels)


def _works(level: str, *labels: str) -> str:
    """Name those from which it works."""
    works = asked(VOTE[level], _of(*labels), " == 0")
    return f"; it works from: {works.names('vantage')}{works.otherwise('none')}"


ON_PORT = _problems("smtp_probe_problem", "host", "port", primary="true")
ON_HOST = _problems("smtp_probe_problem", "host", primary="true")
ON_DOMAIN = _problems("smtp_domain_problem", "domain", severity="critical")
FAILING_HOSTS, FAILING_DOMAINS = (asked(VANTAGES[name], ("cluster",)) for name in ("host:candidates", "domain:open"))
ALONE_HOSTS = asked("port:smtp_vantage:alone", ("cluster", "vantage"))
NO_RESULT = "no failing probe now"
SHARE = "Of the vantage points that can tell, {{ $value | humanizePercentage }} see it fail."


def _vote(level: str) -> Record:
    fails, has_result = f'{FAILS[level]}{{vantage!=""}}', HAS_RESULT[level]
    return Record(
        VOTE[level], f"For each vantage point that can tell, 1 where a {level} fails from there, and 0 where not.", f"""
        min without (job, instance) (
          (
              ({fails} < {SILENT_EVALUATIONS} or {fails} >= {SILENT_EVALUATIONS} and {has_result}) >= bool 0
            or 0 * {has_result}
          )
          unless on ({AGENT}) (agent:smtp_endpoints:blind or agent:smtp_labels:overwritten)
        )
        """,
    )  # fmt: skip


def _down(level: str) -> Record:
    down, vote = VANTAGES.failing[level], VOTE[level]
    return Record(
        down, f"Each {level} that fails from more than half of those that vote, and from at least two.", f"""
        (avg without (vantage) ({vote}) > 0.5 and sum without (vantage) ({vote}) >= 2) >= bool 0
        or
          last_over_time({down}[@5m]) and max without (job, instance, vantage) ({FAILS[level]}{{vantage!=""}})
          unless (min without (vantage) ({vote}) == 0 or count without (vantage) ({vote}) >= 2)
        """,
    )  # fmt: skip


def _decided(level: str) -> Record:
    return Record(VANTAGES[f"{level}:decided"], f"Each {level} on which at least two vote, or that is down.", f"""
        count without (vantage) ({VOTE[level]}) >= 2 or last_over_time({VANTAGES.failing[level]}[@{KEPT}])
        """)  # fmt: skip


def _disagree(level: str) -> str:
    """Where some fail and others do not, and no page says so."""
    return f"""
          avg without (vantage) ({VOTE[level]}) > 0 < 1
          unless last_over_time({VANTAGES.failing[level]}[@{KEPT}])"""


VANTAGE = (
    *(make(level) for level in LEVELS for make in (_vote, _down, _decided)),
    *incidents(VANTAGES),
    Record("port:smtp_vantage:alone", "Ports on which only one vantage point votes, which is not enough.", f"""
           {VOTE["port"]}
           and ignoring (vantage) (
             count without (vantage) ({VOTE["port"]}) == 1 unless {VANTAGES["port:decided"]}
           )
           """),
    Alert(VANTAGE_HOST_DOWN, "critical", VANTAGES["host:page"], "",
          "{{ $labels.host }} is down, seen from most vantage points.",
          f"{HOST}: {ON_HOST.each(BY_PORT, 'port', aggregated='count by (port, address, reason) (%s)')}"
          f"{ON_HOST.otherwise(NO_RESULT)}"
          f"{_works('host', 'host')}.", ON_HOST.links(), OF_HOST_LINKS.of_each(ON_HOST)),
    Alert(VANTAGE_PORT_DOWN, "critical", VANTAGES["port:page"], "",
          f"{AT_PORT} fails, seen from most vantage points.",
          f"{PORT}: {ON_PORT.each(REASON + AT + FROM, 'vantage')}{ON_PORT.otherwise(NO_RESULT)}"
          f"{_works('port', 'host', 'port')}.", ON_PORT.links(), OF_PORT_LINKS.of_each(ON_PORT)),
    Alert(VANTAGE_DOMAIN_BROKEN, "critical", VANTAGES["domain:page"], "1m",
          "{{ $labels.domain }} gets no mail, seen from most vantage points.",
          f"No mail reaches {DOMAIN}: {ON_DOMAIN.each(REASON + FROM, 'vantage')}"
          f"{ON_DOMAIN.otherwise('none of its MX hosts works')}{_works('domain', 'domain')}.",
          ON_DOMAIN.links(), OF_DOMAIN_LINKS.of_each(ON_DOMAIN)),
    Alert(VANTAGE_MANY_HOSTS_DOWN, "critical", VANTAGES.many_hosts, "",
          "{{ $value }} mail servers fail at the same time, seen from most vantage points.",
          "A network or a provider fails, rather than single servers"
          f"{{{{ with $labels.cluster }}}} of {{{{ . }}}}{{{{ end }}}}: {FAILING_HOSTS.names('host')}."),
    Alert(VANTAGE_MANY_DOMAINS_BROKEN, "critical", VANTAGES.many_domains, "",
          "{{ $value }} domains get no mail, seen from most vantage points.",
          "One cause is behind them, or a list has many dead domains"
          f"{{{{ with $labels.cluster }}}} ({{{{ . }}}}){{{{ end }}}}: {FAILING_DOMAINS.names('domain')}."),
    Alert(VANTAGE_DISAGREES, "warning", f"""
          {_disagree("port")}
          unless ignoring (port) last_over_time({VANTAGES.failing["host"]}[@{KEPT}])
          """, "5m", f"{AT_PORT} fails from some vantage points, not from most.",
          f"{PORT}: {ON_PORT.each(REASON + AT + FROM, 'vantage')}{ON_PORT.otherwise(NO_RESULT)}. {SHARE}",
          ON_PORT.links(), OF_PORT_LINKS.of_each(ON_PORT), keeps=KEPT),
    Alert(VANTAGE_DISAGREES_ON_DOMAIN, "warning", _disagree("domain"), "5m",
          "{{ $labels.domain }} fails from some vantage points, not from most.",
          f"{DOMAIN}: {ON_DOMAIN.each(REASON + FROM, 'vantage')}"
          f"{ON_DOMAIN.otherwise('none of its MX hosts works')}. {SHARE}",
          ON_DOMAIN.links(), OF_DOMAIN_LINKS.of_each(ON_DOMAIN), keeps=KEPT),
    Alert(VANTAGE_ALONE, "warning", "count by (cluster, vantage) (port:smtp_vantage:alone)", "15m",
          "{{ $value }} ports are seen from {{ $labels.vantage }} alone.",
          "The other vantage points are gone, blind, or cannot test them, or their labels differ. Until two can tell, "
          "the alerts of single agents hold for these hosts: "
          f"{ALONE_HOSTS.names('host')}.", keeps="5m"),
)  # fmt: skip
