"""THE TABLE: what a port does, and exactly what is said of it. `tools/scenarios.py` prints it by reason.

`problems` maps each reason to C (critical) or W (warning). Data only; `test_scenarios` probes each row.
"""

import errno
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

from exporter.model import AuthSettings, Ended, Expect, Lookup, Security, Settings, Tlsa, TlsaRecord, TlsSettings
from exporter.phrases import NO_CERTIFICATE
from exporter.reasons import Reason, Stage, Untestable
from exporter.simulated.certificates import Zoo
from exporter.simulated.client import Client
from exporter.simulated.dialogues import (
    GREETING,
    PROXY_REFUSED,
    READY,
    after_client_hello,
    after_ready,
    after_starttls,
    in_order,
    proxy_refused,
    sending,
)
from exporter.simulated.groups import DhBits
from exporter.simulated.healthy import SmtpServer, saying
from exporter.simulated.scripts import SCRIPTS, ScriptFor
from exporter.simulated.server import Script

HOST, PASSWORD_ENV = "mail.example.test", "SCENARIO_PASSWORD"
SHORT = 0.15
"""The time-out of a probe where silence itself is tested."""

RELAY = Settings(module="relay")
STRICT = Settings(module="strict", expect=Expect(starttls="required", certificate="trusted", min_tls="TLSv1.2"))
SUBMISSION = replace(STRICT, module="submission", expect=replace(STRICT.expect, auth="required"))
SUBMISSIONS = replace(SUBMISSION, module="submissions", security=Security.IMPLICIT)
IMPLICIT = replace(STRICT, module="implicit", security=Security.IMPLICIT, expect=Expect(None, "trusted"))
IN_CLEAR = replace(RELAY, module="in clear", security=Security.NONE)
LOGIN = replace(SUBMISSION, module="login", auth=AuthSettings("user", password_env=PASSWORD_ENV))
ANOTHER_KEY, FOR_NOBODY = TlsaRecord(3, 1, 1, bytes(32)), TlsaRecord(1, 1, 1, bytes(32))
CUT_SHORT = TlsaRecord(3, 1, 1, bytes(31))
IMPATIENT = replace(RELAY, timeout=SHORT)


MANY_KEYWORDS = ("250-mail.example.test", *(f"250-X{number}" for number in range(32)))


def expecting(**expect: Any) -> Settings:
    """The settings of a relay that is expected to be so."""
    return replace(RELAY, expect=replace(RELAY.expect, **expect))


def _answering_auth(code: int, zoo: Zoo) -> Script:
    return SmtpServer(zoo.good, auth=("PLAIN",), on={"AUTH": saying(f"{code} so be it")})


def _dhe_only(bits: DhBits, zoo: Zoo) -> Script:
    suite = {"versions": ("TLSv1.2", "TLSv1.2"), "ciphers": "DHE-RSA-AES128-GCM-SHA256"}
    return SmtpServer(zoo.good_rsa, tls={**suite, "dh_bits": bits})


def _tlsa(*records: TlsaRecord, problem: Reason | None = None) -> Lookup:
    ended = Ended(Stage.DNS, problem, "said the name server") if problem else None
    return Lookup(0.0, None, tlsa=Tlsa(records, HOST, "", ended))


def _after_32_keywords(zoo: Zoo) -> Script:
    return SmtpServer(zoo.good, extensions=(*(f"X{number}" for number in range(32)), "DSN"), auth=("PLAIN",))


def _script(script: Script) -> ScriptFor:
    return lambda _zoo: script


C, W = "critical", "warning"
Problems = dict[Reason, str]
R = Reason


@dataclass(frozen=True)
class Scenario:
    """One row. `port`: what is there instead of a server. `fails`: what connecting fails with."""

    id: str
    problems: Problems = field(default_factory=dict)
    settings: Settings = RELAY
    script: ScriptFor | None = None
    """Where None, and there is a port, that of SCRIPTS with this id, up to a comma."""
    port: Literal["server", "closed", "dropping", "resetting", "none"] = "server"
    fails: int | None = None
    lookup: Lookup | None = None
    untestable: Untestable | None = None
    password: str = "password"
    seen_at: str = ""
    """Judged as if it had been seen at this address: loopback is excused from some reasons."""
    judge_fails: bool = False
    looked_at_again: bool = False
    """Silence however short lets us look a second time."""

    def made(self, zoo: Zoo) -> Script:
        """The script of the server."""
        return (self.script or SCRIPTS[self.id.partition(",")[0]])(zoo)

    def tls(self, zoo: Zoo) -> Settings:
        """The settings, with the anchors of the zoo."""
        return replace(self.settings, tls=TlsSettings(str(zoo.ca_file), self.settings.tls.server_name))


HEALTHY: tuple[Scenario, ...] = (
    *(Scenario(name, settings=STRICT) for name in SCRIPTS if name.startswith("quit_")),
    Scenario("healthy", settings=STRICT),
    Scenario("healthy, any certificate"),
    Scenario("healthy, in clear", settings=IN_CLEAR),
    Scenario("healthy, with an offset of dates to spare", settings=expecting(min_days_left=30.0)),
    Scenario("healthy, a banner and extensions", settings=expecting(banner="ESMTP$|Postfix", extensions=("SIZE",))),
    Scenario("healthy_implicit", settings=IMPLICIT),
    Scenario("healthy_submission", settings=SUBMISSION),
    Scenario("healthy_submission, log in", settings=LOGIN),
    Scenario("healthy_submissions", settings=SUBMISSIONS),
    Scenario("healthy_submissions, log in", settings=replace(SUBMISSIONS, auth=LOGIN.auth)),
    *(
        Scenario(name, settings=STRICT)
        for name in SCRIPTS
        if name.startswith("healthy_")
        and not name.startswith(("healthy_implicit", "healthy_submission", "healthy_in_clear", "healthy_helo_only"))
        and name != "healthy_untidy"
    ),
    Scenario("everything after 32 keywords, log in", settings=LOGIN, script=_after_32_keywords),
    Scenario(
        "everything after 32 keywords, an extension",
        settings=expecting(extensions=("DSN",)),
        script=_after_32_keywords,
    ),
    Scenario(
        "empty lines around replies",
        settings=STRICT,
        script=lambda zoo: SmtpServer(
            zoo.good,
            greeting=sending(b"\r\n220 mail.example.test ESMTP\r\n\r\n"),
            on={"EHLO": sending(b"250-mail.example.test\r\n\r\n250 STARTTLS\r\n\n\r\n")},
            inside_tls={"EHLO": sending(b"250-mail.example.test\r\n250 SIZE 1000\r\n\r\n")},
        ),
    ),
    Scenario(
        "empty lines around a login",
        settings=LOGIN,
        script=lambda zoo: SmtpServer(
            zoo.good,
            auth=("PLAIN",),
            inside_tls={
                "EHLO": sending(b"250-mail.example.test\r\n250 AUTH LOGIN\r\n\r\n"),
                "AUTH": sending(b"334 VXNlcm5hbWU6\r\n\r\n"),
                "DXNLCG==": sending(b"334 UGFzc3dvcmQ6\r\n\n"),  # the user's name
                "CGFZC3DVCMQ=": sending(b"235 2.7.0 ok\r\n\r\n"),  # the password
            },
        ),
    ),
    Scenario(
        "healthy_untidy",  # its list has STARTTLS inside TLS as well, which is no mere untidiness
        settings=STRICT,
        script=lambda zoo: SmtpServer(
            zoo.good,
            starttls=False,
            extensions=("size", "8bitmime ", "DSN  ", "starttls"),
            inside_tls={"EHLO": saying("250-mail.example.test ", "250-size", "250 dsn  ")},
        ),
    ),
    Scenario("healthy_in_clear", settings=expecting(starttls="forbidden")),
    Scenario("healthy_in_clear, nothing asked of TLS", settings=IN_CLEAR),
    Scenario("healthy_helo_only", settings=IN_CLEAR),
    Scenario("healthy_helo_only, no STARTTLS wanted", settings=expecting(starttls="forbidden")),
    Scenario("tls_sni", settings=STRICT),
    Scenario("DHE only, with a group of 2048 bits", settings=STRICT, script=partial(_dhe_only, 2048)),
    Scenario("certificate_good", settings=STRICT),
    Scenario("certificate_good_rsa", settings=STRICT),
    Scenario("certificate_wildcard", settings=STRICT),
    Scenario("certificate_expiring", settings=STRICT),
    Scenario("certificate_outdated", settings=STRICT),  # what is newer is known only beside another endpoint
    Scenario("auth_in_clear, on loopback", settings=STRICT, script=SCRIPTS["auth_in_clear"]),
    Scenario("port closed as expected", settings=expecting(port="closed"), port="closed"),
    Scenario(
        "port dropping as expected",
        settings=replace(expecting(port="closed"), connect_timeout=SHORT),
        port="dropping",
    ),
    Scenario("port prohibited as expected", settings=expecting(port="closed"), fails=errno.EACCES, port="none"),
)

CERTIFICATES: dict[str, tuple[Reason, ...]] = {
    "certificate_expired": (R.CERTIFICATE_EXPIRED,),
    "certificate_expired_intermediate": (R.CERTIFICATE_EXPIRED,),
    "certificate_expired_self_signed": (R.CERTIFICATE_EXPIRED, R.CERTIFICATE_SELF_SIGNED),
    "certificate_not_yet_valid": (R.CERTIFICATE_NOT_YET_VALID,),
    "certificate_wrong_host": (R.CERTIFICATE_HOST_MISMATCH,),
    "certificate_no_san": (R.CERTIFICATE_HOST_MISMATCH,),
    "certificate_sni_default": (R.CERTIFICATE_HOST_MISMATCH,),
    "certificate_sni_second": (R.CERTIFICATE_HOST_MISMATCH,),
    "certificate_self_signed": (R.CERTIFICATE_SELF_SIGNED,),
    "certificate_unknown_ca": (R.CERTIFICATE_NOT_TRUSTED,),
    "certificate_no_intermediate": (R.CERTIFICATE_NOT_TRUSTED,),
    "certificate_client_only": (R.CERTIFICATE_UNSUITABLE,),
}


def _lookup(reason: Reason) -> Lookup:
    return Lookup(0.0, Ended(Stage.DNS, reason, "said the name server"))


DNS = (R.DNS_NOT_FOUND, R.DNS_NO_ADDRESS, R.DNS_FAILURE, R.DNS_TIMEOUT)

BROKEN: tuple[Scenario, ...] = (
    # --- dns and connect
    *(Scenario(f"no address: {reason}", {reason: C}, port="none", lookup=_lookup(reason)) for reason in DNS),
    *(Scenario(f"known from before: {r}", {r: W}, STRICT, SCRIPTS["healthy"], lookup=_lookup(r)) for r in DNS[2:]),
    Scenario(
        "port expected closed, but no address",
        {R.DNS_NOT_FOUND: C},
        expecting(port="closed"),
        port="none",
        lookup=_lookup(R.DNS_NOT_FOUND),
    ),
    Scenario(
        "more addresses than asked for",
        {R.TOO_MANY_ADDRESSES: W},
        STRICT,
        SCRIPTS["healthy"],
        lookup=Lookup(0.0, None, 3),
    ),
    Scenario("addresses that are bogus", {R.DNSSEC_INVALID: C}, port="none", lookup=_lookup(R.DNSSEC_INVALID)),
    Scenario(
        "healthy, TLSA records that are bogus", {R.DNSSEC_INVALID: C}, STRICT, lookup=_tlsa(problem=R.DNSSEC_INVALID)
    ),
    Scenario(
        "healthy, TLSA records that cannot be had", {R.DNS_FAILURE: W}, STRICT, lookup=_tlsa(problem=R.DNS_FAILURE)
    ),
    Scenario("connection_refused", {R.CONNECTION_REFUSED: C}, port="closed"),
    Scenario("connection_timeout", {R.CONNECTION_TIMEOUT: C}, replace(RELAY, connect_timeout=SHORT), port="dropping"),
    Scenario("network unreachable", {R.NETWORK_UNREACHABLE: C}, port="none", fails=errno.ENETUNREACH),
    Scenario("host unreachable", {R.NETWORK_UNREACHABLE: C}, port="none", fails=errno.EHOSTUNREACH),
    Scenario(
        "unreachable, expected closed",
        {R.NETWORK_UNREACHABLE: C},
        expecting(port="closed"),
        port="none",
        fails=errno.EHOSTUNREACH,
    ),
    Scenario("prohibited", {R.CONNECTION_PROHIBITED: C}, port="none", fails=errno.EACCES),
    Scenario("prohibited by a local rule", {R.CONNECTION_PROHIBITED: C}, port="none", fails=errno.EPERM),
    Scenario("blackhole route", {R.CONNECTION_PROHIBITED: C}, port="none", fails=errno.EINVAL),
    *(
        Scenario(f"out of {errno.errorcode[code]}", port="none", fails=code, untestable=Untestable.LOCAL_RESOURCES)
        for code in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL)
    ),
    # --- greeting
    Scenario("greeting_timeout", {R.GREETING_TIMEOUT: C}, IMPATIENT),
    Scenario("greeting_drip_endless", {R.GREETING_TIMEOUT: C}, IMPATIENT),
    Scenario("greeting_closed", {R.GREETING_CLOSED: C}),
    Scenario("greeting_reset", {R.GREETING_CLOSED: C}),
    Scenario("reset with the connect", {R.GREETING_CLOSED: C}, port="resetting"),
    Scenario("reset with the connect, implicit TLS", {R.TLS_CLOSED: C}, IMPLICIT, port="resetting"),
    Scenario("reset with the connect, expected closed", {R.PORT_OPEN: C}, expecting(port="closed"), port="resetting"),
    Scenario("greeting_closed_after_teaser", {R.GREETING_CLOSED: C}),
    Scenario("greeting_temporary", {R.GREETING_TEMPORARY: C}),
    Scenario("greeting_rate_limited", {R.GREETING_TEMPORARY: W}, untestable=Untestable.RATE_LIMITED),
    *(
        Scenario(
            f"greeting {text}",
            {R.GREETING_TEMPORARY: W},
            script=_script(saying(text)),
            untestable=Untestable.RATE_LIMITED,
        )
        for text in ("421 4.3.2 Connection rate limit exceeded.", "421 4.3.2 Too many open connections.")
    ),
    Scenario("greeting_rejected", {R.GREETING_REJECTED: C}),
    Scenario("greeting_client_rejected", {R.CLIENT_REJECTED: W}, untestable=Untestable.CLIENT_BLOCKED),
    *(
        Scenario(name, {R.GREETING_MALFORMED: C})
        for name in SCRIPTS
        if name.startswith(("greeting_http", "greeting_ssh", "greeting_mixed", "greeting_endless"))
    ),
    Scenario("greeting with 250", {R.GREETING_MALFORMED: C}, script=_script(saying("250 ready"))),
    Scenario("implicit_tls_alert", {R.IMPLICIT_TLS_REQUIRED: C}),
    Scenario("implicit_tls_alert, in clear", {R.IMPLICIT_TLS_REQUIRED: C}, IN_CLEAR),
    Scenario("implicit_tls_required", {R.IMPLICIT_TLS_REQUIRED: C}, IMPATIENT, looked_at_again=True),
    Scenario("implicit_tls_required, hasty", {R.GREETING_TIMEOUT: C}, IMPATIENT),
    Scenario(
        "implicit_tls_required, in clear",
        {R.IMPLICIT_TLS_REQUIRED: C},
        replace(IN_CLEAR, timeout=SHORT),
        looked_at_again=True,
    ),
    Scenario("implicit_tls_closed", {R.IMPLICIT_TLS_REQUIRED: C}, looked_at_again=True),
    Scenario("implicit_tls_closed, hasty", {R.GREETING_CLOSED: C}),
    Scenario("greeting_timeout, also to a ClientHello", {R.GREETING_TIMEOUT: C}, IMPATIENT, looked_at_again=True),
    Scenario("greeting_closed, also to a ClientHello", {R.GREETING_CLOSED: C}, looked_at_again=True),
    # --- ehlo
    Scenario("ehlo_timeout", {R.EHLO_TIMEOUT: C}, IMPATIENT),
    Scenario("ehlo_closed", {R.EHLO_CLOSED: C}),
    Scenario("ehlo_temporary", {R.EHLO_TEMPORARY: C}),
    Scenario("ehlo_rejected", {R.EHLO_REJECTED: C}),
    Scenario("ehlo_mixed_codes", {R.REPLY_MALFORMED: C}),
    Scenario("ehlo_malformed", {R.REPLY_MALFORMED: C}),
    Scenario("ehlo_endless_line", {R.REPLY_TOO_LONG: C}),
    Scenario("ehlo_endless_lines", {R.REPLY_TOO_LONG: C}),
    Scenario("ehlo_timeout_inside_tls", {R.EHLO_TIMEOUT: C}, replace(STRICT, timeout=SHORT)),
    Scenario("ehlo_closed_inside_tls", {R.EHLO_CLOSED: C}, STRICT),
    Scenario(
        "ehlo refused, and closed instead of an answer to HELO",
        {R.EHLO_REJECTED: C},
        script=_script(SmtpServer(on={"EHLO": saying("550 Administrative prohibition"), "HELO": Client.hang_up})),
    ),
    Scenario(
        "ehlo refused, and closed at once",
        {R.EHLO_REJECTED: C},
        script=_script(SmtpServer(on={"EHLO": in_order(saying("550 Administrative prohibition"), Client.hang_up)})),
    ),
    Scenario(
        "ehlo and HELO refused, each with an empty line",
        {R.EHLO_REJECTED: C},
        script=_script(SmtpServer(on=dict.fromkeys(("EHLO", "HELO"), sending(b"502 what?\r\n\r\n")))),
    ),
    Scenario(
        "two greetings at once",
        {R.REPLY_MALFORMED: C},
        script=_script(SmtpServer(greeting=saying(GREETING, GREETING))),
    ),
    Scenario(
        "a second greeting for a reply to EHLO",
        {R.REPLY_MALFORMED: C},
        script=_script(SmtpServer(on={"EHLO": saying(GREETING)})),
    ),
    Scenario(
        "a greeting, and a reply to the PROXY line of a proxy in between",
        {R.REPLY_MALFORMED: C},
        script=_script(SmtpServer(greeting=saying(GREETING, PROXY_REFUSED))),
    ),
    Scenario("the same, later", {R.REPLY_MALFORMED: C}, script=_script(proxy_refused)),
    Scenario(
        "an unsolicited reply between those to EHLO and HELO",
        {R.REPLY_MALFORMED: C},
        script=_script(SmtpServer(on={"EHLO": saying("502 5.5.2 what?", "250 hello")})),
    ),
    Scenario(
        "a second reply to EHLO",
        {R.REPLY_MALFORMED: C},
        script=_script(after_starttls(saying("250-mail.example.test", "250 STARTTLS"))),
    ),
    Scenario(
        "a second greeting inside TLS",
        {R.REPLY_MALFORMED: C},
        script=lambda zoo: SmtpServer(zoo.good, inside_tls={"EHLO": saying("220 backend.example.test ESMTP")}),
    ),
    Scenario(
        "a greeting, and a 421 at once",
        {R.EHLO_TEMPORARY: C},
        script=_script(SmtpServer(greeting=saying(GREETING, "421 4.3.2 mail.example.test Shutting down"))),
    ),
    Scenario(
        "ehlo refuses us, and closes",
        {R.CLIENT_REJECTED: W},
        script=lambda _: SmtpServer(on={"EHLO": saying("550 5.7.1 You are listed"), "HELO": Client.hang_up}),
        untestable=Untestable.CLIENT_BLOCKED,
    ),
    # --- starttls
    Scenario("healthy_in_clear, STARTTLS required", {R.STARTTLS_NOT_SUPPORTED: C}, STRICT),
    Scenario("healthy_in_clear, STARTTLS optional", {R.STARTTLS_NOT_SUPPORTED: W}),
    Scenario("healthy_helo_only, STARTTLS optional", {R.STARTTLS_NOT_SUPPORTED: W}),
    Scenario("starttls_masked", {R.STARTTLS_MASKED: W}),
    Scenario("starttls_masked, STARTTLS required", {R.STARTTLS_MASKED: C}, STRICT),
    Scenario("starttls_masked, STARTTLS forbidden", {}, expecting(starttls="forbidden")),
    Scenario("healthy, STARTTLS forbidden", {R.STARTTLS_FORBIDDEN: C}, expecting(starttls="forbidden")),
    Scenario("starttls_temporary", {R.STARTTLS_TEMPORARY: C}),
    Scenario("starttls_rejected", {R.STARTTLS_REJECTED: C}),
    Scenario("starttls_timeout", {R.STARTTLS_TIMEOUT: C}, IMPATIENT),
    Scenario("starttls_closed", {R.STARTTLS_CLOSED: C}),
    Scenario("starttls_injection", {R.STARTTLS_INJECTION: C}),
    Scenario("starttls_injection, log in", {R.STARTTLS_INJECTION: C, R.AUTH_NOT_ATTEMPTED: C}, LOGIN),
    Scenario(
        "a refusal right after the 220",
        {R.STARTTLS_NOT_TLS: C},
        script=_script(after_starttls(saying(READY, "421 4.0.0 mail.example.test TLS initialization failed."))),
    ),
    Scenario(
        "a refusal after the ClientHello",
        {R.STARTTLS_NOT_TLS: C},
        script=_script(after_ready(saying("421 4.0.0 mail.example.test TLS initialization failed."))),
    ),
    Scenario(
        "an empty line right after the 220",
        {R.STARTTLS_INJECTION: C},
        script=_script(after_starttls(in_order(saying(READY, ""), Client.stall))),
    ),
    Scenario(
        "Sendmail turns us away",
        {R.CLIENT_REJECTED: W},
        STRICT,
        script=_script(
            SmtpServer(banner="mail.example.test ESMTP Sendmail 8.17.1", extensions=("ENHANCEDSTATUSCODES",))
        ),
        untestable=Untestable.CLIENT_BLOCKED,
    ),
    Scenario("starttls_injection_later", {R.STARTTLS_NOT_TLS: C}),
    Scenario("starttls_not_tls", {R.STARTTLS_NOT_TLS: C}),
    Scenario("starttls_after_tls", {R.STARTTLS_AFTER_TLS: W}, STRICT),
    Scenario(
        "starttls_after_tls, after 32 keywords",
        {R.STARTTLS_AFTER_TLS: W},
        script=lambda zoo: SmtpServer(zoo.good, inside_tls={"EHLO": saying(*MANY_KEYWORDS, "250 STARTTLS")}),
    ),
    Scenario(
        "starttls_masked, after 32 keywords",
        {R.STARTTLS_MASKED: W},
        script=_script(SmtpServer(on={"EHLO": saying(*MANY_KEYWORDS, "250 XXXXXXXA")})),
    ),
    # --- tls
    Scenario("tls_timeout", {R.TLS_TIMEOUT: C}, IMPATIENT),
    Scenario("tls_closed", {R.TLS_CLOSED: C}),
    Scenario("tls_reset", {R.TLS_CLOSED: C}),
    Scenario("tls_close_notify", {R.TLS_CLOSED: C}),
    Scenario("tls_handshake_failed", {R.TLS_HANDSHAKE_FAILED: C}),
    Scenario("tls_version_unsupported", {R.TLS_VERSION_UNSUPPORTED: C}),
    Scenario("tls_name_rejected", {R.TLS_NAME_REJECTED: C}),
    Scenario("client_certificate_required", {R.TLS_CLIENT_CERTIFICATE_REQUIRED: C}),
    Scenario("client_certificate_required_1_2", {R.TLS_CLIENT_CERTIFICATE_REQUIRED: C}),
    Scenario(
        "client_certificate_required, says the reply to EHLO",
        {R.TLS_CLIENT_CERTIFICATE_REQUIRED: C},
        script=lambda zoo: SmtpServer(zoo.good, inside_tls={"EHLO": saying(NO_CERTIFICATE[0].example)}),
    ),
    Scenario(
        "client_certificate_required, says the greeting inside TLS",
        {R.TLS_CLIENT_CERTIFICATE_REQUIRED: C},
        IMPLICIT,
        script=lambda zoo: SmtpServer(zoo.good, implicit=True, greeting=saying(NO_CERTIFICATE[1].example)),
    ),
    Scenario("tls_1_0_only", {R.TLS_VERSION_TOO_OLD: W}),
    Scenario("tls_1_1_only", {R.TLS_VERSION_TOO_OLD: C}, STRICT),
    Scenario("tls_1_1_only, and enough", {}, expecting(min_tls="TLSv1.1")),
    Scenario("tls_weak", {R.TLS_WEAK: W}, STRICT),
    Scenario("tls_weak, a group of 1024 bits", {R.TLS_WEAK: W}, STRICT, partial(_dhe_only, 1024)),
    Scenario("plaintext_on_tls_port", {R.PLAINTEXT_ON_TLS_PORT: C}, IMPLICIT),
    Scenario("plaintext_to_client_hello", {R.PLAINTEXT_ON_TLS_PORT: C}, IMPLICIT),
    *(
        Scenario(
            f"{text}, to a ClientHello",
            {R.PLAINTEXT_ON_TLS_PORT: C},
            IMPLICIT,
            _script(after_client_hello(saying(text))),
        )
        for text in (
            "554 mail.example.test ESMTP not accepting messages",
            "421 mail.example.test You talk too soon",
            "554 SMTP synchronization error",
        )
    ),
    Scenario("busy_in_clear_on_tls_port", {R.GREETING_TEMPORARY: C}, IMPLICIT),
    Scenario("greeting_rejected, on a TLS port", {R.GREETING_REJECTED: C}, IMPLICIT),
    Scenario(
        "greeting_client_rejected, on a TLS port",
        {R.CLIENT_REJECTED: W},
        IMPLICIT,
        untestable=Untestable.CLIENT_BLOCKED,
    ),
    Scenario(
        "greeting_rate_limited, on a TLS port",
        {R.GREETING_TEMPORARY: W},
        IMPLICIT,
        untestable=Untestable.RATE_LIMITED,
    ),
    Scenario("greeting_http, on a TLS port", {R.TLS_HANDSHAKE_FAILED: C}, IMPLICIT),
    Scenario("greeting_timeout, on a TLS port", {R.TLS_TIMEOUT: C}, replace(IMPLICIT, timeout=SHORT)),
    # --- certificate
    *(Scenario(name, dict.fromkeys(reasons, C), STRICT) for name, reasons in CERTIFICATES.items()),
    *(Scenario(f"{name}, any", dict.fromkeys(reasons, W)) for name, reasons in CERTIFICATES.items()),
    Scenario("certificate_weak_key", {R.CERTIFICATE_WEAK: W}, STRICT),
    Scenario("certificate_sha1", {R.CERTIFICATE_WEAK: W}, STRICT),
    Scenario("certificate_self_signed_sha1", {R.CERTIFICATE_SELF_SIGNED: C, R.CERTIFICATE_WEAK: W}, STRICT),
    Scenario("certificate_expiring, soon", {R.CERTIFICATE_EXPIRES_SOON: W}, expecting(min_days_left=14.0)),
    # --- auth
    Scenario("healthy, AUTH required", {R.AUTH_NOT_OFFERED: C}, SUBMISSION),
    Scenario("auth_in_clear", {R.AUTH_OFFERED_IN_CLEAR: W}, seen_at="192.0.2.1"),
    Scenario(
        "auth_in_clear, forbidden",
        {R.AUTH_OFFERED_IN_CLEAR: C},
        expecting(auth_before_tls="forbidden"),
        seen_at="192.0.2.1",
    ),
    Scenario("auth_unknown_mechanism", {R.AUTH_MECHANISM_UNAVAILABLE: C}, LOGIN),
    Scenario("auth_temporary", {R.AUTH_TEMPORARY: C}, LOGIN),
    Scenario("auth_timeout", {R.AUTH_TIMEOUT: C}, replace(LOGIN, timeout=SHORT)),
    Scenario("auth_closed", {R.AUTH_CLOSED: C}, LOGIN),
    Scenario("healthy_submission, wrong password", {R.AUTH_REJECTED: C}, LOGIN, password="wrong"),
    Scenario(
        "certificate_expired, log in",
        {R.CERTIFICATE_EXPIRED: C, R.AUTH_NOT_ATTEMPTED: C},
        LOGIN,
        script=lambda zoo: SmtpServer(zoo.expired, auth=("PLAIN",)),
    ),
    Scenario("healthy_in_clear, log in", {R.STARTTLS_NOT_SUPPORTED: C, R.AUTH_NOT_ATTEMPTED: C}, LOGIN),
    *(
        Scenario(
            f"AUTH answered {code}",
            {reason: C},
            LOGIN,
            partial(_answering_auth, code),
        )
        for code, reason in (
            (500, R.AUTH_FAILED),
            (501, R.AUTH_FAILED),
            (502, R.AUTH_FAILED),
            (503, R.AUTH_FAILED),
            (334, R.AUTH_FAILED),
            (504, R.AUTH_MECHANISM_UNAVAILABLE),
            (530, R.AUTH_REJECTED),
            (534, R.AUTH_REJECTED),
            (535, R.AUTH_REJECTED),
            (538, R.AUTH_REJECTED),
            (550, R.AUTH_REJECTED),
            (432, R.AUTH_TEMPORARY),
            (451, R.AUTH_TEMPORARY),
            (421, R.AUTH_TEMPORARY),
        )
    ),
    Scenario(
        "AUTH too often",
        {R.AUTH_TEMPORARY: W},
        LOGIN,
        untestable=Untestable.RATE_LIMITED,
        script=lambda zoo: SmtpServer(
            zoo.good, auth=("PLAIN",), on={"AUTH": saying("454 4.7.0 Error: too many attempts from 127.0.0.1")}
        ),
    ),
    Scenario(
        "AUTH answered with what is no reply",
        {R.REPLY_MALFORMED: C},
        LOGIN,
        script=lambda zoo: SmtpServer(zoo.good, auth=("PLAIN",), on={"AUTH": saying("hello")}),
    ),
    # --- policy
    Scenario("healthy, a TLSA record of another key", {R.TLSA_INVALID: W}, STRICT, lookup=_tlsa(ANOTHER_KEY)),
    Scenario("healthy, a TLSA record that nobody can use", {R.TLSA_UNUSABLE: W}, STRICT, lookup=_tlsa(FOR_NOBODY)),
    Scenario("healthy, a TLSA record cut short", {R.TLSA_UNUSABLE: W}, STRICT, lookup=_tlsa(CUT_SHORT)),
    Scenario(
        "healthy, an unusable record beside one of another key",
        {R.TLSA_INVALID: W},
        STRICT,
        lookup=_tlsa(FOR_NOBODY, ANOTHER_KEY),
    ),
    # --- expectation and internal
    Scenario("healthy, another banner", {R.BANNER_MISMATCH: C}, expecting(banner="^exim")),
    Scenario("healthy, an extension missing", {R.EXTENSION_MISSING: C}, expecting(extensions=("SIZE", "SMTPUTF8"))),
    Scenario("healthy, expected closed", {R.PORT_OPEN: C}, expecting(port="closed")),
    Scenario("greeting_client_rejected, expected closed", {R.PORT_OPEN: C}, expecting(port="closed")),
    Scenario("greeting_closed, expected closed", {R.PORT_OPEN: C}, expecting(port="closed")),
    Scenario("healthy, a judge of ours that fails", {R.INTERNAL_ERROR: C}, judge_fails=True),
)

SCENARIOS = HEALTHY + BROKEN

ELSEWHERE: dict[Reason, str] = {
    Reason.MX_NOT_FOUND: "tests/resolve/test_exchanges.py",
    Reason.MX_INVALID: "tests/resolve/test_exchanges.py",
    Reason.STS_POLICY_INVALID: "tests/sts/test_fetch.py",
    Reason.STS_POLICY_FETCH_ERROR: "tests/sts/test_fetch.py",
    Reason.STS_WEBPKI_INVALID: "tests/sts/test_fetch.py",
    Reason.STS_MX_MISMATCH: "tests/checks/test_demands.py",
    Reason.STARTTLS_WITHDRAWN: "tests/checks/test_history.py",
    Reason.CERTIFICATE_OUTDATED: "tests/checks/test_history.py",
}
"""Reasons of mail domains, and of more than one probe: no single probe ends in them. Their scenarios are in these."""


def by_reason() -> dict[Reason, list[str]]:
    """Every reason, and the scenarios in which it holds."""
    table: dict[Reason, list[str]] = {reason: [] for reason in Reason}
    for reason, place in ELSEWHERE.items():
        table[reason].append(place)
    for scenario in SCENARIOS:
        for reason in scenario.problems:
            table[reason].append(scenario.id)
    return table
