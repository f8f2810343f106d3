"""What is said in the log of a configuration that runs from now on: once, and only what is new."""

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from exporter.changes import files_changed
from exporter.config import ConfigError, defaults
from exporter.config.errors import TOLD
from exporter.config.loaded import Config, TargetFile

ERROR = ConfigError(Path("/t/a.yaml"), "expected a list", 3, 5)
SKIPPED = ConfigError(Path("/d.txt"), "not a host name", 7, 1, is_warning=True)
GOOD, BROKEN = TargetFile("/t/a.yaml", 2), TargetFile("/t/a.yaml", 2, (ERROR,))
OTHERWISE = TargetFile("/t/a.yaml", 2, (replace(ERROR, line=4),))


def having(*files: TargetFile, warnings: tuple[ConfigError, ...] = ()) -> Config:
    return replace(defaults(), target_files=files, warnings=warnings)


NOT_LOADED = ("ERROR", "target file not loaded", "/t/a.yaml:3:5: expected a list")
CASES = {
    "a good file": (None, having(GOOD), []),
    "a broken one at the start": (None, having(BROKEN), [NOT_LOADED]),
    "one that breaks": (having(GOOD), having(BROKEN), [NOT_LOADED]),
    "one that stays broken": (having(BROKEN), having(BROKEN), []),
    "one that is broken otherwise": (having(OTHERWISE), having(BROKEN), [NOT_LOADED]),
    "one that is mended": (having(BROKEN), having(GOOD), [("INFO", "target file loaded again", "/t/a.yaml")]),
    "one that is gone": (having(BROKEN), having(), []),
    "a line that is skipped": (
        having(),
        having(warnings=(SKIPPED,)),
        [("WARNING", "configuration warning", "/d.txt:7:1: warning: not a host name")],
    ),
    "a line that was skipped before": (having(warnings=(SKIPPED,)), having(warnings=(SKIPPED,)), []),
}


@pytest.mark.parametrize(("before", "now", "said"), CASES.values(), ids=CASES)
def test_what_changes_is_logged(
    caplog: pytest.LogCaptureFixture, before: Config | None, now: Config, said: list[tuple[str, str, str]]
) -> None:
    caplog.set_level(logging.INFO, "exporter.changes")
    files_changed(now, before)
    found = [(record.levelname, record.message, vars(record)) for record in caplog.records]
    assert [(level, message, extra.get("error") or extra["file"]) for level, message, extra in found] == said


def test_of_thousands_of_skipped_lines_the_first_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    files_changed(having(warnings=tuple(replace(SKIPPED, line=number + 1) for number in range(TOLD + 5))))
    assert [vars(record)["error"] for record in caplog.records][-1] == "and 5 more warnings"
    assert len(caplog.records) == TOLD + 1
