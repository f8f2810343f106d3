"""What a hostile server may ask of our end of TLS: after the handshake, and in it."""

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from OpenSSL import SSL

from exporter.wire import Tls, TlsError
from exporter.wire.tls import MOST_HANDSHAKE_BYTES, MOST_MESSAGES
from tests.test_handshake import CHAIN, DHE, DONE, dhe_exchange, message, records, server_hello
from tests.tls13 import Sender, Server13

if TYPE_CHECKING:
    from exporter.simulated.certificates import Zoo


def established(zoo: "Zoo") -> tuple[Tls, Sender]:
    """Our end of a connection, and what encrypts for the other."""
    ours, server = Tls("mail.example.test"), Server13(zoo.good)
    while not ours.shake_hands():
        ours.feed(server.feed(ours.outgoing()))
    server.feed(ours.outgoing())
    assert server.sender
    return ours, server.sender


def heard(ours: Tls) -> bytes:
    return b"".join(iter(ours.read, None))


Flood = Callable[[Sender, int], bytes]
FLOODS: dict[str, Flood] = {
    "key updates": lambda sender, count: b"".join(sender.key_update() for _ in range(count)),
    "key updates, nothing requested": lambda sender, count: b"".join(
        sender.key_update(requested=False) for _ in range(count)
    ),
    "tickets, one in each record": lambda sender, count: b"".join(sender.tickets(1) for _ in range(count)),
}


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS)
@pytest.mark.parametrize("size", [1, 20, 1 << 16], ids=["byte by byte", "in pieces", "at once"])
def test_so_many_messages_after_the_handshake_are_read_and_no_more(zoo: "Zoo", flood: Flood, size: int) -> None:
    ours, sender = established(zoo)
    data = flood(sender, MOST_MESSAGES) + sender.data(b"250 ok\r\n")
    got = b""
    for at in range(0, len(data), size):
        ours.feed(data[at : at + size])
        got += heard(ours)
    assert got == b"250 ok\r\n"
    assert len(ours.outgoing()) <= MOST_MESSAGES * 32
    ours.feed(sender.key_update())
    with pytest.raises(TlsError, match=f"more than {MOST_MESSAGES} messages after the handshake"):
        heard(ours)


def test_messages_count_though_a_record_holds_many(zoo: "Zoo") -> None:
    ours, sender = established(zoo)
    ours.feed(sender.tickets(500) + sender.data(b"220 here\r\n"))
    with pytest.raises(TlsError, match="messages after the handshake"):
        heard(ours)


def test_messages_count_though_data_comes_in_between(zoo: "Zoo") -> None:
    ours, sender = established(zoo)
    ours.feed(b"".join(sender.key_update() + sender.data(b"2") for _ in range(MOST_MESSAGES + 1)))
    with pytest.raises(TlsError, match="messages after the handshake"):
        heard(ours)


@pytest.mark.parametrize("size", [1, 100, 4096, 4097, 16_000])
def test_data_is_read_whole_however_it_is_cut(zoo: "Zoo", size: int) -> None:
    ours, sender = established(zoo)
    content, got = bytes(range(256)) * 62, b""
    data = sender.data(content) + sender.tickets(2) + sender.data(b"and more")
    for at in range(0, len(data), size):
        ours.feed(data[at : at + size])
        got += heard(ours)
    assert got == content + b"and more"


def test_what_is_longer_than_a_record_is_written_whole(zoo: "Zoo") -> None:
    ours, _ = established(zoo)
    ours.write(b"x" * 100_000)
    sizes, data = list[int](), ours.outgoing()
    while data:
        size = int.from_bytes(data[3:5])
        sizes.append(size - 17)  # content type and tag (RFC 8446 5.2)
        data = data[5 + size :]
    assert sum(sizes) == 100_000


def test_a_server_that_would_renegotiate_is_refused(zoo: "Zoo") -> None:
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_max_proto_version(SSL.TLS1_2_VERSION)
    context.use_privatekey(zoo.good.key)
    context.use_certificate(zoo.good.certificate)
    ours, theirs = Tls("mail.example.test"), SSL.Connection(context)
    theirs.set_accept_state()

    def exchange() -> None:
        if said := ours.outgoing():
            theirs.bio_write(said)
        with contextlib.suppress(SSL.WantReadError):
            theirs.do_handshake()
        with contextlib.suppress(SSL.WantReadError):
            ours.feed(theirs.bio_read(1 << 16))

    while not ours.shake_hands():
        exchange()
    exchange()
    theirs.renegotiate()
    exchange()
    assert heard(ours) == b""
    assert ours.outgoing()[:3] == b"\x15\x03\x03"  # no_renegotiation, encrypted (RFC 5746 4.5)


def test_a_handshake_without_end_is_ended() -> None:
    ours = Tls("mail.example.test")
    ours.shake_hands()
    requests = records(message(0) * 4000)  # HelloRequest: a client that shakes hands ignores it (RFC 5246 7.4.1.1)
    ours.feed(requests * (MOST_HANDSHAKE_BYTES // len(requests)))
    with pytest.raises(TlsError, match="a handshake of more than 256 KiB"):
        ours.feed(requests)


# --- groups that take too long ------------------------------------------------------------------------------------


def prime(bits: int) -> bytes:
    """No prime, but of that size: nobody is to compute with it."""
    return (1 << bits - 1 | 1).to_bytes((bits + 7) // 8)


def feed_in_pieces(ours: Tls, raw: bytes) -> None:
    for at in range(0, len(raw), 1000):
        ours.feed(raw[at : at + 1000])


@pytest.mark.parametrize("chain", [message(11, b"c" * 900), CHAIN], ids=["a short chain", "a long chain"])
@pytest.mark.parametrize("size", [100, 16_000])
@pytest.mark.parametrize("bits", [4097, 8192, 10_000])
def test_a_group_that_takes_too_long_is_refused_before_it_is_used(chain: bytes, size: int, bits: int) -> None:
    ours = Tls("mail.example.test")
    ours.shake_hands()
    raw = records(server_hello(DHE) + chain + dhe_exchange(prime(bits)) + DONE, size)
    with pytest.raises(TlsError, match=f"a Diffie-Hellman group of {bits} bits"):
        feed_in_pieces(ours, raw)


def test_a_group_of_4096_bits_is_not_refused() -> None:
    ours = Tls("mail.example.test")
    ours.shake_hands()
    ours.feed(records(server_hello(DHE) + CHAIN + dhe_exchange(prime(4096)) + DONE))
