"""The demo shows what it announces."""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest

from exporter import demo
from exporter.agent import Agent, Options
from exporter.board import Board
from exporter.config import Config, load
from exporter.demo import DEMO, Simulated, write_configuration
from exporter.model import Peer, Result
from exporter.probe.prober import Prober
from exporter.simulated.certificates import Zoo
from exporter.simulated.ports import closed_port, dropping_port
from exporter.simulated.scripts import SCRIPTS
from exporter.trust import Judge
from tests.conftest import Serve
from tests.patience import PATIENCE
from tests.results import endpoint


def test_there_are_a_dozen_or_more() -> None:
    assert len(DEMO) >= 12
    assert len({row.target for row in DEMO}) == len(DEMO)


def test_its_configuration_loads(tmp_path: Path, zoo: Zoo) -> None:
    config = load(write_configuration(tmp_path, list(range(1, len(DEMO) + 1)), zoo.ca_file))
    assert [target.name for target in config.targets] == [row.target for row in DEMO]


async def probed(peer: Peer) -> Result:
    done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
    prober = Prober(asyncio.get_running_loop(), Judge(), ehlo_name="probe.example.net")
    prober.probe(peer, (peer.host,), None, done.set_result)
    return await done


@pytest.mark.parametrize("row", DEMO, ids=lambda row: row.target)
async def test_each_server_is_what_it_announces(
    row: Simulated, tmp_path: Path, zoo: Zoo, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "TIMEOUT", "300ms")
    monkeypatch.setattr(demo, "CONNECT_TIMEOUT", "200ms")
    with contextlib.ExitStack() as ports:
        if row.script in ("closed", "dropping"):
            port = ports.enter_context(closed_port() if row.script == "closed" else dropping_port())
        else:
            port = (await serve(SCRIPTS[row.script](zoo))).port
        numbers = [port if each is row else 1 for each in DEMO]
        config = load(write_configuration(tmp_path, numbers, zoo.ca_file))
        target = config.targets[DEMO.index(row)]
        ((_, settings),) = target.ports
        board, peer = Board(), Peer("127.0.0.1", "127.0.0.1", port, settings)
        board.add(endpoint(row.target, of=peer))
        change = board.record(await probed(peer))
    assert change is not None
    said = f"untestable: {change.reason_after}" if change.after == "untestable" else change.reason_after or "ok"
    assert said == row.says.partition(" (")[0]


async def until(there: Callable[[], object], running: asyncio.Task[None]) -> None:
    """Wait for what has no event, as long as it runs."""
    async with asyncio.timeout(PATIENCE):
        while not there():
            assert not running.done(), running.exception()
            await asyncio.sleep(0.02)


async def test_the_whole_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"INTERVAL": "1s", "TIMEOUT": "400ms", "CONNECT_TIMEOUT": "300ms"}.items():
        monkeypatch.setattr(demo, name, value)
    said: list[str] = []
    agents: list[Agent] = []

    class Watched(Agent):
        def __init__(self, config: Config, options: Options) -> None:
            super().__init__(config, options)
            agents.append(self)

    monkeypatch.setattr(demo, "Agent", Watched)
    running = asyncio.create_task(demo.run((("127.0.0.1", 0),), said.append))
    await until(lambda: said and "Look at" in said[-1], running)
    (agent,) = agents
    await until(lambda: all(state.result for state in agent.board.states.values()), running)
    _, port = agent.addresses[0]
    async with aiohttp.ClientSession() as client, client.get(f"http://127.0.0.1:{port}/metrics") as answer:
        metrics = await answer.text()
    assert metrics.count("\nsmtp_probe_success{") == len(DEMO) - 1, "all but the one that is untestable"
    assert f"http://127.0.0.1:{port}/metrics" in said[-1]
    agent.stop.set()
    await asyncio.wait_for(running, PATIENCE)
