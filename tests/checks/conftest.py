"""Results made by hand, and what the checks say of them."""

from dataclasses import replace
from typing import Any

from exporter.checks import assess
from exporter.model import Certificate, Expect, Hello, Peer, Reply, Result, Session, Settings, Verdict

Said = dict[str, str]
NOW = 1_800_000_000.0
DAY = 86400.0
LEAF = Certificate(
    "mail.example.test", "CA", "01", "ab", "ecdsa-256", NOW - DAY, NOW + 60 * DAY, ("mail.example.test",)
)
GOOD = Verdict(LEAF, LEAF.not_after)
TLS13 = Session("TLSv1.3", "TLS_AES_256_GCM_SHA384", (b"leaf",))


def reply(text: str) -> Reply:
    lines = text.split("\n")
    return Reply(int(lines[0][:3]), tuple(line[4:] for line in lines))


def healthy(**changes: Any) -> Result:
    """A result with which nothing is wrong; `expect` and `settings` are merged, `host` is the peer's."""
    expect = Expect(**changes.pop("expect", {}))
    settings = Settings(expect=expect, **changes.pop("settings", {}))
    peer = Peer(changes.pop("host", "mail.example.test"), "192.0.2.9", 25, settings)
    offer = Hello("EHLO", {"STARTTLS": "", "SIZE": "1000"})
    made = Result(
        peer, NOW - 1, NOW, 1.0, {}, address="192.0.2.9", own_address="192.0.2.1", connected=True,
        greeting=reply("220 mail.example.test ESMTP"), ehlo=reply("250 ok"), hello=offer, starttls=reply("220 go"),
        session=TLS13, established=True, ehlo_tls=reply("250 ok"), hello_tls=Hello("EHLO", {"SIZE": "1000"}),
        verdict=GOOD,
    )  # fmt: skip
    return replace(made, **changes)


def said(result: Result) -> Said:
    """Each reason and its severity."""
    return {str(problem.reason): str(problem.severity) for problem in assess(result).problems}
