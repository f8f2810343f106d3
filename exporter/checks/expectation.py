"""Is the server the one the operator expects: its banner, its extensions?"""

from collections.abc import Iterator
from functools import cache
from typing import Any

import re2

from exporter.checks.problem import problem
from exporter.model import Problem, Result
from exporter.reasons import Reason


@cache
def _compiled(pattern: str) -> Any:
    """RE2 takes linear time, so no pattern on no banner can stop the loop."""
    return re2.compile(pattern)


def check(result: Result) -> Iterator[Problem]:
    """`expect.banner` and `expect.extensions`; what the probe did not reach is not judged."""
    expect, greeting = result.peer.settings.expect, result.greeting
    if expect.banner is not None and greeting and not _compiled(expect.banner).search(greeting.text):
        yield from problem(Reason.BANNER_MISMATCH, f"{greeting.text!r} does not match {expect.banner!r}")
    hello = result.hello_tls or result.hello
    if hello and (missing := [name for name in expect.extensions if name not in hello.extensions]):
        yield from problem(Reason.EXTENSION_MISSING, f"not announced: {' '.join(missing)}")
