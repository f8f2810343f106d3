"""What OpenSSL accepts is accepted, whatever a strict parser thinks of it; each fact is read by itself."""

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.model import Certificate, Verdict
from exporter.trust import Judge, TrustStore, certificate, der
from exporter.trust.certificate import Reading, read
from exporter.trust.der import element
from exporter.trust.fields import Fields
from exporter.trust.path import walk
from tests.results import healthy
from tests.surfaces import surfaces
from tests.trust.odd import ACCEPTED, AUTHORITIES, REFUSED, Odd
from tests.trust.raw import (
    ECDSA_SHA1,
    NAME,
    NOW,
    ROOT,
    RSA_MD5,
    RSA_SHA1,
    RSA_SHA256,
    Raw,
    alternatives,
    attribute,
    extension,
    host,
    identifier,
    in_pem,
    integer,
    named,
    sequence,
    utc,
)
from tests.trust.test_judge import FINDINGS, findings

VALIDITY_OVER = sequence(utc("200101000000Z"), utc("210101000000Z"))

MAX_LABEL = 256
"""Characters."""
DEBUG_TEXT = ("ParseError", "Traceback", "<class", "object at")


@pytest.fixture
def ca_file(tmp_path: Path) -> str:
    path = tmp_path / "root.pem"
    path.write_text(in_pem(ROOT.der))
    return str(path)


@pytest.fixture(scope="module")
def ca_file_of_all(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("odd") / "root.pem"
    path.write_text(in_pem(ROOT.der))
    return str(path)


def judged(ca_file: str, *chain: Raw, name: str = NAME) -> Verdict:
    verdict = Judge().judge(tuple(one.der for one in chain), name, ca_file, NOW)
    assert verdict is not None
    return verdict


def verdict_on(ca_file: str, der: bytes) -> Verdict:
    verdict = Judge().judge((der,), NAME, ca_file, NOW)
    assert verdict is not None
    return verdict


def facts_of(one: Odd) -> Certificate:
    """The facts of the good certificate, but for those that differ."""
    good = Certificate(NAME, "Raw Root", "1234", hashlib.sha256(one.raw.der).hexdigest(), "ecdsa-256",
                       1577836800.0, 2493072000.0, (NAME,))  # fmt: skip
    return replace(good, **one.facts)


@pytest.mark.parametrize("one", [pytest.param(one, id=name) for name, one in ACCEPTED.items()])
def test_what_openssl_accepts_is_accepted(ca_file: str, one: Odd) -> None:
    verdict = judged(ca_file, one.raw)
    assert findings(verdict) == set()
    assert verdict.certificate == facts_of(one)


@pytest.mark.parametrize("one", [pytest.param(one, id=name) for name, one in REFUSED.items()])
def test_what_openssl_refuses_is_told_in_one_plain_sentence(ca_file: str, one: Odd) -> None:
    verdict = judged(ca_file, one.raw)
    assert findings(verdict) - {"host_mismatch"} == {one.finding}
    assert getattr(verdict, one.finding) == one.text.format(ca_file=ca_file)
    assert verdict.certificate == facts_of(one)


@pytest.mark.parametrize("one", [pytest.param(one, id=name) for name, one in {**ACCEPTED, **REFUSED}.items()])
def test_no_surface_shows_what_a_library_says_of_it(ca_file: str, one: Odd) -> None:
    shown = surfaces(healthy(verdict=judged(ca_file, one.raw)))
    assert [text for text in DEBUG_TEXT if text in shown] == []
    assert max(map(len, re.findall(r'="([^"]*)"', shown.partition("<!doctype")[0]))) <= MAX_LABEL


# --- authorities ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [pytest.param(name, id=kind) for kind, name in AUTHORITIES.items()])
def test_an_authority_of_an_odd_name_is_an_authority(tmp_path: Path, name: bytes) -> None:
    path = tmp_path / "root.pem"
    path.write_text(in_pem(replace(ROOT, subject=name, issuer=name).der))
    assert TrustStore(str(path)).size == 1
    verdict = judged(str(path), replace(Raw(), issuer=name))
    assert findings(verdict) == set()


def test_a_name_may_be_written_in_two_ways(ca_file: str) -> None:
    between = replace(ROOT, subject=named("Between"), key="between")
    leaf = replace(Raw(), issuer=named("BETWEEN", 0x13), signer="between")
    assert findings(judged(ca_file, leaf, between)) == set()
    expired = replace(between, validity=VALIDITY_OVER)
    assert judged(str(ca_file), leaf, replace(expired, issuer=named("Nobody"))).expired is not None


def test_an_issuer_that_is_there_and_refused_is_not_said_to_be_missing(ca_file: str) -> None:
    broken = replace(
        ROOT, subject=named("Between"), key="between", extensions=(*ROOT.extensions, extension("2.5.29.15", b"\1"))
    )
    leaf = replace(Raw(), issuer=named("Between"), signer="between")
    assert judged(ca_file, leaf, broken).not_trusted == (
        "'Between', the issuer of 'mail.example.test', was sent, but is not accepted: "
        "their keys or key identifiers do not match, or an extension is malformed"
    )


# --- signed by itself -----------------------------------------------------------------------------------------

PSS = identifier("1.2.840.113549.1.1.10")
OWN = replace(Raw(), issuer=Raw().subject)


@pytest.mark.parametrize(
    ("algorithm", "key", "weakness"),
    [
        pytest.param(RSA_SHA256, "rsa", None, id="SHA-256"),
        pytest.param(RSA_SHA1, "rsa", "SHA-1 signature", id="SHA-1"),
        pytest.param(RSA_MD5, "rsa", "MD5 signature", id="MD5"),
        pytest.param(ECDSA_SHA1, "server", "SHA-1 signature", id="ECDSA with SHA-1"),
    ],
)
def test_a_weak_signature_of_its_own_is_both(ca_file: str, algorithm: bytes, key: str, weakness: str | None) -> None:
    own = replace(OWN, key=key, signer=key, algorithm=algorithm)
    verdict = judged(ca_file, own)
    assert findings(verdict) == {"self_signed"} | ({"weak"} if weakness else set())
    assert verdict.weak == weakness
    tampered = verdict_on(ca_file, own.der.replace(b"\x12\x34", b"\x12\x35", 1))
    assert (tampered.self_signed, tampered.not_trusted is None) == (None, False)


@pytest.mark.parametrize(
    ("parameters", "weakness"),
    [
        pytest.param(sequence(), "SHA-1 signature", id="SHA-1 where nothing is said"),
        pytest.param(sequence(element(0xA0, sequence(identifier("2.16.840.1.101.3.4.2.1")))), None, id="SHA-256"),
    ],
)
def test_the_hash_of_a_pss_signature_is_a_parameter(parameters: bytes, weakness: str | None) -> None:
    raw = replace(Raw(), algorithm=sequence(PSS, parameters), key="rsa")
    assert certificate(raw.der).weakness == weakness


def test_a_key_that_signed_itself_under_another_name_is_an_unknown_authority(ca_file: str) -> None:
    assert findings(judged(ca_file, replace(OWN, issuer=named("Somebody"), signer="server"))) == {"not_trusted"}


# --- work is bounded ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("bits", "slow"), [(17, False), (64, False), (65, True), (2000, True)])
def test_signatures_of_a_key_with_a_large_exponent_are_not_verified(ca_file: str, bits: int, slow: bool) -> None:
    key = f"rsa/{bits}"
    between = replace(ROOT, subject=named("Between"), key=key)
    leaf = replace(Raw(), issuer=named("Between"), algorithm=RSA_SHA256, signer=key)
    told = (
        "'Between', the issuer of 'mail.example.test', was sent, but is not accepted: the exponent of its RSA key has "
    )
    assert judged(ca_file, leaf, between).not_trusted == (f"{told}{bits} bits, over 64" if slow else None)
    own = judged(ca_file, replace(OWN, key=key, algorithm=RSA_SHA256, signer=key))
    assert findings(own) == {"not_trusted" if slow else "self_signed"}


@pytest.mark.parametrize(("bits", "slow"), [(2048, None), (4096, None), (4097, "its DSA key has 4097 bits, over 4096")])
def test_a_large_dsa_key_takes_long_too(bits: int, slow: str | None) -> None:
    parameters = sequence(integer(1 << bits - 1), integer(1 << 255), integer(2))
    algorithm = sequence(identifier("1.2.840.10040.4.1"), parameters)
    key = sequence(algorithm, element(3, b"\0", integer(1 << bits - 2)))
    assert Fields.of(replace(Raw(), key_info=key).der).slow_key == slow


@pytest.mark.parametrize(("above", "looked_at"), [(1, True), (2, True), (3, False), (150, False)])
def test_of_a_path_to_no_anchor_only_the_lowest_are_verified(ca_file: str, above: int, looked_at: bool) -> None:
    """The one so far above the leaf is no authority."""
    chain = [replace(Raw(), issuer=named("0"), signer="root")]
    for number in range(above + 2):
        broken = () if number == above else ROOT.extensions
        chain.append(replace(ROOT, subject=named(str(number)), issuer=named(str(number + 1)), extensions=broken))
    verdict = judged(ca_file, *chain)
    assert findings(verdict) == {"not_trusted", *(["unsuitable"] if looked_at else [])}
    assert len(walk(*_leaf_and_others(chain))) == min(len(chain), 100)


def _leaf_and_others(chain: Sequence[Raw]) -> tuple[Reading, list[Reading]]:
    leaf, *others = [read(one.der) for one in chain]
    return leaf, others


@pytest.mark.parametrize(("times", "looked_at"), [(1, True), (1000, False)])
def test_names_are_compared_with_constraints_while_they_are_few(ca_file: str, times: int, looked_at: bool) -> None:
    """Nobody vouches for the authority: what its constraints say is of little worth."""
    forbidden = element(0xA1, *[sequence(host("example.test"))] * times)
    between = replace(ROOT, subject=named("Between"), issuer=named("Nobody"), key="between",
                      extensions=(*ROOT.extensions, extension("2.5.29.30", sequence(forbidden))))  # fmt: skip
    leaf = replace(Raw(), issuer=named("Between"), signer="between", extensions=(alternatives(*[host(NAME)] * times),))
    verdict = judged(ca_file, leaf, between)
    assert findings(verdict) == {"not_trusted", *(["unsuitable"] if looked_at else [])}


@pytest.mark.parametrize(
    "hostile",
    [
        pytest.param(replace(Raw(), extensions=(alternatives(*[host("a")] * 30_000),)), id="names"),
        pytest.param(replace(Raw(), extensions=(alternatives(*[element(0x87, b"a")] * 30_000),)), id="addresses"),
        pytest.param(replace(Raw(), extensions=(extension("2.5.29.9", b""),) * 6_000), id="extensions"),
        pytest.param(replace(Raw(), subject=sequence(*[element(0x31)] * 30_000)), id="empty parts of a subject"),
        pytest.param(
            replace(Raw(), issuer=sequence(element(0x31, *[attribute("2.5.4.10", "a")] * 6_000))), id="one set"
        ),
    ],
)
def test_few_elements_of_a_certificate_are_read(monkeypatch: pytest.MonkeyPatch, ca_file: str, hostile: Raw) -> None:
    """A server may show another one each time, so no cache helps."""
    extent, count = der._extent, Counter[str]()

    def counted(*arguments: Any) -> tuple[int, int, int]:
        count["read"] += 1
        return extent(*arguments)

    monkeypatch.setattr(der, "_extent", counted)
    judged(ca_file, hostile)
    assert count["read"] < 3_000


@pytest.mark.parametrize("name", [NAME, "192.0.2.1"])
def test_a_name_counts_however_many_others_stand_before_it(ca_file: str, name: str) -> None:
    entries = (*[host("a")] * 10_000, host(NAME), element(0x87, bytes((192, 0, 2, 1))))
    shown = replace(Raw(), extensions=(alternatives(*entries),))
    assert judged(ca_file, shown, name=name).host_mismatch is None


# --- who sent it ----------------------------------------------------------------------------------------------


def test_an_intermediate_that_only_the_ca_file_has_is_told(tmp_path: Path) -> None:
    between = replace(ROOT, subject=named("Between"), key="between")
    leaf = replace(Raw(), issuer=named("Between"), signer="between")
    path = tmp_path / "both.pem"
    path.write_text(in_pem(ROOT.der) + in_pem(between.der))
    alone, complete = judged(str(path), leaf), judged(str(path), leaf, between)
    assert (findings(alone), alone.valid, complete.missing_intermediate) == (set(), True, None)
    assert (
        alone.missing_intermediate
        == f"'Between' was not sent, and came from {path}: senders without it do not trust the certificate"
    )
    path.write_text(in_pem(replace(between, validity=VALIDITY_OVER).der))
    expired = judged(str(path), leaf).expired or ""
    assert expired.startswith(f"intermediate 'Between' of {path}, which was not sent, expired ")


# --- hostile --------------------------------------------------------------------------------------------------


@settings(deadline=None, derandomize=True)  # a busy machine fails no test
@given(data=st.data())
def test_no_damage_makes_a_text_that_nobody_wrote(data: st.DataObject, ca_file_of_all: str) -> None:
    der = data.draw(st.sampled_from([one.raw.der for one in (*ACCEPTED.values(), *REFUSED.values())]))[:3000]
    at, octets = data.draw(st.integers(0, len(der))), data.draw(st.binary(min_size=1, max_size=3))
    verdict = verdict_on(ca_file_of_all, der[:at] + octets + der[at + 1 :])
    leaf = verdict.certificate
    texts = [
        *(getattr(verdict, finding) or "" for finding in FINDINGS),
        leaf.subject,
        leaf.issuer,
        leaf.key,
        *leaf.names,
    ]
    assert [text for text in texts if not text.isprintable() or any(debug in text for debug in DEBUG_TEXT)] == []
    assert (len(leaf.subject) <= 64, len(leaf.issuer) <= 64, len(leaf.serial) <= 80, len(leaf.key) <= 64) == (True,) * 4
