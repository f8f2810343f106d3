"""Whatever stands in a policy or in a record: it is read, or a short clean text says why not. Also by `make fuzz`."""

from hypothesis import given
from hypothesis import strategies as some

from exporter.model import Policy
from exporter.sts import lists
from exporter.sts.policy import MOST_SECONDS, parse
from exporter.sts.record import Record, sts, tlsrpt
from tests.fuzz.test_fuzz import examples

LINES = (
    *(
        "version: STSv1",
        "mode: enforce",
        "mode: none",
        "mx: mx.test",
        "mx: *.test",
        "mx: *",
        "max_age: 1",
        "max_age: 9",
    ),
    *("version:", "mx: .", "max_age: 99999999999", "x" * 40 + ": y", "\u202e: \x1b[31m", ":", " ", "\t", "\x00"),
)
POLICIES = some.lists(some.sampled_from(LINES) | some.text(max_size=20), max_size=12).flatmap(
    lambda lines: some.sampled_from(["\n", "\r\n", "\r", "\n\n"]).map(lambda end: end.join(lines).encode())
)
FIELDS = (
    "v=STSv1",
    "v=TLSRPTv1",
    "id=1",
    "id=",
    "rua=mailto:a@b.test",
    "rua=",
    ";",
    "; ",
    " ;",
    "x=y",
    "=",
    "\x1b[31m",
)
RECORDS = some.lists(some.lists(some.sampled_from(FIELDS) | some.text(max_size=9), max_size=9).map("".join), max_size=3)


def is_told_well(text: str) -> bool:
    return text.isprintable() and len(text) < 400


@examples(300)
@given(POLICIES | some.binary(max_size=99))
def test_a_policy_is_read_or_said_to_be_none(body: bytes) -> None:
    policy, why = None, ""
    try:
        policy = parse(body)
    except ValueError as error:
        why = str(error)
    assert is_told_well(why)
    if policy is not None:
        assert isinstance(policy, Policy)
        assert 0 <= policy.max_age <= MOST_SECONDS
        assert policy.mx or policy.mode == "none"
        for pattern in policy.mx:
            assert pattern.isascii()
            assert lists(policy, pattern.replace("*", "one-label"))


@examples(300)
@given(RECORDS)
def test_a_record_is_read_or_said_to_be_none(texts: list[str]) -> None:
    for found in (sts(texts), tlsrpt(texts)):
        assert isinstance(found, Record)
        assert is_told_well(found.wrong)
        assert not (found.id and found.wrong)
        assert found.present or not (found.id or found.wrong)
