"""The status page with 10,000 endpoints and 50,000 domains: how much CPU a view takes, and how large it is.

One process, no network. Each endpoint has a past of 20 probes; on the first board one in fifty fails, then all.
500 of them are the MX hosts of all domains. A figure is the median of several views after the first one, which sorts
everything and stands alone: CPU time of the process, gzip included.
"""

import gzip
import statistics
import time
from collections.abc import Iterator

from benchmarks.figures import Figure
from exporter import page
from exporter.board import Board
from exporter.filters import Filter
from exporter.model import Domain, Endpoint, Exchanges, Peer, Policies, Settings, Target
from exporter.page import Listing
from exporter.reasons import Reason
from exporter.state import DomainState
from tests.results import failed, healthy

ENDPOINTS, DOMAINS, HOSTS = 10_000, 50_000, 500
PROBES, EVERY, EVERY_DOMAIN, BAD = 20, 60.0, 300.0, 50
VIEWS = 9
NOW = 1_800_000_000.0
VIEW, SEARCH, SIZE = 60, 100, 100
"""Milliseconds, milliseconds and kB that are asked for."""
VIEWS_OF = {
    "a view": (Filter(), VIEW),
    "a view by host": (Filter(group="host"), VIEW),
    "a view of endpoints by certificate": (Filter(kind="endpoint", sort="certificate"), VIEW),
    "the last page of domains": (Filter(kind="domain", page=DOMAINS), VIEW),
    "a search that finds most": (Filter(find="example"), SEARCH),
    "a search that finds nothing": (Filter(find="nobody has this"), SEARCH),
}


def figures(*, short: bool) -> Iterator[Figure]:
    """Measure a board that is mostly good, and then one on which everything fails."""
    endpoints, domains = (200, 1_000) if short else (ENDPOINTS, DOMAINS)
    for what, bad in (f"one in {BAD} failing", BAD), ("all failing", 1):
        board, listing = _board(endpoints, domains, bad), Listing()
        scale = f"{endpoints:,} endpoints, {domains:,} domains, {what}"
        first, _ = _view(board, listing, Filter())
        yield Figure(f"{scale}: the first view after a start", "", f"{first:.0f} ms of CPU")
        for name, (wanted, reach) in VIEWS_OF.items():
            taken, size = zip(*(_view(board, listing, wanted) for _ in range(1 if short else VIEWS)), strict=True)
            median, asked = statistics.median(taken), bad == BAD
            yield Figure(
                f"{scale}: {name}",
                f"under {reach} ms of CPU and {SIZE} kB" if asked else "",
                f"{median:.0f} ({min(taken):.0f} to {max(taken):.0f}) ms, {size[0] / 1000:.0f} kB with gzip",
                met=(median < reach and size[0] < SIZE * 1000) if asked and not short else None,
            )


def _view(board: Board, listing: Listing, wanted: Filter) -> tuple[float, int]:
    """Milliseconds of CPU, and bytes, of one view."""
    began = time.process_time()
    packed = gzip.compress("".join(page.render(board, NOW, wanted=wanted, listing=listing)).encode(), 1)
    return 1000 * (time.process_time() - began), len(packed)


def _board(endpoints: int, domains: int, bad: int) -> Board:
    """A board with a past."""
    board = Board()
    for number in range(endpoints):
        of = Peer(f"mx{number}.example", f"198.18.{number // 250}.{1 + number % 250}", 25, Settings())
        target = "customers" if number < HOSTS else f"customer {number // 10}"
        board.add(Endpoint(target, of, (("team", "mail"), ("site", f"s{number % 7}"))))
        for probe in range(PROBES):
            at = NOW - EVERY * (PROBES - probe - 1) - number % 30
            fails = number % bad == 0 and (probe == PROBES - 1 or probe % 7 == 0)
            board.record(failed(Reason.GREETING_TIMEOUT, of, finished=at) if fails else healthy(of, finished=at))
    past = next(iter(board.states.values())).outcomes
    target_of_all = Target("customers", ((25, Settings()),), labels=(("team", "mail"),))
    for number in range(domains):
        domain = Domain(target_of_all, f"d{number}.example")
        hosts = tuple((10, f"mx{each % HOSTS}.example") for each in (number, 7 * number + 1))
        board.domains[domain] = DomainState(
            domain,
            EVERY_DOMAIN,
            Exchanges(hosts, 2),
            NOW - number % EVERY_DOMAIN,
            Policies(sts=False, tlsrpt=True),
            outcomes=past,
        )
    return board
