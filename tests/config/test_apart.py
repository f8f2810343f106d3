"""A configuration read by a child process: the same that comes of reading it here, and what ends badly."""

import asyncio
import os
import subprocess
import sys
from dataclasses import replace
from functools import partial
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from exporter.config import ConfigErrors, apart
from exporter.config.apart import load_apart
from exporter.config.reading import load
from exporter.targets import shard
from tests.patience import PATIENCE

TARGETS = 3 * apart.PIECE + 1


@pytest.fixture
def path(tmp_path: Path) -> Path:
    hosts = (f"{{host: h{number}.test, ports: [25, 465], timeout: 9s}}" for number in range(TARGETS))
    (tmp_path / "c.yaml").write_text(f"targets: [{', '.join(hosts)}]\n")
    return tmp_path / "c.yaml"


async def test_a_child_reads_the_same(path: Path) -> None:
    assert await load_apart(path) == load(path, key=apart.KEY)


async def test_targets_that_are_equal_are_the_same_objects(path: Path) -> None:
    running = load(path)
    config = await load_apart(path, running=running, text=running.text.replace(b"h7.test", b"new.test"))
    came = [target.name for target in config.targets if not any(target is each for each in running.targets)]
    assert (len(config.targets), came) == (TARGETS, ["new.test"])


async def test_the_child_keeps_to_our_share(path: Path) -> None:
    ours = partial(shard, index=1, count=3)
    config = load(path, key=apart.KEY)
    expected = tuple(filter(None, map(ours, config.targets)))
    assert 0 < len(expected) < TARGETS
    assert await load_apart(path, choose=ours) == replace(config, targets=expected)


async def test_errors_are_those_of_reading_it_here(path: Path) -> None:
    text = b"targets: [{host: a}, {hsot: b}]\n"
    with pytest.raises(ConfigErrors) as here:
        load(path, text=text, key=apart.KEY)
    with pytest.raises(ConfigErrors) as there:
        await load_apart(path, text=text)
    assert (there.value.errors, there.value.sources) == (here.value.errors, here.value.sources)


@pytest.mark.parametrize("code", ["", "import os; os.kill(os.getpid(), 9)"], ids=["ends", "is killed"])
async def test_a_child_that_dies_is_one_clear_line(path: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    monkeypatch.setattr(apart, "CHILD", code)
    with pytest.raises(RuntimeError, match=r"c\.yaml: the process that read the configuration died"):
        await load_apart(path)


async def test_a_child_that_hangs_is_given_up(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "CHILD", "import signal; signal.pause()")
    monkeypatch.setattr(apart, "PATIENCE", 0.01)
    with pytest.raises(RuntimeError, match="could not be read within"):
        await load_apart(path)


async def test_a_child_that_cannot_be_started_is_one_clear_line(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(path.parent / "none"))
    with pytest.raises(RuntimeError, match="no process can be started to read it: No such file"):
        await load_apart(path)


async def test_who_does_not_wait_leaves_no_child(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: asyncio.Queue[subprocess.Popen[bytes]] = asyncio.Queue()
    start = apart._start

    def note() -> tuple[Connection, "subprocess.Popen[bytes]"]:
        pipe, child = start()
        started.put_nowait(child)
        return pipe, child

    monkeypatch.setattr(apart, "CHILD", "import signal; signal.pause()")
    monkeypatch.setattr(apart, "_start", note)
    reading = asyncio.create_task(load_apart(path))
    child = await started.get()
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    assert (reading.cancelled(), child.returncode) == (True, -9)


ASKED = (Path("c.yaml"), b"targets: [{host: a, ports: [25], labels: {x: %s}}]" % (b"x" * 2**20), b"", None)


@pytest.mark.parametrize("asked", [None, ASKED], ids=["before it is asked", "while it answers"])
def test_a_child_without_a_parent_ends_and_says_nothing(path: Path, asked: object) -> None:
    ours, theirs = Pipe()
    with theirs:
        child = subprocess.Popen(
            [sys.executable, "-P", "-c", apart.CHILD, str(theirs.fileno())],
            pass_fds=(theirs.fileno(),), cwd=path.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip
    if asked:
        ours.send(asked)
        ours.recv()
    ours.close()
    assert (*child.communicate(timeout=PATIENCE), child.returncode) == (b"", b"", 0)


def test_a_child_that_reads_for_ever_ends_with_its_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file server may not answer."""
    ours, theirs = Pipe()
    ended: list[int] = []
    monkeypatch.setattr(os, "_exit", ended.append)
    with theirs:
        ours.close()
        apart._end_with_parent(theirs.fileno())
    assert ended == [0]


def test_who_has_it_read_apart_never_loads_what_reading_takes(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("targets: [{host: a, ports: [25]}]\n")
    program = (
        "import asyncio, sys; from pathlib import Path; import exporter.agent;"
        "from exporter.config.apart import load_apart;"
        f"asyncio.run(load_apart(Path({str(tmp_path / 'c.yaml')!r})));"
        "print('pydantic' in sys.modules, 'yaml' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert said == "False False\n"
