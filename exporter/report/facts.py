"""What was seen, for programs: JSON and the text format of Prometheus."""

import json
import time
from typing import Any

from exporter import exposition
from exporter.board import State
from exporter.families.readers import TIMED
from exporter.model import Endpoint, Result
from exporter.reasons import REASONS, Reason, Severity
from exporter.report.look import Seen


def as_prometheus(seen: Seen) -> str:
    """The per-endpoint families in the text format."""
    for endpoint in seen.closed:
        seen.board.remove(endpoint)
    return "".join(exposition.render(seen.board, time.time(), openmetrics=False))


def as_json(seen: Seen) -> str:
    """All facts of all endpoints, the transcript included."""
    return json.dumps([_facts(seen, endpoint, state) for endpoint, state in seen.rows()], indent=2) + "\n"


def _facts(seen: Seen, endpoint: Endpoint, state: State) -> dict[str, Any]:
    peer, result, assessment = endpoint.peer, state.result, state.assessment
    facts: dict[str, Any] = {
        "target": endpoint.target, "host": peer.host, "address": peer.address, "port": peer.port,
        "state": seen.word(endpoint, state), "success": assessment.success, "untestable": assessment.untestable,
        "problems": [_problem(each.reason, each.stage, each.severity, each.detail, each is assessment.primary)
                     for each in assessment.problems],
    }  # fmt: skip
    if result is None:
        return facts
    session, verdict, hello = result.session, result.verdict, result.hello_tls or result.hello
    return facts | {
        "duration_seconds": result.duration,
        "stage_seconds": {stage: result.stages[stage] for stage in TIMED if stage in result.stages},
        "greeting": {"code": result.greeting.code, "text": result.greeting.text} if result.greeting else None,
        "extensions": dict(hello.extensions) if hello else None,
        "tls": {"version": session.version, "cipher": session.cipher} if session and session.version else None,
        "certificate": _certificate(result) if verdict else None,
        "auth_success": result.authenticated,
        "transcript": [{"at": step.at, "stage": step.stage, "who": step.who, "lines": step.lines}
                       for step in result.steps],
    }  # fmt: skip


def _problem(reason: Reason, stage: str, severity: Severity, detail: str, primary: bool) -> dict[str, Any]:
    row = REASONS[reason]
    return {"stage": stage, "reason": reason, "severity": severity, "primary": primary, "detail": detail,
            "meaning": row.meaning, "likely_cause": row.cause, "first_check": row.check}  # fmt: skip


def _certificate(result: Result) -> dict[str, Any]:
    verdict = result.verdict
    if verdict is None:
        return {}
    leaf = verdict.certificate
    return {"valid": verdict.valid, "subject": leaf.subject, "issuer": leaf.issuer, "names": leaf.names,
            "serial": leaf.serial, "fingerprint_sha256": leaf.fingerprint_sha256, "key": leaf.key,
            "not_before": leaf.not_before, "not_after": leaf.not_after,
            "chain_not_after": verdict.chain_not_after}  # fmt: skip
