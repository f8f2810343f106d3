"""Long answers in pieces: whole, and others run in between."""

import asyncio
import gzip
from collections.abc import Iterator

import pytest

from exporter.encoding import BLOCK, SLICE, encoded

COMPRESS = pytest.mark.parametrize("compress", [False, True], ids=["plain", "gzip"])


@COMPRESS
@pytest.mark.parametrize(
    "pieces",
    [[], [""], ["a", "", "b"], ["Köln ", "\ud800"], ["x" * BLOCK], ["y" * 100_000] * 30, ["z" * 3 * BLOCK, "end"]],
    ids=["nothing", "an empty one", "small ones", "no ASCII", "one block", "many", "one of three blocks"],
)
async def test_what_went_in_comes_out(pieces: list[str], *, compress: bool) -> None:
    data = b"".join([block async for block in encoded(pieces, compress=compress)])
    assert (gzip.decompress(data) if compress else data) == "".join(pieces).encode("utf-8", "replace")


@COMPRESS
@pytest.mark.parametrize(
    ("takes", "turns"), [(2 * SLICE, range(100, 110)), (0.0, range(10))], ids=["slow pieces", "quick ones"]
)
async def test_others_run_as_often_as_the_loop_was_held_for_long(takes: float, turns: range, *, compress: bool) -> None:
    now, seen, over = 0.0, 0, False

    def pieces() -> Iterator[str]:
        nonlocal now
        for _ in range(100):
            now += takes
            yield "text"

    async def other() -> None:
        nonlocal seen
        while not over:
            seen += 1
            await asyncio.sleep(0)

    running = asyncio.create_task(other())
    assert b"".join([block async for block in encoded(pieces(), compress=compress, clock=lambda: now)])
    over = True
    await running
    assert seen in turns


async def test_where_the_others_take_long_the_slices_are_longer() -> None:
    """The other task holds the loop for a second each time, so a quarter of one is no matter."""
    now, turns, over = 0.0, 0, False

    def pieces() -> Iterator[str]:
        nonlocal now
        for _ in range(100):
            now += SLICE
            yield "text"

    async def other() -> None:
        nonlocal now, turns
        while not over:
            now += 1.0
            turns += 1
            await asyncio.sleep(0)

    running = asyncio.create_task(other())
    assert b"".join([block async for block in encoded(pieces(), compress=False, clock=lambda: now)])
    over = True
    await running
    assert turns <= 6
