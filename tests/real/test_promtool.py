"""What promtool, Prometheus' own linter, says of the metrics of the demo."""

import asyncio
import shutil

import aiohttp

from exporter import demo
from tests.patience import PATIENCE
from tests.real.conftest import require


async def test_promtool_finds_nothing_in_the_metrics_of_the_demo() -> None:
    promtool = shutil.which("promtool")
    require(there=promtool, otherwise="promtool is missing: make tools")
    looked = asyncio.Event()
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        if "Look at" in line:
            looked.set()

    running = asyncio.create_task(demo.run((("127.0.0.1", 0),), say))
    done, _ = await asyncio.wait({running, asyncio.create_task(looked.wait())}, return_when=asyncio.FIRST_COMPLETED)
    assert running not in done, running.exception()
    url = next(word for word in said[-1].split() if word.endswith("/metrics"))
    async with aiohttp.ClientSession() as client, asyncio.timeout(PATIENCE):
        metrics = ""
        while metrics.count("\nsmtp_probe_success{") < 10:
            await asyncio.sleep(0.2)
            async with client.get(url) as answer:
                metrics = await answer.text()
    running.cancel()
    await asyncio.wait({running})
    pipe = asyncio.subprocess.PIPE
    check = await asyncio.create_subprocess_exec(
        str(promtool), "check", "metrics", stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.STDOUT
    )
    complaints, _ = await check.communicate(metrics.encode())
    assert (check.returncode, complaints) == (0, b"")
