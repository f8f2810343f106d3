import re

import pytest

from exporter.model import Reply
from exporter.phrases import (
    CLIENT_LIMITS,
    HINTS,
    LMTP_GREETING,
    MAX_TEXT,
    NO_CERTIFICATE,
    OF_US,
    SPEAKS_TO_US,
    TOO_EARLY,
    TOO_OFTEN,
    TOOK_FOR_COMMAND,
    Hint,
    Phrase,
    explain,
    says_too_often,
    speaks_of_us,
    took_for_command,
    wants_certificate,
)

LIMITS_ON_US = TOO_OFTEN + SPEAKS_TO_US + CLIENT_LIMITS
IN_CLEAR = TOOK_FOR_COMMAND + TOO_EARLY


def reply(text: str) -> Reply:
    """`554-a` and `554 b` on two lines, as the example of a phrase has them."""
    return Reply(int(text[:3]), (text[4:],))


@pytest.mark.parametrize(
    "phrase", [*OF_US, *LIMITS_ON_US, *NO_CERTIFICATE, *IN_CLEAR], ids=lambda phrase: phrase.pattern
)
def test_each_phrase_is_in_its_example(phrase: Phrase) -> None:
    assert re.search(phrase.pattern, phrase.example[4:], re.IGNORECASE)


@pytest.mark.parametrize("phrase", OF_US, ids=lambda phrase: phrase.pattern)
def test_each_example_of_a_rejection_speaks_of_us(phrase: Phrase) -> None:
    assert speaks_of_us(reply(phrase.example), "")


@pytest.mark.parametrize("phrase", LIMITS_ON_US, ids=lambda phrase: phrase.pattern)
def test_each_example_of_a_limit_says_too_often(phrase: Phrase) -> None:
    assert says_too_often(reply(phrase.example), "")


REJECTIONS_OF_ALL = [
    "554 mail.example.test No SMTP service here",
    "550 5.5.0 Invalid domain name in EHLO",
    "502 5.5.1 Error: command not implemented",
    "521 mail.example.test does not accept mail",
    "554 5.3.2 not accepting connections",
    "554 Transaction failed: unlisted",
]


@pytest.mark.parametrize("text", REJECTIONS_OF_ALL)
def test_a_rejection_of_everybody_does_not_speak_of_us(text: str) -> None:
    assert not speaks_of_us(reply(text), "192.0.2.1")


OUTAGES = [
    "421 4.3.2 All server ports are busy",
    "421 4.3.2 No system resources",
    "421 4.3.5 Server configuration error",
    "454 4.7.0 TLS not available due to local problem",
    "421 host: Too many concurrent SMTP connections; please try again later",
    "451 4.3.0 Temporary lookup failure",
    "421 mail.example.test Service not available, closing transmission channel",
    "421 Too much load; please try again later",
    "421 too many connections",
    "421 4.3.2 All screening ports are busy",
    "421 #4.4.5 Too many concurrent connections to this listener.",
    "421 mail.example.test Too many connected clients, try again in a moment",
    "421 4.3.2 The maximum number of concurrent connections has exceeded a limit, closing transmission channel",
    "421 4.3.2 Global connection rate limit exceeded",
    "421 Sorry, SMTP server too busy right now (193); try again later",
    "421 4.7.0 Temporary System Problem. Try again later.",
    "421 4.7.0 Server closing connection",
    "454 4.7.0 Temporary authentication failure: Connection lost to authentication server",
    "450 4.3.2 Service currently unavailable",
    "421 4.7.1 mail.example.test Error: No client certificate presented",
]


@pytest.mark.parametrize("text", OUTAGES)
def test_an_outage_for_everybody_is_no_limit_on_us(text: str) -> None:
    assert not says_too_often(reply(text), "192.0.2.1")


LIMITS = [
    "421 4.7.0 mx.example.com Error: too many connections from 192.0.2.1",
    "454 4.7.0 Error: too many new TLS sessions from probe.example.net",
    "421 host: Too many concurrent SMTP connections from this IP address; please try again later",
    "450 4.7.1 Error: too much mail from 192.0.2.1",
    "421 4.7.28 Our system has detected an unusual rate of mail originating from your IP address",
    "421 4.7.0 mail.example.test Error: too many connections",
    "421 connection rate limit exceeded",
    "421 connection concurrency limit exceeded",
    "421 Too many concurrent connections [5C7A1B2E-9D0F.1]",
    "454 4.7.0 Too many authentication failures",
]


@pytest.mark.parametrize("text", LIMITS)
def test_a_limit_on_us_says_too_often(text: str) -> None:
    assert says_too_often(reply(text), "192.0.2.1")


@pytest.mark.parametrize(
    ("text", "own", "ours"),
    [
        ("554 IP=192.0.2.1 - A problem occurred", "192.0.2.1", True),
        ("554 [192.0.2.1]: no", "192.0.2.1", True),
        ("554 no mail for 192.0.2.1.", "192.0.2.1", True),
        ("554 no mail for 192.0.2.11", "192.0.2.1", False),
        ("554 no mail for 1192.0.2.1", "192.0.2.1", False),
        ("554 no mail for 192.0.2.1.5", "192.0.2.1", False),
        ("554 2001:db8::1 go away", "2001:db8::1", True),
        ("554 2001:db8::1:2 go away", "2001:db8::1", False),
        ("554 go away", "", False),
    ],
)
def test_our_own_address_is_recognised_whole(text: str, own: str, ours: bool) -> None:
    assert speaks_of_us(reply(text), own) is ours


def test_a_limit_is_told_by_our_address_as_well() -> None:
    assert says_too_often(reply("421 192.0.2.1 too many connections"), "192.0.2.1")


def test_a_limit_is_told_over_two_lines() -> None:
    lines = ("4.7.28 Our system has detected an unusual", "rate of unsolicited mail. Please try later.")
    assert says_too_often(Reply(421, lines), "")


@pytest.mark.parametrize("phrase", NO_CERTIFICATE, ids=lambda phrase: phrase.pattern)
def test_each_example_wants_a_client_certificate(phrase: Phrase) -> None:
    assert wants_certificate(reply(phrase.example))


@pytest.mark.parametrize(
    "text",
    [
        "454 4.7.0 TLS not available due to local problem",
        "421 4.7.1 SSL certificate error",
        "421 4.0.0 mail.example.test TLS initialization failed.",
        "550 5.7.1 Client host rejected: Access denied",
        "454 4.3.0 Cannot load the server certificate",
    ],
)
def test_other_refusals_want_no_client_certificate(text: str) -> None:
    assert not wants_certificate(reply(text))


@pytest.mark.parametrize("phrase", IN_CLEAR, ids=lambda phrase: phrase.pattern)
def test_each_example_took_a_client_hello_for_a_command(phrase: Phrase) -> None:
    assert took_for_command(reply(phrase.example))


@pytest.mark.parametrize(
    "text",
    [
        "421 mail.example.test: Too many concurrent SMTP connections; please try again later",
        "421 mail.example.test: SMTP command timeout - closing connection",
        "554 mail.example.test No SMTP service here",
        "554 mail.example.test ESMTP not accepting connections",
        "554 5.7.1 Service unavailable; client [127.0.0.1] blocked using zen.spamhaus.org",
        "421 4.3.2 Service currently unavailable",
    ],
)
def test_a_refusal_of_every_connection_is_none_of_a_client_hello(text: str) -> None:
    assert not took_for_command(reply(text))


@pytest.mark.parametrize("hint", HINTS, ids=lambda hint: hint.pattern)
def test_each_example_is_explained_by_its_own_row(hint: Hint) -> None:
    code, text = hint.example[:3], hint.example[4:]
    assert explain(reply(hint.example)) == f"{hint.meaning}: {code} {text}"


MORE_HINTS = {
    '500 5.5.1 Command unrecognized: "XXXX probe.example.net"': "SMTP inspection",
    "500 Error: EHLO not allowed in LMTP server": "this is LMTP",
    "500 this is LMTP, use LHLO instead of EHLO": "this is LMTP",
    "421 PROXY timed out": "PROXY protocol listener",
    "550 5.3.2 Service currently unavailable": "may be this client only",
    "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant.": "a policy",
    "534 5.7.9 Please log in with your web browser and then try again.": "a policy",
}


@pytest.mark.parametrize(("text", "hint"), MORE_HINTS.items(), ids=[*MORE_HINTS])
def test_explains_what_other_servers_say(text: str, hint: str) -> None:
    said = explain(reply(text))
    assert hint in said.removesuffix(text)


PLAIN = [
    "550 5.7.1 <XXXX.example.net>: Helo command rejected: Access denied",
    "500 5.5.2 Error: bad syntax",
    "550 5.7.1 lmtp.example.net does not like mail-lmtp.example.net",
    "502 5.5.1 Command not implemented: xxxx",
    "421 4.3.0 Mail system error",
    "421 4.3.2 All server ports are busy",
    "450 4.3.2 mail system is down",
    "535 5.7.8 Error: authentication failed: authentication failure",
    "534 5.7.8 Encryption required",
]


@pytest.mark.parametrize("text", PLAIN)
def test_adds_nothing_to_what_speaks_for_itself(text: str) -> None:
    assert explain(reply(text)) == text


@pytest.mark.parametrize(
    ("greeting", "refusal", "lmtp"),
    [
        (LMTP_GREETING.example, "502 5.5.2 Unknown command", True),
        ("220 mail.example.test LMTP Cyrus v3.6.1 ready", "500 Unrecognized command", True),
        (LMTP_GREETING.example, "550 5.7.1 Go away", False),
        ("220 mail.example.test ESMTP Postfix", "502 5.5.2 Unknown command", False),
        ("220 lmtp.example.test ESMTP", "500 what?", False),
    ],
)
def test_tells_lmtp_by_its_greeting(greeting: str, refusal: str, lmtp: bool) -> None:
    said = explain(reply(refusal), reply(greeting))
    assert said == (f"{LMTP_GREETING.meaning}: {refusal}" if lmtp else refusal)


def test_only_the_beginning_of_a_long_reply_is_looked_at() -> None:
    text = "x" * MAX_TEXT
    assert explain(Reply(500, (f"{text} use LHLO",))) == f"500 {text} use LHLO"
    assert not says_too_often(Reply(421, (f"{text} Too many open connections.",)), "")
