import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.model import Verdict
from exporter.simulated.certificates import DAY, KINDS, Credentials, Kind, Zoo
from exporter.trust import Judge, TrustStoreError
from exporter.trust.certificate import MAX_SIZE

NAME = "mail.example.test"
FINDINGS = ("expired", "not_yet_valid", "host_mismatch", "self_signed", "not_trusted", "unsuitable", "weak")
CLIENT, ANY = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE
UNKNOWN = x509.UnrecognizedExtension(ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")
ELSEWHERE = x509.NameConstraints([x509.DNSName("example.org")], None)
AN_AUTHORITY = KINDS["intermediate"]

Anchors = Callable[..., str]
Make = Callable[[Zoo], Credentials]


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def sent(made: Credentials) -> tuple[bytes, ...]:
    return tuple(map(der, (made.certificate, *made.chain)))


def below(**intermediate: object) -> Make:
    """A good certificate below an intermediate that differs from a good one."""
    return lambda zoo: zoo.issue(Kind(issuer=zoo.issue(replace(AN_AUTHORITY, **intermediate))))  # type: ignore[arg-type] # any field of Kind


def own(**differs: object) -> Make:
    """A certificate that differs from a good one."""
    return lambda zoo: zoo.issue(Kind(**differs))  # type: ignore[arg-type] # any field of Kind


def kind(name: str) -> Make:
    return lambda zoo: zoo[name]


def shuffled(zoo: Zoo) -> Credentials:
    """Behind its certificate in the wrong order: what is of no use, the leaf again, what it needs."""
    extra = (zoo.unknown_root, zoo.old_intermediate, zoo.good, zoo.intermediate, zoo.root)
    return replace(zoo.good, chain=tuple(one.certificate for one in extra))


def signed_again(
    zoo: Zoo, certificate: x509.Certificate, by: Credentials, ends: timedelta, key: object = None
) -> x509.Certificate:
    """The same subject and key, certified by another authority: a cross-certificate."""
    builder = x509.CertificateBuilder(
        by.certificate.subject, certificate.subject, certificate.public_key(), x509.random_serial_number()
    )
    builder = builder.not_valid_before(zoo.now - 400 * DAY).not_valid_after(zoo.now + ends)
    for one in certificate.extensions:
        if not isinstance(one.value, x509.AuthorityKeyIdentifier):
            builder = builder.add_extension(one.value, one.critical)
    return builder.sign(by.key, hashes.SHA256())


def expired_cross_certificate(zoo: Zoo) -> Credentials:
    """Sent before the intermediate that holds: the same one, certified by an unknown root, and expired."""
    cross = signed_again(zoo, zoo.intermediate.certificate, zoo.unknown_root, ends=-DAY)
    return replace(zoo.good, chain=(cross, zoo.unknown_root.certificate, *zoo.good.chain))


def expired_twin(zoo: Zoo) -> Credentials:
    """Sent before the intermediate that holds: its predecessor with the same key and issuer, expired."""
    twin = signed_again(zoo, zoo.intermediate.certificate, zoo.root, ends=-DAY)
    return replace(zoo.good, chain=(twin, *zoo.good.chain))


def expired_leaf_and_twin(zoo: Zoo) -> Credentials:
    return replace(zoo.expired, chain=expired_twin(zoo).chain)


def tampered(zoo: Zoo) -> Credentials:
    whole = der(zoo.good.certificate)
    changed = x509.load_der_x509_certificate(whole.replace(b"localhost", b"localh0st"))
    return replace(zoo.good, certificate=changed)


def pretender(zoo: Zoo) -> Credentials:
    return zoo.issue(Kind(issuer="unknown_root", subject="Unknown Root CA", sends_chain=False))


ROWS = [
    *(pytest.param(kind(name), "root", set(), id=name) for name in ("good", "good_rsa", "wildcard", "expiring")),
    pytest.param(kind("expired"), "root", {"expired"}, id="expired"),
    pytest.param(kind("expired"), "unknown_root", {"expired", "not_trusted"}, id="expired, of an unknown CA"),
    pytest.param(kind("expired_intermediate"), "root", {"expired"}, id="expired intermediate"),
    pytest.param(
        kind("expired_intermediate"),
        "unknown_root",
        {"expired", "not_trusted"},
        id="expired intermediate, unknown CA",
    ),
    pytest.param(kind("expired_self_signed"), "root", {"expired", "self_signed"}, id="expired, self-signed"),
    pytest.param(kind("expired_self_signed"), "expired_self_signed", {"expired"}, id="expired, in ca_file"),
    pytest.param(kind("not_yet_valid"), "root", {"not_yet_valid"}, id="not yet valid"),
    pytest.param(below(starts=DAY), "root", {"not_yet_valid"}, id="intermediate not yet valid"),
    pytest.param(
        own(starts=DAY, ends=2 * DAY, issuer="old_intermediate"),
        "root",
        {"expired", "not_yet_valid"},
        id="never valid",
    ),
    pytest.param(kind("wrong_host"), "root", {"host_mismatch"}, id="wrong host"),
    pytest.param(kind("self_signed"), "root", {"self_signed"}, id="self-signed"),
    pytest.param(kind("self_signed_sha1"), "root", {"self_signed", "weak"}, id="self-signed with SHA-1"),
    pytest.param(kind("self_signed_sha1"), "self_signed_sha1", {"weak"}, id="self-signed with SHA-1, in ca_file"),
    pytest.param(kind("self_signed"), "self_signed", set(), id="self-signed, in ca_file"),
    pytest.param(pretender, "root", {"not_trusted"}, id="names of a self-signed one, another's key"),
    pytest.param(kind("good"), "good", set(), id="certificate in ca_file"),
    pytest.param(kind("no_intermediate"), "root", {"not_trusted"}, id="no intermediate"),
    pytest.param(kind("no_intermediate"), "intermediate", set(), id="intermediate in ca_file"),
    pytest.param(kind("unknown_ca"), "root", {"not_trusted"}, id="unknown CA"),
    pytest.param(kind("unknown_ca"), "unknown_root", set(), id="its root alone"),
    pytest.param(tampered, "root", {"not_trusted"}, id="tampered with"),
    pytest.param(shuffled, "root", set(), id="any order, and more than needed"),
    pytest.param(expired_cross_certificate, "root", set(), id="expired cross-certificate not needed"),
    pytest.param(expired_twin, "root", set(), id="expired predecessor of the intermediate"),
    pytest.param(expired_leaf_and_twin, "root", {"expired"}, id="expired, and predecessor of the intermediate"),
    pytest.param(kind("weak_key"), "root", {"weak"}, id="weak key"),
    pytest.param(below(key="rsa1024"), "root", {"weak"}, id="weak key of the intermediate"),
    pytest.param(kind("sha1"), "root", {"weak"}, id="SHA-1"),
    pytest.param(kind("sha1"), "unknown_root", {"weak", "not_trusted"}, id="SHA-1, unknown CA"),
    pytest.param(kind("client_only"), "root", {"unsuitable"}, id="for clients only"),
    pytest.param(kind("client_only"), "unknown_root", {"unsuitable", "not_trusted"}, id="for clients only, unknown CA"),
    pytest.param(own(purpose=ANY), "root", {"unsuitable"}, id="anyExtendedKeyUsage alone"),
    pytest.param(own(ca=True, issuer="root"), "root", {"unsuitable"}, id="a CA's key usage"),
    pytest.param(own(extensions=((UNKNOWN, True),)), "root", {"unsuitable"}, id="unknown critical extension"),
    pytest.param(own(extensions=((UNKNOWN, False),)), "root", set(), id="unknown extension"),
    pytest.param(
        own(extensions=((UNKNOWN, True),)), "unknown_root", {"unsuitable", "not_trusted"}, id="critical, unknown CA"
    ),
    pytest.param(
        own(extensions=((UNKNOWN, True),), ends=-DAY / 2), "root", {"unsuitable", "expired"}, id="and expired"
    ),
    pytest.param(below(ca=False), "root", {"unsuitable"}, id="intermediate is no CA"),
    pytest.param(below(extensions=((ELSEWHERE, True),)), "root", {"unsuitable"}, id="name constraints"),
    pytest.param(
        below(extensions=((x509.ExtendedKeyUsage([CLIENT]), False),)),
        "root",
        {"unsuitable"},
        id="intermediate, clients",
    ),
    pytest.param(below(issuer="intermediate", names=(), subject="Third CA"), "root", set(), id="two intermediates"),
]


def judged(zoo: Zoo, make: Make, anchor: str, anchors: Anchors, name: str = NAME) -> Verdict:
    verdict = Judge().judge(sent(make(zoo)), name, anchors(zoo[anchor].certificate), zoo.now.timestamp())
    assert verdict is not None
    return verdict


def findings(verdict: Verdict) -> set[str]:
    return {finding for finding in FINDINGS if getattr(verdict, finding) is not None}


@pytest.mark.parametrize(("make", "anchor", "expected"), ROWS)
def test_each_question_is_judged_apart(zoo: Zoo, anchors: Anchors, make: Make, anchor: str, expected: set[str]) -> None:
    assert findings(judged(zoo, make, anchor, anchors)) == expected


@pytest.mark.parametrize(("make", "anchor", "expected"), ROWS)
def test_openssl_verify_agrees(zoo: Zoo, anchors: Anchors, make: Make, anchor: str, expected: set[str]) -> None:
    made = make(zoo)
    untrusted = anchors(*made.chain, name="untrusted.pem")
    leaf = anchors(made.certificate, name="leaf.pem")
    command = [
        "openssl",
        "verify",
        "-partial_chain",
        "-purpose",
        "sslserver",
        "-attime",
        str(int(zoo.now.timestamp())),
    ]
    command += ["-no-CApath", "-no-CAstore", "-verify_hostname", NAME, "-CAfile", anchors(zoo[anchor].certificate)]
    command += [*(("-untrusted", untrusted) if made.chain else ()), leaf]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) == (expected <= {"weak"}), done.stderr


@pytest.mark.parametrize(
    ("make", "anchor", "finding", "text"),
    [
        pytest.param(kind("expired"), "root", "expired", "expired 10 days ago ({expired})", id="expired"),
        pytest.param(
            kind("expired_intermediate"),
            "root",
            "expired",
            "intermediate 'Example Issuing CA of last year' expired 10 days ago ({expired})",
            id="expired intermediate",
        ),
        pytest.param(
            kind("not_yet_valid"),
            "root",
            "not_yet_valid",
            "valid only in 5 days ({not_yet_valid})",
            id="not yet valid",
        ),
        pytest.param(
            kind("self_signed"),
            "root",
            "self_signed",
            "'mail.example.test' is signed by its own key and no trust anchor in {ca_file}",
            id="self-signed",
        ),
        pytest.param(
            kind("no_intermediate"),
            "root",
            "not_trusted",
            "no intermediate was sent: 'Example Issuing CA', the issuer of 'mail.example.test', was not sent "
            "and is no trust anchor in {ca_file}",
            id="no intermediate",
        ),
        pytest.param(
            kind("good"),
            "unknown_root",
            "not_trusted",
            "private CA: set tls.ca_file: 'Example Root CA', the issuer of 'Example Issuing CA', was not sent "
            "and is no trust anchor in {ca_file}",
            id="private CA",
        ),
        pytest.param(
            lambda zoo: replace(zoo.good, chain=(*zoo.good.chain, zoo.root.certificate)),
            "unknown_root",
            "not_trusted",
            "private CA: set tls.ca_file: 'Example Root CA', which was sent, is no trust anchor in {ca_file}",
            id="private CA, root sent",
        ),
        pytest.param(
            kind("unknown_ca"),
            "root",
            "not_trusted",
            "no intermediate was sent, or private CA: set tls.ca_file: 'Unknown Root CA', the issuer of "
            "'mail.example.test', was not sent and is no trust anchor in {ca_file}",
            id="unknown CA",
        ),
        pytest.param(
            below(issuer="intermediate", names=(), subject="Third CA"),
            "unknown_root",
            "not_trusted",
            "private CA: set tls.ca_file: 'Example Root CA', the issuer of 'Example Issuing CA', was not sent "
            "and is no trust anchor in {ca_file}",
            id="two intermediates",
        ),
        pytest.param(
            tampered, "root", "not_trusted", "no path to a trust anchor: certificate signature failure", id="tampered"
        ),
        pytest.param(kind("client_only"), "root", "unsuitable", "extendedKeyUsage lacks serverAuth", id="client"),
        pytest.param(
            below(extensions=((x509.ExtendedKeyUsage([CLIENT]), False),)),
            "root",
            "unsuitable",
            "intermediate 'Example Issuing CA': extendedKeyUsage lacks serverAuth",
            id="intermediate for clients",
        ),
        pytest.param(
            below(ca=False),
            "root",
            "unsuitable",
            "intermediate 'Example Issuing CA': invalid CA certificate",
            id="no CA",
        ),
        pytest.param(
            below(key="rsa1024"), "root", "weak", "intermediate 'Example Issuing CA': rsa-1024 key", id="weak"
        ),
    ],
)
def test_a_finding_is_a_sentence_with_facts(
    zoo: Zoo, anchors: Anchors, make: Make, anchor: str, finding: str, text: str
) -> None:
    moments = {"expired": zoo.now - 10 * DAY, "not_yet_valid": zoo.now + 5 * DAY}
    facts = {name: f"{at:%Y-%m-%dT%H:%M:%SZ}" for name, at in moments.items()}
    facts["ca_file"] = anchors(zoo[anchor].certificate)
    assert getattr(judged(zoo, make, anchor, anchors), finding) == text.format_map(facts)


def test_a_missing_second_intermediate_is_said_to_be_missing(zoo: Zoo, anchors: Anchors) -> None:
    made = below(issuer="intermediate", names=(), subject="Third CA")(zoo)
    cut = replace(made, chain=made.chain[:1])
    text = judged(zoo, lambda _: cut, "root", anchors).not_trusted or ""
    assert text.startswith(
        "no intermediate was sent above 'Third CA', or private CA: set tls.ca_file: 'Example Issuing CA'"
    )


def test_a_system_without_anchors_is_named(zoo: Zoo, monkeypatch: pytest.MonkeyPatch, now: float) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere")
    monkeypatch.setenv("SSL_CERT_DIR", "/nowhere")
    verdict = Judge().judge(sent(zoo.good), NAME, None, now)
    assert verdict is not None
    assert verdict.not_trusted == "this machine has no trust anchors: install ca-certificates, or set tls.ca_file"


def test_an_address_is_judged_by_ip_address_names(zoo: Zoo, anchors: Anchors) -> None:
    assert judged(zoo, kind("good"), "root", anchors, "127.0.0.1").host_mismatch is None
    assert "set tls.server_name" in (judged(zoo, kind("good"), "root", anchors, "192.0.2.1").host_mismatch or "")


@pytest.mark.parametrize(
    ("make", "anchor", "days"),
    [
        pytest.param(kind("good"), "root", 89, id="the server's own"),
        pytest.param(below(ends=3 * DAY), "root", 3, id="the intermediate's"),
        pytest.param(own(issuer="root", ends=5000 * DAY), "root", 3650, id="the anchor's"),
        pytest.param(expired_cross_certificate, "root", 89, id="not that of what the path does not need"),
        pytest.param(expired_cross_certificate, "self_signed", -1, id="no path: of all that was sent"),
        pytest.param(kind("expired"), "root", -10, id="expired"),
    ],
)
def test_the_chain_expires_with_the_first_on_its_path(
    zoo: Zoo, anchors: Anchors, make: Make, anchor: str, days: int
) -> None:
    verdict = judged(zoo, make, anchor, anchors)
    assert verdict.chain_not_after == (zoo.now + days * DAY).timestamp()


def test_an_expired_anchor_gives_way_to_a_cross_certificate(zoo: Zoo, anchors: Anchors) -> None:
    old = zoo.issue(replace(KINDS["root"], ends=-DAY))
    leaf = zoo.issue(Kind(issuer=old))
    cross = signed_again(zoo, old.certificate, zoo.unknown_root, ends=DAY)
    ca_file = anchors(old.certificate, zoo.unknown_root.certificate)
    for chain, expected in (((), {"expired"}), ((cross,), set())):
        verdict = Judge().judge(sent(replace(leaf, chain=chain)), NAME, ca_file, zoo.now.timestamp())
        assert verdict is not None
        assert findings(verdict) == expected


# --- remembered ------------------------------------------------------------------------------------------------


def test_a_verdict_stands_until_a_date_passes(zoo: Zoo) -> None:
    judge, chain = Judge(), sent(zoo.good)
    end = zoo.good.certificate.not_valid_after_utc.timestamp()

    def at(moment: float) -> Verdict:
        verdict = judge.judge(chain, NAME, str(zoo.ca_file), moment)
        assert verdict is not None
        return verdict

    assert at(end) is at(end - 80 * 86400)
    assert [at(moment).expired is None for moment in (end, end + 1, end, end + 0.5)] == [True, False, True, False]


def test_how_long_ago_is_said_anew(zoo: Zoo, now: float) -> None:
    judge = Judge()
    texts = []
    for days in (0, 1, 14):
        verdict = judge.judge(sent(zoo.expired), NAME, str(zoo.ca_file), now + days * 86400)
        assert verdict is not None
        texts.append((verdict.expired or "").split(" (")[0])
    assert texts == ["expired 10 days ago", "expired 11 days ago", "expired 24 days ago"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.5, "less than a second"),
        (1, "1 second"),
        (60, "1 minute"),
        (7199, "1 hour"),
        (7200, "2 hours"),
        (86400, "1 day"),
    ],
)
def test_how_long_ago_is_said_in_one_unit(zoo: Zoo, seconds: float, text: str) -> None:
    end = zoo.expired.certificate.not_valid_after_utc.timestamp()
    verdict = Judge().judge(sent(zoo.expired), NAME, str(zoo.ca_file), end + seconds)
    assert verdict is not None
    assert (verdict.expired or "").startswith(f"expired {text} ago (")


def test_a_verdict_is_for_one_name_and_one_ca_file(zoo: Zoo, anchors: Anchors, now: float) -> None:
    judge, other = Judge(), anchors(zoo.unknown_root.certificate)
    valid = {
        (name, ca_file): getattr(judge.judge(sent(zoo.good), name, ca_file, now), "valid", None)
        for name in (NAME, "other.example.test")
        for ca_file in (str(zoo.ca_file), other)
    }
    assert [key for key, is_valid in valid.items() if is_valid] == [(NAME, str(zoo.ca_file))]


def test_only_so_many_verdicts_are_remembered(zoo: Zoo, now: float) -> None:
    judge = Judge(remembered=2)
    names = ("a.example", "b.example", "a.example", "c.example", "a.example", "b.example")
    a, b, a_again, _, a_used_last, b_again = (
        judge.judge(sent(zoo.good), name, str(zoo.ca_file), now) for name in names
    )
    assert a is a_again is a_used_last
    assert b is not b_again


def test_a_verdict_that_nobody_asks_for_again_is_forgotten(zoo: Zoo, now: float) -> None:
    judge = Judge()
    for name, hours in (("a.example", 0), ("b.example", 5), ("b.example", 10)):
        judge.judge(sent(zoo.good), name, str(zoo.ca_file), now + 3600 * hours)
    assert [name for _, name, _ in judge._standings] == ["b.example"]


def test_anchors_are_read_anew_at_a_reload(zoo: Zoo, anchors: Anchors, now: float) -> None:
    judge, ca_file = Judge(), anchors(zoo.unknown_root.certificate)
    valid = []
    for anchor in (zoo.unknown_root, zoo.root, zoo.unknown_root):
        assert anchors(anchor.certificate) == ca_file
        judge.load([ca_file])
        valid.append(getattr(judge.judge(sent(zoo.good), NAME, ca_file, now), "valid", None))
    assert valid == [False, True, False]


def test_a_reload_that_fails_changes_nothing(zoo: Zoo, anchors: Anchors, now: float) -> None:
    judge, ca_file = Judge(), anchors(zoo.root.certificate)
    judge.load([ca_file])
    anchors()
    with pytest.raises(TrustStoreError, match=f"{ca_file}: holds no certificate"):
        judge.load([ca_file])
    verdict = judge.judge(sent(zoo.good), NAME, ca_file, now)
    assert verdict is not None
    assert verdict.valid


# --- hostile ---------------------------------------------------------------------------------------------------


def test_no_certificate_is_no_verdict(zoo: Zoo, now: float) -> None:
    assert Judge().judge((), NAME, str(zoo.ca_file), now) is None


@pytest.mark.parametrize(
    "leaf", [b"", b"\x00", b"\x30\x80" * 5000, bytes(1 << 20)], ids=["none", "nul", "deep", "1 MB"]
)
def test_what_cannot_be_read_is_unsuitable_and_valid_for_nothing(zoo: Zoo, now: float, leaf: bytes) -> None:
    verdict = Judge().judge((leaf, *sent(zoo.good)), NAME, str(zoo.ca_file), now)
    assert verdict is not None
    assert (verdict.valid, verdict.unsuitable) == (False, "it cannot be read: no certificate")
    assert (verdict.certificate.not_after, verdict.chain_not_after) == (None, None)


def test_what_cannot_be_read_above_the_certificate_is_passed_over(zoo: Zoo, now: float) -> None:
    leaf, issuer = sent(zoo.good)
    verdict = Judge().judge((leaf, b"garbage", issuer[:-1], bytes(1 << 20), issuer), NAME, str(zoo.ca_file), now)
    assert verdict is not None
    assert findings(verdict) == set()


@pytest.mark.parametrize("trusted", [True, False])
def test_as_many_octets_of_certificates_are_looked_at_as_openssl_takes(zoo: Zoo, now: float, trusted: bool) -> None:
    leaf, issuer = sent(zoo.good)
    others = [leaf] * 60
    rest = bytes(MAX_SIZE - len(issuer) - len(leaf) * len(others) + (not trusted))
    verdict = Judge().judge((leaf, *others, rest, issuer), NAME, str(zoo.ca_file), now)
    assert verdict is not None
    assert (verdict.not_trusted is None) == trusted


def test_authorities_that_certify_each_other_come_to_an_end(zoo: Zoo, anchors: Anchors) -> None:
    one, other = zoo.intermediate, zoo.rsa_intermediate
    circle = (
        signed_again(zoo, one.certificate, other, ends=DAY),
        signed_again(zoo, other.certificate, one, ends=DAY),
    )
    verdict = judged(zoo, lambda _: replace(zoo.good, chain=circle * 20), "unknown_root", anchors)
    assert findings(verdict) == {"not_trusted"}


def test_peer_text_in_a_sentence_is_clean(zoo: Zoo, anchors: Anchors) -> None:
    made = zoo.issue(Kind(issuer=None, subject="a\r\n\x1b[2J" + "b" * 50, names=("c\n.example",)))
    verdict = judged(zoo, lambda _: made, "root", anchors)
    texts = [getattr(verdict, finding) or "" for finding in FINDINGS]
    assert [text for text in texts if not text.isprintable()] == []


@settings(deadline=None, derandomize=True)  # a busy machine fails no test
@given(data=st.data())
def test_a_damaged_certificate_is_valid_for_nothing(zoo: Zoo, data: st.DataObject) -> None:
    leaf, *chain = sent(zoo.good)
    at = data.draw(st.integers(0, len(leaf) - 1))
    octet = data.draw(st.integers(0, 255).filter(lambda octet: octet != leaf[at]))
    damaged = leaf[:at] + bytes([octet]) + leaf[at + 1 :]
    verdict = Judge().judge((damaged, *chain), NAME, str(zoo.ca_file), zoo.now.timestamp())
    assert verdict is not None
    assert not verdict.valid
