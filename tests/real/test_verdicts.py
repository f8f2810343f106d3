"""What `smtp-exporter probe` says of servers and proxies of many kinds: healthy, with a fault, and over their limits.

Each row is a real server in the state that its module describes.
"""

import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from exporter.simulated.certificates import Zoo
from tests.patience import PATIENCE
from tests.real import courier, haraka
from tests.real.processes import Server, wait_until
from tests.real.test_probe import COMMAND, CRITICAL, SUCCESS, UNTESTABLE, probe, reasons

COMPLAINT = re.compile(r"lost|unexpected|warning|error|fail|abort|reset|timed? ?out|invalid|pipelining", re.IGNORECASE)


class Healthy(NamedTuple):
    """A listener, the software that it names, and the line that it logs when a probe is over."""

    server: str
    listener: str
    module: str
    software: str
    logged: str


HEALTHY = [
    Healthy("postfix", "healthy", "relay", "postfix", r"disconnect from \S+ ehlo=2 starttls=1 quit=1 commands=4$"),
    Healthy("exim", "healthy", "relay", "exim", r"SMTP connection from .* closed by QUIT$"),
    Healthy("sendmail", "healthy", "relay", "sendmail", r"did not issue MAIL/EXPN/VRFY/ETRN during connection to MTA$"),
    Healthy("courier", "healthy", "relay", "courier", r"courieresmtpd: QUIT$"),
    Healthy(
        "dovecot_submission", "submission", "submission", "dovecot",
        r"Disconnected: Aborted login by logging out \(no auth attempts in \d+ secs\): user=<>, .* TLS,",
    ),
    Healthy("nginx", "submission", "submission", "unknown", r"\[info\] .* connected to 127\.0\.0\.1:\d+$"),
    Healthy("nginx", "submissions", "submissions", "unknown", r"\[info\] .* connected to 127\.0\.0\.1:\d+$"),
    Healthy("haproxy", "healthy", "relay", "postfix", r" healthy/mta \d+/\d+/\d+ \d+ (--|SD) "),
    Healthy("stunnel", "healthy", "submissions", "postfix", r"Connection closed: \d+ byte\(s\) sent to TLS"),
    Healthy("haraka", "healthy", "relay", "haraka", r"disconnect ip=.* esmtp=Y tls=Y pipe=N errors=0 "),
]  # fmt: skip


@pytest.mark.parametrize("row", HEALTHY, ids=lambda row: f"{row.server} {row.listener}")
def test_a_healthy_server_has_no_problem_and_logs_no_complaint(
    request: pytest.FixtureRequest, zoo: Zoo, row: Healthy
) -> None:
    server: Server = request.getfixturevalue(row.server)
    before = {path: path.stat().st_size for path in server.directory.rglob("*.log")}
    code, result = probe(f"127.0.0.1:{server.port(row.listener)}", f"--module={row.module}", f"--ca-file={zoo.ca_file}")
    assert (code, reasons(result)) == (SUCCESS, [])

    def logged() -> list[str]:
        lines = written_after(before)
        return lines if any(re.search(row.logged, line) for line in lines) else []

    lines = wait_until(logged, PATIENCE, server.log)
    assert not [line for line in lines if COMPLAINT.search(line) and not re.search(row.logged, line)]


def written_after(sizes: dict[Path, int]) -> list[str]:
    """Give the lines of these files after these numbers of bytes."""
    added = (path.read_bytes()[size:] for path, size in sizes.items())
    return [line for text in added for line in text.decode(errors="replace").splitlines()]


def test_a_server_is_named_by_what_it_says(request: pytest.FixtureRequest) -> None:
    expected = {
        str(request.getfixturevalue(row.server).port(row.listener)): row.software
        for row in HEALTHY
        if row.module != "submissions"
    }
    command = [*COMMAND, "probe", "--module=relay", "--format=prometheus", *(f"127.0.0.1:{port}" for port in expected)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False).stdout
    labels = re.findall(r"^smtp_greeting_info\{(.*)\} 1$", said, re.MULTILINE)
    named = [dict(re.findall(r'(\w+)="([^"]*)"', each)) for each in labels]
    assert {each["port"]: each["software"] for each in named} == expected


@pytest.mark.parametrize("listener", ["p521", "x448", "ffdhe2048", "ffdhe3072"])
def test_a_server_with_one_group_shakes_hands(stunnel: Server, zoo: Zoo, listener: str) -> None:
    code, result = probe(f"127.0.0.1:{stunnel.port(listener)}", "--module=submissions", f"--ca-file={zoo.ca_file}")
    assert (code, reasons(result)) == (SUCCESS, [])


@pytest.mark.parametrize("listener", ["p521", "p521_tls12", "x448"])
def test_a_postfix_with_one_group_shakes_hands(postfix: Server, zoo: Zoo, listener: str) -> None:
    code, result = probe(f"127.0.0.1:{postfix.port(listener)}", f"--ca-file={zoo.ca_file}")
    assert (code, reasons(result)) == (SUCCESS, [])


@pytest.mark.parametrize(
    ("server", "listener", "module", "reason", "detail"),
    [
        ("sendmail", "rejecting", "relay", "client_rejected", "only ENHANCEDSTATUSCODES"),
        ("sendmail", "greet_pause", "submissions", "plaintext_on_tls_port", "554 .* ESMTP not accepting messages"),
        ("sendmail", "healthy", "submissions", "plaintext_on_tls_port", "220 .* Sendmail"),
        ("exim", "healthy", "submissions", "plaintext_on_tls_port", ""),
        ("exim", "ehlo_drop", "relay", "ehlo_rejected", "550 this host is not welcome"),
        ("courier", "healthy", "submissions", "plaintext_on_tls_port", "220 "),
        ("dovecot_submission", "wrong_key", "submission", "starttls_not_tls", "421 4.0.0 .* TLS initialization failed"),
        ("nginx", "client_certificate", "submission", "tls_client_certificate_required", "421 4.7.1 No required"),
        ("nginx", "client_certificate_implicit", "submissions", "tls_client_certificate_required", "421 4.7.1"),
        ("haproxy", "proxy_protocol", "relay", "greeting_closed", "PROXY protocol listener"),
        ("haproxy", "dead_backend", "relay", "greeting_closed", ""),
        ("haproxy", "reset", "relay", "greeting_closed", "Connection reset by peer"),
        ("haproxy", "send_proxy", "relay", "reply_malformed", "unsolicited reply"),
        ("stunnel", "dead_backend", "submissions", "greeting_closed", "Connection reset by peer"),
        ("stunnel", "send_proxy", "submissions", "reply_malformed", "unsolicited reply"),
        ("haraka", "healthy", "submissions", "plaintext_on_tls_port", ""),
        ("haraka", "implicit", "submissions", "auth_not_offered", ""),
    ],
)
def test_a_fault_has_its_name_and_the_words_of_the_server(
    request: pytest.FixtureRequest, zoo: Zoo, server: str, listener: str, module: str, reason: str, detail: str
) -> None:
    port = request.getfixturevalue(server).port(listener)
    code, result = probe(f"127.0.0.1:{port}", f"--module={module}", f"--ca-file={zoo.ca_file}")
    assert (code, reasons(result)) == (UNTESTABLE if reason == "client_rejected" else CRITICAL, [reason])
    assert re.search(detail, result["problems"][0]["detail"])


@pytest.mark.parametrize(
    ("server", "listener", "reason", "untestable"),
    [
        ("sendmail", "rate", "greeting_temporary", "rate_limited"),
        ("sendmail", "concurrency", "greeting_temporary", "rate_limited"),
        ("sendmail", "concurrency_452", "client_rejected", "client_blocked"),
        ("postfix", "postscreen_limit", "greeting_temporary", "rate_limited"),
        ("exim", "limit", "greeting_temporary", "rate_limited"),
    ],
)
def test_a_second_connection_from_here_is_over_the_limit_and_no_outage(
    request: pytest.FixtureRequest, zoo: Zoo, server: str, listener: str, reason: str, untestable: str
) -> None:
    port = request.getfixturevalue(server).port(listener)
    with connections(port, 1):
        code, result = probe(f"127.0.0.1:{port}", f"--ca-file={zoo.ca_file}")
    assert (code, reasons(result), result["untestable"]) == (UNTESTABLE, [reason], untestable)


@pytest.mark.parametrize(
    ("server", "limit", "code", "reason", "untestable"),
    [
        ("haraka_with_limit", haraka.MAX_PER_ADDRESS, UNTESTABLE, "greeting_temporary", "rate_limited"),
        ("courier", courier.MAX_PER_ADDRESS, CRITICAL, "greeting_closed", None),  # it says nothing
    ],
)
def test_a_connection_over_the_limit_of_an_address_is_an_outage_only_where_the_server_does_not_say_so(
    request: pytest.FixtureRequest, zoo: Zoo, server: str, limit: int, code: int, reason: str, untestable: str | None
) -> None:
    port = request.getfixturevalue(server).port("healthy")
    with connections(port, limit):
        ended, result = probe(f"127.0.0.1:{port}", f"--ca-file={zoo.ca_file}")
    assert (ended, reasons(result), result["untestable"]) == (code, [reason], untestable)
    wait_until(lambda: greeted(port), PATIENCE, lambda: f"port {port} to greet again").close()  # for the next test


@contextmanager
def connections(port: int, number: int) -> Iterator[None]:
    """Keep connections open that the server has greeted."""
    with ExitStack() as stack:
        for _ in range(number):
            stack.enter_context(wait_until(lambda: greeted(port), PATIENCE, lambda: f"port {port} to greet"))
        yield


def greeted(port: int) -> socket.socket | None:
    """Connect; None where the server has still too many connections."""
    one = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    if one.recv(1000).startswith(b"220"):
        return one
    one.close()
    return None
