"""How each family is read off a state. Pure functions: what the probe did not reach yields nothing.

A reader yields (values of the family's own labels, value).
"""

from collections.abc import Callable, Iterable
from typing import Literal

from exporter.churn import INFO, ReadLabels, shown
from exporter.model import Certificate, Policies, Policy, Result
from exporter.reasons import Severity, Stage
from exporter.state import NO_ANSWER, DomainState, State
from exporter.verdicts import delivers

Sample = tuple[tuple[str, ...], float]
Read = Callable[[State], Iterable[Sample]]
ReadDomain = Callable[[DomainState, Iterable[State]], Iterable[Sample]]

TIMED = (Stage.DNS, Stage.CONNECT, Stage.GREETING, Stage.EHLO, Stage.STARTTLS, Stage.TLS, Stage.AUTH, Stage.QUIT)
"""The stages that smtp_probe_stage_duration_seconds tells of: those that take time on the wire."""
MICROSECONDS = 6
"""Digits of a duration: finer ones are noise, and half of what a scrape weighs with gzip."""
STAGE_LABELS = {stage: (stage,) for stage in TIMED}


def one(value: float | None, *labels: str) -> tuple[Sample, ...]:
    return () if value is None else ((labels, value),)


def of_result(read: Callable[[Result], float | None]) -> Read:
    """A family without labels of its own: one value of the result, or none."""

    def reader(state: State) -> Iterable[Sample]:
        return one(read(state.result) if state.result else None)

    return reader


def of_certificate(read: Callable[[Certificate], float | None]) -> Read:
    return of_result(lambda result: read(result.verdict.certificate) if result.verdict else None)


def success(state: State) -> Iterable[Sample]:
    return one(state.assessment.success)


def untestable(state: State) -> Iterable[Sample]:
    reason = state.assessment.untestable
    return one(1 if reason else None, *([reason] if reason else []))


def interval(state: State) -> Iterable[Sample]:
    """The wait in force; a probe on demand has none."""
    return one(state.wait or None)


def problems(state: State) -> Iterable[Sample]:
    primary, told = state.assessment.primary, set()
    for each in state.assessment.problems:
        key = each.stage, each.reason, each.severity
        if key not in told:  # one series, though it may have been found twice (EHLO in clear and inside TLS)
            told.add(key)
            yield (*key, "true" if each is primary else "false"), 1


def stages(state: State) -> Iterable[Sample]:
    taken = state.result.stages if state.result else {}
    return [(labels, round(taken[stage], MICROSECONDS)) for stage, labels in STAGE_LABELS.items() if stage in taken]


def family_of(address: str) -> str:
    """The address family by its usual name; empty where there is no address."""
    return ("ipv6" if ":" in address else "ipv4") if address else ""


def endpoint_info(state: State) -> Iterable[Sample]:
    settings = state.peer.settings
    certificate = state.assessment.certificate or settings.expect.certificate
    yield (settings.module, settings.security, family_of(state.peer.address), certificate), 1


def info(read: ReadLabels) -> Read:
    """A family of which the peer chooses the labels: those that change too often say `unstable`."""
    index = INFO.index(read)

    def reader(state: State) -> Iterable[Sample]:
        labels = read(state.result) if state.result else None
        if labels is None:
            return ()
        return one(1, *(shown(labels, state.unstable[index]) if state.unstable else labels))

    return reader


def starttls(result: Result) -> float | None:
    return None if result.hello is None else "STARTTLS" in result.hello.extensions


def size(result: Result) -> float | None:
    """RFC 1870: without a number, or with 0, no fixed limit is declared."""
    hello = result.hello_tls or result.hello
    size = hello.extensions.get("SIZE", "") if hello else ""
    return int(size) or None if size.isascii() and size.isdigit() and len(size) <= 20 else None


def auth_advertised(state: State) -> Iterable[Sample]:
    if state.result:
        for hello, when in (state.result.hello, "before_tls"), (state.result.hello_tls, "after_tls"):
            yield from one(bool(hello.mechanisms) if hello else None, when)


def tls_established(result: Result) -> float | None:
    ended_at = result.ended.stage if result.ended else None
    tried = result.session is not None or ended_at is Stage.TLS or (ended_at is None and Stage.TLS in result.stages)
    return result.established if tried else None


def tlsa_records(result: Result) -> float | None:
    return len(result.lookup.tlsa.records) or None if result.lookup else None


def domain_success(domain: DomainState, states: Iterable[State]) -> Iterable[Sample]:
    if domain.exchanges is None:
        return
    if domain.exchanges.null_mx:
        yield (), 1
        return
    critical = any(each.severity is Severity.CRITICAL for each in domain.problems)
    verdicts = {delivers(domain, state) for state in states if state.result}
    if critical or True in verdicts:
        yield (), not critical
    elif False in verdicts:
        yield (), 0


def domain_problems(domain: DomainState, _: Iterable[State]) -> Iterable[Sample]:
    yield from (((*each,), 1) for each in dict.fromkeys((p.stage, p.reason, p.severity) for p in domain.problems))


def mx(domain: DomainState, _: Iterable[State]) -> Iterable[Sample]:
    if domain.exchanges:
        yield from (((host, str(preference)), 1) for preference, host in domain.exchanges.hosts)


def domain_fact(name: Literal["records", "null_mx"]) -> ReadDomain:
    def reader(domain: DomainState, _: Iterable[State]) -> Iterable[Sample]:
        found = domain.exchanges
        unknown = found is None or any(
            each.reason in NO_ANSWER and each.severity is Severity.CRITICAL for each in found.problems
        )
        return one(None if unknown else getattr(found, name))

    return reader


def published(read: Callable[[Policies], float | None]) -> ReadDomain:
    def reader(domain: DomainState, _: Iterable[State]) -> Iterable[Sample]:
        return one(read(domain.policies) if domain.policies else None)

    return reader


def of_policy(read: Callable[[Policy], float]) -> ReadDomain:
    """Of the policy in force, where the domain still has a record of it."""
    return published(lambda policies: read(policies.policy) if policies.policy and policies.sts else None)


def policy_mode(domain: DomainState, _: Iterable[State]) -> Iterable[Sample]:
    found = domain.policies
    return one(1, found.policy.mode) if found and found.policy and found.sts else ()
