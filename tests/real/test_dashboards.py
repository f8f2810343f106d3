"""Every query of the dashboards, asked of a real Prometheus that scraped the demo and a world of mail: each gives data.

Its rules are those that are shipped, sixty times as fast.

The demo has no mail domains: the hosts of a domain are never on loopback.
"""

import json
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from html import escape
from math import isnan
from pathlib import Path
from urllib.parse import quote

import pytest
import yaml

from exporter.demo.table import BLOCKED_HOSTS, DEMO, MAIL_DOMAINS, ZONE
from tests.patience import PATIENCE
from tests.real.agent import ROOT, RUN
from tests.real.conftest import NewDirectory, require
from tests.real.mail_world import DOMAINS, TARGETS, WATCHED, run_mail_world
from tests.real.namespaces import can_have_namespaces, namespace
from tests.real.processes import Server, running, wait_until
from tests.real.prometheus import CONFIGURATION, OPENER, Prometheus, run_configured
from tools import alerts
from tools.dashboards import DASHBOARDS

FASTER = """
from exporter import __main__, demo
demo.INTERVAL, demo.TIMEOUT, demo.CONNECT_TIMEOUT = "2s", "1s", "900ms"
__main__.main()
"""
HERE = {"PYTHONPATH": str(ROOT)}
THIRTY_DAYS = {
    "name": "thirty days",
    "interval": "1s",
    "rules": [
        {"record": f"{level}:smtp_probe_success:{what}_30d", "expr": f"max without ({others}) ({of})"}
        for level, others in {"port": "address, instance, vantage", "host": "address, instance, vantage, port"}.items()
        for what, of in {"availability": "smtp_probe_success", "coverage": "smtp_probes_total > bool 0"}.items()
    ],
}
"""Stands for the rules of availability, which take thirty days."""
MACROS = {"$__rate_interval": "1m", "$__range": "5m", "$__interval": "1s"}
DEMO_ENDPOINTS = len(DEMO) + len(re.findall(r" MX +[1-9]", ZONE)) + len(BLOCKED_HOSTS)
SHOWN = "certificate expires in 3 days"
"""The target of the demo that the dashboard of one endpoint is asked for: it has a certificate, and a problem."""


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


QUESTIONS = [
    Question(name, panel["title"], target["expr"])
    for name, dashboard in DASHBOARDS.items()
    for panel in dashboard["panels"]
    for target in panel.get("targets", [])
]


def demo(directory: Path, address: str) -> AbstractContextManager[Server]:
    """Run the demo, which listens there."""
    command = [sys.executable, "-c", FASTER, "demo", f"--web.listen-address={address}"]
    return running(Server("demo", directory, ports(address)), command, environment=HERE)


def agent(directory: Path, ca_file: Path, address: str) -> AbstractContextManager[Server]:
    """Run the agent on the world of mail; it listens there."""
    quick = {"interval": "2s", "timeout": "1s", "connect_timeout": "900ms", "nameservers": ["127.0.0.1"]}
    policies = {"mta_sts": {"allow_private": True}}
    settings = {"global": {**quick, **policies, "tls": {"ca_file": str(ca_file)}}, "targets": TARGETS}
    (directory / "smtp-exporter.yaml").write_text(yaml.safe_dump(settings))
    command = [*RUN, f"--web.listen-address={address}"]
    return running(Server("smtp-exporter", directory, ports(address)), command, environment=HERE)


def with_rules(directory: Path, addresses: list[str]) -> Path:
    """Write what is shipped for Prometheus, where each agent is a vantage point."""
    files = alerts.files(pace=60)
    configuration = yaml.safe_load(files[CONFIGURATION])
    configuration["scrape_configs"][0]["static_configs"] = [
        {"targets": [address], "labels": {"vantage": f"place{number}"}} for number, address in enumerate(addresses)
    ]
    (directory / "rules").mkdir()
    for name, text in files.items():
        if name.startswith("rules/"):
            (directory / name).write_text(text)
    (directory / "rules/thirty_days.yml").write_text(yaml.safe_dump({"groups": [THIRTY_DAYS]}))
    (directory / CONFIGURATION).write_text(yaml.safe_dump(configuration))
    return directory


def ports(address: str) -> dict[str, int]:
    return {"web": int(address.rpartition(":")[2])}


@pytest.fixture
def prometheus(new_directory: NewDirectory) -> Iterator[Prometheus]:
    """A Prometheus that has scraped all of the demo, and an agent that probes mail domains."""
    require(there=shutil.which("prometheus"), otherwise="prometheus is missing: make tools")
    require(there=can_have_namespaces(), otherwise="a network of one's own needs root")
    world = new_directory("world")
    addresses = ["127.0.0.1:10225", "127.0.0.1:10226"]
    with (
        namespace() as network,
        network.entered(),
        run_mail_world(network, world),
        demo(new_directory("demo"), addresses[0]),
        agent(new_directory("agent"), world / "ca.pem", addresses[1]),
        run_configured(with_rules(new_directory("prometheus"), addresses)) as prometheus,
    ):
        prometheus.wait_for(f"count(smtp_probe_duration_seconds) == {DEMO_ENDPOINTS} + {WATCHED}")
        prometheus.wait_for(f"count(smtp_domain_success) == {len(DOMAINS) + len(MAIL_DOMAINS)}")
        yield prometheus


def chosen_for(question: Question, chosen: dict[str, str]) -> dict[str, str]:
    """What is chosen on the dashboard of a question: one endpoint, or everything."""
    return chosen if question.dashboard == "smtp-exporter-endpoint" else {}


def failing(prometheus: Prometheus, chosen: dict[str, str]) -> dict[str, str]:
    """The queries that do not give what they should, and what they give."""
    wrong = {}
    for question in QUESTIONS:
        samples = prometheus.query(question.filled(chosen_for(question, chosen)))
        if not samples or any(isnan(sample.value) for sample in samples):
            wrong[f"{question.dashboard}, {question.panel}"] = f"{question.query}: {samples}"
    return wrong


def variables() -> Iterator[tuple[str, str]]:
    """Each variable: its name, and what it asks, as Grafana asks it where all is chosen."""
    for dashboard in DASHBOARDS.values():
        for variable in dashboard["templating"]["list"]:
            if variable["type"] == "query":
                found = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["definition"])
                assert found
                yield found[2], re.sub(r"\$[a-z]+", ".*", found[1])


def pages() -> Iterator[tuple[str, Question]]:
    """Each link of a table to a status page, and the first query of its table."""
    for name, dashboard in DASHBOARDS.items():
        for panel in dashboard["panels"]:
            for url in re.findall(r'"(\$\{__data\.fields\.page:raw\}[^"]*)"', json.dumps(panel)):
                yield url, Question(name, panel["title"], panel["targets"][0]["expr"])


def followed(url: str, row: Mapping[str, str]) -> str:
    """Where a link of a row leads, as Grafana fills it in."""
    encoded = {name: quote(value, safe="") for name, value in row.items()}
    url = url.replace("${__data.fields.page:raw}", row["page"])
    return re.sub(r"\$\{__data\.fields\.(\w+):percentencode\}", lambda found: encoded.get(found[1], ""), url)


def lost(prometheus: Prometheus, chosen: dict[str, str]) -> list[str]:
    """The links that lead to no page of an agent, or to one on which the target of the row is not named."""
    wrong = []
    for url, question in pages():
        for sample in prometheus.query(question.filled(chosen_for(question, chosen))):
            with OPENER.open(followed(url, sample.labels), timeout=PATIENCE) as page:
                if escape(sample.labels.get("target", "")) not in page.read().decode():
                    wrong.append(followed(url, sample.labels))
    return wrong


def test_each_query_variable_and_link_gives_something(prometheus: Prometheus) -> None:
    """One test: to start all this again in another process of the tests would take longer than to ask."""
    [shown] = prometheus.query(f'smtp_probe_duration_seconds{{target="{SHOWN}"}}')
    chosen = {name: shown.labels[name] for name in ("target", "host", "port")}
    wait_until(lambda: not failing(prometheus, chosen), PATIENCE, lambda: f"{failing(prometheus, chosen)}")
    for name, query in variables():
        values = [sample.labels[name] for sample in prometheus.query(query)]
        assert values, query
        assert all(values), query
    assert lost(prometheus, chosen) == []
