"""What was seen, for people at a terminal. Peer text is escaped before it gets there."""

from collections.abc import Mapping

from exporter.families.readers import TIMED
from exporter.model import Endpoint, Problem, Result
from exporter.peer_text import escape
from exporter.reasons import REASONS, UNTESTABLE
from exporter.report.look import Seen
from exporter.report.terminal import Part, Screen
from exporter.smtp.hello import label
from exporter.state import DomainState, State
from exporter.wording import dane, how_many_healthy, instant, records

COLOURS = {"ok": "green", "warning": "yellow", "critical": "red", "untestable": "magenta", "closed": "dim"}
WORDS = ("critical", "untestable", "warning", "ok", "closed", "pending")
DAY = 86400
MOST = 300
"""Characters of a peer's text that are shown."""


def print_text(seen: Seen, screen: Screen, *, verbose: bool = False) -> None:
    """One block a domain, and one an endpoint: its state, its stages, its certificate, every problem with what to do.

    A healthy endpoint of an MX host is a line in the block of its domain, and has none of its own unless `verbose`,
    which adds the whole conversation to each. Where there is more than one endpoint, a last line counts them.
    """
    of_domains = seen.of_domains()
    configured = {some.target.name for some in seen.asked if some.configured}
    for state in seen.board.domains.values():
        _print_domain(seen, state, screen)
    for endpoint, of_endpoint in seen.rows():
        if verbose or of_endpoint.word != "ok" or endpoint not in of_domains:
            _print_endpoint(seen, endpoint, of_endpoint, screen, configured=endpoint.target in configured)
            if verbose:
                _print_transcript(of_endpoint.result, screen)
            screen.text()
    if summary := _summary(seen):
        screen.line((summary, ""))


def _print_domain(seen: Seen, state: DomainState, screen: Screen) -> None:
    """Verdict, records, hosts: one screen."""
    hosts = tuple(seen.board.of_domain(state))
    word = seen.word_of_domain(state)
    screen.line(_state(word), (state.domain.domain, "bold"), (how_many_healthy(hosts), ""))
    _facts(screen, {name: text[:MOST] for name, text in records(state).items()}, indent=2)
    for host in hosts:
        screen.line(*_host(host), indent=2)
    for problem in state.problems:
        _print_problem(problem, screen)
    screen.text()


def _host(state: State) -> list[Part]:
    """One endpoint of a domain in a line."""
    result, reason = state.result, state.cause[0]
    session, verdict = (result.session, result.verdict) if result else (None, None)
    said = [session.version if session and session.version else "no TLS"] if result else []
    if verdict:
        said.append("certificate valid" if verdict.valid else "certificate NOT VALID")
    if result and result.dane:
        said.append("DANE valid" if result.dane.matched else "DANE NOT VALID")
    word = (state.word, COLOURS.get(state.word, ""))
    return _present(word, (state.peer.place, ""), (state.peer.address, ""), (", ".join(said), ""), (reason, ""))


def _print_endpoint(seen: Seen, endpoint: Endpoint, state: State, screen: Screen, *, configured: bool) -> None:
    word, peer, result = seen.word(endpoint, state), endpoint.peer, state.result
    address = peer.address or (result.address if result else "") or ""
    title = [_state(word), (peer.place, "bold"), (address if address != peer.host else "", "")]
    if word == "closed" or result is None:
        reason = result.ended.reason if result and result.ended else ""
        screen.line(*_present(*title, (reason, "")))
        return
    screen.line(*_present(*title, (f"{peer.settings.module}, security {peer.settings.security}", "")))
    _facts(screen, {"target": endpoint.target if configured else ""} | _seen(result), indent=2)
    if state.assessment.untestable:
        row = UNTESTABLE[state.assessment.untestable]
        screen.line((state.assessment.untestable, "magenta"), ("untestable", ""), indent=2)
        _facts(screen, {"meaning": row.meaning, "first check": row.check}, indent=4)
    for problem in state.assessment.problems:
        _print_problem(problem, screen)


def _print_problem(problem: Problem, screen: Screen) -> None:
    row = REASONS[problem.reason]
    screen.line((problem.reason, COLOURS[problem.severity]), (problem.severity, ""), indent=2)
    facts = {"meaning": row.meaning, "seen": problem.detail[:MOST], "likely cause": row.cause, "first check": row.check}
    _facts(screen, facts, indent=4)


def _print_transcript(result: Result | None, screen: Screen) -> None:
    """The whole conversation; secrets in it are masked already."""
    if result and result.steps:
        screen.line(("conversation", ""), ("(seconds, stage, client or server)", "dim"), indent=2)
    for step in result.steps if result else ():
        for line in step.lines:
            screen.text(f"    {step.at:.3f} {step.stage} {step.who} {escape(line)}")


def _summary(seen: Seen) -> str:
    """How many there are of each state, where there is more than one endpoint."""
    rows, domains = seen.rows(), [seen.word_of_domain(state) for state in seen.board.domains.values()]
    if len(rows) < 2 and len(domains) < 2:
        return ""
    of_endpoints = f"{len(rows)} endpoint{'s' * (len(rows) != 1)}: {_counted([seen.word(*row) for row in rows])}"
    if not domains:
        return of_endpoints
    return f"{len(domains)} domain{'s' * (len(domains) != 1)}: {_counted(domains)}; {of_endpoints}"


def _counted(words: list[str]) -> str:
    return ", ".join(f"{words.count(word)} {word}" for word in WORDS if word in words) or "none"


# --- facts ------------------------------------------------------------------------------------------------------


def _seen(result: Result) -> dict[str, str]:
    """What a conversation showed."""
    greeting, session, verdict = result.greeting, result.session, result.verdict
    hello = result.hello_tls or result.hello
    timed = [f"{stage} {result.stages[stage] * 1000:.1f}" for stage in TIMED if stage in result.stages]
    facts = {
        "greeting": f"{greeting.code} {greeting.text}"[:MOST] if greeting else "",
        "extensions": label(hello) if hello else "",
        "tls": f"{session.version} {session.cipher}" if session and session.version else "",
    }
    if verdict:
        leaf = verdict.certificate
        facts["certificate"] = f"{'valid' if verdict.valid else 'NOT VALID'}, {_left(leaf.not_after, result.finished)}"
        facts["issued"] = f"to {leaf.subject} by {leaf.issuer}, {leaf.key}"
        facts["intermediate"] = verdict.missing_intermediate or ""
    facts["dane"] = dane(result)[:MOST]
    if result.authenticated is not None:
        facts["login"] = "succeeded" if result.authenticated else "failed"
    facts["stages"] = f"{', '.join((*timed, f'in all {result.duration * 1000:.1f}'))} ms"
    return facts


def _left(end: float | None, now: float) -> str:
    """How long a certificate is still valid."""
    if end is None:
        return "without a date of expiry that can be read"
    days = (end - now) / DAY
    return f"{f'{days:.0f} days left' if days >= 0 else f'expired {-days:.0f} days ago'} ({instant(end)})"


def _state(word: str) -> Part:
    return word.upper(), COLOURS.get(word, "")


def _present(*parts: Part) -> list[Part]:
    """Those that say something."""
    return [part for part in parts if part[0]]


def _facts(screen: Screen, facts: Mapping[str, str], indent: int) -> None:
    screen.facts({name: escape(value) for name, value in facts.items()}, indent)
