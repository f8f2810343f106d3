"""MTA-STS from the record to the metrics: Knot, a web server with policies, Postfix, and the agent that judges them.

Each row of CASES is a mail domain with an MX host of its own; what is said of it is one sentence.
"""

import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import yaml
from prometheus_client.samples import Sample

from exporter.simulated.certificates import DAY, Kind, Zoo
from tests.patience import PATIENCE
from tests.real.conftest import NewDirectory, require
from tests.real.knot import run_knot
from tests.real.namespaces import can_have_namespaces, namespace
from tests.real.postfix import run_listeners
from tests.real.processes import PACKAGES, Server, running, wait_until
from tests.real.test_blocked import COMMAND, scraped, values

TRUSTED, SELF_SIGNED, IN_CLEAR = "198.51.100.10", "198.51.100.11", "198.51.100.12"
POLICY_HOST = "198.51.100.40"
SERVERS = {
    TRUSTED: "smtpd",
    SELF_SIGNED: "smtpd -o smtpd_tls_cert_file=$certificates/self_signed.pem",
    IN_CLEAR: "smtpd -o smtpd_tls_security_level=none",
}
GOOD, BROKEN = "v=STSv1; id=20261128", "v=STSv1; id=;"
TEXT = {"Content-Type": "text/plain"}
GOOD_ONE = Kind()
FETCH, INVALID, WEBPKI = "sts_policy_fetch_error", "sts_policy_invalid", "sts_webpki_invalid"
MISMATCH = "sts_mx_mismatch"


def policy(mode: str = "enforce", mx: str = "mx.{domain}") -> str:
    return f"version: STSv1\r\nmode: {mode}\r\nmx: {mx}\r\nmax_age: 86400\r\n"


@dataclass(frozen=True)
class Case:
    """A mail domain, and what the agent is to say of it."""

    server: str = TRUSTED
    records: tuple[str, ...] = (GOOD,)
    body: str = policy()
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: TEXT)
    certificate: Kind = GOOD_ONE
    published: bool = True
    """Its policy host has an address."""
    mode: str = ""
    """Of the policy in force."""
    problem: str = ""
    """What is wrong with the domain's record or policy."""
    endpoint: dict[str, str] = field(default_factory=dict)
    """What is wrong with its MX host, and how grave that is."""


CASES = {
    "enforced": Case(mode="enforce"),
    "enforced-by-wildcard": Case(body=policy(mx="*.{domain}"), mode="enforce"),
    "enforced-self-signed": Case(
        SELF_SIGNED, mode="enforce",
        endpoint={"certificate_self_signed": "critical"},
    ),
    "enforced-in-clear": Case(IN_CLEAR, mode="enforce", endpoint={"starttls_not_supported": "critical"}),
    "enforced-for-another": Case(body=policy(mx="mx2.{domain}"), mode="enforce", endpoint={MISMATCH: "critical"}),
    "enforced-for-labels-below": Case(
        body=policy(mx="*.mx.{domain}"), mode="enforce", endpoint={MISMATCH: "critical"}
    ),
    "tested-self-signed": Case(
        SELF_SIGNED, body=policy("testing"), mode="testing",
        endpoint={"certificate_self_signed": "warning"},
    ),
    "tested-for-another": Case(
        body=policy("testing", "mx2.{domain}"), mode="testing", endpoint={MISMATCH: "warning"}
    ),
    "off": Case(body=policy("none"), mode="none"),
    "no-record": Case(records=()),
    "record-of-another-kind": Case(records=("v=spf1 -all",)),
    "two-records": Case(records=(GOOD, "v=STSv1; id=2"), problem=INVALID),
    "record-without-id": Case(records=(BROKEN,), problem=INVALID),
    "policy-without-mode": Case(body=policy().replace("mode", "mood"), problem=INVALID),
    "policy-of-a-century": Case(body=policy().replace("86400", "3155760000"), problem=INVALID),
    "policy-not-there": Case(status=404, problem=FETCH),
    "policy-elsewhere": Case(status=301, headers={**TEXT, "Location": "https://mta-sts.off.lab.test/"}, problem=FETCH),
    "policy-as-html": Case(headers={"Content-Type": "text/html"}, problem=INVALID),
    "policy-too-long": Case(body=policy() + "#" * 65536, problem=FETCH),
    "policy-host-unnamed": Case(published=False, problem=FETCH),
    "policy-host-expired": Case(certificate=Kind(starts=-9 * DAY, ends=-DAY), problem=WEBPKI),
    "policy-host-of-another-name": Case(certificate=Kind(names=("mta-sts.lab.test",)), problem=WEBPKI),
    "policy-host-self-signed": Case(certificate=Kind(issuer=None), problem=WEBPKI),
}  # fmt: skip
ZONE = """
$ORIGIN lab.test.
$TTL 60
@ SOA ns1 hostmaster 1 3600 600 86400 25
@ NS ns1
ns1 A 127.0.0.1
_smtp._tls.enforced TXT "v=TLSRPTv1; rua=mailto:tls@lab.test"
_smtp._tls.off TXT "v=TLSRPTv1;"
"""


def zone() -> str:
    """The zone with all domains."""
    lines = [ZONE.strip()]
    for name, case in CASES.items():
        lines += [f"{name} MX 10 mx.{name}", f"mx.{name} A {case.server}"]
        lines += [f'_mta-sts.{name} TXT "{record}"' for record in case.records]
        lines += [f"mta-sts.{name} A {POLICY_HOST}"] if case.published else []
    return "\n".join(lines) + "\n"


def hosts(zoo: Zoo) -> str:
    """What the policy hosts of all domains answer, for tests.real.policy_host."""
    told = {}
    for name, case in CASES.items():
        host, kind = f"mta-sts.{name}.lab.test", case.certificate
        credentials = zoo.issue(replace(kind, names=kind.names or (host,)))
        body = case.body.replace("{domain}", f"{name}.lab.test")
        told[host] = {"pem": str(credentials.pem_file), "status": case.status, "headers": case.headers, "body": body}
    return json.dumps(told)


@pytest.fixture(scope="module")
def samples(new_directory: NewDirectory) -> Iterator[list[Sample]]:
    """What the agent tells, once it has fetched all policies and probed all hosts since."""
    require(there=os.geteuid() == 0, otherwise="network namespaces and Postfix need root")
    require(there=shutil.which("ip"), otherwise="iproute2 is missing: make tools")
    require(there=can_have_namespaces(), otherwise="this machine gives no network namespaces")
    require(there=(PACKAGES / "postfix").is_dir(), otherwise="Postfix is missing: make tools")
    names = tuple(f"mx.{name}.lab.test" for name in CASES)
    postfix = Server("Postfix", new_directory("postfix"), {"smtp": 25})
    agent = Server("smtp-exporter", new_directory("agent"), {"web": 10225})
    web = Server("policy host", new_directory("policies"), {"https": 443})
    with Zoo(new_directory("certificates"), names=names) as zoo, ExitStack() as stack:
        zoo.good.certificate, zoo.self_signed.certificate  # noqa: B018 - made when first asked for
        (web.directory / "hosts.json").write_text(hosts(zoo))
        settings = {
            "global": {
                "nameservers": ["127.0.0.1"], "mta_sts": {"allow_private": True}, "timeout": "2s",
                "tls": {"ca_file": str(zoo.ca_file)}, "max_probes_per_host": 10,
            },
            "targets": [{"domain": f"{name}.lab.test", "interval": "2s"} for name in CASES],
        }  # fmt: skip
        (agent.directory / "smtp-exporter.yaml").write_text(yaml.safe_dump(settings))
        network = stack.enter_context(namespace())
        network.ip(*(f"address add {each} dev lo" for each in (*SERVERS, POLICY_HOST)))
        stack.enter_context(network.entered())
        listeners = [(f"{address}:25", what) for address, what in SERVERS.items()]
        stack.enter_context(run_listeners(postfix, zoo.directory, listeners))
        stack.enter_context(run_knot(new_directory("knot"), zone()))
        serve = (sys.executable, "-m", "tests.real.policy_host", web.directory / "hosts.json", POLICY_HOST)
        here = {"PYTHONPATH": str(Path(__file__).parents[2])}
        stack.enter_context(running(web, serve, environment=here))
        configuration = f"--config.file={agent.directory / 'smtp-exporter.yaml'}"
        stack.enter_context(running(agent, [*COMMAND, "run", configuration]))
        yield wait_until(lambda: all_known(agent), PATIENCE, lambda: agent.log() + web.log())


def all_known(agent: Server) -> list[Sample]:
    """What the agent tells, once it knows of every policy and host."""
    found = scraped(agent)
    told = of_domains(found, "smtp_domain_mta_sts_valid")
    asked = {name for name, case in CASES.items() if case.mode or case.problem}
    probed = {one.labels["host"] for one in values(found, "smtp_probe_success")}
    return found if set(told) >= asked and len(probed) == len(CASES) else []


def of_domains(found: list[Sample], family: str) -> dict[str, Sample]:
    return {one.labels["domain"].removesuffix(".lab.test"): one for one in values(found, family)}


@pytest.mark.parametrize(("name", "case"), CASES.items(), ids=CASES)
def test_what_the_agent_says_of_a_domain(samples: list[Sample], name: str, case: Case) -> None:
    host = f"mx.{name}.lab.test"
    present = of_domains(samples, "smtp_domain_mta_sts_present")[name].value
    assert present == any(record.startswith("v=STS") for record in case.records)
    wrong = {one.labels["reason"]: one.labels["severity"] for one in values(samples, "smtp_domain_problem")
             if one.labels["domain"] == f"{name}.lab.test"}  # fmt: skip
    assert wrong == ({case.problem: "warning"} if case.problem else {})
    mode = of_domains(samples, "smtp_domain_mta_sts_info").get(name)
    assert (mode.labels["mode"] if mode else "") == case.mode
    valid = of_domains(samples, "smtp_domain_mta_sts_valid").get(name)
    assert (valid.value if valid else None) == (not case.problem if present else None)
    problems = {one.labels["reason"]: one.labels["severity"] for one in values(samples, "smtp_probe_problem")
                if one.labels["host"] == host}  # fmt: skip
    expected = case.endpoint or ({"starttls_not_supported": "warning"} if case.server == IN_CLEAR else {})
    assert problems == expected
    trusted = next(
        one.labels["certificate"] for one in values(samples, "smtp_endpoint_info") if one.labels["host"] == host
    )
    assert trusted == ("trusted" if case.mode == "enforce" else "any")
    success = of_domains(samples, "smtp_domain_success")[name].value
    assert success == ("critical" not in case.endpoint.values())


def test_tls_reports_are_asked_for_by_a_good_record_only(samples: list[Sample]) -> None:
    told = of_domains(samples, "smtp_domain_tlsrpt_present")
    assert {name for name, one in told.items() if one.value} == {"enforced"}
    assert len(told) == len(CASES)


def test_of_a_policy_its_max_age_is_told(samples: list[Sample]) -> None:
    assert of_domains(samples, "smtp_domain_mta_sts_max_age_seconds")["off"].value == 86400
