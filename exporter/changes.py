"""One log line where something changes: what an operator reads first. Says, and decides nothing."""

import logging

from exporter.egress import Way
from exporter.model import Peer
from exporter.state import Change

log = logging.getLogger(__name__)


def endpoint_changed(peer: Peer, change: Change) -> None:
    """The state or the primary reason of an endpoint is another than before."""
    level = logging.WARNING if change.after in ("critical", "untestable") else logging.INFO
    said = {"endpoint": str(peer), "state": change.after, "was": change.before}
    said |= {"reason": change.reason_after, "detail": change.detail}
    log.log(level, "endpoint changed", extra={name: value for name, value in said.items() if value})


def way_changed(way: Way, blocked: bool | None) -> None:
    """It changes whether a port looks blocked from here; None: it cannot be told."""
    said = {True: "port blocked from here", False: "port not blocked from here", None: "port may be blocked from here"}
    level = logging.WARNING if blocked else logging.INFO
    log.log(level, said[blocked], extra={"port": way.port, "family": f"ipv{way.family}"})
