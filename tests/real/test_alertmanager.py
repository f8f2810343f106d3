"""What the shipped Alertmanager keeps back: a real one hears of two alerts, and says whether the second is sent."""

import json
import shutil
import urllib.request
from typing import Any, NamedTuple

import pytest

from tests.patience import PATIENCE
from tests.real.alertmanager import run_alertmanager
from tests.real.conftest import NewDirectory, require
from tests.real.processes import free_ports, wait_until
from tests.real.prometheus import OPENER
from tools.alerts import files


class Row(NamedTuple):
    """An alert that fires, another beside it, and whether the first keeps the second from being sent."""

    first: str
    second: str
    kept: bool

    def __str__(self) -> str:
        return f"{self.second} {'is kept back by' if self.kept else 'is sent beside'} {self.first}"


Labels = frozenset[tuple[str, str]]
WARNING = {
    "SmtpAddressDown", "SmtpCertificateOutdated", "SmtpExporterReloadFailed", "SmtpExporterUnstable", "SmtpMxHostDown",
    "SmtpProbesFailing",
}  # fmt: skip
ROWS = (
    Row("SmtpExporterAbsent", "SmtpHostDown host=a", kept=True),
    Row("SmtpExporterAbsent", "SmtpAgentBlind", kept=True),
    Row("SmtpExporterAbsent", "SmtpExporterUnstable", kept=True),
    Row("SmtpExporterAbsent instance=other", "SmtpHostDown host=a", kept=False),
    Row("SmtpExporterAbsent cluster=east", "SmtpHostDown host=a cluster=west", kept=False),
    Row("SmtpAgentBlind", "SmtpPortDown host=a port=25", kept=True),
    Row("SmtpAgentBlind", "SmtpDomainBroken domain=d", kept=True),
    Row("SmtpAgentBlind", "SmtpManyHostsDown", kept=True),
    Row("SmtpAgentBlind", "SmtpExporterReloadFailed", kept=False),
    Row("SmtpHostDown host=a", "SmtpPortDown host=a port=25", kept=True),
    Row("SmtpHostDown host=a", "SmtpCertificateExpiresSoon host=a", kept=True),
    Row("SmtpHostDown host=a", "SmtpPortDown host=b port=25", kept=False),
    Row("SmtpHostDown host=a", "SmtpPortDown host=a port=25 target=u", kept=True),
    Row("SmtpHostDown host=a", "SmtpHostDown host=a instance=other", kept=False),
    Row("SmtpPortDown host=a port=25", "SmtpMxHostDown host=a target=u", kept=True),
    Row("SmtpTlsBroken host=a port=25", "SmtpProbesFailing host=a port=25", kept=True),
    Row("SmtpTlsBroken host=a port=25", "SmtpProbesFailing host=a port=465", kept=False),
    Row("SmtpTlsBroken host=a port=25", "SmtpAddressDown host=b", kept=False),
    Row("SmtpCertificateOutdated host=a", "SmtpCertificateExpiresSoon host=a severity=warning", kept=True),
    Row("SmtpCertificateOutdated host=a", "SmtpCertificateExpiresSoon host=a severity=critical", kept=False),
    Row("SmtpCertificateExpiresSoon host=a", "SmtpCertificateExpiresSoon host=a severity=warning", kept=True),
    Row("SmtpCertificateExpiresSoon host=a", "SmtpCertificateExpiresSoon host=b severity=warning", kept=False),
)


def labels(text: str, row: int) -> Labels:
    """The labels of an alert as it is written above; each row has a job of its own, so that rows do not meet."""
    name, *pairs = text.split()
    about = {} if any(word in name for word in ("Exporter", "Agent", "Blocked", "Many")) else {"target": "t"}
    severity = "warning" if name in WARNING else "critical"
    own = {"alertname": name, "severity": severity, "job": f"row {row}", "instance": "agent", **about}
    return frozenset((own | dict(pair.split("=") for pair in pairs)).items())


def ask(url: str, data: object = None) -> Any:
    """Send JSON, or fetch it."""
    body = None if data is None else json.dumps(data).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310 # our own Alertmanager
    with OPENER.open(request, timeout=PATIENCE) as answer:
        return json.loads(answer.read() or b"null")


@pytest.fixture(scope="module")
def states(new_directory: NewDirectory) -> dict[Labels, str]:
    """What becomes of all alerts above."""
    require(there=shutil.which("prometheus-alertmanager"), otherwise="Alertmanager is missing: make tools")
    directory = new_directory("alertmanager")
    (directory / "alertmanager.yml").write_text(files(pace=60)["alertmanager.yml"])
    port = free_ports(["web"])["web"]
    url = f"http://127.0.0.1:{port}/api/v2/alerts"
    with run_alertmanager(directory, port):
        ask(url, [{"labels": dict(labels(text, n))} for n, row in enumerate(ROWS) for text in (row.first, row.second)])

        def judged() -> dict[Labels, str]:
            """Alertmanager takes a moment to hear of what inhibits."""
            found = {frozenset(each["labels"].items()): str(each["status"]["state"]) for each in ask(url)}
            settled = [*found.values()].count("suppressed") >= sum(row.kept for row in ROWS)
            return found if settled and "unprocessed" not in found.values() else {}

        return wait_until(judged, PATIENCE, lambda: str(ask(url)))


@pytest.mark.parametrize("number", range(len(ROWS)), ids=[str(row) for row in ROWS])
def test_an_alert_that_another_explains_is_not_sent(states: dict[Labels, str], number: int) -> None:
    row = ROWS[number]
    assert states[labels(row.first, number)] == "active"
    assert states[labels(row.second, number)] == ("suppressed" if row.kept else "active")
