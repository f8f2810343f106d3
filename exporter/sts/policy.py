"""The text of an MTA-STS policy (RFC 8461 3.2), and the hosts it lists (4.1). Pure: bytes in, a policy out.

Strict in what counts: version, mode, mx, max_age. Unknown fields and empty lines are ignored, and the first of several
equal fields counts. An invalid mx pattern matches nothing; the other patterns hold.
"""

import re
from collections.abc import Mapping

from exporter.model import Mode, Policy
from exporter.peer_text import quote
from exporter.resolve import HOST_NAME

MODES: tuple[Mode, ...] = ("enforce", "testing", "none")
MOST_SECONDS = 31_557_600
"""A year: the largest max_age."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")
BLANK = " \t"
LONGEST = 255
"""Characters of a name."""
SECONDS = re.compile(r"[0-9]{1,10}")
LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
MAX_NAMED, MAX_SHOWN = 3, 60
"""Invalid patterns that a text names, and characters of each."""


def parse(body: bytes) -> Policy:
    """Read a policy.

    Raises:
        ValueError: it is not valid; the message says why, for the operator.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8 text") from None
    fields: dict[str, str] = {}
    mx: dict[str, bool] = {}
    for line in text.replace("\r\n", "\n").split("\n"):
        if not line.strip(BLANK):
            continue
        name, colon, value = line.partition(":")
        if not (colon and NAME.fullmatch(name)):
            raise ValueError(f"{quote(line)} is no line of a policy")
        value = value.strip(BLANK)
        if name == "mx":
            mx[value.lower()] = _is_pattern(value.lower())
        fields.setdefault(name, value)
    if fields.get("version") != "STSv1":
        raise ValueError(_lacks(fields, "version", "STSv1"))
    mode = next((each for each in MODES if each == fields.get("mode")), None)
    if mode is None:
        raise ValueError(_lacks(fields, "mode", "enforce, testing or none"))
    if not SECONDS.fullmatch(fields.get("max_age", "")) or int(fields["max_age"]) > MOST_SECONDS:
        raise ValueError(_lacks(fields, "max_age", f"0 to {MOST_SECONDS}"))
    patterns, wrong = frozenset(name for name, valid in mx.items() if valid), _wrong(mx)
    if mode != "none" and not patterns:
        raise ValueError(wrong or "it has no mx")
    return Policy(mode, patterns, int(fields["max_age"]), wrong)


def lists(policy: Policy, host: str) -> bool:
    """Whether a policy lists an MX host; `*.` stands for exactly one label (RFC 8461 4.1)."""
    return host in policy.mx or f"*.{host.partition('.')[2]}" in policy.mx


def _is_pattern(name: str) -> bool:
    """Whether an mx field is a host name, or one behind `*.`: without a dot at the end (RFC 8461 3.2)."""
    domain = name.removeprefix("*.")
    return len(name) <= LONGEST and bool(HOST_NAME.fullmatch(domain) or LABEL.fullmatch(domain))


def _wrong(mx: Mapping[str, bool]) -> str:
    """Which patterns are invalid, as a sentence; empty where none is."""
    names = [quote(name[:MAX_SHOWN]) for name, valid in mx.items() if not valid]
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    shown = ", ".join(names[:MAX_NAMED]) + more
    return f"mx: {shown}: no host name" if names else ""


def _lacks(fields: dict[str, str], name: str, right: str) -> str:
    said = quote(fields[name]) if name in fields else "missing"
    return f"{name}: {said}; {right} is asked for"
