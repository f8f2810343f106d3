"""What would hurt only after years: memory that grows, clocks that jump, files left behind. Read off the source."""

import ast
import asyncio
import math
from collections.abc import Iterator
from pathlib import Path

import pytest

import exporter
from exporter.agent import Agent, Options
from exporter.config import load
from exporter.probe import second_look
from exporter.simulated.client import Client
from tests.conftest import Serve
from tests.patience import PATIENCE

ROOT = Path(exporter.__file__).parent
DEMO = (ROOT / "simulated", ROOT / "demo")
"""Simulated servers write certificates, and last as long as a demo."""
SERVING = [path for path in sorted(ROOT.rglob("*.py")) if not any(path.is_relative_to(each) for each in DEMO)]

FINITE = {
    "page/environment.py:environment": "takes nothing",
    "page/runbooks.py:_printed": "takes nothing",
    "page/runbooks.py:runbooks": "takes nothing",
    "page/__init__.py:static": "names of files that we ship",
    "config/table.py:_schema_of": "our own models",
    "checks/expectation.py:_compiled": "patterns of the configuration",
    "wire/tls.py:context": "ways of TLS",
    "probe/redaction.py:_searched": "one for each type of the model",
    "wire/arrival.py:_kernel_stamps": "takes nothing",
}
"""Functions whose results are kept for ever, and why there can be only so many."""
DECIDE_WHEN = ("schedule.py", "canaries.py", "roster.py", "domains.py", "resolve/", "wire/", "smtp/", "systemd.py",
               "probe/connector.py", "probe/shell.py", "probe/stopwatch.py", "probe/second_look.py")  # fmt: skip
"""Where something is due, or takes too long."""
WRITING = {"write_text", "write_bytes", "mkdir", "touch", "unlink", "rename", "hardlink_to", "symlink_to"}


def nodes() -> Iterator[tuple[str, ast.AST]]:
    for path in SERVING:
        where = path.relative_to(ROOT).as_posix()
        yield from ((where, node) for node in ast.walk(ast.parse(path.read_text())))


def dotted(node: ast.expr) -> str:
    """`a.b` for an attribute of a name."""
    return ast.unparse(node) if isinstance(node, ast.Attribute | ast.Name) else ""


def test_what_is_cached_without_a_bound_is_finite_and_says_why() -> None:
    found = {
        f"{where}:{node.name}"
        for where, node in nodes()
        if isinstance(node, ast.FunctionDef)
        for decorator in node.decorator_list
        if dotted(decorator) in {"cache", "functools.cache", "lru_cache"}
    }
    assert found == set(FINITE)


def test_every_other_cache_has_a_bound() -> None:
    calls = [node for _, node in nodes() if isinstance(node, ast.Call) and dotted(node.func) == "lru_cache"]
    assert calls
    for call in calls:
        [bound] = [each.value for each in call.keywords if each.arg == "maxsize"]
        assert ast.unparse(bound) != "None"


def test_nothing_is_due_by_the_wall_clock() -> None:
    """Which may be set back by hours; those who say when something was get it passed in."""
    read = {where for where, node in nodes() if isinstance(node, ast.Attribute) and dotted(node) == "time.time"}
    assert read
    assert {where for where in read if where.startswith(DECIDE_WHEN)} == {"wire/arrival.py"}  # against a kernel's stamp


def writes(call: ast.Call) -> bool:
    """Whether a call looks as if it wrote a file; /dev/null, which stands in for closed streams, is none."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else dotted(call.func)
    if name != "open":
        return name in WRITING
    given = [*call.args, *(each.value for each in call.keywords)]
    modes = [each.value for each in given if isinstance(each, ast.Constant) and isinstance(each.value, str)]
    flags = {dotted(part) for each in given for part in ast.walk(each) if isinstance(part, ast.Attribute)}
    named = any(set(mode) & set("wax+") for mode in modes) or flags & {"os.O_RDWR", "os.O_WRONLY", "os.O_CREAT"}
    return bool(named) and "os.devnull" not in flags


@pytest.mark.parametrize(
    ("code", "written"),
    [
        ("open('x', 'w')", True),
        ("path.open(mode='ab')", True),
        ("os.open(path, os.O_CREAT | os.O_WRONLY)", True),
        ("path.write_text('x')", True),
        ("open(0)", False),
        ("path.open('rb')", False),
        ("os.open(os.devnull, os.O_RDWR)", False),
    ],
)
def test_how_writing_is_told_from_reading(code: str, written: bool) -> None:
    call = ast.parse(code, mode="eval").body
    assert isinstance(call, ast.Call)
    assert writes(call) is written


def test_no_file_is_ever_written() -> None:
    assert [(where, ast.unparse(node)) for where, node in nodes() if isinstance(node, ast.Call) and writes(node)] == []


async def test_when_everything_hangs_no_more_probes_run_than_allowed(
    tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(second_look, "SILENCE", math.inf)  # by the wall clock; a second connection is no second probe
    server = await serve(Client.stall, host="0.0.0.0")
    path = tmp_path / "c.yaml"
    targets = [f"{{host: 127.0.0.{number}, ports: [{server.port}]}}" for number in range(1, 21)]
    path.write_text(
        "global: {interval: 1s, timeout: 300ms, connect_timeout: 300ms, max_concurrent_probes: 3}\n"
        f"targets: [{', '.join(targets)}]\n"
    )
    agent = Agent(load(path), Options(listen=(("127.0.0.1", 0),)))
    running = asyncio.create_task(agent.run())
    most, ended = 0.0, 0
    async with asyncio.timeout(PATIENCE):
        await agent.started.wait()  # a thread reads trust anchors until then: turning round would keep it from the GIL
        while ended < 6:
            await asyncio.sleep(0)
            most = max(most, agent.telemetry.registry.get_sample_value("smtp_exporter_probes_in_flight") or 0)
            ended = sum(state.result is not None for state in agent.board.states.values())
            assert len(server.conversations) <= 3 + ended
    agent.stop.set()
    await asyncio.wait_for(running, PATIENCE)
    assert most == 3
