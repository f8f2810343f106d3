"""Responses of nameservers: whatever their octets, they are read, passed over, or told to be unreadable."""

import dns.message
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.resolve.answer import read as said_by
from exporter.resolve.message import UnreadableError, response_to

TYPES = (dns.rdatatype.TLSA, dns.rdatatype.MX, dns.rdatatype.A)


def query(rdtype: dns.rdatatype.RdataType) -> dns.message.QueryMessage:
    return dns.message.make_query("_25._tcp.mail.example.", rdtype, use_edns=0, id=1)


def response(rdtype: dns.rdatatype.RdataType, *octets: bytes, owner: str = "_25._tcp.mail.example.") -> bytes:
    made = dns.message.make_response(query(rdtype), recursion_available=True)
    if octets:
        records = [dns.rdata.GenericRdata(dns.rdataclass.IN, rdtype, each) for each in octets]
        made.answer.append(dns.rrset.from_rdata_list(owner, 300, records))
    return made.to_wire()


def test_octets_of_tlsa_records_are_kept_as_they_came() -> None:
    octets = [b"", b"\3", b"\3\1\1", b"\3\1\1" + bytes(32), b"\2\0\0" + bytes(500)]
    read = response_to(query(dns.rdatatype.TLSA).to_wire(), response(dns.rdatatype.TLSA, *octets))
    assert read
    answer = said_by(read)
    assert (answer.said, answer.ttl) == ("ok", 300)
    assert (len(answer.records), set(answer.records)) == (len(octets), set(octets))


def test_records_of_another_name_are_none_of_ours() -> None:
    read = response_to(
        query(dns.rdatatype.TLSA).to_wire(), response(dns.rdatatype.TLSA, bytes(35), owner="other.example.")
    )
    assert read
    assert said_by(read).said == "nodata"


def test_of_another_question_there_is_no_response() -> None:
    assert response_to(query(dns.rdatatype.TLSA).to_wire(), response(dns.rdatatype.A, bytes(4))) is None


def test_a_broken_record_of_another_type_is_unreadable() -> None:
    with pytest.raises(UnreadableError):
        response_to(query(dns.rdatatype.A).to_wire(), response(dns.rdatatype.A, bytes(3)))


@given(st.data())
def test_no_octets_raise_anything_else(data: st.DataObject) -> None:
    rdtype = data.draw(st.sampled_from(TYPES))
    heard = bytearray(response(rdtype, *data.draw(st.lists(st.binary(max_size=50), max_size=4))))
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(2, len(heard) - 1))
        heard[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    try:
        read = response_to(query(rdtype).to_wire(), bytes(heard))
    except UnreadableError:
        return
    if read:
        said_by(read)
