"""What was seen, for programs: JSON, the text format of Prometheus, and lines for grep and awk."""

import json
import time

from exporter import exposition
from exporter.facts import domain_facts, facts
from exporter.peer_text import escape
from exporter.report.look import Seen


def as_prometheus(seen: Seen) -> str:
    """The per-endpoint families in the text format."""
    for endpoint in seen.closed:
        seen.board.remove(endpoint)
    for state in seen.board.states.values():
        state.waits(0.0)  # nobody probes it again
    finished = [state.result.finished for _, state in seen.rows() if state.result]
    now = min(finished, default=time.time())  # no result of this look is too old to be shown
    return "".join(exposition.render(seen.board, now, openmetrics=False))


def as_json(seen: Seen) -> str:
    """All facts of all endpoints, the transcript included; after them the mail domains that were asked for."""
    found = [facts(endpoint, state, seen.word(endpoint, state)) for endpoint, state in seen.rows()]
    now = time.time()
    found += [
        domain_facts(state, seen.board.of_domain(state), now) | {"state": seen.word_of_domain(state)}
        for state in seen.board.domains.values()
    ]
    return json.dumps(found, indent=2, allow_nan=False) + "\n"


def as_lines(seen: Seen) -> str:
    """One line an endpoint, its fields separated by tabs; before them one for each mail domain that has a problem."""
    fields = [
        (seen.word_of_domain(state), state.domain.domain, "", state.domain.target.name, str(found.reason), found.detail)
        for state in seen.board.domains.values()
        for found in state.problems[:1]
    ]
    for endpoint, state in seen.rows():
        peer, result = endpoint.peer, state.result
        address = peer.address or (result.address if result else "")
        fields.append((seen.word(endpoint, state), peer.place, address or "", endpoint.target, *state.cause))
    return "".join("\t".join(escape(field) or "-" for field in line) + "\n" for line in fields)
