"""Is STARTTLS offered as it should be, and only in clear?"""

from collections.abc import Iterator

from exporter.checks.problem import first_line_hint, problem
from exporter.model import Expect, Hello, Problem, Result, Security
from exporter.phrases import explain
from exporter.reasons import Reason
from exporter.smtp.hello import MASKED

MASKED_GREETING = "*****"


def check(result: Result, expect: Expect) -> Iterator[Problem]:
    """RFC 3207: offered in clear, and no more inside TLS."""
    settings, hello = result.peer.settings, result.hello
    if settings.security is Security.NONE:
        return
    if result.hello_tls and "STARTTLS" in result.hello_tls.extensions:
        yield from problem(Reason.STARTTLS_AFTER_TLS)
    if hello is None or settings.security is Security.IMPLICIT:
        return
    offered, forbidden = "STARTTLS" in hello.extensions, expect.starttls == "forbidden"
    if offered and forbidden:
        yield from problem(Reason.STARTTLS_FORBIDDEN)
    elif not offered and not forbidden:
        mask = _mask(result)
        yield from problem(
            Reason.STARTTLS_MASKED if mask else Reason.STARTTLS_NOT_SUPPORTED,
            f"{mask} hides it" if mask else _instead(result, hello),
            expected=expect.starttls == "required",
        )


def _instead(result: Result, hello: Hello) -> str:
    """What the server said instead of offering it."""
    if result.ehlo_refusal:
        return f"HELO was accepted after EHLO was refused: {explain(result.ehlo_refusal)}"
    offered = " ".join(sorted(hello.extensions)) or "nothing"
    return first_line_hint(result.ehlo, "STARTTLS") or f"{hello.verb} offers: {offered}"


def _mask(result: Result) -> str | None:
    """The trace of a device that overwrites what it does not know."""
    for keyword in result.hello.extensions if result.hello else ():
        if MASKED.fullmatch(keyword):
            return keyword
    if result.greeting and MASKED_GREETING in result.greeting.text:
        return MASKED_GREETING
    return None
