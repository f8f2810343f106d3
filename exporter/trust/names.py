"""Does a certificate name the server? subjectAltName only, never the common name (RFC 9525 section 6).

Patterns and their matching are service-identity's. Nothing here looks at dates or trust.
"""

import ipaddress
from collections.abc import Iterator
from contextlib import suppress

from cryptography import x509
from service_identity import CertificateError
from service_identity.hazmat import DNS_ID, CertificatePattern, DNSPattern, IPAddress_ID, IPAddressPattern

from exporter.targets import is_literal
from exporter.trust.certificate import MAX_NAMES, Reading

NAMES_SHOWN = 4


def mismatch(leaf: Reading, name: str) -> str | None:
    """None where the certificate names the server, else whom it names instead. A malformed one is not judged."""
    if leaf.flaw or any(_matches(pattern, name) for pattern in _patterns(leaf)):
        return None
    names = leaf.facts.names
    count = f"{len(names) - NAMES_SHOWN}" if len(names) < MAX_NAMES else "many"
    more = f" and {count} more" if len(names) > NAMES_SHOWN else ""
    shown = f"valid for {', '.join(names[:NAMES_SHOWN])}{more}" if names else "names no host in its subjectAltName"
    hint = ": set tls.server_name to the name it is to have" if is_literal(name) else ""
    return f"{shown}, not for {name}{hint}"


def _patterns(leaf: Reading) -> Iterator[CertificatePattern]:
    """What it is valid for. A pattern that is none, like `*` or `f*.example`, spoils only itself."""
    san = leaf.extension(x509.SubjectAlternativeName) or x509.SubjectAlternativeName([])
    for host in san.get_values_for_type(x509.DNSName):
        with suppress(CertificateError):
            yield DNSPattern.from_bytes(host.encode())
    for address in san.get_values_for_type(x509.IPAddress):
        if isinstance(address, ipaddress.IPv4Address | ipaddress.IPv6Address):
            yield IPAddressPattern(address)


def _matches(pattern: CertificatePattern, name: str) -> bool:
    with suppress(ValueError):  # of a name that is none
        if is_literal(name):
            return IPAddress_ID(name).verify(pattern)
        if isinstance(pattern, DNSPattern) and b"*" in pattern.pattern and name.startswith("xn--"):
            # service-identity shuts A-labels out of wildcards; RFC 9525 6.3 only wildcards within a label
            name = name.removeprefix("xn--")
        return DNS_ID(name).verify(pattern)
    return False
