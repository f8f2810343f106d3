"""Each row of the table, probed over loopback by the real Prober and judged by the real checks."""

import asyncio
import logging
import os
import re
import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from exporter.checks import assess
from exporter.logs import Json
from exporter.model import Session, TlsSettings, Verdict
from exporter.probe import second_look
from exporter.probe.prober import Prober
from exporter.reasons import Reason
from exporter.simulated.healthy import SmtpServer
from exporter.simulated.ports import closed_port, dropping_port
from exporter.simulated.scripts import SCRIPTS
from exporter.trust import Judge
from exporter.wire import Wire
from tests.probe.scenarios import BROKEN, HEALTHY, LOGIN, PASSWORD_ENV, SCENARIOS, Scenario, by_reason
from tests.surfaces import surfaces
from tests.trust.raw import ROOT, Raw, in_pem, named, new_key

if TYPE_CHECKING:
    from exporter.simulated.certificates import Zoo
    from tests.conftest import Serve
    from tests.probe.conftest import Probe


DEBUG_TEXT = re.compile(
    r"Traceback|<class|<\w+\.|object at 0x|\w+Error\b|\w+Exception\b|\[Errno|\b_ssl\.c|\bbytearray\(|\bb['\"]|\{ ?kind:"
)
"""What libraries write for developers: names of exceptions and types, values as in their code."""


class FailingJudge(Judge):
    def judge(self, *_: object) -> Verdict | None:
        raise ZeroDivisionError("a bug of ours")


@contextmanager
def resetting_port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Hold a port that resets each connection of a wire before the loop can tell that it is there."""
    connect = Wire.connect

    def connect_in_vain(self: Wire, *where: Any) -> None:
        connect(self, *where)
        with listener.accept()[0] as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    monkeypatch.setattr(Wire, "connect", connect_in_vain)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[scenario.id for scenario in SCENARIOS])
async def test_says_exactly_what_its_row_says(
    scenario: Scenario,
    serve: "Serve",
    probe: "Probe",
    zoo: "Zoo",
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setenv(PASSWORD_ENV, scenario.password)
    if scenario.looked_at_again:
        monkeypatch.setattr(second_look, "SILENCE", 0.0)
        monkeypatch.setattr(second_look, "PATIENCE", 1.0)
    if scenario.fails:
        code = scenario.fails

        def fails(*_: object) -> None:
            raise OSError(code, os.strerror(code))

        monkeypatch.setattr(Wire, "connect", fails)
    by = Prober(asyncio.get_running_loop(), FailingJudge()) if scenario.judge_fails else None
    with ExitStack() as ports:
        port = 1
        if scenario.port == "closed":
            port = ports.enter_context(closed_port())
        elif scenario.port == "dropping":
            port = ports.enter_context(dropping_port())
        elif scenario.port == "resetting":
            port = ports.enter_context(resetting_port(monkeypatch))
        elif scenario.port == "server":
            port = (await serve(scenario.made(zoo))).port
        addresses = () if scenario.port == "none" and not scenario.fails else ("127.0.0.1",)
        result = await probe(port, scenario.tls(zoo), addresses=addresses, lookup=scenario.lookup, by=by)
    assessment = assess(replace(result, address=scenario.seen_at or result.address))
    found = {problem.reason: str(problem.severity) for problem in assessment.problems}
    assert (found, assessment.untestable) == (scenario.problems, scenario.untestable)
    failed = "critical" in scenario.problems.values()
    assert assessment.success is (None if scenario.untestable else not failed)
    said = surfaces(result) + "\n".join(map(Json().format, caplog.records))
    assert scenario.judge_fails or DEBUG_TEXT.findall(said) == [], "what a library says is for developers"


def test_every_script_of_the_test_bed_has_a_row() -> None:
    assert {scenario.id.partition(",")[0] for scenario in SCENARIOS} >= set(SCRIPTS)


def test_every_row_has_its_own_name() -> None:
    assert len({scenario.id for scenario in SCENARIOS}) == len(SCENARIOS)


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_a_scenario_that_ends_in_it(reason: Reason) -> None:
    assert by_reason()[reason]


def test_nothing_is_said_of_what_is_healthy() -> None:
    assert [scenario.id for scenario in HEALTHY if scenario.problems] == []


def test_what_is_broken_has_a_problem_or_is_untestable() -> None:
    silent = {scenario.id for scenario in BROKEN if not (scenario.problems or scenario.untestable)}
    assert silent == {"starttls_masked, STARTTLS forbidden", "tls_1_1_only, and enough"}


async def test_a_certificate_is_kept_where_the_handshake_failed_late(
    serve: "Serve", probe: "Probe", zoo: "Zoo"
) -> None:
    row = next(scenario for scenario in SCENARIOS if scenario.id == "client_certificate_required_1_2")
    result = await probe((await serve(row.made(zoo))).port, row.tls(zoo))
    assert isinstance(result.session, Session)
    assert (result.verdict is not None and result.verdict.valid, result.established) == (True, False)


async def test_a_password_goes_to_a_server_whose_certificate_only_strict_parsers_refuse(
    serve: "Serve", probe: "Probe", zoo: "Zoo", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PASSWORD_ENV, "password")
    own, anchor = replace(Raw(), subject=named("Mail & Co.", 0x13)), tmp_path / "root.pem"
    key = new_key(own.key).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    shown = replace(zoo.good, pem_file=tmp_path / "own.pem")
    shown.pem_file.write_text(in_pem(own.der) + key)
    anchor.write_text(in_pem(ROOT.der))
    server = await serve(SmtpServer(shown, auth=("PLAIN",)))
    result = await probe(server.port, replace(LOGIN, tls=TlsSettings(str(anchor))))
    assert (result.authenticated, assess(result).problems) == (True, ())
