"""DER read as leniently as OpenSSL reads it, and written (X.690). Nothing here knows what an element means.

Strict parsers refuse long and indefinite lengths, which OpenSSL takes. Reading never raises: it ends where an element
is broken. One of a high tag number is broken: certificates have none.
"""

from collections.abc import Iterator
from typing import NamedTuple

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, OBJECT_IDENTIFIER, SEQUENCE = 0x01, 0x02, 0x03, 0x04, 0x06, 0x30
MAX_NESTED = 8
"""Indefinite lengths inside one another that are followed."""
MAX_ELEMENTS = 64
"""Elements in a row that are read: where a certificate has a dozen, a hostile one has thirty thousand."""


class Element(NamedTuple):
    """One element; its parts are octets as they stand."""

    tag: int
    content: bytes
    whole: bytes


NOTHING = Element(0, b"", b"")
"""Stands for an element that is missing."""


def elements(der: bytes, most: int = MAX_ELEMENTS) -> Iterator[Element]:
    """The first elements in a row, up to one that is broken."""
    at = 0
    try:
        for _ in range(most):
            start, end, after = _extent(der, at, MAX_NESTED)
            yield Element(der[at], der[start:end], der[at:after])
            at = after
    except (IndexError, ValueError):
        return


def first(der: bytes) -> Element:
    """The first element, or NOTHING."""
    return next(elements(der), NOTHING)


def element(tag: int, *content: bytes) -> bytes:
    """Write an element."""
    whole = b"".join(content)
    size = len(whole).to_bytes((len(whole).bit_length() + 7) // 8, "big")
    return bytes((tag, len(whole)) if len(whole) < 0x80 else (tag, 0x80 | len(size), *size)) + whole


def oid(dotted: str) -> bytes:
    """The content of an OBJECT IDENTIFIER (X.690 8.19)."""
    top, second, *arcs = map(int, dotted.split("."))
    content = bytearray()
    for arc in (top * 40 + second, *arcs):
        groups = [arc >> shift & 0x7F for shift in range(0, max(arc.bit_length(), 1), 7)]
        content += bytes((*(group | 0x80 for group in groups[:0:-1]), groups[0]))
    return bytes(content)


def _extent(der: bytes, at: int, depth: int) -> tuple[int, int, int]:
    """Where the content of the element there begins and ends, and where the next element begins.

    Raises:
        IndexError, ValueError: there is no whole element.
    """
    length, start = der[at + 1], at + 2
    if der[at] & 0x1F == 0x1F or not depth:
        raise ValueError("a high tag number, or nested too deeply")
    if length < 0x80 and start + length <= len(der):
        return start, start + length, start + length
    if length == 0x80:  # indefinite: up to an end-of-contents
        end = start
        while der[end : end + 2] != b"\0\0":
            end = _extent(der, end, depth - 1)[2]
        return start, end, end + 2
    if length & 0x80:
        size = length & 0x7F
        length, start = int.from_bytes(der[start : start + size], "big"), start + size
    if start + length > len(der):
        raise ValueError("cut short")
    return start, start + length, start + length
