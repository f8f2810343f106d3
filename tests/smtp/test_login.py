"""The AUTH dialogue as the server sees it, and what the transcript may show of it."""

from base64 import b64decode, b64encode

import pytest

from exporter.model import AuthSettings, Reply
from exporter.smtp.commands import Say
from exporter.smtp.login import MAX_COMMAND, Mechanism, choose, login

PASSWORD = "tanstaaftanstaaf"
OK, NO = Reply(235, ("2.7.0 Authentication successful",)), Reply(535, ("5.7.8 authentication failed",))
GO, CANCELLED = Reply(334, ("",)), Reply(501, ("5.5.2 cancelled",))
CHALLENGE = Reply(334, (b64encode(b"<1896.697170952@postoffice.reston.mci.net>").decode(),))


def perform(mechanism: Mechanism, *answers: Reply, password: str = PASSWORD) -> tuple[list[Say], Reply, Reply]:
    """Let it talk to a server that answers so; return what it said, what decided, and the last reply."""
    said, script = list[Say](), login(mechanism, "tim", password)
    try:
        said.append(next(script))
        for answer in answers:
            said.append(script.send(answer))
    except StopIteration as stop:
        assert len(said) == len(answers)
        return said, *stop.value
    raise AssertionError(f"it wants more answers: {said}")


def lines(said: list[Say]) -> list[str]:
    return [each.line for each in said]


def test_plain_is_one_line() -> None:
    said, decided, _ = perform("PLAIN", OK)
    assert (lines(said), decided) == (["AUTH PLAIN AHRpbQB0YW5zdGFhZnRhbnN0YWFm"], OK)


@pytest.mark.parametrize("extra", [0, 1], ids=["512 octets", "one more"])
def test_plain_over_512_octets_goes_without_initial_response(extra: int) -> None:
    password = "p" * (372 - len("\0tim\0") + extra)  # 372 octets are 496 of base64; 4 more would be too many
    response = b64encode(b"\0tim\0" + password.encode()).decode()
    fits = len(f"AUTH PLAIN {response}") <= MAX_COMMAND
    answers = [OK] if fits else [GO, OK]
    said, _, _ = perform("PLAIN", *answers, password=password)
    assert (fits, lines(said)) == (
        not extra,
        [f"AUTH PLAIN {response}"] if fits else ["AUTH PLAIN", response],
    )


@pytest.mark.parametrize("prompts", [("VXNlcm5hbWU6", "UGFzc3dvcmQ6"), ("", ""), ("not base64!", "Kennwort")])
def test_login_answers_two_prompts_whatever_they_say(prompts: tuple[str, str]) -> None:
    said, decided, _ = perform("LOGIN", *(Reply(334, (prompt,)) for prompt in prompts), OK)
    assert (lines(said), decided) == (["AUTH LOGIN", "dGlt", "dGFuc3RhYWZ0YW5zdGFhZg=="], OK)


def test_login_stops_where_the_user_is_refused() -> None:
    said, decided, _ = perform("LOGIN", GO, NO)
    assert (lines(said), decided) == (["AUTH LOGIN", "dGlt"], NO)


def test_cram_md5_answers_the_challenge_of_rfc_2195() -> None:
    said, decided, _ = perform("CRAM-MD5", CHALLENGE, OK)
    assert lines(said)[0] == "AUTH CRAM-MD5"
    assert b64decode(lines(said)[1]) == b"tim b913a602c7eda7a495b4e6e7334d3890"
    assert decided == OK


@pytest.mark.parametrize(
    "challenge",
    ["", "=", "%%%%", "bm90IGJhc2U2NA", "PDE+ and more", "gr\u00fc\u00df", "PDE+\nPDE+"],
    ids=["empty", "padding", "no base64", "cut", "more", "not ASCII", "two lines"],
)
def test_a_bad_challenge_is_cancelled(challenge: str) -> None:
    bad = Reply(334, tuple(challenge.split("\n")))
    said, decided, last = perform("CRAM-MD5", bad, CANCELLED)
    assert (lines(said), decided, last) == (["AUTH CRAM-MD5", "*"], bad, CANCELLED)


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5"])
def test_a_question_without_end_is_cancelled(mechanism: Mechanism) -> None:
    answers = {"PLAIN": [GO], "LOGIN": [GO, GO, GO], "CRAM-MD5": [CHALLENGE, CHALLENGE]}[mechanism]
    said, decided, last = perform(mechanism, *answers, CANCELLED)
    assert (said[-1].line, decided, last) == ("*", answers[-1], CANCELLED)


@pytest.mark.parametrize(
    ("mechanism", "answers"),
    [("PLAIN", [OK]), ("LOGIN", [GO, GO, OK]), ("CRAM-MD5", [CHALLENGE, OK]), ("PLAIN", [GO, CANCELLED])],
)
@pytest.mark.parametrize("password", ["tanstaaftanstaaf", "p" * 600], ids=["short", "long"])
def test_no_secret_is_ever_shown(mechanism: Mechanism, answers: list[Reply], password: str) -> None:
    if mechanism == "PLAIN" and len(password) > 500:
        answers = [GO, OK]
    said, _, _ = perform(mechanism, *answers, password=password)
    shown = " ".join(each.shown or each.line for each in said)
    assert set(shown.replace("AUTH", "").replace(mechanism, "").split()) <= {"***", "*"}


@pytest.mark.parametrize(
    ("wanted", "offered", "chosen"),
    [
        (None, {"CRAM-MD5", "LOGIN", "PLAIN"}, "PLAIN"),
        (None, {"CRAM-MD5", "LOGIN"}, "LOGIN"),
        (None, {"CRAM-MD5", "XOAUTH2"}, "CRAM-MD5"),
        (None, {"XOAUTH2", "GSSAPI"}, None),
        ("CRAM-MD5", {"CRAM-MD5", "PLAIN"}, "CRAM-MD5"),
        ("LOGIN", {"PLAIN"}, None),
    ],
)
def test_chooses_one_mechanism(wanted: Mechanism | None, offered: set[str], chosen: Mechanism | None) -> None:
    assert choose(AuthSettings("tim", mechanism=wanted), frozenset(offered)) == chosen
