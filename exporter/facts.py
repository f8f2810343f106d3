"""What is known of endpoints and mail domains, as data for programs: /api/v1 and `probe --format=json` share it.

The shape is documented in docs/api.md. Pure functions of the board: nothing is judged, fetched or served here.
"""

import json
from collections.abc import Iterable, Iterator
from math import isfinite
from typing import Any

from exporter.board import Board
from exporter.failure import Failure
from exporter.families.readers import TIMED
from exporter.filters import ANYTHING, Filter, word_of, word_of_domain
from exporter.links import PUBLIC_DOCS, Docs
from exporter.model import Endpoint, Policies, Problem, Result, Tlsa, Verdict
from exporter.outcomes import DAY, MAX_ENTRIES, entries, share
from exporter.peer_text import escape
from exporter.reasons import REASONS
from exporter.state import DomainState, State

MAX_TEXT = 1000
"""Characters of a greeting that are shown."""
MOST_RECORDS = 20
"""TLSA records that are shown."""
PIECE = 16 * 1024
"""Characters after which others may run: about a millisecond of work."""
PASSED = 500
"""Entries that are not asked for, after which others may run."""


def facts(endpoint: Endpoint, state: State, word: str = "", docs: Docs = PUBLIC_DOCS) -> dict[str, Any]:
    """All facts of the latest result, the transcript included.

    Args:
        endpoint: whose facts.
        state: what is known of it.
        word: stands in the place of the state's own.
        docs: where its reasons are explained.
    """
    peer, result, assessment = endpoint.peer, state.result, state.assessment
    found: dict[str, Any] = {
        "target": endpoint.target, "host": peer.host, "address": peer.address, "port": peer.port,
        "state": word or state.word, "success": assessment.success if result else None,
        "untestable": assessment.untestable,
        "problems": [_problem(each, docs) | {"primary": each is assessment.primary} for each in assessment.problems],
    }  # fmt: skip
    return found | (_seen(result) if result else {})


def domain_facts(state: DomainState, hosts: Iterable[State], now: float, docs: Docs = PUBLIC_DOCS) -> dict[str, Any]:
    """What is known of a mail domain. `hosts`: the states of its MX hosts; `now`: Unix seconds."""
    exchanges, word = state.exchanges, word_of_domain(state, hosts, now)
    found: dict[str, Any] = {
        "target": state.domain.target.name, "domain": state.domain.domain, "state": word,
        "success": {"ok": True, "warning": True, "critical": False}.get(word),
        "problems": [_problem(each, docs) for each in state.problems],
    }  # fmt: skip
    if exchanges is None:
        return found
    return found | {
        "updated": state.updated,
        "mx": [{"host": host, "preference": preference} for preference, host in exchanges.hosts],
        "mx_records": exchanges.records,
        "null_mx": exchanges.null_mx,
        "mx_secure": exchanges.secure,
        "mta_sts": _mta_sts(state.policies) if state.policies else None,
        "tlsrpt": {"present": state.policies.tlsrpt, "wrong": state.policies.tlsrpt_wrong} if state.policies else None,
    }


def with_past(
    endpoint: Endpoint, state: State, now: float, most: int = MAX_ENTRIES, docs: Docs = PUBLIC_DOCS
) -> dict[str, Any]:
    """The same, and what the agent knows beside the latest result.

    Args:
        endpoint: whose facts.
        state: what is known of it.
        now: Unix seconds.
        most: entries of its history that are told.
        docs: where its reasons are explained.
    """
    return facts(endpoint, state, docs=docs) | {
        "labels": dict(endpoint.labels),
        "withdrawn": state.withdrawn(now),
        "since": state.since or None,
        "interval_seconds": state.wait,
        "probes": state.probes,
        "failures": state.failures,
        "untestable_probes": state.untestable,
        "consecutive_failures": state.consecutive_failures,
        "last_failures": [_failure(each) for each in state.last_failures],
    } | _history(state.outcomes, now, most)  # fmt: skip


def render(
    board: Board, now: float, wanted: Filter = ANYTHING, most: int = MAX_ENTRIES, docs: Docs = PUBLIC_DOCS
) -> Iterator[str]:
    """The endpoints asked for as one JSON list, in ASCII, in pieces between which the caller may let others run."""
    wanted = wanted.resolved(board)
    return _listed(
        with_past(endpoint, state, now, most, docs) if wanted.wants(endpoint, state, word_of(state, now)) else None
        for endpoint, state in board.endpoints.snapshot().items()
    )


def render_domains(
    board: Board, now: float, wanted: Filter = ANYTHING, most: int = MAX_ENTRIES, docs: Docs = PUBLIC_DOCS
) -> Iterator[str]:
    """The mail domains asked for, in the same way."""
    wanted = wanted.resolved(board)
    return _listed(
        domain_facts(state, hosts, now, docs)
        | {"labels": dict(domain.target.labels)}
        | _history(state.outcomes, now, most)
        if wanted.wants_domain(state, word_of_domain(state, hosts := tuple(board.of_domain(state)), now))
        else None
        for domain, state in board.domains.snapshot().items()
    )


def _listed(entries: Iterable[dict[str, Any] | None]) -> Iterator[str]:
    """One list; None is an entry that is not asked for."""
    piece, size, passed, comma = ["["], 0, 0, ""
    for entry in entries:
        passed += entry is None
        if entry is not None:
            piece.append(f"{comma}\n{json.dumps(entry, allow_nan=False)}")
            size, comma = size + len(piece[-1]), ","
        if size >= PIECE or passed >= PASSED:
            yield "".join(piece)
            piece, size, passed = [], 0, 0
    yield "".join((*piece, "\n]\n"))


def _seen(result: Result) -> dict[str, Any]:
    session, hello, greeting = result.session, result.hello_tls or result.hello, result.greeting
    return {
        "finished": result.finished,
        "duration_seconds": round(result.duration, 6),
        "stage_seconds": {stage: round(result.stages[stage], 6) for stage in TIMED if stage in result.stages},
        "greeting": {"code": greeting.code, "text": escape(greeting.text, MAX_TEXT)} if greeting else None,
        "extensions": {name: escape(value) for name, value in hello.extensions.items()} if hello else None,
        "tls": {"version": session.version, "cipher": session.cipher} if session and session.version else None,
        "certificate": _certificate(result.verdict) if result.verdict else None,
        "dane": _dane(result, result.lookup.tlsa) if result.lookup else None,
        "auth_success": result.authenticated,
        "transcript": [{"at": round(step.at, 6), "stage": step.stage, "who": step.who,
                        "lines": list(map(escape, step.lines))} for step in result.steps],
    }  # fmt: skip


def _problem(problem: Problem, docs: Docs) -> dict[str, Any]:
    row = REASONS[problem.reason]
    return {"stage": problem.stage, "reason": problem.reason, "severity": problem.severity, "detail": problem.detail,
            "meaning": row.meaning, "likely_cause": row.cause, "first_check": row.check,
            "reason_url": docs.reason(problem.reason)}  # fmt: skip


def _mta_sts(policies: Policies) -> dict[str, Any]:
    policy = policies.policy
    held = (
        {"mode": policy.mode, "mx": sorted(policy.mx), "max_age": policy.max_age, "until": policies.until}
        if policy
        else None
    )
    return {"present": policies.sts, "valid": policies.sts_valid, "id": policies.sts_id or None, "policy": held}


def _certificate(verdict: Verdict) -> dict[str, Any]:
    leaf = verdict.certificate
    return {"valid": verdict.valid, "subject": leaf.subject, "issuer": leaf.issuer, "names": leaf.names,
            "serial": leaf.serial, "fingerprint_sha256": leaf.fingerprint_sha256, "key": leaf.key,
            "not_before": _instant(leaf.not_before), "not_after": _instant(leaf.not_after),
            "chain_not_after": _instant(verdict.chain_not_after),
            "missing_intermediate": verdict.missing_intermediate}  # fmt: skip


def _dane(result: Result, tlsa: Tlsa) -> dict[str, Any]:
    dane = result.dane
    return {"valid": dane.matched is not None if dane else None,
            "matched": str(dane.matched) if dane and dane.matched else None,
            "detail": (dane.mismatch if dane else "") or tlsa.none,
            "base": tlsa.base, "records": [str(record) for record in tlsa.records[:MOST_RECORDS]],
            "record_count": len(tlsa.records)}  # fmt: skip


def _failure(failure: Failure) -> dict[str, Any]:
    """The transcript in the shape of `transcript`, one line each."""
    said = [{"at": float(line.at), "stage": line.stage, "who": line.who, "lines": [escape(line.what)]}
            for line in failure.lines]  # fmt: skip
    return {"finished": failure.finished, "reason": failure.reason, "detail": failure.detail, "transcript": said}


def _history(outcomes: bytes, now: float, most: int) -> dict[str, Any]:
    """The last outcomes, the latest last, and the share of good ones within a day."""
    found = entries(outcomes)
    good = share(found, now - DAY)
    told = [{"from": each.began, "to": each.ended, "state": each.state, "reason": each.reason or None,
             "outcomes": each.number, "good": each.good, "failed": each.failed}
            for each in found[max(0, len(found) - most):]]  # fmt: skip
    return {"good_share": None if good is None else round(good, 6), "history": told}


def _instant(seconds: float | None) -> float | None:
    """Unix seconds; JSON knows no infinity."""
    return seconds if seconds is not None and isfinite(seconds) else None
