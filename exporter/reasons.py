"""TABLE 1: every reason a probe can fail for, with its stage, its severity and help for the operator.

One row a reason, in the order of the contract: the order decides which of several critical problems is primary.
Documentation, page, command line and metrics are printed from these rows. No logic here: when a reason holds is
decided in `probe` (what an exception means) and in `checks` (what a fact means).
"""

from dataclasses import dataclass
from enum import StrEnum


class Stage(StrEnum):
    """Where in a probe something happened, in the order of the conversation."""

    DNS = "dns"
    CONNECT = "connect"
    GREETING = "greeting"
    EHLO = "ehlo"
    STARTTLS = "starttls"
    TLS = "tls"
    CERTIFICATE = "certificate"
    AUTH = "auth"
    POLICY = "policy"
    EXPECTATION = "expectation"
    QUIT = "quit"
    INTERNAL = "internal"


class Severity(StrEnum):
    """How grave a problem is: a critical one makes the probe fail."""

    CRITICAL = "critical"
    WARNING = "warning"


class Reason(StrEnum):
    """Why a probe failed; the label `reason`. RFC 8460 names where it has one."""

    DNS_NOT_FOUND = "dns_not_found"
    DNS_NO_ADDRESS = "dns_no_address"
    DNS_FAILURE = "dns_failure"
    DNS_TIMEOUT = "dns_timeout"
    TOO_MANY_ADDRESSES = "too_many_addresses"
    CONNECTION_TIMEOUT = "connection_timeout"
    CONNECTION_REFUSED = "connection_refused"
    NETWORK_UNREACHABLE = "network_unreachable"
    CONNECTION_PROHIBITED = "connection_prohibited"
    GREETING_TIMEOUT = "greeting_timeout"
    GREETING_CLOSED = "greeting_closed"
    GREETING_TEMPORARY = "greeting_temporary"
    GREETING_REJECTED = "greeting_rejected"
    GREETING_MALFORMED = "greeting_malformed"
    IMPLICIT_TLS_REQUIRED = "implicit_tls_required"
    PLAINTEXT_ON_TLS_PORT = "plaintext_on_tls_port"
    CLIENT_REJECTED = "client_rejected"
    EHLO_TIMEOUT = "ehlo_timeout"
    EHLO_CLOSED = "ehlo_closed"
    EHLO_TEMPORARY = "ehlo_temporary"
    EHLO_REJECTED = "ehlo_rejected"
    REPLY_MALFORMED = "reply_malformed"
    REPLY_TOO_LONG = "reply_too_long"
    STARTTLS_NOT_SUPPORTED = "starttls_not_supported"
    STARTTLS_MASKED = "starttls_masked"
    STARTTLS_WITHDRAWN = "starttls_withdrawn"
    STARTTLS_TEMPORARY = "starttls_temporary"
    STARTTLS_REJECTED = "starttls_rejected"
    STARTTLS_TIMEOUT = "starttls_timeout"
    STARTTLS_CLOSED = "starttls_closed"
    STARTTLS_INJECTION = "starttls_injection"
    STARTTLS_AFTER_TLS = "starttls_after_tls"
    STARTTLS_FORBIDDEN = "starttls_forbidden"
    STARTTLS_NOT_TLS = "starttls_not_tls"
    TLS_TIMEOUT = "tls_timeout"
    TLS_CLOSED = "tls_closed"
    TLS_VERSION_UNSUPPORTED = "tls_version_unsupported"
    TLS_CLIENT_CERTIFICATE_REQUIRED = "tls_client_certificate_required"
    TLS_NAME_REJECTED = "tls_name_rejected"
    TLS_HANDSHAKE_FAILED = "tls_handshake_failed"
    TLS_VERSION_TOO_OLD = "tls_version_too_old"
    TLS_WEAK = "tls_weak"
    CERTIFICATE_EXPIRED = "certificate_expired"
    CERTIFICATE_NOT_YET_VALID = "certificate_not_yet_valid"
    CERTIFICATE_HOST_MISMATCH = "certificate_host_mismatch"
    CERTIFICATE_SELF_SIGNED = "certificate_self_signed"
    CERTIFICATE_NOT_TRUSTED = "certificate_not_trusted"
    CERTIFICATE_UNSUITABLE = "certificate_unsuitable"
    CERTIFICATE_WEAK = "certificate_weak"
    CERTIFICATE_EXPIRES_SOON = "certificate_expires_soon"
    CERTIFICATE_OUTDATED = "certificate_outdated"
    AUTH_NOT_OFFERED = "auth_not_offered"
    AUTH_OFFERED_IN_CLEAR = "auth_offered_in_clear"
    AUTH_NOT_ATTEMPTED = "auth_not_attempted"
    AUTH_MECHANISM_UNAVAILABLE = "auth_mechanism_unavailable"
    AUTH_REJECTED = "auth_rejected"
    AUTH_TEMPORARY = "auth_temporary"
    AUTH_FAILED = "auth_failed"
    AUTH_TIMEOUT = "auth_timeout"
    AUTH_CLOSED = "auth_closed"
    BANNER_MISMATCH = "banner_mismatch"
    EXTENSION_MISSING = "extension_missing"
    PORT_OPEN = "port_open"
    MX_NOT_FOUND = "mx_not_found"
    MX_INVALID = "mx_invalid"
    TLSA_INVALID = "tlsa_invalid"
    DNSSEC_INVALID = "dnssec_invalid"
    STS_POLICY_INVALID = "sts_policy_invalid"
    STS_POLICY_FETCH_ERROR = "sts_policy_fetch_error"
    STS_WEBPKI_INVALID = "sts_webpki_invalid"
    STS_MX_MISMATCH = "sts_mx_mismatch"
    INTERNAL_ERROR = "internal_error"


class Untestable(StrEnum):
    """Why nothing can be said of an endpoint from here; the label `reason` of `smtp_probe_untestable`."""

    NO_IPV6 = "no_ipv6"
    NO_IPV4 = "no_ipv4"
    RATE_LIMITED = "rate_limited"
    CLIENT_BLOCKED = "client_blocked"
    EGRESS_BLOCKED = "egress_blocked"
    DNS_UNAVAILABLE = "dns_unavailable"
    LOCAL_RESOURCES = "local_resources"
