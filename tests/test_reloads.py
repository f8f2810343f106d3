"""When the configuration is read anew, what becomes of it, and what is said. Files and clock are fakes."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from exporter.config import Config, ConfigError, ConfigErrors, Sources, defaults
from exporter.config.errors import TOLD
from exporter.config.files import Digests
from exporter.model import Settings, Target
from exporter.reloads import LOOK_AGAIN, LOOK_EVERY, NotApplied, Reloads
from exporter.telemetry import Telemetry

CONFIGURATION, TARGETS, CA = ("configuration", "/c.yaml"), ("target file", "/t.yaml"), ("certificate", "/ca.pem")
PASSWORD = ("password", "/secret")
OK = "smtp_exporter_config_last_reload_successful"
AT = "smtp_exporter_config_last_reload_success_timestamp_seconds"


class Bench:
    """Files by what is in them; "bad" in a target file or the configuration cannot be used."""

    def __init__(self, *, auto: bool = False) -> None:
        self.files: dict[Any, str] = {CONFIGURATION: "one", TARGETS: "1", CA: "ca", PASSWORD: "secret"}
        self.telemetry = Telemetry()
        self.read: list[bytes | None] = []
        self.applied: list[Config] = []
        self.told: list[object] = []
        self.refuse: Exception | None = None
        self.going_on = asyncio.Event()
        self.going_on.set()
        self.now, self.slept = 100.0, list[float]()
        self._sleepers: asyncio.Queue[asyncio.Future[None]] = asyncio.Queue()
        self.reading_began = asyncio.Event()
        looking: Any = self
        first = self.config("one")
        self.reloads = Reloads(
            first, self.reading, self.apply, self.telemetry, looking,
            auto=auto, clock=lambda: self.now, sleep=self.sleep,
            began=lambda: self.told.append("began"), ended=self.told.append,
        )  # fmt: skip

    def config(self, text: str) -> Config:
        target = Target(self.files.get(TARGETS, ""), ((25, Settings()),), host="a.test")
        sources = Sources(("/t*.yaml",), dict(self.files))
        return replace(defaults(), targets=(target,), sources=sources, text=text.encode(), path=Path("/c.yaml"))

    def look(self, _sources: Sources) -> Digests:
        return dict(self.files)

    async def reading(self, _running: Config, text: bytes | None) -> Config:
        self.read.append(text)
        self.reading_began.set()
        await self.going_on.wait()
        if self.refuse:
            raise self.refuse
        if "bad" in (self.files[CONFIGURATION] if text is None else "", self.files.get(TARGETS)):
            error = ConfigError(Path("/t.yaml"), "not good", 3, 5)
            raise ConfigErrors([error], Sources(("/t*.yaml",), dict(self.files)))
        return self.config(self.files[CONFIGURATION] if text is None else text.decode())

    async def apply(self, config: Config) -> None:
        if self.files[CA] == "bad":
            raise NotApplied("/ca.pem: holds no certificate")
        self.applied.append(config)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        waiting = asyncio.get_running_loop().create_future()
        self._sleepers.put_nowait(waiting)
        await waiting

    async def look_now(self, times: int = 1) -> None:
        """Let so many looks at the files pass, and all that comes of them."""
        for _ in range(times):
            (await self._sleepers.get()).set_result(None)
            self._sleepers.put_nowait(await self._sleepers.get())

    def value(self, name: str) -> float | None:
        return self.telemetry.registry.get_sample_value(name)


Follow = Callable[..., Awaitable[Bench]]


@pytest.fixture
async def follow() -> Any:
    tasks: list[asyncio.Task[None]] = []

    async def start(*, auto: bool = False) -> Bench:
        bench = Bench(auto=auto)
        tasks.append(asyncio.get_running_loop().create_task(bench.reloads.follow()))
        return bench

    yield start
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture(autouse=True)
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.INFO, "exporter.reloads"):
        yield caplog


# --- asked for --------------------------------------------------------------------------------------------------


async def test_what_is_asked_for_is_read_and_taken_over() -> None:
    bench = Bench()
    bench.files |= {CONFIGURATION: "two", TARGETS: "2"}
    assert await bench.reloads.reload() == []
    assert [config.targets[0].name for config in bench.applied] == ["2"]
    assert bench.reloads.config is bench.applied[0]
    assert (bench.value(OK), bench.value(AT)) == (1, 100)


async def test_a_bad_one_changes_nothing_and_is_told(logged: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    before = bench.reloads.config
    bench.telemetry.reload_time.set(50)
    bench.files[CONFIGURATION] = "bad"
    assert await bench.reloads.reload() == ["/t.yaml:3:5: not good"]
    assert (bench.reloads.config, bench.applied) == (before, [])
    assert (bench.value(OK), bench.value(AT)) == (0, 50)
    assert [(r.levelname, r.error) for r in logged.records] == [("ERROR", "/t.yaml:3:5: not good")]  # type: ignore[attr-defined]  # extra


async def test_a_good_one_after_a_bad_one_is_told_too() -> None:
    bench = Bench()
    bench.files[CONFIGURATION] = "bad"
    await bench.reloads.reload()
    bench.files[CONFIGURATION] = "two"
    assert await bench.reloads.reload() == []
    assert bench.value(OK) == 1


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (RuntimeError("the process that read the configuration died"), "the process that read the configuration died"),
        (KeyError("x"), "internal error: KeyError"),
    ],
    ids=["the child died", "our mistake"],
)
async def test_whatever_goes_wrong_the_old_one_runs_on(error: Exception, told: str) -> None:
    bench = Bench()
    bench.refuse = error
    assert await bench.reloads.reload() == [told]
    assert (bench.applied, bench.value(OK)) == ([], 0)
    assert bench.value("smtp_exporter_internal_errors_total") == isinstance(error, KeyError)


async def test_anchors_that_cannot_be_read_are_an_error_like_others() -> None:
    bench = Bench()
    bench.files[CA] = "bad"
    assert await bench.reloads.reload() == ["/ca.pem: holds no certificate"]
    assert bench.value(OK) == 0


async def test_of_a_thousand_errors_a_hundred_are_told(logged: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    bench.refuse = ConfigErrors(ConfigError(Path("/c.yaml"), "wrong", line, 1) for line in range(1, 1001))
    assert len(await bench.reloads.reload()) == TOLD + 1
    assert len(logged.records) == TOLD + 1
    assert logged.records[-1].error == "and at least 900 more errors"  # type: ignore[attr-defined]  # extra


async def test_beginning_and_end_are_told_to_systemd_for_one() -> None:
    bench = Bench()
    await bench.reloads.reload()
    bench.files[CONFIGURATION] = "bad"
    await bench.reloads.reload()
    assert bench.told == ["began", True, "began", False]


async def test_who_asks_while_one_runs_gets_the_next_and_they_share_it() -> None:
    bench = Bench()
    bench.going_on.clear()
    asked = [asyncio.create_task(bench.reloads.reload())]
    await bench.reading_began.wait()
    asked += [asyncio.create_task(bench.reloads.reload()) for _ in range(5)]
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(bench.read) == 1
    bench.going_on.set()
    assert await asyncio.gather(*asked) == [[]] * 6
    assert len(bench.applied) == 2


async def test_who_asks_during_the_start_waits_for_it() -> None:
    bench = Bench()
    async with bench.reloads.one_at_a_time:
        asked = bench.reloads.ask()
        for _ in range(5):
            await asyncio.sleep(0)
        assert bench.read == []
    assert await asked == []


async def test_close_ends_one_that_is_under_way() -> None:
    bench = Bench()
    bench.going_on.clear()
    asked = bench.reloads.ask()
    await bench.reading_began.wait()
    await bench.reloads.close()
    assert (asked.cancelled(), bench.applied) == (True, [])


# --- by itself --------------------------------------------------------------------------------------------------


async def test_files_that_stay_as_they_are_are_not_read_again(follow: Follow) -> None:
    bench = await follow(auto=True)
    await bench.look_now(5)
    assert (bench.read, set(bench.slept)) == ([], {LOOK_EVERY})


@pytest.mark.parametrize(
    ("place", "followed", "with_auto_reload"),
    [
        (CONFIGURATION, False, True),
        (PASSWORD, False, True),
        (TARGETS, True, True),
        (CA, True, True),
        (("target file", "/t2.yaml"), True, True),
    ],
    ids=["configuration", "password", "target file", "CA file", "new match"],
)
async def test_which_changes_are_followed(follow: Follow, place: Any, followed: bool, with_auto_reload: bool) -> None:
    for auto, expected in ((False, followed), (True, with_auto_reload)):
        bench = await follow(auto=auto)
        await bench.look_now()
        bench.files[place] = "2"
        await bench.look_now(4)
        assert len(bench.read) == expected


async def test_a_match_that_vanished_is_a_change(follow: Follow) -> None:
    bench = await follow()
    await bench.look_now()
    del bench.files[TARGETS]
    await bench.look_now(2)
    assert len(bench.applied) == 1


async def test_two_equal_looks_make_a_change_true(follow: Follow) -> None:
    bench = await follow()
    for content in ("half", "half writ", "half written"):
        bench.files[TARGETS] = content
        await bench.look_now()
    assert bench.read == []
    await bench.look_now()
    assert [config.targets[0].name for config in bench.applied] == ["half written"]
    assert bench.slept == [LOOK_EVERY, LOOK_AGAIN, LOOK_AGAIN, LOOK_AGAIN, LOOK_EVERY]


async def test_without_auto_reload_a_changed_target_file_brings_no_other_configuration(follow: Follow) -> None:
    bench = await follow()
    bench.files |= {CONFIGURATION: "bad", TARGETS: "2"}
    await bench.look_now(2)
    assert (bench.read, bench.value(OK)) == ([b"one"], 1)
    assert [(config.targets[0].name, config.text) for config in bench.applied] == [("2", b"one")]


async def test_a_bad_file_is_told_once_until_it_changes(follow: Follow) -> None:
    bench = await follow()
    bench.files[TARGETS] = "bad"
    await bench.look_now(8)
    assert (len(bench.read), bench.value(OK)) == (1, 0)
    bench.files[TARGETS] = "good"
    await bench.look_now(2)
    assert (len(bench.read), bench.value(OK)) == (2, 1)


@pytest.mark.parametrize("back", ["1", None], ids=["as it was", "removed"])
async def test_a_bad_file_that_goes_makes_good_again(follow: Follow, back: str | None) -> None:
    bench = await follow()
    bench.files[TARGETS] = "bad"
    await bench.look_now(2)
    if back is None:
        del bench.files[TARGETS]
    else:
        bench.files[TARGETS] = back
    await bench.look_now(2)
    assert (len(bench.read), bench.value(OK)) == (2, 1)


async def test_after_a_reading_that_came_to_nothing_files_are_followed_on(follow: Follow) -> None:
    bench = await follow()
    bench.refuse = ConfigErrors([ConfigError(Path("/c.yaml"), "not YAML", 1, 1)], Sources((), {CONFIGURATION: "bad"}))  # type: ignore[dict-item]  # a place
    await bench.reloads.reload()
    await bench.look_now(3)
    assert len(bench.read) == 1
    bench.refuse, bench.files[TARGETS] = None, "2"
    await bench.look_now(2)
    assert [config.targets[0].name for config in bench.applied] == ["2"]


async def test_a_mistake_of_ours_does_not_end_the_following(follow: Follow, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = await follow()
    with monkeypatch.context() as patch:
        patch.setattr(Bench, "look", lambda _self, _sources: 1 / 0)
        await bench.look_now()
    bench.files[TARGETS] = "2"
    await bench.look_now(2)
    assert (len(bench.applied), bench.value("smtp_exporter_internal_errors_total")) == (1, 1)
