"""What tests of the configuration share: `read` makes a Config of YAML text, `errors` lists what is wrong with it."""

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from exporter.config import Config, ConfigErrors, load

Read = Callable[[str], Config]
Errors = Callable[[str], list[str]]


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    monkeypatch.chdir(tmp_path)

    def reading(text: str) -> Config:
        file = Path("c.yaml")
        file.write_text(textwrap.dedent(text), encoding="utf-8")
        return load(file, {"SMTP_PASSWORD": "hunter2"})

    return reading


@pytest.fixture
def errors(read: Read) -> Errors:
    def wrong(text: str) -> list[str]:
        with pytest.raises(ConfigErrors) as raised:
            read(text)
        return str(raised.value).split("\n")

    return wrong
