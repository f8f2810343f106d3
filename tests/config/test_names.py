import pytest

from exporter.config import names


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("Mail.Example.COM", "mail.example.com"),
        ("mail.example.com.", "mail.example.com"),
        ("localhost", "localhost"),
        ("_dmarc.example.com", "_dmarc.example.com"),
        ("faß.de", "xn--fa-hia.de"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("_x.bücher.example.", "_x.xn--bcher-kva.example"),
        ("bücher。example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("192.0.2.1", "192.0.2.1"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("a" * 63 + ".example", "a" * 63 + ".example"),
    ],
)
def test_a_host_has_one_form(text: str, host: str) -> None:
    assert names.host(text) == host


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("a" * 64 + ".example", "a label is over 63 characters long"),
        (".".join(["a" * 60] * 5), "over 253 characters long"),
        ("a" * 100_000, "over 253 characters long"),
        ("mail..example", "empty label"),
        (".", "it is empty"),
        ("mail.example:25", "the port goes into `ports`"),
        ("[::1]", "without brackets"),
        ("smtp://mail.example", "this is a URL"),
        ("*.example", "wildcards"),
        ("mail example", "a space"),
        ("a@example.com", "mail address"),
        ("010.1.1.1", "no IP address"),
        ("fe80::1%eth0", "zone"),
        ("a\0b", "it holds the character"),
        ("☃\u200b.example", "not a host name"),
    ],
    ids=lambda text: text[:20],
)
def test_what_is_no_host_name_is_told_why(text: str, hint: str) -> None:
    with pytest.raises(ValueError, match=hint.replace("*", ".")):
        names.host(text)


def test_a_domain_is_no_address() -> None:
    assert names.domain("Example.com.") == "example.com"
    with pytest.raises(ValueError, match="write it as a `host`"):
        names.domain("192.0.2.1")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Probe.example.net", "probe.example.net"),
        ("[192.0.2.1]", "[192.0.2.1]"),
        ("[IPv6:2001:DB8::1]", "[IPv6:2001:db8::1]"),
    ],
)
def test_an_ehlo_name_is_a_domain_or_an_address_literal(text: str, said: str) -> None:
    assert names.ehlo_name(text) == said


@pytest.mark.parametrize(
    "text", ["192.0.2.1", "[192.0.2.1", "[2001:db8::1]", "[IPv6:192.0.2.1]", "[]", "a b", "a\r\nRSET"]
)
def test_anything_else_is_no_ehlo_name(text: str) -> None:
    with pytest.raises(ValueError, match=r"literal|not a host name"):
        names.ehlo_name(text)


@pytest.mark.parametrize(
    ("text", "pair"),
    [("a.example:25", ("a.example", 25)), ("[::1]:465", ("::1", 465)), ("192.0.2.1:587", ("192.0.2.1", 587))],
)
def test_host_and_port_are_parted(text: str, pair: tuple[str, int]) -> None:
    assert names.host_and_port(text) == pair


@pytest.mark.parametrize(
    "text", ["a.example", "a.example:", "::1:25", "[a.example]:25", "a:0", "a:65536", "a:٢٥", ":25", ""]
)
def test_anything_else_is_no_host_and_port(text: str) -> None:
    with pytest.raises(ValueError, match=r"host:port|port is a number|brackets|not a host name"):
        names.host_and_port(text)


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("127.0.0.1:53", "127.0.0.1"),
        ("127.0.0.1:5353", "127.0.0.1:5353"),
        ("::1", "::1"),
        ("[::1]", "::1"),
        ("[::1]:5353", "[::1]:5353"),
    ],
)
def test_a_nameserver_is_an_address_and_perhaps_a_port(text: str, server: str) -> None:
    assert names.nameserver(text) == server


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        ("Mail.example.", "mail.example"),
        ("*.Example.com", "*.example.com"),
        ("192.0.2.0/24", "192.0.2.0/24"),
        ("192.0.2.1", "192.0.2.1/32"),
        ("2001:db8::/32", "2001:db8::/32"),
    ],
)
def test_an_allow_entry_is_a_name_a_suffix_or_a_network(text: str, entry: str) -> None:
    assert names.permitted(text) == entry


@pytest.mark.parametrize("text", ["*", "*.", "192.0.2.1/24", "192.0.2.0/33", "a.*.example", "http://a.example", ""])
def test_anything_else_is_no_allow_entry(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a host name|expected|network"):
        names.permitted(text)


def test_a_keyword_is_upper_case_and_alone() -> None:
    assert names.keyword("8bitmime") == "8BITMIME"
    with pytest.raises(ValueError, match="without parameters"):
        names.keyword("SIZE 100")
