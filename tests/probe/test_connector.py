"""Which of several addresses is connected to, in which time, and what is told where none is."""

import asyncio
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from exporter.probe.connector import MOST_ADDRESSES
from exporter.reasons import Reason, Stage
from exporter.simulated.healthy import SmtpServer
from exporter.simulated.ports import closed_port, dropping_port
from tests.probe.scenarios import IN_CLEAR, RELAY

if TYPE_CHECKING:
    from tests.conftest import Serve
    from tests.probe.conftest import Probe


async def test_the_next_address_is_tried_where_one_refuses(serve: "Serve", probe: "Probe") -> None:
    server = await serve(SmtpServer())
    result = await probe(server.port, IN_CLEAR, addresses=("127.0.0.2", "127.0.0.3", "127.0.0.1"))
    assert (result.address, result.connected, result.ended) == ("127.0.0.1", True, None)
    assert sum(step.stage is Stage.CONNECT and "connecting" in step.lines[0] for step in result.steps) == 3


async def test_where_no_address_connects_the_last_one_is_told(probe: "Probe") -> None:
    with closed_port() as port:
        result = await probe(port, RELAY, addresses=("127.0.0.2", "127.0.0.1"))
    assert result.ended is not None
    assert (result.address, result.connected, result.ended.reason) == ("127.0.0.1", False, Reason.CONNECTION_REFUSED)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


SILENT = ("127.0.0.2", "127.0.0.3", "127.0.0.4")


@contextmanager
def silent(port: int, addresses: Sequence[str] = SILENT) -> Iterator[None]:
    with ExitStack() as held:
        for address in addresses:
            held.enter_context(dropping_port(address, port))
        yield


async def test_after_three_silent_addresses_the_good_one_is_reached_in_time(serve: "Serve", probe: "Probe") -> None:
    server = await serve(SmtpServer())
    with silent(server.port):
        patient = replace(IN_CLEAR, connect_timeout=1.0, timeout=2.5)
        result = await probe(server.port, patient, addresses=(*SILENT, "127.0.0.1"))
    assert (result.address, result.connected, result.ended) == ("127.0.0.1", True, None)
    assert result.stages[Stage.CONNECT] >= 3 * 1.0 / 4


def accept_and_close(listener: socket.socket) -> None:
    listener.accept()[0].close()


async def test_an_address_that_answers_late_is_taken_if_it_is_the_first(probe: "Probe") -> None:
    """The system sends its SYN once more after a second."""
    with socket.create_server(("127.0.0.2", 0), backlog=0) as slow:
        port = slow.getsockname()[1]
        with silent(port, ("127.0.0.3",)), socket.create_connection(("127.0.0.2", port)):
            asyncio.get_running_loop().call_later(0.6, accept_and_close, slow)
            patient = replace(IN_CLEAR, connect_timeout=2.0, timeout=2.0)
            result = await probe(port, patient, addresses=("127.0.0.2", "127.0.0.3"))
    assert (result.address, result.connected) == ("127.0.0.2", True)


async def test_the_next_address_is_tried_where_the_loop_was_away_for_longer_than_the_time_to_connect(
    probe: "Probe", serve: "Serve", monkeypatch: pytest.MonkeyPatch
) -> None:
    server, loop = await serve(SmtpServer()), asyncio.get_running_loop()
    clock, away = loop.time, [0.0]
    monkeypatch.setattr(loop, "time", lambda: clock() + away[-1])
    loop.call_later(0.01, away.append, 5.0)
    with silent(server.port, ("127.0.0.2",)):
        patient = replace(IN_CLEAR, connect_timeout=1.0, timeout=30.0)
        result = await probe(server.port, patient, addresses=("127.0.0.2", "127.0.0.1"))
    assert (result.address, result.connected, result.ended) == ("127.0.0.1", True, None)


async def test_silent_addresses_are_told_as_silent(probe: "Probe", serve: "Serve") -> None:
    server = await serve(SmtpServer())
    with silent(server.port):
        result = await probe(server.port, replace(RELAY, connect_timeout=0.1, timeout=0.6), addresses=SILENT)
    assert result.ended is not None
    assert (result.connected, result.ended.reason) == (False, Reason.CONNECTION_TIMEOUT)
    assert sum(step.lines[0].endswith("no answer") for step in result.steps) == len(SILENT)


async def test_one_that_is_still_silent_is_waited_for_where_the_others_refuse(probe: "Probe", serve: "Serve") -> None:
    server = await serve(SmtpServer())
    with silent(server.port, ("127.0.0.2",)):
        patient = replace(RELAY, connect_timeout=0.2, timeout=0.6)
        result = await probe(server.port, patient, addresses=("127.0.0.2", "127.0.0.3"))
    assert result.ended is not None
    assert (result.address, result.ended.reason) == ("127.0.0.2", Reason.CONNECTION_TIMEOUT)


async def test_the_address_is_that_whose_failure_is_told(probe: "Probe", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporter.probe.connector.has_route", lambda _address: False)
    monkeypatch.setattr("exporter.probe.failures.has_route", lambda address: ":" not in address)
    with closed_port() as port:
        result = await probe(port, RELAY, addresses=("127.0.0.1", "2001:db8::1"))
    assert result.ended is not None
    assert (result.address, result.ended.reason) == ("127.0.0.1", Reason.CONNECTION_REFUSED)


async def test_of_thousands_of_addresses_some_are_tried(probe: "Probe") -> None:
    with closed_port() as port:
        result = await probe(port, RELAY, addresses=("127.0.0.1",) * 5000)
    assert sum("connecting" in step.lines[0] for step in result.steps) == MOST_ADDRESSES


async def test_what_lost_the_race_is_closed(serve: "Serve", probe: "Probe") -> None:
    server = await serve(SmtpServer())
    with silent(server.port):
        held = descriptors()
        await probe(server.port, replace(IN_CLEAR, connect_timeout=0.2), addresses=(*SILENT, "127.0.0.1"))
        await server.settled()
        assert descriptors() == held
