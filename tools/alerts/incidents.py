"""Recording rules: which failing ports, hosts and domains are pages of their own. One incident is one page.

Each agent judges for itself (`AGENTS`), and where several vantage points watch the same port, they do so together
(`VANTAGES`, printed to the optional rules): each is a `View` of the same rules. What the vantage points decide, their
agents leave to them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from tools.alerts.states import (
    AGENT,
    BLIND,
    DOMAIN_DOWN,
    GOOD,
    HOST_DOWN,
    MX,
    OVERWRITTEN,
    PORT_FAILING,
    PORT_FAILURES,
    PORT_INCIDENT,
    SELDOM,
    UNREACHABLE_HOSTS,
)
from tools.alerts.thresholds import (
    KEPT,
    LONG_KEPT,
    MANY_DOMAINS,
    MANY_HOSTS,
    MIXED,
    SETTLED,
    UNREACHABLE,
)
from tools.prometheus import Record

LEVELS = {"port": "target, host, port", "host": "target, host", "domain": "target, domain"}
"""The labels of each level."""
BLOCKED_NOW = f"unless on ({AGENT}, port) min without (family) (smtp_egress_port_blocked) == 1"


@dataclass(frozen=True, slots=True)
class View:
    """Who judges: an agent by itself, or the vantage points together.

    Args:
        who: the level of what they count over all hosts.
        labels: those that tell one from another.
        kind: the middle part of the names of the records.
        failing: what fails for them, by level.
        incidents: the same, and for a while after; %s stands for matchers.
        trusts: what leaves out those whose labels are not their own.
        unblocked: what leaves out ports that are blocked for them.
        blind: the record of those who see nothing: that is told instead.
        defers_to: the kind of the records of those who decide in their place.
        port_page: what the record of the ports that are a page is called.
        up: whether their agents can be scraped.
        unreachable: the record of the hosts that are about to be down, which is told instead of their ports.
    """

    who: str
    labels: str
    kind: str
    failing: Mapping[str, str]
    incidents: Mapping[str, str]
    trusts: str = ""
    unblocked: str = ""
    blind: str = ""
    defers_to: str = ""
    port_page: str = "page"
    up: str = "up"
    unreachable: str = ""

    def __getitem__(self, name: str) -> str:
        """The name of a record: `self["port:page"]`."""
        level, what = name.split(":")
        return f"{level}:{self.kind}:{what}"

    def open(self, level: str) -> str:
        """What fails or did a while ago, but for what others decide on."""
        incident = self.incidents[level]
        if not self.defers_to:
            return incident % ""
        decided = f"on (cluster, {LEVELS[level]}) {level}:{self.defers_to}:decided"
        return f"""
            {incident % ""}
            unless ({incident % '{vantage!=""}'} and {decided})"""

    def told_by_another(self, level: str, page: str, many: str) -> str:
        """What needs no page of its own: many fail at once, or they see nothing. But what was a page stays it."""
        incident = self[f"{level}:open"]
        ended = f"({incident} unless {self.failing[level]})"
        blind = f"""
                   or {incident} and on ({self.labels}) last_over_time({self.blind}[@6m])
                   or {ended} and on ({self.labels}) last_over_time({self.blind}[@15m])"""
        soon = f"or {incident} and ignoring (port) {self.unreachable} == 1"
        return f"""unless (
                 (
                   {incident} and ignoring ({LEVELS[level]}) last_over_time({many}[@3m])
                   {blind if self.blind else ""}
                   {soon if self.unreachable and level == "port" else ""}
                 )
                 unless last_over_time({page}[@5m])
               )"""

    @property
    def many_hosts(self) -> str:
        """How many hosts fail at once."""
        return self[f"{self.who}:many_hosts"]

    @property
    def many_domains(self) -> str:
        """How many domains fail at once."""
        return self[f"{self.who}:many_domains"]


AGENTS = View(
    "agent", AGENT, "smtp_incident", {"port": PORT_FAILING, "host": HOST_DOWN, "domain": DOMAIN_DOWN},
    {"port": f"{PORT_INCIDENT}%s", "host": f"last_over_time({HOST_DOWN}%s[@{KEPT}])",
     "domain": f"last_over_time({DOMAIN_DOWN}%s[@{KEPT}])"},
    OVERWRITTEN, BLOCKED_NOW, BLIND, "smtp_vantage", "to_tell", unreachable=UNREACHABLE_HOSTS,
)  # fmt: skip
DECIDED_DOWN = {level: f"{level}:smtp_vantage:down" for level in LEVELS}
VANTAGES = View("cluster", "cluster", "smtp_vantage", DECIDED_DOWN, {
    **{level: f"last_over_time({down}%s[@{KEPT}])" for level, down in DECIDED_DOWN.items()},
    "port": f"""
            last_over_time({DECIDED_DOWN["port"]}%s[@{KEPT}])
            or
              last_over_time({DECIDED_DOWN["port"]}[@{LONG_KEPT}])
              and max without (job, instance, vantage) (last_over_time({SELDOM}[@{LONG_KEPT}]))""",
}, up='agent:up:max{vantage!=""}')  # fmt: skip
EXPLAINED = AGENTS["port:explained_by_domain"]


def incidents(view: View) -> tuple[Record, ...]:
    """The records of a view, in the order in which they build on each other."""
    port, host, domain = (view[f"{level}:open"] for level in LEVELS)
    explained, candidates = view["port:explained_by_domain"], view["host:candidates"]
    pages = {"port": view[f"port:{view.port_page}"], "host": view["host:page"], "domain": view["domain:page"]}
    return (
        Record(explained, "Ports that fail as the MX hosts of a domain that gets no mail, for whatever target.", f"""
               max by ({view.labels}, host, port) (
                 ({view.failing["port"]} or {GOOD} == 0) and on ({view.labels}, target, host) (
                   smtp_domain_mx_info and on ({view.labels}, target, domain) {view.failing["domain"]}
                 )
               )
               or last_over_time({explained}[@5m]) and on ({view.labels}, host, port) {view.failing["port"]}
                  unless on ({view.labels}) {view.up} == 1
               """),
        *(Record(view[f"{level}:open"], f"Failures of a {level} that are not over for {KEPT}.", view.open(level))
          for level in LEVELS),
        Record(candidates, "Hosts with something that a page could be about.", f"""
               (
                   {host}
                 or max without (port) (
                   {port} unless on ({view.labels}, host, port) last_over_time({explained}[@{KEPT}])
                 )
               )
               unless on ({view.labels}, target, host) {MX}
               {view.trusts}
               """),
        Record(view.many_hosts, f"How many hosts fail, from {MANY_HOSTS} on: one network, not each.", f"""
               count without (host) (max without (target) ({candidates})) >= {MANY_HOSTS}
               """),
        Record(view.many_domains, f"How many domains get no mail, from {MANY_DOMAINS} on.", f"""
               count without (domain) (
                 max without (target) (
                   {domain}
                   {view.trusts}
                 )
               ) >= {MANY_DOMAINS}
               """),
        Record(pages["host"], "Hosts that are a page of their own; once they are, they stay it.", f"""
               {host} and {candidates}
               unless on ({view.labels}, host) last_over_time({explained}[@{KEPT}])
               {view.told_by_another("host", pages["host"], view.many_hosts)}
               """),
        Record(pages["port"],
               "Ports that are a page of their own; once they are, they stay it. Their host's other ports have a "
               "minute to be probed.", f"""
               {port} and {port} offset @30s
               unless on ({view.labels}, target, host) {MX}
               unless on ({view.labels}, host, port) last_over_time({explained}[@{KEPT}])
               unless ignoring (port) last_over_time({view.failing["host"]}[@{SETTLED}])
               {view.unblocked}
               {view.trusts}
               {view.told_by_another("port", pages["port"], view.many_hosts)}
               """),
        Record(pages["domain"], "Domains that are a page of their own; once they are, they stay it.", f"""
               {domain}
               {view.trusts}
               {view.told_by_another("domain", pages["domain"], view.many_domains)}
               """),
    )  # fmt: skip


TOLD, WAY, PAGE = AGENTS["port:to_tell"], AGENTS["port:way"], AGENTS["port:page"]
WAYS = (
    Record(WAY, f"Those that failed in one way only in the last {KEPT}, and the way.", f"""
           last_over_time({PORT_FAILURES}[@{KEPT}]) and ignoring (mode) {TOLD}
           unless ignoring (mode) (count without (mode) (last_over_time({PORT_FAILURES}[@{KEPT}])) > 1)
           """),
    Record(PAGE,
           f"The same with the way in which they fail. It stays that of the beginning, so that one incident is one "
           f"alert, unless the port cannot be reached at all for {KEPT}; {MIXED} where there were several.", f"""
           {WAY}{{mode="{UNREACHABLE}"}}
           or ignoring (mode)
             last_over_time({PAGE}[@5m]) and ignoring (mode) {TOLD}
           or ignoring (mode) {WAY}
           or ignoring (mode) label_replace({TOLD}, "mode", "{MIXED}", "", "")
           """),
)  # fmt: skip
