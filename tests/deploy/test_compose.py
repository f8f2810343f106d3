"""The compose file: valid, hardened, and every file it mounts is there and says what the shipped ones say."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter import cli
from exporter.config import load
from tools.orchestrated import COMPOSE as COMPOSED
from tools.orchestrated import files

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy/docker"
COMPOSE = FOLDER / "compose.yaml"
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE.read_text())["services"]
MOUNTS = {
    target: (FOLDER / source).resolve()
    for service in SERVICES.values()
    for source, target in (volume.split(":")[:2] for volume in service["volumes"])
    if source.startswith(".")
}
"""What is mounted from the checkout, by where a container sees it."""
HOME = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]


def test_it_is_valid() -> None:
    checker = Path(sys.executable).with_name("check-jsonschema")
    done = subprocess.run(
        [checker, "--builtin-schema=vendor.compose-spec", COMPOSE], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_all_that_is_mounted_is_there() -> None:
    assert len(MOUNTS) == 7
    assert [path for path in MOUNTS.values() if not path.exists()] == []


def test_the_agent_may_do_nothing_that_it_need_not() -> None:
    agent = SERVICES["smtp-exporter"]
    assert (agent["read_only"], agent["cap_drop"], agent["security_opt"]) == (True, ["ALL"], ["no-new-privileges:true"])
    assert (FOLDER / agent["build"]["context"]).resolve() == ROOT
    assert (ROOT / agent["build"]["dockerfile"]).is_file()


def test_its_flags_are_flags_of_the_agent_and_its_configuration_loads() -> None:
    options = cli.parser().parse_args(SERVICES["smtp-exporter"]["command"])
    seen = Path(options.config_file)
    assert load(MOUNTS[str(seen.parent)] / seen.name).targets


@pytest.mark.parametrize("service", SERVICES)
def test_it_listens_on_this_machine_only_and_comes_back_after_a_restart(service: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[service]["ports"])
    assert SERVICES[service]["restart"] == "unless-stopped"


@pytest.mark.parametrize("service", ["prometheus", "alertmanager", "grafana"])
def test_its_image_is_pinned_and_can_be_replaced(service: str) -> None:
    assert re.fullmatch(r"\$\{[A-Z]+_IMAGE:-\w+/\w+:v?\d+\.\d+\.\d+\}", SERVICES[service]["image"])


def test_its_prometheus_is_the_shipped_one_but_for_the_names_of_the_others() -> None:
    assert COMPOSED.read_text("utf-8") == files()[COMPOSED], "run: .venv/bin/python -m tools.orchestrated"
    assert MOUNTS["/etc/prometheus/prometheus.yml"] == COMPOSED


def test_grafana_finds_prometheus_and_the_dashboards() -> None:
    sources, dashboards = (MOUNTS[f"/etc/grafana/provisioning/{name}"] for name in ("datasources", "dashboards"))
    (source,) = yaml.safe_load((sources / "prometheus.yaml").read_text())["datasources"]
    (provider,) = yaml.safe_load((dashboards / "smtp-exporter.yaml").read_text())["providers"]
    assert source["url"] == "http://prometheus:9090"
    assert (MOUNTS[provider["options"]["path"]] / Path(HOME).name).is_file()


@pytest.mark.real
def test_promtool_accepts_the_configuration_with_the_rules_where_the_container_sees_them(tmp_path: Path) -> None:
    for name in ("prometheus.yml", "rules"):
        (tmp_path / name).symlink_to(MOUNTS[f"/etc/prometheus/{name}"])
    done = subprocess.run(
        ["promtool", "check", "config", tmp_path / "prometheus.yml"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"[1-9]\d* rules found", done.stdout)
