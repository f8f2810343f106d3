"""The text of an MTA-STS policy (RFC 8461 3.2), and the hosts it lists (4.1). Pure: bytes in, a policy out.

Strict in what counts: version, mode, mx, max_age. Fields that it does not know are passed over, of those that stand
twice the first counts, and empty lines do no harm.
"""

import re

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
    mx: set[str] = set()
    for line in text.replace("\r\n", "\n").split("\n"):
        if not line.strip(BLANK):
            continue
        name, colon, value = line.partition(":")
        if not (colon and NAME.fullmatch(name)):
            raise ValueError(f"{quote(line)} is no line of a policy")
        value = value.strip(BLANK)
        if name == "mx":
            mx.add(_pattern(value))
        fields.setdefault(name, value)
    if fields.get("version") != "STSv1":
        raise ValueError(_lacks(fields, "version", "STSv1"))
    mode = next((each for each in MODES if each == fields.get("mode")), None)
    if mode is None:
        raise ValueError(_lacks(fields, "mode", "enforce, testing or none"))
    if not SECONDS.fullmatch(fields.get("max_age", "")) or int(fields["max_age"]) > MOST_SECONDS:
        raise ValueError(_lacks(fields, "max_age", f"0 to {MOST_SECONDS}"))
    if mode != "none" and not mx:
        raise ValueError("it has no mx")
    return Policy(mode, frozenset(mx), int(fields["max_age"]))


def lists(policy: Policy, host: str) -> bool:
    """Whether a policy lists an MX host; `*.` stands for exactly one label (RFC 8461 4.1)."""
    return host in policy.mx or f"*.{host.partition('.')[2]}" in policy.mx


def _pattern(value: str) -> str:
    """An mx field in lower case.

    Raises:
        ValueError: it is no host name, nor one that begins with `*.`.
    """
    name = value.lower()
    domain = name.removeprefix("*.")
    if len(name) > LONGEST or not (HOST_NAME.fullmatch(domain) or LABEL.fullmatch(domain)):
        raise ValueError(f"mx: {quote(value)} is no host name")
    return name


def _lacks(fields: dict[str, str], name: str, right: str) -> str:
    said = quote(fields[name]) if name in fields else "missing"
    return f"{name}: {said}; {right} is asked for"
