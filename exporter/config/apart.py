"""Has a configuration read by a child process, which takes its 20 MB of pydantic, YAML nodes and garbage with it."""

import multiprocessing
import threading
from multiprocessing.connection import Connection
from pathlib import Path

from exporter.config.errors import ConfigErrors
from exporter.config.loaded import Config


def load_apart(path: Path) -> Config:
    """Read a configuration and all files it names.

    Raises:
        ConfigErrors: everything that is wrong in them.
        RuntimeError: the child died; it has said why on stderr.
    """
    alone = threading.active_count() == 1 and "fork" in multiprocessing.get_all_start_methods()
    make = multiprocessing.get_context("fork") if alone else multiprocessing.get_context("spawn")  # threads do not fork
    ours, theirs = make.Pipe(duplex=False)
    child = make.Process(target=_read, args=(path, theirs), daemon=True)
    child.start()
    theirs.close()
    try:
        answer: Config | ConfigErrors = ours.recv()
    except EOFError:
        raise RuntimeError(f"{path}: the process that read the configuration died") from None
    finally:
        child.join()
        ours.close()
    if isinstance(answer, ConfigErrors):
        raise answer
    return answer


def _read(path: Path, pipe: Connection) -> None:
    from exporter.config.reading import load

    try:
        pipe.send(load(path))
    except ConfigErrors as errors:
        pipe.send(errors)
