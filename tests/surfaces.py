"""Everything that anybody may read of a result, as one text. Not a test."""

import html
import json
from io import StringIO

from exporter import exposition, facts, page
from exporter.board import Board
from exporter.changes import endpoint_changed
from exporter.model import Endpoint, Result
from exporter.multitarget.shown import debug
from exporter.report.look import Seen
from exporter.report.terminal import Screen
from exporter.report.text import print_text


def surfaces(result: Result) -> str:
    """Metrics, pages, API, debug output and terminal. What the log says of it is logged."""
    board, one, now = Board(), Endpoint("mail", result.peer), result.finished
    board.add(one)
    if change := board.record(result):
        endpoint_changed(board.states[result.peer], change)
    state, peer, screen = board.endpoints[one], result.peer, StringIO()
    print_text(Seen(board), Screen(screen, 500))
    named = (one.target, peer.host, peer.address, str(peer.port))
    said = (
        *exposition.render(board, now, openmetrics=False),
        html.unescape("".join(page.render(board, now))),
        html.unescape("".join(page.render_endpoint(board, now, named))),
        json.dumps(facts.with_past(one, state, now), ensure_ascii=False),
        debug(state, peer.settings),
        screen.getvalue(),
    )
    return "\n".join(said)
