"""A real Chromium, driven through the DevTools protocol: pages are opened, asked, pressed and pictured.

One browser, any number of pages. It has a profile of its own and talks to nobody but loopback.
"""

import base64
import contextlib
import json
import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import aiohttp

from tests.patience import PATIENCE
from tests.real.processes import Server, free_ports, running

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
    "--no-first-run", "--disable-component-update", "--hide-scrollbars", "--no-proxy-server",
)  # fmt: skip


class PageError(Exception):
    """A script of ours failed in the page, or the browser refused a command."""


@dataclass(slots=True)
class Page:
    """One page. `complaints` are errors and refusals of the content security policy that the console shows."""

    socket: aiohttp.ClientWebSocketResponse
    complaints: list[str] = field(default_factory=list)
    dialogs: int = 0
    _number: int = 0
    _loaded: bool = False

    async def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and wait for its answer."""
        self._number += 1
        await self.socket.send_json({"id": self._number, "method": method, "params": parameters})
        while (message := await self._hear()).get("id") != self._number:
            pass
        if "error" in message:
            raise PageError(f"{method}: {message['error']['message']}")
        return cast("dict[str, Any]", message["result"])

    async def open(self, url: str, width: int = 1280, height: int = 800, *, dark: bool = False) -> None:
        """Load a page, all of it, in a window of this size."""
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        await self.send("Emulation.setEmulatedMedia", features=scheme)
        await self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )
        self._loaded = False
        await self.send("Page.navigate", url=url)
        await self._load()

    async def follow(self, script: str) -> None:
        """Evaluate what leads to another page, and wait for that."""
        self._loaded = False
        await self.ask(f"{script}, 0")
        await self._load()

    async def _load(self) -> None:
        while not self._loaded:
            await self._hear()

    async def ask(self, script: str) -> Any:
        """Evaluate an expression in the page, wait for it where it is a promise, and give its value."""
        said = await self.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in said:
            raise PageError(json.dumps(said["exceptionDetails"])[:1000])
        return said["result"].get("value")

    async def press(self, key: str) -> None:
        """Press a key that writes nothing: Tab."""
        for kind in ("keyDown", "keyUp"):
            await self.send("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=9)

    async def picture(self, height: int = 4000) -> bytes:
        """What it looks like as PNG, from the top, at most so high."""
        high = min(height, await self.ask("document.documentElement.scrollHeight"))
        wide = await self.ask("innerWidth")
        clip = {"x": 0, "y": 0, "width": wide, "height": high, "scale": 1}
        shot = await self.send("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)
        return base64.b64decode(shot["data"])

    async def _hear(self) -> dict[str, Any]:
        message = cast("dict[str, Any]", await self.socket.receive_json(timeout=PATIENCE))
        match message.get("method"):
            case "Page.loadEventFired":
                self._loaded = True
            case "Log.entryAdded" if message["params"]["entry"]["level"] == "error":
                self.complaints.append(message["params"]["entry"]["text"])
            case "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(message["params"]["exceptionDetails"])[:1000])
            case "Page.javascriptDialogOpening":
                self.dialogs += 1
                await self.socket.send_json({"id": 0, "method": "Page.handleJavaScriptDialog",
                                             "params": {"accept": True}})  # fmt: skip
        return message


@dataclass(frozen=True, slots=True)
class Chromium:
    """A browser that runs."""

    port: int

    @contextlib.asynccontextmanager
    async def page(self) -> AsyncIterator[Page]:
        """Open an empty page, closed at the end of the block."""
        async with aiohttp.ClientSession() as client:
            async with client.put(f"http://127.0.0.1:{self.port}/json/new?about:blank") as answer:
                target = await answer.json()
            async with client.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                page = Page(socket)
                for domain in ("Page", "Runtime", "Log"):
                    await page.send(f"{domain}.enable")
                yield page
            async with client.get(f"http://127.0.0.1:{self.port}/json/close/{target['id']}"):
                pass


@contextlib.contextmanager
def run_chromium(directory: Path) -> Iterator[Chromium]:
    """Run a browser with its profile in a directory, until the end of the block."""
    server = Server("Chromium", directory, free_ports(("devtools",)))
    flags = [f"--remote-debugging-port={server.port('devtools')}", f"--user-data-dir={directory / 'profile'}"]
    with running(server, [PROGRAM or "chromium", *FLAGS, *flags]):
        yield Chromium(server.port("devtools"))
