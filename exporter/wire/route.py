"""Whether a packet to an address could leave this machine. Sends nothing."""

import errno
import ipaddress
import socket

NO_ROUTE = frozenset({errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})
"""Errors by which the kernel says that it would not know where to send."""


def has_route(address: str) -> bool:
    """Whether a packet to this address could leave this machine: a UDP connect, which sends nothing, tells.

    A local source (ULA, link-local) towards a global IPv6 address is no route either: containers often have just
    that, and every connection would time out.
    """
    target = ipaddress.ip_address(address)
    family = socket.AF_INET6 if target.version == 6 else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.connect((address, 9))
            source = ipaddress.ip_address(sock.getsockname()[0].partition("%")[0])
    except OSError as error:
        return error.errno not in NO_ROUTE
    return not (target.version == 6 and target.is_global and not source.is_global)
