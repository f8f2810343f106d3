"""TABLE of ready scripts, one for each way an SMTP port can behave: from a name to a script for a zoo.

    Server(SCRIPTS["starttls_temporary"](zoo))

Each row is a healthy server with an option changed, or a dialogue of `dialogues`. `certificate_*` are the kinds of
the zoo; with `healthy*` and `quit_*` nothing is wrong, however awkward they are.
"""

from collections.abc import Callable, Mapping

from exporter.simulated.certificates import KINDS, Zoo
from exporter.simulated.client import Client
from exporter.simulated.dialogues import (
    CLOSE_NOTIFY,
    EIGHT_BIT,
    GREETING,
    HANDSHAKE_FAILURE,
    HOSTILE,
    PROTOCOL_VERSION,
    after_client_hello,
    after_ready,
    after_starttls,
    flooding,
    greeting_changing,
    greeting_closed_after_teaser,
    greeting_drip,
    greeting_drip_endless,
    quit_without_close_notify,
    refusing,
    sending,
    starttls_injection,
    starttls_injection_later,
)
from exporter.simulated.healthy import EXTENSIONS, SmtpServer, saying
from exporter.simulated.server import Script, in_turn

ScriptFor = Callable[[Zoo], Script]


def _in_clear(script: Script) -> ScriptFor:
    return lambda _zoo: script


def _with_certificate(kind: str) -> ScriptFor:
    return lambda zoo: SmtpServer(zoo[kind])


_HEALTHY: dict[str, ScriptFor] = {
    "healthy": lambda zoo: SmtpServer(zoo.good),
    "healthy_implicit": lambda zoo: SmtpServer(zoo.good, implicit=True),
    "healthy_submission": lambda zoo: SmtpServer(zoo.good, auth=("PLAIN", "LOGIN", "CRAM-MD5")),
    "healthy_submissions": lambda zoo: SmtpServer(zoo.good, implicit=True, auth=("PLAIN", "LOGIN", "CRAM-MD5")),
    "healthy_without_esmtp": lambda zoo: SmtpServer(zoo.good, banner="mail.example.test ready"),
    "healthy_untidy": lambda zoo: SmtpServer(
        zoo.good, starttls=False, extensions=("size", "8bitmime ", "DSN  ", "starttls")
    ),
    "healthy_postscreen": lambda zoo: SmtpServer(zoo.good, teaser="mail.example.test ESMTP", greeting_delay=6.0),
    "healthy_drip": lambda zoo: SmtpServer(zoo.good, greeting=greeting_drip),
    "healthy_8bit_banner": lambda zoo: SmtpServer(zoo.good, greeting=sending(EIGHT_BIT)),
    "healthy_hostile_banner": lambda zoo: SmtpServer(zoo.good, greeting=sending(HOSTILE)),
    "healthy_changing_banner": lambda zoo: SmtpServer(zoo.good, greeting=greeting_changing),
    "quit_closes": lambda zoo: SmtpServer(zoo.good, on={"QUIT": Client.hang_up}),
    "quit_resets": lambda zoo: SmtpServer(zoo.good, on={"QUIT": Client.reset}),
    "quit_unanswered": lambda zoo: SmtpServer(zoo.good, on={"QUIT": Client.stall}),
    "quit_without_close_notify": lambda zoo: SmtpServer(zoo.good, on={"QUIT": quit_without_close_notify}),
    "healthy_tls_1_2_only": lambda zoo: SmtpServer(zoo.good, tls={"versions": ("TLSv1.2", "TLSv1.2")}),
    "healthy_client_certificate_requested": lambda zoo: SmtpServer(zoo.good, tls={"client_certificate": "requested"}),
}

_OF_TLS: dict[str, ScriptFor] = {
    "starttls_injection_later": starttls_injection_later,
    "starttls_after_tls": lambda zoo: SmtpServer(
        zoo.good, inside_tls={"EHLO": saying("250-mail.example.test", "250 STARTTLS")}
    ),
    "ehlo_timeout_inside_tls": lambda zoo: SmtpServer(zoo.good, inside_tls={"EHLO": Client.stall}),
    "ehlo_closed_inside_tls": lambda zoo: SmtpServer(zoo.good, inside_tls={"EHLO": Client.hang_up}),
    "tls_1_0_only": lambda zoo: SmtpServer(zoo.good, tls={"versions": ("TLSv1", "TLSv1")}),
    "tls_1_1_only": lambda zoo: SmtpServer(zoo.good, tls={"versions": ("TLSv1.1", "TLSv1.1")}),
    "tls_weak": lambda zoo: SmtpServer(zoo.good_rsa, tls={"versions": ("TLSv1.2", "TLSv1.2"), "ciphers": "AES256-SHA"}),
    "tls_name_rejected": lambda zoo: SmtpServer(
        zoo.sni_default, tls={"sni": {"second.example.test": zoo.sni_second}, "unknown_name": "refused"}
    ),
    "tls_sni": lambda zoo: SmtpServer(
        zoo.sni_default, tls={"sni": {"mail.example.test": zoo.good, "second.example.test": zoo.sni_second}}
    ),
    "client_certificate_required": lambda zoo: SmtpServer(zoo.good, tls={"client_certificate": "required"}),
    "client_certificate_required_1_2": lambda zoo: SmtpServer(
        zoo.good, tls={"client_certificate": "required", "versions": ("TLSv1.2", "TLSv1.2")}
    ),
    "implicit_tls_required": lambda zoo: SmtpServer(zoo.good, implicit=True),
    "implicit_tls_closed": lambda zoo: in_turn(Client.hang_up, SmtpServer(zoo.good, implicit=True)),
    "auth_in_clear": lambda zoo: SmtpServer(zoo.good, auth=("PLAIN", "LOGIN"), auth_before_tls=True),
    "auth_unknown_mechanism": lambda zoo: SmtpServer(zoo.good, extensions=(*EXTENSIONS, "AUTH GSSAPI NTLM")),
    "auth_temporary": lambda zoo: SmtpServer(
        zoo.good, auth=("PLAIN",), on={"AUTH": saying("454 4.7.0 Temporary authentication failure")}
    ),
    "auth_timeout": lambda zoo: SmtpServer(zoo.good, auth=("PLAIN",), on={"AUTH": Client.stall}),
    "auth_closed": lambda zoo: SmtpServer(zoo.good, auth=("PLAIN",), on={"AUTH": Client.hang_up}),
}

_IN_CLEAR: dict[str, Script] = {
    "healthy_in_clear": SmtpServer(),
    "healthy_helo_only": SmtpServer(on={"EHLO": saying("502 5.5.1 Command not implemented")}),
    "greeting_timeout": Client.stall,
    "greeting_closed": Client.hang_up,
    "greeting_reset": Client.reset,
    "greeting_closed_after_teaser": greeting_closed_after_teaser,
    "greeting_temporary": saying("421 4.3.2 mail.example.test All server ports are busy"),
    "greeting_rate_limited": saying("421 4.7.0 mail.example.test Error: too many connections from 127.0.0.1"),
    "greeting_rejected": refusing("554 mail.example.test No SMTP service here"),
    "greeting_client_rejected": refusing(
        "554 5.7.1 Service unavailable; client [127.0.0.1] blocked using zen.spamhaus.org"
    ),
    "greeting_http": sending(
        b"HTTP/1.1 400 Bad Request\r\nServer: nginx\r\nConnection: close\r\n\r\n<html></html>\r\n"
    ),
    "greeting_ssh": sending(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"),
    "greeting_mixed_codes": refusing("220-mail.example.test ESMTP", "554 No SMTP service here"),
    "greeting_drip_endless": greeting_drip_endless,
    "greeting_endless_line": flooding(b"220 mail.example.test "),
    "greeting_endless_lines": flooding(b"220-mail.example.test\r\n"),
    "ehlo_timeout": SmtpServer(on={"EHLO": Client.stall}),
    "ehlo_closed": SmtpServer(on={"EHLO": Client.hang_up}),
    "ehlo_temporary": SmtpServer(on={"EHLO": saying("450 4.7.1 <localhost>: Helo command rejected: Host not found")}),
    "ehlo_rejected": SmtpServer(on=dict.fromkeys(("EHLO", "HELO"), saying("550 5.5.0 Invalid domain name in EHLO"))),
    "ehlo_mixed_codes": SmtpServer(on={"EHLO": saying("250-mail.example.test", "251-SIZE", "250 STARTTLS")}),
    "ehlo_malformed": SmtpServer(on={"EHLO": sending(b"mail.example.test at your service\r\n")}),
    "ehlo_endless_line": SmtpServer(on={"EHLO": flooding(b"250 mail.example.test ")}),
    "ehlo_endless_lines": SmtpServer(on={"EHLO": flooding(b"250-X-MAIL\r\n")}),
    "starttls_masked": SmtpServer(banner="*" * 40, extensions=(*EXTENSIONS, "XXXXXXXA")),
    "starttls_temporary": after_starttls(saying("454 4.7.0 TLS not available due to local problem")),
    "starttls_rejected": after_starttls(saying("502 5.5.1 Error: command not implemented")),
    "starttls_timeout": after_starttls(Client.stall),
    "starttls_closed": after_starttls(Client.hang_up),
    "starttls_injection": after_starttls(starttls_injection),
    "starttls_not_tls": after_ready(saying("500 5.5.2 Error: bad syntax")),
    "tls_timeout": after_ready(Client.stall),
    "tls_closed": after_ready(Client.hang_up),
    "tls_reset": after_ready(Client.reset),
    "tls_close_notify": after_ready(sending(CLOSE_NOTIFY)),
    "tls_handshake_failed": after_ready(sending(HANDSHAKE_FAILURE)),
    "tls_version_unsupported": after_ready(sending(PROTOCOL_VERSION)),
    "implicit_tls_alert": sending(HANDSHAKE_FAILURE),
    "plaintext_on_tls_port": refusing(GREETING),
    "plaintext_to_client_hello": after_client_hello(saying("500 5.5.2 Error: bad syntax")),
    "busy_in_clear_on_tls_port": saying(
        "421 mail.example.test: Too many concurrent SMTP connections; please try again later"
    ),
}

SCRIPTS: Mapping[str, ScriptFor] = {
    **_HEALTHY,
    **_OF_TLS,
    **{name: _in_clear(script) for name, script in _IN_CLEAR.items()},
    **{f"certificate_{kind}": _with_certificate(kind) for kind in KINDS if not KINDS[kind].ca},
}
