"""docs/migrating-from-blackbox.md, as it is written, run by a real Prometheus: both ways, and its alert rules.

Of the document only ports and times are changed. Its names are in a hosts file, its servers are simulated ones; the
agent is the real one.
"""

import asyncio
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from exporter.simulated.certificates import Kind
from exporter.simulated.dialogues import refusing
from exporter.simulated.healthy import SmtpServer
from tests.real.agent import Agent, running
from tests.real.conftest import require
from tests.real.machine import can_mount

if TYPE_CHECKING:
    from exporter.simulated.certificates import Zoo
    from tests.conftest import Serve
    from tests.real.prometheus import Start

DOCUMENT = Path(__file__).parents[2] / "docs/migrating-from-blackbox.md"
BLOCKS = [
    yaml.safe_load(text) for text in re.findall(r"^```yaml\n(.*?)^```", DOCUMENT.read_text(), re.DOTALL | re.MULTILINE)
]
PROBE_CONFIG, PROBE_SCRAPE, RULES, OWN_CONFIG, OWN_SCRAPE = BLOCKS
NAMES = ("mail.example.com", "mx1.mx.example.com")
BEFORE = re.findall(r"^\| `(probe_[^`]+)` *[|,]", DOCUMENT.read_text().partition("| before |")[2], re.MULTILINE)
EVERY_SECOND = {"scrape_interval": "1s", "scrape_timeout": "1s"}
SCRAPE = PROBE_SCRAPE["scrape_configs"][0]
WITH_HOSTS = ("unshare", "--mount", "sh", "-c", 'mount --bind hosts /etc/hosts && exec "$@"', "sh")
"""Before the agent's command: it sees the hosts file of its directory, nobody else does."""
StartAgent = Callable[..., Agent]


@pytest.fixture
async def servers(serve: "Serve", zoo: "Zoo") -> dict[str, str]:
    """A healthy server and one that refuses, in the place of the targets of the document."""
    credentials = zoo.issue(Kind(names=NAMES[:1], issuer="intermediate"))
    healthy = await serve(SmtpServer(credentials, auth=("PLAIN",), banner="mail.example.com ESMTP Postfix"))
    broken = await serve(refusing("554 5.3.0 no service here"))
    written = SCRAPE["static_configs"][0]["targets"]
    return {old: f"{name}:{port}" for old, name, port in zip(written, NAMES, (healthy.port, broken.port), strict=True)}


@pytest.fixture
async def start(tmp_path: Path, zoo: "Zoo") -> AsyncIterator[StartAgent]:
    """Start the agent with a configuration of the document, where its names have addresses and its CA is trusted."""
    require(there=can_mount(), otherwise="a hosts file of one's own needs a mount namespace")
    stack = ExitStack()

    def run(config: dict[str, Any], **of_all: object) -> Agent:
        own = {"global": {"tls": {"ca_file": str(zoo.ca_file)}, **of_all}}
        (tmp_path / "smtp-exporter.yaml").write_text(yaml.safe_dump(own | config))
        (tmp_path / "hosts").write_text(f"127.0.0.1 {' '.join(NAMES)}\n")
        agent = stack.enter_context(running(tmp_path, before=WITH_HOSTS))
        agent.until_said("msg=probing")
        return agent

    yield run
    await asyncio.to_thread(stack.close)  # its servers are in this loop


def translated(value: Any, words: dict[Any, Any]) -> Any:
    """The same with other words in the place of some."""
    if isinstance(value, dict):
        return {key: translated(each, words) for key, each in value.items()}
    if isinstance(value, list):
        return [translated(each, words) for each in value]
    return words.get(value, value)


async def test_the_first_way_works_as_it_is_written(
    prometheus: "Start", start: StartAgent, servers: dict[str, str]
) -> None:
    agent = await asyncio.to_thread(start, PROBE_CONFIG)
    job = translated(SCRAPE, {**servers, "localhost:10225": agent.address}) | EVERY_SECOND
    scraping = await asyncio.to_thread(prometheus, [], **job)
    healthy, broken = servers.values()

    async def wait_for(expression: str) -> list[Any]:
        return await asyncio.to_thread(scraping.wait_for, expression)

    assert await wait_for(f'probe_success{{instance="{healthy}",job="smtp-probe"}} == 1')
    assert await wait_for(f'smtp_probe_success{{instance="{healthy}"}} == 1')
    [problem] = await wait_for(f'smtp_probe_problem{{instance="{broken}",primary="true"}}')
    assert (problem.labels["stage"], problem.labels["reason"]) == ("greeting", "greeting_rejected")
    assert not problem.labels.keys() & {"target", "host", "address", "port"}
    fires = {
        rule["alert"]: await asyncio.to_thread(scraping.query, rule["expr"]) for rule in RULES["groups"][0]["rules"]
    }
    assert {name: [each.labels["instance"] for each in found] for name, found in fires.items()} == {
        "SmtpProbeFailing": [broken],
        "SmtpProbeCertificateExpiresSoon": [],
        "SmtpProbeCertificateInvalid": [],
        "SmtpProbeNotAnswered": [],
    }
    for before in BEFORE:
        assert isinstance(await asyncio.to_thread(scraping.query, before), list)


def test_the_document_has_alerts_of_before() -> None:
    assert len(BEFORE) == 4


def test_promtool_finds_nothing_wrong_with_the_rules(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    require(there=promtool, otherwise="promtool is missing: make tools")
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(RULES))
    done = subprocess.run([str(promtool), "check", "rules", tmp_path / "rules.yml"], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


async def test_the_second_way_works_as_it_is_written(
    prometheus: "Start", servers: dict[str, str], start: StartAgent
) -> None:
    healthy, broken = (int(each.rpartition(":")[2]) for each in servers.values())
    agent = await asyncio.to_thread(
        start, translated(OWN_CONFIG, {587: healthy, 25: broken}), interval="1s", timeout="1s"
    )
    job = translated(OWN_SCRAPE["scrape_configs"][0], {"localhost:10225": agent.address}) | EVERY_SECOND
    scraping = await asyncio.to_thread(prometheus, [], **job)
    for name, port, success in zip(NAMES, (healthy, broken), (1, 0), strict=True):
        expression = f'smtp_probe_success{{port="{port}"}} == {success}'
        [sample] = await asyncio.to_thread(scraping.wait_for, expression)
        assert (sample.labels["target"], sample.labels["host"], sample.labels["address"]) == (name, name, "127.0.0.1")


# --- what it answers to people --------------------------------------------------------------------------------


async def test_what_curl_is_told(servers: dict[str, str], start: StartAgent) -> None:
    agent = await asyncio.to_thread(start, PROBE_CONFIG)
    healthy, broken = servers.values()

    async def told(query: str, *arguments: str) -> tuple[int, str]:
        return await asyncio.to_thread(agent.curl, f"/probe?{query}", *arguments)

    status, text = await told(f"target={healthy}&module=smtp_starttls")
    assert (status, "\nprobe_success 1\n" in text, "\nsmtp_certificate_valid 1\n" in text) == (200, True, True)
    status, text = await told(f"target={broken}&debug=true")
    assert (status, "S 554 5.3.0 no service here" in text, "critical greeting_rejected" in text) == (200, True, True)
    assert (await told("target=other.example.net"))[0] == 403
    assert (await told(f"target={healthy.replace(NAMES[0], '127.0.0.1')}"))[0] == 403
    assert (await told(f"target={healthy}&module=nonsense"))[0] == 400
    assert (await told(f"target={healthy}", "--header", "X-Prometheus-Scrape-Timeout-Seconds: soon"))[0] == 400
    assert (await told(f"target={healthy}", "--data", ""))[0] == 405
