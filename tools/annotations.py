"""What the text of an alert asks Prometheus when it fires: templates that name addresses and reasons.

These change while an incident lasts, so they are no labels of the alert: it would resolve, and fire anew.
"""

from dataclasses import dataclass

DOCS = "https://github.com/smtp-exporter/smtp-exporter/blob/main/docs"
TARGET = "(target {{ $labels.target }})"
HOST, DOMAIN = f"{{{{ $labels.host }}}} {TARGET}", f"{{{{ $labels.domain }}}} {TARGET}"
PORT = f"Port {{{{ $labels.port }}}} of {HOST}"
REASON = "{{ .Labels.reason }}"
AT = "{{ with .Labels.address }} at {{ . }}{{ end }}"
"""Endpoints with `addresses: any`, and those without an address, have none."""


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

    def reasons(self) -> str:
        """Name each reason once."""
        return self.each(REASON, "reason", aggregated="count by (reason) (%s)")

    def links(self) -> str:
        """Link each reason to its help."""
        return self.each(help_of(REASON), "reason", " ", "count by (reason) (%s)")

    def otherwise(self, text: str) -> str:
        """Show a text where the answer is empty."""
        return f"{{{{ if not ({self._asked(self.query)}) }}}}{text}{{{{ end }}}}"

    def _asked(self, query: str) -> str:
        arguments = " ".join(f"$labels.{name}" for name in self.labels)
        return f"query (printf `{query}` {arguments})"


def equals(label: str, value: str) -> str:
    """A matcher of PromQL; a value with | is one of several."""
    return f'{label}=~"{value}"' if "|" in value else f'{label}="{value}"'


def asked(family: str, labels: tuple[str, ...], condition: str = "", **matchers: str) -> Asked:
    """Ask for the series of a family ("": see `__name__`) with these labels of the alert and these matchers."""
    fixed = [equals(name, value) for name, value in matchers.items()]
    return Asked(f"{family}{{{','.join([*fixed, *(f'{name}=%q' for name in labels)])}}}{condition}", labels)
