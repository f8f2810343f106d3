"""Plain answers: what is read quickly is what dnspython would have read, and what is not plain is left to it."""

import struct

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rrset
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exporter.resolve.answer import Mx, Txt, read
from exporter.resolve.message import FLAGS, UDP_PAYLOAD, Question, response_to
from exporter.resolve.plain import plain

NAME = "_mta-sts.d.example"
RECORDS = {
    "A": ["192.0.2.1", "192.0.2.2"],
    "AAAA": ["2001:db8::1"],
    "MX": ["10 mx1.x.", "20 MX2.D.example.", "20 mx2.d.example.", "0 .", "5 a\\.b.\\255x."],
    "TXT": ['"v=STSv1; id=1"', '"ab" "c"', '"a" "bc"', '""', '"\\255\\200"'],
    "CNAME": ["h.example."],
    "TLSA": ["3 1 1 " + "ab" * 32],
}
SOA = "ns.example. root.example. 1 2 3 4 30"


USUAL = st.from_regex(rb"[a-z0-9_-]{1,63}", fullmatch=True)


def query(question: Question) -> bytes:
    return b"\0\1" + question.query()[2:]


def response(
    rdtype: str,
    *lines: str,
    rcode: str = "NOERROR",
    soa: str = "",
    authority: str = "",
    flags: int = 0,
    edns: int | bool = 0,
    options: list[dns.edns.Option] | None = None,
    ttl: int = 60,
) -> bytes:
    """What a server may say: `lines` are records, or whole lines with an owner of their own."""
    asked = query(Question.of(NAME, rdtype))
    made = dns.message.make_response(dns.message.from_wire(asked), recursion_available=True)
    made.flags |= flags
    made.use_edns(edns, options=options)
    made.set_rcode(dns.rcode.from_text(rcode))
    for line in lines:
        owner, _, rest = line.partition(": ") if ": " in line else (f"{NAME}.", "", f"{rdtype} {line}")
        kind, data = rest.split(" ", 1)
        made.answer.append(dns.rrset.from_text(owner, ttl, "IN", kind, data))
    if soa:
        made.authority.append(dns.rrset.from_text(soa, 90, "IN", "SOA", SOA))
    if authority:
        made.authority.append(dns.rrset.from_text("d.example.", 90, "IN", "NS", authority))
    return made.to_wire(max_size=65535)


@pytest.mark.parametrize(
    ("rdtype", "heard", "expected"),
    [
        pytest.param("A", response("A", "192.0.2.1"), ("ok", ("192.0.2.1",), 60, False), id="address"),
        pytest.param("A", response("A", "192.0.2.1", flags=0x20), ("ok", ("192.0.2.1",), 60, True), id="authentic"),
        pytest.param(
            "MX", response("MX", *RECORDS["MX"][:3]), ("ok", (Mx(10, "mx1.x"), Mx(20, "mx2.d.example")), 60, False),
            id="exchanges, each once",
        ),
        pytest.param(
            "TXT", response("TXT", '"ab" "c"', '"a" "bc"', edns=False),
            ("ok", (Txt((b"ab", b"c")), Txt((b"a", b"bc"))), 60, False), id="texts that are cut differently",
        ),
        pytest.param("TXT", response("TXT"), ("nodata", (), 300, False), id="no record and no SOA"),
        pytest.param("TXT", response("TXT", soa="example."), ("nodata", (), 30, False), id="no record"),
        pytest.param("TLSA", response("TLSA", soa=".", flags=0x20), ("nodata", (), 30, True), id="no record, signed"),
        pytest.param("A", response("A", rcode="NXDOMAIN", soa="example."), ("nxdomain", (), 30, False), id="no name"),
    ],
)  # fmt: skip
def test_plain_answers_are_read_quickly(rdtype: str, heard: bytes, expected: tuple[object, ...]) -> None:
    question = Question.of(NAME, rdtype)
    answer = plain(question, query(question), heard)
    assert answer
    assert (answer.said, answer.records, answer.ttl, answer.authentic) == expected


LONE = response("A", "192.0.2.1", edns=False)


@pytest.mark.parametrize(
    ("rdtype", "heard"),
    [
        pytest.param("A", response("A", rcode="SERVFAIL"), id="failure"),
        pytest.param("A", response("A", rcode="BADVERS"), id="failure that EDNS tells"),
        pytest.param("A", response("A", "192.0.2.1", rcode="NXDOMAIN"), id="contradiction"),
        pytest.param("A", response("A", "192.0.2.1", flags=dns.flags.TC), id="truncated"),
        pytest.param("A", response("A", flags=0x1000), id="other opcode"),
        pytest.param("A", response("A", "_mta-sts.d.example.: CNAME h.x.", "h.x.: A 192.0.2.1"), id="alias"),
        pytest.param("A", response("A", "x.example.: A 192.0.2.1"), id="record of another name"),
        pytest.param("A", response("A", authority="ns.example."), id="referral"),
        pytest.param("A", response("A", "192.0.2.1", authority="ns.example."), id="records beside"),
        pytest.param("A", response("A", soa="other."), id="SOA of another zone"),
        pytest.param("TXT", response("TXT", options=[dns.edns.EDEOption(dns.edns.EDECode.STALE_ANSWER)]), id="options"),
        pytest.param("CNAME", response("CNAME", "h.example."), id="alias asked for"),
        pytest.param("TLSA", response("TLSA", *RECORDS["TLSA"]), id="TLSA"),
        pytest.param("A", LONE + b"\0", id="octets after its end"),
        pytest.param("A", LONE[:-1], id="cut off"),
        pytest.param("A", LONE[:11], id="no header"),
        pytest.param("A", LONE.replace(struct.pack("!IH", 60, 4), struct.pack("!IH", 2**31, 4)), id="TTL too long"),
        pytest.param("A", LONE.replace(b"\x08_mta-sts", b"\x08_MTA-sts"), id="question in other letters"),
        pytest.param("A", b"\0\2" + LONE[2:], id="other id"),
        pytest.param("A", LONE[:2] + b"\1\x80" + LONE[4:], id="no response"),
        pytest.param("A", LONE.replace(b"\0\1\0\1\0\0\0\x3c", b"\0\1\0\3\0\0\0\x3c"), id="other class"),
    ],
)
def test_what_is_not_plain_is_left_to_dnspython(rdtype: str, heard: bytes) -> None:
    question = Question.of(NAME, rdtype)
    assert plain(question, query(question), heard) is None


@given(st.data())
def test_what_is_read_quickly_dnspython_reads_in_the_same_way(data: st.DataObject) -> None:
    rdtype = data.draw(st.sampled_from(sorted(RECORDS)))
    heard = bytearray(
        response(
            rdtype,
            *data.draw(st.lists(st.sampled_from(RECORDS[rdtype]), max_size=4)),
            rcode=data.draw(st.sampled_from(["NOERROR", "NOERROR", "NXDOMAIN", "SERVFAIL"])),
            soa=data.draw(st.sampled_from(["", "", "example.", ".", "other."])),
            flags=data.draw(st.sampled_from([0, 0, dns.flags.AD, dns.flags.TC, dns.flags.AA])),
            edns=data.draw(st.sampled_from([0, False])),
            ttl=data.draw(st.sampled_from([0, 60, 2**31 - 1])),
        )
    )
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(2, len(heard) - 1))
        heard[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
    question = Question.of(NAME, rdtype)
    if answer := plain(question, query(question), bytes(heard)):
        response_of_dnspython = response_to(query(question), bytes(heard))
        assert response_of_dnspython
        assert answer == read(response_of_dnspython)
        assert response_of_dnspython.rcode() in {dns.rcode.NOERROR, dns.rcode.NXDOMAIN}


@given(
    st.lists(st.one_of(USUAL, st.binary(min_size=1, max_size=63).map(bytes.lower)), max_size=4),
    st.sampled_from(sorted(RECORDS)),
    st.sampled_from([0, dns.flags.CD]),
    st.booleans(),
)
@example(labels=[], rdtype="A", more=0, edns=True)
def test_a_query_is_the_one_that_dnspython_makes(labels: list[bytes], rdtype: str, more: int, edns: bool) -> None:
    name = dns.name.Name([*labels, b""])
    ours = Question.of(name.to_text(omit_final_dot=True), rdtype).query(more, edns=edns)
    options = {"use_edns": 0, "payload": UDP_PAYLOAD} if edns else {}
    flags = FLAGS | more
    theirs = dns.message.make_query(name, rdtype, flags=flags, id=int.from_bytes(ours[:2], "big"), **options)  # type: ignore[arg-type]  # its annotations are narrower than it is
    assert ours == theirs.to_wire()


def test_each_query_has_an_id_of_its_own() -> None:
    assert len({Question.of(NAME, "A").query()[:2] for _ in range(50)}) > 40
