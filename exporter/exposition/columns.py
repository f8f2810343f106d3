"""The same with gzip, of pieces that are packed once: a scrape packs anew what is not as it was at the one before.

A piece is what one family says of WIDTH endpoints or domains. Most of it changes seldom: of an endpoint's 28 families
4 say something else after each probe, and 2 more after each that fails. A gzip stream may be put together of pieces
where none refers to one before (RFC 1951 2, RFC 1952 2.3.1: one checksum over all).
"""

import zlib
from collections.abc import Iterator
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
ZEROS = bytes(1 << 20)


@dataclass(frozen=True, slots=True)
class Piece:
    """Some text as deflate blocks that stand for themselves, and what its checksum does to that of a whole."""

    data: bytes
    size: int
    shift: int

    @classmethod
    def of(cls, text: str) -> "Piece":
        """Pack some text."""
        plain, packer = text.encode("utf-8", "replace"), zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        data = packer.compress(plain) + packer.flush(zlib.Z_FULL_FLUSH)
        return cls(data, len(plain), _after_zeros(0, len(plain)) ^ zlib.crc32(plain))

    def checksum(self, before: int) -> int:
        """The CRC of what stands before and this piece, from that of what stands before.

        CRC is linear: that of two texts is that of the first followed by as many zeros as the second has octets, XOR
        that of the second (both but for the same constant).
        """
        return _after_zeros(before, self.size) ^ self.shift


PAUSE = Piece(b"", 0, 0)
"""Others may run."""


def _after_zeros(checksum: int, count: int) -> int:
    for _ in range(count // len(ZEROS)):
        checksum = zlib.crc32(ZEROS, checksum)
    return zlib.crc32(memoryview(ZEROS)[: count % len(ZEROS)], checksum)


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

    def gzip(self, board: Board, now: float, more: str, *, openmetrics: bool) -> Iterator[bytes]:
        """What `rows.render` says and then `more`, in pieces between which the caller may let others run.

        One at a time: it is to be done before the next one begins, or given up.
        """
        tables: list[Table] = []
        for _ in gather(board, now, tables):
            yield b""
        self._parts = {table.scope: self._parts.get(table.scope, []) for table in tables}
        more = of_egress(board, openmetrics=openmetrics) + more
        yield HEAD
        checksum = size = 0
        for piece in self._pieces(tables, more, openmetrics=openmetrics):
            checksum, size = piece.checksum(checksum), size + piece.size
            yield piece.data
        yield LAST_BLOCK + checksum.to_bytes(4, "little") + (size % (1 << 32)).to_bytes(4, "little")

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
