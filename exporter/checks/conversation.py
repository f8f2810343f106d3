"""Did the conversation come to its end, and did the server agree to each step?"""

from collections.abc import Iterator

from exporter.checks.problem import problem
from exporter.model import Ended, Expect, Problem, Reply, Result
from exporter.phrases import explain, meaning_of, speaks_of_us, wants_certificate
from exporter.reasons import Reason, Stage
from exporter.smtp.software import software

REFUSED = {
    Stage.GREETING: (Reason.GREETING_TEMPORARY, Reason.GREETING_REJECTED, Reason.GREETING_MALFORMED),
    Stage.EHLO: (Reason.EHLO_TEMPORARY, Reason.EHLO_REJECTED, Reason.REPLY_MALFORMED),
    Stage.STARTTLS: (Reason.STARTTLS_TEMPORARY, Reason.STARTTLS_REJECTED, Reason.REPLY_MALFORMED),
}
"""What a reply at a stage means that is not the one asked for: 4xx, 5xx, anything else."""


NEXT_TO_NOTHING = frozenset({"ENHANCEDSTATUSCODES"})
"""What Sendmail offers a client that it refuses."""


def refusals(result: Result) -> Iterator[tuple[Stage, Reply]]:
    """The replies by which the server did not agree."""
    if result.greeting and result.greeting.code != 220:
        yield Stage.GREETING, result.greeting
    for reply in (result.ehlo, result.ehlo_tls):
        if reply and reply.code // 100 != 2:
            yield Stage.EHLO, reply
    if result.starttls and result.starttls.code // 100 != 2:
        yield Stage.STARTTLS, result.starttls


def hides_extensions(result: Result) -> bool:
    """Whether this is how Sendmail refuses a client (access map, DNSBL): it accepts EHLO, and offers next to nothing.

    Every MAIL is refused then, and what it offers to others is not seen.
    """
    hello, greeting = result.hello_tls or result.hello, result.greeting
    if hello is None or greeting is None or hello.extensions.keys() != NEXT_TO_NOTHING:
        return False
    return software(greeting.text) == "sendmail"


def check(result: Result, _: Expect) -> Iterator[Problem]:
    """What ended it early, or how the server refused."""
    refused, ended = tuple(refusals(result)), result.ended
    if ended and ended.stage is Stage.EHLO and result.ehlo_refusal and refused:  # HELO was tried after a refused EHLO
        if ended.reason is Reason.EHLO_CLOSED:
            ended = None
        elif ended.reason is Reason.REPLY_MALFORMED:
            refused = ()
    if result.unsolicited:
        said = f"the server sent an unsolicited reply: {result.unsolicited.code} {result.unsolicited.text}"
        stage = Stage.STARTTLS if result.unsolicited == result.starttls else Stage.EHLO
        ended = Ended(stage, Reason.REPLY_MALFORMED, said)
    if ended:
        meaning = meaning_of(ended.detail)
        detail = f"{meaning}: {ended.detail}" if meaning else ended.detail
        yield from problem(ended.reason, detail, stage=ended.stage, expected=True)
    for stage, reply in refused:
        yield from _refusal(result, stage, reply)


def _refusal(result: Result, stage: Stage, reply: Reply) -> Iterator[Problem]:
    """What a refusal says: of a client certificate, of us, or of the server itself."""
    detail = explain(reply, result.greeting if stage is Stage.EHLO else None)
    if reply.code // 100 in (4, 5) and wants_certificate(reply):
        yield from problem(Reason.TLS_CLIENT_CERTIFICATE_REQUIRED, detail)
        return
    temporary, rejected, malformed = REFUSED[stage]
    reason = {4: temporary, 5: rejected}.get(reply.code // 100, malformed)
    if reason is rejected and speaks_of_us(reply, result.own_address):
        reason = Reason.CLIENT_REJECTED
    yield from problem(reason, detail, stage=stage)
