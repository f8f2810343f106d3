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
    TLSA_UNUSABLE = "tlsa_unusable"
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


class Rule(StrEnum):
    """How the severity of a reason is found, as docs/reasons.md writes it."""

    CRITICAL = "C"
    WARNING = "W"
    EXPECTED_ELSE_WARNING = "E/w"
    EXPECTED_ELSE_NOTHING = "E/-"

    def severity(self, *, expected: bool = False) -> Severity | None:
        """How grave it is here; None where it is no problem. `expected`: an expectation covers the fact."""
        if self is Rule.CRITICAL or (expected and self is not Rule.WARNING):
            return Severity.CRITICAL
        return None if self is Rule.EXPECTED_ELSE_NOTHING else Severity.WARNING


@dataclass(frozen=True, slots=True)
class Row:
    """One reason: where it arises, how grave it is, and help for the person on call."""

    stages: tuple[Stage, ...]
    rule: Rule
    meaning: str
    cause: str
    check: str
    rfc8460: str | None = None


C, W, EW, E = Rule.CRITICAL, Rule.WARNING, Rule.EXPECTED_ELSE_WARNING, Rule.EXPECTED_ELSE_NOTHING
_DNS, _CONNECT, _GREETING, _EHLO = (Stage.DNS,), (Stage.CONNECT,), (Stage.GREETING,), (Stage.EHLO,)
_STARTTLS, _TLS, _CERTIFICATE, _AUTH = (Stage.STARTTLS,), (Stage.TLS,), (Stage.CERTIFICATE,), (Stage.AUTH,)
_POLICY, _EXPECTATION, _INTERNAL = (Stage.POLICY,), (Stage.EXPECTATION,), (Stage.INTERNAL,)

REASONS: dict[Reason, Row] = {
    Reason.DNS_NOT_FOUND: Row(
        _DNS, C,
        "The name does not exist (NXDOMAIN).",
        "A typing error, a domain that lapsed, or a name that only an internal DNS server knows.",
        "Ask the same name server by hand: dig NAME; compare with what another network sees.",
    ),
    Reason.DNS_NO_ADDRESS: Row(
        _DNS, C,
        "The name exists, but has no A or AAAA record of the address family asked for.",
        "A record was removed, or `addresses: ipv6` (or ipv4) is set for a host of the other family.",
        "dig NAME A and dig NAME AAAA; then the key `addresses`.",
    ),
    Reason.DNS_FAILURE: Row(
        _DNS, C,
        "The name server cannot answer (SERVFAIL, REFUSED), or its answer is truncated and there is none over TCP.",
        "The zone's own servers are down, this resolver refuses us, or a firewall blocks DNS over TCP (port 53).",
        "dig NAME, then dig +cd NAME: if only the second answers, DNSSEC is broken. dig +tcp NAME must answer, too.",
    ),
    Reason.DNS_TIMEOUT: Row(
        _DNS, C,
        "No name server answered in time.",
        "The resolver is down or unreachable from here, or the zone's own servers do not answer it.",
        "dig NAME from this machine; the nameserver lines of /etc/resolv.conf or the key `nameservers`.",
    ),
    Reason.TOO_MANY_ADDRESSES: Row(
        _DNS, W,
        "More addresses than `max_addresses`, or more than 32 MX hosts of a domain; only the first ones are probed.",
        "A large provider's pool.",
        "Set `addresses: any` for a pool of others, or raise `max_addresses` for your own. MX hosts: 32 at most.",
    ),
    Reason.CONNECTION_TIMEOUT: Row(
        _CONNECT, C,
        "Nothing answered our SYN within `connect_timeout`.",
        "A firewall drops it, or the host is down. On port 25: the provider or cloud that this agent runs in "
        "blocks outgoing mail.",
        "The same host on another port (587) from this machine, and this port from another network.",
    ),
    Reason.CONNECTION_REFUSED: Row(
        _CONNECT, C,
        "The connection was refused: nothing listens on the port, or a firewall rejects us.",
        "The mail server is stopped, listens on other addresses only, or a firewall answers with a reset.",
        "On the server: ss -ltn, and the service's state; then the firewall between.",
    ),
    Reason.NETWORK_UNREACHABLE: Row(
        _CONNECT, C,
        "A router or the host itself says that the address cannot be reached.",
        "A routing fault, a host that is switched off, or a firewall that says \"prohibited\".",
        "ping and traceroute to the address from this machine.",
    ),
    Reason.CONNECTION_PROHIBITED: Row(
        _CONNECT, C,
        "This machine or a firewall forbids the connection.",
        "A local firewall rule, a container's network policy, a prohibit or blackhole route.",
        "On this machine: nft list ruleset, ip route get ADDRESS, the pod's NetworkPolicy.",
    ),
    Reason.GREETING_TIMEOUT: Row(
        _GREETING, C,
        "Connected, but no complete 220 greeting came before the time ran out.",
        "An overloaded server, a greet delay longer than `timeout`, a reverse lookup of our address that hangs, "
        "a PROXY protocol listener, a port that expects TLS from the first byte, or Postfix whose smtpd cannot start "
        "(its SASL socket is missing).",
        "Connect by hand and wait: nc HOST PORT; on the server, its load and its resolver.",
    ),
    Reason.GREETING_CLOSED: Row(
        _GREETING, C,
        "The server closed or reset the connection before it greeted.",
        "A crashing or overloaded daemon (Postfix: its SASL socket is missing), a load balancer without a healthy "
        "backend, a PROXY protocol listener, a limit on the connections of one client (many servers close without a "
        "word), or a firewall.",
        "The mail server's log at the time of the probe; the load balancer's backends; the server's limits per client.",
    ),
    Reason.GREETING_TEMPORARY: Row(
        _GREETING, C,
        "The server greeted with a 4xx reply: it does not take mail now.",
        "Overload, a full disk, a restart, or a configuration error on the server.",
        "The text of the reply, then the mail server's log.",
    ),
    Reason.GREETING_REJECTED: Row(
        _GREETING, C,
        "The server greeted with a 5xx reply: it does not offer mail service.",
        "Mail service is switched off on this host, the connection reaches a host that should not be an MX, or a deny "
        "list rejects us without saying so (postscreen: 521 5.3.2).",
        "The text of the reply; whether the name points to the right host; the same probe from another network.",
    ),
    Reason.GREETING_MALFORMED: Row(
        _GREETING, C,
        "What the server said first is not an SMTP greeting.",
        "Another service listens on the port (HTTP, SSH, POP3), or a proxy in between speaks for the server.",
        "nc HOST PORT and read the first line; then what listens there.",
    ),
    Reason.IMPLICIT_TLS_REQUIRED: Row(
        _GREETING, C,
        "The port speaks TLS from the first byte; we waited for a greeting in clear.",
        "A submissions listener (like 465) on this port, or `security: starttls` where implicit is meant.",
        "Set `security: implicit`, or move the listener: openssl s_client -connect HOST:PORT",
    ),
    Reason.PLAINTEXT_ON_TLS_PORT: Row(
        _TLS, C,
        "The port speaks SMTP in clear; we began with TLS.",
        "The daemon's TLS wrapper mode is off on this port, or `security: implicit` where starttls is meant.",
        "Postfix: smtpd_tls_wrappermode=yes for this service; Exim: tls_on_connect_ports; or set `security`.",
    ),
    Reason.CLIENT_REJECTED: Row(
        (Stage.GREETING, Stage.EHLO, Stage.STARTTLS), C,
        "The server refuses this client, not everybody: its 5xx reply speaks of our address or reputation; or it is "
        "Sendmail and offers nothing but ENHANCEDSTATUSCODES, its way to refuse a client.",
        "This machine's address is on a blocklist or in an access map, has no or a wrong PTR record, or `ehlo_name` is "
        "not accepted.",
        "Reverse DNS and blocklist entries of this machine's address; the server's access map; the key `ehlo_name`.",
    ),
    Reason.EHLO_TIMEOUT: Row(
        _EHLO, C,
        "EHLO was sent and not answered before the time ran out.",
        "An overloaded server, a slow lookup of our name, or a middlebox that swallows the command.",
        "The mail server's log and load; the same by hand: swaks --quit-after EHLO",
    ),
    Reason.EHLO_CLOSED: Row(
        _EHLO, C,
        "The server closed or reset the connection instead of answering EHLO.",
        "A crashing daemon (Postfix: its SASL socket is missing; greeting_timeout may follow), or a policy that drops "
        "clients by name or address.",
        "The mail server's log at the time of the probe.",
    ),
    Reason.EHLO_TEMPORARY: Row(
        _EHLO, C,
        "EHLO was answered with a 4xx reply.",
        "The server cannot look up our name, or is overloaded.",
        "The text of the reply; whether `ehlo_name` resolves to this machine's address.",
    ),
    Reason.EHLO_REJECTED: Row(
        _EHLO, C,
        "EHLO was answered with a 5xx reply, and HELO, where it was tried, with another or with a close.",
        "The server does not accept our `ehlo_name`, speaks LMTP, or expects a PROXY header; or a firewall overwrites "
        "the command.",
        "The text of the reply; set `ehlo_name` to a name that resolves to this machine's address.",
    ),
    Reason.REPLY_MALFORMED: Row(
        (Stage.EHLO, Stage.STARTTLS, Stage.AUTH), C,
        "The server sent something that is not an SMTP reply, or a reply that no command asked for.",
        "A broken proxy or middlebox, a proxy that sends a PROXY header to a server that does not expect it, or "
        "another protocol behind the greeting.",
        "The transcript of the probe; the server without the device in between.",
    ),
    Reason.REPLY_TOO_LONG: Row(
        (Stage.EHLO, Stage.STARTTLS, Stage.AUTH), C,
        "An answer was longer than 64 KiB.",
        "A broken or hostile server.",
        "What listens on the port.",
    ),
    Reason.STARTTLS_NOT_SUPPORTED: Row(
        _STARTTLS, EW,
        "The server does not offer STARTTLS: mail and passwords would travel in clear.",
        "TLS is switched off, the certificate could not be loaded at start, or a device on the path removes the offer.",
        "The server's TLS settings and log; the same probe from inside the server's network.",
        "starttls-not-supported",
    ),
    Reason.STARTTLS_MASKED: Row(
        _STARTTLS, EW,
        "The offer of STARTTLS was overwritten on the way (XXXXXXXA, or a greeting of asterisks).",
        "A firewall's SMTP inspection: Cisco ASA or PIX \"inspect esmtp\" or \"fixup smtp\".",
        "Switch SMTP inspection off on the firewalls between, or let it allow TLS.",
        "starttls-not-supported",
    ),
    Reason.STARTTLS_WITHDRAWN: Row(
        _STARTTLS, C,
        "STARTTLS is not offered, though this endpoint offered it within a day, or another address of the host offers "
        "it now. Holds until it was offered to ten probes in a row.",
        "A failed reload lost the certificate; the server refuses this client and hides its extensions (Sendmail: "
        "access map, DNSBL); or somebody on the path strips the offer: a downgrade attack.",
        "The server's log since the last good probe; its access map; the same probe from another network.",
        "starttls-not-supported",
    ),
    Reason.STARTTLS_TEMPORARY: Row(
        _STARTTLS, C,
        "STARTTLS is offered, then refused with a 4xx reply: senders defer their mail.",
        "The key or certificate cannot be read (454 TLS not available), or too many TLS sessions.",
        "The server's log; the permissions and match of its key and certificate files.",
    ),
    Reason.STARTTLS_REJECTED: Row(
        _STARTTLS, C,
        "STARTTLS is offered, then refused with a 5xx reply.",
        "TLS is half configured, or a proxy offers what the server behind it does not know.",
        "The server's TLS settings and log.",
    ),
    Reason.STARTTLS_TIMEOUT: Row(
        _STARTTLS, C,
        "STARTTLS was sent and not answered before the time ran out.",
        "An overloaded TLS process (tlsmgr, tlsproxy), or a middlebox that swallows the command.",
        "The mail server's log and load.",
    ),
    Reason.STARTTLS_CLOSED: Row(
        _STARTTLS, C,
        "The server closed or reset the connection instead of answering STARTTLS.",
        "A crashing daemon, or a device on the path that cuts what would be encrypted.",
        "The mail server's log at the time of the probe; the same probe from another network.",
    ),
    Reason.STARTTLS_INJECTION: Row(
        _STARTTLS, C,
        "Cleartext followed the 220 to STARTTLS before TLS began: a careless client would trust it as encrypted.",
        "Somebody on the path injects replies (CVE-2011-0411 and its kind), or a server that sends ahead.",
        "The transcript; the same probe from inside the server's network; the server's version.",
    ),
    Reason.STARTTLS_AFTER_TLS: Row(
        _STARTTLS, W,
        "STARTTLS is offered again inside TLS, which RFC 3207 4.2 forbids.",
        "A TLS proxy before a server that does not know of it.",
        "The proxy's and the server's TLS settings.",
    ),
    Reason.STARTTLS_FORBIDDEN: Row(
        _EXPECTATION, C,
        "STARTTLS is offered, and `expect.starttls` is forbidden.",
        "The server's TLS settings changed, or the expectation is out of date.",
        "The server's configuration; the key `expect.starttls`.",
    ),
    Reason.STARTTLS_NOT_TLS: Row(
        _TLS, C,
        "STARTTLS was accepted with 220, and a reply in clear followed instead of TLS.",
        "TLS failed to start after the 220 (the key does not match the certificate, tlsproxy is down), or a proxy "
        "answers in the server's place.",
        "The mail server's log; openssl s_client -starttls smtp -connect HOST:PORT",
    ),
    Reason.TLS_TIMEOUT: Row(
        _TLS, C,
        "The TLS handshake did not finish before the time ran out.",
        "An overloaded server, or a middlebox or old stack that drops large ClientHello messages.",
        "openssl s_client from this machine and from another network; path MTU.",
    ),
    Reason.TLS_CLOSED: Row(
        _TLS, C,
        "The server closed or reset the connection during the TLS handshake.",
        "A private key that does not match the certificate, a PEM file in the wrong order (the server's certificate "
        "comes first, then the chain), a key that the server cannot read, a TLS process that crashes, or a firewall "
        "that cuts TLS.",
        "The mail server's log at the time of the probe; whether `openssl x509 -noout -pubkey` of the certificate and "
        "`openssl pkey -pubout` of the key print the same.",
    ),
    Reason.TLS_VERSION_UNSUPPORTED: Row(
        _TLS, C,
        "Server and probe have no TLS version in common, though TLSv1 to TLSv1.3 are offered.",
        "A server that knows SSLv3 only, or whose protocol settings exclude everything.",
        "The server's protocol settings (Postfix: smtpd_tls_protocols).",
    ),
    Reason.TLS_CLIENT_CERTIFICATE_REQUIRED: Row(
        _TLS, C,
        "The server refused us because we presented no client certificate.",
        "Mutual TLS is required on this port.",
        "Whether that is meant for this port (Postfix: smtpd_tls_req_ccert); probe another one.",
    ),
    Reason.TLS_NAME_REJECTED: Row(
        _TLS, C,
        "The server does not know the name we asked for (SNI): alert unrecognized_name.",
        "No certificate is configured for this name.",
        "The server's SNI table; the key `tls.server_name`.",
    ),
    Reason.TLS_HANDSHAKE_FAILED: Row(
        _TLS, C,
        "The TLS handshake failed.",
        "No cipher, curve or signature in common, a key that does not match its certificate, a Diffie-Hellman group of "
        "more than 4096 bits, or no TLS at all.",
        "The alert in the detail; the mail server's log; openssl s_client",
        "validation-failure",
    ),
    Reason.TLS_VERSION_TOO_OLD: Row(
        _EXPECTATION, EW,
        "The TLS version agreed on is older than expected (without an expectation: than TLSv1.2, RFC 8996).",
        "An old server or library, or settings from long ago.",
        "The server's protocol settings and OpenSSL version.",
    ),
    Reason.TLS_WEAK: Row(
        _TLS, W,
        "The session agreed on has no forward secrecy, or uses what OpenSSL's default level would refuse.",
        "Old settings or an old TLS library: RSA key exchange, 3DES, RC4, a Diffie-Hellman group below 2048 bits, a "
        "key exchange signed with SHA-1, or no secure renegotiation (RFC 5746).",
        "The server's cipher settings (RFC 9325) and the version of its TLS library.",
    ),
    Reason.CERTIFICATE_EXPIRED: Row(
        _CERTIFICATE, EW,
        "The certificate, or one its path needs, has expired.",
        "The renewal failed, or it succeeded and this daemon was not reloaded.",
        "The renewal's log (certbot, acme.sh); then reload the mail server.",
        "certificate-expired",
    ),
    Reason.CERTIFICATE_NOT_YET_VALID: Row(
        _CERTIFICATE, EW,
        "The certificate, or one its path needs, is not valid yet.",
        "A wrong clock on this machine or at the issuer, or a certificate installed too early.",
        "date -u here and on the server; the certificate's notBefore.",
        "validation-failure",
    ),
    Reason.CERTIFICATE_HOST_MISMATCH: Row(
        _CERTIFICATE, EW,
        "No subjectAltName of the certificate matches the name we asked for.",
        "A certificate of another host, a missing name, or a default certificate because SNI is not configured.",
        "The names in the detail; the key `tls.server_name`; the server's SNI table.",
        "certificate-host-mismatch",
    ),
    Reason.CERTIFICATE_SELF_SIGNED: Row(
        _CERTIFICATE, EW,
        "The certificate is signed by its own key, and is not a trust anchor here.",
        "The distribution's snakeoil certificate, or one made by hand.",
        "Install a certificate of a public CA, or put this one into `tls.ca_file`.",
        "certificate-not-trusted",
    ),
    Reason.CERTIFICATE_NOT_TRUSTED: Row(
        _CERTIFICATE, EW,
        "No path leads from the certificate to a trusted anchor.",
        "The server does not send its intermediate certificate, or a private CA issued it.",
        "Configure the full chain (fullchain.pem) on the server; for a private CA set `tls.ca_file`.",
        "certificate-not-trusted",
    ),
    Reason.CERTIFICATE_UNSUITABLE: Row(
        _CERTIFICATE, EW,
        "OpenSSL does not let the certificate serve TLS: its usage, constraints, dates or key forbid it.",
        "A client or signing certificate was installed, or a CA's name constraints exclude this name.",
        "openssl verify -purpose sslserver -untrusted CHAIN FILE; openssl x509 -noout -text -in FILE.",
        "validation-failure",
    ),
    Reason.CERTIFICATE_WEAK: Row(
        _CERTIFICATE, W,
        "The certificate or an intermediate has a key or signature that careful clients refuse.",
        "An old key (RSA under 2048 bits) or an SHA-1 or MD5 signature.",
        "Issue it anew with ECDSA P-256 or RSA 2048 and SHA-256.",
    ),
    Reason.CERTIFICATE_EXPIRES_SOON: Row(
        _EXPECTATION, W,
        "The certificate expires within `expect.min_days_left` days.",
        "The renewal does not run, fails, or its result is not loaded.",
        "The renewal's timer and log; reload the mail server after it.",
    ),
    Reason.CERTIFICATE_OUTDATED: Row(
        _CERTIFICATE, W,
        "Another port or address of this host serves a newer certificate of the same names and issuer.",
        "The certificate was renewed, and this daemon still has the old one in memory.",
        "Reload the daemon behind this port.",
    ),
    Reason.AUTH_NOT_OFFERED: Row(
        _AUTH, E,
        "AUTH is not offered after TLS: nobody can log in to submit mail.",
        "SASL is switched off, or its service (Dovecot auth, saslauthd) is not reachable.",
        "The mail server's SASL settings and log.",
    ),
    Reason.AUTH_OFFERED_IN_CLEAR: Row(
        _AUTH, EW,
        "A mechanism that shows the password is offered before TLS: PLAIN, LOGIN, XOAUTH2 or OAUTHBEARER.",
        "Clients may log in without encryption.",
        "Postfix: smtpd_tls_auth_only=yes; Exim: auth_advertise_hosts by $tls_in_cipher; Dovecot: ssl=required.",
    ),
    Reason.AUTH_NOT_ATTEMPTED: Row(
        _AUTH, C,
        "A login is configured, and it was not safe to try: nothing was sent.",
        "No TLS, TLS older than 1.2, a certificate that is not valid, or tampering with STARTTLS.",
        "The other problems of this endpoint; mend those first.",
    ),
    Reason.AUTH_MECHANISM_UNAVAILABLE: Row(
        _AUTH, C,
        "The server offers AUTH, but not the configured mechanism, or none of PLAIN, LOGIN and CRAM-MD5.",
        "The server's mechanisms changed, or it offers only what this exporter does not support: SCRAM, XOAUTH2, "
        "OAUTHBEARER, GSSAPI, NTLM.",
        "The key `auth.mechanism`; the server's SASL settings.",
    ),
    Reason.AUTH_REJECTED: Row(
        _AUTH, C,
        "The login was rejected with a 5xx reply.",
        "A wrong or expired password, a locked account, a broken password database, or a policy of the provider "
        "(535 5.7.139, 534 5.7.9: the password may be right).",
        "The text of the reply; the account of `auth.username` and the password file; the server's authentication log.",
    ),
    Reason.AUTH_TEMPORARY: Row(
        _AUTH, C,
        "The login was answered with a 4xx reply: authentication does not work now.",
        "The password database or SASL service is down.",
        "The server's authentication service and log.",
    ),
    Reason.AUTH_FAILED: Row(
        _AUTH, C,
        "The login dialogue went wrong: the server did not understand us, or we did not understand it.",
        "A broken SASL service, or a proxy that does not know AUTH.",
        "The transcript of the probe (without the credentials); the server's log.",
    ),
    Reason.AUTH_TIMEOUT: Row(
        _AUTH, C,
        "The login was not answered before the time ran out.",
        "The password database or SASL service hangs.",
        "The server's authentication service and its load.",
    ),
    Reason.AUTH_CLOSED: Row(
        _AUTH, C,
        "The server closed or reset the connection during the login.",
        "A crashing SASL service, or a policy that drops clients after a failure.",
        "The server's authentication log at the time of the probe.",
    ),
    Reason.BANNER_MISMATCH: Row(
        _EXPECTATION, C,
        "The greeting's text does not match `expect.banner`.",
        "Another server answers than the one expected, or it was updated.",
        "The greeting in the detail; the key `expect.banner`.",
    ),
    Reason.EXTENSION_MISSING: Row(
        _EXPECTATION, C,
        "EHLO does not announce an extension that `expect.extensions` names.",
        "The server's settings changed, or a device between removes it.",
        "The list in the detail; the server's settings.",
    ),
    Reason.PORT_OPEN: Row(
        _EXPECTATION, C,
        "The port accepts connections, and `expect.port` is closed.",
        "A service was started, or a firewall rule was lost.",
        "On the server: ss -ltnp; the firewall's rules.",
    ),
    Reason.MX_NOT_FOUND: Row(
        _DNS, C,
        "The domain has no MX record and no address, or no exchange that could be used.",
        "The MX records were removed, or the domain does not take mail (then publish a null MX, RFC 7505).",
        "dig DOMAIN MX; where the hosts are on this machine, as in a laboratory: `global.mx_on_this_machine: true`.",
    ),
    Reason.MX_INVALID: Row(
        _DNS, W,
        "An MX record breaks the rules: an alias, an address, one label, a local address, or \".\" beside others.",
        "A mistake in the zone. Some senders refuse such a host.",
        "dig DOMAIN MX, then dig each exchange: it must have an A or AAAA record, not a CNAME (RFC 5321 5.1).",
    ),
    Reason.TLSA_INVALID: Row(
        _POLICY, EW,
        "The certificate matches none of the host's TLSA records: DANE senders do not deliver.",
        "The certificate was renewed with a new key, and the TLSA record was not.",
        "Publish the record of the new key beside the old one before a change (RFC 7671 8.1).",
        "tlsa-invalid",
    ),
    Reason.TLSA_UNUSABLE: Row(
        _POLICY, W,
        "None of the host's TLSA records can be used for SMTP: DANE senders insist on TLS, and verify nothing.",
        "Usage 0 or 1, which are for browsers, or a record that was cut or mistyped.",
        "dig _PORT._tcp.HOST TLSA; publish 3 1 1 and the SHA-256 of the key, 64 hex digits (RFC 7672 3.1).",
    ),
    Reason.DNSSEC_INVALID: Row(
        _POLICY, C,
        "DNSSEC validation fails: the answers are bogus, and validating senders do not deliver.",
        "Expired signatures, or a DS record that does not fit the zone's key.",
        "dig NAME, dig +cd NAME; delv NAME; the zone's signer.",
        "dnssec-invalid",
    ),
    Reason.STS_POLICY_INVALID: Row(
        _POLICY, W,
        "The MTA-STS record or policy is not valid, or one of its mx patterns is not.",
        "A mistake in the record or the file, two records, or a web server that does not serve it as text/plain.",
        "dig TXT _mta-sts.DOMAIN; curl -i https://mta-sts.DOMAIN/.well-known/mta-sts.txt (RFC 8461 3.2).",
        "sts-policy-invalid",
    ),
    Reason.STS_POLICY_FETCH_ERROR: Row(
        _POLICY, W,
        "The MTA-STS policy could not be fetched.",
        "The policy's web server is down, redirects, or answers other than 200.",
        "curl -v https://mta-sts.DOMAIN/.well-known/mta-sts.txt",
        "sts-policy-fetch-error",
    ),
    Reason.STS_WEBPKI_INVALID: Row(
        _POLICY, W,
        "The certificate of the MTA-STS policy's web server is not valid.",
        "The certificate expired or lacks the name mta-sts.DOMAIN.",
        "curl -v https://mta-sts.DOMAIN/.well-known/mta-sts.txt",
        "sts-webpki-invalid",
    ),
    Reason.STS_MX_MISMATCH: Row(
        _POLICY, EW,
        "The MTA-STS policy does not list this MX host.",
        "The MX records changed, and the policy's mx lines did not.",
        "Compare dig DOMAIN MX with the policy's mx lines; change the record's id afterwards.",
        "validation-failure",
    ),
    Reason.INTERNAL_ERROR: Row(
        _INTERNAL, C,
        "A mistake in smtp-exporter itself.",
        "A bug. The agent goes on; this probe could not.",
        "The agent's log holds a traceback: please report it.",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class UntestableRow:
    """Why nothing can be said of an endpoint from here, and what an operator does about it."""

    meaning: str
    check: str


UNTESTABLE: dict[Untestable, UntestableRow] = {
    Untestable.NO_IPV6: UntestableRow(
        "This machine has no route for IPv6, so an IPv6 address cannot be probed from here.",
        "Give this machine IPv6, or set `addresses: ipv4`.",
    ),
    Untestable.NO_IPV4: UntestableRow(
        "This machine has no route for IPv4, so an IPv4 address cannot be probed from here.",
        "Give this machine IPv4, or set `addresses: ipv6`.",
    ),
    Untestable.RATE_LIMITED: UntestableRow(
        "The server says that this client comes too often; probes wait longer.",
        "Raise `interval`, or let the server exempt this machine's address.",
    ),
    Untestable.CLIENT_BLOCKED: UntestableRow(
        "The server refuses this machine, not everybody (client_rejected).",
        "Reverse DNS and blocklist entries of this machine's address; the key `ehlo_name`.",
    ),
    Untestable.EGRESS_BLOCKED: UntestableRow(
        "The port is blocked from here: no host answers on it, while others are reached on other ports.",
        "Ask the provider to open outgoing port 25, or run the agent elsewhere.",
    ),
    Untestable.DNS_UNAVAILABLE: UntestableRow(
        "No name server answers this machine at all.",
        "The nameserver lines of /etc/resolv.conf or the key `nameservers`.",
    ),
    Untestable.LOCAL_RESOURCES: UntestableRow(
        "This machine ran out of file descriptors, ports or memory, or the agent's event loop was blocked for a second "
        "or more during a probe that timed out.",
        "ulimit -n (LimitNOFILE), the ephemeral port range, memory, the load of this machine; the agent's log.",
    ),
}
