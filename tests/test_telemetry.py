"""What the agent's own metrics say of a configuration."""

from dataclasses import replace
from pathlib import Path

from prometheus_client import generate_latest

from exporter.config import ConfigError, defaults
from exporter.config.loaded import TargetFile
from exporter.telemetry import Telemetry

ERROR = ConfigError(Path("/b.yaml"), "broken")


def shown(telemetry: Telemetry) -> list[str]:
    text = generate_latest(telemetry.registry).decode()
    return [line for line in text.splitlines() if line.startswith(("smtp_exporter_target_f", "smtp_exporter_config_s"))]


def test_each_target_file_and_domains_file_has_a_series_while_it_is_there() -> None:
    telemetry = Telemetry()
    files = (TargetFile("/a.yaml", 1), TargetFile("/b.yaml", 0, (ERROR,)))
    telemetry.show(replace(defaults(), target_files=files, skipped={"/d.txt": 0, "/e.txt": 3}))
    assert shown(telemetry) == [
        'smtp_exporter_target_file_errors{file="/a.yaml"} 0.0',
        'smtp_exporter_target_file_errors{file="/b.yaml"} 1.0',
        'smtp_exporter_config_skipped_entries{file="/d.txt"} 0.0',
        'smtp_exporter_config_skipped_entries{file="/e.txt"} 3.0',
    ]
    telemetry.show(defaults())
    assert shown(telemetry) == []
