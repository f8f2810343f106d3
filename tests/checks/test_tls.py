"""What OpenSSL would refuse by default; the other rows of this check are in test_checks."""

import pytest

from exporter.checks.tls import check
from exporter.model import Expect, Session
from exporter.reasons import Reason
from tests.checks.conftest import healthy, said

DHE = "DHE-RSA-AES128-GCM-SHA256"
LEVEL_2 = "OpenSSL at Debian's default level, 2, refuses less than 2048"


@pytest.mark.parametrize(
    ("session", "details"),
    [
        pytest.param(
            Session("TLSv1.2", DHE, dh_bits=1024), [f"Diffie-Hellman group of 1024 bits; {LEVEL_2}"], id="1024"
        ),
        pytest.param(Session("TLSv1", DHE, dh_bits=2047), [f"Diffie-Hellman group of 2047 bits; {LEVEL_2}"], id="2047"),
        pytest.param(Session("TLSv1.2", DHE, dh_bits=2048), [], id="2048"),
        pytest.param(Session("TLSv1.2", DHE), [], id="not seen"),
        pytest.param(Session("TLSv1.2", "DHE-RSA-RC4-SHA", dh_bits=1024), ["cipher DHE-RSA-RC4-SHA"], id="RC4 as well"),
        pytest.param(
            Session("TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256", signed_with_sha1=True, secure_renegotiation=True),
            ["the key exchange is signed with SHA-1; OpenSSL at Debian's default level, 2, refuses that"],
            id="a signature with SHA-1",
        ),
        pytest.param(
            Session("TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256", secure_renegotiation=False),
            ["no secure renegotiation (RFC 5746), without which OpenSSL refuses a server"],
            id="no secure renegotiation",
        ),
        pytest.param(
            Session("TLSv1.2", "AES128-SHA", secure_renegotiation=False),
            [
                "no forward secrecy: AES128-SHA; "
                "no secure renegotiation (RFC 5746), without which OpenSSL refuses a server"
            ],
            id="two weaknesses",
        ),
    ],
)
def test_what_openssl_would_refuse_is_weak_and_says_why(session: Session, details: list[str]) -> None:
    problems = check(healthy(session=session), Expect())
    assert [each.detail for each in problems if each.reason is Reason.TLS_WEAK] == details


def test_a_small_group_is_a_warning_whatever_is_expected() -> None:
    strict = {"starttls": "required", "certificate": "trusted", "min_tls": "TLSv1.2"}
    assert said(healthy(session=Session("TLSv1.2", DHE, dh_bits=1024), expect=strict)) == {"tls_weak": "warning"}
