"""The addresses of a host: what the answers to A and AAAA mean together. Pure: no lookups, no clock."""

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from exporter.model import Ended
from exporter.reasons import REASONS as HELP
from exporter.reasons import Reason
from exporter.resolve.answer import Said, Type
from exporter.resolve.lookups import Known

Mode = Literal["system", "dns"]
Family = Literal["any", "ipv4", "ipv6"]

TYPES: dict[Family, tuple[Type, ...]] = {"any": ("A", "AAAA"), "ipv4": ("A",), "ipv6": ("AAAA",)}
VERSIONS: dict[Family, tuple[int, ...]] = {"any": (4, 6), "ipv4": (4,), "ipv6": (6,)}

REASONS: dict[Said, Reason] = {
    "bogus": Reason.DNSSEC_INVALID,
    "failure": Reason.DNS_FAILURE,
    "timeout": Reason.DNS_TIMEOUT,
    "nodata": Reason.DNS_NO_ADDRESS,
    "nxdomain": Reason.DNS_NOT_FOUND,
}
"""What an answer without records means, the weightiest first: after a failure nothing is certain, and a name that
exists for one type exists (RFC 8020 2; servers that deny it for AAAA only are passed over, RFC 4074 4.2)."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """The answer for a host: its addresses, canonical, IPv4 before IPv6, each numerically ascending.

    `problem` says why there is no complete fresh answer; addresses beside it are of one family, or of an earlier
    answer (up to 1 h after it expired). The answer may be used without asking again until `expires`, on the
    resolver's clock. `alias` is the name that a CNAME led to; `authentic`: the nameserver says that DNSSEC vouches for
    all of it.
    """

    addresses: tuple[str, ...]
    problem: Ended | None = None
    expires: float = float("inf")
    alias: str = ""
    authentic: bool = False


def ended(reason: Reason, detail: str) -> Ended:
    """A problem that DNS told."""
    return Ended(HELP[reason].stages[0], reason, detail)


def of_family(addresses: Iterable[str], family: Family) -> tuple[str, ...]:
    """Those of the family, in order, each once."""
    parsed = {ipaddress.ip_address(address) for address in addresses}
    chosen = [address for address in parsed if address.version in VERSIONS[family]]
    return tuple(str(address) for address in sorted(chosen, key=lambda a: (a.version, int(a), str(a))))


@lru_cache(maxsize=1 << 13)
def _sorted(addresses: tuple[str, ...]) -> tuple[str, ...]:
    """Those of a host; it may be the exchange of thousands of domains."""
    return of_family(addresses, "any")


def literal(host: str, family: Family) -> Addresses | None:
    """The answer for an IP literal; None where the host is a name."""
    try:
        found = of_family([host], family)
    except ValueError:
        return None
    return Addresses(found, None if found else ended(Reason.DNS_NO_ADDRESS, f"{host} is no {family} address"))


def read(known: Sequence[Known]) -> Addresses:
    """What the answers for one name say together.

    Where one family failed and the other answered, what answered is used and the failure is reported: a
    warning then. A family that merely has no records does not shorten how long the other's are kept.
    """
    found = tuple(record for one in known for record in one.records if isinstance(record, str))
    telling = [one for one in known if one.records or one.failed] or known
    expires = min(one.expires for one in telling)
    alias = next((one.alias for one in known if one.alias), "")
    authentic = bool(found) and all(one.authentic for one in known if one.records)
    answer = Addresses(_sorted(found), None, expires, alias, authentic)
    said = [one.answer.said for one in known if one.failed or not found]
    worst = next((word for word in REASONS if word in said), None)
    if worst is None:
        return answer
    details = dict.fromkeys(one.answer.detail for one in known if one.answer.said == worst)
    earlier = "; addresses of an earlier answer are used" if any(k.failed and k.records for k in known) else ""
    return replace(answer, problem=ended(REASONS[worst], "; ".join(details) + earlier))
