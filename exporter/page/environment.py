"""The templates of the pages, and where their links lead."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from exporter import __version__
from exporter.families.readers import TIMED
from exporter.filters import STATES
from exporter.links import NO_PROMETHEUS, PUBLIC_DOCS, Docs, Prometheus
from exporter.model import Endpoint
from exporter.page.groups import MOST, NO_MX, OPEN, help_for
from exporter.page.runbooks import alert_of
from exporter.page.strip import History
from exporter.page.tables import KINDS
from exporter.page.text import coded, place_of
from exporter.peer_text import escape
from exporter.wording import dane, instant, span

NOUNS = {kind.name: (kind.one, kind.many) for kind in KINDS} | {"": ("problem", "problems")}
"""What one and several members of a group are called, by its kind."""
PIECE = 16 * 1024
"""Characters after which others may run: a few milliseconds of work."""
GRAPHS = ("smtp_probe_success", "smtp_probe_duration_seconds", "smtp_probe_stage_duration_seconds")
GRAPHS_OF_DOMAIN = ("smtp_domain_success", "smtp_domain_problem")
"""What Prometheus draws of an endpoint and of a domain."""


@dataclass(frozen=True, slots=True)
class Links:
    """Where the pages' links lead."""

    prefix: str = ""
    """Before every path, without a slash at the end."""
    metrics: str = "/metrics"
    """The path of the metrics."""
    docs: Docs = PUBLIC_DOCS
    prometheus: Prometheus = NO_PROMETHEUS
    config_file: str = ""
    """The configuration that runs; empty: it is not known."""

    def graph(self, endpoint: Endpoint) -> str:
        """Prometheus' graphs of an endpoint; empty where it is not known where Prometheus is."""
        peer = endpoint.peer
        labels = {"target": endpoint.target, "host": peer.host, "address": peer.address, "port": peer.port}
        return self.prometheus.graph(GRAPHS, labels)

    def graph_of_domain(self, target: str, domain: str) -> str:
        """The same of a mail domain."""
        return self.prometheus.graph(GRAPHS_OF_DOMAIN, {"target": target, "domain": domain})


HERE = Links()
"""Those of an agent without flags."""


@cache
def environment() -> Environment:
    """The templates, with the functions that they call."""
    made = Environment(
        loader=PackageLoader("exporter.page"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, auto_reload=False,
    )  # fmt: skip
    made.filters |= {"visible": escape, "coded": coded, "instant": instant, "span": span, "place": place_of}
    made.globals |= {"version": __version__, "states": STATES, "help_for": help_for, "alert_of": alert_of, "dane": dane,
                     "timed": TIMED, "history_of": History, "open": OPEN, "most": MOST, "no_mx": NO_MX,
                     "nouns": NOUNS}  # fmt: skip
    return made


def pieces(texts: Iterable[str]) -> Iterator[str]:
    """Join short texts to pieces of about PIECE characters."""
    piece, size = list[str](), 0
    for text in texts:
        piece.append(text)
        size += len(text)
        if size >= PIECE:
            yield "".join(piece)
            piece, size = [], 0
    yield "".join(piece)
