"""What is shipped, alarmed by real parts: Postfix, the agent, Prometheus, Alertmanager, and a webhook that hears it.

Three incidents, one after the other. Each is told by the right alert and by no other, and is over once it is mended.
The rules are those of deploy/prometheus, at a pace at which a minute lasts a second.
"""

import contextlib
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import yaml

from exporter.simulated.certificates import Zoo
from tests.patience import PATIENCE
from tests.real import agent
from tests.real.alertmanager import Told, Webhook, run_alertmanager, webhook
from tests.real.conftest import NewDirectory, require
from tests.real.namespaces import Namespace, can_have_namespaces, namespace
from tests.real.postfix import reload_postfix, run_postfix
from tests.real.processes import PACKAGES, Server, wait_until
from tests.real.prometheus import Prometheus, run_configured
from tools.alerts import files

PACE = 60
PORTS = {"healthy": 25, "submissions": 465, "submission": 587}
TARGET = {"host": "127.0.0.1", "name": "corporate mail", "ports": [*PORTS.values()], "labels": {"team": "mail"}}
EVERY_SECOND = {"interval": "1s", "timeout": "1s", "connect_timeout": "500ms", "max_probes_per_host": 3}
AGENT, ALERTMANAGER = "127.0.0.1:10225", 9093

log = logging.getLogger(__name__)


class MailServer:
    """Postfix on its usual ports, in a network of its own."""

    def __init__(self, network: Namespace, dovecot: Server, new_directory: NewDirectory) -> None:
        self._network, self._dovecot, self._new_directory = network, dovecot, new_directory
        self.zoo = Zoo()
        self._good = self.zoo.good.pem_file.read_bytes()
        self._running = contextlib.ExitStack()

    def __enter__(self) -> "MailServer":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self.zoo.__exit__(*_)

    def start(self) -> None:
        directory, sasl = self._new_directory("postfix"), self._dovecot.directory / "auth"
        self._server = self._running.enter_context(run_postfix(directory, self.zoo, sasl, PORTS))

    def stop(self) -> None:
        self._running.close()

    def show_expired(self) -> None:
        self._show(self.zoo.expired.pem_file.read_bytes())

    def show_good(self) -> None:
        self._show(self._good)

    def _show(self, certificate: bytes) -> None:
        self.zoo.good.pem_file.write_bytes(certificate)
        reload_postfix(self._server)

    def drop_25(self) -> None:
        self._network.filter("input", ["tcp dport 25 drop"])

    def let_in(self) -> None:
        self._network.filter("input", [])


@contextlib.contextmanager
def watched(new_directory: NewDirectory, ca_file: Path) -> Iterator[tuple[Webhook, Prometheus]]:
    """The agent, Prometheus and Alertmanager with all that is shipped; the rules come once all ports were seen well."""
    watching, alerting, scraping = (new_directory(name) for name in ("agent", "alertmanager", "prometheus"))
    settings = {"global": EVERY_SECOND | {"tls": {"ca_file": str(ca_file)}}, "targets": [TARGET]}
    (watching / "smtp-exporter.yaml").write_text(yaml.safe_dump(settings))
    (scraping / "rules").mkdir()
    with webhook() as hook:
        shipped = files(agents=[AGENT], alertmanagers=[f"127.0.0.1:{ALERTMANAGER}"], webhook=hook.url, pace=PACE)
        (alerting / "alertmanager.yml").write_text(shipped["alertmanager.yml"])
        (scraping / "prometheus.yml").write_text(shipped["prometheus.yml"])
        with (
            agent.running(watching, f"--web.listen-address={AGENT}"),
            run_alertmanager(alerting, ALERTMANAGER),
            run_configured(scraping) as prometheus,
        ):
            prometheus.wait_for(f"count(smtp_probe_success == 1) == {len(PORTS)}")
            for name, text in shipped.items():
                if name.startswith("rules/"):
                    (scraping / name).write_text(text)
            prometheus.reload()
            yield hook, prometheus


def of_servers(labels: Mapping[str, str]) -> bool:
    """Whether an alert is of a server, and not of an agent that a busy machine makes late."""
    return not labels["alertname"].startswith("SmtpExporter")


class Walk:
    """Incidents, one after the other, as the webhook hears of them."""

    def __init__(self, hook: Webhook, prometheus: Prometheus) -> None:
        self._hook, self._prometheus = hook, prometheus

    def _firing(self) -> list[Told]:
        return [one for one in self._hook.firing() if of_servers(one.labels)]

    def __call__(self, name: str, change: Callable[[], None], mend: Callable[[], None]) -> set[tuple[str, str, str]]:
        """Let something happen, mend it once it is told of, and wait until that is told as well.

        Give all that was heard: the alert, its port, and the reason that it links to. Nothing else was on its way.
        """
        before, began = len(self._hook.told), time.monotonic()
        change()
        wait_until(self._firing, PATIENCE, lambda: f"nothing fires: {name}")
        fired, pending = time.monotonic(), self._prometheus.query("ALERTS")
        mend()
        wait_until(lambda: not self._firing(), PATIENCE, lambda: f"{name} lasts: {self._firing()}")
        log.info("%s: told after %.1f s, resolved %.1f s after", name, fired - began, time.monotonic() - fired)
        heard = [one for one in self._hook.told[before:] if of_servers(one.labels)]
        assert {(one.labels["host"], one.labels["team"]) for one in heard} == {("127.0.0.1", "mail")}
        assert {one.labels["alertname"] for one in pending if of_servers(one.labels)} == {
            one.labels["alertname"] for one in heard
        }
        return {
            (one.labels["alertname"], one.labels.get("port", ""), one.annotations["reason_url"].partition("#")[2])
            for one in heard
        }


def test_each_incident_is_told_by_the_right_alert_and_no_other_and_resolves(
    dovecot: Server, new_directory: NewDirectory
) -> None:
    require(there=os.geteuid() == 0 and can_have_namespaces(), otherwise="this machine gives no network namespaces")
    require(there=shutil.which("prometheus-alertmanager"), otherwise="Alertmanager is missing: make tools")
    require(there=(PACKAGES / "postfix").is_dir(), otherwise="Postfix is missing: make tools")
    with (
        namespace() as own,
        own.entered(),
        MailServer(own, dovecot, new_directory) as mail,
        watched(new_directory, mail.zoo.ca_file) as (hook, prometheus),
    ):
        walk = Walk(hook, prometheus)
        assert walk("the certificate has expired", mail.show_expired, mail.show_good) == {
            ("SmtpCertificateInvalid", "465", "certificate_expired"),
            ("SmtpCertificateInvalid", "587", "certificate_expired"),
        }
        assert walk("port 25 is dropped", mail.drop_25, mail.let_in) == {("SmtpPortDown", "25", "connection_timeout")}
        assert walk("the daemon is stopped", mail.stop, mail.start) == {("SmtpHostDown", "", "connection_refused")}
        assert prometheus.query('ALERTS{alertstate="firing"}') == []
