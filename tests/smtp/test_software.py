import pytest

from exporter.model import Reply
from exporter.smtp.software import SERVICES, SOFTWARE, software

ROWS = [(row.example, name) for table in (SOFTWARE, SERVICES) for name, row in table.items()]


@pytest.mark.parametrize(("banner", "label"), ROWS, ids=[label for _, label in ROWS])
def test_each_example_is_recognised(banner: str, label: str) -> None:
    assert software(banner) == label


BANNERS = {
    "mail.example.test ready": "unknown",
    "postfixed.example.test ESMTP": "unknown",
    "postfix.example.test ESMTP Exim 4.96": "exim",
    "mail.mimecast.com.example.test ESMTP": "unknown",
    "mail.example.test ESMTP (1234)": "unknown",
    "mail.example.test Nemesis ESMTP Service ready": "unknown",
    "mail.example.test ESMTP Smtpd": "unknown",
    "mx.example.test ESMTP\nmx.example.test Barracuda": "barracuda",
    "mx1.mail.protection.example Microsoft ESMTP MAIL Service ready": "exchange",
    "": "unknown",
    "****************": "unknown",
}


@pytest.mark.parametrize(("banner", "label"), BANNERS.items(), ids=[banner or "-" for banner in BANNERS])
def test_names_the_software(banner: str, label: str) -> None:
    assert software(banner) == label


@pytest.mark.parametrize(
    ("banner", "offer", "label"),
    [
        ("mail.example.test ESMTP", "XVERP=Courier", "courier"),
        ("mail.example.test ESMTP", "XVERP", "unknown"),
        ("mail.example.test ESMTP Postfix", "XVERP=Courier", "postfix"),
    ],
)
def test_courier_is_recognised_by_what_it_offers(banner: str, offer: str, label: str) -> None:
    assert software(banner, Reply(250, ("mail.example.test", "PIPELINING", offer))) == label


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
