"""The systemd unit: what systemd says of it, and that it names files and flags which exist."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from exporter import cli

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "deploy/systemd/smtp-exporter.service"
EXPOSURE = 2.0
"""What `systemd-analyze security` may count, at most: systemd's own units mostly have 6 and more."""


def lines_of(key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", UNIT.read_text(), re.MULTILINE)


@pytest.mark.real
def test_systemd_finds_nothing_to_say_about_the_unit(tmp_path: Path) -> None:
    installed = tmp_path / UNIT.name
    installed.write_text(UNIT.read_text().replace("/opt/smtp-exporter/bin/smtp-exporter", sys.executable))
    done = subprocess.run(["systemd-analyze", "verify", installed], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.real
def test_systemd_notices_a_key_that_is_misspelt_so_silence_means_something(tmp_path: Path) -> None:
    broken = tmp_path / UNIT.name
    broken.write_text(UNIT.read_text().replace("ProtectSystem=", "ProtectSytem="))
    done = subprocess.run(["systemd-analyze", "verify", broken], capture_output=True, text=True, check=False)
    assert "ProtectSytem" in done.stderr


@pytest.mark.real
def test_the_unit_is_hardened() -> None:
    command = ["systemd-analyze", "security", "--offline=yes", "--no-pager", str(UNIT)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    (exposure,) = re.findall(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert float(exposure) < EXPOSURE, done.stdout


def test_every_file_that_the_unit_needs_is_one_that_its_head_installs() -> None:
    lines = [line for key in ("ExecStart", "Environment", "EnvironmentFile") for line in lines_of(key)]
    needed = re.findall(r"/etc/smtp-exporter/\S+", "\n".join(lines))
    head = UNIT.read_text().partition("[Unit]")[0]
    installed = dict(map(reversed, re.findall(r"install -D -m 644 (\S+) (\S+)", head)))
    assert needed
    assert set(needed) <= set(installed)
    assert [source for source in installed.values() if not (ROOT / source).is_file()] == []


def test_the_flags_that_the_environment_file_suggests_are_flags_of_the_agent() -> None:
    text = UNIT.with_suffix(".env").read_text()
    assert "\nSMTP_EXPORTER_FLAGS=\n" in text
    assert lines_of("ExecStart")[0].endswith(" $SMTP_EXPORTER_FLAGS")
    suggested = re.findall(r"--[a-z][\w./:=-]+", text.replace("`smtp-exporter run --help`", ""))
    assert len(suggested) >= 6
    cli.parser().parse_args(["run", *suggested])


def test_the_process_metrics_can_read_the_boot_time() -> None:
    assert lines_of("ProcSubset") == []


def test_no_key_stands_twice_but_those_that_add_up() -> None:
    keys = Counter(re.findall(r"^(\w+)=", UNIT.read_text(), re.MULTILINE))
    assert {key for key, times in keys.items() if times > 1} <= {"Environment", "SystemCallFilter"}
