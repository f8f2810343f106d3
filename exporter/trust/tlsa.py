"""TLSA records by themselves: which of them SMTP can use, and which certificates they are of (RFC 6698 2.1).

Bytes and digests only: no paths, no names, no dates.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress

from OpenSSL import crypto

from exporter.model import TlsaRecord
from exporter.trust.certificate import read
from exporter.trust.der import first
from exporter.trust.fields import Fields

AUTHORITY, SERVER = 2, 3
"""Certificate usages DANE-TA and DANE-EE (RFC 7218). PKIX-TA and PKIX-EE are not for SMTP (RFC 7672 3.1.3)."""
CERTIFICATE, KEY = 0, 1
"""Selectors: of the whole certificate, or of its SubjectPublicKeyInfo."""
FULL = 0
DIGESTS: Mapping[int, Callable[[bytes], bytes]] = {
    FULL: lambda whole: whole,
    1: lambda whole: hashlib.sha256(whole).digest(),
    2: lambda whole: hashlib.sha512(whole).digest(),
}
"""Matching types, the stronger one of two digests later."""
SIZES = {1: ("SHA-256", 32), 2: ("SHA-512", 64)}
MOST_FULL = 4
"""Records that hold a whole certificate or key and are looked into."""
TOLD = 3
"""Records, or what is wrong with them, that a sentence lists."""


def unusable(record: TlsaRecord) -> str | None:
    """Why SMTP can do nothing with a record (RFC 7671 4.1, RFC 7672 3.1); None where it can."""
    if record.usage not in (AUTHORITY, SERVER):
        known = record.usage in (0, 1)
        return f"usage {record.usage} is {'not for SMTP (RFC 7672 3.1.3)' if known else 'unknown'}"
    if record.selector not in (CERTIFICATE, KEY):
        return f"selector {record.selector} is unknown"
    if record.matching not in DIGESTS:
        return f"matching type {record.matching} is unknown"
    if record.matching in SIZES:
        digest, size = SIZES[record.matching]
        return None if len(record.data) == size else f"{len(record.data)} octets are no {digest} digest"
    what, can_be_read = ("key", _is_key) if record.selector == KEY else ("certificate", _is_certificate)
    return None if can_be_read(record.data) else f"its data is no {what}"


def none_usable(records: Iterable[TlsaRecord]) -> str | None:
    """Why SMTP can do nothing with any of these; None where one can be used, or there is none."""
    reasons: dict[str, None] = {}
    for record in _looked_into(records):
        if (why := unusable(record)) is None:
            return None
        reasons[why] = None
    return f"no record can be used: {listed(reasons)}" if reasons else None


def considered(records: Iterable[TlsaRecord]) -> list[TlsaRecord]:
    """The records that count, DANE-EE first: usable ones, and of each kind only the strongest digest (RFC 7671 9)."""
    found = [record for record in _looked_into(records) if unusable(record) is None]
    strongest: dict[tuple[int, int], int] = {}
    for record in found:
        kind = record.usage, record.selector
        strongest[kind] = max(record.matching, strongest.get(kind, FULL))
    counts = [each for each in found if each.matching in (FULL, strongest[each.usage, each.selector])]
    return sorted(counts, key=lambda each: -each.usage)


def listed(texts: Iterable[str]) -> str:
    """The first of several, for a sentence, and how many more there are."""
    every = list(texts)
    more = f" and {len(every) - TOLD} more" if len(every) > TOLD else ""
    return ", ".join(every[:TOLD]) + more


def of(der: bytes, records: Iterable[TlsaRecord], usage: int) -> TlsaRecord | None:
    """The first record of that usage which is of this certificate."""
    whole = {CERTIFICATE: der, KEY: public_key(der)}
    digests: dict[tuple[int, int], bytes | None] = {}
    for record in records:
        if record.usage == usage:
            kind = record.selector, record.matching
            if kind not in digests:
                selected = whole[record.selector]
                digests[kind] = None if selected is None else DIGESTS[record.matching](selected)
            if digests[kind] == record.data:
                return record
    return None


def public_key(der: bytes) -> bytes | None:
    """The SubjectPublicKeyInfo of a certificate, octet for octet as it stands in it (RFC 5280 4.1); None for no such.

    `cryptography` and OpenSSL write keys anew, and not kinds that they do not know.
    """
    return Fields.of(der).key or None


def _looked_into(records: Iterable[TlsaRecord]) -> Iterator[TlsaRecord]:
    """All but those in full beyond the first few."""
    full = 0
    for record in records:
        full += record.matching == FULL
        if record.matching != FULL or full <= MOST_FULL:
            yield record


def _is_whole(der: bytes) -> bool:
    """One element and nothing after it."""
    return len(der) > 0 and first(der).whole == der


def _is_certificate(der: bytes) -> bool:
    with suppress(ValueError):
        return _is_whole(der) and read(der) is not None
    return False


def _is_key(der: bytes) -> bool:
    try:
        return _is_whole(der) and crypto.load_publickey(crypto.FILETYPE_ASN1, der) is not None
    except crypto.Error:
        return False
