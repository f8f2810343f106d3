"""Targets to endpoints: which endpoints a target has once the addresses of its hosts are known. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import blake2b
from ipaddress import ip_address
from typing import Literal

from exporter.model import Endpoint, Peer, Security, Settings, Target

Family = Literal["any", "ipv4", "ipv6"]


@dataclass(frozen=True, slots=True)
class Name:
    """A question to DNS: a host, how it is resolved, and which addresses count."""

    host: str
    resolve: Literal["system", "dns"]
    family: Family


@dataclass(frozen=True, slots=True)
class Site:
    """One port of one host of a target: it has an endpoint for each address."""

    target: Target
    host: str
    port: int
    settings: Settings

    @property
    def name(self) -> Name:
        """What to ask DNS."""
        return name_of(self)

    def endpoint(self, address: str) -> Endpoint:
        """Its endpoint at one address; empty: where the name has none, and with `addresses: any`."""
        return Endpoint(self.target.name, Peer(self.host, address, self.port, self.settings), self.target.labels)

    def endpoints(self, addresses: tuple[str, ...], limit: int) -> tuple[Endpoint, ...]:
        """All of them: the first `limit` addresses in sorted order. Without addresses, one that says so."""
        if not addresses or self.settings.addresses == "any":
            return (self.endpoint(""),)
        return tuple(self.endpoint(address) for address in addresses[:limit])


def name_of(where: Site | Peer) -> Name:
    """What to ask DNS for a site or peer."""
    chosen = where.settings.addresses
    return Name(where.host, where.settings.resolve, chosen if chosen in ("ipv4", "ipv6") else "any")


def log_fields(peer: Peer, target: str = "") -> dict[str, str | int]:
    """What every log line about an endpoint carries, as its series do. Without a target: a canary, or /probe."""
    whose = {"target": target} if target else {}
    return {**whose, "host": peer.host, "port": peer.port, "address": peer.address}


def speaks_tls(settings: Settings) -> bool:
    """Whether a port is to be open and to speak TLS, so that TLSA records may say of what kind."""
    return settings.security is not Security.NONE and settings.expect.port == "open"


def sites(target: Target, host: str) -> Iterator[Site]:
    """The ports of a host of a target."""
    return (Site(target, host, port, settings) for port, settings in target.ports)


@lru_cache(maxsize=4096)
def is_literal(host: str) -> bool:
    """Whether a host is an IP address already."""
    if not (host[-1:].isdigit() or ":" in host):
        return False  # a name, told at once
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def shard(target: Target, index: int, count: int) -> Target | None:
    """The part of a target that shard `index` of `count` probes; None where it has none.

    Rendezvous hashing: the same on every machine and version, and a new shard takes its share from all others without
    moving anything else. The host or domain alone is hashed, neither port nor target name: what shares an address must
    share a process, for only there `max_probes_per_host` holds and endpoints that are alike share one probe; and a
    target that is renamed stays where it is. MX hosts that domains of several shards name are probed by each of them.
    """
    if count == 1:
        return target
    if target.host:
        return target if _winner(target.host, count) == index else None
    ours = tuple(domain for domain in target.domains if _winner(domain, count) == index)
    return replace(target, domains=ours) if ours else None


def _winner(name: str, count: int) -> int:
    return max(range(count), key=lambda index: blake2b(f"{index}/{name}".encode(), digest_size=8).digest())
