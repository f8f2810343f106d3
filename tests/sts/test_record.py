"""The TXT records of MTA-STS and TLS-RPT: which are good, which are none, which are mistakes."""

import pytest

from exporter.sts.record import Record, sts, tlsrpt

GOOD = "v=STSv1; id=20261128T120000;"
REPORTS = "v=TLSRPTv1; rua=mailto:tls@example.test"


@pytest.mark.parametrize(
    ("texts", "record"),
    [
        ([], Record()),
        (["v=spf1 -all", "some text"], Record()),
        ([GOOD], Record(present=True, id="20261128T120000")),
        (["v=STSv1;id=1"], Record(present=True, id="1")),
        (["v=STSv1 ;\tid=1 ; "], Record(present=True, id="1")),
        (["v=STSv1; x-more=a:b/c; id=1; id=2"], Record(present=True, id="1")),
        (["v=spf1 -all", GOOD], Record(present=True, id="20261128T120000")),
        ([GOOD, GOOD], Record(present=True, wrong="there are 2 records")),
        ([GOOD, "v=STSv2; id=2"], Record(present=True, id="20261128T120000")),
        (["v=STSv1;"], Record(present=True, wrong="it has no id")),
        (["v=STSv1"], Record(present=True, wrong="it has no id")),
        (["v=STSv1; id="], Record(present=True, wrong="'id=' is no field")),
        (["v=STSv1; id=2026-11-28"], Record(present=True, wrong="its id is not 1 to 32 letters and digits")),
        (["v=STSv1; id=" + "1" * 33], Record(present=True, wrong="its id is not 1 to 32 letters and digits")),
        (["v=STSv1; id=1; and so on"], Record(present=True, wrong="'and so on' is no field")),
        (["v=STSv1; id=1;;"], Record(present=True, wrong="'' is no field")),
        (["v=stsv1; id=1"], Record(present=True, wrong="it begins with v=stsv1, not with v=STSv1;")),
        (["v=STSv2; id=1"], Record(present=True, wrong="it begins with v=STSv2, not with v=STSv1;")),
        ([" v=STSv1; id=1"], Record(present=True, wrong="it begins with  v=STSv1, not with v=STSv1;")),
        (["v=STSv1; id=1; \x1b[31m=x"], Record(present=True, wrong=r"'\x1b[31m=x' is no field")),
    ],
)
def test_the_record_of_mta_sts(texts: list[str], record: Record) -> None:
    assert sts(texts) == record


@pytest.mark.parametrize(
    ("texts", "record"),
    [
        ([], Record()),
        (["v=STSv1; id=1"], Record()),
        ([REPORTS], Record(present=True)),
        (["v=TLSRPTv1;rua=mailto:a@b.test,https://b.test/tls ; x=y;"], Record(present=True)),
        ([REPORTS, REPORTS], Record(present=True, wrong="there are 2 records")),
        ([REPORTS, "v=TLSRPTv2; rua=mailto:b@example.test"], Record(present=True)),
        (["v=TLSRPTv1; x=y"], Record(present=True, wrong="it has no rua, so nobody knows where reports go")),
        (["v=TLSRPTv1; rua=tls@b.test"], Record(present=True, wrong="'tls@b.test' is no mailto: or https: address")),
        (
            ["v=TLSRPTv1; rua=http://b.test/"],
            Record(present=True, wrong="'http://b.test/' is no mailto: or https: address"),
        ),
        (["v=TLSRPTv1; nonsense"], Record(present=True, wrong="'nonsense' is no field")),
        (
            ["v=TLSRPT1; rua=mailto:a@b.test"],
            Record(present=True, wrong="it begins with v=TLSRPT1, not with v=TLSRPTv1;"),
        ),
    ],
)
def test_the_record_of_tls_reports(texts: list[str], record: Record) -> None:
    assert tlsrpt(texts) == record


def test_a_record_of_sixty_kilobytes_is_told_in_a_line() -> None:
    assert len(sts(["v=STSv1; " + "x" * 60_000]).wrong) < 300
    assert sts(["v=STSv1; " + "x=y; " * 12_000]).wrong == "it has no id"
