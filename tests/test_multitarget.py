"""/probe: what is asked, who may be probed, how much at once, and what is told of it."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.checks import assess
from exporter.config import Config, ProbeAccess, defaults, load
from exporter.model import Lookup, Peer, Reply, Result, Settings, Step, TlsSettings
from exporter.multitarget import Answer, MultiTarget, on_demand
from exporter.multitarget.access import Allowed
from exporter.multitarget.shown import BLACKBOX
from exporter.probe import shell
from exporter.probe.prober import Prober
from exporter.reasons import Reason, Stage, Untestable
from exporter.resolve import Addresses, Resolver
from exporter.simulated.healthy import SmtpServer, saying
from exporter.trust import Judge
from tests.results import DAY, LEAF, NOW, failed, healthy
from tests.roster_bench import FAILURE, HOST, NOT_FOUND, SIX, A, B, Names, Probes

if TYPE_CHECKING:
    from exporter.simulated.certificates import Zoo
    from tests.conftest import Serve

EVIL = "\x1b[31m<b>\u202e"
LOGIN = """
modules:
  login: {auth: {username: the-account, password_file: password, interval: 60s}}
  slow: {module: relay, timeout: 20s, addresses: ipv6}
targets: [{host: mail.example.test, ports: [25]}]
"""


class Holding(Probes):
    """A prober whose probes end when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.held: list[Callable[[], None]] = []

    def probe(
        self, peer: Peer, addresses: Sequence[str], lookup: Lookup | None, done: Callable[[Result], None]
    ) -> None:
        self.asked.append((peer, tuple(addresses), lookup))
        self.held.append(lambda: done(healthy(peer, lookup=lookup)))


class Bench:
    """A MultiTarget whose resolver and prober are fakes."""

    def __init__(self, *allow: str, probes: Probes | None = None, config: Config | None = None) -> None:
        self.names, self.probes = Names(), probes or Probes()
        self.names.answers[HOST] = Addresses((A,))
        self.errors = 0
        config = replace(config or defaults(), probe_endpoint=ProbeAccess(enabled=True, allow=allow or (HOST,)))
        prober: Any = self.probes
        resolver: Any = self.names
        self.config = config
        self.multi = MultiTarget(config, prober, resolver, clock=lambda: NOW, on_internal_error=self.error)

    def error(self) -> None:
        self.errors += 1

    async def ask(self, target: str = HOST, *more: tuple[str, str], scrape: str | None = None) -> Answer:
        return await self.multi.answer((("target", target), *more), scrape)

    @property
    def tried(self) -> list[tuple[str, ...]]:
        """The addresses of each probe."""
        return [addresses for _, addresses, _ in self.probes.asked]

    @property
    def settings(self) -> Settings:
        """Those of the last probe."""
        return self.probes.asked[-1][0].settings


@pytest.fixture
def with_login(tmp_path: Path) -> Config:
    (tmp_path / "password").write_text("canary-password")
    (tmp_path / "smtp.yaml").write_text(LOGIN)
    return load(tmp_path / "smtp.yaml")


def values(answer: Answer) -> dict[str, float]:
    """The samples without labels of their own, by name."""
    found = [sample for family in parse_text(answer.text) for sample in family.samples]
    return {sample.name: sample.value for sample in found if not sample.labels}


Advance = Callable[[float], None]


@pytest.fixture
async def advance(monkeypatch: pytest.MonkeyPatch) -> Advance:
    """Let the clock of the loop jump by so many seconds."""
    loop = asyncio.get_running_loop()
    real, ahead = loop.time, [0.0]
    monkeypatch.setattr(loop, "time", lambda: real() + sum(ahead))
    return ahead.append


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


# --- what is asked --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "host", "port"),
    [
        (HOST, HOST, 25),
        (f"{HOST}:587", HOST, 587),
        ("MAIL.Example.TEST.:25", HOST, 25),
        ("192.0.2.1", A, 25),
        ("192.0.2.1:465", A, 465),
        ("[2001:DB8::0001]:25", SIX, 25),
        ("2001:db8::1", SIX, 25),
        ("bücher.example.test", "xn--bcher-kva.example.test", 25),
    ],
)
async def test_probes_the_host_and_port_asked_for(target: str, host: str, port: int) -> None:
    bench = Bench("*.example.test", "192.0.2.0/24", "2001:db8::/32")
    assert (await bench.ask(target)).status == 200
    [(peer, _, _)] = bench.probes.asked
    assert (peer.host, peer.port, peer.address, peer.settings.addresses) == (host, port, "", "any")


BAD: dict[str, tuple[list[tuple[str, str]], str | None, str]] = {
    "no target": ([], None, "the parameter target is missing"),
    "an empty target": ([("target", "")], None, "the parameter target is missing"),
    "two targets": ([("target", HOST), ("target", HOST)], None, "target is given more than once"),
    "two modules": ([("target", HOST), ("module", "a"), ("module", "b")], None, "module is given more than once"),
    "debug twice": ([("target", HOST), ("debug", "true"), ("debug", "")], None, "debug is given more than once"),
    "an endless target": ([("target", "a." * 200)], None, "longer than 300 characters"),
    "a URL": ([("target", "smtp://mail.example.test")], None, "mail.example.test"),
    "a port of words": ([("target", f"{HOST}:smtp")], None, "expected host:port"),
    "an empty port": ([("target", f"{HOST}:")], None, "expected host:port"),
    "port 0": ([("target", f"{HOST}:0")], None, "a port is a number from 1 to 65535"),
    "port 65536": ([("target", f"{HOST}:65536")], None, "a port is a number from 1 to 65535"),
    "brackets around a name": ([("target", "[mail.example.test]:25")], None, "no IPv6 address"),
    "a scope id": ([("target", "[fe80::1%eth0]:25")], None, "no IPv6 address"),
    "a decimal address": ([("target", "3221225985")], None, "no IP address"),
    "an octal address": ([("target", "0300.0.2.1")], None, "no IP address"),
    "a short address": ([("target", "127.1:25")], None, "no IP address"),
    "two dots at the end": ([("target", "mail.example.test..")], None, "empty label"),
    "a line end": ([("target", "mail.example.test\r\nX")], None, "a space"),
    "a NUL": ([("target", "mail.example.test\0")], None, "the character '\\x00'"),
    "an unknown module": ([("target", HOST), ("module", "rely")], None, "did you mean 'relay'?"),
    "a time-out of words": ([("target", HOST)], "soon", "got 'soon'"),
    "a time-out of 0": ([("target", HOST)], "0", "seconds above 0"),
    "a time-out below 0": ([("target", HOST)], "-1", "seconds above 0"),
    "an endless time-out": ([("target", HOST)], "inf", "seconds above 0"),
    "a time-out that is no number": ([("target", HOST)], "nan", "seconds above 0"),
}


@pytest.mark.parametrize(("query", "scrape", "why"), BAD.values(), ids=BAD)
async def test_says_what_is_wrong_with_a_request(query: list[tuple[str, str]], scrape: str | None, why: str) -> None:
    bench = Bench()
    answer = await bench.multi.answer(query, scrape)
    assert (answer.status, why in answer.text, bench.probes.asked) == (400, True, [])
    assert answer.text.count("\n") == 1
    assert answer.text[:-1].isprintable()


@given(st.text(max_size=40), st.text(max_size=10) | st.none())
async def test_any_request_is_answered(target: str, scrape: str | None) -> None:
    answer = await Bench("0.0.0.0/0", "::/0").ask(target, scrape=scrape)
    assert answer.status in {200, 400, 403}


async def test_parameters_of_other_names_are_left_alone() -> None:
    assert (await Bench().ask(HOST, ("hostname", "a"), ("hostname", "b"))).status == 200


@pytest.mark.parametrize(
    ("module", "port", "expected"),
    [("", 25, "relay"), ("", 465, "submissions"), ("", 2525, "submission"), ("submission", 25, "submission")],
)
async def test_the_module_is_the_one_named_or_that_of_the_port(module: str, port: int, expected: str) -> None:
    bench = Bench()
    await bench.ask(f"{HOST}:{port}", ("module", module))
    assert bench.settings.module == expected


@pytest.mark.parametrize(
    ("scrape", "probe", "connect"),
    [(None, 20.0, 10.0), ("10", 9.5, 9.5), ("15", 14.5, 10.0), ("60", 20.0, 10.0), ("1", 0.5, 0.5), ("0.4", 0.2, 0.2)],
)
async def test_answers_half_a_second_before_the_scrape_ends(
    scrape: str | None, probe: float, connect: float, with_login: Config
) -> None:
    bench = Bench(config=with_login)
    await bench.ask(HOST, ("module", "slow"), scrape=scrape)
    assert bench.settings.timeout == pytest.approx(probe, abs=0.05)
    assert bench.settings.connect_timeout == pytest.approx(connect)


# --- who may be probed ----------------------------------------------------------------------------------------------


async def test_is_off_by_default() -> None:
    bench = Bench()
    bench.multi.use(defaults())
    answer = await bench.ask()
    assert (answer.status, "not enabled" in answer.text, bench.probes.asked) == (403, True, [])


async def test_an_empty_list_allows_nobody() -> None:
    bench = Bench()
    bench.multi.use(replace(bench.config, probe_endpoint=ProbeAccess(enabled=True)))
    assert (await bench.ask()).status == 403


MAPPED, METADATA = "::ffff:192.0.2.1", "169.254.169.254"
ALLOWED: dict[str, tuple[str, str, tuple[str, ...], tuple[str, ...] | None]] = {
    "a name that is listed": (HOST, HOST, (A, "127.0.0.1"), (A, "127.0.0.1")),
    "a name below a suffix": ("*.example.test", HOST, (A,), (A,)),
    "a name far below a suffix": ("*.test", HOST, (A,), (A,)),
    "the suffix itself": ("*.mail.example.test", HOST, (A,), None),
    "a name that only ends alike": ("*.xample.test", HOST, (A,), None),
    "a name within another": ("example.test", HOST, (A,), None),
    "another name": ("mail2.example.test", HOST, (A,), None),
    "a name without addresses": (HOST, HOST, (), ()),
    "a name of an address allowed": ("192.0.2.0/24", HOST, (A,), (A,)),
    "a name of an address not allowed": ("192.0.2.0/24", HOST, ("127.0.0.1",), None),
    "a name of both": ("192.0.2.0/24", HOST, (A, "198.51.100.1", SIX), (A,)),
    "an unlisted name without addresses": ("192.0.2.0/24", HOST, (), None),
    "a name of an address that is mapped": ("192.0.2.0/24", HOST, (MAPPED,), (A,)),
    "an address allowed": ("192.0.2.0/24", A, (), (A,)),
    "an address not allowed": ("192.0.2.0/24", "192.0.3.1", (), None),
    "an address where names are listed": (HOST, A, (), None),
    "a hexadecimal address, which is a name": ("127.0.0.0/8", "0x7f000001", (), None),
    "IPv6 allowed": ("2001:db8::/32", f"[{SIX}]:25", (), (SIX,)),
    "IPv6 spelled otherwise": ("2001:db8::/32", "2001:0DB8:0:0::0001", (), (SIX,)),
    "IPv6 where IPv4 is allowed": ("0.0.0.0/0", SIX, (), None),
    "IPv4 where IPv6 is allowed": ("::/0", A, (), None),
    "an address in wide digits": ("192.0.2.0/24", "127.0.0.\uff11", (), None),
    "a mapped address allowed as IPv4": ("192.0.2.0/24", f"[{MAPPED}]:25", (), (A,)),
    "a mapped address where IPv6 is allowed": ("::/0", f"[{MAPPED}]:25", (), None),
    "6to4 where IPv6 is allowed": ("::/0", "2002:7f00:1::1", (), None),
    "6to4 of an address allowed": ("2002::/16 127.0.0.0/8", "2002:7f00:1::1", (), ("2002:7f00:1::1",)),
    "NAT64 where IPv6 is allowed": ("::/0", "64:ff9b::7f00:1", (), None),
    "Teredo where IPv6 is allowed": ("::/0", "2001:0:4136:e378:8000:63bf:80ff:fffe", (), None),
    "a compatible address where IPv6 is allowed": ("::/0", "::127.0.0.1", (), None),
    "loopback where IPv6 is allowed": ("::/0", "::1", (), ("::1",)),
    "the unspecified address": ("0.0.0.0/0", "0.0.0.0", (), None),
    "the unspecified IPv6 address": ("::/0", "::", (), None),
    "the unspecified address, mapped": ("0.0.0.0/0", "::ffff:0.0.0.0", (), None),
    "a listed name of a link-local address": (HOST, HOST, (METADATA,), None),
    "a listed name of a link-local address and another": (HOST, HOST, (METADATA, A), (A,)),
    "a listed name of a link-local IPv6 address": (HOST, HOST, ("fe80::1",), None),
    "a listed name of a mapped link-local address": (HOST, HOST, (f"::ffff:{METADATA}",), None),
    "a listed name of a link-local address behind NAT64": (HOST, HOST, ("64:ff9b::a9fe:a9fe",), None),
    "a listed name of a link-local address behind 6to4": (HOST, HOST, ("2002:a9fe:a9fe::1",), None),
    "a listed name of a multicast address": (HOST, HOST, ("224.0.0.1", "ff02::1"), None),
    "a listed name of the broadcast address": (HOST, HOST, ("255.255.255.255",), None),
    "a listed name of this host": (HOST, HOST, ("0.0.0.0", "::"), None),
    "a listed name of private addresses": (HOST, HOST, ("10.0.0.1", "fd00::1"), ("10.0.0.1", "fd00::1")),
    "a name below a suffix, of a link-local address": ("*.example.test", HOST, (METADATA,), None),
    "a name of a link-local address where IPv4 is allowed": ("0.0.0.0/0", HOST, (METADATA,), None),
    "a link-local address where IPv4 is allowed": ("0.0.0.0/0", METADATA, (), None),
    "a link-local address where IPv6 is allowed": ("::/0", "fe80::1", (), None),
    "a link-local address that is listed": ("169.254.0.0/16", METADATA, (), (METADATA,)),
    "a listed name of a link-local address that is listed": (f"{HOST} 169.254.0.0/16", HOST, (METADATA,), (METADATA,)),
}


@pytest.mark.parametrize(("allow", "target", "addresses", "tried"), ALLOWED.values(), ids=ALLOWED)
async def test_connects_to_what_is_allowed_and_nothing_else(
    allow: str, target: str, addresses: tuple[str, ...], tried: tuple[str, ...] | None
) -> None:
    bench = Bench(*allow.split())
    bench.names.answers[HOST] = Addresses(addresses, None if addresses else NOT_FOUND)
    answer = await bench.ask(target)
    assert (answer.status, bench.tried) == ((403, []) if tried is None else (200, [tried]))


async def test_connects_to_the_addresses_checked_whatever_dns_says_later() -> None:
    bench = Bench("192.0.2.0/24", probes=Holding())
    asking = asyncio.create_task(bench.ask())
    await settle()
    bench.names.answers[HOST] = Addresses(("127.0.0.1",))
    assert bench.tried == [(A,)]
    asking.cancel()


async def test_what_is_not_listed_is_not_looked_up() -> None:
    bench = Bench("other.example.test", "*.example.org")
    bench.names.error = AssertionError("DNS was asked")
    assert (await bench.ask()).status == 403


async def test_a_refusal_tells_nothing_of_what_dns_says() -> None:
    bench = Bench("198.51.100.0/24")
    told = set()
    for found in Addresses((A,)), Addresses((), NOT_FOUND), Addresses((), FAILURE):
        bench.names.answers[HOST] = found
        told.add((await bench.ask()).text)
    assert len(told) == 1


@pytest.mark.parametrize(
    ("allow", "target", "status"),
    [
        pytest.param(HOST, HOST, 200, id="by full name"),
        pytest.param("*.example.test", HOST, 403, id="not by suffix"),
        pytest.param("192.0.2.0/24", HOST, 403, id="not by network"),
        pytest.param("192.0.2.1/32", A, 403, id="not by address"),
    ],
)
async def test_a_module_with_a_login_is_for_hosts_listed_by_full_name(
    allow: str, target: str, status: int, with_login: Config
) -> None:
    answer = await Bench(allow, config=with_login).ask(target, ("module", "login"))
    assert answer.status == status


@given(st.ip_addresses(v=6))
def test_no_address_is_allowed_that_leads_to_one_that_is_not(address: Any) -> None:
    [allowed] = Allowed(["::/0"]).of([str(address)]) or [None]
    leads_to = (address.ipv4_mapped, address.sixtofour, address.teredo)
    assert allowed is None if any(leads_to) else allowed in (str(address), None)


async def test_another_configuration_holds_from_the_next_request_on() -> None:
    bench = Bench()
    other = ProbeAccess(enabled=True, allow=("other.example.test",))
    bench.multi.use(replace(bench.config, probe_endpoint=other))
    assert (await bench.ask()).status == 403


# --- how much at once -----------------------------------------------------------------------------------------------


async def test_two_at_one_address_go_one_after_the_other() -> None:
    probes = Holding()
    bench = Bench(probes=probes)
    both = asyncio.gather(bench.ask(), bench.ask(f"{HOST}:587"))
    await settle()
    before = len(probes.asked)
    probes.held[0]()
    await settle()
    assert (before, len(probes.asked)) == (1, 2)
    probes.held[1]()
    assert [answer.status for answer in await both] == [200, 200]
    assert bench.multi.in_flight == 0


async def test_what_waiting_took_is_taken_off_the_time_out(advance: Advance) -> None:
    probes = Holding()
    bench = Bench(probes=probes)
    both = asyncio.gather(bench.ask(scrape="10.5"), bench.ask(scrape="10.5"))
    await settle()
    advance(4)
    probes.held[0]()
    await settle()
    probes.held[1]()
    await both
    assert bench.settings.timeout == pytest.approx(6, abs=0.5)


@pytest.mark.parametrize(("at_once", "at_other"), [(4, 503), (8, 200)], ids=["one for all", "two for all"])
async def test_who_finds_no_place_is_told_to_come_again(at_once: int, at_other: int, advance: Advance) -> None:
    probes = Holding()
    bench = Bench("*.example.test", probes=probes)
    bench.names.answers["other.example.test"] = Addresses((B,))
    bench.multi.use(replace(bench.config, max_concurrent_probes=at_once))
    first = asyncio.create_task(bench.ask())
    await settle()
    same = asyncio.create_task(bench.ask())
    await settle()
    advance(16)
    answer = await same
    assert (answer.status, answer.headers) == (503, {"Retry-After": "5"})
    other = asyncio.create_task(bench.ask("other.example.test"))
    await settle()
    advance(16)
    await settle()
    for held in probes.held:
        held()
    assert ((await first).status, (await other).status) == (200, at_other)


async def test_only_so_many_may_wait() -> None:
    probes = Holding()
    bench = Bench(probes=probes)
    bench.multi.use(replace(bench.config, max_concurrent_probes=1))
    asking = [asyncio.create_task(bench.ask()) for _ in range(2)]
    await settle()
    assert (await bench.ask()).status == 503
    for _ in asking:
        probes.held.pop()()
        await settle()
    assert [(await each).status for each in asking] == [200, 200]


async def test_who_leaves_while_it_is_probed_keeps_its_place_until_the_end() -> None:
    probes = Holding()
    bench = Bench(probes=probes)
    asking = asyncio.create_task(bench.ask())
    await settle()
    asking.cancel()
    await settle()
    held, _ = bench.multi.in_flight, probes.held[0]()
    assert (held, bench.multi.in_flight) == (1, 0)


async def test_who_leaves_while_it_waits_takes_no_place() -> None:
    probes = Holding()
    bench = Bench(probes=probes)
    first, second = asyncio.create_task(bench.ask()), asyncio.create_task(bench.ask())
    await settle()
    second.cancel()
    await settle()
    probes.held[0]()
    await first
    assert (len(probes.asked), bench.multi.in_flight) == (1, 0)


async def test_a_mistake_of_ours_frees_the_place_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    bench.probes.results[""] = lambda _: 1 / 0  # type: ignore[assignment, return-value]  # it never returns
    answer = await bench.ask()
    assert 'reason="internal_error"' in answer.text
    assert (values(answer)["probe_success"], bench.errors, bench.multi.in_flight) == (0, 1, 0)
    assert "internal error" in caplog.text


async def test_a_check_of_ours_that_fails_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_demand, "assess", lambda result: 1 / 0 if result.connected else assess(result))
    bench = Bench()
    assert 'reason="internal_error"' in (await bench.ask()).text
    assert bench.errors == 1


# --- what is remembered of a peer -----------------------------------------------------------------------------------


async def test_a_peer_is_the_same_whatever_time_a_scrape_has(with_login: Config) -> None:
    bench = Bench(config=with_login)
    for scrape in "10", "11", None:
        await bench.ask(HOST, ("module", "login"), scrape=scrape)
    assert len({peer for peer, _, _ in bench.probes.asked}) == 1
    assert len({peer.settings.timeout for peer, _, _ in bench.probes.asked}) == 3


async def test_a_peer_is_not_the_agents_own(with_login: Config) -> None:
    bench = Bench(config=with_login)
    await bench.ask(HOST, ("module", "login"))
    [(peer, _, _)] = bench.probes.asked
    assert peer != Peer(HOST, "", 25, replace(with_login.settings_for(25, "login"), addresses="any"))


async def test_forgets_who_was_asked_for_long_ago_but_no_login(
    with_login: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(on_demand, "REMEMBERED", 2)
    bench = Bench(config=with_login)
    await bench.ask(HOST, ("module", "login"))
    for port in 1, 2, 1, 3:
        await bench.ask(f"{HOST}:{port}")
    assert [peer.port for peer in bench.probes.forgotten] == [2]


# --- what is told ---------------------------------------------------------------------------------------------------


def told(seen: Callable[[Peer], Result]) -> Bench:
    bench = Bench()
    bench.probes.results[""] = seen
    return bench


async def test_metrics_have_no_labels_that_prometheus_adds_and_no_counters() -> None:
    answer = await Bench().ask()
    families = list(parse_text(answer.text))
    labels = {label for family in families for sample in family.samples for label in sample.labels}
    assert not labels & {"target", "host", "address", "port"}
    assert "smtp_probe_interval_seconds" not in {family.name for family in families}
    assert {family.type for family in families} == {"gauge"}
    assert answer.metrics


async def test_tells_the_facts_in_our_words_and_in_blackbox_exporters() -> None:
    seen = told(lambda peer: healthy(peer, verdict=replace(healthy().verdict, sent_not_after=NOW + 5 * DAY)))  # type: ignore[type-var]  # a healthy one has a verdict
    found = values(await seen.ask())
    assert {name: found[name] for name in (*(family.name for family in BLACKBOX), "smtp_probe_success")} == {
        "probe_success": 1,
        "probe_duration_seconds": 0.25,
        "probe_ssl_earliest_cert_expiry": NOW + 5 * DAY,
        "probe_ssl_last_chain_expiry_timestamp_seconds": NOW + 70 * DAY,
        "smtp_probe_success": 1,
    }
    assert found["smtp_certificate_not_after_timestamp_seconds"] == LEAF.not_after


async def test_what_was_not_reached_is_absent() -> None:
    found = values(await told(lambda peer: failed(Reason.CONNECTION_TIMEOUT, peer)).ask())
    assert found["probe_success"] == found["smtp_probe_success"] == found["smtp_port_open"] == 0
    assert found["smtp_probe_consecutive_failures"] == 1
    assert not any("ssl" in name or "certificate" in name or "tls" in name for name in found)


async def test_while_untestable_only_blackbox_exporters_name_says_failure() -> None:
    seen = told(lambda peer: failed(Reason.NETWORK_UNREACHABLE, peer, untestable=Untestable.NO_IPV6))
    found = values(await seen.ask())
    assert (found["probe_success"], "smtp_probe_success" in found) == (0, False)


@pytest.mark.parametrize("finding", ["self_signed", "not_trusted", "unsuitable"])
async def test_a_chain_that_does_not_verify_has_no_verified_expiry(finding: str) -> None:
    verdict = replace(healthy().verdict, sent_not_after=NOW, **{finding: "it is so"})  # type: ignore[type-var]  # a healthy one has a verdict
    found = values(await told(lambda peer: healthy(peer, verdict=verdict)).ask())
    assert found["probe_ssl_earliest_cert_expiry"] == NOW
    assert "probe_ssl_last_chain_expiry_timestamp_seconds" not in found


@pytest.mark.parametrize("name", [HOST, A], ids=["a name", "a literal"])
async def test_dns_takes_time_where_there_is_a_name(name: str) -> None:
    bench = Bench(HOST, "192.0.2.0/24")
    await bench.ask(name)
    [(_, _, lookup)] = bench.probes.asked
    assert (lookup is None) is (name == A)


async def test_slow_dns_leaves_time_for_an_answer(advance: Advance) -> None:
    bench = Bench()
    never: asyncio.Future[Addresses] = asyncio.get_running_loop().create_future()
    bench.names.addresses = lambda _host, **_: never  # type: ignore[method-assign, assignment]  # never
    asking = asyncio.create_task(bench.ask(scrape="10"))
    await settle()
    advance(3.2)
    answer = await asking
    assert 'reason="dns_timeout"' in answer.text
    assert values(answer)["probe_success"] == 0


async def test_debug_shows_transcript_problems_metrics_and_module_in_blackbox_exporters_order() -> None:
    step = Step(0.25, Stage.GREETING, "S", Reply(220, ("mail.example.test ESMTP",)))
    answer = await told(lambda peer: failed(Reason.EHLO_TIMEOUT, peer, steps=(step,))).ask(
        HOST, ("debug", "true"), scrape="10"
    )
    titles = [
        "Logs for the probe:\n",
        "Problems:\n",
        "Metrics that would have been returned:\n",
        "Module configuration:\n",
    ]
    assert sorted(titles, key=answer.text.index) == titles
    assert answer.text.startswith("Logs for the probe:\nprobing mail.example.test:25, module relay, time-out 9.5 s\n")
    for part in "   0.250 greeting    S 220 mail.example.test ESMTP\n", "critical ehlo_timeout (ehlo): what was seen\n":
        assert part in answer.text
    assert not answer.metrics


@pytest.mark.parametrize(("debug", "metrics"), [("true", False), ("false", True), ("", True)])
async def test_debug_is_what_blackbox_exporter_takes_for_it(debug: str, metrics: bool) -> None:
    assert (await Bench().ask(HOST, ("debug", debug))).metrics is metrics


async def test_what_a_peer_says_is_escaped() -> None:
    steps = (Step(0.1, Stage.GREETING, "S", Reply(220, (EVIL, "\r\n\0"))),)
    answer = await told(lambda peer: healthy(peer, steps=steps)).ask(HOST, ("debug", "true"))
    assert "\\x1b[31m<b>\\u202e\n" in answer.text
    assert answer.text.replace("\n", "").isprintable()


async def test_debug_shows_no_secret_and_not_where_it_is(with_login: Config) -> None:
    answer = await Bench(config=with_login).ask(HOST, ("module", "login"), ("debug", "true"))
    assert '"username": "<secret>"' in answer.text
    assert not any(secret in answer.text for secret in ("the-account", "canary-password", "/password"))


async def test_debug_tells_how_many_addresses_were_left_out_and_not_which() -> None:
    bench = Bench("192.0.2.0/24")
    bench.names.answers[HOST] = Addresses((A, "10.0.0.1"))
    answer = await bench.ask(HOST, ("debug", "true"))
    assert "left out: 1\n" in answer.text
    assert "10.0.0.1" not in answer.text


# --- with the real prober and resolver ------------------------------------------------------------------------------


@pytest.fixture
async def multi(monkeypatch: pytest.MonkeyPatch, with_login: Config, tmp_path: Path) -> MultiTarget:
    monkeypatch.setattr(shell, "QUIT_PATIENCE", 0.15)
    monkeypatch.setattr(shell, "CLOSE_PATIENCE", 0.1)
    prober = Prober(asyncio.get_running_loop(), Judge(), ehlo_name="probe.example.net")
    access = ProbeAccess(enabled=True, allow=("127.0.0.0/8", "::1/128", HOST))
    (tmp_path / "hosts").write_text(f"127.0.0.1 {HOST}\n")
    return MultiTarget(
        replace(with_login, probe_endpoint=access), prober, Resolver(hosts_file=tmp_path / "hosts"), clock=lambda: NOW
    )


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_probes_a_server(host: str, multi: MultiTarget, serve: "Serve", zoo: "Zoo") -> None:
    server = await serve(SmtpServer(zoo.good), host=host)
    found = values(await multi.answer([("target", str(server))], "5"))
    leaf = zoo.good.certificate.not_valid_after_utc.timestamp()
    assert (found["probe_success"], found["smtp_tls_established"]) == (1, 1)
    assert found["probe_ssl_earliest_cert_expiry"] == leaf
    assert "probe_ssl_last_chain_expiry_timestamp_seconds" not in found  # a CA that the system does not know


async def test_the_earliest_of_the_certificates_sent_counts(multi: MultiTarget, serve: "Serve", zoo: "Zoo") -> None:
    server = await serve(SmtpServer(zoo.expired_intermediate))
    found = values(await multi.answer([("target", str(server))], "5"))
    sent = (zoo.expired_intermediate.certificate, *zoo.expired_intermediate.chain)
    earliest = min(each.not_valid_after_utc.timestamp() for each in sent)
    assert found["probe_ssl_earliest_cert_expiry"] == earliest < found["smtp_certificate_not_after_timestamp_seconds"]


async def test_a_login_comes_once_however_often_and_hurriedly_it_is_asked_for(
    multi: MultiTarget, with_login: Config, serve: "Serve", zoo: "Zoo"
) -> None:
    login, access = with_login.settings_for(25, "login"), ProbeAccess(enabled=True, allow=(HOST,))
    plain = {("login", "relay"): replace(login, tls=TlsSettings(str(zoo.ca_file)))}
    multi.use(replace(with_login, plain=plain, probe_endpoint=access))
    server = await serve(SmtpServer(zoo.good, auth=("PLAIN",), users={"the-account": "canary-password"}))
    query = [("target", f"{HOST}:{server.port}"), ("module", "login")]
    found = [values(await multi.answer(query, scrape)) for scrape in ("5", "6", None)]
    said = [line.split()[0] for conversation in server.conversations for line in conversation.heard]
    assert [each["smtp_auth_success"] for each in found] == [1, 1, 1]
    assert said.count("AUTH") == 1


@pytest.mark.parametrize("debug", ["true", "false"])
async def test_what_a_server_says_is_told_without_secrets(
    debug: str, multi: MultiTarget, with_login: Config, serve: "Serve", zoo: "Zoo"
) -> None:
    login, access = with_login.settings_for(25, "login"), ProbeAccess(enabled=True, allow=(HOST,))
    plain = {("login", "relay"): replace(login, tls=TlsSettings(str(zoo.ca_file)))}
    multi.use(replace(with_login, plain=plain, probe_endpoint=access))
    greeting = saying("220-mail.example.test ESMTP", '220 "} 1\x1b[2J')
    tattling = saying("535 no canary-password for the-account")
    server = await serve(SmtpServer(zoo.good, auth=("PLAIN",), greeting=greeting, inside_tls={"AUTH": tattling}))
    answer = await multi.answer([("target", f"{HOST}:{server.port}"), ("module", "login"), ("debug", debug)], "5")
    assert "auth_rejected" in answer.text
    assert "canary-password" not in answer.text
    assert answer.text.replace("\n", "").isprintable()
