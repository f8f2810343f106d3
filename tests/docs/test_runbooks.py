"""What the runbooks tell to type: probes as the agent makes them, and commands of ours that exist."""

import re
import shlex

import pytest

from exporter import cli
from tests.docs.markdown import pages, text_of

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


@pytest.mark.parametrize(("page", "command"), PROBES)
def test_a_probe_is_made_as_the_agent_makes_it(page: str, command: str) -> None:
    assert "--config.file=" in command
