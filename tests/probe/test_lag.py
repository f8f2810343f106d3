"""How late a loop is, by a clock that is passed in; and that a time-out while it was blocked is nobody's fault."""

import asyncio
import errno
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from exporter.checks import assess
from exporter.model import Ended, Lookup, Session, Settings
from exporter.probe import failures
from exporter.probe.lag import LoopBlockedError, LoopLag
from exporter.probe.prober import Prober
from exporter.reasons import Reason, Stage, Untestable
from exporter.simulated.ports import closed_port, dropping_port
from exporter.simulated.scripts import SCRIPTS
from exporter.trust import Judge
from exporter.wire import HandshakeError
from tests.patience import PATIENCE
from tests.probe.scenarios import IN_CLEAR, LOGIN, PASSWORD_ENV, RELAY, SHORT, SUBMISSIONS

if TYPE_CHECKING:
    from exporter.simulated.certificates import Zoo
    from tests.conftest import Serve
    from tests.probe.conftest import Probe


class Loop:
    """A loop whose one timer runs when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.beat: Callable[[], None] = lambda: None

    def time(self) -> float:
        return self.now

    def call_later(self, _delay: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        self.beat = callback
        return None  # type: ignore[return-value]  # nobody cancels it

    def pass_by(self, *moments: float) -> None:
        """The timer runs at these moments, in seconds from the start."""
        for moment in moments:
            self.now = 1000.0 + moment
            self.beat()


def lag_of(loop: Any, observe: Callable[[float], object] = lambda _: None) -> LoopLag:
    return LoopLag(loop, observe=observe)


@pytest.mark.parametrize(
    ("beats", "now", "within", "blocked"),
    [
        pytest.param((0.25, 0.5, 0.75, 1.0), 1.1, 30.0, False, id="never"),
        pytest.param((0.25, 1.0, 1.6), 1.7, 30.0, False, id="less than a second each time"),
        pytest.param((0.25, 1.5, 1.75), 1.8, 30.0, True, id="during the probe"),
        pytest.param((0.25, 1.5, 1.75), 1.8, 1.3, True, id="at the beginning of the probe"),
        pytest.param((0.25, 1.5, 1.75), 1.8, 0.2, False, id="before the probe"),
        pytest.param((0.25, 5.25, 5.5), 5.5, 0.9, False, id="mostly before the probe"),
        pytest.param((0.25, 1.5, 1.75, 2.0, 2.25), 2.3, 30.0, True, id="and has been back for long"),
        pytest.param((0.25,), 1.5, 30.0, True, id="until now, and nobody has noted it"),
        pytest.param((0.25,), 1.5, 0.5, False, id="until now, but the probe is younger"),
    ],
)
def test_whether_the_loop_was_blocked(beats: tuple[float, ...], now: float, within: float, blocked: bool) -> None:
    loop = Loop()
    lag = lag_of(loop)
    loop.pass_by(*beats)
    loop.now = 1000.0 + now
    assert lag.blocked_within(within) is blocked


def test_every_lag_is_observed_and_a_blocked_loop_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    loop, late = Loop(), list[float]()
    lag_of(loop, late.append)
    loop.pass_by(0.25, 0.75, 3.0)
    assert late == [0.0, 0.25, 2.0]
    assert [(record.message.partition(":")[0], record.seconds) for record in caplog.records] == [  # type: ignore[attr-defined]  # extra
        ("event loop was blocked", 2.0)
    ]


async def test_it_beats_until_it_is_stopped() -> None:
    beaten = asyncio.Event()
    lag = LoopLag(asyncio.get_running_loop(), observe=lambda _: beaten.set())
    await asyncio.wait_for(beaten.wait(), PATIENCE)
    lag.stop()


# --- what a time-out says then -----------------------------------------------------------------------------------


class Blocked(LoopLag):
    def blocked_within(self, seconds: float) -> bool:
        return seconds > 0


@pytest.fixture
async def busy() -> Prober:
    """A prober whose loop is always blocked."""
    loop = asyncio.get_running_loop()
    return Prober(loop, Judge(), ehlo_name="probe.example.net", lag=Blocked(loop))


@pytest.mark.parametrize(
    ("script", "settings"),
    [
        ("greeting_timeout", RELAY),
        ("greeting_drip_endless", RELAY),
        ("ehlo_timeout", RELAY),
        ("ehlo_timeout", IN_CLEAR),
        ("starttls_timeout", RELAY),
        ("tls_timeout", RELAY),
        ("auth_timeout", LOGIN),
        ("greeting_timeout", SUBMISSIONS),
    ],
)
async def test_a_time_out_while_we_were_blocked_says_nothing_of_the_server(
    serve: "Serve", probe: "Probe", zoo: "Zoo", busy: Prober, monkeypatch: pytest.MonkeyPatch,
    script: str, settings: Settings,
) -> None:  # fmt: skip
    monkeypatch.setenv(PASSWORD_ENV, "password")
    impatient = replace(settings, timeout=SHORT, tls=replace(settings.tls, ca_file=str(zoo.ca_file)))
    result = await probe((await serve(SCRIPTS[script](zoo))).port, impatient, by=busy)
    assessment = assess(result)
    assert (assessment.problems, assessment.untestable) == ((), Untestable.LOCAL_RESOURCES)
    assert (result.connected, result.authenticated, result.auth) == (True, None, None)


async def test_nor_does_a_connection_that_had_no_time(probe: "Probe", busy: Prober) -> None:
    with dropping_port() as port:
        result = await probe(port, replace(RELAY, connect_timeout=SHORT), by=busy)
    assert (result.ended, result.untestable, result.connected) == (None, Untestable.LOCAL_RESOURCES, None)


async def test_a_refusal_is_one_though_we_were_blocked(probe: "Probe", busy: Prober) -> None:
    with closed_port() as port:
        result = await probe(port, RELAY, by=busy)
    assert (result.ended and result.ended.reason, result.untestable) == (Reason.CONNECTION_REFUSED, None)


async def test_one_address_that_had_no_time_may_be_well_though_another_refuses(probe: "Probe", busy: Prober) -> None:
    with dropping_port() as port:  # nobody listens there on 127.0.0.2
        pool = replace(RELAY, addresses="any", connect_timeout=SHORT)
        result = await probe(port, pool, addresses=("127.0.0.1", "127.0.0.2"), by=busy)
    assert (result.ended, result.untestable, result.connected) == (None, Untestable.LOCAL_RESOURCES, None)


async def test_a_farewell_that_had_no_time_is_nobody_s_problem(
    serve: "Serve", probe: "Probe", zoo: "Zoo", busy: Prober
) -> None:
    result = await probe((await serve(SCRIPTS["quit_unanswered"](zoo))).port, IN_CLEAR, by=busy)
    assert (result.ended, result.untestable) == (None, None)


@pytest.mark.parametrize(
    ("reason", "ended", "untestable"),
    [
        (Reason.DNS_TIMEOUT, None, Untestable.LOCAL_RESOURCES),
        (Reason.DNS_NOT_FOUND, Reason.DNS_NOT_FOUND, None),
    ],
)
async def test_dns_that_had_no_time_says_nothing_either(
    probe: "Probe", busy: Prober, reason: Reason, ended: Reason | None, untestable: Untestable | None
) -> None:
    lookup = Lookup(10.0, Ended(Stage.DNS, reason, "no answer within 10 s"))
    result = await probe(25, RELAY, addresses=(), lookup=lookup, by=busy)
    assessment = assess(result)
    assert [each.reason for each in assessment.problems] == ([ended] if ended else [])
    assert assessment.untestable is untestable


@pytest.mark.parametrize(
    ("error", "untestable"),
    [
        (TimeoutError(), None),
        (ConnectionResetError(errno.ECONNRESET, "reset"), None),
        (LoopBlockedError(), Untestable.LOCAL_RESOURCES),
        (OSError(errno.ENOBUFS, "no buffer space"), Untestable.LOCAL_RESOURCES),
        (HandshakeError(LoopBlockedError(), b"", Session()), Untestable.LOCAL_RESOURCES),
        (HandshakeError(OSError(errno.ENOMEM, "no memory"), b"", Session()), Untestable.LOCAL_RESOURCES),
        (HandshakeError(TimeoutError(), b"", Session()), None),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_what_is_our_own_fault_at_any_stage(error: Exception, untestable: Untestable | None) -> None:
    assert failures.untestable(error, "192.0.2.1") is untestable
