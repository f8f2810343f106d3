"""Does a certificate name the server? subjectAltName only, never the common name (RFC 9525 section 6).

Patterns and their matching are service-identity's. Nothing here looks at dates or trust.
"""

import ipaddress
from contextlib import suppress

from service_identity import CertificateError
from service_identity.hazmat import DNS_ID, DNSPattern

from exporter.targets import is_literal
from exporter.trust.certificate import MAX_NAMES, Reading
from exporter.trust.fields import DNS_NAME, IP_ADDRESS, SUBJECT_ALTERNATIVE_NAME

NAMES_SHOWN = 4


def mismatch(leaf: Reading, name: str) -> str | None:
    """Return None where the certificate is for this name, else a sentence that says which names it is for."""
    if (_has_address if is_literal(name) else _has_host)(leaf, name):
        return None
    names = leaf.facts.names
    count = f"{len(names) - NAMES_SHOWN}" if len(names) < MAX_NAMES else "many"
    more = f" and {count} more" if len(names) > NAMES_SHOWN else ""
    shown = f"valid for {', '.join(names[:NAMES_SHOWN])}{more}" if names else "valid for no name at all"
    hint = ": set tls.server_name to the name it is to have" if is_literal(name) else ""
    return f"{shown}, not for {name}{hint}"


def _has_address(leaf: Reading, name: str) -> bool:
    octets = ipaddress.ip_address(name).packed
    listed = leaf.fields.extension(SUBJECT_ALTERNATIVE_NAME)
    return octets in listed and any(
        entry.tag == IP_ADDRESS and entry.content == octets for entry in leaf.fields.alternatives(len(listed))
    )


def _has_host(leaf: Reading, name: str) -> bool:
    """Whether an entry fits. One that is none, like `*` or octets over 127, spoils only itself."""
    _, dot, parent = name.partition(".")
    candidates = {each.encode().lower() for each in (name, f"*{dot}{parent}")}
    listed = leaf.fields.extension(SUBJECT_ALTERNATIVE_NAME)
    may_fit = any(each in listed.lower() for each in candidates)  # thousands of entries are not read in vain
    return may_fit and any(
        entry.tag == DNS_NAME and entry.content.lower() in candidates and _fits(entry.content, name)
        for entry in leaf.fields.alternatives(len(listed))
    )


def _fits(pattern: bytes, name: str) -> bool:
    with suppress(CertificateError, ValueError):  # of a pattern or a name that is none
        if pattern.startswith(b"*"):
            # service-identity shuts A-labels out of wildcards; RFC 9525 6.3 only wildcards within a label
            name = name.removeprefix("xn--")
        return DNS_ID(name).verify(DNSPattern.from_bytes(pattern))
    return False
