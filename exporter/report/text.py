"""What was seen, for people at a terminal. Peer text is escaped before it gets there."""

from collections.abc import Callable, Mapping

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from exporter.families.readers import TIMED
from exporter.filters import word_of_domain
from exporter.model import Endpoint, Result
from exporter.page import DomainRow, dane, instant
from exporter.peer_text import escape as visible
from exporter.reasons import REASONS, UNTESTABLE, Reason, Severity
from exporter.report.look import Seen
from exporter.smtp.hello import label
from exporter.state import DomainState, State

COLOURS = {"ok": "green", "warning": "yellow", "critical": "red", "untestable": "magenta", "closed": "dim"}
DAY = 86400
MOST = 300
"""Characters of a peer's text that are shown."""


def print_text(seen: Seen, console: Console) -> None:
    """One block a domain, and one an endpoint: its state, its stages, its certificate, every problem with what to do.

    A healthy endpoint of an MX host is a line in the block of its domain, and has none of its own.
    """
    for state in seen.board.domains.values():
        _print_domain(seen, state, console)
    in_a_line = {id(each) for domain in seen.board.domains.values() for each in seen.board.of_domain(domain)}
    for endpoint, of_endpoint in seen.rows():
        if of_endpoint.word != "ok" or id(of_endpoint) not in in_a_line:
            _print_endpoint(seen, endpoint, of_endpoint, console)


def _print_domain(seen: Seen, state: DomainState, console: Console) -> None:
    """Verdict, records, hosts: one screen."""
    hosts = tuple(seen.board.of_domain(state))
    row = DomainRow(state, hosts, word_of_domain(state, hosts, state.updated))
    title = f"[{COLOURS.get(row.word, 'default')} bold]{row.word.upper():<10}[/] [bold]{escape(state.domain.domain)}[/]"
    console.print(f"{title}  {row.verdict}", highlight=False)
    console.print(_grid({name: text[:MOST] for name, text in row.said.items()}, indent=2))
    for host in hosts:
        console.print(_host(host), highlight=False)
    for problem in state.problems:
        _print_problem(problem.reason, problem.severity, problem.detail, console)
    console.print()


def _host(state: State) -> str:
    """One endpoint of a domain in a line."""
    result, reason = state.result, state.cause[0]
    session, verdict = (result.session, result.verdict) if result else (None, None)
    said = [session.version if session and session.version else "no TLS"] if result else []
    if verdict:
        said.append("certificate valid" if verdict.valid else "certificate NOT VALID")
    if result and result.dane:
        said.append("DANE valid" if result.dane.matched else "DANE NOT VALID")
    name = f"{state.peer.host}:{state.peer.port}  {state.peer.address}"
    tail = escape(f"{name}  {', '.join(said)}  {reason}")
    return f"  [{COLOURS.get(state.word, 'default')}]{state.word:<10}[/] {tail}"


def _print_endpoint(seen: Seen, endpoint: Endpoint, state: State, console: Console) -> None:
    word, peer, result = seen.word(endpoint, state), endpoint.peer, state.result
    title = f"[{COLOURS.get(word, 'default')} bold]{word.upper():<10}[/] [bold]{escape(peer.host)}:{peer.port}[/]"
    if peer.address and peer.address != peer.host:
        title += f"  {escape(peer.address)}"
    if word == "closed" or result is None:
        reason = result.ended.reason if result and result.ended else ""
        console.print(f"{title}  {reason}\n", highlight=False)
        return
    console.print(f"{title}  {peer.settings.module}, security {peer.settings.security}", highlight=False)
    console.print(_facts(result))
    if state.assessment.untestable:
        row = UNTESTABLE[state.assessment.untestable]
        console.print(f"  [magenta bold]{state.assessment.untestable}[/]  untestable", highlight=False)
        console.print(_grid({"meaning": row.meaning, "first check": row.check}, indent=4))
    for problem in state.assessment.problems:
        _print_problem(problem.reason, problem.severity, problem.detail, console)
    console.print()


def _grid(facts: Mapping[str, str], indent: int) -> Table:
    """Names and values, each where there is one, in two columns of which the first is as wide as in every block."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True, min_width=16)
    table.add_column(overflow="fold")
    for name, value in facts.items():
        if value:
            table.add_row(" " * indent + name, escape(visible(value)))
    return table


def _facts(result: Result) -> Table:
    greeting, session, verdict = result.greeting, result.session, result.verdict
    hello = result.hello_tls or result.hello
    timed = (f"{stage} {result.stages[stage] * 1000:.1f}" for stage in TIMED if stage in result.stages)
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
    facts["stages"] = f"{'  '.join(timed)}  (ms, {result.duration * 1000:.1f} in all)".lstrip()
    return _grid(facts, indent=2)


def _print_problem(reason: Reason, severity: Severity, detail: str, console: Console) -> None:
    row = REASONS[reason]
    console.print(f"  [{COLOURS[severity]} bold]{reason}[/]  {severity}", highlight=False)
    facts = {"meaning": row.meaning, "seen": detail[:MOST], "likely cause": row.cause, "first check": row.check}
    console.print(_grid(facts, indent=4))


def _left(end: float | None, now: float) -> str:
    """How long a certificate is still valid."""
    if end is None:
        return "without a date of expiry that can be read"
    days = (end - now) / DAY
    return f"{f'{days:.0f} days left' if days >= 0 else f'expired {-days:.0f} days ago'} ({instant(end)})"


def with_progress(console: Console) -> tuple[Progress, Callable[[int, int], None]]:
    """A progress bar on stderr, and what moves it. It shows where there is more than a handful to probe."""
    progress = Progress(
        TextColumn("probing"), BarColumn(), MofNCompleteColumn(), console=console, transient=True,
        disable=not console.is_terminal,
    )  # fmt: skip
    task = progress.add_task("probing", total=None)
    return progress, lambda finished, every: progress.update(task, completed=finished, total=every)
