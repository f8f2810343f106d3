"""Which info labels say `unstable`, because the peer changes them too often: no peer may fill Prometheus with series.

Pure functions of results; the time is passed in. Only the labels of metrics are concerned: everything else (checks,
page, API) uses the real facts.
"""

from collections.abc import Callable
from math import inf
from typing import NamedTuple

from exporter.model import Result
from exporter.smtp.hello import label
from exporter.smtp.software import software as software_of

HOUR = 3600.0
"""Seconds over which changes are counted, and without a change until the real labels are shown again."""
MAX_CHANGES = 6
"""Changes of one series in an hour. With one more, the labels that change are unstable."""
UNSTABLE = "unstable"

Labels = tuple[str, ...]
ReadLabels = Callable[[Result], Labels | None]
"""Reads the labels of one info family; None where the probe did not reach the fact."""


def software(result: Result) -> Labels | None:
    """What greets."""
    greeting = result.greeting
    return (software_of(greeting.text, result.ehlo or result.ehlo_tls),) if greeting else None


def extensions(result: Result) -> Labels | None:
    """The EHLO keywords after TLS, or before it where there is none."""
    hello = result.hello_tls or result.hello
    return (label(hello),) if hello else None


def tls(result: Result) -> Labels | None:
    """Version and cipher."""
    session = result.session
    return (session.version, session.cipher) if session and session.version and session.cipher else None


def certificate(result: Result) -> Labels | None:
    """What tells the leaf from others."""
    if result.verdict is None:
        return None
    leaf = result.verdict.certificate
    return leaf.subject, leaf.issuer, leaf.serial, leaf.fingerprint_sha256, leaf.key


INFO: tuple[ReadLabels, ...] = (software, extensions, tls, certificate)
"""The info families whose labels the peer chooses."""


class Changes(NamedTuple):
    """The recent changes of one series."""

    seen: Labels
    """The labels in the last result that has them."""
    times: tuple[float, ...] = ()
    """When the series changed, Unix seconds: MAX_CHANGES + 1 of them where it is unstable, then all the last one."""
    last: tuple[float, ...] = ()
    """When each label changed last."""

    def hidden(self, now: float) -> tuple[bool, ...]:
        """For each label whether it is unstable; empty where none is."""
        if len(self.times) <= MAX_CHANGES or not _recent(self.times[-1], now):
            return ()
        return tuple(_recent(at, now) for at in self.last)

    def after(self, labels: Labels, at: float) -> "Changes":
        """Take in the labels of one more result. Once unstable, it stays so until an hour without a change."""
        if labels == self.seen:
            return self
        recent = (then for then in self.times if _recent(then, at))
        times = (at,) * len(self.times) if self.hidden(at) else (*recent, at)
        last = self.last or (-inf,) * len(labels)
        last = tuple(at if new != old else then for new, old, then in zip(labels, self.seen, last, strict=True))
        return Changes(labels, times, last)


Churn = tuple[Changes | None, ...]
"""One for each of INFO, None where it has not changed; empty where none has, as for nearly all peers."""
Hidden = tuple[tuple[bool, ...], ...]
"""For each of INFO which of its labels are unstable; empty where none is."""


def with_seen(churn: Churn, last: Result | None) -> Churn:
    """Add what the last result shows of the series that have not changed: the next can be compared without it."""
    known = churn or (None,) * len(INFO)
    return tuple(
        changes or (Changes(seen) if last and (seen := read(last)) else None)
        for read, changes in zip(INFO, known, strict=True)
    )


def after_probe(churn: Churn, last: Result | None, result: Result) -> Churn:
    """Take in a result that follows `last`."""
    known = with_seen(churn, last)
    after = tuple(_after(changes, read, result) for read, changes in zip(INFO, known, strict=True))
    return after if any(after) else ()


def _after(changes: Changes | None, read: ReadLabels, result: Result) -> Changes | None:
    """What a probe did not reach is no change: what was seen before it is remembered until it is seen again."""
    if changes is None or (labels := read(result)) is None:
        return changes
    changes = changes.after(labels, result.finished)
    return changes if any(_recent(then, result.finished) for then in changes.times) else None


def hidden(churn: Churn, now: float) -> Hidden:
    """Find the labels that are unstable now."""
    found = tuple(changes.hidden(now) if changes else () for changes in churn)
    return found if any(found) else ()


def shown(labels: Labels, hidden: tuple[bool, ...]) -> Labels:
    """The labels as the metric shows them."""
    return tuple(UNSTABLE if hide else each for each, hide in zip(labels, hidden, strict=True)) if hidden else labels


def _recent(at: float, now: float) -> bool:
    """Whether it was within the hour. A clock that was far ahead and is right again must not hold it for years."""
    return abs(now - at) < HOUR
