"""Reads passwords off the event loop, and remembers what is to be hidden of them. Holds no password.

A file server may never answer, so an account has one reader thread at a time, and a probe waits at most READ_TIMEOUT
for it. While that thread hangs, no other probe waits for it.
"""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from weakref import WeakValueDictionary

from exporter.aside import aside
from exporter.config.files import MAX_SECRET_BYTES, read
from exporter.model import AuthSettings, Peer
from exporter.probe.redaction import Redactor

READ_TIMEOUT = 5.0
"""Seconds that a probe waits for a password file."""


def read_password(auth: AuthSettings) -> str | None:
    """The password from its file (its first line) or environment variable; None where it cannot be read. May block."""
    try:
        if auth.password_env:
            return os.environb[auth.password_env.encode()].decode("utf-8")
        data = read(Path(auth.password_file or ""), MAX_SECRET_BYTES)
        return data.partition(b"\n")[0].rstrip(b"\r").decode("utf-8")
    except (KeyError, ValueError):  # UnicodeDecodeError among the latter
        return None


class Account:
    """One `auth`, which many peers may share."""

    def __init__(self, auth: AuthSettings) -> None:
        self._auth = auth
        self._reading: asyncio.Task[str | None] | None = None
        self._late = False
        self.redactor = Redactor()
        """Hides the passwords that were read so far."""
        self.password_hash: int | None = None
        """Python's salted hash of the last one, good within this process only. None: none could be read."""

    async def read(self) -> str | None:
        """The password; None where it cannot be read in time."""
        if self._reading is None:
            self._reading = asyncio.get_running_loop().create_task(aside(lambda: read_password(self._auth)))
            self._reading.add_done_callback(self._note)
        elif self._late:
            return None
        try:
            return await asyncio.wait_for(asyncio.shield(self._reading), READ_TIMEOUT)
        except TimeoutError:
            self._late = True
            return None

    def _note(self, reading: "asyncio.Task[str | None]") -> None:
        self._reading, self._late = None, False
        password = None if reading.cancelled() else reading.result()
        if password is None:
            self.password_hash = None
        elif hash(password) != self.password_hash:
            self.password_hash, self.redactor = hash(password), self.redactor.including(password)


class Passwords:
    """The accounts of peers that have `auth`."""

    def __init__(self) -> None:
        self._of: dict[Peer, Account] = {}
        self._shared: WeakValueDictionary[AuthSettings, Account] = WeakValueDictionary()

    def account(self, peer: Peer) -> Account | None:
        """The account of a peer, None where no login is configured."""
        auth = peer.settings.auth
        if auth is None:
            return None
        if peer not in self._of:
            self._of[peer] = self._shared.setdefault(auth, Account(auth))
        return self._of[peer]

    def forget(self, peer: Peer) -> None:
        """Drop a peer that is no longer probed."""
        self._of.pop(peer, None)


class WaitForPassword:
    """Begins a conversation once the password of its account was read, or cannot be read in time."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        account: Account,
        begin: Callable[[str | None], None],
        over: Callable[["WaitForPassword"], None],
    ) -> None:
        self._begin, self._over = begin, over
        self._reading = loop.create_task(account.read())
        self._reading.add_done_callback(self._finish)

    def abort(self) -> None:
        """Wait no longer."""
        self._reading.remove_done_callback(self._finish)
        self._reading.cancel()
        self._finish(None)

    def _finish(self, reading: "asyncio.Task[str | None] | None") -> None:
        try:
            self._begin(None if reading is None or reading.cancelled() else reading.result())
        finally:
            self._over(self)
