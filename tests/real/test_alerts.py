"""What is shipped, alarmed by real parts: Postfix, Knot, the agent, Prometheus, Alertmanager, and a webhook.

Incidents, one after the other. Each is told by the right alert and by no other, and is over once it is mended. The
rules are those of deploy/prometheus, at a pace at which a minute lasts a second.
"""

import contextlib
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import yaml

from tests.patience import PATIENCE
from tests.real import agent
from tests.real.alert_network import ENDPOINTS, EVERY_SECOND, MX, TARGETS, Network, network
from tests.real.alertmanager import Told, Webhook, run_alertmanager, webhook
from tests.real.conftest import NewDirectory, require
from tests.real.knot import KNOTD
from tests.real.namespaces import can_have_namespaces
from tests.real.processes import PACKAGES, Server, wait_until
from tests.real.prometheus import Prometheus, run_configured
from tools.alerts import files

PACE = 60
FEW = 3
"""Notifications that an incident may cause, before those of its end."""
AGENT, ALERTMANAGER = "127.0.0.1:10225", 9093
OF_A_BUSY_MACHINE = {"SmtpExporterUnstable", "SmtpExporterBehindSchedule"}
"""Tickets on an agent, and on scrapes, that come late."""
HOST = "mail.lab.test"
INVALID = {f"SmtpCertificateInvalid {HOST}:{port}" for port in (465, 587)}
IN_TURN = {"greeting_temporary", "starttls_temporary"}

log = logging.getLogger(__name__)


class Agent:
    """The agent, which may be killed and started again."""

    def __init__(self, directory: Path, ca_file: str) -> None:
        self._directory, self._running = directory, contextlib.ExitStack()
        own = {"max_probes_per_host": 3, "tls": {"ca_file": ca_file}, "nameservers": ["127.0.0.1"]}
        settings = {"global": EVERY_SECOND | own, "targets": TARGETS}
        (directory / "smtp-exporter.yaml").write_text(yaml.safe_dump(settings))

    def __enter__(self) -> "Agent":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def start(self) -> None:
        self._agent = self._running.enter_context(agent.running(self._directory, f"--web.listen-address={AGENT}"))

    def kill(self) -> None:
        self._agent.kill()
        self._running.close()


@contextlib.contextmanager
def watching(new_directory: NewDirectory) -> Iterator[tuple[Webhook, Prometheus]]:
    """Prometheus and Alertmanager with all that is shipped; the rules come once all endpoints were seen well."""
    alerting, scraping = (new_directory(name) for name in ("alertmanager", "prometheus"))
    (scraping / "rules").mkdir()
    with webhook() as hook:
        shipped = files(agents=[AGENT], alertmanagers=[f"127.0.0.1:{ALERTMANAGER}"], webhook=hook.url, pace=PACE)
        (alerting / "alertmanager.yml").write_text(shipped["alertmanager.yml"])
        (scraping / "prometheus.yml").write_text(shipped["prometheus.yml"])
        with run_alertmanager(alerting, ALERTMANAGER), run_configured(scraping) as prometheus:
            prometheus.wait_for(f"count(smtp_probe_success == 1) == {ENDPOINTS}")
            for name, text in shipped.items():
                if name.startswith("rules/"):
                    (scraping / name).write_text(text)
            prometheus.reload()
            yield hook, prometheus


def about(labels: Mapping[str, str]) -> str:
    """Name an alert and what it is about."""
    subject = labels.get("domain") or ":".join(labels[each] for each in ("host", "port") if each in labels)
    return f"{labels['alertname']} {subject}".rstrip()


def reasons(one: Told) -> set[str]:
    """Give the reasons that an alert links to."""
    return {url.partition("#")[2] for url in one.annotations.get("reason_url", "").split()}


def of_interest(one: Told) -> bool:
    """Whether an alert is none of a busy machine."""
    return one.labels["alertname"] not in OF_A_BUSY_MACHINE


def notifications(hook: Webhook, since: int) -> int:
    """Count those that told something new. Alertmanager repeats what ended in the last quarter of an hour."""
    known: set[str] = set()
    count = 0
    for index in range(since, len(hook.notifications)):
        new = {about(one.labels) for one in hook.told(index, index + 1) if one.status == "firing" and of_interest(one)}
        count += bool(new - known)
        known |= new
    return count


class Step(NamedTuple):
    """What happens, and the alerts that are told then."""

    change: Callable[[], None]
    alerts: set[str]


class Incident(NamedTuple):
    """What happens and is told, step by step, how it is mended, and the reasons that the alerts may link to."""

    steps: Sequence[Step]
    mend: Sequence[Callable[[], None]]
    reasons: set[str]


def incidents(of: Network, watcher: Agent) -> dict[str, Incident]:
    """One after the other. A ticket and the names of a pool need not wait for each other: they share a row."""
    dead_mx, dead_domain = partial(of.refuse, MX[0]), partial(of.refuse, *MX)
    return {
        "certificate expired": Incident([Step(of.show_expired, INVALID)], [of.show_good], {"certificate_expired"}),
        "host down": Incident([Step(of.stop, {f"SmtpHostDown {HOST}"})], [of.start], {"connection_refused"}),
        "stages alternate": Incident([Step(of.fail_in_turn, {f"SmtpPortFailing {HOST}:587"})], [of.let_in], IN_TURN),
        "MX hosts down, addresses rotate": Incident(
            [
                Step(dead_mx, {"SmtpMxHostDown mx1.lab.test"}),
                Step(dead_domain, {"SmtpDomainBroken lab.test"}),
                Step(of.names.rotate, {"SmtpPortDown pool.lab.test:25"}),
            ],
            [of.let_in, of.names.fix],
            {"connection_refused"},
        ),
        "agent killed": Incident(
            [Step(of.drop_25, {f"SmtpPortDown {HOST}:25"}), Step(watcher.kill, {"SmtpExporterAbsent"})],
            [of.let_in, watcher.start],
            {"connection_timeout"},
        ),
        "uplink lost": Incident([Step(of.lose_uplink, {"SmtpAgentBlind"})], [of.mend_uplink], {"untestable"}),
    }


class Walk:
    """Incidents, one after the other, as the webhook hears of them."""

    def __init__(self, hook: Webhook, prometheus: Prometheus) -> None:
        self._hook, self._prometheus = hook, prometheus

    def __call__(self, name: str, incident: Incident) -> None:
        """Let things happen, each until its alerts are told, mend all, and wait until that is told as well.

        No other alert fires, no other page is about to, no page ends before it is mended, few notifications are sent.
        """
        before, expected = len(self._hook.notifications), set[str]()
        for change, alerts in incident.steps:
            began = time.monotonic()
            change()
            expected |= alerts
            self._wait(alerts, f"{name} is not told")
            log.info("%s: %s told after %.1f s", name, ", ".join(sorted(alerts)), time.monotonic() - began)
        told, pages, mended = self._hook.told(before), self._pages(), time.monotonic()
        sent = notifications(self._hook, before)
        for mend in incident.mend:
            mend()
        self._wait(set(), f"{name} is not over")
        log.info("%s: %d notifications; resolved %.1f s after it was mended", name, sent, time.monotonic() - mended)
        fired = [one for one in self._hook.told(before) if one.status == "firing" and of_interest(one)]
        assert {about(one.labels) for one in fired} == expected
        assert pages <= expected
        assert not pages & {about(one.labels) for one in told if one.status == "resolved"}
        assert {one.labels.get("team", "mail") for one in fired} == {"mail"}
        assert set() < set().union(*map(reasons, fired)) <= incident.reasons
        assert sent <= FEW

    def _wait(self, alerts: set[str], otherwise: str) -> None:
        """Wait until these fire; if there are none, until none does."""

        def told() -> bool:
            firing = self._firing()
            return alerts <= firing if alerts else not firing

        wait_until(told, PATIENCE, lambda: f"{otherwise}: {alerts or self._firing()}; in Prometheus: {self._pages()}")

    def _firing(self) -> set[str]:
        """What the webhook knows to fire."""
        return {about(one.labels) for one in self._hook.firing() if of_interest(one)}

    def _pages(self) -> set[str]:
        """What Prometheus knows to fire, or to be about to."""
        return {about(one.labels) for one in self._prometheus.query('ALERTS{severity="critical"}')}


def test_each_incident_is_told_by_the_right_alert_and_no_other_and_resolves(
    dovecot: Server, new_directory: NewDirectory
) -> None:
    require(there=os.geteuid() == 0 and can_have_namespaces(), otherwise="this machine gives no network namespaces")
    require(there=shutil.which("prometheus-alertmanager"), otherwise="Alertmanager is missing: make tools")
    require(there=(PACKAGES / "postfix").is_dir(), otherwise="Postfix is missing: make tools")
    require(there=KNOTD, otherwise="Knot is missing: make tools")
    with (
        network(dovecot, new_directory) as of,
        Agent(new_directory("agent"), str(of.zoo.ca_file)) as watcher,
        watching(new_directory) as (hook, prometheus),
    ):
        walk = Walk(hook, prometheus)
        for name, incident in incidents(of, watcher).items():
            walk(name, incident)
        assert prometheus.query('ALERTS{alertstate="firing",alertname!~"SmtpExporter.*"}') == []
