"""What the runbooks tell to type: probes as the agent makes them, and commands of ours that exist."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from exporter import cli
from tests.docs.markdown import pages, text_of
from tests.patience import PATIENCE

RUNBOOKS = [page for page in pages() if page.startswith("docs/runbooks/")]
COMMANDS = [
    (page, command)
    for page in RUNBOOKS
    for command in re.findall(r"`smtp-exporter ((?:probe|check-config) [^`]+)`", text_of(page))
]
PROBES = [(page, command) for page, command in COMMANDS if command.startswith("probe")]


@pytest.mark.parametrize(("page", "command"), COMMANDS)
def test_our_command_line_understands_it(page: str, command: str) -> None:
    cli.parser().parse_args(shlex.split(command.replace("PORT", "587")))


def test_what_they_find_the_process_with_finds_it(tmp_path: Path) -> None:
    script = tmp_path / "smtp-exporter"  # as pip writes it
    script.write_text(f"#!{sys.executable}\nimport time\nprint(flush=True)\ntime.sleep({PATIENCE})\n")
    script.chmod(0o755)
    commands = {each for page in RUNBOOKS for each in re.findall(r"(?:pidof|pgrep) [^)`]+", text_of(page))}
    assert commands
    with subprocess.Popen([script], stdout=subprocess.PIPE) as running:
        assert running.stdout
        running.stdout.readline()
        for command in commands:
            found = subprocess.run(shlex.split(command), capture_output=True, text=True, check=False).stdout
            assert str(running.pid) in found.split(), command
        running.kill()


@pytest.mark.parametrize(("page", "command"), PROBES)
def test_a_probe_is_made_as_the_agent_makes_it(page: str, command: str) -> None:
    assert "--config.file=" in command
