"""The agent as a process whose files change under it: by SIGHUP, by itself, through swapped links, and broken."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.patience import PATIENCE
from tests.real.processes import wait_until

pytestmark = pytest.mark.real

OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
GLOBAL = "global: {interval: 1s, timeout: 1s, connect_timeout: 1s, max_probes_per_host: 9}\n"


@dataclass(frozen=True, slots=True)
class Running:
    """A running agent."""

    process: "subprocess.Popen[bytes]"
    log_file: Path

    def log(self) -> str:
        return self.log_file.read_text()

    def metrics(self) -> str:
        found = re.search(r"msg=listening address=(\S+)", self.log())
        if not found:
            return ""
        with OPENER.open(f"http://{found[1]}/metrics", timeout=PATIENCE) as answer:
            return str(answer.read(), "utf-8")

    def targets(self) -> set[str]:
        """Those that have results."""
        return set(re.findall(r'^smtp_probes_total{target="([^"]*)"', self.metrics(), re.MULTILINE))

    def value(self, name: str) -> float:
        found = re.search(rf"^{name} (\S+)$", self.metrics(), re.MULTILINE)
        return float(found[1]) if found else -1.0

    def until_targets(self, *names: str) -> None:
        wait_until(lambda: self.targets() == set(names), PATIENCE, lambda: f"{self.targets()}\n{self.log()}")

    def until_logged(self, text: str) -> None:
        wait_until(lambda: text in self.log(), PATIENCE, self.log)


@contextlib.contextmanager
def agent(folder: Path, *flags: str) -> Iterator[Running]:
    log_file = folder / "agent.log"
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "exporter", "run", "--web.listen-address=127.0.0.1:0", *flags],
            cwd=folder, stderr=log, env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        )  # fmt: skip
    try:
        yield Running(process, log_file)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
        assert "Traceback" not in log_file.read_text()
    finally:
        process.kill()
        process.wait()


def target(name: str) -> str:
    """A list with one target; nobody listens there, which is a result, too."""
    return f"[{{host: 127.0.0.1, name: {name}, ports: [1]}}]\n"


def test_sighup_reads_the_configuration_anew_and_a_broken_one_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "smtp-exporter.yaml"
    file.write_text(f"{GLOBAL}targets: {target('one')}")
    with agent(tmp_path) as running:
        running.until_targets("one")
        first = running.value("smtp_exporter_config_last_reload_success_timestamp_seconds")
        file.write_text(f"{GLOBAL}targets: {target('two')}")
        running.process.send_signal(signal.SIGHUP)
        running.until_targets("two")
        second = running.value("smtp_exporter_config_last_reload_success_timestamp_seconds")
        assert second > first
        file.write_text(f"{GLOBAL}targets: [{{hots: a}}]\n")
        running.process.send_signal(signal.SIGHUP)
        running.until_logged(":2:12: targets[0].hots: unknown key")
        assert running.value("smtp_exporter_config_last_reload_successful") == 0
        assert running.value("smtp_exporter_config_last_reload_success_timestamp_seconds") == second
        assert running.targets() == {"two"}


def test_target_files_are_followed_and_the_configuration_is_not(tmp_path: Path) -> None:
    file, folder = tmp_path / "smtp-exporter.yaml", tmp_path / "targets.d"
    folder.mkdir()
    (folder / "a.yaml").write_text(target("a"))
    file.write_text(GLOBAL + "target_files: [targets.d/*]\n")
    with agent(tmp_path) as running:
        running.until_targets("a")
        file.write_text("half written: [")
        (folder / "b.json").write_text('[{"targets": ["127.0.0.1:1"], "labels": {"job": "x", "__meta": "y"}}]')
        running.until_targets("a", "127.0.0.1")
        (folder / "a.yaml").unlink()
        running.until_targets("127.0.0.1")
        assert running.value("smtp_exporter_config_last_reload_successful") == 1


def test_with_auto_reload_a_swapped_config_map_is_taken_over(tmp_path: Path) -> None:
    """Kubernetes: smtp-exporter.yaml -> ..data/smtp-exporter.yaml, and ..data is renamed over."""
    for version in ("one", "two"):
        (tmp_path / f"..{version}").mkdir()
        (tmp_path / f"..{version}/smtp-exporter.yaml").write_text(f"{GLOBAL}targets: {target(version)}")
    (tmp_path / "..data").symlink_to("..one")
    (tmp_path / "smtp-exporter.yaml").symlink_to("..data/smtp-exporter.yaml")
    with agent(tmp_path, "--config.enable-auto-reload") as running:
        running.until_targets("one")
        (tmp_path / "..new").symlink_to("..two")
        (tmp_path / "..new").replace(tmp_path / "..data")
        running.until_targets("two")
        assert running.log().count("configuration reloaded") == 1
