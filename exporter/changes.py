"""One log line where something changes: what an operator reads first. Says, and decides nothing."""

import logging
from collections.abc import Mapping
from itertools import islice

from exporter.config import Config
from exporter.config.errors import first_of
from exporter.egress import Way
from exporter.state import Change, State
from exporter.targets import log_fields

log = logging.getLogger(__name__)

MAX_LINES = 10
"""Lines about one change of an endpoint that many targets have in common."""


def endpoint_changed(state: State, change: Change) -> None:
    """The state or the primary reason of an endpoint is another than before."""
    level = logging.WARNING if change.after in ("critical", "untestable") else logging.INFO
    facts = {"state": change.after, "was": change.before, "reason": change.reason_after, "detail": change.detail}
    _log_for_each_target(level, "endpoint changed", state, {name: value for name, value in facts.items() if value})


def endpoint_probed(state: State, seconds: float) -> None:
    """A probe is over."""
    if log.isEnabledFor(logging.DEBUG):
        _log_for_each_target(logging.DEBUG, "probed", state, {"state": state.word, "seconds": seconds})


def _log_for_each_target(level: int, message: str, state: State, facts: Mapping[str, object]) -> None:
    """Endpoints of several targets share a state: each has its line, as it has its series. Thousands may."""
    left_out = len(state.targets) - MAX_LINES
    more = {"more_targets": left_out} if left_out > 0 else {}
    for target in islice(state.targets, MAX_LINES):
        log.log(level, message, extra={**log_fields(state.peer, target), **facts, **more})


def files_changed(config: Config, before: Config | None = None) -> None:
    """What is wrong with target files and lines of domains files, but for what was told before."""
    old = {file.path: file for file in before.target_files} if before else {}
    for file in config.target_files:
        known = old[file.path].errors if file.path in old else ()
        if file.errors and file.errors != known:
            for each in first_of(file.errors):
                log.error("target file not loaded", extra={"error": each, "targets_kept": file.targets})
        elif known and not file.errors:
            log.info("target file loaded again", extra={"file": file.path, "targets": file.targets})
    told = set(before.warnings) if before else set()
    for each in first_of([warning for warning in config.warnings if warning not in told], "warning"):
        log.warning("configuration warning", extra={"error": each})


def way_changed(way: Way, blocked: bool | None) -> None:
    """It changes whether a port looks blocked from here; None: it cannot be told."""
    said = {True: "port blocked from here", False: "port not blocked from here", None: "port may be blocked from here"}
    level = logging.WARNING if blocked else logging.INFO
    log.log(level, said[blocked], extra={"port": way.port, "family": f"ipv{way.family}"})
