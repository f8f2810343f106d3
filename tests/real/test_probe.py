"""What `smtp-exporter` says of real servers: `probe` by its exit code and reasons, `run` through Prometheus."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.simulated.certificates import Zoo
from tests.patience import PATIENCE
from tests.real.dovecot import PASSWORD, USER
from tests.real.processes import Server, free_ports, running
from tests.real.prometheus import Start

COMMAND = [sys.executable, "-m", "exporter"]
SUCCESS, WARNINGS, CRITICAL, UNTESTABLE = 0, 1, 2, 3


def probe(*arguments: str) -> tuple[int, dict[str, Any]]:
    """Probe one endpoint, and give the exit code and what was printed."""
    command = [*COMMAND, "probe", "--format=json", *arguments]
    ended = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert ended.stdout, ended.stderr
    [result] = json.loads(ended.stdout)
    return ended.returncode, result


def reasons(result: dict[str, Any]) -> list[str]:
    return [problem["reason"] for problem in result["problems"]]


# --- one probe ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("server", "listener", "module"),
    [
        ("postfix", "healthy", "relay"),
        ("postfix", "tls12_only", "relay"),
        ("postfix", "slow", "relay"),
        ("postfix", "postscreen", "relay"),
        ("postfix", "auth_in_clear", "relay"),  # on loopback nobody listens in
        ("postfix", "submission", "submission"),
        ("postfix", "submissions", "submissions"),
        ("exim", "healthy", "relay"),
        ("exim", "slow", "relay"),
        ("exim", "submission", "submission"),
        ("exim", "implicit", "submissions"),
    ],
)
def test_a_healthy_listener_has_no_problem(
    request: pytest.FixtureRequest, zoo: Zoo, server: str, listener: str, module: str
) -> None:
    port = request.getfixturevalue(server).port(listener)
    code, result = probe(f"127.0.0.1:{port}", f"--module={module}", f"--ca-file={zoo.ca_file}")
    assert (code, reasons(result)) == (SUCCESS, [])
    assert result["certificate"]["valid"]


@pytest.mark.parametrize("server", ["postfix", "exim"])
def test_a_healthy_listener_on_ipv6(request: pytest.FixtureRequest, zoo: Zoo, server: str) -> None:
    port = request.getfixturevalue(server).port("healthy")
    code, result = probe(f"[::1]:{port}", f"--ca-file={zoo.ca_file}")
    assert (code, reasons(result)) == (SUCCESS, [])


@pytest.mark.parametrize(
    ("server", "listener", "reason"),
    [
        ("postfix", "expired", "certificate_expired"),
        ("postfix", "not_yet_valid", "certificate_not_yet_valid"),
        ("postfix", "wrong_host", "certificate_host_mismatch"),
        ("postfix", "self_signed", "certificate_self_signed"),
        ("postfix", "no_intermediate", "certificate_not_trusted"),
        ("exim", "expired", "certificate_expired"),
    ],
)
def test_a_bad_certificate_keeps_its_dates(
    request: pytest.FixtureRequest, zoo: Zoo, server: str, listener: str, reason: str
) -> None:
    port = request.getfixturevalue(server).port(listener)
    code, result = probe(f"127.0.0.1:{port}", f"--ca-file={zoo.ca_file}")
    assert (code, reasons(result)) == (WARNINGS, [reason])
    assert result["certificate"]["not_after"] == zoo[listener].certificate.not_valid_after_utc.timestamp()


@pytest.mark.parametrize(
    ("server", "listener", "module", "code", "reason"),
    [
        ("postfix", "no_starttls", "relay", WARNINGS, ["starttls_not_supported"]),
        ("postfix", "no_starttls", "submission", CRITICAL, ["starttls_not_supported"]),
        ("postfix", "stripped", "relay", WARNINGS, ["starttls_not_supported"]),
        ("exim", "no_tls", "relay", WARNINGS, ["starttls_not_supported"]),
        ("opensmtpd", "plain", "relay", WARNINGS, ["starttls_not_supported"]),
        ("opensmtpd", "plain", "submissions", CRITICAL, ["plaintext_on_tls_port"]),
        ("opensmtpd", "starttls", "relay", CRITICAL, ["tls_handshake_failed"]),
        ("postfix", "tls10_only", "relay", WARNINGS, ["tls_version_too_old"]),
        ("postfix", "rejecting", "relay", UNTESTABLE, ["client_rejected"]),
        ("exim", "rejecting", "relay", CRITICAL, ["greeting_rejected"]),
        ("postfix", "healthy", "submission", CRITICAL, ["auth_not_offered"]),
        ("postfix", "healthy", "submissions", CRITICAL, ["plaintext_on_tls_port"]),
    ],
)
def test_a_fault_has_its_name(
    request: pytest.FixtureRequest, zoo: Zoo, server: str, listener: str, module: str, code: int, reason: list[str]
) -> None:
    port = request.getfixturevalue(server).port(listener)
    ended, result = probe(f"127.0.0.1:{port}", f"--module={module}", f"--ca-file={zoo.ca_file}")
    assert (ended, reasons(result)) == (code, reason)


@pytest.mark.parametrize(
    ("server", "listener", "security"),
    [
        ("postfix", "submission", "starttls"),
        ("postfix", "submissions", "implicit"),
        ("exim", "submission", "starttls"),
        ("exim", "implicit", "implicit"),
    ],
)
@pytest.mark.parametrize(
    ("password", "code", "reason"), [(PASSWORD, SUCCESS, []), ("not-the-secret-1", CRITICAL, ["auth_rejected"])]
)
def test_a_login(
    request: pytest.FixtureRequest, zoo: Zoo, tmp_path: Path, server: str, listener: str, security: str,
    password: str, code: int, reason: list[str],
) -> None:  # fmt: skip
    port = request.getfixturevalue(server).port(listener)
    (tmp_path / "password").write_text(password)
    login = {"security": security, "auth": {"username": USER, "password_file": "password"}}
    tls = {"ca_file": str(zoo.ca_file)}
    configuration = tmp_path / "smtp-exporter.yaml"
    target = {"name": "a login", "host": "127.0.0.1", "ports": [{"port": port, "tls": tls, **login}]}
    module = {"tls": tls, **login}
    configuration.write_text(yaml.safe_dump({"modules": {"login": module}, "targets": [target]}))
    place = f"127.0.0.1:{port}"
    for how in (["--target=a login"], [place], [place, "--module=login"]):
        ended, result = probe(*how, f"--config.file={configuration}")
        assert (ended, reasons(result), result["auth_success"]) == (code, reason, not reason)
        assert password not in json.dumps(result)


# --- the agent, and Prometheus --------------------------------------------------------------------------------


@pytest.fixture
def agent(postfix: Server, exim: Server, zoo: Zoo, tmp_path: Path) -> Iterator[Server]:
    """The agent on a healthy and an expired port of each mail server."""
    ports = [server.port(listener) for server in (postfix, exim) for listener in ("healthy", "expired")]
    configuration = tmp_path / "smtp-exporter.yaml"
    configuration.write_text(
        yaml.safe_dump(
            {
                "global": {"interval": "3s", "timeout": "3s", "tls": {"ca_file": str(zoo.ca_file)}},
                "targets": [{"host": "127.0.0.1", "ports": ports, "expect": {"certificate": "trusted"}}],
            }
        )
    )
    server = Server("smtp-exporter", tmp_path, free_ports(("web",)))
    listen = f"--web.listen-address=127.0.0.1:{server.port('web')}"
    with running(server, [*COMMAND, "run", f"--config.file={configuration}", listen]):
        yield server


def test_prometheus_sees_what_the_agent_sees(agent: Server, postfix: Server, exim: Server, prometheus: Start) -> None:
    scraping = prometheus([f"127.0.0.1:{agent.port('web')}"])
    scraping.wait_for("count(smtp_probe_success) == 4")
    success = {int(sample.labels["port"]): sample.value for sample in scraping.query("smtp_probe_success")}
    assert success == {
        server.port(listener): float(listener == "healthy")
        for server in (postfix, exim)
        for listener in ("healthy", "expired")
    }
    software = {sample.labels["software"] for sample in scraping.query("smtp_greeting_info")}
    assert software == {"postfix", "exim"}
    # a busy machine may let one probe run into its time-out: the next one tells
    scraping.wait_for('count(smtp_probe_problem{reason="certificate_expired",primary="true"}) == 2')
