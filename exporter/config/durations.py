"""Durations as in Prometheus, always with a unit: 500ms, 30s, 5m, 1h30m. Text to seconds and back."""

import re
from typing import Literal

from exporter.config.scalars import Trap, describe, fix_number

UNITS = {"y": 31_536_000.0, "w": 604_800.0, "d": 86_400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
PATTERN = "^" + "".join(f"([0-9]{{1,9}}{unit})?" for unit in UNITS) + "$"
LONGEST = UNITS["y"]
SHORTEST_CONFIRMATION = 5.0
"""Seconds after a failed probe before which no server is to be probed again."""


def seconds(value: object) -> float:
    """Read a duration, above 0 and at most a year. Raises ValueError with a sentence for the operator."""
    number = str(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else ""
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]+)?", number):
        raise ValueError(f"a duration needs a unit, for example {number.split('.')[0]}s")
    if not isinstance(value, str) or not value:
        hint = fix_number(value) or (": write it with units" if isinstance(value, Trap) else "")
        raise ValueError(f"expected a duration such as 30s, 5m or 1h30m, got {describe(value)}{hint}")
    found = re.fullmatch(PATTERN, value)
    if not found:
        raise ValueError(f"not a duration: {describe(value)}; write it as 500ms, 30s, 5m or 1h30m")
    total = sum(
        int(part[: -len(unit)]) * size for (unit, size), part in zip(UNITS.items(), found.groups(), strict=True) if part
    )
    if not 0 < total <= LONGEST:
        raise ValueError(f"a duration is above 0 and at most a year, got {value}")
    return round(total, 3)  # 1m1s1ms and 61001ms are the same


def confirmation(value: object) -> float | Literal["off"]:
    """Read `confirm_interval`: `off`, or a duration of at least SHORTEST_CONFIRMATION."""
    if value == "off" or (isinstance(value, Trap) and value.text == "off"):
        return "off"
    if (duration := seconds(value)) < SHORTEST_CONFIRMATION:
        raise ValueError(f"expected at least {written(SHORTEST_CONFIRMATION)}, or off; got {value}")
    return duration


def written(duration: float) -> str:
    """Write seconds as a duration: 300.0 is 5m, 90.0 is 1m30s; up to a minute they stay seconds."""
    if duration == UNITS["m"]:
        return "60s"
    text, rest = "", round(duration * 1000)
    for unit, size in list(UNITS.items())[2:]:
        count, rest = divmod(rest, round(size * 1000))
        text += f"{count}{unit}" if count else ""
    return text or "0s"
