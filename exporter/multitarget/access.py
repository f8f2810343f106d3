"""Who may be probed on demand: names by name, networks by the addresses that are then connected to. Pure.

An address is judged as a number, never as text, and by every IPv4 address that it leads to: 192.0.2.1 does not become
another one by being written as ::ffff:192.0.2.1 or behind a 6to4 or NAT64 prefix. A name that is listed may lead to any
host, but not to an address that no public name has: the owner of the name would choose what is probed.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

NAT64 = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
"""RFC 6052 2.1, RFC 8215; the address is taken from the last 32 bits."""
COMPATIBLE = IPv6Network("::/96")
"""RFC 4291 2.5.5.1, long deprecated."""
SPECIAL = tuple(map(ip_network, ("0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3", "::/128", "fe80::/10", "ff00::/8")))
"""This host, link-local (the metadata services of clouds, too), multicast, reserved, broadcast (RFC 6890): no host in
DNS is there. Who means them must list them; a network around them is not enough."""


class Allowed:
    """The list `probe_endpoint.allow`: host names, *.suffixes and networks, as `config.names.permitted` wrote them."""

    def __init__(self, entries: Iterable[str]) -> None:
        entries = tuple(entries)
        self._networks = tuple(ip_network(entry) for entry in entries if "/" in entry)
        self._suffixes = tuple(entry[1:] for entry in entries if entry.startswith("*."))
        self._names = frozenset(entry for entry in entries if "/" not in entry and not entry.startswith("*."))

    @property
    def any_network(self) -> bool:
        """Whether an address may be allowed whatever its name is; if not, no name needs to be looked up for that."""
        return bool(self._networks)

    def lists(self, host: str) -> bool:
        """Whether a host is listed by its full name. `host` is a lower-case A-label name or an IP literal."""
        return host in self._names

    def covers(self, host: str) -> bool:
        """Whether a host is listed by its full name or a suffix."""
        return self.lists(host) or host.endswith(self._suffixes)

    def of(self, addresses: Iterable[str]) -> tuple[str, ...]:
        """Those of the addresses that are in a network listed, as they are to be connected to."""
        plain = (_plain(ip_address(address)) for address in addresses)
        return tuple(dict.fromkeys(str(each) for each in plain if self._holds(each)))

    def of_name(self, host: str, addresses: Iterable[str]) -> tuple[str, ...]:
        """Those of the addresses of a listed host that may be probed. An address that is listed itself may be."""
        plain = dict.fromkeys(_plain(ip_address(address)) for address in addresses)
        return tuple(str(each) for each in plain if str(each) == host or self._holds(each) or not _special(each))

    def _holds(self, address: IPv4Address | IPv6Address) -> bool:
        """0.0.0.0 and :: are other names of this machine (RFC 1122 3.2.1.3), in no network that anybody means."""
        every = (address, *_embedded(address))
        return all(not each.is_unspecified and self._means(each) for each in every)

    def _means(self, address: IPv4Address | IPv6Address) -> bool:
        """Whether an address is in a network listed; of a special one, no wider network counts."""
        special = [network for network in SPECIAL if address in network]
        networks = [network for network in self._networks if address in network]
        return any(network.prefixlen >= max((each.prefixlen for each in special), default=0) for network in networks)


def _special(address: IPv4Address | IPv6Address) -> bool:
    return any(_within(each, SPECIAL) for each in (address, *_embedded(address)))


def _within(address: IPv4Address | IPv6Address, networks: Iterable[IPv4Network | IPv6Network]) -> bool:
    return any(address in network for network in networks)


def _plain(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv4-mapped one is (RFC 4291 2.5.5.2): the kernel connects over IPv4."""
    return (address.ipv4_mapped if isinstance(address, IPv6Address) else None) or address


def _embedded(address: IPv4Address | IPv6Address) -> tuple[IPv4Address, ...]:
    """The IPv4 addresses to which a translator or tunnel on the way would send it."""
    if isinstance(address, IPv4Address):
        return ()
    last = IPv4Address(int(address) & 0xFFFFFFFF)
    translated = last if _within(address, (*NAT64, COMPATIBLE)) and int(address) > 1 else None
    return tuple(filter(None, (address.sixtofour, *(address.teredo or ()), translated)))
