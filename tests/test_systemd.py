"""What systemd is told and what it passes, over real Unix sockets."""

import asyncio
import contextlib
import os
import resource
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from exporter.systemd import VARIABLES, SocketsError, Systemd
from tests.patience import PATIENCE

PID = 4711


@pytest.fixture(params=["path", "abstract"])
def inbox(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    """A NOTIFY_SOCKET and systemd's end of it."""
    name = f"/{tmp_path}/notify" if request.param == "path" else f"@smtp-exporter-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(name.replace("@", "\0"))
        listening.settimeout(PATIENCE)
        yield name, listening


@pytest.fixture
def service(inbox: tuple[str, socket.socket]) -> Iterator[Systemd]:
    """A process that systemd started, watches, and hears."""
    with closing(Systemd({"NOTIFY_SOCKET": inbox[0], "WATCHDOG_USEC": "20000000"})) as it:
        yield it


def heard(listening: socket.socket) -> list[str]:
    return listening.recv(4096).decode().split("\n")


def test_every_variable_is_removed_whoever_it_was_for() -> None:
    environ = dict.fromkeys(VARIABLES, "1") | {"HOME": "/"}
    Systemd(environ, pid=PID)
    assert environ == {"HOME": "/"}


# --- messages -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("say", "lines"),
    [
        pytest.param(lambda it: it.ready("3 endpoints"), ["READY=1", "STATUS=3 endpoints"], id="ready"),
        pytest.param(lambda it: it.stopping(), ["STOPPING=1", "STATUS=stopping"], id="stopping"),
        pytest.param(
            lambda it: it.ready("not read:\nWATCHDOG=trigger\x1b"),
            ["READY=1", "STATUS=not read: WATCHDOG=trigger "],
            id="no message hides in a status",
        ),
        pytest.param(lambda it: it.ready("x" * 1000), ["READY=1", "STATUS=" + "x" * 200], id="a status is short"),
    ],
)
def test_what_systemd_is_told(
    service: Systemd, inbox: tuple[str, socket.socket], say: Callable[[Systemd], None], lines: list[str]
) -> None:
    say(service)
    assert heard(inbox[1]) == lines


def test_a_reload_tells_its_time_on_the_monotonic_clock(
    service: Systemd, inbox: tuple[str, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.clock_gettime_ns", {time.CLOCK_MONOTONIC: 12_345_678_999}.__getitem__)
    service.reloading()
    assert heard(inbox[1]) == ["RELOADING=1", "MONOTONIC_USEC=12345678"]


@pytest.mark.parametrize("name", ["", "vsock:2:1234", "relative/path"])
def test_without_a_socket_of_a_kind_we_know_nobody_is_told(name: str, caplog: pytest.LogCaptureFixture) -> None:
    Systemd({"NOTIFY_SOCKET": name}).ready("x")
    assert caplog.messages == []


def test_a_systemd_that_is_gone_costs_a_line_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with closing(Systemd({"NOTIFY_SOCKET": f"{tmp_path}/gone"})) as service:
        service.ready("x")
    assert [(each.message, vars(each)["what"]) for each in caplog.records] == [("systemd cannot be told", "READY=1")]


def test_a_systemd_that_does_not_read_is_not_waited_for(
    service: Systemd, inbox: tuple[str, socket.socket], caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other, contextlib.suppress(BlockingIOError):
        other.settimeout(0)
        while True:
            other.sendto(b"X=1", inbox[0].replace("@", "\0"))
    service.ready("x")
    assert caplog.messages == ["systemd cannot be told"]


# --- the watchdog ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({}, 0),
        ({"WATCHDOG_USEC": "30000000"}, 30),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(PID)}, 30),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, 0),
        ({"WATCHDOG_USEC": "-1"}, 0),
        ({"WATCHDOG_USEC": "soon"}, 0),
        ({"WATCHDOG_USEC": "9" * 5000}, 0),
    ],
    ids=["none", "for anybody", "for us", "for another process", "negative", "no number", "endless"],
)
def test_how_often_the_watchdog_wants_to_be_fed(environ: dict[str, str], seconds: float) -> None:
    assert Systemd(environ, pid=PID).watchdog == seconds


async def feed(service: Systemd, *moves: str) -> list[float]:
    """Feed once for each of `moves`; the pauses between."""
    pauses: list[float] = []
    answers = iter(moves)

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == len(moves):
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await service.feed(lambda: bool(next(answers)), sleep)
    return pauses


async def test_the_watchdog_is_fed_only_while_something_moves(
    service: Systemd, inbox: tuple[str, socket.socket], caplog: pytest.LogCaptureFixture
) -> None:
    pauses = await feed(service, "moves", "", "moves")
    assert pauses == [5.0, 5.0, 5.0]
    assert [heard(inbox[1]), heard(inbox[1])] == [["WATCHDOG=1"], ["WATCHDOG=1"]]
    inbox[1].settimeout(0)
    with pytest.raises(BlockingIOError):
        heard(inbox[1])
    assert caplog.messages == ["nothing moves: the watchdog is not fed"]


async def test_without_a_watchdog_feeding_ends_at_once() -> None:
    await Systemd({}).feed(lambda: pytest.fail("asked"))


def test_a_process_without_descriptors_left_still_tells(service: Systemd, inbox: tuple[str, socket.socket]) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1, hard))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            os.open(os.devnull, os.O_RDONLY)
        service.ready("x")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert heard(inbox[1]) == ["READY=1", "STATUS=x"]


# --- sockets --------------------------------------------------------------------------------------------------

FIRST = 190
"""Where these tests have systemd's descriptors begin; 3 is taken in a running pytest."""


def passed(*files: socket.socket, pid: int = PID, count: int | None = None) -> Systemd:
    """The service after systemd passed copies of these."""
    for number, each in enumerate(files):
        os.dup2(each.fileno(), FIRST + number)
    number = len(files) if count is None else count
    environ = {"LISTEN_FDS": str(number), "LISTEN_PID": str(pid), "LISTEN_FDNAMES": "web:more"}
    return Systemd(environ, pid=PID)


def test_listening_sockets_are_taken_in_order() -> None:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("::1", 0), family=socket.AF_INET6) as two:
        taken = passed(one, two).sockets(FIRST)
        assert [each.getsockname() for each in taken] == [one.getsockname(), two.getsockname()]
        assert [(each.gettimeout(), each.get_inheritable()) for each in taken] == [(0.0, False), (0.0, False)]
        for each in taken:
            each.close()


@pytest.mark.parametrize(("pid", "count"), [(1, 1), (PID, 0)], ids=["for another process", "none"])
def test_where_none_were_passed_that_is_an_error(pid: int, count: int) -> None:
    with pytest.raises(SocketsError, match="systemd passed no socket"):
        passed(pid=pid, count=count).sockets(FIRST)


def test_a_descriptor_that_is_not_there_is_an_error() -> None:
    with pytest.raises(SocketsError, match=r"descriptor 190 \(web\) that systemd passed: Bad file descriptor"):
        passed(count=1).sockets(FIRST)


@pytest.mark.parametrize(
    ("family", "kind"),
    [
        pytest.param(socket.AF_INET, socket.SOCK_STREAM, id="does not listen"),
        pytest.param(socket.AF_INET, socket.SOCK_DGRAM, id="UDP"),
        pytest.param(socket.AF_UNIX, socket.SOCK_DGRAM, id="Unix"),
    ],
)
def test_a_socket_of_another_kind_is_an_error(family: socket.AddressFamily, kind: socket.SocketKind) -> None:
    with socket.socket(family, kind) as one:
        service = passed(one)
        try:
            with pytest.raises(SocketsError, match=r"descriptor 190 \(web\) that systemd passed is no TCP socket"):
                service.sockets(FIRST)
        finally:
            os.close(FIRST)
