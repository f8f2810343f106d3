"""Passwords are read beside the event loop, from regular files of a bounded size, and nobody waits for ever."""

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from exporter.config.files import MAX_SECRET_BYTES
from exporter.model import AuthSettings, Peer, Result, Settings, TlsSettings
from exporter.probe import passwords
from exporter.probe.passwords import Passwords, read_password
from exporter.probe.prober import Prober
from exporter.simulated.healthy import SmtpServer
from tests.patience import PATIENCE
from tests.probe.scenarios import LOGIN

if TYPE_CHECKING:
    from exporter.simulated.certificates import Zoo
    from tests.conftest import Serve
    from tests.probe.conftest import Probe

PASSWORD = "correct horse"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text(f"{PASSWORD}\n")
    return path


def peer(file: Path, port: int = 587) -> Peer:
    return Peer("mail.example.test", "192.0.2.9", port, Settings(auth=AuthSettings("user", password_file=str(file))))


@pytest.fixture
def hung(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """A file server that does not answer while the test runs; the threads that wait for it."""
    threads: list[int] = []
    answers = threading.Event()

    def read(_: AuthSettings) -> str:
        threads.append(threading.get_ident())
        answers.wait(PATIENCE)
        return PASSWORD

    monkeypatch.setattr(passwords, "read_password", read)
    monkeypatch.setattr(passwords, "READ_TIMEOUT", 0.05)
    yield threads
    answers.set()


@pytest.mark.parametrize(
    ("content", "password"),
    [
        (b"secret\n", "secret"),
        (b"secret", "secret"),
        (b"secret\r\nmore\n", "secret"),
        (b" spaces \n", " spaces "),
        ("grün\n".encode(), "grün"),
        (b"\xff\n", None),
        (b"x" * MAX_SECRET_BYTES, "x" * MAX_SECRET_BYTES),
        (b"x\n" + b"y" * MAX_SECRET_BYTES, None),
    ],
    ids=["line", "no end", "CRLF and more", "spaces", "UTF-8", "no UTF-8", "64 KiB", "more"],
)
def test_reads_the_first_line_of_the_file(file: Path, content: bytes, password: str | None) -> None:
    file.write_bytes(content)
    assert read_password(AuthSettings("user", password_file=str(file))) == password


@pytest.mark.parametrize(
    "make",
    [lambda path: None, os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero")],
    ids=["gone", "pipe", "directory", "device"],
)
def test_what_is_no_regular_file_is_no_password(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "other")
    assert read_password(AuthSettings("user", password_file=str(tmp_path / "other"))) is None


@pytest.mark.parametrize(
    ("value", "password"),
    [("secret", "secret"), (None, None), ("\udcff", None)],
    ids=["there", "not there", "no UTF-8"],
)
def test_reads_the_environment(monkeypatch: pytest.MonkeyPatch, value: str | None, password: str | None) -> None:
    monkeypatch.delenv("MAIL_PASSWORD", raising=False)
    if value is not None:
        monkeypatch.setenv("MAIL_PASSWORD", value)
    assert read_password(AuthSettings("user", password_env="MAIL_PASSWORD")) == password


async def test_the_file_is_read_in_another_thread(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []

    def read(_: AuthSettings) -> str:
        threads.append(threading.get_ident())
        return PASSWORD

    monkeypatch.setattr(passwords, "read_password", read)
    account = Passwords().account(peer(file))
    assert account is not None
    assert await account.read() == PASSWORD
    assert threads != [threading.get_ident()]


async def test_peers_with_the_same_login_share_what_is_known_of_it_until_the_last_one_goes(file: Path) -> None:
    known = Passwords()
    first, second = known.account(peer(file)), known.account(peer(file, 465))
    assert first is not None
    assert first is second
    await first.read()
    known.forget(peer(file))
    assert known.account(peer(file)) is first
    assert PASSWORD not in first.redactor.text(f"no {PASSWORD}")
    assert not known.account(peer(file.parent)).redactor.active  # type: ignore[union-attr]  # it has a login


async def test_one_thread_waits_for_a_file_server_however_many_probes_come(file: Path, hung: list[int]) -> None:
    account = Passwords().account(peer(file))
    assert account is not None
    assert await asyncio.gather(*(account.read() for _ in range(3))) == [None] * 3
    assert await account.read() is None
    assert len(hung) == 1


async def test_a_probe_goes_on_without_a_password_that_does_not_come(
    serve: "Serve", probe: "Probe", zoo: "Zoo", file: Path, hung: list[int]
) -> None:
    auth = AuthSettings("user", password_file=str(file))
    server = await serve(SmtpServer(zoo.good, auth=("PLAIN",)))
    result = await probe(server.port, replace(LOGIN, auth=auth, tls=TlsSettings(str(zoo.ca_file))))
    assert (result.auth_not_attempted, len(hung)) == ("the password cannot be read", 1)


async def test_abort_ends_who_waits_for_a_password(prober: Prober, file: Path, hung: list[int]) -> None:
    done: list[Result] = []
    prober.probe(peer(file), ("192.0.2.9",), None, done.append)
    assert not prober.idle.is_set()
    prober.abort()
    assert (len(done), prober.idle.is_set()) == (1, True)


async def test_a_bug_after_the_password_came_loses_no_result(
    prober: Prober, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(prober, "_begin", fails)
    done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
    prober.probe(peer(file), ("192.0.2.9",), None, done.set_result)
    result = await asyncio.wait_for(done, PATIENCE)
    assert result.ended is not None
    assert result.ended.detail == "ZeroDivisionError"
    assert prober.idle.is_set()
