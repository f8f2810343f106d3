"""A password is hidden wherever a server repeats it, in each form that it might take."""

from base64 import b64encode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin, get_type_hints
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.model import Hello, Result, TlsSettings
from exporter.probe.redaction import MAX_CLEAN, MAX_CLEAN_CHARACTERS, MAX_WINDOWS, OURS, WINDOW, Redactor
from exporter.simulated.certificates import Kind
from exporter.simulated.healthy import SmtpServer, saying
from tests.probe.scenarios import LOGIN, PASSWORD_ENV
from tests.results import healthy
from tests.surfaces import surfaces

if TYPE_CHECKING:
    from exporter.simulated.certificates import Zoo
    from tests.conftest import Serve
    from tests.probe.conftest import Probe

PASSWORD = "Tr0ub4dor&3-zebra?>"
OCTETS = PASSWORD.encode()

FORMS: dict[str, str] = {
    "itself": PASSWORD,
    "upper case": PASSWORD.upper(),
    "lower case": PASSWORD.lower(),
    "reversed": PASSWORD[::-1],
    "hexadecimal": OCTETS.hex(),
    "hexadecimal in upper case": OCTETS.hex().upper(),
    "hexadecimal, reversed": OCTETS.hex()[::-1],
    "percent-encoded": quote(OCTETS, safe=""),
    "base64": b64encode(OCTETS).decode(),
    "base64, reversed": b64encode(OCTETS).decode()[::-1],
    "base64, aligned otherwise": b64encode(b"u" + OCTETS).decode(),
    "base64, aligned otherwise still": b64encode(b"\0u" + OCTETS).decode(),
    "base64 for URLs": urlsafe_b64encode(OCTETS).decode(),
    "the first part": PASSWORD[:WINDOW],
    "a part in the middle": PASSWORD[5 : 5 + WINDOW],
}


def parts(text: str, of: str) -> set[str]:
    """What a text holds of the windows of another one."""
    return {part for at in range(len(of) - WINDOW + 1) if (part := of[at : at + WINDOW]) in text}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_each_form_is_hidden(form: str) -> None:
    shown = Redactor().including(PASSWORD).text(f"550 no <{form}> here")
    assert shown.startswith("550 no <")
    assert shown.endswith("> here")
    assert "***" in shown
    assert not parts(shown, form)


@given(before=st.binary(max_size=9), after=st.binary(max_size=9), password=st.text(min_size=WINDOW, max_size=40))
def test_base64_of_anything_around_a_password_is_hidden(before: bytes, after: bytes, password: str) -> None:
    octets = password.encode("utf-8", "replace")
    redactor, encoded = Redactor().including(password), b64encode(before + octets + after).decode()
    first, last = (8 * len(before) + 5) // 6, 8 * (len(before) + len(octets)) // 6
    assert not parts(redactor.text(encoded), encoded[first:last])


@given(password=st.text(min_size=4, max_size=30), around=st.text(max_size=30))
def test_any_password_is_hidden_in_any_text(password: str, around: str) -> None:
    assert password not in Redactor().including(password).text(around + password + around).replace("***", "")


@pytest.mark.parametrize("password", ["", "abc"])
def test_a_secret_that_is_too_short_is_not_looked_for(password: str) -> None:
    assert not Redactor().including(password).active


def test_other_text_stays() -> None:
    text = "mail.example.test ESMTP Postfix \u00fc\u0130 AHVzZXIA 5472307"
    redactor = Redactor().including(PASSWORD)
    assert redactor.text(text) == redactor.text(text) == text


@pytest.mark.parametrize("length", range(3, 3 + len(PASSWORD) + 3))
def test_a_cut_leaves_no_part_that_would_be_hidden_without_it(length: int) -> None:
    redactor, text = Redactor().including(PASSWORD), f"no {PASSWORD}, nor yes"
    shown = redactor.text(text, length)
    assert shown == redactor.text(text)[: len(shown)]
    assert shown.removeprefix("no ") in ("", "***", "***,", "***, ")


def test_a_text_that_was_cut_is_not_taken_for_clean() -> None:
    redactor, text = Redactor().including(PASSWORD), f"{'x' * 100} {PASSWORD}"
    assert redactor.text(text, 5) == "xxxxx"
    assert PASSWORD not in redactor.text(text)


def test_passwords_from_before_a_change_stay_hidden() -> None:
    redactor = Redactor().including(PASSWORD).including("another-password")
    assert redactor.text(f"{PASSWORD} another-password") == "*** ***"


def test_a_long_secret_is_hidden_but_for_its_edges() -> None:
    secret = "".join(f"{number:x}-" for number in range(9000))
    shown = Redactor().including(secret).text(f"<{secret[3000:9000]}>")
    assert len(shown.replace("***", "")) <= 2 * WINDOW


def test_what_is_remembered_is_bounded() -> None:
    redactor = Redactor().including(PASSWORD)
    for number in range(2 * MAX_CLEAN):
        redactor.text(f"{number} {'x' * MAX_CLEAN_CHARACTERS}"[number % 9 :])
        redactor.text(str(number))
    assert len(redactor._clean) <= MAX_CLEAN
    assert max(len(text) for text in redactor._clean if isinstance(text, str)) <= MAX_CLEAN_CHARACTERS
    for number in range(12):
        redactor = redactor.including("".join(f"{each}{number}-" for each in range(90_000)))
    assert sum(map(len, redactor._windows.values())) < 2 * MAX_WINDOWS + 1_000_000


def test_no_password_is_kept() -> None:
    assert PASSWORD[:WINDOW].lower() not in repr(Redactor().including(PASSWORD)._windows).lower()


def test_registered_keywords_and_mechanisms_are_facts_whatever_the_password_is() -> None:
    hello = Hello("EHLO", {"STARTTLS": "", "XSTARTTLS2": "", "SIZE": "1"}, frozenset({"PLAIN", "XPLAIN"}))
    shown = Redactor().including("xstarttls2").including("xplain").result(healthy(hello=hello)).hello
    assert shown is not None
    assert set(shown.extensions) == {"STARTTLS", "SIZE"}
    assert shown.mechanisms == {"PLAIN"}


def filled(kind: Any) -> Any:
    """A value of a type, with PASSWORD wherever there is text."""
    origin, inside = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return filled(next(each for each in inside if each is not NoneType))
    if origin is Literal:
        return inside[-1]
    if origin is tuple:
        return (filled(inside[0]),)
    if origin in (Mapping, frozenset):
        return {"X": PASSWORD} if origin is Mapping else frozenset({PASSWORD})
    if isinstance(kind, type) and issubclass(kind, Enum):
        return next(iter(kind))
    if isinstance(kind, type) and is_dataclass(kind):
        hints = get_type_hints(kind)
        return kind(**{each.name: filled(hints[each.name]) for each in fields(kind) if each.init})
    return PASSWORD if kind is str else kind()


def test_no_field_of_a_result_is_left_out() -> None:
    """A field that is added some day is searched, or stands among OURS."""
    hints = get_type_hints(Result)
    seen = {name: filled(hint) for name, hint in hints.items() if name not in OURS | {"stages"}}
    result = replace(healthy(), **seen)
    assert repr(result).count(PASSWORD) > 20
    shown = Redactor().including(PASSWORD).result(result)
    assert [name for name in seen if PASSWORD in repr(getattr(shown, name))] == ["session", "verdict"]
    assert shown.verdict is not None
    leaf = shown.verdict.certificate
    assert [each.name for each in fields(leaf) if PASSWORD in repr(getattr(leaf, each.name))] == [
        "fingerprint_sha256",
        "key",
    ]


def test_what_holds_no_secret_stays_the_same_object() -> None:
    result = healthy()
    assert Redactor().including(PASSWORD).result(result) is result


# --- a server that was told the password -----------------------------------------------------------------------

WORD = "zebra-horse-staple-9"
SAID = [WORD, WORD.upper(), WORD[::-1], WORD.encode().hex(), b64encode(b"\0u" + WORD.encode()).decode()]


def tattling(zoo: "Zoo", word: str) -> SmtpServer:
    """It repeats what it was told wherever it can."""
    offers = (f"250-mail {word}", f"250-{word[:32]}", f"250-X-TOLD {word}", f"250-AUTH PLAIN {word[:20]} CRAM-MD5")
    leaf = zoo.issue(Kind(subject=word, names=("mail.example.test", f"{word.replace('=', '')}.example.test")))
    return SmtpServer(
        leaf,
        auth=("PLAIN",),
        greeting=saying(f"220-mail.example.test {word}", f"220 {'x' * 185} {word}"),
        on={"EHLO": saying(*offers, "250 STARTTLS")},
        inside_tls={
            "EHLO": saying(*offers, "250 8BITMIME"),
            "AUTH": saying(f"535 {word}"),
            "QUIT": saying(f"221 {word}"),
        },
    )


@pytest.mark.parametrize("word", SAID, ids=["itself", "upper case", "reversed", "hexadecimal", "base64"])
async def test_what_a_server_repeats_is_nowhere_from_the_first_probe_on(
    word: str, serve: "Serve", probe: "Probe", zoo: "Zoo", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PASSWORD_ENV, WORD)
    server = await serve(tattling(zoo, word))
    settings = replace(LOGIN, tls=TlsSettings(str(zoo.ca_file)))
    for login in (True, False):
        result = await probe(server.port, settings)
        shown = repr(result) + surfaces(result)
        assert result.authenticated is False
        assert ("AUTH" in repr(server.conversations[-1].heard)) is login
        assert not parts(shown.lower(), word.lower())
        assert result.hello_tls is not None
        assert set(result.hello_tls.extensions) == {"X-TOLD", "AUTH", "8BITMIME"}
        assert result.hello_tls.mechanisms == {"PLAIN", "CRAM-MD5"}


async def test_what_is_told_before_a_login_is_possible_is_hidden_too(
    serve: "Serve", probe: "Probe", zoo: "Zoo", monkeypatch: pytest.MonkeyPatch
) -> None:
    """The agent may have been restarted: the server has known the password for long."""
    monkeypatch.setenv(PASSWORD_ENV, WORD)
    result = await probe((await serve(SmtpServer(greeting=saying(f"554 {WORD}")))).port, LOGIN)
    assert not parts(repr(result) + surfaces(result), WORD)
