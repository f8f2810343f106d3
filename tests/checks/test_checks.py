"""Each check as rows: facts -> problems. And what is said of all together: primary, untestable, success."""

from dataclasses import replace
from typing import Any

import pytest

from exporter.checks import assess
from exporter.checks.history import History
from exporter.checks.problem import MAX_DETAIL
from exporter.model import AuthSettings, Ended, Hello, Lookup, Security, Session, Verdict
from exporter.reasons import Reason, Stage, Untestable
from tests.checks.conftest import DAY, GOOD, LEAF, NOW, TLS13, healthy, reply, said

C, W = "critical", "warning"
NONE = {"security": Security.NONE}
IMPLICIT = {"security": Security.IMPLICIT}
IN_CLEAR: dict[str, Any] = {"starttls": None, "session": None, "ehlo_tls": None, "hello_tls": None, "verdict": None}
TRUSTED = {"certificate": "trusted"}
GREETED: dict[str, Any] = {**IN_CLEAR, "ehlo": None, "hello": None}
GREETING, SENDMAIL = reply("220 mail.example.test ESMTP"), reply("220 mail.example.test ESMTP Sendmail 8.17.1/8.17.1")
REJECTING = Hello("EHLO", {"ENHANCEDSTATUSCODES": ""})
TURNED_AWAY: dict[str, Any] = {**IN_CLEAR, "greeting": SENDMAIL, "hello": REJECTING}
NO_EHLO = reply("550 Administrative prohibition")
REFUSED: dict[str, Any] = {**IN_CLEAR, "hello": None, "ehlo": NO_EHLO, "ehlo_refusal": NO_EHLO}
AUTH = Hello("EHLO", {"AUTH": ""}, frozenset({"PLAIN"}))
LOGIN = {"auth": AuthSettings("user", password_env="P")}


def found(finding: str) -> Verdict:
    facts: dict[str, Any] = {finding: "so"}
    return replace(GOOD, **facts)


def before_tls(*mechanisms: str) -> Hello:
    return Hello("EHLO", {"STARTTLS": "", "AUTH": ""}, frozenset(mechanisms))


ROWS: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "healthy": ({}, {}),
    # --- lookup
    "stale addresses": ({"lookup": Lookup(0.0, Ended(Stage.DNS, Reason.DNS_FAILURE))}, {"dns_failure": W}),
    "addresses left out": ({"lookup": Lookup(0.0, None, 2)}, {"too_many_addresses": W}),
    # --- starttls
    "not offered, required": (
        {**IN_CLEAR, "hello": Hello("EHLO"), "expect": {"starttls": "required"}},
        {"starttls_not_supported": C},
    ),
    "not offered, optional": ({**IN_CLEAR, "hello": Hello("EHLO")}, {"starttls_not_supported": W}),
    "not offered, forbidden": ({**IN_CLEAR, "hello": Hello("EHLO"), "expect": {"starttls": "forbidden"}}, {}),
    "not offered, in clear": ({**IN_CLEAR, "hello": Hello("EHLO"), "settings": NONE}, {}),
    "not offered inside implicit TLS": ({"hello": None, "settings": IMPLICIT}, {}),
    "offered and forbidden": ({**IN_CLEAR, "expect": {"starttls": "forbidden"}}, {"starttls_forbidden": C}),
    "masked keyword": ({**IN_CLEAR, "hello": Hello("EHLO", {"XXXXXXXA": ""})}, {"starttls_masked": W}),
    "masked keyword, required": (
        {**IN_CLEAR, "hello": Hello("EHLO", {"XXXX": ""}), "expect": {"starttls": "required"}},
        {"starttls_masked": C},
    ),
    "masked greeting": (
        {**IN_CLEAR, "hello": Hello("HELO"), "greeting": reply("220 **********")},
        {"starttls_masked": W},
    ),
    "four asterisks are no mask": (
        {**IN_CLEAR, "hello": Hello("EHLO"), "greeting": reply("220 **** hi")},
        {"starttls_not_supported": W},
    ),
    "XCLIENT and XXX are no mask": (
        {**IN_CLEAR, "hello": Hello("EHLO", {"XCLIENT": "", "XXX": "", "XEXCH50": ""})},
        {"starttls_not_supported": W},
    ),
    "masked, and yet offered": ({"hello": Hello("EHLO", {"XXXXXXXA": "", "STARTTLS": ""})}, {}),
    "offered again inside TLS": ({"hello_tls": Hello("EHLO", {"STARTTLS": ""})}, {"starttls_after_tls": W}),
    # --- tls
    "TLS 1.1": ({"session": Session("TLSv1.1", "ECDHE-RSA-AES128-SHA")}, {"tls_version_too_old": W}),
    "TLS 1.1, below what is expected": (
        {"session": Session("TLSv1.1", "ECDHE-RSA-AES128-SHA"), "expect": {"min_tls": "TLSv1.2"}},
        {"tls_version_too_old": C},
    ),
    "TLS 1.0 is enough": ({"session": Session("TLSv1", "ECDHE-RSA-AES128-SHA"), "expect": {"min_tls": "TLSv1"}}, {}),
    "TLS 1.2, and 1.3 expected": (
        {"session": Session("TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256"), "expect": {"min_tls": "TLSv1.3"}},
        {"tls_version_too_old": C},
    ),
    "no forward secrecy": ({"session": Session("TLSv1.2", "AES256-SHA")}, {"tls_weak": W}),
    "3DES": ({"session": Session("TLSv1.2", "ECDHE-RSA-DES-CBC3-SHA")}, {"tls_weak": W}),
    "RC4": ({"session": Session("TLSv1.2", "ECDHE-RSA-RC4-SHA")}, {"tls_weak": W}),
    "DHE has forward secrecy": ({"session": Session("TLSv1.2", "DHE-RSA-AES256-GCM-SHA384")}, {}),
    "a handshake that failed": ({"session": Session()}, {}),
    # --- certificate
    **{
        f"{finding}, {expected or 'any'}": (
            {"verdict": found(finding), "expect": TRUSTED if expected else {}},
            {f"certificate_{finding}": severity},
        )
        for finding in ("expired", "not_yet_valid", "host_mismatch", "self_signed", "not_trusted", "unsuitable")
        for expected, severity in (("trusted", C), ("", W))
    },
    "weak, though trusted is expected": (
        {"verdict": replace(GOOD, weak="so"), "expect": TRUSTED},
        {"certificate_weak": W},
    ),
    "several at once": (
        {"verdict": replace(GOOD, expired="so", not_trusted="so", host_mismatch="so"), "expect": TRUSTED},
        {"certificate_expired": C, "certificate_not_trusted": C, "certificate_host_mismatch": C},
    ),
    "by address, trusted by the module": (
        {"host": "192.0.2.9", "verdict": replace(GOOD, host_mismatch="so"), "expect": TRUSTED},
        {"certificate_host_mismatch": W},
    ),
    "by address, trusted by the user": (
        {
            "host": "2001:db8::1",
            "verdict": replace(GOOD, host_mismatch="so"),
            "expect": {**TRUSTED, "user_wants_trust": True},
        },
        {"certificate_host_mismatch": C},
    ),
    "by address, any, with a server_name": (
        {"host": "192.0.2.9", "verdict": replace(GOOD, host_mismatch="so"), "expect": {"user_wants_trust": True}},
        {"certificate_host_mismatch": W},
    ),
    "ends soon": ({"expect": {"min_days_left": 61.0}}, {"certificate_expires_soon": W}),
    "does not end soon": ({"expect": {"min_days_left": 59.0}}, {}),
    "its intermediate ends soon": (
        {"verdict": replace(GOOD, chain_not_after=NOW + 5 * DAY), "expect": {"min_days_left": 7.0}},
        {"certificate_expires_soon": W},
    ),
    "no date to judge by": (
        {
            "verdict": replace(GOOD, chain_not_after=None, certificate=replace(LEAF, not_after=None)),
            "expect": {"min_days_left": 7.0},
        },
        {},
    ),
    "its intermediate ends soon, its own end cannot be read": (
        {
            "verdict": replace(GOOD, chain_not_after=NOW + DAY, certificate=replace(LEAF, not_after=None)),
            "expect": {"min_days_left": 7.0},
        },
        {"certificate_expires_soon": W},
    ),
    "has ended": (
        {
            "verdict": replace(GOOD, expired="so", certificate=replace(LEAF, not_after=NOW - 1)),
            "expect": {"min_days_left": 7.0},
        },
        {"certificate_expired": W},
    ),
    # --- auth
    "AUTH required and not offered": ({"expect": {"auth": "required"}}, {"auth_not_offered": C}),
    "AUTH required and offered": ({"expect": {"auth": "required"}, "hello_tls": AUTH}, {}),
    **{
        f"{name} in clear": ({"hello": before_tls(name)}, {"auth_offered_in_clear": W})
        for name in ("PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER")
    },
    "PLAIN in clear, forbidden": (
        {"hello": before_tls("PLAIN"), "expect": {"auth_before_tls": "forbidden"}},
        {"auth_offered_in_clear": C},
    ),
    "mechanisms that show nothing": (
        {
            "hello": before_tls("CRAM-MD5", "SCRAM-SHA-256", "NTLM", "GSSAPI", "DIGEST-MD5", "EXTERNAL"),
            "expect": {"auth_before_tls": "forbidden"},
        },
        {},
    ),
    "PLAIN in clear on loopback": (
        {"hello": before_tls("PLAIN"), "address": "127.0.0.8", "expect": {"auth_before_tls": "forbidden"}},
        {},
    ),
    "PLAIN in clear on loopback, v6": ({"hello": before_tls("PLAIN"), "address": "::1"}, {}),
    "PLAIN in clear, security none": (
        {**IN_CLEAR, "hello": before_tls("PLAIN"), "settings": NONE, "expect": {"auth_before_tls": "forbidden"}},
        {},
    ),
    "login not safe": ({"settings": LOGIN, "hello_tls": AUTH, "auth_not_attempted": "so"}, {"auth_not_attempted": C}),
    "no mechanism": (
        {"settings": LOGIN, "hello_tls": AUTH, "auth_unavailable": "so"},
        {"auth_mechanism_unavailable": C},
    ),
    "logged in": ({"settings": LOGIN, "hello_tls": AUTH, "auth": reply("235 ok"), "authenticated": True}, {}),
    "an earlier login timed out": (
        {
            "settings": LOGIN,
            "hello_tls": AUTH,
            "authenticated": False,
            "auth_ended": Ended(Stage.AUTH, Reason.AUTH_TIMEOUT),
        },
        {"auth_timeout": C},
    ),
    "STARTTLS tampered with before a login": (
        {**IN_CLEAR, "settings": LOGIN, "ended": Ended(Stage.STARTTLS, Reason.STARTTLS_INJECTION)},
        {"starttls_injection": C, "auth_not_attempted": C},
    ),
    # --- expectation
    "another banner": ({"expect": {"banner": "Exim"}}, {"banner_mismatch": C}),
    "the banner": ({"expect": {"banner": r"^mail\..* ESMTP$"}}, {}),
    "a banner of two lines": ({"greeting": reply("220-a\n220 b"), "expect": {"banner": "a\nb"}}, {}),
    "an extension missing after TLS": ({"expect": {"extensions": ("STARTTLS",)}}, {"extension_missing": C}),
    "an extension in clear": (
        {**IN_CLEAR, "settings": NONE, "expect": {"extensions": ("SIZE", "STARTTLS")}},
        {},
    ),
    "no extension is missed where none was reached": (
        {
            **IN_CLEAR,
            "hello": None,
            "ehlo": None,
            "ended": Ended(Stage.EHLO, Reason.EHLO_CLOSED),
            "expect": {"extensions": ("SIZE",)},
        },
        {"ehlo_closed": C},
    ),
    # --- refusals
    "greeting 421": (
        {**IN_CLEAR, "ehlo": None, "hello": None, "greeting": reply("421 busy")},
        {"greeting_temporary": C},
    ),
    "greeting 554": (
        {**IN_CLEAR, "ehlo": None, "hello": None, "greeting": reply("554 no")},
        {"greeting_rejected": C},
    ),
    "greeting 354": (
        {**IN_CLEAR, "ehlo": None, "hello": None, "greeting": reply("354 go")},
        {"greeting_malformed": C},
    ),
    "EHLO 354": ({**IN_CLEAR, "ehlo": reply("354 go"), "hello": None}, {"reply_malformed": C}),
    "EHLO 450 inside TLS": ({"ehlo_tls": reply("450 no"), "hello_tls": None}, {"ehlo_temporary": C}),
    "STARTTLS 354": ({**IN_CLEAR, "starttls": reply("354 go")}, {"reply_malformed": C}),
    "STARTTLS 502 speaks of nobody": ({**IN_CLEAR, "starttls": reply("502 no")}, {"starttls_rejected": C}),
    "STARTTLS speaks of us": ({**IN_CLEAR, "starttls": reply("554 5.7.1 no")}, {"client_rejected": W}),
    "a broken key file is no limit": (
        {**IN_CLEAR, "starttls": reply("454 4.7.0 TLS not available due to local problem")},
        {"starttls_temporary": C},
    ),
    **{
        f"a client certificate is wanted, {where}": (
            {**gone, where: reply("421 4.7.1 mail.example.test Error: No client certificate presented")},
            {"tls_client_certificate_required": C},
        )
        for where, gone in (
            ("ehlo_tls", {"hello_tls": None}),
            ("greeting", GREETED),
            ("ehlo", {**IN_CLEAR, "hello": None}),
        )
    },
    "a client certificate is wanted with 5.7.1": (
        {"hello_tls": None, "ehlo_tls": reply("550 5.7.1 Client certificate required")},
        {"tls_client_certificate_required": C},
    ),
    "Sendmail turns us away": (TURNED_AWAY, {"client_rejected": W}),
    "Sendmail turns us away, and much is expected": (
        {**TURNED_AWAY, "expect": {"starttls": "required", "auth": "required", "extensions": ("SIZE",)}},
        {"client_rejected": W},
    ),
    "Sendmail turns us away inside TLS": (
        {
            "greeting": SENDMAIL,
            "hello": None,
            "hello_tls": REJECTING,
            "settings": IMPLICIT,
            "expect": {"auth": "required"},
        },
        {"client_rejected": W},
    ),
    "another server offers only that": ({**TURNED_AWAY, "greeting": GREETING}, {"starttls_not_supported": W}),
    "Sendmail offers more": (
        {**TURNED_AWAY, "hello": Hello("EHLO", {"ENHANCEDSTATUSCODES": "", "HELP": ""})},
        {"starttls_not_supported": W},
    ),
    "Sendmail offers nothing": ({**TURNED_AWAY, "hello": Hello("EHLO")}, {"starttls_not_supported": W}),
    "EHLO refused, HELO closed": (
        {**REFUSED, "ended": Ended(Stage.EHLO, Reason.EHLO_CLOSED)},
        {"ehlo_rejected": C},
    ),
    "EHLO refused, HELO not answered": (
        {**REFUSED, "ended": Ended(Stage.EHLO, Reason.EHLO_TIMEOUT)},
        {"ehlo_rejected": C, "ehlo_timeout": C},
    ),
    "a second greeting": (
        {**IN_CLEAR, "hello": None, "ehlo": GREETING, "unsolicited": GREETING},
        {"reply_malformed": C},
    ),
    "a second reply to EHLO": (
        {**IN_CLEAR, "starttls": reply("250-mail\n250 SIZE"), "unsolicited": reply("250-mail\n250 SIZE")},
        {"reply_malformed": C},
    ),
    "EHLO refused, and out of step": (
        {**REFUSED, "ended": Ended(Stage.EHLO, Reason.REPLY_MALFORMED)},
        {"reply_malformed": C},
    ),
    "too many TLS sessions is one": (
        {**IN_CLEAR, "starttls": reply("454 4.7.0 Error: too many new TLS sessions from 192.0.2.1")},
        {"starttls_temporary": W},
    ),
}


@pytest.mark.parametrize(("facts", "problems"), ROWS.values(), ids=[*ROWS])
def test_what_is_said_of_these_facts(facts: dict[str, Any], problems: dict[str, str]) -> None:
    assert said(healthy(**facts)) == problems


DETAILS: dict[str, tuple[dict[str, Any], str]] = {
    "STARTTLS on the first line": (
        {**IN_CLEAR, "ehlo": reply("250-starttls\n250 SIZE"), "hello": Hello("EHLO", {"SIZE": ""})},
        "STARTTLS is on the first line of the reply, where senders read the host name",
    ),
    "STARTTLS in the host name": (
        {**IN_CLEAR, "ehlo": reply("250-starttls.example.test\n250 SIZE"), "hello": Hello("EHLO", {"SIZE": ""})},
        "EHLO offers: SIZE",
    ),
    "AUTH on the first line": (
        {"expect": {"auth": "required"}, "ehlo_tls": reply("250-AUTH PLAIN\n250 SIZE"), "hello_tls": Hello("EHLO")},
        "AUTH is on the first line of the reply, where senders read the host name",
    ),
    "an extension on the first line": (
        {"expect": {"extensions": ("DSN", "SIZE")}, "ehlo_tls": reply("250 SIZE 1000"), "hello_tls": Hello("EHLO")},
        "not announced: DSN SIZE; SIZE is on the first line of the reply, where senders read the host name",
    ),
    "EHLO overwritten, HELO accepted": (
        {**IN_CLEAR, "hello": Hello("HELO"), "ehlo_refusal": reply('500 5.5.1 Command unrecognized: "XXXX probe"')},
        "HELO was accepted after EHLO was refused: something on the path rewrote our command (a firewall's SMTP "
        'inspection): 500 5.5.1 Command unrecognized: "XXXX probe"',
    ),
    "STARTTLS overwritten": (
        {**IN_CLEAR, "starttls": reply("500 5.0.0 'XXXXXXXX': command not understood")},
        "something on the path rewrote our command (a firewall's SMTP inspection): "
        "500 5.0.0 'XXXXXXXX': command not understood",
    ),
    "LMTP by its greeting": (
        {**REFUSED, "greeting": reply("220 mail LMTP ready"), "ehlo": reply("500 what?")},
        "this is LMTP, not SMTP: 500 what?",
    ),
    "a deny list after a teaser": (
        {
            **GREETED,
            "greeting": None,
            "ended": Ended(
                Stage.GREETING, Reason.GREETING_MALFORMED, "220- and then 521 5.3.2 Service currently unavailable"
            ),
        },
        "postscreen's deny list says this; it may be this client only: "
        "220- and then 521 5.3.2 Service currently unavailable",
    ),
    "a PROXY header that the server does not expect": (
        {
            **GREETED,
            "unsolicited": reply("500 what? PROXY TCP4"),
        },
        "a proxy in between sends a PROXY header, which the server does not expect: "
        "the server sent an unsolicited reply: 500 what? PROXY TCP4",
    ),
    "only SCRAM": (
        {
            "settings": LOGIN,
            "hello_tls": Hello("EHLO", {"AUTH": ""}, frozenset({"SCRAM-SHA-256"})),
            "auth_unavailable": "PLAIN, LOGIN or CRAM-MD5 wanted, SCRAM-SHA-256 offered",
        },
        "PLAIN, LOGIN or CRAM-MD5 wanted, SCRAM-SHA-256 offered; this exporter supports PLAIN, LOGIN, CRAM-MD5",
    ),
    "another mechanism": (
        {"settings": LOGIN, "hello_tls": AUTH, "auth_unavailable": "LOGIN wanted, PLAIN offered"},
        "LOGIN wanted, PLAIN offered",
    ),
    "a policy against passwords": (
        {
            "settings": LOGIN,
            "hello_tls": AUTH,
            "authenticated": False,
            "auth": reply("535 5.7.139 Authentication unsuccessful, basic authentication is disabled."),
        },
        "a policy of the provider, not a wrong password: enable SMTP AUTH for this mailbox, and exempt it from "
        "policies against basic authentication: 535 5.7.139 Authentication unsuccessful, basic authentication is "
        "disabled.",
    ),
}


@pytest.mark.parametrize(("facts", "detail"), DETAILS.values(), ids=[*DETAILS])
def test_the_detail_says_what_was_seen_and_what_it_means(facts: dict[str, Any], detail: str) -> None:
    assert [each.detail for each in assess(healthy(**facts)).problems] == [detail]


AUTH_CODES = {
    **dict.fromkeys((500, 501, 502, 503, 334), "auth_failed"),
    504: "auth_mechanism_unavailable",
    **dict.fromkeys((530, 534, 535, 538, 550, 554), "auth_rejected"),
    **dict.fromkeys((421, 432, 435, 451, 454), "auth_temporary"),
}


@pytest.mark.parametrize(("code", "reason"), AUTH_CODES.items())
def test_what_an_answer_to_auth_means(code: int, reason: str) -> None:
    facts = {"settings": LOGIN, "hello_tls": AUTH, "auth": reply(f"{code} so"), "authenticated": False}
    assert said(healthy(**facts)) == {reason: C}


# --- a port that should be closed --------------------------------------------------------------------------------

CLOSED = {"expect": {"port": "closed"}, "connected": False, "greeting": None, "ehlo": None, "hello": None, **IN_CLEAR}


@pytest.mark.parametrize(
    ("reason", "problems"),
    [
        (Reason.CONNECTION_REFUSED, {}),
        (Reason.CONNECTION_TIMEOUT, {}),
        (Reason.CONNECTION_PROHIBITED, {}),
        (Reason.NETWORK_UNREACHABLE, {"network_unreachable": C}),
    ],
)
def test_a_port_that_is_closed_as_expected(reason: Reason, problems: dict[str, str]) -> None:
    result = healthy(**CLOSED, ended=Ended(Stage.CONNECT, reason))
    assert (said(result), assess(result).success) == (problems, not problems)


@pytest.mark.parametrize(
    "greeting", ["220 hello", "421 4.7.0 too many connections from 192.0.2.1", "554 5.7.1 blocked"]
)
def test_an_open_port_is_the_only_problem_whatever_it_says(greeting: str) -> None:
    found = assess(healthy(**{**CLOSED, "connected": True, "greeting": reply(greeting)}))
    assert ([str(each.reason) for each in found.problems], found.untestable, found.success) == (
        ["port_open"],
        None,
        False,
    )


# --- untestable --------------------------------------------------------------------------------------------------

US = {**IN_CLEAR, "ehlo": None, "hello": None}
LIMITED, BLOCKED = "421 4.7.0 Error: too many connections from 192.0.2.1", "554 5.7.1 Service unavailable; blocked"


@pytest.mark.parametrize(
    ("greeting", "untestable", "reason"),
    [
        (LIMITED, Untestable.RATE_LIMITED, "greeting_temporary"),
        (BLOCKED, Untestable.CLIENT_BLOCKED, "client_rejected"),
        ("421 4.3.2 Connection rate limit exceeded.", Untestable.RATE_LIMITED, "greeting_temporary"),
        ("421 4.3.2 All server ports are busy", None, "greeting_temporary"),
        ("554 No SMTP service here", None, "greeting_rejected"),
    ],
)
def test_a_refusal_of_this_client_is_no_failure(greeting: str, untestable: Untestable | None, reason: str) -> None:
    found = assess(healthy(**US, greeting=reply(greeting)))
    assert (found.untestable, found.success) == (untestable, None if untestable else False)
    assert [(str(each.reason), str(each.severity)) for each in found.problems] == [(reason, W if untestable else C)]
    assert (found.primary is None) is bool(untestable)


@pytest.mark.parametrize("greeting", [LIMITED, BLOCKED])
def test_it_is_no_excuse_for_ever(greeting: str) -> None:
    found = assess(healthy(**US, greeting=reply(greeting)), excuse=False)
    assert (found.untestable, found.success, found.primary is not None) == (None, False, True)


def test_what_cannot_be_tested_for_want_of_a_route_has_no_problem_and_no_excuse_is_needed() -> None:
    result = healthy(**US, greeting=None, connected=None, untestable=Untestable.NO_IPV6)
    for excuse in (True, False):
        found = assess(result, excuse=excuse)
        assert (found.problems, found.untestable, found.success) == ((), Untestable.NO_IPV6, None)


def test_sendmail_that_turns_us_away_is_no_failure_and_nothing_is_withdrawn() -> None:
    known = History(starttls_offered=NOW - 60)
    result = healthy(**TURNED_AWAY)
    excused, later = assess(result, known), assess(result, known, excuse=False)
    assert (excused.untestable, [each.reason for each in later.problems]) == (
        Untestable.CLIENT_BLOCKED,
        [Reason.CLIENT_REJECTED],
    )
    assert later.success is False


def test_a_limit_on_logins_is_untestable_too() -> None:
    answer = reply("454 4.7.0 too many attempts from 192.0.2.1")
    found = assess(healthy(settings=LOGIN, hello_tls=AUTH, auth=answer, authenticated=False))
    assert (found.untestable, [str(each.severity) for each in found.problems]) == (Untestable.RATE_LIMITED, [W])


# --- all together ------------------------------------------------------------------------------------------------


def test_the_primary_problem_is_the_critical_one_of_the_earliest_stage_then_the_first_of_the_table() -> None:
    found = assess(
        healthy(
            hello=before_tls("PLAIN"),
            lookup=Lookup(0.0, None, 1),
            session=Session("TLSv1.1", "AES256-SHA"),
            verdict=replace(GOOD, not_trusted="so", expired="so"),
            expect={"certificate": "trusted", "banner": "Exim", "min_tls": "TLSv1.2"},
        )
    )
    assert [(str(each.stage), str(each.reason)) for each in found.problems] == [
        ("dns", "too_many_addresses"),
        ("tls", "tls_weak"),
        ("certificate", "certificate_expired"),
        ("certificate", "certificate_not_trusted"),
        ("auth", "auth_offered_in_clear"),
        ("expectation", "tls_version_too_old"),
        ("expectation", "banner_mismatch"),
    ]
    assert found.primary is not None
    assert found.primary.reason is Reason.CERTIFICATE_EXPIRED


def test_warnings_alone_are_success() -> None:
    found = assess(healthy(verdict=replace(GOOD, expired="so")))
    assert (found.primary, found.success, len(found.problems)) == (None, True, 1)


def test_the_text_of_a_problem_is_cut() -> None:
    found = assess(healthy(**US, greeting=reply("554 " + "x" * 60_000)))
    assert len(found.problems[0].detail) == MAX_DETAIL + 3


def test_a_stage_that_is_told_apart_from_the_first_of_its_row_is_kept() -> None:
    found = assess(healthy(session=TLS13, ended=Ended(Stage.AUTH, Reason.REPLY_MALFORMED)))
    assert [(each.stage, each.reason) for each in found.problems] == [(Stage.AUTH, Reason.REPLY_MALFORMED)]
