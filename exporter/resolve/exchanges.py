"""The mail exchanges of a domain, as a sending server would see them (RFC 5321 5.1, RFC 7505)."""

import ipaddress
import re
from collections.abc import Sequence
from functools import lru_cache

from exporter.model import Exchanges, Problem
from exporter.peer_text import excerpt
from exporter.reasons import REASONS as HELP
from exporter.reasons import Reason, Severity
from exporter.resolve.addresses import REASONS, TYPES, Addresses, read
from exporter.resolve.answer import Mx
from exporter.resolve.lookups import Known, Lookups

MAX_HOSTS = 32
MAX_TOLD = 8  # findings that the text of a problem lists

HOST_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)+")
"""Two labels or more of letters, digits, hyphen (RFC 5321 2.3.5), and the underscore that is seen in the field."""


@lru_cache(maxsize=1 << 14)
def connectable(address: str) -> bool:
    """Whether an address that a stranger's DNS gave may be connected to: no loopback, link-local, multicast, nor 0/8.

    Private addresses may: many mail domains are internal ones.
    """
    ip = ipaddress.ip_address(address)
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    ip = mapped or ip
    if ip.is_loopback or ip.is_link_local or ip.is_multicast or ip.is_unspecified:
        return False
    return ip.version == 6 or not (ip.packed[0] == 0 or ip.packed == b"\xff\xff\xff\xff")


async def exchanges(lookups: Lookups, domain: str) -> Exchanges:
    """Look up the MX of a domain, and the addresses of each exchange to see what is wrong with them."""
    (mx,) = await lookups.every((domain, "MX"))
    if mx.answer.said == "nodata":
        return await _implicit(lookups, domain, mx)
    if not mx.records:
        return _none(REASONS[mx.answer.said], mx.answer.detail, mx.expires)
    listed = _listed(mx)
    stale = [_stale(mx)] if mx.failed else []
    if all(host == "." for _, host in listed):  # RFC 7505 3: takes no mail, and says so
        return Exchanges(records=len(listed), null_mx=True, problems=tuple(stale), expires=mx.expires)
    preferences: dict[str, int] = {}
    for preference, host in listed:
        preferences.setdefault(host, preference)
    findings = [f"{excerpt(host)} {what}" for host in preferences if (what := _unusable(host))]
    first = [host for host in preferences if not _unusable(host)][:MAX_HOSTS]
    found = await _addresses(lookups, first)
    findings += [f"{host} {what}" for host in first for what in _doubts(*found[host])]
    hosts = _shared(tuple((preferences[host], host) for host in first if _may_be_probed(found[host][1])))
    problems = (*stale, *_judged(domain, hosts, findings))
    return Exchanges(hosts, len(listed), problems=problems, expires=mx.expires, secure=mx.authentic)


async def _implicit(lookups: Lookups, domain: str, mx: Known) -> Exchanges:
    """DNS says that there is no MX, so the domain's own addresses are its exchange (RFC 5321 5.1)."""
    _, found = (await _addresses(lookups, [domain]))[domain]
    expires = min(mx.expires, found.expires)
    if found.problem and not found.addresses:
        if found.problem.reason in {Reason.DNS_NOT_FOUND, Reason.DNS_NO_ADDRESS}:
            return _none(Reason.MX_NOT_FOUND, f"{domain} has neither MX nor address records", expires)
        return _none(found.problem.reason, found.problem.detail, expires)
    hosts = ((0, domain),) if _may_be_probed(found) else ()
    findings = [f"{domain} {what}" for what in _doubts("", found)]  # an alias is allowed here
    return Exchanges(hosts, implicit=True, problems=_judged(domain, hosts, findings), expires=expires, secure=True)


async def _addresses(lookups: Lookups, hosts: Sequence[str]) -> dict[str, tuple[str, Addresses]]:
    """Where each host's name is an alias its canonical name, else "", and its addresses. All asked at once."""
    known = iter(await lookups.every(*((host, rdtype) for host in hosts for rdtype in TYPES["any"])))
    pairs = {host: [next(known) for _ in TYPES["any"]] for host in hosts}
    return {
        host: (next((k.answer.alias for k in pair if k.answer.alias), ""), read(pair)) for host, pair in pairs.items()
    }


def _listed(mx: Known) -> list[Mx]:
    """The records as (preference, name), in the order a sender tries them."""
    return sorted(record for record in mx.records if isinstance(record, Mx))


@lru_cache(maxsize=1 << 12)
def _shared(hosts: tuple[tuple[int, str], ...]) -> tuple[tuple[int, str], ...]:
    """The first of those that are equal: those of one provider."""
    return hosts


@lru_cache(maxsize=1 << 13)
def _unusable(host: str) -> str | None:
    """Why an exchange cannot be the name of a mail server, whatever its addresses; None where it can."""
    if host == ".":
        return "stands beside others (RFC 7505 3)"
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        pass
    else:
        return "is an address, not a name (RFC 5321 5.1)"
    if "." not in host:
        return "is a single label"
    return None if HOST_NAME.fullmatch(host) else "is no host name"


def _doubts(alias: str, found: Addresses) -> list[str]:
    """What is wrong with an exchange whose addresses were looked up."""
    refused = [address for address in found.addresses if not connectable(address)]
    aliased = [f"is an alias of {excerpt(alias)} (RFC 2181 10.3)"] if alias else []
    return aliased + ([f"is on {', '.join(refused[:MAX_TOLD])}: not connected"] if refused else [])


def _may_be_probed(found: Addresses) -> bool:
    """Has an address to connect to, or has none, which its endpoint is to tell."""
    return not found.addresses or any(map(connectable, found.addresses))


def _judged(domain: str, hosts: Sequence[tuple[int, str]], findings: Sequence[str]) -> tuple[Problem, ...]:
    """The problems of the exchanges: each reason once."""
    more = f"; and {len(findings) - MAX_TOLD} more" if len(findings) > MAX_TOLD else ""
    invalid = [_problem(Reason.MX_INVALID, "; ".join(findings[:MAX_TOLD]) + more, Severity.WARNING)] if findings else []
    missing = [] if hosts else [_problem(Reason.MX_NOT_FOUND, f"{domain} has no usable exchange")]
    return (*missing, *invalid)


def _none(reason: Reason, detail: str, expires: float) -> Exchanges:
    """No exchange is known, for one critical reason."""
    return Exchanges(problems=(_problem(reason, detail),), expires=expires)


def _stale(mx: Known) -> Problem:
    """Why the records are those of an earlier answer. Bogus ones stop mail all the same."""
    severity = Severity.CRITICAL if mx.answer.said == "bogus" else Severity.WARNING
    return _problem(REASONS[mx.answer.said], mx.answer.detail, severity)


def _problem(reason: Reason, detail: str, severity: Severity = Severity.CRITICAL) -> Problem:
    return Problem(reason, HELP[reason].stages[0], severity, detail)
