"""Does a chain fit the TLSA records of its host? RFC 7671, as RFC 7672 3 applies it to SMTP.

DANE-EE: the leaf or its key is the one, and nothing else matters. DANE-TA: there is a path from the leaf to what the
record is of, and name and dates are right. Judged once per chain, records and names, until a date passes.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from exporter.model import Dane, TlsaRecord
from exporter.trust import tlsa
from exporter.trust.anchors import Anchors
from exporter.trust.certificate import Reading, read
from exporter.trust.findings import expired, not_yet_valid, sentence, unsuitable
from exporter.trust.names import mismatch
from exporter.trust.path import Path, costly, find_path, readings, walk
from exporter.trust.standing import Shown, Standing, Standings, fingerprint, until_a_date_passes
from exporter.trust.verifier import signed_with

LONGEST, MOST = 8, 16
"""Names on the way up from a certificate, and certificates of these names, that are looked at: who made them made the
records, too, and a signature may take a millisecond."""
Found = dict[str, tuple[Reading, TlsaRecord]]
"""Trusted certificates by their fingerprint, each with the record that it is of."""


class Matcher:
    """Matches chains with TLSA records, and remembers the verdicts of as many as told."""

    def __init__(self, remembered: int = 20_000) -> None:
        self._standings: Standings[tuple[Shown, tuple[TlsaRecord, ...], tuple[str, ...], tuple[str, ...]], Dane]
        self._standings = Standings(remembered)

    def match(
        self,
        chain: tuple[bytes, ...],
        records: tuple[TlsaRecord, ...],
        names: tuple[str, ...],
        next_hops: tuple[str, ...],
        now: float,
    ) -> Dane | None:
        """The verdict on DER certificates as sent; None where none was, or there are no records.

        `names` are those of the host, one of which a certificate of DANE-TA must bear; or else all of `next_hops`, the
        mail domains. `now` is in Unix seconds.
        """
        if not (chain and records):
            return None
        key = fingerprint(chain), records, names, next_hops
        return self._standings.verdict(key, now, lambda: _weigh(chain, records, names, next_hops, now))


def _weigh(
    chain: Sequence[bytes],
    records: Sequence[TlsaRecord],
    names: Sequence[str],
    next_hops: Sequence[str],
    now: float,
) -> Standing[Dane]:
    counting = tlsa.considered(records)
    usable = sum(tlsa.unusable(each) is None for each in records)
    if own := tlsa.of(chain[0], counting, tlsa.SERVER):
        return Standing(-math.inf, math.inf, Dane(usable, own))
    first = readings(chain[:1])
    sent = first + readings(chain[1:])
    found = _authorities(chain, sent, counting) if first else {}
    if not found:
        return Standing(
            -math.inf, math.inf, Dane(usable, None, tlsa.none_usable(records) or _nothing_fits(chain[0], counting))
        )
    path = find_path(Anchors([(one.openssl, one.dates) for one, _ in found.values()]), _near(sent), now)
    record = _reached(path, found)
    ages = expired(dated := _dated(path), now), not_yet_valid(dated, now)
    wrong = sentence(_wrong(path, names, next_hops, ages))
    dane = Dane(usable, None, f"an authority fits {record.short}, but: {wrong}")
    dane = dane if wrong else Dane(usable, record)
    looked_at = (*sent, *path.readings, *(one for one, _ in found.values()))
    return until_a_date_passes(dane, looked_at, now, tells_age=any(ages))


def _near(sent: Sequence[Reading]) -> Sequence[Reading]:
    """The leaf, and those above it whose names lead up from it."""
    leaf, *others = sent
    names = {one.subject_hash for one in walk(leaf, others)[1 : 1 + LONGEST]}
    near = [leaf, *[one for one in others if one.subject_hash in names][:MOST]]
    return near[:1] if costly(near) else near


def _authorities(chain: Sequence[bytes], sent: Sequence[Reading], records: Sequence[TlsaRecord]) -> Found:
    """What DANE-TA records trust: certificates that were sent after the leaf, or are in DNS (RFC 7671 5.2)."""
    found: Found = {}
    of_dns = [each for each in records if each.usage == tlsa.AUTHORITY and each.matching == tlsa.FULL]
    for one, record in (*_sent(chain, records), *_published(of_dns), *_keys(sent, of_dns)):
        if one.facts.fingerprint_sha256 != sent[0].facts.fingerprint_sha256:
            found.setdefault(one.facts.fingerprint_sha256, (one, record))
    return found


def _sent(chain: Sequence[bytes], records: Sequence[TlsaRecord]) -> Iterator[tuple[Reading, TlsaRecord]]:
    for der in chain[1:]:
        if record := tlsa.of(der, records, tlsa.AUTHORITY):
            yield from ((one, record) for one in readings([der]))


def _published(records: Iterable[TlsaRecord]) -> Iterator[tuple[Reading, TlsaRecord]]:
    return ((read(each.data), each) for each in records if each.selector == tlsa.CERTIFICATE)


def _keys(sent: Sequence[Reading], records: Iterable[TlsaRecord]) -> Iterator[tuple[Reading, TlsaRecord]]:
    """A bare key as the certificate that is missing above what it signed."""
    for record in records:
        for one in walk(sent[0], sent[1:])[:LONGEST] if record.selector == tlsa.KEY else ():
            if issuer := signed_with(one, record.data):
                yield issuer, record


def _dated(path: Path) -> Path:
    """The path whose dates count: an anchor has none (RFC 5280 6.1.1), but OpenSSL minds those of a root."""
    *below, top = path.readings
    return replace(path, readings=tuple(below)) if path.anchored and not top.self_issued else path


def _reached(path: Path, found: Found) -> TlsaRecord:
    """The record at the end of the path; of several that lead nowhere the first."""
    end = path.readings[-1].facts.fingerprint_sha256 if path.anchored else ""
    return (found.get(end) or next(iter(found.values())))[1]


def _wrong(
    path: Path, names: Sequence[str], next_hops: Sequence[str], ages: tuple[str | None, str | None]
) -> Iterator[str]:
    """What is wrong with the path to a trusted certificate."""
    if not (path.anchored or path.unsuitable):
        yield "no path leads to it: the server certificate, or its issuer, is of another CA"
        return
    yield from filter(None, (*ages, unsuitable(path)))
    leaf = path.readings[0]
    if all(mismatch(leaf, name) for name in names):
        strangers = [name for name in next_hops if mismatch(leaf, name)]
        if strangers or not next_hops:
            nor = f", nor for {strangers[0]}" if strangers else ""
            yield f"it is {mismatch(leaf, names[0])}{nor}"


def _nothing_fits(leaf: bytes, counting: Sequence[TlsaRecord]) -> str:
    key = tlsa.public_key(leaf)
    own = TlsaRecord(3, 1, 1, tlsa.DIGESTS[1](key)) if key else TlsaRecord(3, 0, 1, tlsa.DIGESTS[1](leaf))
    return (
        f"no certificate that was sent fits {tlsa.listed(each.short for each in counting)}; the server's own is {own}"
    )
