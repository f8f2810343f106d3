"""Which info labels say `unstable`, and for how long: a story of probes, a row each."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.churn import (
    HOUR,
    INFO,
    MAX_CHANGES,
    Churn,
    Labels,
    ReadLabels,
    after_probe,
    certificate,
    extensions,
    hidden,
    shown,
    software,
)
from exporter.model import Hello, Reply, Result, Session, Verdict
from exporter.reasons import Reason
from tests.results import LEAF, NOW, failed, healthy

MINUTE = 60.0


def offering(keyword: str, at: float) -> Result:
    """A probe that saw this keyword; `-`: one that came no further than the connection."""
    if keyword == "-":
        return failed(Reason.GREETING_TIMEOUT, finished=at)
    return healthy(finished=at, hello_tls=Hello("EHLO", {keyword: ""}))


def follow(*results: Result) -> Churn:
    churn: Churn = ()
    for last, result in zip((None, *results), results, strict=False):
        churn = after_probe(churn, last, result)
    return churn


def label(read: ReadLabels, result: Result, churn: Churn, now: float) -> Labels | None:
    """What the metric of the last result says."""
    found, labels = hidden(churn, now), read(result)
    return shown(labels, found[INFO.index(read)]) if found and labels else labels


STORIES = [
    ("the same all along", "AAAAAAAAAAAA", 1, 0, "A"),
    ("six changes", "ABABABA", 1, 0, "A"),
    ("seven changes, of only two values", "ABABABAB", 1, 0, "unstable"),
    ("seven changes, each to a new value", "ABCDEFGH", 1, 0, "unstable"),
    ("many changes", "ABCDEFGHABCDEFGHABCDEFGH", 1, 0, "unstable"),
    ("six in each hour, for hours", "ABCDEFGHABCDEFGHABCDEFGH", 10, 0, "H"),
    ("seven in an hour", "ABCDEFGH", 9.9, 0, "unstable"),
    ("seven in an hour, after some that were too slow", "ABCAAAAAAABCDEFGH", 9.9, 0, "unstable"),
    ("probes that came not so far in between", "A-B-C-D-E-F-G-H", 1, 0, "unstable"),
    ("the same after those that came not so far", "A-A--A-A---A-A-A-A-A", 1, 0, "A"),
    ("six changes, and what came not so far", "A-BA--BAB-A", 1, 0, "A"),
    ("a new value after a failure counts once", "A-BBABABB", 1, 0, "B"),
    ("failures only", "--------", 1, 0, None),
    ("the last one came not so far", "ABABABAB-", 1, 0, None),
    ("nearly an hour without a change", "ABABABABB", 1, 58.9, "unstable"),
    ("an hour without a change or a new probe", "ABABABAB", 1, 60, "B"),
    ("an hour without a change, seen by probes", "ABABABABBBBBBBB", 9.9, 0, "B"),
    ("one change in the hour prolongs it", "ABABABABBBBCCCCC", 9.9, 0, "unstable"),
    ("an hour without a change, then one", "ABABABABBBBBBBBC", 9.9, 0, "C"),
]


@pytest.mark.parametrize(
    ("seen", "minutes", "later", "expected"), [row[1:] for row in STORIES], ids=[row[0] for row in STORIES]
)
def test_what_a_label_says(seen: str, minutes: float, later: float, expected: str | None) -> None:
    """Probes every so many minutes; `later`: minutes after the last one."""
    results = [offering(each, NOW + number * minutes * MINUTE) for number, each in enumerate(seen)]
    said = label(extensions, results[-1], follow(*results), results[-1].finished + later * MINUTE)
    assert said == (None if expected is None else (expected,))


def served(at: float, **other: str) -> Result:
    return healthy(finished=at, verdict=Verdict(replace(LEAF, **other), None))  # type: ignore[arg-type]  # texts


CERTIFICATES: list[tuple[str, list[dict[str, str]], dict[str, str]]] = [
    ("a new one for each handshake", [{"serial": str(n), "fingerprint_sha256": f"f{n}"} for n in range(9)],
     {"serial": "unstable", "fingerprint_sha256": "unstable"}),
    ("two nodes, RSA and ECDSA", [{"serial": str(n % 2), "key": ("rsa-2048", "ecdsa-256")[n % 2]} for n in range(9)],
     {"serial": "unstable", "key": "unstable"}),
    ("another name for each handshake", [{"subject": f"s{n}", "issuer": f"i{n}"} for n in range(9)],
     {"subject": "unstable", "issuer": "unstable"}),
    ("the issuer changed once, within the hour",
     [{"serial": str(n), "issuer": "old" if n < 4 else "new"} for n in range(30)],
     {"serial": "unstable", "issuer": "unstable"}),
    ("the issuer changed once, an hour ago",
     [{"serial": str(n), "issuer": "old" if n < 4 else "new"} for n in range(65)],
     {"serial": "unstable", "issuer": "new"}),
    ("labels take turns", [{"serial": str((n + 1) // 2), "key": str(n // 2)} for n in range(8)],
     {"serial": "unstable", "key": "unstable"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("leaves", "expected"), [row[1:] for row in CERTIFICATES], ids=[row[0] for row in CERTIFICATES]
)
def test_only_the_labels_that_change_are_unstable(leaves: list[dict[str, str]], expected: dict[str, str]) -> None:
    results = [served(NOW + number * MINUTE, **leaf) for number, leaf in enumerate(leaves)]
    said = label(certificate, results[-1], follow(*results), results[-1].finished)
    assert said == certificate(served(NOW, **expected))


def test_each_family_is_counted_by_itself() -> None:
    """Four changes of the software and four of the cipher are no seven of one series."""
    results = [
        healthy(finished=NOW + number, greeting=Reply(220, (f"mx ESMTP {('Postfix', 'Exim')[number // 2 % 2]}",)),
                session=Session("TLSv1.3", str((number + 1) // 2)))
        for number in range(9)
    ]  # fmt: skip
    assert hidden(follow(*results), NOW + 9) == ()
    assert label(software, results[-1], follow(*results), NOW + 9) == ("postfix",)


def test_a_greeting_that_differs_each_time_is_no_change_of_the_software() -> None:
    results = [healthy(finished=NOW + n, greeting=Reply(220, (f"mx ESMTP Exim 4.98 {n}",))) for n in range(20)]
    assert follow(*results) == ()


def test_nothing_is_remembered_of_what_has_not_changed_for_an_hour() -> None:
    results = [offering(each, NOW + number) for number, each in enumerate("A-ABABABABAB")]
    quiet = [offering("B", NOW + HOUR), offering("B", NOW + 2 * HOUR)]
    assert follow(*results, *quiet) == ()


def test_what_is_remembered_of_a_peer_is_bounded() -> None:
    (changes,) = filter(None, follow(*(offering(str(number), NOW + number) for number in range(1000))))
    assert (len(changes.times), len(changes.last)) == (MAX_CHANGES + 1, 1)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.floats(5, 1200)), max_size=200))
def test_no_server_makes_more_than_eight_series_an_hour(probes: list[tuple[int, float]]) -> None:
    """Six changes, the seventh that makes it unstable, and the one back after an hour without any."""
    churn: Churn = ()
    last: Result | None = None
    said: Labels | None = None
    now, changes = NOW, list[float]()
    for keyword, wait in probes:
        result = offering(str(keyword), now)
        churn, last = after_probe(churn, last, result), result
        for at in (now, now + wait / 2):
            if (shows := label(extensions, result, churn, at)) != said:
                said = shows
                changes.append(at)
        now += wait
    assert all(sum(at <= each < at + HOUR for each in changes) <= MAX_CHANGES + 2 for at in changes[1:])


def test_a_clock_that_was_a_year_ahead_does_not_hold_it_for_a_year() -> None:
    results = [offering(each, NOW + 365 * 86400 + number) for number, each in enumerate("ABABABAB")]
    assert label(extensions, results[-1], follow(*results), NOW) == ("B",)
