"""The demo shows what it announces."""

import asyncio
import contextlib
import errno
import fcntl
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import termios
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import pytest

from exporter import cli, demo
from exporter.agent import Agent, Options
from exporter.board import Board
from exporter.config import Config, load
from exporter.demo import write_configuration
from exporter.demo.table import BLOCKED, BLOCKED_HOSTS, DEMO, MAIL_DOMAINS, Simulated
from exporter.demo.world import World
from exporter.egress import Way
from exporter.model import Peer, Result
from exporter.probe.prober import Prober
from exporter.simulated.certificates import Zoo
from exporter.simulated.ports import closed_port, dropping_port
from exporter.simulated.scripts import SCRIPTS
from exporter.trust import Judge
from tests.conftest import Serve
from tests.patience import PATIENCE
from tests.results import endpoint

ROOT = Path(cli.__file__).parents[1]


def test_there_are_a_dozen_or_more() -> None:
    assert len(DEMO) >= 12
    assert len({row.target for row in DEMO}) == len(DEMO)


def test_its_configuration_loads(tmp_path: Path, zoo: Zoo) -> None:
    config = load(write_configuration(tmp_path, at(*range(1, len(DEMO) + 1)), zoo.ca_file))
    names = [row.target for row in DEMO] + [row.target for row in MAIL_DOMAINS] + [BLOCKED] * len(BLOCKED_HOSTS)
    assert [target.name for target in config.targets] == names


def at(*ports: int) -> World:
    """Servers of DEMO at these ports."""
    return World(ports, mx_port=1, blocked_port=1, nameserver="127.0.0.1:1")


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
        config = load(write_configuration(tmp_path, at(*numbers), zoo.ca_file))
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


@contextlib.asynccontextmanager
async def run_demo(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Agent, list[str], asyncio.Task[None]]]:
    """The demo, hastier than usual, once it has said where to look; what it said; its task."""
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
    yield agents[0], said, running
    await asyncio.wait_for(running, PATIENCE)


async def scraped(agent: Agent) -> str:
    _, port = agent.addresses[0]
    async with aiohttp.ClientSession() as client, client.get(f"http://127.0.0.1:{port}/metrics") as answer:
        return await answer.text()


async def test_the_whole_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    async with run_demo(monkeypatch) as (agent, said, running):
        await until(lambda: len(agent.board.states) > len(DEMO) + len(BLOCKED_HOSTS), running)
        await until(lambda: all(state.result for state in agent.board.states.values()), running)
        await until(lambda: dict(agent.board.blocked_ways()).get(way_of(agent, BLOCKED)), running)
        metrics = await scraped(agent)
        assert f"http://127.0.0.1:{agent.addresses[0][1]}/metrics" in said[-1]
        agent.stop.set()
    untestable = len(BLOCKED_HOSTS) + 1
    assert metrics.count("\nsmtp_probe_success{") == len(agent.board.endpoints) - untestable
    assert metrics.count('reason="egress_blocked"} 1') == len(BLOCKED_HOSTS)
    for row in MAIL_DOMAINS:
        assert f'smtp_domain_success{{target="{row.target}",domain="{row.domain}"}} {row.success:d}\n' in metrics


def way_of(agent: Agent, target: str) -> Way:
    return next(Way(each.peer.port, 4) for each in agent.board.endpoints if each.target == target)


@pytest.mark.parametrize(
    ("started", "shown"),
    [
        (ROOT / "exporter" / "__main__.py", "python -m exporter"),
        (Path.cwd() / ".venv" / "bin" / "smtp-exporter", ".venv/bin/smtp-exporter"),
        ("smtp-exporter", "smtp-exporter"),
        ("/opt/smtp-exporter/bin/smtp-exporter", "/opt/smtp-exporter/bin/smtp-exporter"),
    ],
)
def test_its_hint_calls_the_program_as_it_was_started(
    monkeypatch: pytest.MonkeyPatch, started: Path | str, shown: str
) -> None:
    monkeypatch.setattr(sys, "argv", [str(started), "demo"])
    assert demo._program() == shown


async def test_the_demo_ends_with_its_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    async with run_demo(monkeypatch) as (agent, _, _):
        port = way_of(agent, "relay, healthy").port
        signal.raise_signal(signal.SIGHUP)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_it_ends_when_its_terminal_is_closed() -> None:
    ours, theirs = os.openpty()

    def take_terminal() -> None:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    with subprocess.Popen(
        [sys.executable, "-m", "exporter", "demo", "--web.listen-address=127.0.0.1:0"],
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, preexec_fn=take_terminal,  # noqa: PLW1509 - no threads here
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    ) as running:  # fmt: skip
        try:
            os.close(theirs)
            said = b""
            while b"Ctrl-C ends it" not in said:
                said += os.read(ours, 4096)
            os.close(ours)
            assert running.wait(PATIENCE) == 0
        finally:
            running.kill()
    folder = re.findall(rb"(/\S+)/smtp-exporter.yaml", said)[0].decode()
    assert not Path(folder).exists()


def test_where_its_port_is_taken_it_says_how_to_choose_another(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert cli.main(["demo", f"--web.listen-address=127.0.0.1:{port}"]) == 1
    flag = f"--web.listen-address=127.0.0.1:{port + 1}"
    assert capsys.readouterr().err == (
        f"smtp-exporter: cannot listen on 127.0.0.1:{port}: Address already in use. "
        f"Choose another port: smtp-exporter demo {flag}, or make demo ARGS={flag}\n"
    )


@pytest.mark.parametrize("target", ["demo", "run"])
def test_make_hands_its_args_on(target: str) -> None:
    flag = "--web.listen-address=127.0.0.1:10226"
    command = ["make", "--no-print-directory", "--dry-run", target, f"ARGS={flag} --log.level=debug"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert told.splitlines()[-1].endswith(f"{flag} --log.level=debug")


async def test_nobody_need_read_what_the_demo_says(monkeypatch: pytest.MonkeyPatch) -> None:
    async with run_demo(monkeypatch) as (agent, _, _):

        def fail(_: str) -> None:
            raise OSError(errno.EIO, "the terminal is gone")

        await demo._tell(agent, Path(), at(*[1] * len(DEMO)), fail)
        agent.stop.set()


async def test_what_it_says_fits_into_80_columns_and_its_hint_shows_what_the_agent_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with run_demo(monkeypatch) as (agent, said, _):
        command = next(line.split(" probe ")[1] for line in said[-1].splitlines() if " probe " in line)
        code = await asyncio.to_thread(cli.main, ["probe", *shlex.split(command), "--format=line"])
        agent.stop.set()
    assert (code, capsys.readouterr().out.split("\t")[3:5]) == (2, ["wrong password", "auth_rejected"])
    assert [line for line in "\n".join(said[:-1]).splitlines() if len(line) > 79] == []
