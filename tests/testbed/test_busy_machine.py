"""What keeps the tests green on a busy machine: the clock of their loop, and bounds that are no guesses."""

import ast
import asyncio
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cpu_time_loop import CpuTimeLoop
from tests.real.processes import free_ports

TESTS = Path(__file__).parents[1]
WAITS = {"join", "result", "settimeout", "timeout", "wait", "wait_for", "wait_until"}
"""Functions that wait for another process, a thread or a task, a number of seconds; others are told by a keyword."""
OURS = {"Settings", "Resolver", "make_resolver", "replace", "config", "start"}
"""Functions whose keyword is a time-out of the product."""


async def test_no_time_passes_while_others_have_the_core() -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, CpuTimeLoop)
    before = loop.time()
    time.sleep(0.1)  # noqa: ASYNC251 - what the kernel does to us on a busy machine
    assert loop.time() - before < 0.1


async def test_waiting_takes_its_time() -> None:
    began = time.monotonic()
    await asyncio.sleep(0.02)
    assert time.monotonic() - began >= 0.02


async def test_a_timer_does_not_come_before_what_was_there_first() -> None:
    loop, seen = asyncio.get_running_loop(), list[str]()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(0)
        loop.call_later(0.01, seen.append, "timer")
        received = asyncio.create_task(loop.sock_recv(ours, 1))
        received.add_done_callback(lambda _: seen.append("data"))
        await asyncio.sleep(0)
        theirs.send(b"x")
        time.sleep(0.05)  # noqa: ASYNC251 - what the kernel does to us on a busy machine
        await asyncio.sleep(0.02)
    assert seen == ["data", "timer"]


def waits(tree: ast.AST) -> Iterator[tuple[int, float]]:
    """The line and the seconds of each wait that is bounded by a number of its own."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        given = [*(node.args if name in WAITS else ())]
        given += [each.value for each in node.keywords if each.arg == "timeout" and name not in OURS]
        for each in given:
            if isinstance(each, ast.Constant) and isinstance(each.value, int | float):
                yield each.lineno, each.value


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("asyncio.timeout(5)", [(1, 5)]),
        ("await asyncio.wait_for(done, 20)", [(1, 20)]),
        ("subprocess.run(command, timeout=30)", [(1, 30)]),
        ("process.wait(PATIENCE)", []),
        ("replace(RELAY, timeout=5.0)", []),
    ],
)
def test_the_bound_of_a_wait_is_found(code: str, found: list[tuple[int, float]]) -> None:
    assert list(waits(ast.parse(code))) == found


@pytest.mark.parametrize("path", sorted(TESTS.rglob("*.py")), ids=lambda path: str(path.relative_to(TESTS)))
def test_whoever_waits_for_others_has_patience(path: Path) -> None:
    """Bounds of less than a second are meant to pass; longer ones are PATIENCE, which no busy machine exhausts."""
    assert [(line, seconds) for line, seconds in waits(ast.parse(path.read_text("utf-8"))) if seconds >= 1] == []


def test_no_port_is_chosen_twice_in_a_row() -> None:
    assert not set(free_ports(["one", "two"]).values()) & set(free_ports(["one", "two"]).values())
