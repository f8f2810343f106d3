from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.trust.der import NOTHING, element, elements, first, oid
from exporter.trust.fields import Fields


@pytest.mark.parametrize(
    ("dotted", "content"),
    [("2.5.29.17", "551d11"), ("1.2.840.113549.1.1.11", "2a864886f70d01010b"), ("2.999.0", "883700")],
)
def test_an_identifier_is_written_as_x690_says(dotted: str, content: str) -> None:
    assert oid(dotted).hex() == content


@pytest.mark.parametrize("size", [0, 1, 127, 128, 255, 256, 65536])
def test_what_is_written_is_read(size: int) -> None:
    written = element(4, bytes(size))
    assert first(written) == (4, bytes(size), written)
    assert [each.content for each in elements(written + written)] == [bytes(size)] * 2


@pytest.mark.parametrize(
    ("ber", "contents"),
    [
        pytest.param("0401ff 0401", ["ff"], id="cut short"),
        pytest.param("048101ff", ["ff"], id="a long length"),
        pytest.param("3080 0401ff 0000 0401aa", ["0401ff", "aa"], id="an indefinite length"),
        pytest.param("3080 3080 0401ff 0000 0000", ["30800401ff0000"], id="one within the other"),
        pytest.param("3080 0401ff", [], id="one without an end"),
        pytest.param("1f8101 01ff", [], id="a high tag number"),
        pytest.param("0489ffffffffffffffffff", [], id="a length beyond memory"),
        pytest.param("3080" * 9 + "0000" * 9, [], id="nested too deeply"),
        pytest.param("", [], id="nothing"),
    ],
)
def test_it_is_read_as_openssl_reads_it_up_to_what_is_broken(ber: str, contents: list[str]) -> None:
    assert [each.content.hex() for each in elements(bytes.fromhex(ber))] == contents


def everything(fields: Fields) -> Iterator[object]:
    yield from (fields.dates, list(fields.alternatives(100)), fields.slow_key, fields.hash_of_pss, fields.purposes)
    yield from (fields.names_its_issuer, fields.lacks_tls_usage, fields.key_algorithm)


@given(st.binary(max_size=400))
def test_no_octets_raise(octets: bytes) -> None:
    assert b"".join(each.whole for each in elements(octets)) == octets[: sum(len(e.whole) for e in elements(octets))]
    for wrapped in (
        octets,
        element(0x30, element(0x30, octets)),
        element(0x30, element(0x30, element(0x30, octets) * 9)),
    ):
        assert list(everything(Fields.of(wrapped)))


def test_nothing_is_an_element_of_nothing() -> None:
    assert first(b"") == NOTHING
    assert Fields.of(b"").key == b""
