import os
from pathlib import Path

import pytest

from exporter.resolve.files import Configuration, Followed, nameserver, parse_hosts, parse_resolv_conf


@pytest.mark.parametrize(
    ("text", "sockaddr"),
    [
        pytest.param("192.0.2.53", ("192.0.2.53", 53), id="IPv4"),
        pytest.param("192.0.2.53:5353", ("192.0.2.53", 5353), id="IPv4 with port"),
        pytest.param("2001:db8::53", ("2001:db8::53", 53, 0, 0), id="IPv6"),
        pytest.param("[2001:db8::53]", ("2001:db8::53", 53, 0, 0), id="IPv6 in brackets"),
        pytest.param("[2001:db8::53]:5353", ("2001:db8::53", 5353, 0, 0), id="IPv6 with port"),
    ],
)
def test_a_nameserver_is_an_address_or_address_and_port(text: str, sockaddr: tuple[object, ...]) -> None:
    assert nameserver(text).sockaddr == sockaddr
    assert nameserver(str(nameserver(text))) == nameserver(text)


@pytest.mark.parametrize(
    "text", ["", "ns.example.com", "192.0.2.53:0", "192.0.2.53:65536", "192.0.2.53:x", "[::1]53x", "1:2"]
)
def test_anything_else_is_no_nameserver_and_the_message_names_it(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no (port|IP address)") as caught:
        nameserver(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "configuration"),
    [
        pytest.param("search .", (["127.0.0.1"], ("",), 1), id="no nameserver is the local one"),
        pytest.param(
            "nameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver ::1\nnameserver 192.0.2.4\nsearch a.example",
            (["192.0.2.1", "192.0.2.2", "::1"], ("a.example",), 1),
            id="three nameservers at most",
        ),
        pytest.param(
            "domain a.example b.example\nsearch B.example. c.example",
            (["127.0.0.1"], ("b.example", "c.example"), 1),
            id="the last of search and domain holds",
        ),
        pytest.param("search x.example\ndomain a.example b", (["127.0.0.1"], ("a.example",), 1), id="one domain"),
        pytest.param("search a\noptions edns0 ndots:5", (["127.0.0.1"], ("a",), 5), id="ndots"),
        pytest.param("search a\noptions ndots:99", (["127.0.0.1"], ("a",), 15), id="ndots has a ceiling"),
        pytest.param(
            "# nameserver 192.0.2.9\n; x\nnameserver\nnameserver ns.example\noptions ndots:x\nsearch\nsearch a\n\0",
            (["127.0.0.1"], ("a",), 1),
            id="what cannot be understood is passed over",
        ),
    ],
)
def test_resolv_conf_is_read_as_glibc_reads_it(
    text: str, configuration: tuple[list[str], tuple[str, ...], int]
) -> None:
    servers, search, ndots = configuration
    assert parse_resolv_conf(text) == Configuration(tuple(map(nameserver, servers)), search, ndots)


def test_without_a_search_list_the_domain_of_the_machine_is_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "probe.example.net")
    assert parse_resolv_conf("").search == ("example.net",)


@pytest.mark.parametrize(
    ("host", "search", "ndots", "names"),
    [
        pytest.param("mail", ("a", "b"), 1, ("mail.a", "mail.b", "mail"), id="too few dots: searched first"),
        pytest.param("mail.x", ("a", "b"), 1, ("mail.x", "mail.x.a", "mail.x.b"), id="enough dots: as it stands first"),
        pytest.param("mail.ns", ("svc",), 5, ("mail.ns.svc", "mail.ns"), id="Kubernetes"),
        pytest.param("mail", ("",), 1, ("mail",), id="the root is no suffix"),
    ],
)
def test_the_search_list_gives_the_names_to_look_up(
    host: str, search: tuple[str, ...], ndots: int, names: tuple[str, ...]
) -> None:
    assert Configuration((), search, ndots).names(host) == names


def test_a_hosts_file_gives_all_addresses_of_all_names_and_bad_lines_are_passed_over() -> None:
    text = "192.0.2.1 Mail.example mail # old\n# 192.0.2.9 mail\n2001:DB8:0::1\tmail.example.\n\nnonsense mail\n"
    assert parse_hosts(text) == {"mail.example": ("192.0.2.1", "2001:db8::1"), "mail": ("192.0.2.1",)}


def test_a_followed_file_is_parsed_again_when_it_changed_and_tells_whether_that_means_something(
    tmp_path: Path,
) -> None:
    path = tmp_path / "file"
    followed = Followed(path, str.split)
    seen = [(followed.look(), followed.content)]
    for text in ("a b", "a  b", "c"):
        path.write_text(text)
        seen.append((followed.look(), followed.content))
    path.unlink()
    seen.append((followed.look(), followed.content))
    assert seen == [(False, []), (True, ["a", "b"]), (False, ["a", "b"]), (True, ["c"]), (True, [])]


def test_a_pipe_counts_as_empty(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "file")
    assert Followed(tmp_path / "file", str.split).content == []
