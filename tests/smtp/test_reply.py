"""Replies, however their bytes are cut: whole, byte by byte, and with a tail."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.model import Reply
from exporter.smtp.reply import MAX_REPLY, MalformedReplyError, ReplyParser, ReplyTooLongError

GOOD: dict[str, tuple[bytes, Reply]] = {
    "one line": (b"220 mail.example.test ESMTP\r\n", Reply(220, ("mail.example.test ESMTP",))),
    "three lines": (b"250-a\r\n250-SIZE 1\r\n250 STARTTLS\r\n", Reply(250, ("a", "SIZE 1", "STARTTLS"))),
    "bare LF": (b"250-a\n250 b\n", Reply(250, ("a", "b"))),
    "two CR": (b"250 a\r\r\n", Reply(250, ("a",))),
    "empty lines before and between": (b"\r\n\n250-a\r\n\r\n250 b\r\n", Reply(250, ("a", "b"))),
    "no text": (b"250\r\n", Reply(250, ("",))),
    "no text in the last line": (b"250-a\r\n250\r\n", Reply(250, ("a", ""))),
    "a space and no text": (b"250 \r\n", Reply(250, ("",))),
    "spaces kept as they are": (b"250-  a \r\n250 b  \r\n", Reply(250, ("  a ", "b  "))),
    "UTF-8": ("220 Köln\r\n".encode(), Reply(220, ("Köln",))),
    "8-bit that is no UTF-8": (b"220 K\xf6ln\r\n", Reply(220, ("K\ufffdln",))),
    "control characters": (b"220 \x00\x1b[31m\r\n", Reply(220, ("\x00\x1b[31m",))),
    "a temporary failure": (b"421 4.3.2 busy\r\n", Reply(421, ("4.3.2 busy",))),
    "just not too long": (b"250 " + b"x" * (MAX_REPLY - 6) + b"\r\n", Reply(250, ("x" * (MAX_REPLY - 6),))),
}
GOOD_ROWS = pytest.mark.parametrize(("data", "reply"), GOOD.values(), ids=[*GOOD])


def feed(parser: ReplyParser, data: bytes, size: int) -> None:
    """Feed it in pieces of this size."""
    for at in range(0, len(data), size):
        parser.feed(data[at : at + size])


@GOOD_ROWS
def test_whole(data: bytes, reply: Reply) -> None:
    parser = ReplyParser()
    assert (parser.feed(data), parser.pending) == (reply, b"")


@GOOD_ROWS
def test_byte_by_byte(data: bytes, reply: Reply) -> None:
    parser = ReplyParser()
    heard = [parser.feed(data[at : at + 1]) for at in range(len(data))]
    assert (heard[:-1], heard[-1]) == ([None] * (len(data) - 1), reply)


@GOOD_ROWS
def test_with_a_tail_that_is_kept(data: bytes, reply: Reply) -> None:
    parser = ReplyParser()
    assert parser.feed(data + b"250-more") == reply
    assert parser.pending == b"250-more"
    assert parser.feed(b"\r\n250 \r\n") == Reply(250, ("more", ""))


BAD: dict[str, bytes] = {
    "mixed codes": b"250-a\r\n251 b\r\n",
    "no code": b"hello\r\n",
    "a code of two digits": b"25 a\r\n",
    "a code of four digits": b"2500 a\r\n",
    "a code below 200": b"100 a\r\n",
    "a code above 599": b"600 a\r\n",
    "another separator": b"250_a\r\n",
    "a tab for a separator": b"250\ta\r\n",
    "a space before the code": b" 250 a\r\n",
    "HTTP": b"HTTP/1.1 400 Bad Request\r\n",
    "SSH": b"SSH-2.0-OpenSSH_9.2p1\r\n",
    "a second line without a code": b"250-a\r\nb\r\n",
    "digits of other scripts": "\uff12\uff15\uff10 a\r\n".encode(),
}
BAD_ROWS = pytest.mark.parametrize("data", BAD.values(), ids=[*BAD])


@BAD_ROWS
def test_malformed_whole(data: bytes) -> None:
    with pytest.raises(MalformedReplyError):
        ReplyParser().feed(data)


@BAD_ROWS
def test_malformed_byte_by_byte(data: bytes) -> None:
    with pytest.raises(MalformedReplyError):
        feed(ReplyParser(), data, 1)


@pytest.mark.parametrize("record", [b"\x15\x03\x03\x00\x02\x02\x28", b"\x16\x03\x01"], ids=["alert", "handshake"])
def test_a_tls_record_is_recognised_at_its_first_byte(record: bytes) -> None:
    with pytest.raises(MalformedReplyError) as caught:
        ReplyParser().feed(record[:1])
    assert caught.value.raw == record[:1]


def test_mixed_codes_are_told_with_both() -> None:
    with pytest.raises(MalformedReplyError, match="250- and then 554 no"):
        ReplyParser().feed(b"250-a\r\n554 no\r\n")


@pytest.mark.parametrize(
    "data",
    [
        b"250 " + b"x" * (MAX_REPLY - 5) + b"\r\n",
        b"250-ab\r\n" * (MAX_REPLY // 8) + b"250 c\r\n",
        b"\r\n" * MAX_REPLY,
    ],
    ids=["a line", "many lines", "empty lines"],
)
@pytest.mark.parametrize("size", [1 << 20, 16384, 1000])
def test_more_than_64_kib_is_too_long(data: bytes, size: int) -> None:
    with pytest.raises(ReplyTooLongError):
        feed(ReplyParser(), data, size)


def test_a_line_without_an_end_takes_no_more_memory_than_the_bound() -> None:
    parser = ReplyParser()
    with pytest.raises(ReplyTooLongError):
        feed(parser, b"220 " + b"x" * 1_000_000, 1000)
    assert len(parser.pending) <= MAX_REPLY + 1000


def test_clear_forgets_what_is_pending() -> None:
    parser = ReplyParser()
    parser.feed(b"220 ready\r\n250-injec")
    parser.clear()
    assert (parser.pending, parser.feed(b"250 ok\r\n")) == (b"", Reply(250, ("ok",)))


def outcome(pieces: list[bytes]) -> list[Reply | str]:
    """All replies in what comes in these pieces, and the error that ended it."""
    parser, heard = ReplyParser(), list[Reply | str]()
    try:
        for piece in pieces:
            reply = parser.feed(piece)
            while reply:
                heard.append(reply)
                reply = parser.feed(b"")
    except (MalformedReplyError, ReplyTooLongError):
        heard.append("error")
    return heard


LIKELY = st.lists(
    st.sampled_from(
        [b"250", b"220", b"554", b"-", b" ", b"\r", b"\n", b"\r\n", b"x", b"STARTTLS", b"\x16\x03", b"\xff"]
    ),
    max_size=40,
).map(b"".join)


@given(data=st.one_of(st.binary(max_size=300), LIKELY), cuts=st.lists(st.integers(0, 300), max_size=20))
def test_the_same_is_heard_wherever_the_bytes_are_cut(data: bytes, cuts: list[int]) -> None:
    at = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    assert outcome([data[start:end] for start, end in pairwise(at)]) == outcome([data])
