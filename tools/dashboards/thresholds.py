"""When a value is good and when it is bad, and in which words and colours: the same on every dashboard."""

from tools.alerts import CRITICAL_DAYS, WARNING_DAYS
from tools.grafana import Threshold, Words

GOOD, BAD, DOUBTFUL, UNKNOWN = "green", "red", "orange", "purple"

DAYS_LEFT: tuple[Threshold, ...] = (BAD, None), (DOUBTFUL, CRITICAL_DAYS), (GOOD, WARNING_DAYS)
ALL_GOOD: tuple[Threshold, ...] = (BAD, None), (GOOD, 1)
NONE_GOOD: tuple[Threshold, ...] = (GOOD, None), (BAD, 1)
NONE_BETTER: tuple[Threshold, ...] = (GOOD, None), (DOUBTFUL, 1)
ON_TIME: tuple[Threshold, ...] = (GOOD, None), (DOUBTFUL, 0.25)
"""Seconds: probes spread over a minute do not mind less, and figures of milliseconds mean nothing beyond."""

COVERED = 0.9
"""A port that could be tested for less of the time has no availability worth the name."""

STATE: Words = {0: ("fails", BAD), 1: ("works", GOOD), 2: ("untestable", UNKNOWN)}
DELIVERABLE: Words = {0: ("fails", BAD), 1: ("well", GOOD), 2: ("untestable", UNKNOWN)}
SEVERITY: Words = {
    "critical": ("critical", BAD),
    "warning": ("warning", DOUBTFUL),
    "untestable": ("untestable", UNKNOWN),
}
PROBLEM: Words = {1: ("warning", DOUBTFUL), 2: ("critical", BAD)}
VALID: Words = {0: ("not valid", BAD), 1: ("valid", GOOD)}
LASTS: Words = {0: ("lasts", GOOD), 1: ("expires soon", DOUBTFUL), 2: ("expires", BAD), 3: ("expired", BAD)}
BLOCKED: Words = {0: ("not blocked", GOOD), 1: ("blocked", BAD)}
LOADED: Words = {0: ("failed", BAD), 1: ("succeeded", GOOD)}
SEEN: Words = {1: ("served", "blue")}
YES: Words = {0: ("no", "text"), 1: ("yes", "text")}
