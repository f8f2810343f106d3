"""Which chains fit which TLSA records (RFC 7671, RFC 7672 3)."""

import hashlib
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from exporter.model import Dane, TlsaRecord
from exporter.simulated.certificates import DAY, KINDS, Credentials, Kind, Zoo
from exporter.trust.dane import Matcher
from exporter.trust.der import element
from exporter.trust.tlsa import considered, public_key, unusable
from tests.trust.raw import (
    FOR_SERVERS,
    ROOT,
    RSA_SHA256,
    Raw,
    alternatives,
    extension,
    host,
    named,
    new_key,
    sequence,
    spki,
)
from tests.trust.raw import NOW as ODD_NOW

HOST = "mail.example.test"


def whole(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def key(certificate: x509.Certificate) -> bytes:
    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def record(usage: int, selector: int, matching: int, certificate: x509.Certificate) -> TlsaRecord:
    selected = key(certificate) if selector else whole(certificate)
    digests = {0: selected, 1: hashlib.sha256(selected).digest(), 2: hashlib.sha512(selected).digest()}
    return TlsaRecord(usage, selector, matching, digests[matching])


def chain(shown: Credentials, *more: x509.Certificate) -> tuple[bytes, ...]:
    return tuple(map(whole, (shown.certificate, *shown.chain, *more)))


def matched(
    shown: tuple[bytes, ...],
    *records: TlsaRecord,
    now: float,
    names: tuple[str, ...] = (HOST,),
    hops: tuple[str, ...] = (),
) -> Dane:
    dane = Matcher().match(shown, records, names, hops, now)
    assert dane
    assert bool(dane.mismatch) is (dane.matched is None)
    return dane


EVERY_KIND = [(selector, matching) for selector in (0, 1) for matching in (0, 1, 2)]


@pytest.mark.parametrize(("selector", "matching"), EVERY_KIND)
@pytest.mark.parametrize("kind", ["good", "good_rsa", "expired", "not_yet_valid", "wrong_host", "self_signed", "no_san",
                                  "unknown_ca", "no_intermediate", "client_only", "weak_key"])  # fmt: skip
def test_dane_ee_looks_at_nothing_but_the_certificate(
    zoo: Zoo, now: float, kind: str, selector: int, matching: int
) -> None:
    own = record(3, selector, matching, zoo[kind].certificate)
    dane = matched(chain(zoo[kind]), own, now=now)
    assert dane == Dane(1, own)
    assert dane.by_certificate


@pytest.mark.parametrize(("selector", "matching"), EVERY_KIND)
def test_dane_ee_of_another_certificate(zoo: Zoo, now: float, selector: int, matching: int) -> None:
    other = record(3, selector, matching, zoo.wildcard.certificate)
    dane = matched(chain(zoo.good), other, now=now)
    assert dane.matched is None
    assert dane.mismatch.endswith(f"the server's own is {record(3, 1, 1, zoo.good.certificate)}")


@pytest.mark.parametrize(("selector", "matching"), EVERY_KIND)
@pytest.mark.parametrize("authority", ["root", "intermediate"])
def test_dane_ta_that_is_sent(zoo: Zoo, now: float, authority: str, selector: int, matching: int) -> None:
    issuer = record(2, selector, matching, zoo[authority].certificate)
    dane = matched(chain(zoo.good, zoo.root.certificate), issuer, now=now)
    assert dane == Dane(1, issuer)
    assert not dane.by_certificate


@pytest.mark.parametrize(("selector", "matching"), EVERY_KIND)
@pytest.mark.parametrize(("kind", "authority"), [("good", "root"), ("no_intermediate", "intermediate")])
def test_dane_ta_that_is_not_sent_must_be_whole_in_dns(
    zoo: Zoo, now: float, kind: str, authority: str, selector: int, matching: int
) -> None:
    dane = matched(chain(zoo[kind]), record(2, selector, matching, zoo[authority].certificate), now=now)
    assert bool(dane.matched) is (matching == 0)


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("wrong_host", "but: it is valid for other.example.org, not for mail.example.test"),
        ("no_san", "but: it is valid for no name at all, not for mail.example.test"),
        ("expired", "but: expired 10 days ago"),
        ("not_yet_valid", "but: valid only in 5 days"),
        ("client_only", "but: extendedKeyUsage lacks serverAuth"),
    ],
)
def test_dane_ta_looks_at_name_dates_and_purpose(zoo: Zoo, now: float, kind: str, wrong: str) -> None:
    dane = matched(chain(zoo[kind]), record(2, 0, 1, zoo.intermediate.certificate), now=now)
    assert wrong in dane.mismatch


def test_dane_ta_whose_own_time_is_over_is_trusted_all_the_same_unless_it_is_a_root(zoo: Zoo, now: float) -> None:
    authority = record(2, 1, 1, zoo["old_intermediate"].certificate)
    assert matched(chain(zoo.expired_intermediate), authority, now=now).matched == authority
    root = zoo.issue(replace(KINDS["root"], ends=-10 * DAY, subject="Example Root CA of last year"))
    dane = matched(chain(zoo.issue(Kind(issuer=root)), root.certificate), record(2, 0, 1, root.certificate), now=now)
    assert "root 'Example Root CA of last year' expired 10 days ago" in dane.mismatch


def test_dane_ta_above_an_intermediate_whose_time_is_over(zoo: Zoo, now: float) -> None:
    sent = chain(zoo.expired_intermediate, zoo.root.certificate)
    dane = matched(sent, record(2, 0, 1, zoo.root.certificate), now=now)
    assert "intermediate 'Example Issuing CA of last year' expired 10 days ago" in dane.mismatch


def test_dane_ta_that_was_sent_and_issued_nothing(zoo: Zoo, now: float) -> None:
    stranger = zoo["unknown_root"].certificate
    dane = matched(chain(zoo.good, stranger), record(2, 0, 1, stranger), now=now)
    assert "no path leads to it" in dane.mismatch


def test_dane_ta_in_dns_that_issued_nothing(zoo: Zoo, now: float) -> None:
    for selector, why in ((0, "no path leads to it"), (1, "no certificate that was sent fits")):
        dane = matched(chain(zoo.good), record(2, selector, 0, zoo["unknown_root"].certificate), now=now)
        assert why in dane.mismatch


def test_dane_ta_of_the_server_itself_is_no_authority(zoo: Zoo, now: float) -> None:
    own = zoo.self_signed.certificate
    for selector, matching in EVERY_KIND:
        assert matched(chain(zoo.self_signed, own), record(2, selector, matching, own), now=now).matched is None


def test_a_server_may_bear_the_name_of_the_alias_or_of_all_its_mail_domains(zoo: Zoo, now: float) -> None:
    authority = record(2, 0, 1, zoo.intermediate.certificate)

    def right(*names: str, hops: tuple[str, ...] = ()) -> bool:
        return matched(chain(zoo.good), authority, now=now, names=names, hops=hops).matched is not None

    assert right("mx.example.net", HOST)
    assert right("mx.example.net", hops=(HOST,))
    assert right(HOST, hops=("example.org",))
    assert not right("mx.example.net")
    assert not right("mx.example.net", hops=("example.org",))
    assert not right("mx.example.net", hops=(HOST, "example.org"))


# --- several records ------------------------------------------------------------------------------------------


def test_one_record_of_two_is_enough(zoo: Zoo, now: float) -> None:
    old, new = record(3, 1, 1, zoo.expired.certificate), record(3, 1, 1, zoo.good.certificate)
    for records in ((old, new), (new, old)):
        assert matched(chain(zoo.good), *records, now=now) == Dane(2, new)


def test_of_two_authorities_the_one_at_the_end_of_the_path_is_told(zoo: Zoo, now: float) -> None:
    other = record(2, 0, 1, zoo["old_intermediate"].certificate)
    issuer = record(2, 0, 1, zoo.intermediate.certificate)
    server, *above = chain(zoo.good, zoo["old_intermediate"].certificate)
    for sent in ((server, *above), (server, *reversed(above))):
        assert matched(sent, other, issuer, now=now) == Dane(2, issuer)


def test_dane_ee_goes_before_dane_ta(zoo: Zoo, now: float) -> None:
    authority, own = record(2, 0, 1, zoo.intermediate.certificate), record(3, 1, 1, zoo.good.certificate)
    assert matched(chain(zoo.good), authority, own, now=now).matched == own


def test_of_two_digests_only_the_stronger_counts(zoo: Zoo, now: float) -> None:
    weaker, stronger = record(3, 1, 1, zoo.good.certificate), record(3, 1, 2, zoo.wildcard.certificate)
    assert matched(chain(zoo.good), weaker, stronger, now=now).matched is None  # RFC 7671 9
    other_selector = replace(stronger, selector=0)
    assert matched(chain(zoo.good), weaker, other_selector, now=now).matched == weaker
    broken = replace(stronger, data=b"short")
    assert matched(chain(zoo.good), weaker, broken, now=now).matched == weaker


@pytest.mark.parametrize(
    ("unfit", "why"),
    [
        (TlsaRecord(0, 0, 1, bytes(32)), "usage 0 is not for SMTP (RFC 7672 3.1.3)"),
        (TlsaRecord(1, 1, 1, bytes(32)), "usage 1 is not for SMTP (RFC 7672 3.1.3)"),
        (TlsaRecord(4, 1, 1, bytes(32)), "usage 4 is unknown"),
        (TlsaRecord(255, 1, 1, bytes(32)), "usage 255 is unknown"),
        (TlsaRecord(3, 2, 1, bytes(32)), "selector 2 is unknown"),
        (TlsaRecord(3, 1, 3, bytes(32)), "matching type 3 is unknown"),
        (TlsaRecord(3, 1, 1, bytes(31)), "31 octets are no SHA-256 digest"),
        (TlsaRecord(3, 1, 2, bytes(32)), "32 octets are no SHA-512 digest"),
        (TlsaRecord(3, 1, 1, b""), "0 octets are no SHA-256 digest"),
        (TlsaRecord(2, 0, 0, b"\x30\x03\x02\x01\x05"), "its data is no certificate"),
        (TlsaRecord(2, 1, 0, b"\x30\x03\x02\x01\x05"), "its data is no key"),
        (TlsaRecord(3, 0, 0, b""), "its data is no certificate"),
    ],
)
def test_a_record_that_smtp_cannot_use(zoo: Zoo, now: float, unfit: TlsaRecord, why: str) -> None:
    assert unusable(unfit) == why
    assert matched(chain(zoo.good), unfit, now=now) == Dane(0, None, f"no record can be used: {why}")
    right = record(3, 1, 1, zoo.good.certificate)
    assert matched(chain(zoo.good), unfit, right, now=now) == Dane(1, right)


def test_something_after_a_certificate_or_key_makes_it_none(zoo: Zoo) -> None:
    for selector in (0, 1):
        right = record(2, selector, 0, zoo.root.certificate)
        assert unusable(right) is None
        assert unusable(replace(right, data=right.data + b"\0"))


def test_a_thousand_records(zoo: Zoo, now: float) -> None:
    many = [TlsaRecord(3, 1, 1, number.to_bytes(32, "big")) for number in range(1000)]
    dane = matched(chain(zoo.good), *many, now=now)
    assert (dane.usable, dane.matched) == (1000, None)
    assert len(dane.mismatch) < 300
    full = [replace(record(2, 0, 0, zoo.root.certificate), data=b"\x30\x01" + bytes([n % 256])) for n in range(500)]
    assert len(considered((*many, *full))) == 1000
    assert len(considered([record(2, 0, 0, zoo.root.certificate)] * 500)) == 4


# --- time -----------------------------------------------------------------------------------------------------


def test_a_verdict_stands_until_a_date_passes(zoo: Zoo, now: float) -> None:
    soon = zoo.issue(Kind(ends=timedelta(hours=1)))
    matcher, records = Matcher(), (record(2, 0, 1, zoo.intermediate.certificate),)

    def at(moment: float) -> Dane | None:
        return matcher.match(chain(soon), records, (HOST,), (), moment)

    first = at(now)
    assert first
    assert first.matched
    assert at(now + 3600) is first
    later = at(now + 3601)
    assert later
    assert "expired" in later.mismatch


def test_nothing_to_match(zoo: Zoo, now: float) -> None:
    assert Matcher().match((), (record(3, 1, 1, zoo.good.certificate),), (HOST,), (), now) is None
    assert Matcher().match(chain(zoo.good), (), (HOST,), (), now) is None


# --- hostile --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["good", "good_rsa", "sha1", "wildcard", "root"])
def test_the_key_of_a_certificate_is_found_as_it_stands(zoo: Zoo, kind: str) -> None:
    assert public_key(whole(zoo[kind].certificate)) == key(zoo[kind].certificate)


@given(st.binary(max_size=200))
def test_no_octets_for_a_certificate_raise(der: bytes) -> None:
    own = TlsaRecord(3, 0, 1, hashlib.sha256(der).digest())
    others = [TlsaRecord(2, selector, 0, der) for selector in (0, 1)]
    if der:
        assert matched((der, der), own, *others, now=0.0).matched == own
        assert matched((der, der), *others, now=0.0).matched is None


octets = st.integers(0, 4)


@given(data=st.data(), now=st.sampled_from([0.0, 1.8e9, 4e9]))
def test_no_records_raise_and_only_true_ones_match(zoo: Zoo, data: st.DataObject, now: float) -> None:
    kinds = st.sampled_from(["good", "expired", "self_signed", "no_intermediate", "root", "intermediate"])
    true = st.builds(
        lambda u, s, m, kind: record(u, s, m, zoo[kind].certificate),
        octets, st.integers(0, 1), st.integers(0, 2), kinds,
    )  # fmt: skip
    spoilt = st.builds(lambda one, at, by: replace(one, data=one.data[:at] + by + one.data[at + 1 :]),
                       true, st.integers(0, 600), st.binary(max_size=3))  # fmt: skip
    noise = st.builds(TlsaRecord, octets, octets, octets, st.binary(max_size=70))
    records = tuple(data.draw(st.lists(true | spoilt | noise, min_size=1, max_size=6)))
    shown = zoo[data.draw(kinds)]
    sent = chain(shown, zoo.root.certificate)
    dane = matched(sent, *records, now=now)
    if one := dane.matched:
        assert one in records
        assert one.usage in (2, 3)
        there = (
            [shown.certificate]
            if one.usage == 3
            else [*shown.chain, zoo.root.certificate, zoo.intermediate.certificate]
        )
        assert one in [record(one.usage, one.selector, one.matching, each) for each in there]


# --- odd certificates -----------------------------------------------------------------------------------------

ODD_NAME = named("R&D for all", 0x13)
AUTHORITY = replace(ROOT, subject=ODD_NAME, issuer=ODD_NAME)
SIGNED = replace(Raw(), issuer=ODD_NAME, extensions=(alternatives(host(b"m\xff"), host(HOST)), FOR_SERVERS))
AUTHORITY_RECORDS = [
    pytest.param(TlsaRecord(2, 0, 0, AUTHORITY.der), id="the certificate"),
    pytest.param(TlsaRecord(2, 1, 0, spki(new_key("root"))), id="the key"),
    pytest.param(TlsaRecord(2, 1, 1, hashlib.sha256(spki(new_key("root"))).digest()), id="a digest of the key"),
]


@pytest.mark.parametrize("authority", AUTHORITY_RECORDS)
def test_dane_ta_with_an_odd_name_and_behind_many_others(authority: TlsaRecord) -> None:
    others = [replace(ROOT, subject=named(f"CA {number}")).der for number in range(60)]
    shown = (SIGNED.der, *others, *((AUTHORITY.der,) if authority.matching else ()))
    assert matched(shown, authority, now=ODD_NOW) == Dane(1, authority)


@pytest.mark.parametrize(("bits", "fits"), [(64, True), (65, False), (2000, False)])
def test_dane_ta_whose_key_takes_long_is_not_computed_with(bits: int, fits: bool) -> None:
    key = f"rsa/{bits}"
    leaf = replace(SIGNED, algorithm=RSA_SHA256, signer=key)
    assert bool(matched((leaf.der,), TlsaRecord(2, 1, 0, spki(new_key(key))), now=ODD_NOW).matched) is fits


@pytest.mark.parametrize(("times", "fits"), [(10, True), (1000, False)])
def test_dane_ta_with_name_constraints_without_end(times: int, fits: bool) -> None:
    """Whoever publishes the record made the certificates, too: OpenSSL would compare each name with each."""
    allowed = element(0xA0, sequence(host("test")), *[sequence(host("example"))] * times)
    limited = (*AUTHORITY.extensions, extension("2.5.29.30", sequence(allowed)))
    between = replace(ROOT, subject=named("Between"), issuer=ODD_NAME, key="between", extensions=limited)
    names = alternatives(host(HOST), *[host("a.test")] * times)
    leaf = replace(SIGNED, issuer=named("Between"), signer="between", extensions=(names, FOR_SERVERS))
    dane = matched((leaf.der, between.der, AUTHORITY.der), TlsaRecord(2, 0, 0, AUTHORITY.der), now=ODD_NOW)
    assert bool(dane.matched) is fits
