"""Datagrams on many sockets: each is heard by who waits for it, and few at once."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator

import pytest

from exporter.resolve.ears import FEW, Ears


@pytest.fixture
async def ears() -> AsyncIterator[Ears]:
    ears = Ears()
    yield ears
    ears.close()
    ears.close()  # once more does no harm


@pytest.fixture
def pairs() -> Iterator[list[tuple[socket.socket, socket.socket]]]:
    """Pairs of connected sockets."""
    made = [socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(3 * FEW)]
    for ours, _ in made:
        ours.settimeout(0)
    yield made
    for each in made:
        for sock in each:
            sock.close()


Pairs = list[tuple[socket.socket, socket.socket]]


async def test_everybody_hears_what_came_to_him(ears: Ears, pairs: Pairs) -> None:
    waiting = [asyncio.ensure_future(ears.hear(ours, 100)) for ours, _ in pairs]
    for number, (_, theirs) in enumerate(pairs):
        theirs.send(b"%d" % number)
    assert await asyncio.gather(*waiting) == [b"%d" % number for number in range(len(pairs))]


async def test_others_have_their_turn_after_a_few(ears: Ears, pairs: Pairs) -> None:
    waiting = [asyncio.ensure_future(ears.hear(ours, 100)) for ours, _ in pairs]
    await asyncio.sleep(0)
    for _, theirs in pairs:
        theirs.send(b"x")
    heard = []
    while not all(each.done() for each in waiting):
        await asyncio.sleep(0)
        heard.append(sum(each.done() for each in waiting))
    assert max(now - before for before, now in zip([0, *heard], heard, strict=False)) <= FEW


async def test_a_second_datagram_is_heard_when_somebody_waits_for_it(ears: Ears, pairs: Pairs) -> None:
    ours, theirs = pairs[0]
    theirs.send(b"one")
    theirs.send(b"two")
    assert [await ears.hear(ours, 100), await ears.hear(ours, 2)] == [b"one", b"tw"]


async def test_who_gives_up_leaves_nothing_behind(ears: Ears, pairs: Pairs) -> None:
    ours, theirs = pairs[0]
    waiting = asyncio.ensure_future(ears.hear(ours, 100))
    await asyncio.sleep(0)
    theirs.send(b"late")
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert not ears._waiting
    assert await ears.hear(ours, 100) == b"late"


async def test_what_the_system_says_is_told(ears: Ears) -> None:
    udp = (socket.AF_INET, socket.SOCK_DGRAM)
    with socket.socket(*udp) as closed, socket.socket(*udp) as sock:
        closed.bind(("127.0.0.1", 0))
        closed.connect(closed.getsockname())  # hears only itself
        sock.settimeout(0)
        sock.connect(closed.getsockname())
        sock.send(b"x")
        with pytest.raises(ConnectionRefusedError):
            await ears.hear(sock, 100)
