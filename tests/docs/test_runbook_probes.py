"""What the runbooks tell to type finds what the agent found: every command on every broken server there is."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.docs.markdown import ROOT
from tests.docs.test_runbooks import PROBES
from tests.patience import PATIENCE
from tests.real.agent import Agent, running
from tests.real.processes import wait_until

CONFIG = "--config.file=/etc/smtp-exporter/smtp-exporter.yaml"
SHAPES = sorted(
    {command.replace(":25", ":PORT") for _, command in PROBES}
    | {f"probe --target TARGET {CONFIG}", f"probe --all {CONFIG}"}
)
Key = tuple[str, str, int]
"""Host, address and port, or target, domain and 0."""
Verdict = tuple[object, str, tuple[tuple[str, str], ...]]
"""The state of an endpoint or the success of a domain, why it is untestable, and each reason with its severity.

The state of a domain that works with a host that does not is ok to the agent, and a warning to who looks by hand.
"""


@dataclass
class World:
    """The broken servers, and the agent that has probed each of them once."""

    directory: Path
    rows: list[dict[str, Any]]
    agent: Agent


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    directory = tmp_path_factory.mktemp("broken")
    servers = subprocess.Popen(
        [sys.executable, "-m", "tests.docs.broken_servers", directory], env=os.environ | {"PYTHONPATH": str(ROOT)}
    )
    try:
        wait_until((directory / "ready").exists, PATIENCE, lambda: "the servers")
        with running(directory) as agent:
            wait_until(lambda: bool(agent.address), PATIENCE, agent.said)

            def pending() -> bool:
                states = [each["state"] for each in api(agent, "endpoints") + api(agent, "domains")]
                return not states or "pending" in states

            wait_until(lambda: not pending(), PATIENCE, agent.said)
            yield World(directory, json.loads((directory / "rows.json").read_text()), agent)
    finally:
        servers.kill()
        servers.wait()


def api(agent: Agent, what: str) -> list[dict[str, Any]]:
    status, body = agent.curl(f"/api/v1/{what}")
    assert status == 200, body
    found: list[dict[str, Any]] = json.loads(body)
    return found


def verdicts(facts: list[dict[str, Any]]) -> dict[Key, Verdict]:
    found: dict[Key, Verdict] = {}
    for each in facts:
        problems = tuple((problem["reason"], problem["severity"]) for problem in each["problems"])
        if "domain" in each:
            found[each["target"], each["domain"], 0] = (each["success"], "", problems)
        else:
            found[each["host"], each["address"], each["port"]] = (each["state"], each["untestable"] or "", problems)
    return found


def filled(word: str, row: dict[str, Any]) -> str:
    return re.sub("HOST|PORT|DOMAIN|TARGET", lambda match: str(row[match[0]]), word)


def typed(shape: str, world: World) -> list[str]:
    """A command of a runbook, for all rows at once that it fits."""
    what = [each for each in ("HOST", "DOMAIN", "TARGET") if each in shape]
    rows = [row for row in world.rows if all(each in row for each in what)]
    words: list[str] = []
    for word in shlex.split(shape):
        if word == CONFIG:
            words.append("--config.file=smtp-exporter.yaml")
        elif re.search("HOST|DOMAIN|TARGET", word):
            option = [words.pop()] if words[-1] in ("--domain", "--target") else []
            words += [part for row in rows for part in (*option, filled(word, row))]
        else:
            words.append(word)
    return words


@pytest.mark.real
def test_the_agent_finds_what_each_server_shows(world: World) -> None:
    found = verdicts(api(world.agent, "endpoints"))
    reasons = {host: {reason for reason, _ in problems} for (host, _, _), (_, _, problems) in found.items()}
    shown = {row["HOST"]: set(row["SHOWS"]) for row in world.rows if "SHOWS" in row}
    assert {host: reasons[host] for host in shown} == shown


@pytest.mark.real
@pytest.mark.parametrize("shape", SHAPES)
def test_the_terminal_says_what_the_agent_says(shape: str, world: World) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "exporter", *typed(shape, world), "--format=json"],
        cwd=world.directory, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = verdicts(json.loads(done.stdout))
    expected = verdicts(api(world.agent, "endpoints") + api(world.agent, "domains"))
    assert found, done.stderr
    assert [(key, expected.get(key), verdict) for key, verdict in found.items() if verdict != expected.get(key)] == []
