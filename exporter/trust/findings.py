"""What is wrong with a path, one question a function, in sentences for the operator; None where nothing is."""

from collections.abc import Iterable
from datetime import UTC, datetime

from exporter.trust.path import Path
from exporter.trust.verifier import not_a_date

SHOWN = 3
"""Findings of one kind that are told."""


def expired(path: Path, now: float) -> str | None:
    """Whose time is over, and since when."""
    return sentence(
        f"{path.role(one)} expired {_span(now - last)} ago ({_moment(last)})"
        for one in path.readings
        if (last := one.dates[1]) is not None and now > last
    )


def not_yet_valid(path: Path, now: float) -> str | None:
    """Whose time has not come."""
    return sentence(
        f"{path.role(one)} valid only in {_span(first - now)} ({_moment(first)})"
        for one in path.readings
        if (first := one.dates[0]) is not None and now < first
    )


def unsuitable(path: Path) -> str | None:
    """May it serve TLS, as OpenSSL's purpose sslserver has it, and are its dates such?"""
    dates = ((one, not_a_date(one)) for one in path.readings)
    return sentence(
        (
            *filter(None, (path.unsuitable,)),
            *(f"{path.role(one)}: its {date} is not a valid date" for one, date in dates if date),
        )
    )


def missing_intermediate(path: Path) -> str | None:
    """Which intermediate only this trust store has. Nothing is wrong with the certificate; others will miss it."""
    if not path.missing:
        return None
    subject = path.missing[0].title
    return f"'{subject}' was not sent, and came from {path.source}: senders without it do not trust the certificate"


def weak(path: Path) -> str | None:
    """Of the leaf and the intermediates: a root is trusted for being known, not for its signature."""
    leaf, *above = path.readings
    looked_at = [leaf, *(one for one in (above[:-1] if path.anchored else above) if not one.self_issued)]
    return sentence(f"{path.role(one)}: {one.facts.weakness}" for one in looked_at if one.facts.weakness)


def sentence(findings: Iterable[str]) -> str | None:
    """The findings in a row, or None where there is none."""
    said = [finding.lstrip(": ") for finding in findings]
    more = f"; and {len(said) - SHOWN} more" if len(said) > SHOWN else ""
    return "; ".join(said[:SHOWN]) + more if said else None


def _span(seconds: float) -> str:
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1)):
        if count := int(seconds // size):
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return "less than a second"


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
