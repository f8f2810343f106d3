"""The TLSA records of a host, as a sending server with a resolver of its own looks for them (RFC 7672 2.2).

Only where DNSSEC vouches for the host's addresses, or for its being an alias: elsewhere nobody has signed TLSA records,
and some name servers do not answer such questions at all (RFC 7672 2.2.2).
"""

from exporter.model import Tlsa, TlsaRecord
from exporter.resolve.addresses import REASONS, Addresses, ended
from exporter.resolve.answer import Record
from exporter.resolve.lookups import Known, Lookups

NOT_TESTABLE = Tlsa(none="not testable: no name server on this machine, and trusted_resolver is not set")
MX_NOT_SIGNED = Tlsa(none="not used: DNSSEC does not vouch for the MX records that name it")
NOT_SIGNED = Tlsa(none="not used: DNSSEC does not vouch for its addresses")


async def tlsa(lookups: Lookups, host: str, port: int, found: Addresses) -> tuple[Tlsa, float]:
    """The records of a host that has these addresses, and until when to use them, on the clock of the lookups."""
    bases, expires = (found.alias, host) if found.alias else (host,), found.expires
    if not found.authentic:
        (alias,) = await lookups.every((host, "CNAME"))
        if not (alias.records and alias.authentic):
            return NOT_SIGNED, min(expires, alias.expires)
        bases = (host,)  # that it is an alias is signed, and what it leads to is not (RFC 7672 2.2.3)
    told = Tlsa()
    for base in bases:
        (known,) = await lookups.every((f"_{port}._tcp.{base}", "TLSA"))
        told, expires = _read(base, known), min(expires, known.expires)
        if told.records or told.problem:
            break
    return told, expires


def _read(base: str, known: Known) -> Tlsa:
    """What an answer says. Records that are not signed do not count, and that there are none need not be (2.1.3)."""
    problem = ended(REASONS[known.answer.said], known.answer.detail) if known.failed else None
    if known.authentic and known.records:
        return Tlsa(tuple(map(_record, known.records)), base, "", problem, remembered=known.failed)
    none = "its TLSA records are not signed with DNSSEC" if known.records else known.answer.detail
    return Tlsa((), base, none, problem, remembered=known.failed and known.forgotten > 0)


def _record(record: Record) -> TlsaRecord:
    """Three octets and the data (RFC 6698 2.1). Numbers that are missing are 255, which nobody can use."""
    octets = record if isinstance(record, bytes) else b""
    usage, selector, matching = octets[:3].ljust(3, b"\xff")
    return TlsaRecord(usage, selector, matching, octets[3:])
