"""Passwords: right and wrong ones, what is remembered, and what a flood of guesses can take."""

import asyncio
import threading
from collections.abc import Iterator

import bcrypt
import pytest

from exporter.door.clients import client_network
from exporter.door.passwords import AT_ONCE, PER_CLIENT, REMEMBERED, WAITING, BusyError, Passwords
from tests.patience import PATIENCE


def hashed(password: bytes, kind: bytes = b"2b", cost: int = 4) -> bytes:
    return bcrypt.hashpw(password, bcrypt.gensalt(cost)).replace(b"$2b$", b"$" + kind + b"$")


USERS = {"alice": hashed(b"secret"), "bjørn": hashed("pässwörd".encode(), b"2y"), "long": hashed(b"x" * 72, b"2a")}
ME = "192.0.2.1"


class Slow:
    """Compares when it is told to, and counts."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.asked: list[tuple[bytes, bytes]] = []
        self.now = self.most = 0
        self._lock = threading.Lock()

    def __call__(self, password: bytes, hash_: bytes) -> bool:
        with self._lock:
            self.asked.append((password, hash_))
            self.now += 1
            self.most = max(self.most, self.now)
        self.go.wait(PATIENCE)
        with self._lock:
            self.now -= 1
        return password == b"secret"


@pytest.fixture
def slow() -> Iterator[Slow]:
    one = Slow()
    yield one
    one.go.set()


@pytest.mark.parametrize(
    ("user", "password", "right"),
    [
        ("alice", b"secret", True),
        ("alice", b"Secret", False),
        ("alice", b"", False),
        ("alice", b"secret\0", False),
        ("nobody", b"secret", False),
        ("", b"", False),
        ("bjørn", "pässwörd".encode(), True),
        ("bjørn", "pässwörd".encode("latin-1"), False),
        ("long", b"x" * 80, True),
        ("long", b"x" * 71, False),
        ("\udcff", b"secret", False),
    ],
)
async def test_right_is_the_password_of_this_user(user: str, password: bytes, right: bool) -> None:
    passwords = Passwords()
    assert await passwords.accept(USERS, user, password, ME) is right
    assert await passwords.accept(USERS, user, password, ME) is right


@pytest.mark.parametrize(("user", "password"), [("alice", b"secret"), ("alice", b"wrong"), ("nobody", b"wrong")])
async def test_an_answer_is_remembered(user: str, password: bytes, slow: Slow) -> None:
    slow.go.set()
    passwords = Passwords(slow)
    for _ in range(3):
        await passwords.accept(USERS, user, password, ME)
    assert len(slow.asked) == 1


async def test_a_new_hash_is_asked_anew(slow: Slow) -> None:
    slow.go.set()
    passwords = Passwords(slow)
    await passwords.accept(USERS, "alice", b"secret", ME)
    await passwords.accept({"alice": hashed(b"secret")}, "alice", b"secret", ME)
    assert len(slow.asked) == 2


async def test_nothing_that_is_remembered_is_a_password() -> None:
    passwords = Passwords()
    await passwords.accept(USERS, "alice", b"secret", ME)
    await passwords.accept(USERS, "alice", b"canary", ME)
    kept = repr([*passwords._right._keys, *passwords._wrong._keys, passwords._asked])
    assert "secret" not in kept
    assert "canary" not in kept


async def test_an_unknown_user_costs_as_much_as_a_known_one(slow: Slow) -> None:
    slow.go.set()
    users = {"a": hashed(b"x", cost=4), "b": hashed(b"x", cost=5)}
    passwords = Passwords(slow)
    for number in range(20):
        await passwords.accept(users, f"nobody{number}", b"x", ME)
    costs = [hash_[4:6] for _, hash_ in slow.asked]
    assert len(costs) == 20
    assert set(costs) == {b"04", b"05"}


async def test_what_is_remembered_is_bounded(slow: Slow) -> None:
    slow.go.set()
    passwords = Passwords(slow)
    for number in range(REMEMBERED + 10):
        await passwords.accept(USERS, "alice", b"%d" % number, ME)
    assert len(passwords._wrong._keys) == REMEMBERED


async def test_a_flood_of_guesses_does_not_touch_who_is_remembered(slow: Slow) -> None:
    slow.go.set()
    passwords = Passwords(slow)
    await passwords.accept(USERS, "alice", b"secret", ME)
    slow.go.clear()
    guesses = [
        asyncio.create_task(passwords.accept(USERS, "alice", b"%d" % n, f"2001:db8:{n:x}::1")) for n in range(99)
    ]
    await asyncio.sleep(0)
    assert await passwords.accept(USERS, "alice", b"secret", ME) is True
    slow.go.set()
    answers = await asyncio.gather(*guesses, return_exceptions=True)
    assert answers.count(False) == WAITING
    assert sum(isinstance(answer, BusyError) for answer in answers) == 99 - WAITING
    assert slow.most <= AT_ONCE


async def test_one_address_leaves_room_for_others(slow: Slow) -> None:
    passwords = Passwords(slow)
    guesses = [asyncio.create_task(passwords.accept(USERS, "alice", b"%d" % n, "192.0.2.66")) for n in range(50)]
    other = asyncio.create_task(passwords.accept(USERS, "alice", b"secret", ME))
    await asyncio.sleep(0)
    slow.go.set()
    assert await other is True
    answers = await asyncio.gather(*guesses, return_exceptions=True)
    assert answers.count(False) == PER_CLIENT


async def test_the_same_question_is_asked_once_at_a_time(slow: Slow) -> None:
    passwords = Passwords(slow)
    same = [asyncio.create_task(passwords.accept(USERS, "alice", b"secret", ME)) for _ in range(20)]
    await asyncio.sleep(0)
    slow.go.set()
    assert await asyncio.gather(*same) == [True] * 20
    assert len(slow.asked) == 1


async def test_who_hangs_up_does_not_take_the_answer_from_others(slow: Slow) -> None:
    passwords = Passwords(slow)
    first, second = (asyncio.create_task(passwords.accept(USERS, "alice", b"secret", ME)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    slow.go.set()
    assert await second is True


async def test_places_are_given_back() -> None:
    passwords = Passwords()
    for number in range(WAITING + PER_CLIENT):
        await passwords.accept(USERS, "alice", b"%d" % number, ME)
    assert not passwords._waiting
    assert not passwords._asked


@pytest.mark.parametrize(
    ("client", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::1", "::/64"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("", ""),
    ],
)
def test_whose_guesses_are_counted_together(client: str, counted: str) -> None:
    assert client_network(client) == counted
