"""Which connections and guesses are counted together. Knows no HTTP."""

import ipaddress


def client_network(client: str) -> str:
    """Name who is counted as one client: an IPv4 address, or an IPv6 /64, which one customer has whole."""
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return client
    if address.version == 4:
        return client
    return str(address.ipv4_mapped or ipaddress.IPv6Network((int(address), 64), strict=False))
