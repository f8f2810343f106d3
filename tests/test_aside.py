"""Work in a thread of its own: answers, errors, and nobody who waits for ever."""

import asyncio
import threading

import pytest

from exporter.aside import aside
from tests.patience import PATIENCE


async def test_it_gives_what_the_work_returns_from_another_thread() -> None:
    assert await aside(threading.get_ident) != threading.get_ident()


async def test_it_raises_what_the_work_raises() -> None:
    with pytest.raises(ZeroDivisionError):
        await aside(lambda: 1 // 0)


def test_the_end_of_the_loop_waits_for_nobody() -> None:
    going_on = threading.Event()

    async def give_up() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(aside(going_on.wait), 0.001)

    asyncio.run(give_up())
    left = [thread for thread in threading.enumerate() if thread.daemon]
    going_on.set()
    assert left
    for thread in left:
        thread.join(PATIENCE)


async def test_who_was_cancelled_gets_no_late_answer() -> None:
    going_on = threading.Event()
    waiting = asyncio.create_task(aside(going_on.wait))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    going_on.set()
    await aside(lambda: None)
    assert waiting.cancelled()
