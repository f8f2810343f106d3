"""Every link to the documentation and to Prometheus, wherever it is shown. Knows no page, metric or reason."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

SITE = "https://github.com/smtp-exporter/smtp-exporter/blob/main"
"""The public address of this repository's files."""
PUBLIC = f"{SITE}/docs"
LOCAL = "local"
"""The value of --web.docs that links to the pages of the agent itself."""


@dataclass(frozen=True, slots=True)
class Docs:
    """Where the documentation is: a folder of Markdown files, or the agent's own pages."""

    base: str = PUBLIC
    """A URL that has the files of docs/ below it; where `local`: the prefix of the agent's paths."""
    local: bool = False

    @classmethod
    def of(cls, where: str, prefix: str = "") -> "Docs":
        """Read --web.docs: nothing, `local` or a URL. `prefix`: what stands before the agent's paths in a browser."""
        return cls(prefix, local=True) if where == LOCAL else cls(where or PUBLIC)

    def reason(self, name: str) -> str:
        """Where a reason is explained; it may also be why an endpoint is untestable."""
        return f"{self.base}/reasons/{quote(name)}" if self.local else f"{self.base}/reasons.md#{quote(name)}"

    def runbook(self, alert: str) -> str:
        """Where to read what to do about an alert."""
        return f"{self.base}/runbooks/{quote(alert)}" if self.local else f"{self.base}/runbooks/{quote(alert)}.md"

    def page(self, name: str, heading: str = "") -> str:
        """Where a page of docs/ is, by its file name; the agent serves none of them."""
        return f"{PUBLIC if self.local else self.base}/{quote(name)}" + (f"#{quote(heading)}" if heading else "")


PUBLIC_DOCS = Docs()


@dataclass(frozen=True, slots=True)
class Prometheus:
    """Where Prometheus draws graphs. Without a URL there are no links."""

    url: str = ""

    def graph(self, families: tuple[str, ...], labels: Mapping[str, object]) -> str:
        """Link to one graph of each family, of the series with these labels; empty without a URL."""
        if not self.url:
            return ""
        matchers = ", ".join(f"{name}={quoted(str(value))}" for name, value in labels.items())
        query: dict[str, str] = {}
        for number, family in enumerate(families):
            query |= {
                f"g{number}.expr": f"{family}{{{matchers}}}",
                f"g{number}.tab": "0",
                f"g{number}.range_input": "1d",
            }
        return f"{self.url}/graph?{urlencode(query, errors='replace')}"


NO_PROMETHEUS = Prometheus()


def quoted(value: str) -> str:
    """A label value as a string of PromQL, which has the escapes of Go."""
    value = value.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(each if each.isprintable() else f"\\U{ord(each):08x}" for each in value) + '"'
