"""THE TABLES of the demo: mail servers, mail domains and their DNS, a blocked port, and what will be said of each.

Data only. Addresses beyond 127.0.0.1 are free to use on Linux: all of 127/8 is loopback.
"""

from dataclasses import dataclass, field
from typing import Any

LOGIN = {"username": "user", "password_file": "password", "interval": "30s"}
WRONG = {"username": "user", "password_file": "wrong-password", "interval": "30s"}


@dataclass(frozen=True, slots=True)
class Simulated:
    """One server on 127.0.0.1: what it does, and what the agent will say of it."""

    target: str
    script: str
    """A row of SCRIPTS; `closed` or `dropping` for a port where nobody answers."""
    module: str
    says: str
    keys: dict[str, Any] = field(default_factory=dict)


DEMO: tuple[Simulated, ...] = (
    Simulated("relay, healthy", "healthy", "relay", "ok"),
    Simulated("submission, healthy", "healthy_submission", "submission", "ok", {"auth": LOGIN}),
    Simulated("submissions, healthy", "healthy_submissions", "submissions", "ok", {"auth": LOGIN}),
    Simulated("relay, hostile banner", "healthy_hostile_banner", "relay", "ok"),
    Simulated("certificate expired", "certificate_expired", "relay", "certificate_expired",
              {"expect": {"certificate": "trusted"}}),
    Simulated("certificate expires in 3 days", "certificate_expiring", "relay", "certificate_expires_soon",
              {"expect": {"certificate": "trusted", "min_days_left": 14}}),
    Simulated("certificate of another host", "certificate_wrong_host", "relay", "certificate_host_mismatch",
              {"expect": {"certificate": "trusted"}}),
    Simulated("certificate self-signed", "certificate_self_signed", "relay", "certificate_self_signed",
              {"expect": {"certificate": "trusted"}}),
    Simulated("intermediate not sent", "certificate_no_intermediate", "relay", "certificate_not_trusted",
              {"expect": {"certificate": "trusted"}}),
    Simulated("STARTTLS is gone", "healthy_in_clear", "submission", "starttls_not_supported"),
    Simulated("STARTTLS masked by a firewall", "starttls_masked", "relay", "starttls_masked"),
    Simulated("STARTTLS broken", "starttls_temporary", "relay", "starttls_temporary"),
    Simulated("STARTTLS injection", "starttls_injection", "relay", "starttls_injection"),
    Simulated("TLS 1.0 only", "tls_1_0_only", "relay", "tls_version_too_old"),
    Simulated("cleartext on a TLS port", "plaintext_on_tls_port", "submissions", "plaintext_on_tls_port"),
    Simulated("wrong password", "healthy_submission", "submission", "auth_rejected", {"auth": WRONG}),
    Simulated("login in clear allowed", "auth_in_clear", "relay", "ok (a warning, were it not on loopback)"),
    Simulated("overloaded server", "greeting_temporary", "relay", "greeting_temporary"),
    Simulated("rate limited", "greeting_rate_limited", "relay", "untestable: rate_limited"),
    Simulated("silent server", "greeting_timeout", "relay", "greeting_timeout"),
    Simulated("a web server", "greeting_http", "relay", "greeting_malformed"),
    Simulated("server stopped", "closed", "relay", "connection_refused"),
    Simulated("server behind a firewall", "dropping", "relay", "connection_timeout"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class MailDomain:
    """A mail domain whose records are in ZONE."""

    target: str
    domain: str
    says: str
    success: bool = True
    """Its smtp_domain_success."""


MAIL_DOMAINS: tuple[MailDomain, ...] = (
    MailDomain("mail domain, healthy", "example.test", "example.test ok"),
    MailDomain("mail domain, one MX down", "half.test", "half.test ok, mx3 connection_refused"),
    MailDomain("mail domain, only MX down", "down.test", "down.test connection_refused", success=False),
    MailDomain("mail domain, takes no mail", "no-mail.test", "no-mail.test ok (null MX, RFC 7505)"),
)
MX_HOSTS = {"127.0.1.1": "healthy", "127.0.1.2": "healthy", "127.0.1.3": "closed"}
"""What the MX hosts do, by address. All have the same port."""

BLOCKED_HOSTS = ("mx.one.test", "mx.two.test", "mx.three.test")
BLOCKED_ADDRESSES = ("127.0.2.1", "127.0.3.1", "127.0.4.1")
"""In three networks of a /24 each, and silent: as a provider that drops what leaves on port 25 makes all of them."""
BLOCKED, BLOCKED_SAYS = "port blocked by our provider", "untestable: egress_blocked"

ZONE = """
example.test.             60 MX  10 mx1.example.test.
example.test.             60 MX  20 mx2.example.test.
_smtp._tls.example.test.  60 TXT "v=TLSRPTv1; rua=mailto:tls-reports@example.test"
half.test.                60 MX  10 mx1.example.test.
half.test.                60 MX  20 mx3.example.test.
down.test.                60 MX  10 mx3.example.test.
no-mail.test.             60 MX  0 .
mx1.example.test.         60 A   127.0.1.1
mx2.example.test.         60 A   127.0.1.2
mx3.example.test.         60 A   127.0.1.3
mx.one.test.              60 A   127.0.2.1
mx.two.test.              60 A   127.0.3.1
mx.three.test.            60 A   127.0.4.1
"""
