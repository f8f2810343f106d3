"""What README.md and docs/comparison.md say of blackbox_exporter and check_smtp is so: they are Debian's, and asked.

Each row is a sentence of the comparison. The servers are simulated; blackbox_exporter has the module for STARTTLS of
its own example file, with our trust anchor.
"""

import asyncio
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from exporter.simulated.scripts import SCRIPTS
from tests.patience import PATIENCE
from tests.real.conftest import NewDirectory, require
from tests.real.processes import Server, free_ports, running
from tests.real.prometheus import OPENER

if TYPE_CHECKING:
    from exporter.simulated.certificates import Zoo
    from tests.conftest import Serve

BLACKBOX = shutil.which("prometheus-blackbox-exporter")
CHECK_SMTP = Path("/usr/lib/nagios/plugins/check_smtp")
HAS_CHECK_SMTP = CHECK_SMTP.exists()
OK, WARNING, CRITICAL, UNKNOWN = range(4)

Ask = Callable[[int, str], dict[str, float]]


def module(starttls: str, **tls: object) -> dict[str, Any]:
    """`smtp_starttls` of its example.yml; `starttls` is how it looks for the offer."""
    dialogue: list[dict[str, Any]] = [
        {"expect": "^220"}, {"send": "EHLO prober\r"}, {"expect": starttls}, {"send": "STARTTLS\r"}, {"expect": "^220"},
        {"starttls": True}, {"send": "EHLO prober\r"}, {"send": "QUIT\r"},
    ]  # fmt: skip
    return {"prober": "tcp", "timeout": "3s", "tcp": {"query_response": dialogue, "tls_config": tls}}


@pytest.fixture(scope="module")
def blackbox(new_directory: NewDirectory, zoo: "Zoo") -> Iterator[Ask]:
    """Ask blackbox_exporter of a port: `blackbox(port, "starttls")`; what it says without labels."""
    require(there=BLACKBOX, otherwise="prometheus-blackbox-exporter is missing: make tools")
    trust = {"ca_file": str(zoo.ca_file), "server_name": "mail.example.test"}
    modules = {
        "example": module("^250-STARTTLS", **trust),
        "starttls": module("^250[- ]STARTTLS", **trust),
        "unverified": module("^250[- ]STARTTLS", insecure_skip_verify=True, **trust),
    }
    server = Server("blackbox_exporter", new_directory("blackbox"), free_ports(("web",)))
    (server.directory / "blackbox.yml").write_text(yaml.safe_dump({"modules": modules}))
    url = f"http://127.0.0.1:{server.port('web')}/probe"

    def ask(port: int, name: str) -> dict[str, float]:
        with OPENER.open(f"{url}?target=127.0.0.1:{port}&module={name}", timeout=PATIENCE) as answer:
            text = answer.read().decode()
        return {key: float(value) for key, value in re.findall(r"^(\w+)(?:{.*})? (\S+)$", text, re.MULTILINE)}

    flags = ["--config.file=blackbox.yml", f"--web.listen-address=127.0.0.1:{server.port('web')}"]
    with running(server, [BLACKBOX or "", *flags]):
        yield ask


@pytest.mark.parametrize(
    ("name", "behind", "success", "expiry"),
    [
        pytest.param("starttls", "healthy", 1, True, id="a healthy server is fine"),
        pytest.param("example", "healthy", 0, False, id="STARTTLS in the last line is not seen by the example module"),
        pytest.param("starttls", "certificate_expired", 0, False, id="an expired certificate has no date"),
        pytest.param("unverified", "certificate_expired", 1, True, id="it has one unverified, and is then fine"),
        pytest.param("unverified", "certificate_wrong_host", 1, True, id="as is one of another host"),
        pytest.param("starttls", "certificate_self_signed", 0, False, id="a self-signed one fails without a date"),
        pytest.param("starttls", "starttls_temporary", 0, False, id="a broken key file fails"),
        pytest.param("starttls", "greeting_rate_limited", 0, False, id="too many connections from here is down"),
    ],
)
async def test_blackbox_exporter(
    name: str, behind: str, success: int, expiry: bool, blackbox: Ask, serve: "Serve", zoo: "Zoo"
) -> None:
    server = await serve(SCRIPTS[behind](zoo))
    said = await asyncio.to_thread(blackbox, server.port, name)
    assert (said["probe_success"], "probe_ssl_earliest_cert_expiry" in said) == (success, expiry)


@pytest.mark.parametrize("behind", ["certificate_expired", "certificate_self_signed", "certificate_wrong_host"])
async def test_blackbox_exporter_says_the_same_of_three_certificates(
    behind: str, blackbox: Ask, serve: "Serve", zoo: "Zoo"
) -> None:
    """Which of them it was stands in its log only."""
    server = await serve(SCRIPTS[behind](zoo))
    said = await asyncio.to_thread(blackbox, server.port, "starttls")
    told = {key: value for key, value in said.items() if not key.endswith("_seconds") and key != "probe_ip_addr_hash"}
    assert told == {"probe_success": 0, "probe_failed_due_to_regex": 0, "probe_ip_protocol": 4}


@pytest.mark.parametrize(
    ("flags", "behind", "code"),
    [
        pytest.param(["-S"], "healthy", OK, id="a healthy server is fine"),
        pytest.param(["-S"], "certificate_expired", OK, id="without -D no certificate is looked at"),
        pytest.param(["-S", "-D", "14,3"], "certificate_expired", CRITICAL, id="with -D its date is"),
        pytest.param(["-S", "-D", "14,3"], "certificate_self_signed", OK, id="not who issued it"),
        pytest.param(["-S", "-D", "14,3"], "certificate_wrong_host", OK, id="nor for whom"),
        pytest.param(["-S", "-D", "14,3"], "certificate_no_intermediate", OK, id="nor the chain"),
        pytest.param(["-S"], "starttls_temporary", UNKNOWN, id="a broken key file is UNKNOWN: no STARTTLS"),
        pytest.param(["-S"], "greeting_rate_limited", WARNING, id="too many connections from here is a warning"),
        pytest.param(["-S"], "healthy_in_clear", WARNING, id="STARTTLS that is gone is a warning"),
        pytest.param(["-S", "-t", "2"], "healthy_submissions", CRITICAL, id="it cannot speak to port 465"),
    ],
)
async def test_check_smtp(flags: list[str], behind: str, code: int, serve: "Serve", zoo: "Zoo") -> None:
    require(there=HAS_CHECK_SMTP, otherwise="check_smtp is missing: make tools")
    server = await serve(SCRIPTS[behind](zoo))
    asked = await asyncio.create_subprocess_exec(CHECK_SMTP, "-H", "127.0.0.1", "-p", str(server.port), *flags)
    assert await asked.wait() == code
