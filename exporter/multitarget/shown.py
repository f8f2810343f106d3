"""What came of a probe on demand, as text: the metrics, or all there is to say. Pure functions of a state.

Target, host, address and port are no labels here: Prometheus knows whom it asked for, and adds that as `instance`.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict

from exporter import exposition
from exporter.families import FAMILIES, Family, readers
from exporter.model import Settings, Verdict
from exporter.peer_text import escape
from exporter.reasons import REASONS
from exporter.state import State

SECRET = "<secret>"  # noqa: S105 - what is shown in the place of one
CREDENTIALS = ("username", "password_file", "password_env")


def _on_verified_path(verdict: Verdict) -> float | None:
    """The earliest expiry on the path to an anchor; there is none where the chain is not trusted."""
    trusted = not (verdict.self_signed or verdict.not_trusted or verdict.unsuitable)
    return verdict.chain_not_after if trusted else None


BLACKBOX: tuple[Family, ...] = (
    Family("probe_success", "Whether the probe was a success; 0 also while nothing can be said from here.",
           lambda state: readers.one(bool(state.assessment.success))),
    Family("probe_duration_seconds", "How long the probe took.", readers.of_result(lambda result: result.duration)),
    Family("probe_ssl_earliest_cert_expiry", "The earliest expiry among the certificates sent, Unix time.",
           readers.of_result(lambda result: result.verdict.sent_not_after if result.verdict else None)),
    Family("probe_ssl_last_chain_expiry_timestamp_seconds",
           "The earliest expiry on the verified path; absent where none verifies.",
           readers.of_result(lambda result: _on_verified_path(result.verdict) if result.verdict else None)),
)  # fmt: skip
"""What blackbox_exporter calls these facts, for rules and dashboards that are written already."""
OURS = tuple(family for family in FAMILIES if family.kind != "counter")


def metrics(state: State) -> str:
    """The families of one probe, in the text format; in OpenMetrics they read the same, but for `# EOF`."""
    return exposition.alone((*BLACKBOX, *OURS), state)


def debug(state: State, module: Settings, left_out: int = 0) -> str:
    """All that can be told to somebody who looks into a probe, in the order of blackbox_exporter's debug output.

    `left_out`: how many addresses were not tried, because they are not allowed.
    """
    parts = {
        "Logs for the probe": "\n".join(_transcript(state, left_out)),
        "Problems": "\n".join(_problems(state)) or "none",
        "Metrics that would have been returned": metrics(state).rstrip("\n"),
        "Module configuration": json.dumps(_without_secrets(module), indent=2),
    }
    return "\n\n\n".join(f"{title}:\n{text}" for title, text in parts.items()) + "\n"


def _transcript(state: State, left_out: int) -> Iterator[str]:
    peer = state.peer
    yield f"probing {peer}, module {peer.settings.module}, time-out {peer.settings.timeout:.1f} s"
    if left_out:
        yield f"addresses that are not allowed, and left out: {left_out}"
    for step in state.result.steps if state.result else ():
        yield from (f"{step.at:8.3f} {step.stage:<11} {step.who} {escape(line)}" for line in step.lines)


def _problems(state: State) -> Iterator[str]:
    if state.assessment.untestable:
        yield f"untestable: {state.assessment.untestable}"
    for each in state.assessment.problems:
        row = REASONS[each.reason]
        yield f"{each.severity} {each.reason} ({each.stage}): {escape(each.detail)}".rstrip(" :")
        yield f"    {row.meaning} Likely cause: {row.cause} First check: {row.check}"


def _without_secrets(module: Settings) -> dict[str, object]:
    """The settings as plain values; neither the account nor where its password is."""
    plain = asdict(module)
    if auth := plain["auth"]:
        plain["auth"] = {name: SECRET if value and name in CREDENTIALS else value for name, value in auth.items()}
    return plain
