"""Is the server the one the operator expects: its banner, its extensions?"""

from collections.abc import Iterator
from functools import cache
from typing import Any

import re2

from exporter.checks.problem import first_line_hint, problem
from exporter.model import Expect, Problem, Result
from exporter.peer_text import quote
from exporter.reasons import Reason


def _found(pattern: str, text: str) -> bool:
    """RE2 takes linear time, so no pattern on no banner can stop the loop."""
    return _compiled(pattern).search(text) is not None


@cache
def _compiled(pattern: str) -> Any:
    return re2.compile(pattern)


def check(result: Result, expect: Expect) -> Iterator[Problem]:
    """`expect.banner` and `expect.extensions`; what the probe did not reach is not judged."""
    greeting = result.greeting
    if expect.banner is not None and greeting and greeting.code == 220 and not _found(expect.banner, greeting.text):
        yield from problem(Reason.BANNER_MISMATCH, f"{quote(greeting.text)} does not match '{expect.banner}'")
    hello = result.hello_tls or (result.hello if result.starttls is None else None)
    if hello and (missing := [name for name in expect.extensions if name not in hello.extensions]):
        reply = result.ehlo_tls if result.hello_tls else result.ehlo
        said = (f"not announced: {' '.join(missing)}", *(first_line_hint(reply, name) for name in missing))
        yield from problem(Reason.EXTENSION_MISSING, "; ".join(filter(None, said)))
