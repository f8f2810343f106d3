"""A mail domain from its MX records to its metrics: Knot names the hosts, Postfix serves, the agent watches."""

import subprocess
from pathlib import Path

import yaml
from prometheus_client.samples import Sample

from tests.patience import PATIENCE
from tests.real.conftest import NewDirectory
from tests.real.greeter import run_greeter
from tests.real.knot import run_knot
from tests.real.namespaces import cable
from tests.real.processes import Server, running, wait_until
from tests.real.test_blocked import COMMAND, scraped, values

ZONE = """
$ORIGIN lab.test.
$TTL 60
@ SOA ns1 hostmaster 1 3600 600 86400 25
@ NS ns1
ns1 A 127.0.0.1
@ MX 10 mx1
@ MX 20 mx2
mx1 A 198.51.100.10
mx1 AAAA 2001:db8::10
mx2 A 198.51.100.11
null MX 0 .
dead MX 10 gone
half MX 10 gone
half MX 20 mx2
gone A 198.51.100.77
"""

DOMAINS = ("lab.test", "null.lab.test", "dead.lab.test", "no.lab.test", "half.lab.test")
BY_HAND = {"lab.test": 1, "null.lab.test": 0, "dead.lab.test": 2, "no.lab.test": 2, "half.lab.test": 1}
"""What `probe --domain` ends with. No host of the laboratory offers STARTTLS, which is a warning."""


def by_hand(domain: str, configuration: Path) -> tuple[int, str]:
    """Probe a domain: the exit code, and the first word of the headline."""
    command = [*COMMAND, "probe", f"--config.file={configuration}", f"--domain={domain}"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    return ended.returncode, ended.stdout.partition(" ")[0]


def all_known(agent: Server) -> list[Sample]:
    """What the agent tells, once it knows of every domain."""
    samples = scraped(agent)
    return samples if len(values(samples, "smtp_domain_success")) == len(DOMAINS) else []


def test_a_domain_is_as_well_as_its_mx_hosts(new_directory: NewDirectory) -> None:
    directory = new_directory("agent")
    settings = {
        "global": {"timeout": "2s", "connect_timeout": "1s", "nameservers": ["127.0.0.1"]},
        "targets": [{"domain": name, "interval": "3s"} for name in DOMAINS],
    }
    configuration = directory / "smtp-exporter.yaml"
    configuration.write_text(yaml.safe_dump(settings))
    agent = Server("smtp-exporter", directory, {"web": 10225})
    servers = ["198.51.100.10/24", "198.51.100.11/24", "2001:db8::10/64"]
    with (
        cable(servers, ["198.51.100.99/24", "2001:db8::99/64"]) as (client, server),
        server.entered(),
        run_greeter(new_directory("greeter"), 25),
        client.entered(),
        run_knot(new_directory("knot"), ZONE),
        running(agent, [*COMMAND, "run", f"--config.file={configuration}"]),
    ):
        samples = wait_until(lambda: all_known(agent), PATIENCE, agent.log)
        found = {domain: by_hand(domain, configuration) for domain in DOMAINS}
    success = {one.labels["domain"]: one.value for one in values(samples, "smtp_domain_success")}
    assert success == {"lab.test": 1, "null.lab.test": 1, "dead.lab.test": 0, "no.lab.test": 0, "half.lab.test": 1}
    words = {0: "OK", 1: "WARNING", 2: "CRITICAL"}
    assert found == {domain: (code, words[code]) for domain, code in BY_HAND.items()}
    hosts = {(one.labels["host"], one.labels["preference"]) for one in values(samples, "smtp_domain_mx_info")}
    assert hosts == {("mx1.lab.test", "10"), ("mx2.lab.test", "20"), ("gone.lab.test", "10")}
    probed = {(one.labels["host"], one.labels["address"]) for one in values(samples, "smtp_port_open") if one.value}
    assert probed == {
        ("mx1.lab.test", "198.51.100.10"),
        ("mx1.lab.test", "2001:db8::10"),
        ("mx2.lab.test", "198.51.100.11"),
    }
    problems = {one.labels["domain"]: one.labels["reason"] for one in values(samples, "smtp_domain_problem")}
    assert problems == {"no.lab.test": "dns_not_found"}
    assert {one.labels["domain"]: one.value for one in values(samples, "smtp_domain_null_mx")}["null.lab.test"] == 1
