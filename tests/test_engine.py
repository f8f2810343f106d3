"""What probes, led over to another configuration."""

import asyncio
from pathlib import Path

import pytest

from exporter.board import Board
from exporter.config import load
from exporter.engine import Engine
from exporter.multitarget import SHARE
from exporter.telemetry import Telemetry


async def test_probes_on_demand_that_are_allowed_later_take_their_descriptors_from_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.engine.descriptors_for", lambda probes, spare: 1000 - spare)
    path = tmp_path / "c.yaml"
    path.write_text("targets: [{host: 192.0.2.1, ports: [25]}]\n")
    config = load(path)
    engine = Engine(asyncio.get_running_loop(), config, Board(), Telemetry(), ehlo_name=None)
    before = engine.schedule.room.at_once
    path.write_text(
        "probe_endpoint: {enabled: true, allow: [192.0.2.0/24]}\ntargets: [{host: 192.0.2.1, ports: [25]}]\n"
    )
    await engine.apply(load(path))
    assert engine.schedule.room.at_once == before - config.max_concurrent_probes // SHARE
    await engine.close()
