"""Other judges on the same servers say success where we do: openssl, check_smtp, aiosmtplib; or a row says why not.

Success is: STARTTLS (or TLS from the start), TLS 1.2 or newer, a certificate that is trusted for this name
today, EHLO inside.
"""

import asyncio
import json
import ssl
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import aiosmtplib
import pytest
import yaml

from exporter.simulated.certificates import Zoo
from tests.patience import PATIENCE
from tests.real import exim, opensmtpd, postfix
from tests.real.client import Client
from tests.real.conftest import NewDirectory, require
from tests.real.processes import Server

PLUGIN = Path("/usr/lib/nagios/plugins/check_smtp")
IMPLICIT = ("submissions", "implicit")
"""Listeners that speak TLS from the start."""
EXPECT = {"min_tls": "TLSv1.2", "certificate": "trusted"}
MODULES = {
    "starttls": {"security": "starttls", "expect": {"starttls": "required", **EXPECT}},
    "implicit": {"security": "implicit", "expect": EXPECT},
}
BESIDE_ANOTHER = ("postscreen_limit", "limit")
"""Listeners made for a second connection; test_verdicts opens the first. They may still count the one before ours."""
LISTENERS = [
    (server, name)
    for server, names in {
        "postfix": postfix.LISTENERS,
        "exim": exim.LISTENERS,
        "opensmtpd": opensmtpd.LISTENERS,
    }.items()
    for name in names
    if name not in BESIDE_ANOTHER
]

Verdicts = Mapping[str, bool]


# --- the judges -----------------------------------------------------------------------------------------------


def ran(*command: str | Path) -> bool:
    ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=False)
    return ended.returncode == 0


def openssl(port: int, zoo: Zoo, *, implicit: bool) -> bool:
    """The handshake and every check of the certificate; it says no EHLO inside TLS."""
    starttls = () if implicit else ("-starttls", "smtp")
    verify = ("-verify_return_error", "-verify_ip", "127.0.0.1", "-CAfile", zoo.ca_file, "-no-CApath", "-no-CAstore")
    return ran("openssl", "s_client", "-connect", f"127.0.0.1:{port}", *verify, *starttls)


def check_smtp(port: int, _zoo: Zoo, *, implicit: bool) -> bool:
    """What Nagios and Icinga sites run. Of the certificate it judges only when it ends."""
    assert not implicit, "it knows only STARTTLS"
    return ran(PLUGIN, "-H", "127.0.0.1", "-p", str(port), "-S", "-D", "1,1", "-t", "10")


def a_client(port: int, zoo: Zoo, *, implicit: bool) -> bool:
    """aiosmtplib, verifying as Python's ssl module does."""
    context = ssl.create_default_context(cafile=zoo.ca_file)
    smtp = Client(
        hostname="127.0.0.1", port=port, use_tls=implicit, start_tls=not implicit, tls_context=context, timeout=PATIENCE
    )

    async def greet() -> bool:
        try:
            async with smtp:
                return (await smtp.ehlo()).code == 250
        except (aiosmtplib.SMTPException, OSError):
            return False

    return asyncio.run(greet())


JUDGES: Mapping[str, Callable[..., bool]] = {"openssl": openssl, "check_smtp": check_smtp, "aiosmtplib": a_client}

MAY_NOT: Mapping[tuple[str, str], str] = {
    ("check_smtp", "wrong_host"): "of the certificate it judges only when it ends",
    ("check_smtp", "self_signed"): "of the certificate it judges only when it ends",
    ("check_smtp", "no_intermediate"): "of the certificate it judges only when it ends",
    ("check_smtp", "not_yet_valid"): "of the certificate it judges only when it ends",
}
"""Judge and listener -> why they say success and we do not, or the other way round."""


# --- we -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ours(postfix: Server, exim: Server, opensmtpd: Server, zoo: Zoo, new_directory: NewDirectory) -> Verdicts:
    """What `probe` says of each listener, by host:port: one run for STARTTLS, one for TLS from the start."""
    configuration = new_directory("judges") / "smtp-exporter.yaml"
    targets = [{"host": "not.probed.test", "ports": [25]}]
    configuration.write_text(yaml.safe_dump({"modules": MODULES, "targets": targets}))
    verdicts: dict[str, bool] = {}
    for module in MODULES:
        hosts = [
            f"127.0.0.1:{port}"
            for server in (postfix, exim, opensmtpd)
            for name, port in server.ports.items()
            if (name in IMPLICIT) == (module == "implicit") and name not in BESIDE_ANOTHER
        ]
        command = [sys.executable, "-m", "exporter", "probe", *hosts, f"--module={module}", "--format=json"]
        command += [f"--config.file={configuration}", f"--ca-file={zoo.ca_file}"]
        said = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert said.stdout, said.stderr
        verdicts |= {f"{one['host']}:{one['port']}": one["success"] is True for one in json.loads(said.stdout)}
    return verdicts


@pytest.mark.parametrize(
    ("server", "listener", "judge"),
    [
        pytest.param(server, listener, judge, id=f"{server} {listener}: {judge}")
        for server, listener in LISTENERS
        for judge in JUDGES
        if not (judge == "check_smtp" and listener in IMPLICIT)  # it knows only STARTTLS
    ],
)
def test_other_judges_agree(
    request: pytest.FixtureRequest, ours: Verdicts, zoo: Zoo, server: str, listener: str, judge: str
) -> None:
    if judge == "check_smtp":
        require(there=PLUGIN.exists(), otherwise="monitoring-plugins-basic is missing: make tools")
    port = request.getfixturevalue(server).port(listener)
    theirs = JUDGES[judge](port, zoo, implicit=listener in IMPLICIT)
    agree = ours[f"127.0.0.1:{port}"] is theirs
    assert agree is ((judge, listener) not in MAY_NOT), f"we: {ours[f'127.0.0.1:{port}']}, {judge}: {theirs}"


def test_a_row_that_excuses_a_judge_names_a_listener() -> None:
    assert {listener for _, listener in MAY_NOT} <= {listener for _, listener in LISTENERS}
    assert {judge for judge, _ in MAY_NOT} <= JUDGES.keys()
