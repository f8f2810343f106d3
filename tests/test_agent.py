"""What the agent does around the probes: names, addresses, limits, start and end."""

import asyncio
import logging
import resource
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from exporter.agent import (
    SPARE_DESCRIPTORS,
    Agent,
    Options,
    StartError,
    descriptors_for,
    fit_for_ehlo,
    listen_address,
)
from exporter.config import Config, load
from exporter.egress import ballot
from exporter.model import Peer, Settings
from exporter.reasons import Reason
from exporter.simulated.certificates import Zoo
from exporter.simulated.client import Client
from exporter.simulated.scripts import SCRIPTS
from tests.conftest import Serve


@pytest.mark.parametrize(
    ("name", "fit"),
    [
        ("probe.example.net", True),
        ("probe-1.eu.example.net", True),
        ("probe", False),
        ("localhost", False),
        ("localhost.localdomain", False),
        ("probe.local", False),
        ("Probe.Local", False),
        ("probe.internal", True),
        ("probe_1.example.net", False),
        ("192.0.2.1", False),
        ("probe.example.net.", False),
        ("x" * 64 + ".example.net", False),
        ("evil\r\n.example.net", False),
        ("", False),
    ],
)
def test_which_names_may_be_said_in_ehlo(name: str, fit: bool) -> None:
    assert fit_for_ehlo(name) is fit


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


# --- descriptors ----------------------------------------------------------------------------------------------


@pytest.fixture
def limits() -> Iterator[tuple[int, int]]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield before
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_the_limit_is_raised_as_far_as_needed(limits: tuple[int, int]) -> None:
    _, hard = limits
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    assert descriptors_for(300) == 300
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (300 + SPARE_DESCRIPTORS, hard)


def test_a_limit_that_suffices_is_left_alone(limits: tuple[int, int]) -> None:
    _, hard = limits
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
    assert descriptors_for(100) == 100
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (512, hard)


def test_too_low_a_limit_means_fewer_probes_and_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 1024))
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: asked.append(limits))
    assert descriptors_for(5000) == 1024 - SPARE_DESCRIPTORS
    assert asked == [(1024, 1024)]
    assert "too few file descriptors" in caplog.text


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


def config(folder: Path, *ports: int, zoo: Zoo) -> Config:
    listed = ", ".join(map(str, ports))
    path = folder / "c.yaml"
    path.write_text(
        f"global: {{interval: 1s, timeout: 1s, connect_timeout: 1s, tls: {{ca_file: {zoo.ca_file}}}}}\n"
        f"targets: [{{host: 127.0.0.1, ports: [{listed}]}}]\n"
    )
    return load(path)


async def until(there: Callable[[], object], running: asyncio.Task[None]) -> None:
    """Wait for what has no event, as long as it runs, and 5 s."""
    async with asyncio.timeout(5):
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
    await asyncio.wait_for(running, 5)
    assert (agent.pages.ready, state.word) == (False, "ok")


async def test_a_probe_that_hangs_does_not_hold_the_end_up_and_leaves_no_result(
    tmp_path: Path, zoo: Zoo, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.agent.DRAIN", 0.05)
    server = await serve(Client.stall)
    agent = Agent(config(tmp_path, server.port, zoo=zoo), LOOPBACK)
    running = asyncio.create_task(agent.run())
    await until(lambda: server.conversations, running)
    began = time.monotonic()
    agent.stop.set()
    await asyncio.wait_for(running, 5)
    assert time.monotonic() - began < 2
    (state,) = agent.board.states.values()
    assert state.result is None


async def test_a_port_in_use_is_an_error_of_the_start(tmp_path: Path, zoo: Zoo) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StartError, match=f"cannot listen on 127.0.0.1:{port}: "):
            await Agent(config(tmp_path, 1, zoo=zoo), Options(listen=(("127.0.0.1", port),))).run()
