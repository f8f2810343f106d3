"""What Postfix says in the cases that `exporter.phrases` tells apart, and what is said of it then."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.simulated.certificates import Zoo
from tests.real.conftest import NewDirectory, require
from tests.real.postfix import PACKAGE, run_listeners
from tests.real.processes import Server, free_ports
from tests.real.test_probe import probe

LISTENERS = {
    "proxied": "smtpd -o smtpd_upstream_proxy_protocol=haproxy -o smtpd_upstream_proxy_timeout=1s",
    "postscreen_proxied": "postscreen -o postscreen_upstream_proxy_protocol=haproxy "
    "-o postscreen_upstream_proxy_timeout=1s",
    "denied": "postscreen -o postscreen_access_list=static:reject -o postscreen_denylist_action=drop",
    "mutual_tls": "smtpd -o smtpd_tls_security_level=encrypt -o smtpd_tls_req_ccert=yes "
    "-o smtpd_tls_CAfile=$certificates/ca.pem",
    "mutual_submissions": "smtpd -o smtpd_tls_wrappermode=yes -o smtpd_tls_req_ccert=yes "
    "-o smtpd_tls_CAfile=$certificates/ca.pem",
    "no_key": "smtpd -o smtpd_tls_key_file=/dev/null",
    "no_sasl": "smtpd -o smtpd_sasl_auth_enable=yes",
    "no_sasl_in_tls": "smtpd -o smtpd_sasl_auth_enable=yes -o smtpd_tls_auth_only=yes",
}


@pytest.fixture(scope="module")
def postfix(new_directory: NewDirectory, zoo: Zoo) -> Iterator[Server]:
    require(there=PACKAGE.is_dir(), otherwise="Postfix is missing: make tools")
    zoo["good"]  # made when first asked for
    server = Server("Postfix", new_directory("postfix-texts"), free_ports(tuple(LISTENERS)))
    listeners = [(f"127.0.0.1:{port}", LISTENERS[name]) for name, port in server.ports.items()]
    with run_listeners(server, zoo.directory, listeners, smtpd_sasl_path=Path("/nowhere")):
        yield server


@pytest.mark.parametrize(
    ("listener", "module", "reason", "detail"),
    [
        ("proxied", "relay", "greeting_temporary", "a PROXY protocol listener says this"),
        ("postscreen_proxied", "relay", "greeting_temporary", "a PROXY protocol listener says this"),
        ("denied", "relay", "greeting_rejected", "postscreen's deny list says this"),
        ("mutual_tls", "relay", "tls_client_certificate_required", "No client certificate presented"),
        ("mutual_submissions", "submissions", "tls_client_certificate_required", "No client certificate presented"),
        ("no_key", "relay", "starttls_temporary", "454 4.7.0 TLS not available"),
        ("no_sasl", "relay", "greeting_closed", ""),
        ("no_sasl_in_tls", "relay", "ehlo_closed", ""),
    ],
)
def test_what_is_said_of_postfix(
    postfix: Server, zoo: Zoo, listener: str, module: str, reason: str, detail: str
) -> None:
    _, result = probe(f"127.0.0.1:{postfix.port(listener)}", f"--module={module}", f"--ca-file={zoo.ca_file}")
    found = {problem["reason"]: problem["detail"] for problem in result["problems"]}
    assert reason in found
    assert detail in found[reason]
