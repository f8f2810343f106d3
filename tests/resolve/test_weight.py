"""DNS messages that would hold the event loop are known before they are read; honest ones pass, however long."""

import struct

import dns.message
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.resolve.weight import too_heavy

QUESTION = dns.message.make_query("x.example.", "MX", id=1).to_wire()
ASKED = b"\xc0\x0c"
DEEP = b"\x01a" * 110
NOBODY = b"\0"


def message(*records: bytes, section: int = 0) -> bytes:
    counts = [0, 0, 0]
    counts[section] = len(records)
    return QUESTION[:2] + struct.pack("!HHHHH", 0x8180, 1, *counts) + QUESTION[12:] + b"".join(records)


def record(rdtype: int, data: bytes, owner: bytes = ASKED) -> bytes:
    return owner + struct.pack("!HHIH", rdtype, 1, 60, len(data)) + data


def mx(number: int, exchange: bytes) -> bytes:
    return record(15, struct.pack("!H", number) + exchange)


AT = len(message()) + 14  # where the exchange of the first record stands
TO_DEEP = struct.pack("!H", 0xC000 + AT)
HOPS = record(16, NOBODY + b"".join(struct.pack("!H", 0xC000 + AT - 1 + 2 * n) for n in range(120)))
"""In a text: a chain of pointers, each to the one before."""


@pytest.mark.parametrize(
    "heard",
    [
        pytest.param(message(mx(0, DEEP + ASKED), *(mx(n, TO_DEEP) for n in range(1, 60))), id="one-datagram"),
        pytest.param(message(mx(0, DEEP + ASKED), *(mx(n, TO_DEEP) for n in range(1, 3900))), id="64-KiB"),
        pytest.param(message(mx(0, DEEP + ASKED), *(record(1, bytes(4), TO_DEEP) for _ in range(200))), id="owners"),
        pytest.param(message(mx(0, DEEP + ASKED), *[mx(1, b"\xff\xff"), mx(2, TO_DEEP)] * 200), id="among-broken-ones"),
        pytest.param(message(HOPS, *(mx(n, struct.pack("!H", 0xC000 + AT + 237)) for n in range(100))), id="pointers"),
        pytest.param(message(mx(0, struct.pack("!H", 0xC000 + AT)), mx(1, NOBODY + bytes(300))), id="circle"),
        pytest.param(message(*(record(17, ASKED * 2) for _ in range(20)), section=2), id="names-in-other-types"),
        pytest.param(
            QUESTION[:4] + struct.pack("!HHHH", 600, 0, 0, 0) + DEEP + NOBODY + 599 * (b"\xc0\x0c" + bytes(4)),
            id="questions",
        ),
    ],
)
def test_what_would_take_long_is_known_at_once(heard: bytes) -> None:
    assert too_heavy(heard)


def honest(name: str, rdtype: str, *records: str) -> bytes:
    response = dns.message.make_response(dns.message.make_query(name, rdtype), recursion_available=True)
    response.answer.append(dns.rrset.from_text_list(name, 60, "IN", rdtype, records))
    return response.to_wire(max_size=65535)


@pytest.mark.parametrize(
    "heard",
    [
        pytest.param(message(), id="nothing"),
        pytest.param(b"", id="no-message"),
        pytest.param(
            message(mx(10, b"\x09subdomain" * 23 + ASKED), *(mx(n, TO_DEEP) for n in range(3))), id="long-names"
        ),
        pytest.param(
            honest("x.example.", "MX", *(f"{n} mx{n}.mail.of.x.example." for n in range(1000))), id="thousand-mx"
        ),
        pytest.param(honest("x.example.", "A", *(f"192.0.{n // 250}.{n % 250}" for n in range(4000))), id="addresses"),
        pytest.param(honest("_25._tcp.a.mx.example.", "TLSA", *(f"3 1 1 {n:064x}" for n in range(1000))), id="keys"),
        pytest.param(honest("_mta-sts.x.example.", "TXT", *['"v=STSv1; id=1"'] * 1000), id="texts"),
        pytest.param(
            message(*(record(rdtype, bytes(60)) for rdtype in (6, 43, 46, 47, 48, 50) * 2), section=1), id="dnssec"
        ),
        pytest.param(message(mx(1, b"\x3fa") * 30)[:-7], id="cut-off"),
    ],
)
def test_honest_and_harmless_ones_pass(heard: bytes) -> None:
    assert not too_heavy(heard)


@given(st.binary(min_size=300, max_size=600))
def test_no_octets_are_too_much_for_it(octets: bytes) -> None:
    too_heavy(octets)
    too_heavy(message(octets))
