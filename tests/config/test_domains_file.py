"""A domains file: what counts as a domain, what is skipped, and what is said of it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from exporter.config import Config
from exporter.config.errors import MAX_ERRORS

Read = Callable[[str], Config]
Errors = Callable[[str], list[str]]

CONFIGURATION = "targets: [{domains_file: d.txt, name: customers}]"


def domains(config: Config) -> list[str]:
    return [domain for target in config.targets for domain in target.domains]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"b.example:25", "d.txt:2:1: warning: not a host name: 'b.example:25': the port goes into `ports`"),
        (b"  *.example  # all", "d.txt:2:3: warning: not a host name: '*.example': wildcards are not possible: "
         "name each host"),
        (b"192.0.2.1", "d.txt:2:1: warning: '192.0.2.1' is an IP address and has no MX: write it as a `host`"),
        (b"caf\xe9.example", "d.txt:2:1: warning: not UTF-8 text"),
        (b"a\x00b.example", r"d.txt:2:1: warning: not a host name: 'a\x00b.example': it holds the character '\x00'"),
    ],
    ids=["port", "wildcard", "address", "Latin-1", "NUL"],
)  # fmt: skip
def test_a_line_that_is_no_domain_is_skipped_and_told(read: Read, line: bytes, said: str) -> None:
    Path("d.txt").write_bytes(b"a.example\n" + line + b"\nc.example\n")
    config = read(CONFIGURATION)
    assert domains(config) == ["a.example", "c.example"]
    assert [str(warning) for warning in config.warnings] == [f"{said}; the line is skipped"]
    assert config.skipped == {str(Path("d.txt").absolute()): 1}


@pytest.mark.parametrize(
    "data",
    [b"a.example\nb.example", b"a.example\r\nb.example\r\n", b"\xef\xbb\xbfa.example\nb.example\n",
     b"# M\xfcller\na.example # \xfc\nb.example\n"],
    ids=["no line end", "CRLF", "byte order mark", "comments in Latin-1"],
)  # fmt: skip
def test_files_of_all_editors_are_read(read: Read, data: bytes) -> None:
    Path("d.txt").write_bytes(data)
    config = read(CONFIGURATION)
    assert (domains(config), config.warnings) == (["a.example", "b.example"], ())
    assert list(config.skipped.values()) == [0]


def test_all_skipped_lines_are_counted_and_the_first_ones_told(read: Read) -> None:
    Path("d.txt").write_text("a b\n" * 3 * MAX_ERRORS)
    config = read(CONFIGURATION + "\nprobe_endpoint: {enabled: true}")
    assert (list(config.skipped.values()), len(config.warnings)) == ([3 * MAX_ERRORS], MAX_ERRORS)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (None, "cannot read d.txt: No such file or directory"),
        ("a.example\n".encode("utf-16"), "cannot read d.txt: UTF-16 text: save it as UTF-8"),
    ],
    ids=["missing", "UTF-16"],
)
def test_a_file_that_cannot_be_read_is_an_error_where_it_is_named(
    errors: Errors, data: bytes | None, said: str
) -> None:
    if data:
        Path("d.txt").write_bytes(data)
    assert errors(CONFIGURATION) == [f"c.yaml:1:26: targets[0].domains_file: {said}"]


def test_a_domain_that_is_there_twice_is_an_error(errors: Errors) -> None:
    Path("d.txt").write_text("a.example\n\nA.Example.\n")
    assert errors(CONFIGURATION) == [
        "d.txt:3:1: a.example is already given in this target, on line 1: remove one of them"
    ]
