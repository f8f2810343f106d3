"""The script of a probe, driven with a list of answers: no loop, no sockets. Each row reads like the conversation."""

from dataclasses import replace
from typing import Any

import pytest

from exporter.model import AuthSettings, Certificate, Expect, Peer, Reply, Security, Session, Settings, Verdict
from exporter.reasons import Stage
from exporter.smtp.commands import Connect, Handshake, Hear, Judge, Password, Quit, Say
from exporter.smtp.dialogue import Seen, converse

ME = "EHLO probe.example.net"
HELO = "HELO probe.example.net"
LEAF = Certificate("mail.example.test", "CA", "01", "ab", "ecdsa-256", 0.0, 1.0, ("mail.example.test",))
VALID, EXPIRED = Verdict(LEAF, 1.0), Verdict(LEAF, 1.0, expired="the certificate expired")
TLS13 = Session("TLSv1.3", "TLS_AES_256_GCM_SHA384", (b"leaf",))

RELAY = Settings()
IMPLICIT = replace(RELAY, security=Security.IMPLICIT)
IN_CLEAR = replace(RELAY, security=Security.NONE)
FORBIDDEN = replace(RELAY, expect=Expect(starttls="forbidden"))
CLOSED = replace(RELAY, expect=Expect(port="closed"))
LOGIN = replace(RELAY, auth=AuthSettings("user", password_env="P"))
LOGIN_IMPLICIT = replace(LOGIN, security=Security.IMPLICIT)

OFFER = "250-mail\n250-SIZE 1000\n250 STARTTLS"
INSIDE, INSIDE_AUTH = "250-mail\n250 SIZE 1000", "250-mail\n250 AUTH CRAM-MD5 LOGIN PLAIN"
CHALLENGE = "334 PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+"
PLAIN = "AUTH PLAIN AHVzZXIAc2VjcmV0"

Heard = str | Session | Verdict | None


def reply(text: str) -> Reply:
    lines = text.split("\n")
    return Reply(int(lines[0][:3]), tuple(line[4:] for line in lines))


def told(command: object) -> str:
    """A command as one word or line."""
    match command:
        case Say():
            return command.line
        case Hear() | Connect() | Handshake() | Judge() | Password() | Quit():
            return {Hear: "(hear)", Handshake: "(tls)"}.get(type(command), f"({type(command).__name__.lower()})")
    raise AssertionError(command)


def talk(
    settings: Settings,
    answers: list[Any],
    *,
    name: str | None = "probe.example.net",
    own: str = "192.0.2.1",
    login_due: bool = True,
    seen: Seen | None = None,
) -> list[str]:
    """What is said when this is heard: strings are replies; a Session, a Verdict, a password answer theirs."""
    peer = Peer("mail.example.test", "192.0.2.9", 25, settings)
    script = converse(peer, seen or Seen(), name, login_due=login_due)
    said, waiting = list[str](), iter(answers)
    assert isinstance(next(script), Connect)
    answer: object = own
    try:
        while True:
            command = script.send(answer)
            said.append(told(command))
            if isinstance(command, Quit):
                answer = None
                continue
            heard = next(waiting)
            answer = reply(heard) if isinstance(command, Say | Hear) else heard
    except StopIteration:
        assert list(waiting) == [], "it ended before it heard all"
    return said


CONVERSATIONS: dict[str, tuple[Settings, list[Any], list[str]]] = {
    "STARTTLS": (
        RELAY,
        ["220 mail", OFFER, "220 go", TLS13, VALID, INSIDE],
        ["(hear)", ME, "STARTTLS", "(tls)", "(judge)", ME, "(quit)"],
    ),
    "implicit TLS": (
        IMPLICIT,
        [TLS13, VALID, "220 mail", INSIDE],
        ["(tls)", "(judge)", "(hear)", ME, "(quit)"],
    ),
    "in clear": (IN_CLEAR, ["220 mail", OFFER], ["(hear)", ME, "(quit)"]),
    "STARTTLS is not used where it is forbidden": (FORBIDDEN, ["220 mail", OFFER], ["(hear)", ME, "(quit)"]),
    "STARTTLS is not offered": (RELAY, ["220 mail", "250 mail"], ["(hear)", ME, "(quit)"]),
    "STARTTLS in any case": (
        RELAY,
        ["220 mail", "250-mail\n250 starttls ", "220 go", TLS13, VALID, INSIDE],
        ["(hear)", ME, "STARTTLS", "(tls)", "(judge)", ME, "(quit)"],
    ),
    "STARTTLS refused for now": (RELAY, ["220 mail", OFFER, "454 later"], ["(hear)", ME, "STARTTLS", "(quit)"]),
    "STARTTLS refused": (RELAY, ["220 mail", OFFER, "502 no"], ["(hear)", ME, "STARTTLS", "(quit)"]),
    "no QUIT after 421 to STARTTLS": (RELAY, ["220 mail", OFFER, "421 bye"], ["(hear)", ME, "STARTTLS"]),
    "QUIT after a 5xx greeting": (RELAY, ["554 no"], ["(hear)", "(quit)"]),
    "QUIT after a 4xx greeting": (RELAY, ["450 later"], ["(hear)", "(quit)"]),
    "no QUIT after a 421 greeting": (RELAY, ["421 busy"], ["(hear)"]),
    "no QUIT after a 421 greeting inside TLS": (IMPLICIT, [TLS13, VALID, "421 busy"], ["(tls)", "(judge)", "(hear)"]),
    "no QUIT after 421 to EHLO": (RELAY, ["220 mail", "421 bye"], ["(hear)", ME]),
    "no QUIT after 421 to HELO": (RELAY, ["220 mail", "502 what", "421 bye"], ["(hear)", ME, HELO]),
    "no QUIT after 421 to EHLO inside TLS": (
        RELAY,
        ["220 mail", OFFER, "220 go", TLS13, VALID, "421 bye"],
        ["(hear)", ME, "STARTTLS", "(tls)", "(judge)", ME],
    ),
    "EHLO is refused for good": (RELAY, ["220 mail", "554 no"], ["(hear)", ME, "(quit)"]),
    "EHLO is refused for now": (RELAY, ["220 mail", "450 no"], ["(hear)", ME, "(quit)"]),
    "HELO is refused as well": (RELAY, ["220 mail", "550 no", "550 no"], ["(hear)", ME, HELO, "(quit)"]),
    "HELO is not tried inside TLS": (
        RELAY,
        ["220 mail", OFFER, "220 go", TLS13, VALID, "502 what"],
        ["(hear)", ME, "STARTTLS", "(tls)", "(judge)", ME, "(quit)"],
    ),
    "HELO is not tried with implicit TLS": (
        IMPLICIT,
        [TLS13, VALID, "220 mail", "502 what"],
        ["(tls)", "(judge)", "(hear)", ME, "(quit)"],
    ),
    "a port that should be closed is only greeted": (CLOSED, ["220 mail"], ["(hear)", "(quit)"]),
    "and not even that after 421": (CLOSED, ["421 busy"], ["(hear)"]),
    "log in": (
        LOGIN_IMPLICIT,
        [TLS13, VALID, "220 mail", INSIDE_AUTH, "secret", "235 ok"],
        ["(tls)", "(judge)", "(hear)", ME, "(password)", PLAIN, "(quit)"],
    ),
    "log in after STARTTLS": (
        LOGIN,
        ["220 mail", OFFER, "220 go", TLS13, VALID, INSIDE_AUTH, "secret", "535 no"],
        ["(hear)", ME, "STARTTLS", "(tls)", "(judge)", ME, "(password)", PLAIN, "(quit)"],
    ),
    "no QUIT after 421 to AUTH": (
        LOGIN_IMPLICIT,
        [TLS13, VALID, "220 mail", INSIDE_AUTH, "secret", "421 bye"],
        ["(tls)", "(judge)", "(hear)", ME, "(password)", PLAIN],
    ),
    "no QUIT after 421 to the cancelling of a challenge": (
        LOGIN_IMPLICIT,
        [TLS13, VALID, "220 mail", "250-mail\n250 AUTH CRAM-MD5", "secret", "334 %%%", "421 bye"],
        ["(tls)", "(judge)", "(hear)", ME, "(password)", "AUTH CRAM-MD5", "*"],
    ),
    "a password that cannot be read": (
        LOGIN_IMPLICIT,
        [TLS13, VALID, "220 mail", INSIDE_AUTH, None],
        ["(tls)", "(judge)", "(hear)", ME, "(password)", "(quit)"],
    ),
    "nothing is configured": (
        IMPLICIT,
        [TLS13, VALID, "220 mail", INSIDE_AUTH],
        ["(tls)", "(judge)", "(hear)", ME, "(quit)"],
    ),
}


@pytest.mark.parametrize(("settings", "heard", "said"), CONVERSATIONS.values(), ids=[*CONVERSATIONS])
def test_a_conversation(settings: Settings, heard: list[Any], said: list[str]) -> None:
    assert talk(settings, heard) == said


@pytest.mark.parametrize(("settings", "heard"), [row[:2] for row in CONVERSATIONS.values()], ids=[*CONVERSATIONS])
def test_mail_is_never_sent_nor_users_asked_for(settings: Settings, heard: list[Any]) -> None:
    verbs = {line.partition(" ")[0] for line in talk(settings, heard) if not line.startswith("(")}
    assert verbs <= {"EHLO", "HELO", "STARTTLS", "AUTH", "*"}


@pytest.mark.parametrize("code", range(400, 600))
def test_helo_is_tried_only_where_ehlo_is_not_known(code: int) -> None:
    again = code in {500, 501, 502, 504, 550}
    said = talk(RELAY, ["220 mail", f"{code} what", *(["250 mail"] if again else [])])
    assert (HELO in said) is again


@pytest.mark.parametrize(
    ("own", "name"), [("192.0.2.1", "[192.0.2.1]"), ("2001:db8::1", "[IPv6:2001:db8::1]")], ids=["v4", "v6"]
)
def test_without_a_name_the_address_literal_is_said(own: str, name: str) -> None:
    assert talk(IN_CLEAR, ["220 mail", "250 mail"], name=None, own=own)[1] == f"EHLO {name}"


UNSAFE: dict[str, tuple[Settings, list[Any], str]] = {
    "no STARTTLS": (LOGIN, ["220 mail", "250 mail"], "there is no TLS"),
    "STARTTLS masked": (LOGIN, ["220 ****", "250-mail\n250 XXXXXXXA"], "there is no TLS"),
    "STARTTLS refused": (LOGIN, ["220 mail", OFFER, "454 later"], "there is no TLS"),
    "TLS 1.1": (
        LOGIN_IMPLICIT,
        [replace(TLS13, version="TLSv1.1"), VALID, "220 mail", INSIDE_AUTH],
        "TLSv1.1 is too old for a password",
    ),
    "TLS 1.0": (
        LOGIN_IMPLICIT,
        [replace(TLS13, version="TLSv1"), VALID, "220 mail", INSIDE_AUTH],
        "TLSv1 is too old for a password",
    ),
    "certificate expired": (
        LOGIN_IMPLICIT,
        [TLS13, EXPIRED, "220 mail", INSIDE_AUTH],
        "the certificate is not valid",
    ),
    "no verdict": (LOGIN_IMPLICIT, [TLS13, None, "220 mail", INSIDE_AUTH], "the certificate is not valid"),
    "password not readable": (
        LOGIN_IMPLICIT,
        [TLS13, VALID, "220 mail", INSIDE_AUTH, None],
        "the password cannot be read",
    ),
}


@pytest.mark.parametrize(("settings", "heard", "why"), UNSAFE.values(), ids=[*UNSAFE])
def test_no_password_goes_where_it_is_not_safe(settings: Settings, heard: list[Any], why: str) -> None:
    seen = Seen()
    said = talk(settings, heard, seen=seen)
    assert (seen.auth_not_attempted, seen.authenticated) == (why, None)
    assert not [line for line in said if line.startswith("AUTH")]


@pytest.mark.parametrize(
    "finding", ["expired", "not_yet_valid", "host_mismatch", "self_signed", "not_trusted", "unsuitable"]
)
def test_a_certificate_with_any_finding_gets_no_password(finding: str) -> None:
    found: dict[str, Any] = {finding: "so"}
    verdict = replace(VALID, **found)
    assert "(password)" not in talk(LOGIN_IMPLICIT, [TLS13, verdict, "220 mail", INSIDE_AUTH])


def test_a_weak_certificate_is_still_valid_and_tls_1_2_is_enough() -> None:
    heard = [
        replace(TLS13, version="TLSv1.2"),
        replace(VALID, weak="RSA 1024"),
        "220 mail",
        INSIDE_AUTH,
        "secret",
        "235 ok",
    ]
    assert PLAIN in talk(LOGIN_IMPLICIT, heard)


def test_a_login_that_is_not_due_is_not_tried_but_its_safety_is_looked_at() -> None:
    seen, unsafe = Seen(), Seen()
    assert "(password)" not in talk(LOGIN_IMPLICIT, [TLS13, VALID, "220 mail", INSIDE_AUTH], login_due=False, seen=seen)
    talk(LOGIN_IMPLICIT, [TLS13, EXPIRED, "220 mail", INSIDE_AUTH], login_due=False, seen=unsafe)
    assert (seen.auth_not_attempted, unsafe.auth_not_attempted) == (None, "the certificate is not valid")


def test_no_mechanism_in_common_is_said() -> None:
    seen = Seen()
    talk(LOGIN_IMPLICIT, [TLS13, VALID, "220 mail", "250-mail\n250 AUTH NTLM GSSAPI"], seen=seen)
    assert seen.auth_unavailable == "PLAIN, LOGIN or CRAM-MD5 wanted, GSSAPI NTLM offered"


@pytest.mark.parametrize(("code", "in_"), [(235, True), (535, False), (454, False), (334, False)])
def test_the_last_answer_decides(code: int, in_: bool) -> None:
    seen = Seen()
    cancelled = ["501 cancelled"] if code == 334 else []
    talk(LOGIN_IMPLICIT, [TLS13, VALID, "220 mail", INSIDE_AUTH, "secret", f"{code} so", *cancelled], seen=seen)
    assert (seen.authenticated, seen.auth and seen.auth.code) == (in_, code)


def test_what_was_seen_is_noted_as_it_comes() -> None:
    seen = Seen()
    talk(RELAY, ["220 mail", OFFER, "220 go", TLS13, VALID, INSIDE], seen=seen)
    assert seen.hello is not None
    assert seen.hello_tls is not None
    assert ("STARTTLS" in seen.hello.extensions, "STARTTLS" in seen.hello_tls.extensions) == (True, False)
    assert (seen.greeting, seen.ehlo) == (reply("220 mail"), reply(OFFER))
    assert (seen.starttls, seen.session, seen.verdict, seen.ehlo_tls) == (
        reply("220 go"),
        TLS13,
        VALID,
        reply(INSIDE),
    )


OUT_OF_STEP: dict[str, tuple[Settings, list[Any], str]] = {
    "a second greeting": (RELAY, ["220 mail", "220 mail"], "220 mail"),
    "a reply before that to EHLO": (RELAY, ["220 mail", "502 PROXY what?", OFFER], "502 PROXY what?"),
    "a greeting that answers HELO": (RELAY, ["220 mail", "502 what", "220 mail"], "220 mail"),
    "a second reply to EHLO": (RELAY, ["220 mail", OFFER, OFFER], OFFER),
    "a greeting inside TLS": (RELAY, ["220 mail", OFFER, "220 go", TLS13, VALID, "220 backend"], "220 backend"),
    "a second greeting with implicit TLS": (IMPLICIT, [TLS13, VALID, "220 mail", "220 mail"], "220 mail"),
}


@pytest.mark.parametrize(("settings", "heard", "unsolicited"), OUT_OF_STEP.values(), ids=[*OUT_OF_STEP])
def test_a_reply_that_was_not_asked_for_ends_it_without_quit(
    settings: Settings, heard: list[Any], unsolicited: str
) -> None:
    seen = Seen()
    said = talk(settings, heard, seen=seen)
    assert (seen.unsolicited, "(quit)" in said) == (reply(unsolicited), False)
    assert (seen.hello, seen.hello_tls).count(None) == (1 if "STARTTLS" in said else 2)


def test_an_expected_extension_is_seen_after_many_others() -> None:
    seen, expect = Seen(), Expect(extensions=("DSN",))
    many = "\n".join(f"250-X{n}" for n in range(40))
    talk(replace(IN_CLEAR, expect=expect), ["220 mail", f"250-mail\n{many}\n250 DSN"], seen=seen)
    talk(replace(IMPLICIT, expect=expect), [TLS13, VALID, "220 mail", f"250-mail\n{many}\n250 DSN"], seen=seen)
    assert seen.hello is not None
    assert seen.hello_tls is not None
    assert "DSN" in seen.hello.extensions.keys() & seen.hello_tls.extensions.keys()


def test_the_reply_to_ehlo_is_kept_where_helo_is_accepted() -> None:
    seen = Seen()
    talk(IN_CLEAR, ["220 mail", "500 'XXXX': what", "250 mail"], seen=seen)
    assert (seen.ehlo_refusal, seen.ehlo) == (reply("500 'XXXX': what"), reply("250 mail"))


def test_the_answer_to_ehlo_is_kept_where_helo_gets_none() -> None:
    seen = Seen()
    script = converse(Peer("h", "192.0.2.9", 25, RELAY), seen, "me")
    next(script)
    for answer in ("192.0.2.1", reply("220 mail"), reply("550 5.7.1 listed")):
        command = script.send(answer)
    script.close()
    assert (command, seen.ehlo) == (Say(Stage.EHLO, "HELO me"), reply("550 5.7.1 listed"))
