"""What is wrong with a path, one question a function, in sentences for the operator; None where nothing is."""

from collections.abc import Iterable
from datetime import UTC, datetime

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from exporter.trust.certificate import Reading
from exporter.trust.path import Path, role

SHOWN = 3
"""Findings of one kind that are told."""


def expired(path: Path, now: float) -> str | None:
    """Whose time is over, and since when."""
    return sentence(
        f"{role(one, path)} expired {_span(now - one.facts.not_after)} ago ({_moment(one.facts.not_after)})"
        for one in path.readings
        if now > one.facts.not_after
    )


def not_yet_valid(path: Path, now: float) -> str | None:
    """Whose time has not come."""
    return sentence(
        f"{role(one, path)} valid only in {_span(one.facts.not_before - now)} ({_moment(one.facts.not_before)})"
        for one in path.readings
        if now < one.facts.not_before
    )


def unsuitable(path: Path) -> str | None:
    """May it serve TLS (RFC 5280 4.2.1.3, 4.2.1.12)? As OpenSSL's purpose sslserver, which pyOpenSSL lacks."""
    leaf = path.readings[0]
    usage = leaf.extension(x509.KeyUsage)
    handshake = usage is None or usage.digital_signature or usage.key_encipherment or usage.key_agreement
    return sentence(
        (
            *filter(None, (path.unsuitable, leaf.flaw and f"malformed: {leaf.flaw}")),
            *(() if handshake else ("its keyUsage allows no TLS handshake",)),
            *(
                f"{role(one, path)}: extendedKeyUsage lacks serverAuth"
                for one in path.readings
                if _not_for_servers(one)
            ),
        )
    )


def _not_for_servers(one: Reading) -> bool:
    usages = one.extension(x509.ExtendedKeyUsage)
    return usages is not None and ExtendedKeyUsageOID.SERVER_AUTH not in usages


def weak(path: Path) -> str | None:
    """Of the leaf and the intermediates: a root is trusted for being known, not for its signature."""
    leaf, *above = path.readings
    looked_at = [leaf, *(one for one in (above[:-1] if path.anchored else above) if not one.self_issued)]
    return sentence(f"{role(one, path)}: {one.facts.weakness}" for one in looked_at if one.facts.weakness)


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
