"""What is wrong with a chain, for a name, at a time: dates, trust, name and suitability judged apart, in sentences.

1. `path` finds the certificates that matter;
2. each question is one function of them;
3. the verdict stands until a date in it passes, so a probe that sees the same chain again pays a dictionary look-up.

No severity here: what a finding means for an endpoint is decided in `checks`. Not safe to share between threads.
"""

import hashlib
import math
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from exporter.model import Verdict
from exporter.trust.anchors import TrustStore
from exporter.trust.certificate import Reading, unchanged, unreadable
from exporter.trust.names import mismatch
from exporter.trust.path import Path, find_path, readings, role

MAX_SENT = 32
"""Certificates of a chain that are looked at. Real paths are shorter than 6."""
FINDINGS_SHOWN = 3
TEXT_STANDS = 3600.0
"""Seconds for which "expired 3 hours ago" may be repeated."""
UNUSED = 6 * 3600.0
"""Seconds after which a verdict that nobody asked for again is forgotten."""


@dataclass(slots=True)
class _Standing:
    """A verdict, from when until when (exclusive) it stands, and when it was asked for last."""

    since: float
    until: float
    verdict: Verdict
    used: float = 0.0


class Judge:
    """Judges chains, and remembers the verdicts of as many as told."""

    def __init__(self, remembered: int = 20_000) -> None:
        self._remembered = remembered
        self._stores: dict[str | None, TrustStore] = {}
        self._former: dict[str | None, TrustStore] = {}
        self._standing: OrderedDict[tuple[bytes, tuple[int, ...], str, bytes], _Standing] = OrderedDict()

    def load(self, ca_files: Iterable[str | None]) -> None:
        """Read these anchors anew, and forget all others but those of the load before: at a start and at a reload.

        Raises:
            TrustStoreError: one cannot be used; nothing has changed.
        """
        new = {ca_file: TrustStore(ca_file) for ca_file in set(ca_files)}
        self._former, self._stores = self._stores, new

    def judge(self, chain: tuple[bytes, ...], name: str, ca_file: str | None, now: float) -> Verdict | None:
        """The verdict on DER certificates as sent, for a host name or an IP literal; None where none was sent.

        `name` is an A-label in lower case without a trailing dot. `now` is in Unix seconds.

        Raises:
            TrustStoreError: `ca_file` was not loaded before and cannot be.
        """
        if not chain:
            return None
        store = self._stores.get(ca_file) or self._former.get(ca_file)  # a probe may outlast a reload
        if store is None:
            store = self._stores[ca_file] = TrustStore(ca_file)
        key = (hashlib.sha256(b"".join(chain)).digest(), tuple(map(len, chain)), name, store.digest)
        standing = self._standing.get(key)
        if standing is None or not standing.since <= now < standing.until:
            standing = self._standing[key] = _weigh(chain, name, store, now)
        standing.used = now
        self._standing.move_to_end(key)
        self._forget(now)
        return standing.verdict

    def _forget(self, now: float) -> None:
        """Drop what nobody asks for any more: a server that shows a new certificate every minute must not fill us."""
        while self._standing:
            oldest = next(iter(self._standing.values()))
            if len(self._standing) <= self._remembered and oldest.used > now - UNUSED:
                return
            self._standing.popitem(last=False)


def _weigh(chain: tuple[bytes, ...], name: str, store: TrustStore, now: float) -> _Standing:
    if not (first := readings(chain[:1])):
        facts = unreadable(chain[0])
        return _Standing(
            -math.inf, math.inf, Verdict(facts, facts.not_after, unsuitable="it cannot be read: no certificate")
        )
    leaf, *_ = sent = first + readings(chain[1:MAX_SENT])
    path = find_path(store, sent, now)
    self_signed = path.distrust is not None and leaf.signed_by_itself
    verdict = Verdict(
        certificate=leaf.facts,
        chain_not_after=min(one.facts.not_after for one in (path.readings if path.anchored else sent)),
        expired=_expired(path, now),
        not_yet_valid=_not_yet_valid(path, now),
        host_mismatch=mismatch(leaf, name),
        self_signed=_self_signed(leaf, store) if self_signed else None,
        not_trusted=None if self_signed else path.distrust,
        unsuitable=_unsuitable(path),
        weak=_weak(path),
        sent_not_after=min(one.facts.not_after for one in sent),
    )
    return _standing(verdict, (*sent, *path.readings), now)


def _standing(verdict: Verdict, looked_at: Iterable[Reading], now: float) -> _Standing:
    """The verdict until the next date passes: nothing else changes it, but for how long ago it says something was."""
    since, until = unchanged(((one.facts.not_before, one.facts.not_after) for one in looked_at), now)
    if verdict.expired or verdict.not_yet_valid:
        until = min(until, now + TEXT_STANDS)
    return _Standing(since, until, verdict)


def _expired(path: Path, now: float) -> str | None:
    return _sentence(
        f"{role(one, path)} expired {_span(now - one.facts.not_after)} ago ({_moment(one.facts.not_after)})"
        for one in path.readings
        if now > one.facts.not_after
    )


def _not_yet_valid(path: Path, now: float) -> str | None:
    return _sentence(
        f"{role(one, path)} valid only in {_span(one.facts.not_before - now)} ({_moment(one.facts.not_before)})"
        for one in path.readings
        if now < one.facts.not_before
    )


def _self_signed(leaf: Reading, store: TrustStore) -> str:
    where = f"in {store.ca_file}" if store.ca_file else "of this system: get one from a CA, or set tls.ca_file to it"
    return f"'{leaf.facts.subject}' is signed by its own key and no trust anchor {where}"


def _unsuitable(path: Path) -> str | None:
    """May it serve TLS (RFC 5280 4.2.1.3, 4.2.1.12)? As OpenSSL's purpose sslserver, which pyOpenSSL lacks."""
    leaf = path.readings[0]
    usage = leaf.extension(x509.KeyUsage)
    handshake = usage is None or usage.digital_signature or usage.key_encipherment or usage.key_agreement
    return _sentence(
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


def _weak(path: Path) -> str | None:
    """Of the leaf and the intermediates: a root is trusted for being known, not for its signature."""
    leaf, *above = path.readings
    looked_at = [leaf, *(one for one in (above[:-1] if path.anchored else above) if not one.self_issued)]
    return _sentence(f"{role(one, path)}: {one.facts.weakness}" for one in looked_at if one.facts.weakness)


def _sentence(findings: Iterable[str]) -> str | None:
    """The findings in a row, or None where there is none."""
    said = [finding.lstrip(": ") for finding in findings]
    more = f"; and {len(said) - FINDINGS_SHOWN} more" if len(said) > FINDINGS_SHOWN else ""
    return "; ".join(said[:FINDINGS_SHOWN]) + more if said else None


def _span(seconds: float) -> str:
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1)):
        if count := int(seconds // size):
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return "less than a second"


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
