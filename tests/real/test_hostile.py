"""One healthy mail server beside name servers and policy hosts that do their worst: it stays healthy, they are named.

Who they are, and what is to be said of each: the tables of `hostile_names` and `hostile_policies` in benchmarks. Those
that wait out the agent's patience with a policy host, half a minute, are left to `benchmarks.hostile`.
"""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from benchmarks.hostile import HOSTILE, ROWS, hostile_peers, misnamed
from benchmarks.hostile_policies import WORLD, Policies
from benchmarks.server import NAME, mail_server
from tests.patience import PATIENCE
from tests.real.agent import Agent, running, samples
from tests.real.conftest import NewDirectory, require
from tests.real.namespaces import can_have_namespaces, namespace
from tests.real.processes import wait_until

KINDS = [kind for kind, row in ROWS.items() if not (isinstance(row, Policies) and row.slow)]
HEALTHY = "127.1.0.1"


@pytest.fixture(scope="module")
def page(new_directory: NewDirectory) -> Iterator[str]:
    """What the agent tells once it knows of all domains what it is to know."""
    require(there=os.geteuid() == 0, otherwise="network namespaces need root")
    require(there=shutil.which("ip"), otherwise="iproute2 is missing: make tools")
    require(there=can_have_namespaces(), otherwise="this machine gives no network namespaces")
    peers, directory = new_directory("peers"), new_directory("agent")
    with ExitStack() as stack:
        network = stack.enter_context(namespace())
        network.ip(f"route add local {WORLD} dev lo")
        stack.enter_context(network.entered())
        server = stack.enter_context(mail_server())
        stack.enter_context(hostile_peers(peers, 1))
        trust = {"tls": {"ca_file": server.ca_file, "server_name": NAME}, "expect": {"certificate": "trusted"}}
        settings = {
            "global": {"nameservers": ["127.0.0.1"], "interval": "5s", "timeout": "5s"},
            "targets": [
                {"name": "ours", "host": HEALTHY, "ports": [{"port": server.port, **trust}]},
                {"name": HOSTILE, "domains": [f"{kind}-0.example" for kind in KINDS], "ports": [server.port],
                 "tls": {"ca_file": str(peers / "ca.pem")}},
            ],
        }  # fmt: skip
        (directory / "smtp-exporter.yaml").write_text(json.dumps(settings))  # YAML holds JSON
        agent = stack.enter_context(running(directory, "--config.file=smtp-exporter.yaml"))
        yield all_known(agent)


def all_known(agent: Agent) -> str:
    page = ""

    def known() -> bool:
        nonlocal page
        _, page = agent.curl("/metrics")
        return not list(misnamed(page, KINDS, 1)) and of_ours(page, "smtp_probes_total") >= 3

    def unknown() -> str:
        return f"{list(misnamed(page, KINDS, 1))}\n{agent.said()}"

    wait_until(lambda: bool(agent.address) and known(), PATIENCE, unknown)
    return page


def of_ours(page: str, name: str) -> float:
    """A value of the healthy endpoint; -1 where there is none yet."""
    return next((value for labels, value in samples(page, name).items() if 'target="ours"' in labels), -1.0)


def test_the_healthy_one_never_failed(page: str) -> None:
    assert (of_ours(page, "smtp_probe_success"), of_ours(page, "smtp_probe_failures_total")) == (1, 0)


def test_a_domain_that_means_no_harm_is_well(page: str) -> None:
    [success] = [value for labels, value in samples(page, "smtp_domain_success").items() if "well-0" in labels]
    assert success == 1


@pytest.mark.parametrize("kind", KINDS)
def test_what_each_does_is_named(page: str, kind: str) -> None:
    assert not list(misnamed(page, [kind], 1))


def test_nothing_was_a_mistake_of_ours(page: str) -> None:
    assert samples(page, "smtp_exporter_internal_errors_total") == {"": 0}
