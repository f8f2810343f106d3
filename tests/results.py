"""Results made by hand, for the tests of what shows them. Not a test."""

from typing import Any

from exporter.model import Certificate, Ended, Endpoint, Hello, Peer, Reply, Result, Session, Settings, Verdict
from exporter.reasons import REASONS, Reason, Stage

HOST, ADDRESS = "mail.example.test", "192.0.2.1"
NOW = 1_800_000_000.0
DAY = 86400.0

LEAF = Certificate(
    subject="mail.example.test",
    issuer="Example Issuing CA",
    serial="0a1b",
    fingerprint_sha256="ab" * 32,
    key="ecdsa-256",
    not_before=NOW - 10 * DAY,
    not_after=NOW + 80 * DAY,
    names=("mail.example.test",),
)


def peer(address: str = ADDRESS, port: int = 25, host: str = HOST, **settings: Any) -> Peer:
    return Peer(host, address, port, Settings(**settings))


def endpoint(target: str = "mail", labels: tuple[tuple[str, str], ...] = (), of: Peer | None = None) -> Endpoint:
    return Endpoint(target, of or peer(), labels)


def healthy(of: Peer | None = None, *, finished: float = NOW, **seen: Any) -> Result:
    """A relay with STARTTLS on which nothing is wrong; `seen` replaces what was seen."""
    clear = Hello("EHLO", {"STARTTLS": "", "SIZE": "10240000", "PIPELINING": ""})
    facts: dict[str, Any] = {
        "stages": {Stage.CONNECT: 0.001, Stage.GREETING: 0.002, Stage.EHLO: 0.003, Stage.TLS: 0.004},
        "address": ADDRESS,
        "own_address": "192.0.2.99",
        "connected": True,
        "greeting": Reply(220, ("mail.example.test ESMTP Postfix",)),
        "ehlo": Reply(250, ("mail.example.test",)),
        "hello": clear,
        "starttls": Reply(220, ("Ready",)),
        "session": Session("TLSv1.3", "TLS_AES_256_GCM_SHA384", (b"leaf",)),
        "established": True,
        "ehlo_tls": Reply(250, ("mail.example.test",)),
        "hello_tls": Hello("EHLO", {"SIZE": "10240000", "PIPELINING": ""}),
        "verdict": Verdict(LEAF, chain_not_after=NOW + 70 * DAY),
    }
    return Result(of or peer(), finished - 0.25, finished, 0.25, **{**facts, **seen})


def failed(
    reason: Reason, of: Peer | None = None, *, finished: float = NOW, stage: Stage | None = None, **seen: Any
) -> Result:
    """A probe that came no further than the stage of a reason."""
    stage = stage or REASONS[reason].stages[0]
    facts: dict[str, Any] = {
        "stages": {stage: 0.5},
        "connected": stage not in (Stage.DNS, Stage.CONNECT),
        "ended": Ended(stage, reason, "what was seen"),
    }
    return Result(of or peer(), finished - 0.5, finished, 0.5, **{**facts, **seen})
