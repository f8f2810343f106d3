"""The unit under a real systemd, in a container: installed by the commands in its head, used as its comments say."""

import os
import re
import shutil
from collections.abc import Callable, Iterator

import pytest

from exporter.demo.table import DEMO
from exporter.simulated.certificates import Zoo
from tests.deploy.podman import LIMITS, ROOT, ROOTS, podman
from tests.patience import PATIENCE
from tests.real.conftest import require
from tests.real.processes import wait_until

pytestmark = pytest.mark.real

UNIT = (ROOT / "deploy/systemd/smtp-exporter.service").read_text()
COMMANDS = re.findall(r"^#   (.+)$", UNIT.partition("[Unit]")[0], re.MULTILINE)
READ = ("exporter", "deploy", "pyproject.toml", "README.md", "LICENSE", "requirements.lock", "requirements-build.lock",
        "config.example.yaml")  # fmt: skip
"""What the commands read of a checkout."""
ONE = "targets: [{host: 127.0.0.1, name: one, ports: [25]}]\n"
TWO = ONE.replace("25", "25, 587")
SECRETS = "/etc/smtp-exporter/secrets"
CREDENTIALS = "/run/credentials/smtp-exporter.service"
WEB_CONFIG = f"{CREDENTIALS}/web.yml"
LOGIN = f"{{username: probe, password_file: {CREDENTIALS}/probe-password}}"
WITH_LOGIN = f"targets: [{{host: 127.0.0.1, name: with a login, ports: [587], auth: {LOGIN}}}]\n"
CONFIG = "/etc/smtp-exporter/smtp-exporter.yaml"
FLAGS, SHIPPED_FLAGS = "/etc/smtp-exporter/smtp-exporter.env", "/src/deploy/systemd/smtp-exporter.env"
DROP_IN = "/etc/systemd/system/smtp-exporter.service.d"
BOOT = "mount --make-rshared / && exec /lib/systemd/systemd"
"""As on a machine of its own: a container's mounts are private, and credentials are mounts."""
RESTART = "systemctl daemon-reload && systemctl restart smtp-exporter || { journalctl -n 20 --no-pager; false; }"

DEPLOYING = (ROOT / "docs/deploying.md").read_text().partition("## systemd")[2].partition("## A container")[0]

Inside = Callable[..., str]


def image(checkout: str) -> str:
    """A machine on which all commands but those for systemd were run, as an image. Its kernel is this machine's."""
    commands = [command for command in COMMANDS if not command.startswith("systemctl")]
    commands += ["ln -s /dev/null /etc/systemd/system/systemd-sysctl.service"]
    recipe = f"FROM localhost/debian\nWORKDIR /src\nCOPY . .\nRUN {' && '.join(commands)}\n"
    flags = ("--quiet", "--isolation=chroot", "--network=host", f"--volume={ROOTS}:{ROOTS}:ro", "--file=-")
    return podman("build", *flags, checkout, given=recipe).strip().splitlines()[-1]


@pytest.fixture(scope="module")
def booted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    """A machine that has started; gives how to run a shell command on it."""
    require(there=os.geteuid() == 0 and shutil.which("podman"), otherwise="a container needs root and podman")
    checkout = tmp_path_factory.mktemp("checkout")
    for name in READ:
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, checkout / name)
    name = podman(
        "run", "--detach", "--systemd=always", "--privileged", "--network=none", *LIMITS, image(str(checkout)),
        "sh", "-c", BOOT,
    ).strip()  # fmt: skip

    def inside(command: str, *, check: bool = True, given: str = "") -> str:
        return podman("exec", "--interactive", name, "sh", "-c", command, check=check, given=given)

    try:
        wait_until(
            lambda: inside("systemctl is-system-running", check=False) == "running\n", PATIENCE, lambda: "systemd"
        )
        yield inside
    finally:
        podman("rm", "--force", "--time=0", name)


@pytest.fixture
def machine(booted: Inside) -> Inside:
    """The machine, with the unit as it is after the last of the commands in its head, and one target."""
    booted(f"rm -rf {DROP_IN} {SECRETS}; mkdir {DROP_IN}; install -m 644 {SHIPPED_FLAGS} {FLAGS}")
    booted(f"cat >{CONFIG}", given=ONE)
    booted("systemctl stop smtp-exporter")
    for command in COMMANDS:
        if command.startswith("systemctl"):
            booted(command)
    return booted


def said(machine: Inside) -> str:
    return machine("journalctl --unit=smtp-exporter --output=cat --no-pager")


def show(machine: Inside, *properties: str) -> list[str]:
    asked = ",".join(properties)
    shown = dict(line.split("=", 1) for line in machine(f"systemctl show -p {asked} smtp-exporter").splitlines())
    return [shown[name] for name in properties]


def answer(machine: Inside, url: str) -> str:
    code = (
        "import ssl, sys, urllib.request as u\n"
        "print(u.urlopen(sys.argv[1], context=ssl._create_unverified_context()).read().decode())"
    )
    return machine(f"/opt/smtp-exporter/bin/python -c '{code}' {url} 2>/dev/null", check=False)


@pytest.mark.parametrize("text", [UNIT, DEPLOYING], ids=["the head of the unit", "docs/deploying.md"])
def test_the_targets_are_written_and_checked_before_it_is_enabled(text: str) -> None:
    order = ("--require-hashes -r requirements.lock", "write your targets", "check-config", "systemctl enable --now")
    places = [text.lower().find(each) for each in order]
    assert -1 not in places
    assert places == sorted(places)


def test_it_starts_by_the_commands_of_its_head(machine: Inside) -> None:
    assert show(machine, "ActiveState", "NRestarts", "Type", "WatchdogUSec") == ["active", "0", "notify", "1min"]
    assert "\nsmtp_exporter_endpoints 1" in answer(machine, "http://127.0.0.1:10225/metrics")


def test_systemd_has_nothing_to_say_about_the_installed_unit(machine: Inside) -> None:
    assert machine("systemd-analyze verify smtp-exporter.service 2>&1") == ""


def test_it_runs_as_a_user_of_its_own_without_capabilities(machine: Inside) -> None:
    (pid,) = show(machine, "MainPID")
    status = dict(re.findall(r"^(\w+):\s+(.*)$", machine(f"cat /proc/{pid}/status"), re.MULTILINE))
    assert int(status["Uid"].split()[0]) >= 61184  # those of DynamicUser=
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0000000000000000"}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")


def test_it_reloads(machine: Inside) -> None:
    machine(f"cat >{CONFIG}", given=TWO)
    machine("systemctl reload smtp-exporter")  # it sends the signal, and does not wait

    def answers_of_both() -> bool:
        return "\nsmtp_exporter_endpoints 2" in answer(machine, "http://127.0.0.1:10225/metrics")

    wait_until(answers_of_both, PATIENCE, lambda: said(machine))


def test_it_takes_secrets_that_only_root_may_read(machine: Inside, zoo: Zoo) -> None:
    commented = re.findall(r"^#(LoadCredential=.+)$", UNIT, re.MULTILINE)
    secrets = {
        "probe-password": "secret\n",
        "web.yml": "tls_server_config: {cert_file: exporter.pem, key_file: exporter.key}\n",
        "exporter.pem": zoo.good.cert_chain_pem.decode(),
        "exporter.key": zoo.good.key_pem.decode(),
    }
    machine(f"mkdir -m 700 {SECRETS}")
    for name, text in secrets.items():
        machine(f"umask 077; cat >{SECRETS}/{name}", given=text)
    machine(f"cat >{DROP_IN}/secrets.conf", given="\n".join(["[Service]", *commented, ""]))
    machine(f"cat >{FLAGS}", given=f"SMTP_EXPORTER_FLAGS=--web.config.file={WEB_CONFIG}\n")
    machine(f"cat >{CONFIG}", given=WITH_LOGIN)
    machine(RESTART)
    assert "\nsmtp_exporter_endpoints 1" in answer(machine, "https://127.0.0.1:10225/metrics")
    user = machine("stat --format=%u /proc/$(systemctl show --value --property=MainPID smtp-exporter)").strip()
    assert "Permission denied" in machine(f"setpriv --reuid={user} cat {SECRETS}/web.yml 2>&1", check=False)


def test_an_agent_that_hangs_is_started_again(machine: Inside) -> None:
    quickly = "[Service]\nWatchdogSec=1\nTimeoutAbortSec=1\nRestartSec=0\n"
    machine(f"cat >{DROP_IN}/quickly.conf", given=quickly)
    machine(RESTART)
    machine("systemctl kill --signal=STOP smtp-exporter")

    def runs_again() -> bool:
        state, restarts = show(machine, "ActiveState", "NRestarts")
        return state == "active" and int(restarts) > 0

    wait_until(runs_again, PATIENCE, lambda: said(machine))
    assert "Watchdog timeout" in said(machine)


def test_every_kind_of_probe_works_within_its_bounds(machine: Inside) -> None:
    """The demo in the place of the agent: twenty simulated servers, and each is found to be what it is."""
    demo = "[Service]\nType=exec\nWatchdogSec=0\nExecStart=\nExecStart=/opt/smtp-exporter/bin/smtp-exporter demo\n"
    says = {row.target: row.says.removeprefix("untestable: ") for row in DEMO}
    announced = {(target, "1" if text.startswith("ok") else text) for target, text in says.items()}
    machine(f"cat >{DROP_IN}/demo.conf", given=demo)
    machine(RESTART)

    def missing() -> set[tuple[str, str]]:
        """What is announced and not yet seen: (target, reason), or (target, 1) of a success."""
        seen = answer(machine, "http://127.0.0.1:10225/metrics")
        found = {
            (labels["target"], labels.get("reason", value))
            for text, value in re.findall(r"^smtp_probe_(?:success|problem|untestable){(.*)} (.)$", seen, re.MULTILINE)
            for labels in [dict(re.findall(r'(\w+)="([^"]*)"', text))]
        }
        return announced - found

    wait_until(lambda: not missing(), PATIENCE, lambda: f"{missing()} {said(machine)}")


def test_it_ends_cleanly(machine: Inside) -> None:
    machine("systemctl stop smtp-exporter")
    assert show(machine, "ActiveState", "Result", "ExecMainStatus") == ["inactive", "success", "0"]
