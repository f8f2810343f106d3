"""A web configuration as the door uses it: plain frozen data. Nothing here reads or judges."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from OpenSSL import SSL


@dataclass(frozen=True, slots=True)
class Settings:
    """Who may come in, over what, and which headers every answer gets. The default is an open door without TLS."""

    users: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """bcrypt hashes by user name. Empty: no password is asked for."""
    headers: Mapping[str, str] = field(default_factory=dict)
    tls: SSL.Context | None = None
    """None: plain HTTP."""
    clients_verified: bool = False
    """Only clients with a certificate of known CAs are let in."""
