import re

import pytest

from exporter.model import Reply
from exporter.phrases import OF_US, SPEAKS_TO_US, TOO_OFTEN, Phrase, says_too_often, speaks_of_us


def reply(text: str) -> Reply:
    """`554-a` and `554 b` on two lines, as the example of a phrase has them."""
    return Reply(int(text[:3]), (text[4:],))


@pytest.mark.parametrize("phrase", OF_US + TOO_OFTEN + SPEAKS_TO_US, ids=lambda phrase: phrase.pattern)
def test_each_phrase_is_in_its_example(phrase: Phrase) -> None:
    assert re.search(phrase.pattern, phrase.example, re.IGNORECASE)


@pytest.mark.parametrize("phrase", OF_US, ids=lambda phrase: phrase.pattern)
def test_each_example_of_a_rejection_speaks_of_us(phrase: Phrase) -> None:
    assert speaks_of_us(reply(phrase.example), "")


@pytest.mark.parametrize("phrase", TOO_OFTEN + SPEAKS_TO_US, ids=lambda phrase: phrase.pattern)
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
