"""What a domain's records and the last attempt to fetch its policy mean together (RFC 8461 3.3). Pure.

A sender that has a policy goes by it until its max_age is over, whatever has become of record and web server. One that
has none learns of none while these are broken: so what is in force, and what is wrong, are two questions.
"""

from dataclasses import replace
from zlib import crc32

from exporter.model import Fetched, Policies, Policy, Problem
from exporter.reasons import Reason, Severity, Stage
from exporter.resolve import Texts
from exporter.sts.record import Record, sts, tlsrpt

REFRESH = 3600.0
"""Seconds after which a policy is fetched anew though its id is the same: a web server that breaks is to be noticed."""
RETRY, LONGEST_RETRY = 300.0, 3600.0
"""Seconds after a failure; doubling. RFC 8461 3.3 asks for five minutes or more."""


def due(domain: str, told: Texts, held: Fetched | None, now: float) -> bool:
    """Whether the policy of a domain is to be fetched. Those that were fetched together do not come due together."""
    record = sts(told.texts)
    if not record.id:
        return False
    if held is None or held.id != record.id:
        return True
    if held.fault:
        wait = min(RETRY * 2.0 ** min(held.failures - 1, 10), LONGEST_RETRY)
    else:
        longest = min(max(held.policy.max_age if held.policy else 0, RETRY), REFRESH)
        wait = longest * (1 + crc32(domain.encode()) / 2**32) / 2
    return now - held.tried >= wait


def same(told: Texts, later: Texts) -> bool:
    """Whether what DNS said later still speaks of the same policy."""
    return sts(told.texts).id == sts(later.texts).id


def attempted(told: Texts, held: Fetched | None, outcome: Policy | Problem, now: float) -> Fetched:
    """What is held of a policy after an attempt to fetch it."""
    record = sts(told.texts)
    if isinstance(outcome, Policy):
        return Fetched(record.id, now, policy=outcome, since=now)
    held = held or Fetched(record.id, now)
    return replace(held, id=record.id, tried=now, fault=outcome, failures=held.failures + 1)


def judge(domain: str, sts_told: Texts, tlsrpt_told: Texts, held: Fetched | None, now: float) -> Policies:
    """What a domain publishes, and what is wrong with it. The texts are those at _mta-sts and _smtp._tls."""
    record, reports = sts(sts_told.texts), tlsrpt(tlsrpt_told.texts)
    until = held.since + held.policy.max_age if held and held.policy else 0.0
    live = bool(record.id) and held is not None and held.fault is None
    return Policies(
        sts=record.present if sts_told.known else None,
        sts_id=record.id,
        sts_valid=_valid(record, held),
        policy=held.policy if held and (live or now < until) else None,
        until=until,
        tlsrpt=reports.present and not reports.wrong if tlsrpt_told.known else None,
        tlsrpt_wrong=reports.wrong,
        problems=tuple(_problems(domain, sts_told, record, held)),
    )


def _valid(record: Record, held: Fetched | None) -> bool | None:
    if not record.present:
        return None
    if record.wrong:
        return False
    if held is None:
        return None
    return held.fault is None and not (held.policy and held.policy.wrong)


def _problems(domain: str, told: Texts, record: Record, held: Fetched | None) -> list[Problem]:
    """What is wrong: a warning each, for mail is delivered all the same."""
    found = []
    if told.problem:
        found.append(Problem(told.problem.reason, told.problem.stage, Severity.WARNING, told.problem.detail))
    if record.wrong:
        detail = f"the record at _mta-sts.{domain}: {record.wrong}"
        found.append(Problem(Reason.STS_POLICY_INVALID, Stage.POLICY, Severity.WARNING, detail))
    elif record.present and held and held.fault:
        found.append(held.fault)
    elif record.present and held and held.policy and held.policy.wrong:
        detail = f"the policy of mta-sts.{domain}: {held.policy.wrong}; its other patterns hold"
        found.append(Problem(Reason.STS_POLICY_INVALID, Stage.POLICY, Severity.WARNING, detail))
    return found
