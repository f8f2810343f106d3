"""The same with gzip, of pieces that are packed once: a scrape packs anew what is not as it was at the one before.

A piece is what one family says of WIDTH endpoints or domains. Most of it changes seldom: of an endpoint's 30 families
4 say something else after each probe, and 2 more after each that fails. A gzip stream may be put together of pieces
where none refers to one before (RFC 1951 2, RFC 1952 2.3.1: one checksum over all). A client without gzip gets the same
pieces unpacked: however slowly it reads, what is kept for it is a list of pieces, most of which others share.
"""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import compress, count, zip_longest
from operator import ne

from exporter.board import Board
from exporter.exposition.lines import header
from exporter.exposition.rows import Row, Table, gather, of_egress
from exporter.families import DomainFamily, Family, Scope

LEVEL = 1
"""A third of the work of the usual 9."""
HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff"
"""gzip, deflate, no name, no time, quick, an unknown system (RFC 1952 2.3)."""
LAST_BLOCK = b"\x03\x00"
"""The last block of the stream, and empty."""
BLOCK = 64 * 1024
"""Octets that are handed on at once."""
POLYNOMIAL = 0xEDB88320
"""That of the CRC of gzip, with the bits reversed (RFC 1952 8)."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some text as deflate blocks that stand for themselves, with its size in octets and its CRC."""

    data: bytes
    size: int
    checksum: int

    @classmethod
    def of(cls, text: str) -> "Piece":
        """Pack some text."""
        plain, packer = text.encode("utf-8", "replace"), zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        data = packer.compress(plain) + packer.flush(zlib.Z_FULL_FLUSH)
        return cls(data, len(plain), zlib.crc32(plain))

    def unpack(self) -> Iterator[bytes]:
        """Unpack it, BLOCK octets at a time."""
        unpacker, rest, block = zlib.decompressobj(-zlib.MAX_WBITS), self.data, bytes(BLOCK)
        while len(block) == BLOCK:
            block = unpacker.decompress(rest, BLOCK)
            rest = unpacker.unconsumed_tail
            yield block


PAUSE = Piece(b"", 0, 0)
"""Others may run."""


def crc32_combine(before: int, piece: Piece) -> int:
    """The CRC of some text and then a piece, from that of the text.

    CRC is linear: that of two texts is that of the first, multiplied by x to the number of bits of the second, XOR that
    of the second; all modulo the polynomial. zlib's function of this name does so, too.
    """
    return _product(before, _power(piece.size)) ^ piece.checksum


def _product(one: int, other: int) -> int:
    """Multiply two polynomials over GF(2) modulo that of the CRC; the highest bit is the term 1."""
    product = 0
    for bit in range(31, -1, -1):
        if one >> bit & 1:
            product ^= other
        other = other >> 1 ^ (POLYNOMIAL if other & 1 else 0)
    return product


@lru_cache(maxsize=1 << 13)
def _power(octets: int) -> int:
    """Find x to the number of bits of so many octets, modulo the polynomial of the CRC."""
    power = 1 << 31
    for each in range(octets.bit_length()):
        if octets >> each & 1:
            power = _product(power, SQUARES[each])
    return power


SQUARES = [1 << 23]
"""x to the power of 8, 16, 32 and so on: for all sizes up to 2^48 octets."""
for _ in range(47):
    SQUARES.append(_product(SQUARES[-1], SQUARES[-1]))


@lru_cache(maxsize=256)
def _header(family: Family | DomainFamily, *, openmetrics: bool) -> Piece:
    return Piece.of(header(family, openmetrics=openmetrics))


class Part:
    """Some rows of a table, and the pieces that tell of them, by family; None: to be packed."""

    def __init__(self, families: int) -> None:
        self._rows: list[Row] = []
        self._pieces: list[Piece | None] = [None] * families

    def follow(self, rows: list[Row]) -> None:
        """Go by these rows; drop the pieces in which they say something else than those before."""
        for new, old in zip_longest(rows, self._rows):
            if new == old:
                continue
            if new is None or old is None or (new.labels, new.withdrawn) != (old.labels, old.withdrawn):
                self._pieces = [None] * len(self._pieces)
                break
            for index in compress(count(), map(ne, new.lines, old.lines)):
                self._pieces[index] = None
        self._rows = rows

    def piece(self, table: Table, index: int) -> Piece:
        """What one family says."""
        piece = self._pieces[index]
        if piece is None:
            piece = self._pieces[index] = Piece.of(table.column(index, self._rows))
        return piece


class Columns:
    """What was packed at the last scrape."""

    def __init__(self) -> None:
        self._parts: dict[Scope, list[Part]] = {}

    def pieces(self, board: Board, now: float, more: str, *, openmetrics: bool) -> Iterator[Piece]:
        """What `rows.render` says and then `more`. Some pieces are empty; after each the caller may let others run.

        One at a time: it is to be done before the next one begins, or given up.
        """
        tables: list[Table] = []
        for _ in gather(board, now, tables):
            yield PAUSE
        self._parts = {table.scope: self._parts.get(table.scope, []) for table in tables}
        more = of_egress(board, openmetrics=openmetrics) + more
        yield from self._pieces(tables, more, openmetrics=openmetrics)

    def _pieces(self, tables: list[Table], more: str, *, openmetrics: bool) -> Iterator[Piece]:
        for table in tables:
            parts, kept = list[Part](), iter(self._parts[table.scope])
            for rows in table.parts:
                parts.append(next(kept, None) or Part(len(table.families)))
                parts[-1].follow(rows)
                yield PAUSE
            self._parts[table.scope] = parts
            for index, family in enumerate(table.families):
                yield _header(family, openmetrics=openmetrics)
                yield from (part.piece(table, index) for part in parts)
        yield Piece.of(more)


def pack(pieces: Iterable[Piece]) -> Iterator[bytes]:
    """Make one gzip stream of pieces, about BLOCK octets at a time."""
    block, length = [HEAD], 0
    checksum = size = 0
    for piece in pieces:
        checksum, size = crc32_combine(checksum, piece), size + piece.size
        block.append(piece.data)
        length += len(piece.data)
        if length >= BLOCK:
            yield b"".join(block)
            block, length = [], 0
    yield b"".join((*block, LAST_BLOCK, checksum.to_bytes(4, "little"), (size % (1 << 32)).to_bytes(4, "little")))


def unpack(pieces: Iterable[Piece]) -> Iterator[bytes]:
    """Unpack pieces one after the other: their text is never there as a whole."""
    for piece in pieces:
        yield from piece.unpack()
