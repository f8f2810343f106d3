"""docs/images/page.png: the status page of `smtp-exporter demo`, as a browser of 1280 pixels shows its beginning.

python -m tools.picture; needs Chromium and pngquant. Every picture differs a little: take a new one when the page looks
different.
"""

import asyncio
import subprocess
import tempfile
from pathlib import Path

from exporter import demo
from tests.real.chromium import run_chromium

FILE = Path(__file__).parents[1] / "docs/images/page.png"
WIDTH, HEIGHT = 1280, 1012
SETTLED = 25
"""Seconds until every server was probed, and the failed ones more than once."""


async def take() -> bytes:
    """Run the demo until all is seen, and look at its page."""
    said: list[str] = []
    running = asyncio.create_task(demo.run((("127.0.0.1", 0),), said.append))
    await asyncio.sleep(SETTLED)
    page = next(word for word in said[-1].split() if word.startswith("http")).removesuffix("/metrics")
    with tempfile.TemporaryDirectory() as directory, run_chromium(Path(directory)) as chromium:
        async with chromium.page() as window:
            await window.open(page, WIDTH, HEIGHT)
            picture = await window.picture(HEIGHT)
    running.cancel()
    await asyncio.wait({running})
    return picture


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    taken = asyncio.run(take())
    FILE.write_bytes(subprocess.run(["pngquant", "64", "-"], input=taken, capture_output=True, check=True).stdout)  # noqa: S607 (of the PATH)
