"""Passwords against bcrypt hashes: off the loop, a few at once, each answer remembered. Knows no HTTP.

No password is kept: what is remembered is a hash, keyed for this process, of user, bcrypt hash and password. An
unknown user costs the same time as a known one, against a decoy. Whoever's password is remembered never waits for
the guesses of others; somebody new waits at most for those few that one address may have waiting.
"""

import asyncio
import hashlib
import secrets
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping

import bcrypt

from exporter.door.clients import client_network

AT_ONCE = 2
"""bcrypt runs at once: each takes a processor for its time."""
WAITING = 32
PER_CLIENT = 4
"""Guesses that may wait in all, and from one address."""
REMEMBERED = 512
"""Right answers, and wrong ones, that are remembered."""
LONGEST = 72
"""Bytes of a password that bcrypt looks at; htpasswd and Go leave out the rest, too."""


class BusyError(Exception):
    """Too many passwords are being looked at: ask again later."""


class Recent:
    """The keys that were last asked for, at most REMEMBERED."""

    def __init__(self) -> None:
        self._keys: OrderedDict[bytes, None] = OrderedDict()

    def __contains__(self, key: bytes) -> bool:
        if key not in self._keys:
            return False
        self._keys.move_to_end(key)
        return True

    def add(self, key: bytes) -> None:
        """Remember a key, and forget the one that was not asked for the longest."""
        self._keys[key] = None
        if len(self._keys) > REMEMBERED:
            self._keys.popitem(last=False)


class Passwords:
    """Compares and remembers."""

    def __init__(self, compare: Callable[[bytes, bytes], bool] = bcrypt.checkpw) -> None:
        self._compare = compare
        self._secret = secrets.token_bytes(32)
        self._salt = bcrypt.gensalt(4)[7:]
        self._right, self._wrong = Recent(), Recent()
        self._asked: dict[bytes, asyncio.Task[bool]] = {}
        self._waiting: Counter[str] = Counter()
        self._turn = asyncio.Semaphore(AT_ONCE)

    async def accept(self, users: Mapping[str, bytes], user: str, password: bytes, client: str) -> bool:
        """Tell whether this is the password of this user; `client` is the address that asks.

        Raises:
            BusyError: too many are waiting already.
        """
        hashed = users.get(user) or self._decoy(users, user)
        key = self._key(user.encode("utf-8", "surrogateescape"), hashed, password)
        if key in self._right:
            return user in users
        if key in self._wrong:
            return False
        task = self._asked.get(key) or self._ask(key, hashed, password, client_network(client))
        return await asyncio.shield(task) and user in users

    def _ask(self, key: bytes, hashed: bytes, password: bytes, client: str) -> asyncio.Task[bool]:
        if self._waiting[client] >= PER_CLIENT or self._waiting.total() >= WAITING:
            raise BusyError
        self._waiting[client] += 1
        task = self._asked[key] = asyncio.create_task(self._look(hashed, password[:LONGEST]))

        def done(ended: asyncio.Task[bool]) -> None:
            del self._asked[key]
            self._waiting -= Counter([client])
            if not ended.cancelled() and not ended.exception():
                (self._right if ended.result() else self._wrong).add(key)

        task.add_done_callback(done)
        return task

    async def _look(self, hashed: bytes, password: bytes) -> bool:
        async with self._turn:
            return await asyncio.to_thread(self._compare, password, hashed)

    def _key(self, *parts: bytes) -> bytes:
        digest = hashlib.blake2b(key=self._secret, digest_size=32)
        for part in parts:
            digest.update(len(part).to_bytes(4, "big") + part)
        return digest.digest()

    def _decoy(self, users: Mapping[str, bytes], user: str) -> bytes:
        """Make a hash that nothing fits. Where costs differ, a name always gets the same one, as if it were known."""
        costs = sorted(hashed[4:6] for hashed in users.values()) or [b"10"]
        choice = int.from_bytes(self._key(user.encode("utf-8", "surrogateescape"))) % len(costs)
        return b"$2b$" + costs[choice] + b"$" + self._salt + b"." * 31
