"""Blocked from here, or down? Real networks that drop, reject, prohibit, or know no way; Postfix on the real ports."""

import http.client
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from exporter.simulated.certificates import Zoo
from tests.patience import PATIENCE
from tests.real.conftest import NewDirectory, require
from tests.real.greeter import run_greeter
from tests.real.namespaces import Namespace, cable, can_have_namespaces, namespace
from tests.real.postfix import run_postfix
from tests.real.processes import PACKAGES, Server, running, wait_until

COMMAND = [sys.executable, "-m", "exporter"]


@pytest.fixture(scope="module", autouse=True)
def _networks() -> None:
    require(there=os.geteuid() == 0, otherwise="network namespaces need root")
    require(there=shutil.which("ip") and shutil.which("nft"), otherwise="iproute2 or nftables is missing: make tools")
    require(there=can_have_namespaces(), otherwise="this machine gives no network namespaces")


# --- what a probe says of each way to be blocked --------------------------------------------------------------


class Row(NamedTuple):
    """How an address is blocked, and what is to be said of it: a reason, why it is untestable, or neither."""

    name: str
    verdict: str = ""
    rule: str = ""
    """What the server's firewall does with packets to port 25."""
    route: str = ""
    """The kind of route to it that the client has instead of the cable."""
    port: int = 25


TIMEOUT, REFUSED = "connection_timeout", "connection_refused"
UNREACHABLE, PROHIBITED = "network_unreachable", "connection_prohibited"

IPV4 = (
    Row("nothing blocks it"),
    Row("dropped", TIMEOUT, "drop"),
    Row("another port of it", "", "drop", port=587),
    Row("rejected with a reset", REFUSED, "reject with tcp reset"),
    Row("port unreachable", REFUSED, "reject with icmp type port-unreachable"),
    Row("nobody listens", REFUSED, port=26),
    Row("host unreachable", UNREACHABLE, "reject with icmp type host-unreachable"),
    Row("net unreachable", UNREACHABLE, "reject with icmp type net-unreachable"),
    Row("admin prohibited", UNREACHABLE, "reject with icmp type admin-prohibited"),
    Row("host prohibited", UNREACHABLE, "reject with icmp type host-prohibited"),
    Row("unreachable route", UNREACHABLE, route="unreachable"),
    Row("prohibit route", PROHIBITED, route="prohibit"),
    Row("blackhole route", PROHIBITED, route="blackhole"),
)
IPV6 = (
    Row("nothing blocks it"),
    Row("dropped", TIMEOUT, "drop"),
    Row("another port of it", "", "drop", port=587),
    Row("rejected with a reset", REFUSED, "reject with tcp reset"),
    Row("port unreachable", REFUSED, "reject with icmpv6 type port-unreachable"),
    Row("nobody listens", REFUSED, port=26),
    Row("address unreachable", UNREACHABLE, "reject with icmpv6 type addr-unreachable"),
    Row("no route behind the server", UNREACHABLE, "reject with icmpv6 type no-route"),
    Row("admin prohibited", PROHIBITED, "reject with icmpv6 type admin-prohibited"),
    Row("unreachable route", UNREACHABLE, route="unreachable"),
    Row("prohibit route", PROHIBITED, route="prohibit"),
    Row("blackhole route", PROHIBITED, route="blackhole"),
)
ROWS = {f"198.51.100.{number}": row for number, row in enumerate(IPV4, 10)} | {
    f"2001:db8::{number}": row for number, row in enumerate(IPV6, 10)
}
OWN = ("198.51.100.1", "2001:db8::1")
NO_ROUTE = {"203.0.113.1:25": "no_ipv4", "[3fff::1]:25": "no_ipv6"}
"""Outside of the networks that the client knows, and it has no default route."""
ONE_FAMILY = 2525
"""A port that is dropped on the way out in IPv6 only."""


def at(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def with_prefix(address: str) -> str:
    return f"{address}/{64 if ':' in address else 24}"


def to(address: str) -> str:
    """Packets to it, as nft(8) says it."""
    return f"{'ip6' if ':' in address else 'ip'} daddr {address}"


def probe(client: Namespace, directory: Path, *hosts: str, **keys: object) -> dict[str, dict[str, Any]]:
    """Probe all at once; give what was said of each host:port. An ICMPv6 error may take a second to be heard."""
    configuration = directory / "smtp-exporter.yaml"
    settings = {
        "global": {"connect_timeout": "2500ms", **keys},
        "targets": [{"host": "not.probed.test", "ports": [25]}],
    }
    configuration.write_text(yaml.safe_dump(settings))
    command = [*COMMAND, "probe", *hosts, "--format=json", "--ehlo-name=probe.test", f"--config.file={configuration}"]
    with client.entered():
        ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert ended.stdout, ended.stderr
    return {at(found["host"], found["port"]): found for found in json.loads(ended.stdout)}


def verdict(found: dict[str, Any]) -> str:
    """The one word of a row; that a server has no STARTTLS is none of its business."""
    reasons = [each["reason"] for each in found["problems"] if each["reason"] != "starttls_not_supported"]
    said = [found["untestable"]] if found["untestable"] else reasons
    assert len(said) <= 1, found
    return said[0] if said else ""


@pytest.fixture(scope="module")
def seen(_networks: None, new_directory: NewDirectory) -> dict[str, dict[str, Any]]:
    """What one run of `probe` says of all rows."""
    directory = new_directory("blocked")
    hosts = [at(address, row.port) for address, row in ROWS.items()]
    hosts += [at("198.51.100.10", ONE_FAMILY), at("2001:db8::10", ONE_FAMILY), *NO_ROUTE]
    with cable(map(with_prefix, ROWS), map(with_prefix, OWN)) as (client, server):
        client.ip(*(f"route add {row.route} {address}" for address, row in ROWS.items() if row.route))
        client.filter("output", [f"meta nfproto ipv6 tcp dport {ONE_FAMILY} drop"])
        server.filter("input", [f"{to(address)} tcp dport 25 {row.rule}" for address, row in ROWS.items() if row.rule])
        with server.entered(), run_greeter(new_directory("greeter"), 25, 587, ONE_FAMILY):
            return probe(client, directory, *hosts)


@pytest.mark.parametrize(
    ("address", "row"),
    [pytest.param(address, row, id=f"IPv{6 if ':' in address else 4}: {row.name}") for address, row in ROWS.items()],
)
def test_each_way_to_be_blocked_has_its_name(seen: dict[str, dict[str, Any]], address: str, row: Row) -> None:
    assert verdict(seen[at(address, row.port)]) == row.verdict


def test_one_family_may_be_blocked(seen: dict[str, dict[str, Any]]) -> None:
    four, six = seen[f"198.51.100.10:{ONE_FAMILY}"], seen[f"[2001:db8::10]:{ONE_FAMILY}"]
    assert (verdict(four), verdict(six)) == ("", TIMEOUT)


@pytest.mark.parametrize(("where", "untestable"), NO_ROUTE.items(), ids=["IPv4", "IPv6"])
def test_without_a_route_nothing_is_wrong_with_the_host(
    seen: dict[str, dict[str, Any]], where: str, untestable: str
) -> None:
    found = seen[where]
    assert (found["untestable"], found["problems"], found["success"]) == (untestable, [], None)


# --- real Postfix on the real ports ---------------------------------------------------------------------------


def test_a_provider_that_drops_25_is_told_from_a_server_that_is_down(
    zoo: Zoo, dovecot: Server, new_directory: NewDirectory
) -> None:
    require(there=(PACKAGES / "postfix").is_dir(), otherwise="Postfix is missing: make tools")
    ports = {"healthy": 25, "submissions": 465, "submission": 587, "auth_in_clear": 2525}
    directory, postfix = new_directory("real-ports"), new_directory("postfix")
    hosts, trusted = [f"127.0.0.1:{port}" for port in ports.values()], {"ca_file": str(zoo.ca_file)}
    with namespace() as own, own.entered(), run_postfix(postfix, zoo, dovecot.directory / "auth", ports):
        before = probe(own, directory, *hosts, tls=trusted)
        own.filter("input", ["iif lo tcp dport 25 drop"])
        after = probe(own, directory, *hosts, tls=trusted)
    assert {host: verdict(found) for host, found in before.items()} == dict.fromkeys(hosts, "")
    assert {host: verdict(found) for host, found in after.items()} == dict.fromkeys(hosts, "") | {hosts[0]: TIMEOUT}


# --- the agent: blocked from here, or down --------------------------------------------------------------------


class Story(NamedTuple):
    """Hosts whose port 25 is dropped, on the client's way out or by a firewall before them, and what the agent says."""

    hosts: tuple[str, ...]
    hook: str
    said: str
    """The reason why each is untestable or critical."""
    blocked: float | None
    """The value of smtp_egress_port_blocked for 25; None: it is absent."""
    canary: str = ""

    @property
    def rules(self) -> list[str]:
        """Drop 25 of the hosts; on the way out of everybody."""
        hosts = f"ip daddr {{ {', '.join(self.hosts)} }} " if self.hook == "input" else ""
        return [f"{hosts}tcp dport 25 drop"]


NETWORK, FIREWALLED, ELSEWHERE = ("198.51.100.1", "198.51.100.2"), ("198.51.100.3", "198.51.100.4"), "203.0.113.1"
CANARY = "203.0.113.9"
STORIES = {
    "three hosts in two networks are blocked from here": Story((*NETWORK, ELSEWHERE), "output", "egress_blocked", 1),
    "two hosts behind one firewall are down": Story(FIREWALLED, "input", TIMEOUT, None),
    "three hosts are down where a canary answers": Story((*NETWORK, ELSEWHERE), "input", TIMEOUT, 0, CANARY),
    "two hosts and a canary in two networks are blocked from here": Story(
        FIREWALLED, "output", "egress_blocked", 1, CANARY
    ),
}


def scraped(agent: Server) -> list[Sample]:
    connection = http.client.HTTPConnection("127.0.0.1", agent.port("web"), timeout=PATIENCE)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    return [sample for family in text_string_to_metric_families(text) for sample in family.samples]


def values(samples: list[Sample], name: str, **labels: str) -> list[Sample]:
    return [one for one in samples if one.name == name and labels.items() <= one.labels.items()]


def told(agent: Server, story: Story) -> list[Sample]:
    """What the agent tells, once it has probed everybody twice and says of 25 what it should."""
    samples = scraped(agent)
    counts = [one.value for one in values(samples, "smtp_probes_total")]
    blocked = [one.value for one in values(samples, "smtp_egress_port_blocked", port="25", family="ipv4")]
    known = len(counts) == 2 * len(story.hosts) and min(counts) >= 2
    return samples if known and blocked == ([] if story.blocked is None else [story.blocked]) else []


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_an_outage_and_a_block_are_told_apart(story: Story, new_directory: NewDirectory) -> None:
    directory = new_directory("agent")
    configuration = directory / "smtp-exporter.yaml"
    ports = [25, {"port": 587, "module": "relay"}]
    settings = {
        "global": {"interval": "1s", "timeout": "1s", "connect_timeout": "500ms"},
        "targets": [{"host": host, "ports": ports} for host in story.hosts],
        "egress": {"canaries": [f"{story.canary}:25"] if story.canary else []},
    }
    configuration.write_text(yaml.safe_dump(settings))
    agent = Server("smtp-exporter", directory, {"web": 10225})
    servers = [f"{each}/24" for each in (*NETWORK, *FIREWALLED, ELSEWHERE, CANARY)]
    with cable(servers, ["198.51.100.99/24", "203.0.113.99/24"]) as (client, server):
        {"output": client, "input": server}[story.hook].filter(story.hook, story.rules)
        with (
            server.entered(),
            run_greeter(new_directory("greeter"), 25, 587),
            client.entered(),
            running(agent, [*COMMAND, "run", f"--config.file={configuration}"]),
        ):
            samples = wait_until(lambda: told(agent, story), PATIENCE, agent.log)
    untestable = values(samples, "smtp_probe_untestable")
    critical = values(samples, "smtp_probe_problem", primary="true")
    reasons = {one.labels["host"]: one.labels["reason"] for one in untestable + critical}
    assert reasons == dict.fromkeys(story.hosts, story.said)
    assert {one.labels["port"] for one in untestable + critical} == {"25"}
    assert [one.value for one in values(samples, "smtp_egress_port_blocked", port="587")] == [0]
    if story.blocked:
        warned = [line for line in agent.log().splitlines() if "port blocked from here" in line]
        assert len(warned) == 1, agent.log()
        assert " level=warn " in warned[0]
