"""A real Prometheus that scrapes what it is told to, every second, and is asked through its HTTP API.

The first scrape comes 5 s after its start: it gathers its targets that long.
"""

import contextlib
import json
import shutil
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.patience import PATIENCE
from tests.real.processes import Server, free_ports, running, wait_until

OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # loopback, whatever the environment says


@dataclass(frozen=True, slots=True)
class Sample:
    """One series of an answer: its labels (`__name__` among them) and its value."""

    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A Prometheus that runs. Its calls block: an agent in this very event loop could not answer meanwhile."""

    server: Server

    def query(self, expression: str) -> list[Sample]:
        """Evaluate an expression now.

        Raises:
            urllib.error.HTTPError: the expression is wrong.
        """
        question = urllib.parse.urlencode({"query": expression})
        result = self._data(f"query?{question}")["result"]
        return [Sample(series["metric"], float(series["value"][1])) for series in result]

    def reload(self) -> None:
        """Have it read its configuration and rules anew, and gather its Alertmanagers where it has any.

        Until it has, for 5 s, it sends no alert, and those that fire then only a minute later.

        Raises:
            urllib.error.HTTPError: they are wrong.
        """
        known = self._alertmanagers()
        with OPENER.open(f"http://127.0.0.1:{self.server.port('web')}/-/reload", data=b"", timeout=PATIENCE):
            pass
        wait_until(lambda: len(self._alertmanagers()) >= len(known), PATIENCE, self.server.log)

    def _alertmanagers(self) -> list[object]:
        found: list[object] = self._data("alertmanagers")["activeAlertmanagers"]
        return found

    def _data(self, path: str) -> dict[str, Any]:
        with OPENER.open(f"http://127.0.0.1:{self.server.port('web')}/api/v1/{path}", timeout=PATIENCE) as answer:
            data: dict[str, Any] = json.load(answer)["data"]
        return data

    def wait_for(self, expression: str, timeout: float = PATIENCE) -> list[Sample]:
        """Evaluate an expression until it gives something.

        Raises:
            TimeoutError: it gave nothing within `timeout` seconds.
        """
        return wait_until(
            lambda: self.query(expression), timeout, lambda: f"{expression} gives nothing:\n{self.server.log()}"
        )


CONFIGURATION = "prometheus.yml"
Start = Callable[..., Prometheus]
"""The fixture `prometheus`: `prometheus(["127.0.0.1:9115"], metrics_path="/probe")`."""


@contextlib.contextmanager
def run_prometheus(directory: Path, targets: Sequence[str], scrape: Mapping[str, object]) -> Iterator[Prometheus]:
    """Run Prometheus in a directory, scraping host:port targets; `scrape` is merged into its one scrape_config."""
    job = {"job_name": "smtp", "static_configs": [{"targets": list(targets)}], **scrape}
    (directory / CONFIGURATION).write_text(
        yaml.safe_dump({"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": [job]})
    )
    with run_configured(directory) as prometheus:
        yield prometheus


@contextlib.contextmanager
def run_configured(directory: Path) -> Iterator[Prometheus]:
    """Run Prometheus in a directory on the prometheus.yml that is there."""
    server = Server("Prometheus", directory, free_ports(("web",)))
    command = [
        shutil.which("prometheus") or "prometheus",
        f"--config.file={directory / CONFIGURATION}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address=127.0.0.1:{server.port('web')}",
        "--web.enable-lifecycle",
    ]
    with running(server, command, ready=lambda: _is_ready(server)):
        yield Prometheus(server)


def _is_ready(server: Server) -> bool:
    """Ask it: it listens before it answers."""
    try:
        with OPENER.open(f"http://127.0.0.1:{server.port('web')}/-/ready", timeout=PATIENCE):
            return True
    except OSError:
        return False
