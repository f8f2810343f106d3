"""What a server's handshake tells in clear, and where its records end, however the bytes are cut or forged."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.wire.handshake import RecordBoundary, ServerFlight

DHE, ECDHE, TLS_1_3 = b"\x00\x9e", b"\xc0\x2f", b"\x13\x01"
RENEGOTIATION_INFO = b"\xff\x01\x00\x01\x00"
SESSION_TICKET = b"\x00\x23\x00\x00"


def message(kind: int, body: bytes = b"") -> bytes:
    """One handshake message (RFC 5246 7.4)."""
    return bytes([kind]) + len(body).to_bytes(3) + body


def records(data: bytes, size: int = 0x4000, kind: int = 22) -> bytes:
    """These bytes in records of this size (RFC 5246 6.2.1)."""
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    return b"".join(bytes([kind]) + b"\x03\x03" + len(piece).to_bytes(2) + piece for piece in pieces)


def server_hello(
    suite: bytes = DHE, extensions: bytes = b"", version: bytes = b"\x03\x03", session: bytes = b""
) -> bytes:
    """A ServerHello (RFC 5246 7.4.1.3)."""
    tail = len(extensions).to_bytes(2) + extensions if extensions else b""
    return message(2, version + b"r" * 32 + bytes([len(session)]) + session + suite + b"\x00" + tail)


def dhe_exchange(dh_p: bytes, hash_: int = 4) -> bytes:
    """A ServerKeyExchange with DHE: dh_p, dh_g, dh_Ys, and a signature with this HashAlgorithm."""
    params = len(dh_p).to_bytes(2) + dh_p + b"\x00\x01\x02" + b"\x00\x03pub"
    return message(12, params + bytes([hash_, 1]) + b"\x00\x09signature")


def ecdhe_exchange(hash_: int = 4) -> bytes:
    """A ServerKeyExchange with ECDHE: the curve, the point, and a signature with this HashAlgorithm."""
    return message(12, b"\x03\x00\x1d\x20" + b"p" * 32 + bytes([hash_, 1]) + b"\x00\x09signature")


def read(*pieces: bytes) -> ServerFlight:
    flight = ServerFlight()
    for piece in pieces:
        flight.feed(piece)
    return flight


PRIME = b"\xff" * 128
CHAIN = message(11, b"c" * 60_000)
DONE = message(14)
OLD = server_hello() + CHAIN + dhe_exchange(PRIME) + DONE


@pytest.mark.parametrize(
    ("raw", "bits"),
    [
        pytest.param(records(OLD), 1024, id="after a chain of 60 kB"),
        pytest.param(records(OLD, 1), 1024, id="one byte in each record"),
        pytest.param(records(OLD, 1000), 1024, id="messages cut by records"),
        pytest.param(records(dhe_exchange(b"\0\0" + PRIME)), 1024, id="leading zeros count for nothing"),
        pytest.param(records(dhe_exchange(b"\x7f" + PRIME[1:])), 1023, id="a bit less"),
        pytest.param(records(message(0) + dhe_exchange(PRIME)), 1024, id="after an empty message"),
        pytest.param(records(b"\x01\x70", kind=21) + records(OLD), 1024, id="after a warning"),
        pytest.param(records(b"\x01", kind=20) + records(OLD), 1024, id="after a ChangeCipherSpec out of turn"),
        pytest.param(records(dhe_exchange(PRIME) + dhe_exchange(b"\xff")), 1024, id="the first of two"),
        pytest.param(records(server_hello() + CHAIN), None, id="no such message"),
        pytest.param(records(dhe_exchange(PRIME))[:100], None, id="cut in dh_p"),
        pytest.param(records(dhe_exchange(PRIME))[:10], None, id="cut in the length of dh_p"),
        pytest.param(records(message(12, b"\x00\x80\xff")), None, id="dh_p is longer than its message"),
        pytest.param(records(DONE + dhe_exchange(PRIME)), None, id="after the ServerHelloDone"),
        pytest.param(records(server_hello(TLS_1_3) + dhe_exchange(PRIME)), None, id="TLS 1.3"),
        pytest.param(records(OLD, kind=23), None, id="enciphered"),
        pytest.param(b"", None, id="nothing"),
    ],
)
def test_a_group_is_found_in_the_bytes_of_a_handshake(raw: bytes, bits: int | None) -> None:
    assert read(raw).dh_bits == bits


@pytest.mark.parametrize(
    ("hello", "known"),
    [
        pytest.param(server_hello(extensions=SESSION_TICKET + RENEGOTIATION_INFO), True, id="among others"),
        pytest.param(server_hello(extensions=RENEGOTIATION_INFO, session=b"s" * 32), True, id="after a session id"),
        pytest.param(server_hello(extensions=SESSION_TICKET), False, id="not among others"),
        pytest.param(server_hello(), False, id="no extensions"),
        pytest.param(message(2, b"\x03\x03"), False, id="a ServerHello that is cut short"),
        pytest.param(server_hello(TLS_1_3), None, id="TLS 1.3 needs none"),
        pytest.param(b"", None, id="no ServerHello"),
    ],
)
def test_whether_the_server_knows_secure_renegotiation(hello: bytes, known: bool | None) -> None:
    assert read(records(hello)).secure_renegotiation is known


@pytest.mark.parametrize(
    ("flight", "dhe", "sha1"),
    [
        pytest.param(server_hello(DHE) + dhe_exchange(PRIME, 2), True, True, id="DHE, SHA-1"),
        pytest.param(server_hello(DHE) + dhe_exchange(PRIME, 4), True, False, id="DHE, SHA-256"),
        pytest.param(server_hello(ECDHE) + ecdhe_exchange(2), False, True, id="ECDHE, SHA-1"),
        pytest.param(server_hello(ECDHE) + ecdhe_exchange(4), False, False, id="ECDHE, SHA-256"),
        pytest.param(server_hello(version=b"\x03\x02") + dhe_exchange(PRIME, 2), True, False, id="TLS 1.1 has no hash"),
        pytest.param(server_hello(DHE) + message(12, b"\xff"), True, False, id="cut short"),
        pytest.param(server_hello(ECDHE) + message(12, b"\x03"), False, False, id="cut short, ECDHE"),
        pytest.param(server_hello(ECDHE), False, False, id="no ServerKeyExchange"),
    ],
)
def test_whether_the_key_exchange_is_signed_with_sha1(flight: bytes, dhe: bool, sha1: bool) -> None:
    assert read(records(flight)).signed_with_sha1(dhe=dhe) is sha1


@pytest.mark.parametrize(
    ("flight", "requested"),
    [
        pytest.param(server_hello() + CHAIN + message(13, b"\x01\x01") + DONE, True, id="after a long chain"),
        pytest.param(server_hello() + CHAIN + DONE, False, id="not requested"),
    ],
)
def test_whether_a_certificate_is_requested(flight: bytes, requested: bool) -> None:
    assert read(records(flight)).certificate_requested is requested


@pytest.mark.parametrize("end", [DONE, server_hello(TLS_1_3), message(12)[:1] + (200_000).to_bytes(3)])
def test_reading_ends_where_nothing_more_comes_in_clear(end: bytes) -> None:
    assert read(records(end)).over


PIECES = st.binary(max_size=40) | st.sampled_from(
    (b"\x16\x03\x03", b"\x0c\x00\x00", b"\xff\xff", b"\0" * 5, PRIME, server_hello(), ecdhe_exchange(2))
)


@settings(deadline=None, derandomize=True)  # a busy machine fails no test
@given(st.lists(PIECES, max_size=30).map(b"".join), st.booleans(), st.integers(1, 400))
def test_hostile_bytes_are_read_without_an_exception(data: bytes, framed: bool, size: int) -> None:
    raw = records(data, size) if framed else data
    flight = read(raw)
    assert 0 <= (flight.dh_bits or 0) <= 8 * len(raw)
    assert flight.secure_renegotiation in (None, True, False)
    assert flight.signed_with_sha1(dhe=framed) in (True, False)


@settings(deadline=None, derandomize=True)  # a busy machine fails no test
@given(st.binary(min_size=1, max_size=300), st.integers(1, 400), st.integers(0, 600))
def test_however_a_group_is_cut_it_is_told_right_or_not_at_all(dh_p: bytes, size: int, cut: int) -> None:
    whole = records(dhe_exchange(dh_p), size)
    assert read(whole[:cut], whole[cut:]).dh_bits == int.from_bytes(dh_p).bit_length()
    assert read(whole[:cut]).dh_bits in (None, int.from_bytes(dh_p).bit_length())


@settings(deadline=None, derandomize=True)  # a busy machine fails no test
@given(st.lists(st.binary(max_size=50), min_size=1, max_size=5), st.lists(st.integers(0, 200), max_size=6))
def test_where_a_record_ends_is_known_however_records_are_cut(bodies: list[bytes], cuts: list[int]) -> None:
    whole = b"".join(b"\x17\x03\x03" + len(body).to_bytes(2) + body for body in bodies)
    ends = {sum(5 + len(body) for body in bodies[:count]) for count in range(len(bodies) + 1)}
    boundary, at = RecordBoundary(), 0
    for cut in sorted({min(cut, len(whole)) for cut in cuts} | {len(whole)}):
        boundary.feed(whole[at:cut])
        at = cut
        assert boundary.complete == (at in ends)
