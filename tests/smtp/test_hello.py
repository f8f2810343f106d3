import pytest

from exporter.model import Reply
from exporter.smtp import hello as module
from exporter.smtp.hello import MAX_KEYWORDS, MAX_LABEL, hello, label, offers_extensions


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


MANY = tuple(f"X{n}" for n in range(MAX_KEYWORDS))


def test_keeps_no_more_keywords_than_are_shown() -> None:
    found = hello("EHLO", offer(*(f"X{n}" for n in range(1000)), *(f"AUTH M{n}" for n in range(1000))))
    assert (len(found.extensions), len(found.mechanisms)) == (MAX_KEYWORDS + 1, MAX_KEYWORDS)


@pytest.mark.parametrize("keyword", ["STARTTLS", "SIZE", "AUTH", "DSN", "XXXXXXXA"])
@pytest.mark.parametrize("before", [0, 100], ids=["33rd", "133rd"])
def test_keeps_what_is_judged_wherever_it_is(keyword: str, before: int) -> None:
    found = hello("EHLO", offer(*MANY, *(f"Y{n}" for n in range(before)), keyword.lower()), ("DSN",))
    assert [*found.extensions] == [*MANY, keyword]


def test_a_masked_keyword_is_kept_once() -> None:
    found = hello("EHLO", offer(*MANY, *(f"{'X' * n}A" for n in range(4, 30))))
    assert [*found.extensions] == [*MANY, "XXXXA"]


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2", "OAUTHBEARER"])
def test_keeps_a_mechanism_that_is_judged_wherever_it_is(mechanism: str) -> None:
    names = " ".join(f"M{n}" for n in range(MAX_KEYWORDS))
    assert mechanism in hello("EHLO", offer(f"AUTH {names} {mechanism.lower()}")).mechanisms


SEVEN = tuple(f"{n}{'Y' * 31}" for n in range(7))  # 230 characters


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (("STARTTLS", "SIZE 1"), "SIZE STARTTLS"),
        ((*MANY, "STARTTLS"), " ".join(sorted(MANY))),
        ((*SEVEN, "8" * 25, "9"), " ".join((*SEVEN, "8" * 25))),
        ((*SEVEN, "8" * 26, "9"), " ".join(SEVEN)),
    ],
    ids=["sorted", "the first 32", "256 characters", "cut between keywords"],
)
def test_the_label_is_bounded(lines: tuple[str, ...], text: str) -> None:
    assert label(hello("EHLO", offer(*lines))) == text
    assert len(text) <= MAX_LABEL


@pytest.mark.parametrize(
    ("reply", "offers"),
    [
        (offer("SIZE 1000", "STARTTLS"), True),
        (offer("8bitmime"), True),
        (offer(), False),
        (offer("pleased to meet you"), False),
        (offer("HELP is at hand"), False),
        (Reply(250, ("STARTTLS",)), False),
        (Reply(550, ("5.7.0 no", "AUTH is needed")), False),
    ],
    ids=["ESMTP", "one keyword", "a name", "two friendly lines", "HELP", "a host of that name", "a refusal"],
)
def test_tells_a_reply_to_ehlo_from_one_to_helo(reply: Reply, offers: bool) -> None:
    assert offers_extensions(reply) is offers


@pytest.mark.parametrize("lines", [("X " + "y" * 5000,), ("X",) * 100], ids=["long", "many lines"])
def test_remembers_no_answer_that_is_out_of_all_proportion(lines: tuple[str, ...]) -> None:
    before = module._remembered.cache_info().currsize
    assert set(hello("EHLO", offer(*lines)).extensions) == {"X"}
    assert module._remembered.cache_info().currsize == before
