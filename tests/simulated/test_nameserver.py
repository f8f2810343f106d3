"""A zone file, asked over UDP as any resolver would."""

import socket
from collections.abc import AsyncIterator

import dns.asyncquery
import dns.message
import dns.rcode
import pytest

from exporter.simulated.nameserver import Nameserver
from tests.patience import PATIENCE

ZONE = """
example.test.       60 MX    10 mx1.example.test.
example.test.       60 MX    20 mx2.example.test.
mx1.example.test.   60 A     127.0.0.1
mx1.example.test.   60 AAAA  ::1
www.example.test.   60 CNAME mx1.example.test.
lost.example.test.  60 CNAME nowhere.example.test.
a.loop.test.        60 CNAME b.loop.test.
b.loop.test.        60 CNAME a.loop.test.
"""


@pytest.fixture
async def nameserver() -> AsyncIterator[Nameserver]:
    async with Nameserver(ZONE) as server:
        yield server


@pytest.mark.parametrize(
    ("question", "code", "answer"),
    [
        ("example.test. MX", "NOERROR", ["10 mx1.example.test.", "20 mx2.example.test."]),
        ("MX1.Example.TEST. A", "NOERROR", ["127.0.0.1"]),
        ("mx1.example.test. AAAA", "NOERROR", ["::1"]),
        ("mx1.example.test. TXT", "NOERROR", []),
        ("www.example.test. A", "NOERROR", ["127.0.0.1", "mx1.example.test."]),
        ("www.example.test. CNAME", "NOERROR", ["mx1.example.test."]),
        ("lost.example.test. A", "NXDOMAIN", ["nowhere.example.test."]),
        ("a.loop.test. A", "NOERROR", ["a.loop.test.", "b.loop.test."]),
        ("nowhere.test. A", "NXDOMAIN", []),
        ("test. A", "NOERROR", []),
    ],
)
async def test_it_answers_from_its_zone(nameserver: Nameserver, question: str, code: str, answer: list[str]) -> None:
    name, kind = question.split()
    host, port = nameserver.address.split(":")
    response = await dns.asyncquery.udp(dns.message.make_query(name, kind), host, port=int(port), timeout=PATIENCE)
    assert dns.rcode.to_text(response.rcode()) == code
    assert sorted(each.to_text() for records in response.answer for each in records) == answer


async def test_it_says_how_long_there_is_nothing(nameserver: Nameserver) -> None:
    host, port = nameserver.address.split(":")
    response = await dns.asyncquery.udp(dns.message.make_query("no.test", "A"), host, port=int(port), timeout=PATIENCE)
    assert [records.rdtype.name for records in response.authority] == ["SOA"]


async def test_what_is_no_question_is_not_answered(nameserver: Nameserver) -> None:
    host, port = nameserver.address.split(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.sendto(b"?", (host, int(port)))
    response = await dns.asyncquery.udp(dns.message.make_query("test", "A"), host, port=int(port), timeout=PATIENCE)
    assert response.rcode() == dns.rcode.NOERROR
