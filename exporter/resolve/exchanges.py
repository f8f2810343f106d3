"""The mail exchanges of a domain, as a sending server would see them (RFC 5321 5.1, RFC 7505)."""

import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

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
def connectable(address: str, *, on_this_machine: bool = False) -> bool:
    """Whether an address that a stranger's DNS gave may be connected to: no loopback, link-local, multicast, nor 0/8.

    Private addresses may: many mail domains are internal ones. So may loopback, if `on_this_machine` is allowed.
    """
    ip = _unmapped(address)
    if ip.is_loopback:
        return on_this_machine
    if ip.is_link_local or ip.is_multicast or ip.is_unspecified:
        return False
    return ip.version == 6 or not (ip.packed[0] == 0 or ip.packed == b"\xff\xff\xff\xff")


def _unmapped(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    ip = ipaddress.ip_address(address)
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return mapped or ip


async def exchanges(lookups: Lookups, domain: str, *, on_this_machine: bool = False) -> Exchanges:
    """Look up the MX of a domain, and the addresses of each exchange to see what is wrong with them.

    `on_this_machine`: they may be on loopback.
    """
    (mx,) = await lookups.every((domain, "MX"))
    if mx.answer.said == "nodata":
        return await _implicit(lookups, domain, mx, on_this_machine=on_this_machine)
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
    usable = [host for host in preferences if not _unusable(host)]
    looked_up = await _addresses(lookups, usable[:MAX_HOSTS])
    listing = {host: _judge(*looked_up[host], on_this_machine=on_this_machine) for host in usable[:MAX_HOSTS]}
    hosts = _shared(tuple((preferences[host], host) for host, each in listing.items() if each.probed))
    problems = (*stale, *_problems(domain, hosts, findings, listing), *_left_out(domain, len(usable)))
    return Exchanges(hosts, len(listed), problems=problems, expires=mx.expires, secure=mx.authentic)


async def _implicit(lookups: Lookups, domain: str, mx: Known, *, on_this_machine: bool) -> Exchanges:
    """DNS says that there is no MX, so the domain's own addresses are its exchange (RFC 5321 5.1)."""
    _, found = (await _addresses(lookups, [domain]))[domain]
    expires = min(mx.expires, found.expires)
    if found.problem and not found.addresses:
        if found.problem.reason in {Reason.DNS_NOT_FOUND, Reason.DNS_NO_ADDRESS}:
            return _none(Reason.MX_NOT_FOUND, f"{domain} has neither MX nor address records", expires)
        return _none(found.problem.reason, found.problem.detail, expires)
    exchange = _judge("", found, on_this_machine=on_this_machine)  # an alias is allowed here
    hosts = ((0, domain),) if exchange.probed else ()
    problems = _problems(domain, hosts, [], {domain: exchange})
    return Exchanges(hosts, implicit=True, problems=problems, expires=expires, secure=True)


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


class Exchange(NamedTuple):
    """What was found of an exchange whose addresses were looked up."""

    probed: bool
    """It has an address to connect to, or has none, which its endpoint is to tell."""
    findings: list[str]
    local: bool
    """It has an address on this machine that is not connected."""


def _judge(alias: str, found: Addresses, *, on_this_machine: bool) -> Exchange:
    """Look at the canonical name, where it is another one, and at the addresses of an exchange."""
    refused = [each for each in found.addresses if not connectable(each, on_this_machine=on_this_machine)]
    findings = [f"is an alias of {excerpt(alias)} (RFC 2181 10.3)"] if alias else []
    findings += [f"is on {', '.join(refused[:MAX_TOLD])}: not connected"] if refused else []
    probed = not found.addresses or len(refused) < len(found.addresses)
    return Exchange(probed, findings, any(_unmapped(address).is_loopback for address in refused))


def _problems(
    domain: str, hosts: Sequence[tuple[int, str]], findings: Sequence[str], listing: Mapping[str, Exchange]
) -> tuple[Problem, ...]:
    """The problems of the exchanges: each reason once."""
    found = [*findings, *(f"{host} {what}" for host, each in listing.items() for what in each.findings)]
    local = _on_this_machine([host for host, each in listing.items() if each.local])
    unusable = f"{domain} has no usable exchange"
    missing = [] if hosts else [_problem(Reason.MX_NOT_FOUND, ": ".join([unusable, *local]))]
    more = [f"and {len(found) - MAX_TOLD} more"] if len(found) > MAX_TOLD else []
    told = "; ".join([*found[:MAX_TOLD], *more, *local])
    return (*missing, *([_problem(Reason.MX_INVALID, told, Severity.WARNING)] if found else []))


def _on_this_machine(hosts: Sequence[str]) -> list[str]:
    """Which hosts are left alone because they are on this machine, and which key allows them; a sentence, or none."""
    more = f" and {len(hosts) - MAX_TOLD} more" if len(hosts) > MAX_TOLD else ""
    are = "are" if len(hosts) > 1 else "is"
    told = f"{', '.join(hosts[:MAX_TOLD])}{more} {are} on this machine (global.mx_on_this_machine: true allows that)"
    return [told] if hosts else []


def _left_out(domain: str, usable: int) -> Iterator[Problem]:
    if usable > MAX_HOSTS:
        detail = f"{domain} has {usable} MX hosts: the first {MAX_HOSTS} are probed, {usable - MAX_HOSTS} are not"
        yield _problem(Reason.TOO_MANY_ADDRESSES, detail, Severity.WARNING)


def _none(reason: Reason, detail: str, expires: float) -> Exchanges:
    """No exchange is known, for one critical reason."""
    return Exchanges(problems=(_problem(reason, detail),), expires=expires)


def _stale(mx: Known) -> Problem:
    """Why the records are those of an earlier answer. Bogus ones stop mail all the same."""
    severity = Severity.CRITICAL if mx.answer.said == "bogus" else Severity.WARNING
    return _problem(REASONS[mx.answer.said], mx.answer.detail, severity)


def _problem(reason: Reason, detail: str, severity: Severity = Severity.CRITICAL) -> Problem:
    return Problem(reason, HELP[reason].stages[0], severity, detail)
