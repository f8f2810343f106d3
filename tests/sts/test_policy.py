"""The text of a policy: what is good, what is not and why, and which hosts it lists."""

import contextlib
import time

import pytest

from exporter.model import Mode, Policy
from exporter.sts.policy import lists, parse
from exporter.sts.record import sts, tlsrpt

GOOD = "version: STSv1\nmode: enforce\nmx: mx1.example.test\nmx: *.example.net\nmax_age: 86400\n"
POLICY = Policy("enforce", frozenset({"mx1.example.test", "*.example.net"}), 86400)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(GOOD, id="LF"),
        pytest.param(GOOD.replace("\n", "\r\n"), id="CRLF"),
        pytest.param(GOOD.removesuffix("\n"), id="no end of line at the end"),
        pytest.param(GOOD.replace(": ", ":"), id="no space"),
        pytest.param(GOOD.replace("\n", " \t\n"), id="space at the end of lines"),
        pytest.param(GOOD + "\n\n", id="empty lines"),
        pytest.param(GOOD.replace("mode:", "\nmode:"), id="an empty line in the middle"),
        pytest.param("\n".join(reversed(GOOD.strip().split("\n"))), id="another order"),
        pytest.param(GOOD + "x-more.1: anything, \u00fc: ;\n", id="a field it does not know"),
        pytest.param(GOOD + "mode: none\nmax_age: 1\nversion: 2\n", id="of those that stand twice the first counts"),
        pytest.param(GOOD.replace("mx1.example", "MX1.Example"), id="upper case"),
    ],
)
def test_a_good_policy(body: str) -> None:
    assert parse(body.encode()) == POLICY


def test_one_in_mode_none_needs_no_hosts() -> None:
    assert parse(b"version: STSv1\nmode: none\nmax_age: 0") == Policy("none", frozenset(), 0)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        pytest.param(b"", "version: missing; STSv1 is asked for", id="empty"),
        pytest.param(b"<html>", "'<html>' is no line of a policy", id="HTML"),
        pytest.param(GOOD.encode("utf-16"), "it is not UTF-8 text", id="UTF-16"),
        pytest.param(GOOD.encode("utf-16-be"), r"'\x00v\x00e\x00r", id="UTF-16 without a mark"),
        pytest.param(b"\xef\xbb\xbf" + GOOD.encode(), r"'\ufeffversion: STSv1' is no line", id="byte order mark"),
        pytest.param(b"mode: \xff", "it is not UTF-8 text", id="Latin-1"),
        pytest.param(GOOD.replace("STSv1", "STSv2").encode(), "version: 'STSv2'; STSv1 is asked for", id="version"),
        pytest.param(GOOD.replace("version", "Version").encode(), "version: missing", id="field names have case"),
        pytest.param(GOOD.replace("enforce", "Enforce").encode(), "mode: 'Enforce'; enforce, testing", id="mode"),
        pytest.param(GOOD.replace("86400", "31557601").encode(), "max_age: '31557601'; 0 to 31557600", id="a year"),
        pytest.param(GOOD.replace("86400", "-1").encode(), "max_age: '-1'", id="negative"),
        pytest.param(GOOD.replace("86400", "1d").encode(), "max_age: '1d'", id="a unit"),
        pytest.param(GOOD.replace("86400", "\u0661").encode(), "max_age: '\u0661'", id="digits of other scripts"),
        pytest.param(GOOD.replace("mx: ", "x: ").encode(), "it has no mx", id="no mx"),
        pytest.param(
            GOOD.replace(".net", ".net.").replace(".test", ".test.").encode(),
            "mx: 'mx1.example.test.', '*.example.net.': no host name",
            id="no good mx",
        ),
        pytest.param(b"version: STSv1\nmode\x1b[31m", r"'mode\x1b[31m' is no line", id="hostile text"),
    ],
)
def test_what_is_no_policy_and_why(body: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=r"[a-z]") as raised:
        parse(body)
    assert str(raised.value).startswith(why)
    assert len(str(raised.value)) < 300


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param("*example.net", id="half a label"),
        pytest.param(".example.net", id="an old draft"),
        pytest.param("mx.example.net.", id="a dot at the end"),
        pytest.param("*.example.net.", id="a dot at the end of a wildcard"),
        pytest.param("mx.*.net", id="a star in the middle"),
        pytest.param("m\u00fc.test", id="no A-label"),
        pytest.param("a.test, b.test", id="a list"),
        pytest.param("mx.example.net:25", id="a port"),
        pytest.param("", id="nothing"),
    ],
)
@pytest.mark.parametrize("mode", ["enforce", "testing", "none"])
def test_an_invalid_pattern_is_named_and_the_others_hold(pattern: str, mode: Mode) -> None:
    body = f"version: STSv1\nmode: {mode}\nmx: mx1.example.test\nmx: {pattern}\nmx: mx2.example.test\nmax_age: 60\n"
    holds = frozenset({"mx1.example.test", "mx2.example.test"})
    assert parse(body.encode()) == Policy(mode, holds, 60, f"mx: {pattern!r}: no host name")


def test_of_many_invalid_patterns_some_are_named() -> None:
    body = GOOD + "".join(f"mx: {n:090}.\n" for n in range(500))
    assert parse(body.encode()).wrong.endswith(" and 497 more: no host name")
    assert len(parse(body.encode()).wrong) < 300


def test_the_text_of_a_problem_is_short_whatever_is_sent() -> None:
    with pytest.raises(ValueError, match=r"[a-z]") as raised:
        parse(b"x" * 65_000)
    assert len(str(raised.value)) < 300


@pytest.mark.parametrize(
    ("host", "listed"),
    [
        ("mx1.example.test", True),
        ("mx2.example.test", False),
        ("a.mx1.example.test", False),
        ("a.example.net", True),
        ("example.net", False),
        ("a.b.example.net", False),
        ("aexample.net", False),
    ],
)
def test_a_star_stands_for_one_label(host: str, listed: bool) -> None:
    assert lists(POLICY, host) is listed


LONG = 60_000
HOSTILE = {
    "blanks in a line": f"x: a{' ' * LONG}b",
    "blanks": " " * LONG,
    "a name of hyphens": f"mx: a{'-' * LONG}",
    "a name of dots": f"mx: {'a.' * (LONG // 2)}",
    "short lines": "x:\n" * (LONG // 3),
    "hosts": "".join(f"mx: m{n}.test\n" for n in range(LONG // 16)),
    "colons": ":" * LONG,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_what_is_made_to_take_long_takes_no_longer(text: str) -> None:
    """A hundredth of a second of CPU each; what backtracks takes minutes."""
    began = time.process_time()
    with contextlib.suppress(ValueError):
        parse(text.encode())
    sts([f"v=STSv1{text}"])
    sts([f"v=STSv1;{text}"])
    tlsrpt([f"v=TLSRPTv1;rua={text}"])
    tlsrpt([f"v=TLSRPTv1;rua=mailto:{text.replace(':', ',')}"])
    assert time.process_time() - began < 1
