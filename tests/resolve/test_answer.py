"""What is kept of an answer; how it is read is tested with who asks (test_ask, test_plain)."""

import pytest

from exporter.resolve.answer import Mx, Record, Txt, weight


@pytest.mark.parametrize(
    ("record", "units"),
    [
        ("192.0.2.1", 1),
        (Mx(10, "mx.example.test"), 1),
        (Txt((b"v=STSv1; id=1",)), 1),
        (Txt((b"x" * 255,) * 256), 257),
        (bytes(35), 1),
        (bytes(65_000), 255),
    ],
    ids=["an address", "MX", "TXT", "64 KiB of TXT", "TLSA", "64 KiB of TLSA"],
)
def test_a_long_record_takes_the_room_of_many(record: Record, units: int) -> None:
    assert weight(record) == units
