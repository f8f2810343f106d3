"""Has a configuration read by a child process, which takes its 20 MB of pydantic, YAML nodes and garbage with it.

Ten thousand targets take a second or two to read; the event loop of this process goes on meanwhile, and takes what
comes back in pieces. Not by fork: this process has threads.
"""

import asyncio
import contextlib
import os
import select
import subprocess
import sys
import threading
from dataclasses import replace
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from pathlib import Path

from exporter.aside import aside
from exporter.config.errors import ConfigErrors
from exporter.config.kept import with_last_targets
from exporter.config.loaded import Config
from exporter.model import Choose, Target

PIECE = 200
"""Targets that come together: a millisecond to take in."""
PATIENCE = 600.0
"""Seconds after which a child is given up: a file server may never answer."""
KEY = os.urandom(16)
"""That of the digests of this process."""
CHILD = "import sys; from exporter.config.apart import read; read(int(sys.argv[1]))"


async def load_apart(
    path: Path, *, choose: Choose | None = None, running: Config | None = None, text: bytes | None = None
) -> Config:
    """Read a configuration and all files it names. A target file with errors keeps the targets that it had.

    Args:
        path: the configuration.
        choose: what is wanted of each target, asked in the child: a function of a module, or a partial of one.
        running: the configuration before; targets that are equal are the same objects, and what a target file that
            has errors now had there stays.
        text: what to take for the content of `path`.

    Raises:
        ConfigErrors: everything that is wrong in them, if it is not only in target files.
        RuntimeError: the child died, and has said why on stderr, or is given up, or could not be started.
    """
    try:
        ours, child = _start()
    except OSError as error:
        raise RuntimeError(f"{path}: no process can be started to read it: {error.strerror or error}") from error
    try:
        async with asyncio.timeout(PATIENCE):
            await aside(lambda: _tell(ours, (path, text, KEY, choose)))
            config = await _received(ours, {target: target for target in running.targets} if running else {})
    except (EOFError, ConnectionError):
        raise RuntimeError(f"{path}: the process that read the configuration died") from None
    except TimeoutError:
        raise RuntimeError(f"{path}: could not be read within {PATIENCE:.0f} s") from None
    finally:
        child.kill()
        await asyncio.shield(aside(child.wait))
        ours.close()
    if running and any(file.errors for file in config.target_files):
        return await aside(lambda: with_last_targets(config, running))
    return config


def _start() -> tuple[Connection, "subprocess.Popen[bytes]"]:
    """Start a child that finds our modules where we did, whatever lies in the directory we are in."""
    ours, theirs = Pipe()
    with theirs:
        descriptor = theirs.fileno()
        try:
            return ours, subprocess.Popen(  # noqa: S603 - our own interpreter on our own code
                [sys.executable, "-P", "-c", CHILD, str(descriptor)],
                env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                pass_fds=(descriptor,),
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for us
            )
        except OSError:
            ours.close()
            raise


async def _received(pipe: Connection, known: dict[Target, Target]) -> Config:
    head: Config | ConfigErrors = await aside(pipe.recv)
    if isinstance(head, ConfigErrors):
        raise head
    targets: list[Target] = []
    while piece := await aside(pipe.recv):
        targets += (known.get(target, target) for target in piece)
    return replace(head, targets=tuple(targets))


def _tell(pipe: Connection, what: object) -> None:
    """Send an object. As `Connection.send`, but of bytes.

    That one sends a view of a buffer. Where the other end is gone, both become garbage together with the frames of the
    exception; Python up to 3.12.1 crashes then, and later ones complain (cpython issue 111049).
    """
    pipe.send_bytes(bytes(ForkingPickler.dumps(what)))


def read(descriptor: int) -> None:
    """Read what the parent asks for, and send the result. Without a parent, end silently."""
    with Connection(descriptor) as pipe, contextlib.suppress(EOFError, ConnectionError):
        path, text, key, choose = pipe.recv()
        threading.Thread(target=_end_with_parent, args=(descriptor,), daemon=True).start()
        _read(pipe, path, text, key, choose)


def _end_with_parent(descriptor: int) -> None:
    """The parent has nothing more to say: what can be read is the end of the pipe, and nobody wants the result."""
    select.select([descriptor], [], [])
    os._exit(0)


def _read(pipe: Connection, path: Path, text: bytes | None, key: bytes, choose: Choose | None) -> None:
    from exporter.config.reading import load

    try:
        config = load(path, text=text, key=key, choose=choose, tolerant=True)
    except ConfigErrors as errors:
        pipe.send(errors)
        return
    pipe.send(replace(config, targets=()))
    for start in range(0, len(config.targets), PIECE):
        pipe.send(config.targets[start : start + PIECE])
    pipe.send(())
