"""The hosts file and resolv.conf, as glibc reads them (hosts(5), resolv.conf(5)), and followed when they change.

Only reading and parsing of these two files. Whom to ask when, and what an answer means, is decided elsewhere.
"""

import ipaddress
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from exporter.config.files import read

MAX_FILE_BYTES = 16 * 2**20
"""Blocklists in hosts files come to a few MiB."""
MAX_NAMESERVERS = 3
MAX_NDOTS = 15

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Nameserver:
    """Where questions go. `text` is how operators write it: `192.0.2.53`, `192.0.2.53:5353`, `[::1]:5353`."""

    text: str
    family: socket.AddressFamily = field(compare=False)
    sockaddr: tuple[object, ...]

    def __str__(self) -> str:
        return self.text


def nameserver(text: str) -> Nameserver:
    """Read `address` or `address:port`, IPv6 with a port as `[::1]:53`. Raises ValueError with a clear message."""
    address, port = text, "53"
    if text.startswith("["):
        address, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":") or port
    elif text.count(":") == 1:
        address, _, port = text.partition(":")
    if not (port.isascii() and port.isdecimal() and 0 < int(port) < 65536):
        raise ValueError(f"nameserver {text!r}: {port!r} is no port")
    try:
        ipaddress.ip_address(address)
        found = socket.getaddrinfo(address, int(port), type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST)
    except (OSError, ValueError):  # an interface of a link-local address may be unknown here
        raise ValueError(f"nameserver {text!r}: {address!r} is no IP address") from None
    family, _, _, _, sockaddr = found[0]
    shown = f"[{address}]" if ":" in address else address
    return Nameserver(address if port == "53" else f"{shown}:{port}", family, tuple(sockaddr))


@dataclass(frozen=True, slots=True)
class Configuration:
    """What resolv.conf says: the nameservers in order, the search list without dots at the ends, and ndots."""

    nameservers: tuple[Nameserver, ...]
    search: tuple[str, ...] = ()
    ndots: int = 1

    def names(self, host: str) -> tuple[str, ...]:
        """The absolute names to look up for a host, in order: as it stands first where it has `ndots` dots."""
        searched = [f"{host}.{domain}" if domain else host for domain in self.search]
        ordered = [host, *searched] if host.count(".") >= self.ndots else [*searched, host]
        return tuple(dict.fromkeys(ordered))


def parse_resolv_conf(text: str) -> Configuration:
    """Read resolv.conf. Lines that cannot be understood are passed over, as glibc does; so no error is raised."""
    servers: list[Nameserver] = []
    search = [socket.gethostname().partition(".")[2]]
    ndots = 1
    for line in text.splitlines():
        match line.split():
            case ["nameserver", address, *_] if len(servers) < MAX_NAMESERVERS:
                servers.extend(_local(address))
            case ["domain", domain, *_]:
                search = [domain]
            case ["search", *domains] if domains:
                search = domains
            case ["options", *options]:
                given = [o.removeprefix("ndots:") for o in options if o.startswith("ndots:")]
                ndots = next((min(int(n), MAX_NDOTS) for n in reversed(given) if n.isdecimal()), ndots)
    searched = tuple(domain.strip(".").lower() for domain in search if domain)
    return Configuration(tuple(servers) or (nameserver("127.0.0.1"),), searched, ndots)


def _local(address: str) -> Sequence[Nameserver]:
    """The nameserver at an address, always on port 53; none where the text is no address."""
    try:
        return [nameserver(f"[{address}]")]
    except ValueError:
        return []


def parse_hosts(text: str) -> dict[str, tuple[str, ...]]:
    """Read a hosts file: the addresses by lower-case name, in the order written. Bad lines are passed over."""
    found: dict[str, tuple[str, ...]] = {}
    for line in text.splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        try:
            canonical = str(ipaddress.ip_address(address))
        except ValueError:
            continue
        for name in names:
            key = name.lower().rstrip(".")
            found[key] = (*found.get(key, ()), canonical)
    return found


class Followed(Generic[T]):
    """A small file, parsed anew when it has changed. A file that is missing or unreadable counts as empty."""

    def __init__(self, path: Path, parse: Callable[[str], T]) -> None:
        self._path = path
        self._parse = parse
        self._seen: object = None
        self.content = parse("")
        self.look()

    def look(self) -> bool:
        """Read the file where its time, size or inode changed. True where its content means something else now."""
        try:
            stat = self._path.stat()
            seen = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if seen == self._seen:
                return False
            text = read(self._path, MAX_FILE_BYTES).decode("utf-8", "replace")
        except (OSError, ValueError):
            seen, text = None, ""
        before, self._seen, self.content = self.content, seen, self._parse(text)
        return self.content != before
