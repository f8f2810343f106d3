"""Every query of the dashboards, asked of a real Prometheus that scraped the demo: each gives data."""

import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from math import isnan

import pytest

from exporter.demo import DEMO
from tests.real.agent import ROOT
from tests.real.conftest import NewDirectory, require
from tests.real.processes import Server, free_ports, running
from tests.real.prometheus import Prometheus, run_prometheus
from tools.dashboards import DASHBOARDS

FASTER = """
from exporter import __main__, demo
demo.INTERVAL, demo.TIMEOUT, demo.CONNECT_TIMEOUT = "2s", "1s", "900ms"
__main__.main()
"""
MACROS = {"$__rate_interval": "1m", "$__range": "5m", "$__interval": "1s"}
SHOWN = "certificate expires in 3 days"
"""The target of the demo that the dashboard of one endpoint is asked for: it has a certificate, and a problem."""

EMPTY = {
    "sum by (type, result) (rate(smtp_exporter_dns_lookups_total": "the demo looks up no names",
}
"""How queries begin that rightly give nothing, and why."""


@dataclass(frozen=True, slots=True)
class Question:
    """A query of a panel."""

    dashboard: str
    panel: str
    query: str

    def filled(self, chosen: dict[str, str]) -> str:
        """The query as Grafana asks it, with what is chosen; everything where nothing is."""
        query = self.query
        for macro, value in MACROS.items():
            query = query.replace(macro, value)
        return re.sub(r"\$([a-z]+)", lambda found: chosen.get(found[1], ".*"), query)

    @property
    def why_empty(self) -> str:
        """Why it rightly gives nothing."""
        return next((why for query, why in EMPTY.items() if self.query.startswith(query)), "")


QUESTIONS = [
    Question(name, panel["title"], target["expr"])
    for name, dashboard in DASHBOARDS.items()
    for panel in dashboard["panels"]
    for target in panel.get("targets", [])
]


@pytest.fixture
def prometheus(new_directory: NewDirectory) -> Iterator[Prometheus]:
    """A Prometheus that has scraped all of the demo, twice."""
    require(there=shutil.which("prometheus"), otherwise="prometheus is missing: make tools")
    demo = Server("demo", new_directory("demo"), free_ports(("web",)))
    address = f"127.0.0.1:{demo.port('web')}"
    command = [sys.executable, "-c", FASTER, "demo", f"--web.listen-address={address}"]
    with (
        running(demo, command, environment={"PYTHONPATH": str(ROOT)}),
        run_prometheus(new_directory("prometheus"), [address], {"honor_labels": True}) as prometheus,
    ):
        prometheus.wait_for(f"count(smtp_probe_duration_seconds offset 1s) == {len(DEMO)}")
        prometheus.wait_for("rate(process_cpu_seconds_total[10s])")
        yield prometheus


def failing(prometheus: Prometheus, chosen: dict[str, str]) -> dict[str, str]:
    """The queries that do not give what they should, and what they give."""
    wrong = {}
    for question in QUESTIONS:
        here = chosen if question.dashboard == "smtp-exporter-endpoint" else {}
        samples = prometheus.query(question.filled(here))
        if bool(samples) == bool(question.why_empty) or any(isnan(sample.value) for sample in samples):
            wrong[f"{question.dashboard}, {question.panel}: {question.query}"] = f"{samples} {question.why_empty}"
    return wrong


def variables() -> Iterator[tuple[str, str]]:
    """Each variable: its name, and what it asks, as Grafana asks it where all is chosen."""
    for dashboard in DASHBOARDS.values():
        for variable in dashboard["templating"]["list"]:
            if variable["type"] == "query":
                found = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["definition"])
                assert found
                yield found[2], re.sub(r"\$[a-z]+", ".*", found[1])


def test_each_query_and_variable_gives_data(prometheus: Prometheus) -> None:
    """One test: to start all this again in another process of the tests would take longer than to ask."""
    [shown] = prometheus.query(f'smtp_probe_duration_seconds{{target="{SHOWN}"}}')
    assert failing(prometheus, {name: shown.labels[name] for name in ("target", "host", "port")}) == {}
    for name, query in variables():
        assert all(sample.labels[name] for sample in prometheus.query(query)), name
    paged = prometheus.query(paged_series())
    assert {sample.labels["page"] for sample in paged} == {f"http://{shown.labels['instance']}"}


def paged_series() -> str:
    """A query whose rows lead to the status page of their agent."""
    return next(question.filled({}) for question in QUESTIONS if question.panel == "Port by port")


def test_each_query_that_gives_none_is_asked() -> None:
    assert {query for query in EMPTY for question in QUESTIONS if question.query.startswith(query)} == set(EMPTY)
