"""Bytes to replies, however they are cut (RFC 5321 4.2). Bounded, tolerant where real servers are sloppy, no I/O.

Tolerated: bare LF, empty lines, a code without text, trailing spaces, any bytes in the text. Not tolerated: a line
that does not begin with a reply code and a separator, different codes in one reply, more than 64 KiB.
"""

from functools import lru_cache
from typing import Self

from exporter.model import Reply

SHORT = 64
USUAL = 1024
"""Bytes of a reply that is worth remembering."""
MAX_REPLY = 64 * 1024
"""Bytes of one reply, line ends included. RFC 5321 4.5.3.1.5 asks for 512 a line and sets no bound on lines."""


class MalformedReplyError(Exception):
    """What came is not an SMTP reply, or not one to a command of ours. `raw` is the beginning of what came."""

    def __init__(self, raw: bytes, remark: str = "not an SMTP reply: ") -> None:
        self.raw = raw[:200]
        super().__init__(remark + text(self.raw))

    @classmethod
    def unsolicited(cls, raw: bytes) -> Self:
        """A reply that no command of ours asked for: from here on replies and commands are out of step."""
        return cls(raw, "the server sent an unsolicited reply: ")


class ReplyTooLongError(Exception):
    """More than MAX_REPLY bytes came without a complete reply."""


def text(raw: bytes) -> str:
    """Decode what a peer sent: UTF-8 (RFC 6531) where it is, a replacement character where it is not."""
    return raw.decode("utf-8", "replace")


_usual = lru_cache(maxsize=4096)(text)
"""Short lines are mostly the same: what is kept of ten thousand servers shares them."""


class ReplyParser:
    """Feed it bytes; it answers with a Reply as soon as one is complete, and keeps what came after it."""

    __slots__ = ("_buffer", "_code", "_lines", "_scanned", "_start")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._begin()

    def _begin(self) -> None:
        self._lines: list[str] = []
        self._code = 0
        self._start = self._scanned = 0

    @property
    def pending(self) -> bytes:
        """Bytes that came after the last complete reply, or an incomplete one."""
        return bytes(self._buffer)

    def clear(self) -> None:
        """Forget what is pending: RFC 3207 4.2 asks for it when TLS begins."""
        self._buffer.clear()
        self._begin()

    def feed(self, data: bytes) -> Reply | None:
        """Add bytes (possibly none); return the next reply once it is complete.

        Raises:
            MalformedReplyError: what came is no SMTP reply.
            ReplyTooLongError: it is longer than MAX_REPLY.
        """
        if not self._buffer and data.endswith(b"\n") and len(data) <= USUAL and (reply := _whole(data)):
            return reply
        return self._read(data)

    def _read(self, data: bytes) -> Reply | None:
        buffer = self._buffer
        buffer += data
        while (end := buffer.find(b"\n", self._scanned)) >= 0:
            line = bytes(buffer[self._start : end]).rstrip(b"\r")
            self._start = self._scanned = end + 1
            if end >= MAX_REPLY:
                raise ReplyTooLongError
            if line and self._last(line):
                reply = Reply(self._code, tuple(self._lines))
                del buffer[: self._start]
                self._begin()
                return reply
        self._scanned = len(buffer)
        if len(buffer) > MAX_REPLY:
            raise ReplyTooLongError
        self._look_ahead(bytes(buffer[self._start : self._start + 4]))
        return None

    def _last(self, line: bytes) -> bool:
        """Take in one line; True if it is the last one of the reply."""
        code, separator = line[:3], line[3:4]
        if not (_is_code(code) and len(code) == 3 and separator in (b"", b" ", b"-")):
            raise MalformedReplyError(line)
        if self._lines and int(code) != self._code:
            raise MalformedReplyError(line, f"not an SMTP reply: {self._code}- and then ")
        self._code = int(code)
        self._lines.append((_usual if len(line) <= SHORT else text)(line[4:]))
        return separator != b"-"

    def _look_ahead(self, first: bytes) -> None:
        """Do not wait for the end of a line that can no longer become a reply: a TLS record has none."""
        if first and not first.startswith(b"\r") and not _is_code(first[:3]):
            raise MalformedReplyError(bytes(self._buffer[self._start : self._start + 200]))


@lru_cache(maxsize=4096)
def _whole(data: bytes) -> Reply | None:
    """The reply that these bytes are, if they are just one. Servers say the same every minute: it is read once."""
    parser = ReplyParser()
    try:
        reply = parser._read(data)
    except MalformedReplyError:
        return None
    return None if parser.pending else reply


def _is_code(digits: bytes) -> bool:
    """Whether these up to three bytes begin a reply code: 2yz to 5yz (RFC 5321 4.2.1)."""
    return digits.isdigit() and b"2" <= digits[:1] <= b"5"
