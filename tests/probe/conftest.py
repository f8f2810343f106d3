"""Probing as the agent does, over loopback, with the test bed on the other side."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from exporter.model import Lookup, Peer, Result, Settings
from exporter.probe import shell
from exporter.probe.prober import Prober
from exporter.trust import Judge
from tests.patience import PATIENCE

Probe = Callable[..., Awaitable[Result]]


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for 221 and for the close as long as loopback needs."""
    monkeypatch.setattr(shell, "QUIT_PATIENCE", 0.15)
    monkeypatch.setattr(shell, "CLOSE_PATIENCE", 0.1)


@pytest.fixture
async def prober() -> Prober:
    return Prober(asyncio.get_running_loop(), Judge(), ehlo_name="probe.example.net")


@pytest.fixture
async def probe(prober: Prober) -> Probe:
    """Probe a port of loopback: `await probe(port, settings)`."""

    async def run(
        port: int,
        settings: Settings,
        *,
        host: str = "mail.example.test",
        addresses: Sequence[str] = ("127.0.0.1",),
        lookup: Lookup | None = None,
        by: Prober | None = None,
    ) -> Result:
        done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        peer = Peer(host, addresses[0] if len(addresses) == 1 else "", port, settings)
        callback: Any = done.set_result
        (by or prober).probe(peer, addresses, lookup, callback)
        return await asyncio.wait_for(done, PATIENCE)

    return run
