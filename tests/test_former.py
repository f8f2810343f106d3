"""What is known of peers that left, and for how long. When they leave and return: test_roster."""

from exporter.churn import INFO, Changes
from exporter.failure import Failure
from exporter.former import MOST, MOST_OF_HOST, REMEMBERED, FormerPeers
from exporter.model import Peer, Settings
from exporter.state import HERITAGE, State
from tests.results import healthy


class Bench:
    def __init__(self) -> None:
        self.forgotten: list[Peer] = []
        self.former = FormerPeers(self.forgotten.append)

    def keep(self, host: str, address: str, now: float = 0.0) -> Peer:
        peer = Peer(host, address, 25, Settings())
        self.former.keep(State(peer, 60.0, probes=1), now)
        return peer


def test_all_that_a_state_hands_on_is_kept_and_no_result() -> None:
    peer = Peer("a.test", "192.0.2.1", 25, Settings())
    state = State(peer, 60.0, result=healthy(peer), samples=("x",))
    for number, name in enumerate(HERITAGE):
        setattr(state, name, (Failure(number, "", "", b""),))
    state.churn = (Changes(("seen",)),) * len(INFO)
    bench = Bench()
    bench.former.keep(state, 0.0)
    kept = bench.former.take(peer, 1.0)
    assert kept
    assert [getattr(kept, name) for name in HERITAGE] == [getattr(state, name) for name in HERITAGE]
    assert (kept.result, kept.samples) == (None, None)
    assert (bench.former.take(peer, 1.0), bench.forgotten) == (None, [])


def test_a_peer_is_remembered_for_an_hour() -> None:
    bench = Bench()
    first, second = bench.keep("a.test", "192.0.2.1", 0.0), bench.keep("a.test", "192.0.2.2", 0.0)
    assert bench.former.take(first, REMEMBERED)
    assert bench.former.take(second, REMEMBERED + 0.1) is None
    assert (bench.forgotten, len(bench.former), bench.former._of_host) == ([second], 0, {})


def test_of_a_host_with_too_many_peers_those_are_forgotten_that_left_first() -> None:
    bench = Bench()
    other = bench.keep("b.test", "192.0.2.1")
    peers = [bench.keep("a.test", f"2001:db8::{number}") for number in range(MOST_OF_HOST + 3)]
    assert bench.forgotten == peers[:3]
    assert (len(bench.former), other in bench.former) == (MOST_OF_HOST + 1, True)


def test_of_too_many_hosts_those_are_forgotten_that_left_first() -> None:
    bench = Bench()
    peers = [bench.keep(f"mx{number}.test", "192.0.2.1") for number in range(MOST + 3)]
    assert (bench.forgotten, len(bench.former), len(bench.former._of_host)) == (peers[:3], MOST, MOST)


def test_those_that_a_target_no_longer_has_are_forgotten() -> None:
    bench = Bench()
    gone, stays, other = (bench.keep("a.test", "192.0.2.1"), bench.keep("a.test", "192.0.2.2"),
                          bench.keep("b.test", "192.0.2.1"))  # fmt: skip
    bench.former.drop_all("a.test", lambda peer: peer.address == gone.address)
    bench.former.drop_all("nobody.test", lambda _: True)
    assert (bench.forgotten, stays in bench.former, other in bench.former) == ([gone], True, True)
