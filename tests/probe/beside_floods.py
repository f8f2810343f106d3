"""Probes floods and healthy servers at once and prints what that cost, as JSON. Run by test_floods.py; not a test.

python -m tests.probe.beside_floods '{"floods": [...], "healthy": [...]}'    ports on loopback
"""

import asyncio
import json
import resource
import sys
from pathlib import Path
from typing import Any

from exporter.board import Board
from exporter.model import Endpoint, Peer, Result, Settings
from exporter.probe.prober import Prober
from exporter.trust import Judge
from tests.patience import PATIENCE

ROUNDS = 5
"""How often each server is probed, one time after the other."""


def resident() -> float:
    """Megabytes of memory in use."""
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * resource.getpagesize() / 1e6


async def main(floods: list[int], healthy: list[int]) -> dict[str, Any]:
    """Probe all of them; growth is counted from after the first healthy probes, which load what every probe needs."""
    loop, board, most = asyncio.get_running_loop(), Board(), 0.0
    prober = Prober(loop, Judge(), ehlo_name="probe.example.net")

    async def probe(port: int) -> Result:
        done: asyncio.Future[Result] = loop.create_future()
        peer = Peer("mail.example.test", "127.0.0.1", port, Settings(timeout=PATIENCE))
        board.add(Endpoint("flood", peer))
        prober.probe(peer, ("127.0.0.1",), None, done.set_result)
        board.record(await done)
        return await done

    async def again_and_again(port: int) -> list[Result]:
        return [await probe(port) for _ in range(ROUNDS)]

    async def watch() -> None:
        nonlocal most
        while True:
            most = max(most, resident())
            await asyncio.sleep(0.001)

    for port in (*healthy, *healthy):
        await probe(port)
    before = most = resident()
    watching = asyncio.create_task(watch())
    flooded, well = await asyncio.gather(
        asyncio.gather(*map(again_and_again, floods)), asyncio.gather(*map(again_and_again, healthy))
    )
    most = max(most, resident())
    watching.cancel()
    return {
        "megabytes": most - before,
        "flooded": [each.ended.reason if each.ended else "" for some in flooded for each in some],
        "well": [each.ended is None and each.established for some in well for each in some],
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(main(**json.loads(sys.argv[1])))))
