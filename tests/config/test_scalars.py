import pytest

from exporter.config.scalars import Scalar, Trap, describe, plain


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("false", False),
        ("", None),
        ("~", None),
        ("null", None),
        ("0", 0),
        ("25", 25),
        ("-1", -1),
        ("1.5", 1.5),
        ("mail.example.com", "mail.example.com"),
        ("30s", "30s"),
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("127.0.0.1:53", "127.0.0.1:53"),
        ("y", "y"),
        ("-", "-"),
        (".", "."),
        ("9front", "9front"),
    ],
)
def test_a_plain_scalar_is_what_yaml_1_2_says(text: str, value: Scalar) -> None:
    assert plain(text) == value
    assert type(plain(text)) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        *("no", "No", "NO", "yes", "on", "off", "True", "FALSE", "Null"),
        *("25:10", "1:2:3:4:5:6:7:8", "1:30.5", "-1:30"),
        *("025", "08", "0o17", "0x19", "0b11", "1_000", "+25"),
        *("2026-11-20", "2026-11-20 10:00:00", "2026-11-20T10:00:00Z"),
        *("1e3", ".5", "5.", "1.5e-3", ".inf", "-.Inf", ".NaN", "1" * 5000),
    ],
)
def test_what_yaml_versions_read_differently_is_a_trap(text: str) -> None:
    assert isinstance(plain(text), Trap)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "nothing"),
        (True, "the boolean true"),
        (25, "the number 25"),
        ("a\nb", r"'a\nb'"),
        ("x" * 100, f"'{'x' * 60}...'"),
        ([], "a list"),
        ({}, "a mapping"),
        (plain("25:10"), "the sexagesimal number 25:10"),
    ],
    ids=str,
)
def test_a_value_is_described_in_a_few_words(value: object, said: str) -> None:
    assert describe(value) == said
