import pytest

from exporter.smtp.software import SOFTWARE, software

BANNERS = {
    "mail.example.test ESMTP Postfix (Debian/GNU)": "postfix",
    "mail.example.test ESMTP Exim 4.96 Sat, 21 Nov 2026 05:55:52 +0000": "exim",
    "mx.google.com ESMTP a1b2c3d4-e5f6sor123.4 - gsmtp": "gmail",
    "EX01.corp.example Microsoft ESMTP MAIL Service ready at Sat, 21 Nov 2026 05:55:52 +0100": "exchange",
    "mail.example.test ESMTP Sendmail 8.17.1/8.17.1; Sat, 21 Nov 2026 05:55:52 GMT": "sendmail",
    "mail.example.test ESMTP OpenSMTPD": "opensmtpd",
    "email-smtp.amazonaws.com ESMTP SimpleEmailService-d-ABC Xyz123": "ses",
    "mail.example.test ready": "unknown",
    "postfixed.example.test ESMTP": "unknown",
    "": "unknown",
    "****************": "unknown",
}


@pytest.mark.parametrize(("banner", "label"), BANNERS.items(), ids=[label or "-" for label in BANNERS])
def test_names_the_software(banner: str, label: str) -> None:
    assert software(banner) == label


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("h ESMTP Exim 4.96 Sat, 21 Nov 2026 05:55:52 +0000", "h ESMTP Exim 4.97 Sun, 22 Nov 2026 17:00:01 +0200"),
        ("mx.google.com ESMTP a1b2-c3sor1.4 - gsmtp", "mx.google.com ESMTP ffff-eeesi9.0 - gsmtp"),
        ("h ready 1f3a at 05:55", "h ready 77b2 at 06:01"),
    ],
    ids=["exim", "gmail", "unknown"],
)
def test_dates_and_session_ids_never_change_it(one: str, other: str) -> None:
    assert software(one) == software(other)


def test_every_label_is_fit_for_one() -> None:
    assert all(label.replace("-", "").isalnum() and label == label.lower() for label in SOFTWARE)


def test_a_long_banner_costs_no_time() -> None:
    assert software("x" * 1_000_000 + " Postfix") == "unknown"
