"""What an alert says: templates for its labels, and queries that name addresses and reasons when it fires.

Addresses and reasons change while an incident lasts. They are no labels of the alert: it would resolve and fire anew.
Labels are hostile text: what goes into a query is quoted (`%q`), what goes into a URL is escaped (`urlquery`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

DOCS = "https://github.com/smtp-exporter/smtp-exporter/blob/main/docs"
PAGE, GRAFANA = "http://{{ $labels.instance }}", "http://localhost:3000"
"""Where the agent's page and Grafana are; `python -m tools.alerts --help` says how to write other addresses."""
TARGET = "(target {{ $labels.target }})"
HOST, DOMAIN = f"{{{{ $labels.host }}}} {TARGET}", f"{{{{ $labels.domain }}}} {TARGET}"
AT_PORT = "{{ $labels.host }}:{{ $labels.port }}"
PORT = f"{AT_PORT} {TARGET}"
REASON = '{{ .Labels.reason }}{{ if eq .Labels.reason "port_open" }} (it should be closed){{ end }}'
AT = "{{ with .Labels.address }} at {{ . }}{{ end }}"
"""Endpoints with `addresses: any`, and those without an address, have none."""
LISTED = 10
"""Names that a text lists; dots stand for the rest."""
OF_AGENT = ("cluster", "vantage", "job", "instance")
OF_HOST, OF_DOMAIN = (*OF_AGENT, "target", "host"), (*OF_AGENT, "target", "domain")


def help_of(reason: str) -> str:
    """Where a reason is explained."""
    return f"{DOCS}/reasons.md#{reason}"


@dataclass(frozen=True, slots=True)
class Asked:
    """A query whose %q are labels of the alert, in this order."""

    query: str
    labels: tuple[str, ...]

    def each(self, shows: str, by: str = "address", between: str = ", ", aggregated: str = "%s") -> str:
        """Show each series of the answer, sorted by a label."""
        query = aggregated.replace("%s", self.query)
        answer = f'{self._asked(query)} | sortByLabel "{by}"'
        return f"{{{{ range $i, $_ := {answer} }}}}{{{{ if $i }}}}{between}{{{{ end }}}}{shows}{{{{ end }}}}"

    def names(self, label: str) -> str:
        """Name the first values of a label; dots stand for the others."""
        answer = f'{self._asked(f"count by ({label}) ({self.query})")} | sortByLabel "{label}"'
        shows = f"{{{{ if $i }}}}, {{{{ end }}}}{{{{ .Labels.{label} }}}}"
        more = f"{{{{ if eq $i {LISTED} }}}}, ...{{{{ end }}}}"
        return f"{{{{ range $i, $_ := {answer} }}}}{{{{ if lt $i {LISTED} }}}}{shows}{{{{ end }}}}{more}{{{{ end }}}}"

    def reasons(self) -> str:
        """Name each reason once."""
        return self.each(REASON, "reason", aggregated="count by (reason) (%s)")

    def links(self) -> str:
        """Link each reason to its help."""
        return self.each(help_of("{{ .Labels.reason }}"), "reason", " ", "count by (reason) (%s)")

    def otherwise(self, text: str) -> str:
        """Show a text where the answer is empty."""
        return f"{{{{ if not ({self._asked(self.query)}) }}}}{text}{{{{ end }}}}"

    def _asked(self, query: str) -> str:
        arguments = "".join(f" $labels.{name}" for name in self.labels)
        return f"query (printf `{query}`{arguments})"


def equals(label: str, value: str) -> str:
    """A matcher of PromQL; a value with | is one of several."""
    return f'{label}=~"{value}"' if "|" in value else f'{label}="{value}"'


def asked(family: str, labels: Sequence[str], condition: str = "", **matchers: str) -> Asked:
    """Ask for the series of a family ("": see `__name__`) with these labels of the alert and these matchers."""
    fixed = [equals(name, value) for name, value in matchers.items()]
    return Asked(f"{family}{{{','.join([*fixed, *(f'{name}=%q' for name in labels)])}}}{condition}", tuple(labels))


def _query(prefix: str = "", **labels: str) -> str:
    """The query of a URL: each key, and the label of the alert that is its value."""
    return "&".join(f"{prefix}{key}={{{{ urlquery $labels.{label} }}}}" for key, label in labels.items())


@dataclass(frozen=True, slots=True)
class Links:
    """Where the person on call looks next: a path of the agent (of each agent in an answer), and one of Grafana."""

    page: str
    dashboard: str
    agents: Asked | None = None

    def of_each(self, agents: Asked) -> "Links":
        """Link to the page of each agent in an answer."""
        return replace(self, agents=agents)

    def dashboard_only(self) -> "Links":
        """Leave the agents out."""
        return replace(self, page="")

    def page_url(self, base: str) -> str:
        """The links to pages whose addresses begin so."""
        url = base + self.page
        if not self.agents:
            return url if self.page else ""
        each = url.replace("$labels.instance", ".Labels.instance")
        return self.agents.each(each, "instance", " ", "count by (instance) (%s)")


OF_PORT_LINKS = Links(
    f"/endpoint?{_query(target='target', host='host', port='port')}",
    f"/d/smtp-exporter-endpoint?{_query('var-', target='target', host='host', port='port')}",
)
OF_HOST_LINKS = Links(
    f"/?{_query(target='target', find='host')}",
    f"/d/smtp-exporter-endpoint?{_query('var-', target='target', host='host')}",
)
OF_DOMAIN_LINKS = Links(
    f"/?{_query(target='target', find='domain')}",
    f"/d/smtp-exporter-domains?{_query('var-', target='target', domain='domain')}",
)
_DOMAIN_OR_HOST = "{{ urlquery (or $labels.domain $labels.host) }}"
OF_EITHER_LINKS = Links(
    f"/?{_query(target='target')}&find={_DOMAIN_OR_HOST}",
    f"/d/smtp-exporter-{{{{ if $labels.domain }}}}domains{{{{ else }}}}endpoint{{{{ end }}}}?"
    f"{_query('var-', target='target')}&{{{{ if $labels.domain }}}}var-domain{{{{ else }}}}var-host{{{{ end }}}}="
    f"{_DOMAIN_OR_HOST}",
)
OF_AGENT_LINKS = Links("/", f"/d/smtp-exporter-agent?{_query('var-', instance='instance')}")
