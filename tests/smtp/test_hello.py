import pytest

from exporter.model import Reply
from exporter.smtp import hello as module
from exporter.smtp.hello import MAX_KEYWORDS, hello


def offer(*lines: str) -> Reply:
    return Reply(250, ("mail.example.test", *lines))


@pytest.mark.parametrize(
    ("lines", "extensions"),
    [
        ((), {}),
        (("SIZE 1000", "STARTTLS"), {"SIZE": "1000", "STARTTLS": ""}),
        (("size 1000", "StartTLS"), {"SIZE": "1000", "STARTTLS": ""}),
        (("8BITMIME ", "DSN  ", "SIZE  7 "), {"8BITMIME": "", "DSN": "", "SIZE": "7"}),
        (("", "  ", "DSN"), {"DSN": ""}),
        (("X-EXPS GSSAPI", "XCLIENT NAME"), {"X-EXPS": "GSSAPI", "XCLIENT": "NAME"}),
        (('bad"keyword', "a" * 33, "ÜBEL", "\x1b[31m", "DSN"), {"DSN": ""}),
        (("LIMITS RCPTMAX=20",), {"LIMITS": "RCPTMAX=20"}),
    ],
    ids=["nothing", "usual", "any case", "spaces", "empty lines", "X keywords", "hostile keywords", "parameters"],
)
def test_reads_the_keywords(lines: tuple[str, ...], extensions: dict[str, str]) -> None:
    assert hello("EHLO", offer(*lines)).extensions == extensions


def test_the_first_line_is_a_name_and_no_keyword() -> None:
    assert hello("EHLO", Reply(250, ("STARTTLS",))).extensions == {}


def test_helo_announces_nothing() -> None:
    found = hello("HELO", offer("STARTTLS"))
    assert (found.verb, found.extensions, found.mechanisms) == ("HELO", {}, frozenset())


@pytest.mark.parametrize(
    ("lines", "mechanisms"),
    [
        (("AUTH PLAIN LOGIN",), {"PLAIN", "LOGIN"}),
        (("AUTH=PLAIN LOGIN",), {"PLAIN", "LOGIN"}),
        (("AUTH plain", "AUTH=cram-md5"), {"PLAIN", "CRAM-MD5"}),
        (("AUTH",), set()),
        (('AUTH PLAIN "><script> ' + "A" * 21,), {"PLAIN"}),
    ],
    ids=["usual", "old form", "both forms", "none", "hostile names"],
)
def test_reads_the_mechanisms_of_both_forms(lines: tuple[str, ...], mechanisms: set[str]) -> None:
    found = hello("EHLO", offer(*lines))
    assert (set(found.mechanisms), "AUTH" in found.extensions) == (mechanisms, True)


def test_keeps_no_more_keywords_than_the_contract_says() -> None:
    assert len(hello("EHLO", offer(*(f"X{n}" for n in range(1000)))).extensions) == MAX_KEYWORDS


@pytest.mark.parametrize("lines", [("X " + "y" * 5000,), ("X",) * 100], ids=["long", "many lines"])
def test_remembers_no_answer_that_is_out_of_all_proportion(lines: tuple[str, ...]) -> None:
    before = module._remembered.cache_info().currsize
    assert set(hello("EHLO", offer(*lines)).extensions) == {"X"}
    assert module._remembered.cache_info().currsize == before
