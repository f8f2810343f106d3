"""Long answers made piece by piece: the event loop runs probes in between, and zlib works in a thread."""

import asyncio
import time
import zlib
from collections.abc import AsyncGenerator, Callable, Iterable
from typing import TypeVar

SLICE, SHARE = 0.004, 0.25
"""For how many seconds one answer may hold the event loop, or for which part of what the others' last turn took: a loop
that is full comes round once a second, and an answer in a hundred slices would never be done."""
BLOCK = 128 * 1024
"""Characters that are encoded at once: two blocks are held for each client, however slowly it reads. With gzip a thread
must get hold of the interpreter for each, twice."""

T = TypeVar("T")


class Encoder:
    """Turns text into bytes, with gzip where asked for: level 1 is a third of the work of the usual 9."""

    def __init__(self, *, compress: bool) -> None:
        self._packer = zlib.compressobj(1, zlib.DEFLATED, 31) if compress else None  # 31: with a gzip header

    def encode(self, pieces: list[str]) -> bytes:
        """The next pieces."""
        data = "".join(pieces).encode("utf-8", "replace")
        return self._packer.compress(data) if self._packer else data

    def end(self) -> bytes:
        """What is left."""
        return self._packer.flush() if self._packer else b""


async def sliced(pieces: Iterable[T], clock: Callable[[], float] = time.monotonic) -> AsyncGenerator[T, None]:
    """Hand pieces on as they are made, and let others run in between. `clock`: monotonic seconds."""
    resumed, allowed = clock(), SLICE
    for piece in pieces:
        yield piece
        if (left := clock()) - resumed > allowed:
            await asyncio.sleep(0)
            resumed = clock()
            allowed = max(SLICE, SHARE * (resumed - left))


async def encoded(
    pieces: Iterable[str], *, compress: bool, clock: Callable[[], float] = time.monotonic
) -> AsyncGenerator[bytes, None]:
    """Encode pieces as they are made. With gzip, the next block is made while one is packed.

    Args:
        pieces: each takes a few milliseconds to make; some may be empty.
        compress: whether with gzip.
        clock: monotonic seconds.
    """
    encoder, block, size = Encoder(compress=compress), list[str](), 0
    packing: asyncio.Future[bytes] | None = None
    async for piece in sliced(pieces, clock):
        block.append(piece)
        size += len(piece)
        if size < BLOCK:
            continue
        if packing:
            yield await packing
        if compress:
            packing = asyncio.get_running_loop().run_in_executor(None, encoder.encode, block)
        else:
            yield encoder.encode(block)
        block, size = [], 0
    if packing:
        yield await packing
    yield encoder.encode(block) + encoder.end()
