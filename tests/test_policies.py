"""The policies of domains: when they are fetched, what is known then, and what they ask of the hosts."""

import asyncio
from dataclasses import replace

import pytest

from exporter.families.readers import domain_success
from exporter.model import Demands, Domain, Exchanges, Hello, Policy, Problem, Settings, Target
from exporter.policies import asked_of
from exporter.reasons import Reason, Severity, Stage
from exporter.resolve import Addresses, Texts
from exporter.state import DomainState
from exporter.sts.judge import RETRY
from tests.patience import PATIENCE
from tests.results import healthy
from tests.roster_bench import A, B, Bench

RECORD, NEWER = Texts(("v=STSv1; id=1",)), Texts(("v=STSv1; id=2",))
ENFORCE = Policy("enforce", frozenset({"mx1.example.test"}), 86400)
TESTING, OFF = replace(ENFORCE, mode="testing"), replace(ENFORCE, mode="none")
FAULT = Problem(Reason.STS_POLICY_FETCH_ERROR, Stage.POLICY, Severity.WARNING, "HTTP status 404")
ROUND = 460
"""As long as a domain may take to be asked again."""


@pytest.fixture
def bench() -> Bench:
    """Two domains of one target that share a host; the first has another one, too, and a record."""
    bench = Bench()
    bench.names.answers |= {"mx1.example.test": Addresses((A,)), "mx2.example.test": Addresses((B,))}
    bench.names.mx["one.test"] = Exchanges(((10, "mx1.example.test"), (20, "mx2.example.test")), 2)
    bench.names.mx["two.test"] = Exchanges(((10, "mx1.example.test"),), 1)
    bench.names.txt["_mta-sts.one.test"] = RECORD
    bench.web.policies["one.test"] = ENFORCE
    return bench


TARGET = Target("mail", ((25, Settings(resolve="dns", interval=300.0)),), domains=("one.test", "two.test"))


def known(bench: Bench, name: str = "one.test") -> DomainState:
    return bench.board.domains[Domain(replace(TARGET, domains=()), name)]


def certificates(bench: Bench) -> dict[str, str | None]:
    """What is expected of the certificate of each host."""
    return {state.peer.host: state.assessment.certificate for state in bench.board.states.values()}


def reasons(bench: Bench) -> dict[str, list[str]]:
    return {
        state.peer.host: [str(p.reason) for p in state.assessment.problems] for state in bench.board.states.values()
    }


async def test_a_policy_is_fetched_once_and_holds_for_the_hosts_of_its_domain(bench: Bench) -> None:
    bench.roster.add(TARGET)
    await bench.run(ROUND)
    assert bench.web.asked == ["one.test"]
    assert known(bench).policies
    assert known(bench).policies.policy == ENFORCE  # type: ignore[union-attr]  # asserted
    assert known(bench, "two.test").policies.sts is False  # type: ignore[union-attr]  # it was asked, too
    assert set(certificates(bench).values()) == {"trusted"}
    assert reasons(bench) == {"mx1.example.test": [], "mx2.example.test": ["sts_mx_mismatch"]}


async def test_another_id_has_the_policy_fetched_anew_and_the_endpoints_follow(bench: Bench) -> None:
    bench.roster.add(TARGET)
    await bench.run(ROUND)
    bench.names.txt["_mta-sts.one.test"] = NEWER
    bench.web.policies["one.test"] = OFF
    await bench.run(ROUND)
    assert bench.web.asked == ["one.test", "one.test"]
    assert set(certificates(bench).values()) == {"any"}
    assert reasons(bench) == {"mx1.example.test": [], "mx2.example.test": []}


async def test_a_policy_that_is_to_be_had_no_more_holds_on_and_the_domain_says_so(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.roster.add(TARGET)
    await bench.run(ROUND)
    bench.names.txt["_mta-sts.one.test"] = NEWER
    bench.web.policies["one.test"] = FAULT
    await bench.run(ROUND)
    assert known(bench).problems == (FAULT,)
    assert known(bench).policies.policy == ENFORCE  # type: ignore[union-attr]  # see above
    assert set(certificates(bench).values()) == {"trusted"}
    assert [record.reasons for record in caplog.records if record.msg == "domain changed"] == [  # type: ignore[attr-defined]
        "sts_policy_fetch_error"
    ]
    bench.late = ENFORCE.max_age
    await bench.run(ROUND)
    assert known(bench).policies.policy is None  # type: ignore[union-attr]  # see above
    assert set(certificates(bench).values()) == {"any"}


async def test_what_failed_is_fetched_again_not_before_five_minutes(bench: Bench) -> None:
    bench.web.policies["one.test"] = FAULT
    bench.roster.add(TARGET)
    await bench.run(ROUND)
    assert bench.web.asked == ["one.test"]
    bench.late = RETRY
    await bench.run(ROUND)
    assert bench.web.asked == ["one.test"] * 2
    assert bench.seen["sts_policy_fetch_error"] > 0


async def test_a_policy_host_that_hangs_costs_nobody_anything_else(bench: Bench) -> None:
    bench.web.open.clear()
    bench.roster.add(TARGET)
    await bench.run(4 * ROUND)
    assert bench.web.asked == ["one.test"]
    assert all(state.probes >= 5 for state in bench.board.states.values())
    assert bench.schedule.in_flight == 0
    assert known(bench).updated
    bench.web.open.set()
    await bench.run(2)
    assert set(certificates(bench).values()) == {"trusted"}


async def test_where_too_many_wait_it_is_fetched_at_a_later_turn(bench: Bench) -> None:
    bench.web.full = True
    bench.roster.add(TARGET)
    await bench.run(ROUND)
    assert bench.web.asked == []
    bench.web.full = False
    await bench.run(ROUND)
    assert bench.web.asked == ["one.test"]


async def test_a_domain_that_goes_while_its_policy_is_fetched_asks_nothing(bench: Bench) -> None:
    bench.web.open.clear()
    bench.roster.add(TARGET)
    await bench.run(ROUND)
    only_two = replace(TARGET, domains=("two.test",))
    for _ in bench.roster.follow((TARGET,), (only_two,)):
        pass
    bench.web.open.set()
    await bench.run(5)
    assert set(certificates(bench).values()) == {"any"}
    assert bench.errors == 0


async def test_what_a_policy_asks_goes_with_its_domain(bench: Bench) -> None:
    bench.roster.add(TARGET)
    await bench.run(ROUND)
    for _ in bench.roster.follow((TARGET,), (replace(TARGET, domains=("two.test",)),)):
        pass
    assert certificates(bench) == {"mx1.example.test": "any"}


async def test_a_policy_outlives_a_reload_that_changes_its_target(bench: Bench) -> None:
    bench.roster.add(TARGET)
    await bench.run(ROUND)
    for _ in bench.roster.follow((TARGET,), (replace(TARGET, labels=(("team", "mail"),)),)):
        pass
    await bench.run(ROUND)
    assert bench.web.asked == ["one.test"]
    assert set(certificates(bench).values()) == {"trusted"}


async def test_a_host_that_the_domain_names_later_is_asked_the_same(bench: Bench) -> None:
    bench.names.mx["one.test"] = bench.names.mx["two.test"]
    bench.roster.add(TARGET)
    await bench.run(ROUND)
    bench.names.mx["one.test"] = Exchanges(((10, "mx2.example.test"),), 1)
    await bench.run(2 * ROUND)
    assert certificates(bench) == {"mx1.example.test": "any", "mx2.example.test": "trusted"}
    assert reasons(bench)["mx2.example.test"] == ["sts_mx_mismatch"]


async def test_of_two_domains_the_strictest_holds_until_it_goes(bench: Bench) -> None:
    bench.names.txt["_mta-sts.two.test"] = RECORD
    bench.web.policies["two.test"] = Policy("testing", frozenset({"elsewhere.test"}), 60)
    bench.roster.add(TARGET)
    await bench.run(ROUND)
    state = next(each for each in bench.board.states.values() if each.peer.host == "mx1.example.test")
    assert [(p.reason, p.severity) for p in state.assessment.problems] == [("sts_mx_mismatch", "warning")]
    assert "two.test" in state.assessment.problems[0].detail
    assert state.assessment.certificate == "trusted"


async def test_a_policy_that_refuses_a_shared_host_fails_its_own_domain_only(bench: Bench) -> None:
    bench.names.mx["one.test"] = bench.names.mx["two.test"]
    bench.web.policies["one.test"] = replace(ENFORCE, mx=frozenset({"elsewhere.test"}))
    bench.roster.add(TARGET)
    await bench.run(ROUND)
    assert [state.word for state in bench.board.states.values()] == ["critical"]
    states = [known(bench, name) for name in ("one.test", "two.test")]
    told = [list(domain_success(each, bench.board.of_domain(each))) for each in states]
    assert told == [[((), 0)], [((), 1)]]


async def test_what_one_domain_enforces_fails_no_other_domain_of_a_shared_host(bench: Bench) -> None:
    bench.names.mx["one.test"] = bench.names.mx["two.test"]
    bench.probes.results[A] = lambda peer: healthy(peer, hello=Hello("EHLO"), starttls=None, session=None)
    bench.roster.add(TARGET)
    await bench.run(ROUND)
    assert reasons(bench) == {"mx1.example.test": ["starttls_not_supported"]}
    states = [known(bench, name) for name in ("one.test", "two.test")]
    told = [list(domain_success(each, bench.board.of_domain(each))) for each in states]
    assert told == [[((), 0)], [((), 1)]]


async def test_a_policy_that_comes_after_its_record_has_gone_is_not_taken(bench: Bench) -> None:
    bench.web.open.clear()
    bench.roster.add(TARGET)
    await bench.run(ROUND)
    del bench.names.txt["_mta-sts.one.test"]
    await bench.run(ROUND)
    bench.web.open.set()
    await bench.run(5)
    policies = known(bench).policies
    assert policies
    assert (policies.sts, policies.policy) == (False, None)
    assert set(certificates(bench).values()) == {"any"}


async def test_a_mistake_of_ours_while_fetching_is_counted_and_tried_again(bench: Bench) -> None:
    del bench.web.policies["one.test"]
    bench.roster.add(TARGET)
    await bench.run(ROUND)
    assert bench.errors == len(bench.web.asked) > 0
    bench.web.policies["one.test"] = ENFORCE
    await bench.run(ROUND)
    assert set(certificates(bench).values()) == {"trusted"}


async def test_closing_ends_what_is_fetched(bench: Bench) -> None:
    bench.web.open.clear()
    bench.roster.add(TARGET)
    await bench.run(ROUND)
    await asyncio.wait_for(bench.roster.close(), PATIENCE)


@pytest.mark.parametrize(
    ("policy", "asked"),
    [
        (None, {}),
        (OFF, {}),
        (TESTING, {"mx2.example.test": (False, False)}),
        (ENFORCE, {"mx1.example.test": (True, True), "mx2.example.test": (True, False)}),
    ],
)
def test_what_a_policy_asks_of_each_host(policy: Policy | None, asked: dict[str, tuple[bool, bool]]) -> None:
    found = asked_of(policy, ["mx1.example.test", "mx2.example.test"])
    assert {host: (each.enforced, each.listed) for host, each in found.items()} == asked


async def test_ten_thousand_domains_ask_the_same_of_one_host() -> None:
    """Each time one is learnt, none of the others is looked at."""
    bench = Bench()
    names = tuple(f"d{n}.test" for n in range(10_000))
    bench.names.answers["mx.test"] = Addresses((A,))
    for name in names:
        bench.names.mx[name] = Exchanges(((10, "mx.test"),), 1)
        bench.names.txt[f"_mta-sts.{name}"] = RECORD
        bench.web.policies[name] = Policy("testing", frozenset({"else.test"}), 60)
    bench.roster.add(replace(TARGET, domains=names))
    await bench.run(62)
    for _ in range(1000):  # they are asked 200 at a time
        await asyncio.sleep(0)
    assert len(bench.web.asked) == len(names)
    assert bench.board._demands == {("mail", "mx.test"): Demands(unlisted_by=bench.web.asked[0])}
