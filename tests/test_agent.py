"""What the agent does around the probes: where it listens, start and end, reloads."""

import asyncio
import logging
import os
import re
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from secrets import token_hex

import pytest

from exporter.agent import Agent, Options, StartError, listen_address
from exporter.board import Board
from exporter.churn import MAX_CHANGES
from exporter.config import Config, load
from exporter.egress import ballot
from exporter.exposition import render
from exporter.model import Peer, Settings
from exporter.reasons import Reason
from exporter.simulated.certificates import NAMES, Zoo
from exporter.simulated.client import Client
from exporter.simulated.healthy import SmtpServer
from exporter.simulated.scripts import SCRIPTS
from tests.conftest import Serve
from tests.patience import PATIENCE


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (":10225", (None, 10225)),
        ("127.0.0.1:0", ("127.0.0.1", 0)),
        ("[::1]:10225", ("::1", 10225)),
        ("[fe80::1%eth0]:65535", ("fe80::1%eth0", 65535)),
        ("localhost:80", ("localhost", 80)),
    ],
)
def test_addresses_to_listen_on(text: str, address: tuple[str | None, int]) -> None:
    assert listen_address(text) == address


@pytest.mark.parametrize(
    "text", ["10225", "::1:10225", "127.0.0.1", "127.0.0.1:", ":65536", ":-1", "[::1]", "", ":1e3"]
)
def test_what_is_no_address_to_listen_on(text: str) -> None:
    with pytest.raises(ValueError, match="is not an address to listen on"):
        listen_address(text)


# --- blocked from here ----------------------------------------------------------------------------------------


def test_a_line_is_logged_when_it_changes_whether_a_port_is_blocked(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "exporter.changes")
    path = tmp_path / "c.yaml"
    path.write_text("targets: [{host: 9.9.9.9, ports: [25]}]\negress: {min_hosts: 2, min_networks: 2}\n")
    board = Agent(load(path)).board
    timeout = Reason.CONNECTION_TIMEOUT
    for host, port, reason in (("9.9.9.9", 587, None), ("9.9.9.9", 25, timeout), ("8.8.8.8", 25, timeout),
                               ("7.7.7.7", 25, timeout), ("7.7.7.7", 25, None)):  # fmt: skip
        board.vote(Peer(host, "", port, Settings()), ballot(host, host, port, reason))
    assert [(record.levelname, record.message, record.port, record.family) for record in caplog.records] == [  # type: ignore[attr-defined]  # extra
        ("INFO", "port not blocked from here", 587, "ipv4"),
        ("WARNING", "port blocked from here", 25, "ipv4"),
        ("INFO", "port not blocked from here", 25, "ipv4"),
    ]


# --- start and end --------------------------------------------------------------------------------------------


def config(folder: Path, *ports: int, zoo: Zoo, timeout: str = "1s") -> Config:
    listed = ", ".join(map(str, ports))
    path = folder / "c.yaml"
    path.write_text(
        f"global: {{interval: {timeout}, timeout: {timeout}, connect_timeout: 1s, tls: {{ca_file: {zoo.ca_file}}}}}\n"
        f"targets: [{{host: 127.0.0.1, ports: [{listed}]}}]\n"
    )
    return load(path)


async def until(there: Callable[[], object], running: asyncio.Task[None]) -> None:
    """Wait for what has no event, as long as it runs."""
    async with asyncio.timeout(PATIENCE):
        while not there():
            assert not running.done(), running.exception()
            await asyncio.sleep(0.01)


LOOPBACK = Options(listen=(("127.0.0.1", 0),))


async def test_it_probes_and_ends_when_told_to(tmp_path: Path, zoo: Zoo, serve: Serve) -> None:
    server = await serve(SCRIPTS["healthy"](zoo))
    agent = Agent(config(tmp_path, server.port, zoo=zoo), LOOPBACK)
    running = asyncio.create_task(agent.run())
    await until(agent.started.is_set, running)
    assert agent.pages.ready
    (state,) = agent.board.states.values()
    await until(lambda: state.result, running)
    agent.stop.set()
    await asyncio.wait_for(running, PATIENCE)
    assert (agent.pages.ready, state.word) == (False, "ok")


async def test_a_server_that_offers_a_random_keyword_at_each_ehlo_adds_series_for_a_while_only(
    tmp_path: Path, zoo: Zoo, serve: Serve
) -> None:
    async def greet(client: Client) -> None:
        await SmtpServer(zoo.good, extensions=(f"X{token_hex(4)}",))(client)

    agent = Agent(config(tmp_path, (await serve(greet)).port, zoo=zoo, timeout="100ms"), LOOPBACK)
    running, seen = asyncio.create_task(agent.run()), set[str]()

    def probed() -> bool:
        """Scrape it meanwhile."""
        seen.update(offered(agent.board))
        return any(state.probes > 2 * MAX_CHANGES for state in agent.board.states.values())

    await until(probed, running)
    agent.stop.set()
    await asyncio.wait_for(running, PATIENCE)
    assert offered(agent.board) == ["unstable"]
    assert len(seen) <= MAX_CHANGES + 2


def offered(board: Board) -> list[str]:
    """The keywords as a scrape shows them now."""
    return re.findall('extensions="(.*?)"', "".join(render(board, time.time(), openmetrics=False)))


async def test_a_probe_that_hangs_does_not_hold_the_end_up_and_leaves_no_result(
    tmp_path: Path, zoo: Zoo, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.engine.DRAIN", 0.05)
    server = await serve(Client.stall)
    agent = Agent(config(tmp_path, server.port, zoo=zoo, timeout="1h"), LOOPBACK)
    running = asyncio.create_task(agent.run())
    await until(lambda: server.conversations, running)
    agent.stop.set()
    await asyncio.wait_for(running, PATIENCE)
    (state,) = agent.board.states.values()
    assert state.result is None


async def test_a_port_in_use_is_an_error_of_the_start(tmp_path: Path, zoo: Zoo) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StartError, match=f"cannot listen on 127.0.0.1:{port}: "):
            await Agent(config(tmp_path, 1, zoo=zoo), Options(listen=(("127.0.0.1", port),))).run()


# --- reloads --------------------------------------------------------------------------------------------------


async def test_a_reload_leads_everything_over(tmp_path: Path, zoo: Zoo, serve: Serve) -> None:
    server, other = await serve(SCRIPTS["healthy"](zoo)), await serve(SCRIPTS["healthy"](zoo))
    agent = Agent(config(tmp_path, server.port, zoo=zoo), LOOPBACK)
    running = asyncio.create_task(agent.run())
    await until(agent.started.is_set, running)
    [state] = agent.board.states.values()
    await until(lambda: state.result, running)
    path = tmp_path / "c.yaml"
    path.write_text(
        path.read_text()
        .replace("global: {", "global: {max_concurrent_probes: 7, max_probes_per_host: 3, max_addresses: 2, "
                 "nameservers: [127.0.0.99], max_concurrent_lookups: 4, ")
        .replace(f"[{server.port}]", f"[{server.port}, {other.port}]")
        + "egress: {min_hosts: 9, min_networks: 8, canaries: ['canary.test:25']}\n"
    )  # fmt: skip
    assert agent.reloads
    assert agent.engine
    assert await agent.reloads.reload() == []
    assert agent.board.states[state.peer] is state
    await until(lambda: all(each.result for each in agent.board.states.values()), running)
    assert sorted(each.peer.port for each in agent.board.states.values()) == sorted([server.port, other.port])
    engine = agent.engine
    assert (engine.schedule.room.at_once, engine.schedule.room.per_address) == (7, 3)
    assert (engine.roster._sites.bounds.max_addresses, engine.resolver._lookups._limit) == (2, 4)
    assert [each.text for each in engine.resolver._given] == ["127.0.0.99"]
    assert (agent.board.egress._min_hosts, agent.board.egress._min_networks) == (9, 8)
    assert {canary.host for canary in engine.canaries._all()} == {"canary.test"}
    assert agent.config.egress.min_hosts == 9
    agent.stop.set()
    await asyncio.wait_for(running, PATIENCE)


async def test_a_sighup_during_the_start_is_not_lost(
    tmp_path: Path, zoo: Zoo, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = await serve(SCRIPTS["healthy"](zoo))
    agent = Agent(config(tmp_path, server.port, zoo=zoo), LOOPBACK)
    before = agent.config

    async def own_name() -> None:
        os.kill(os.getpid(), signal.SIGHUP)
        await agent._hung_up.wait()

    monkeypatch.setattr("exporter.agent.own_name", own_name)
    running = asyncio.create_task(agent.run())
    await until(lambda: agent.config is not before, running)
    agent.stop.set()
    await asyncio.wait_for(running, PATIENCE)


async def test_a_bad_configuration_changes_nothing(tmp_path: Path, zoo: Zoo, serve: Serve) -> None:
    server = await serve(SCRIPTS["healthy"](zoo))
    agent = Agent(config(tmp_path, server.port, zoo=zoo), LOOPBACK)
    running = asyncio.create_task(agent.run())
    await until(agent.started.is_set, running)
    before = agent.config, dict(agent.board.states)
    path = tmp_path / "c.yaml"
    path.write_text(path.read_text() + "targest: []\n")
    assert agent.reloads
    assert await agent.reloads.reload() == [f"{path}:3:1: targest: unknown key `targest`; did you mean `targets`?"]
    assert (agent.config, dict(agent.board.states)) == before
    agent.stop.set()
    await asyncio.wait_for(running, PATIENCE)


async def test_renewed_trust_anchors_are_read(tmp_path: Path, zoo: Zoo, serve: Serve) -> None:
    server = await serve(SCRIPTS["healthy"](zoo))
    ca_file = tmp_path / "ca.pem"
    ca_file.write_bytes(zoo.ca_file.read_bytes())
    path = tmp_path / "c.yaml"
    path.write_text(
        "global: {interval: 1s, timeout: 1s, connect_timeout: 1s,"
        f" tls: {{ca_file: ca.pem, server_name: {NAMES[0]}}}}}\n"
        f"targets: [{{host: 127.0.0.1, ports: [{server.port}]}}]\n"
    )
    agent = Agent(load(path), LOOPBACK)
    running = asyncio.create_task(agent.run())
    await until(agent.started.is_set, running)
    [state] = agent.board.states.values()
    await until(lambda: state.result, running)
    assert state.result
    assert state.result.verdict
    assert state.result.verdict.not_trusted is None
    ca_file.write_bytes(zoo.self_signed.cert_chain_pem)
    assert agent.reloads
    assert await agent.reloads.reload() == []
    await until(lambda: state.result and state.result.verdict and state.result.verdict.not_trusted, running)
    agent.stop.set()
    await asyncio.wait_for(running, PATIENCE)


async def test_a_broken_target_file_holds_up_no_other(tmp_path: Path, zoo: Zoo, serve: Serve) -> None:
    """Not even one whose trust anchors are gone: they stay as they were."""
    first, second = await serve(SCRIPTS["healthy"](zoo)), await serve(SCRIPTS["healthy"](zoo))
    (tmp_path / "ca.pem").write_bytes(zoo.ca_file.read_bytes())
    broken, other, path = tmp_path / "a.yaml", tmp_path / "b.yaml", tmp_path / "c.yml"
    broken.write_text(f"- {{host: 127.0.0.1, ports: [{first.port}], tls: {{ca_file: ca.pem}}}}\n")
    path.write_text("global: {interval: 1s, timeout: 1s, connect_timeout: 1s}\ntarget_files: ['*.yaml']\n")
    agent = Agent(load(path), LOOPBACK)
    running = asyncio.create_task(agent.run())
    await until(agent.started.is_set, running)
    [state] = agent.board.states.values()
    (tmp_path / "ca.pem").unlink()
    other.write_text(f"- {{host: 127.0.0.1, ports: [{second.port}]}}\n")
    assert agent.reloads
    assert await agent.reloads.reload() == []
    assert {each.peer.port for each in agent.board.states.values()} == {first.port, second.port}
    assert agent.board.states[state.peer] is state
    value = agent.telemetry.registry.get_sample_value
    assert value("smtp_exporter_target_file_errors", {"file": str(broken)}) == 1
    assert value("smtp_exporter_target_file_errors", {"file": str(other)}) == 0
    agent.stop.set()
    await asyncio.wait_for(running, PATIENCE)
