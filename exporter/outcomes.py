"""The last outcomes of an endpoint or a mail domain: since when, which state, and why. At most 400 bytes each.

Equal outcomes in a row are one entry. Where there are too many entries, those that ended more than 24 hours ago are
dropped; then neighbours are merged, those first that lose least: good ones, then a failure with what is beside it,
and two failures of different reasons only where nothing else is left. Whatever is merged is still counted: the share
of good outcomes stays exact, and no failure within 24 hours goes unseen.

Pure functions of bytes; the time is passed in. Nothing is kept across a restart: Prometheus keeps the history.
"""

from collections.abc import Iterable, Iterator
from itertools import chain
from struct import Struct
from typing import NamedTuple

from exporter.reasons import Reason, Untestable

MAX_ENTRIES = 96
MAX_BYTES = 350
"""With the 33 bytes of an empty bytes object, under 400: 4 MB for 10,000 endpoints."""
DAY = 86400.0
"""Seconds that are covered, however often the outcome changes."""
UNIT = 10
"""Seconds in which the times of all entries but the latest are kept: the distance of two then often fits a byte."""

NOTHING = ("", "")
"""The code of a time without outcomes: the agent was asleep, or the address was not in DNS."""
KNOWN = (
    NOTHING, ("ok", ""), *(("warning", str(each)) for each in Reason),
    *(("untestable", str(each)) for each in Untestable), *(("critical", str(each)) for each in Reason),
)  # fmt: skip
"""What an outcome can be, by its code of one byte, the gravest last."""
CODES = {each: code for code, each in enumerate(KNOWN)}
GOOD = frozenset(code for (state, _), code in CODES.items() if state in ("ok", "warning"))
UNTESTED = frozenset(code for (state, _), code in CODES.items() if state in ("", "untestable"))
"""A warning is good: mail is taken. An untestable one is neither good nor bad, for nothing was seen of the server."""

HEAD = Struct("<ddBBI")
"""The latest entry: the time of its last and of its first outcome, how many entries are before it, its code, and how
many outcomes it stands for. The others follow, the latest first: code, distance to the beginning of the next, twice
the number of outcomes; one more where good and failed ones are counted apart, which follow then."""


class Entry(NamedTuple):
    """Outcomes in a row: all alike, or merged, then with the gravest state and the reason of most failures."""

    began: float
    """When the first one came, Unix seconds."""
    ended: float
    """When the next entry began; of the latest, its last outcome."""
    code: int
    good: int = 0
    failed: int = 0
    untested: int = 0

    @property
    def state(self) -> str:
        """The state in one word; empty where there was no outcome."""
        return KNOWN[self.code][0]

    @property
    def reason(self) -> str:
        """The primary reason, empty where all was well."""
        return KNOWN[self.code][1]

    @property
    def number(self) -> int:
        """How many outcomes it stands for."""
        return self.good + self.failed + self.untested

    def within(self, since: float) -> float:
        """The part of it that lies after a time."""
        if self.began >= since:
            return 1.0
        return max(0.0, (self.ended - since) / (self.ended - self.began or 1.0))


def after(outcomes: bytes, outcome: tuple[str, str], at: float, hold: float) -> bytes:
    """Take in one more: its state and reason, and when it came. An outcome holds for `hold` seconds at most."""
    code = CODES[outcome]
    if not outcomes:
        return HEAD.pack(at, at, 0, code, 1)
    last, began, before, latest, count = HEAD.unpack_from(outcomes)
    if at < last:  # the clock was set back: the past moves with it
        began, last = began - (last - at), at
    hole = at - last > hold
    if latest == code and not hole:
        return HEAD.pack(at, began, before, code, count + 1) + outcomes[HEAD.size :]
    older = _packed(_pure(began, last if hole else at, latest, count)) + outcomes[HEAD.size :]
    if hole:
        older = _packed(Entry(last, at, CODES[NOTHING])) + older
    number = before + 1 + hole
    if number >= MAX_ENTRIES or HEAD.size + len(older) > MAX_BYTES:
        number, older = _thinned(list(_older(older, at)), at)
    return HEAD.pack(at, at, number, code, 1) + older


def entries(outcomes: bytes) -> list[Entry]:
    """All entries, the earliest first. Where one ended before the next began, there was no outcome."""
    if not outcomes:
        return []
    last, began, _, code, count = HEAD.unpack_from(outcomes)
    found = [_pure(began, last, code, count), *_older(outcomes[HEAD.size :], began)]
    return [each for each in reversed(found) if each.number]


def share(of: Iterable[Entry], since: float) -> float | None:
    """The share of good outcomes since a time, weighted by how many an entry stands for; None where none was tested."""
    good = failed = 0.0
    for each in of:
        part = each.within(since)
        good, failed = good + part * each.good, failed + part * each.failed
    return good / (good + failed) if good + failed else None


def _pure(began: float, ended: float, code: int, number: int) -> Entry:
    """Outcomes that are all alike."""
    if code in GOOD:
        return Entry(began, ended, code, number)
    return Entry(began, ended, code, 0, 0, number) if code in UNTESTED else Entry(began, ended, code, 0, number)


def _thinned(older: list[Entry], at: float) -> tuple[int, bytes]:
    """Make room for one more: how many are left, and these, written down. `older`: the latest first."""
    while True:
        packed = b"".join(map(_packed, older))
        if len(older) < MAX_ENTRIES and HEAD.size + len(packed) <= MAX_BYTES:
            return len(older), packed
        if older[-1].ended <= at - DAY:
            older.pop()
        else:
            where = min(range(len(older) - 2, -1, -1), key=lambda index: _loss(older[index + 1], older[index]))
            older[where : where + 2] = [_merged(older[where + 1], older[where])]


def _loss(one: Entry, following: Entry) -> tuple[int, float]:
    """How much is lost where two neighbours are merged: what they tell, and then how exactly the times are known."""
    span = following.ended - one.began
    if not one.failed or not following.failed:
        return int(one.failed + following.failed > 0), span
    return 1 + (one.code != following.code), span


def _merged(one: Entry, following: Entry) -> Entry:
    graver = max(following, one, key=lambda each: (each.failed, each.code))
    return Entry(
        one.began, following.ended, graver.code, one.good + following.good, one.failed + following.failed,
        one.untested + following.untested,
    )  # fmt: skip


def _packed(entry: Entry) -> bytes:
    number, good, failed = entry.number, entry.good, entry.failed
    distance = int(entry.ended // UNIT - entry.began // UNIT)
    mixed = number != max(good, failed, entry.untested)
    numbers = (distance, 2 * number + mixed, *((good, failed) if mixed else ()))
    if max(numbers) < 0x80:
        return bytes((entry.code, *numbers))
    return bytes((entry.code, *chain.from_iterable(map(_digits, numbers))))


def _digits(number: int) -> Iterator[int]:
    """A number in digits of 7 bits, the lowest first; all but the last have the highest bit set."""
    while number > 0x7F:
        yield number & 0x7F | 0x80
        number >>= 7
    yield number


def _older(packed: bytes, until: float) -> Iterator[Entry]:
    """The entries before the latest, the latest first; `until`: when the latest began."""
    digits, ended, at = iter(packed), until, int(until // UNIT)
    for code in digits:
        at -= _number(digits)
        number = _number(digits)
        began = float(at * UNIT)
        if number & 1:
            good, failed = _number(digits), _number(digits)
            yield Entry(began, ended, code, good, failed, number // 2 - good - failed)
        else:
            yield _pure(began, ended, code, number // 2)
        ended = began


def _number(digits: Iterator[int]) -> int:
    digit = next(digits)
    if digit < 0x80:
        return digit
    number, shift = digit & 0x7F, 7
    for digit in digits:
        number |= (digit & 0x7F) << shift
        if digit < 0x80:
            break
        shift += 7
    return number
