"""docs/migrating-from-blackbox.md, as it is written, run by a real Prometheus: both ways, and its alert rules.

Of the document only ports and times are changed. Its names are in a hosts file, its servers are simulated ones.
"""

import asyncio
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import TestServer

from exporter.config import load
from exporter.exposition import TEXT
from exporter.model import TlsSettings
from exporter.multitarget import MultiTarget
from exporter.probe.prober import Prober
from exporter.resolve import Resolver
from exporter.simulated.certificates import Kind
from exporter.simulated.dialogues import refusing
from exporter.simulated.healthy import SmtpServer
from exporter.trust import Judge
from tests.real.conftest import require

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


@pytest.fixture
async def servers(serve: "Serve", zoo: "Zoo") -> dict[str, str]:
    """A healthy server and one that refuses, in the place of the targets of the document."""
    credentials = zoo.issue(Kind(names=NAMES[:1], issuer="intermediate"))
    healthy = await serve(SmtpServer(credentials, auth=("PLAIN",), banner="mail.example.com ESMTP Postfix"))
    broken = await serve(refusing("554 5.3.0 no service here"))
    written = SCRAPE["static_configs"][0]["targets"]
    return {old: f"{name}:{port}" for old, name, port in zip(written, NAMES, (healthy.port, broken.port), strict=True)}


@pytest.fixture
async def probe_endpoint(tmp_path: Path, zoo: "Zoo") -> AsyncIterator[str]:
    """The host:port of an HTTP server that answers /probe by the document's configuration."""
    (tmp_path / "smtp.yaml").write_text(yaml.safe_dump(PROBE_CONFIG))
    (tmp_path / "hosts").write_text(f"127.0.0.1 {' '.join(NAMES)}\n")
    config = load(tmp_path / "smtp.yaml")
    ours = TlsSettings(str(zoo.ca_file))
    config = replace(config, plain={key: replace(each, tls=ours) for key, each in config.plain.items()})
    prober = Prober(asyncio.get_running_loop(), Judge(), ehlo_name="probe.example.net")
    multi = MultiTarget(config, prober, Resolver(hosts_file=tmp_path / "hosts"))

    async def probe(request: web.Request) -> web.Response:
        answer = await multi.answer(request.query.items(), request.headers.get("X-Prometheus-Scrape-Timeout-Seconds"))
        kind = {"Content-Type": TEXT if answer.metrics else "text/plain; charset=utf-8"}
        return web.Response(status=answer.status, text=answer.text, headers={**kind, **answer.headers})

    app = web.Application()
    app.add_routes([web.get("/probe", probe)])
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(TestServer(app))
        yield f"{server.host}:{server.port}"
        prober.abort()


def translated(value: Any, words: dict[str, str]) -> Any:
    """The same with other words in the place of some."""
    if isinstance(value, dict):
        return {key: translated(each, words) for key, each in value.items()}
    if isinstance(value, list):
        return [translated(each, words) for each in value]
    return words.get(value, value)


async def test_the_first_way_works_as_it_is_written(
    prometheus: "Start", probe_endpoint: str, servers: dict[str, str]
) -> None:
    job = translated(SCRAPE, {**servers, "localhost:10225": probe_endpoint}) | EVERY_SECOND
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
    prometheus: "Start", servers: dict[str, str], tmp_path: Path, zoo: "Zoo"
) -> None:
    """The names of the document are not in this machine's hosts file: the agent is given the address."""
    port = int(servers["mail.example.com:587"].rpartition(":")[2])
    config = translated(OWN_CONFIG, {"mail.example.com": "127.0.0.1", "mx1.mx.example.com": "127.0.0.2"})
    config["targets"][0]["ports"][0] |= {"port": port}
    config["global"] = {
        "interval": "2s",
        "timeout": "1s",
        "tls": {"ca_file": str(zoo.ca_file), "server_name": NAMES[0]},
    }
    (tmp_path / "smtp.yaml").write_text(yaml.safe_dump(config))
    command = [sys.executable, "-m", "exporter", "run", f"--config.file={tmp_path / 'smtp.yaml'}"]
    agent = await asyncio.create_subprocess_exec(
        *command, "--web.listen-address=127.0.0.1:0", stderr=asyncio.subprocess.PIPE
    )
    try:
        assert agent.stderr
        async with asyncio.timeout(20):
            while not (found := re.search(rb"address=\"?(127\.0\.0\.1:\d+)", await agent.stderr.readline())):
                pass
        job = translated(OWN_SCRAPE["scrape_configs"][0], {"localhost:10225": found[1].decode()}) | EVERY_SECOND
        scraping = await asyncio.to_thread(prometheus, [], **job)
        [sample] = await asyncio.to_thread(scraping.wait_for, f'smtp_probe_success{{port="{port}"}} == 1')
        assert (sample.labels["target"], sample.labels["address"]) == ("127.0.0.1", "127.0.0.1")
    finally:
        agent.terminate()
        await agent.communicate()
