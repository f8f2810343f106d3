"""The runbooks that the agent serves, as `python -m tools.runbooks` prints them from docs/runbooks."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

STALE, DOMAIN_BROKEN = "SmtpResultsStale", "SmtpDomainBroken"


@dataclass(frozen=True, slots=True)
class Runbook:
    """What to do about an alert."""

    alert: str
    severity: str
    about: str
    when: str
    """In one sentence."""
    reasons: tuple[str, ...]
    """The reasons that it names."""
    html: str
    """Its links are relative to its own page."""


@cache
def _printed() -> dict[str, Any]:
    printed: dict[str, Any] = json.loads(files("exporter.page").joinpath("runbooks.json").read_text("utf-8"))
    return printed


@cache
def runbooks() -> dict[str, Runbook]:
    """All runbooks by their alerts, in the order of the rule files."""
    found = {}
    for alert, row in _printed()["runbooks"].items():
        rest = {key: row[key] for key in ("severity", "about", "when")}
        found[alert] = Runbook(alert, **rest, reasons=tuple(row["reasons"]), html="\n".join(row["html"]))
    return found


def alert_of(state: str, reason: str, *, of_domain: bool = False) -> str:
    """The alert that something wrong makes; empty where it makes none.

    Args:
        state: how grave it is: critical, warning, untestable or stale.
        reason: why.
        of_domain: it is wrong with the records of a mail domain, not with an endpoint.
    """
    if state == "stale":
        return STALE
    if of_domain and state == "critical":
        return DOMAIN_BROKEN
    return str(_printed()["alert_of"].get(state, {}).get(reason, ""))
