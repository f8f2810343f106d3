"""The manifests, rendered by kubectl's own kustomize: valid to the letter, restricted, and true to the other files.

kubernetes-validate knows the kinds of Kubernetes itself. Those of the Prometheus operator are held to OPERATOR, the
part of its API that stands in our files.
"""

import json
import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from exporter import __version__, cli
from exporter.config import load
from tests.docs.markdown import blocks
from tests.real.conftest import require
from tools.alerts.agent import REPLACED
from tools.orchestrated import KUBERNETES, files

pytestmark = pytest.mark.real

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy/kubernetes"
KUSTOMIZATIONS = ["base", *(f"overlays/{path.name}" for path in sorted(FOLDER.glob("overlays/*")))]
VERSIONS = ("1.28", kubernetes_validate.latest_version())
"""The oldest that the base asks for, and the newest that is known."""
ORDINAL = "apps.kubernetes.io/pod-index"
WORKLOADS = {"Deployment", "StatefulSet"}

Manifest = dict[str, Any]

kustomizations = pytest.mark.parametrize("kustomization", KUSTOMIZATIONS)


@cache
def rendered(kustomization: str) -> list[Manifest]:
    kubectl = next((ROOT / ".cache").glob("kubectl-*"), Path())
    require(there=kubectl.name, otherwise="kubectl is missing: make tools")
    done = subprocess.run([kubectl, "kustomize", FOLDER / kustomization], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return list(yaml.safe_load_all(done.stdout))


def one(kustomization: str, *kinds: str) -> Manifest:
    (found,) = [each for each in rendered(kustomization) if each["kind"] in kinds]
    return found


def container(kustomization: str) -> Manifest:
    """The agent's."""
    containers = one(kustomization, *WORKLOADS)["spec"]["template"]["spec"]["containers"]
    (found,) = [each for each in containers if each["name"] == "smtp-exporter"]
    return dict(found)


# --- valid ----------------------------------------------------------------------------------------------------

META = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "labels": {"type": "object"}},
    "required": ["name"],
}
DURATION = {"type": "string", "pattern": r"^(\d+(ms|[smhdwy]))+$"}
TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}


def closed(**properties: object) -> Manifest:
    """An object with these properties and no others."""
    return {"type": "object", "properties": properties, "additionalProperties": False}


RULE = closed(
    alert={"type": "string"}, record={"type": "string"}, expr={"type": "string"}, labels=TEXTS, annotations=TEXTS,
    **{"for": DURATION}, keep_firing_for=DURATION,
)  # fmt: skip
RELABELING = closed(
    sourceLabels={"type": "array", "items": {"type": "string", "pattern": "^[a-z_]+$"}}, separator={"type": "string"},
    regex={"type": "string"}, targetLabel={"type": "string"}, replacement={"type": "string"},
    action={"enum": ["labeldrop"]},
)  # fmt: skip
ENDPOINT = closed(
    port={"type": "string"}, honorLabels={"type": "boolean"}, interval=DURATION, scrapeTimeout=DURATION,
    relabelings={"type": "array", "items": RELABELING},
)  # fmt: skip
GROUP = closed(name={"type": "string"}, interval=DURATION, rules={"type": "array", "items": RULE})
SPECS = {
    "PrometheusRule": closed(groups={"type": "array", "items": GROUP}),
    "ServiceMonitor": closed(
        jobLabel={"type": "string"}, selector=closed(matchLabels=TEXTS), endpoints={"type": "array", "items": ENDPOINT}
    ),
}
OPERATOR = {
    kind: closed(apiVersion={"const": "monitoring.coreos.com/v1"}, kind={"const": kind}, metadata=META, spec=spec)
    for kind, spec in SPECS.items()
}


@kustomizations
@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_accepts_every_manifest_to_the_letter(kustomization: str, version: str) -> None:
    for manifest in rendered(kustomization):
        if manifest["kind"] not in OPERATOR:
            kubernetes_validate.validate(manifest, version, strict=True)


def test_a_key_that_is_misspelt_is_noticed_so_silence_means_something() -> None:
    broken = one("base", "Deployment") | {"spec": one("base", "Deployment")["spec"] | {"replica": 1}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, VERSIONS[-1], strict=True)


@pytest.mark.parametrize("kind", OPERATOR)
def test_the_operator_accepts_its_kinds(kind: str) -> None:
    jsonschema.validate(one("overlays/prometheus-operator", kind), OPERATOR[kind])


def test_promtool_accepts_the_rules_for_the_operator(tmp_path: Path) -> None:
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump(one("overlays/prometheus-operator", "PrometheusRule")["spec"]))
    done = subprocess.run(["promtool", "check", "rules", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


# --- restricted -----------------------------------------------------------------------------------------------


@kustomizations
def test_the_agent_is_restricted_and_writes_nowhere(kustomization: str) -> None:
    """What the Pod Security Standard "restricted" asks of a container, and more."""
    assert container(kustomization)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        "runAsGroup": 65534,
        "runAsNonRoot": True,
        "runAsUser": 65534,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


@kustomizations
def test_no_pod_asks_for_what_the_standard_forbids(kustomization: str) -> None:
    pod = one(kustomization, *WORKLOADS)["spec"]["template"]["spec"]
    assert not pod.keys() & {"hostNetwork", "hostPID", "hostIPC", "securityContext", "initContainers"}
    assert all(volume.keys() & {"configMap", "secret"} for volume in pod["volumes"])


@kustomizations
def test_directories_are_mounted_so_that_changes_arrive(kustomization: str) -> None:
    mounts = container(kustomization)["volumeMounts"]
    assert {mount["mountPath"]: mount["readOnly"] for mount in mounts} == {
        "/etc/smtp-exporter": True, "/run/secrets/smtp-exporter": True,
    }  # fmt: skip
    assert not any("subPath" in mount for mount in mounts)
    assert "--config.enable-auto-reload" in container(kustomization)["args"]
    assert one(kustomization, "ConfigMap")["metadata"]["name"] == "smtp-exporter"


@pytest.mark.parametrize("kustomization", ["base", "overlays/sharded", "overlays/prometheus-operator"])
def test_only_mail_names_policies_and_scrapes_pass_the_network_policy(kustomization: str) -> None:
    policy = one(kustomization, "NetworkPolicy")["spec"]
    ports = {(port["protocol"], port["port"]) for rule in policy["egress"] for port in rule["ports"]}
    assert ports == {("UDP", 53), *(("TCP", port) for port in (53, 25, 465, 587, 2525, 443))}
    assert [rule["ports"] for rule in policy["ingress"]] == [[{"protocol": "TCP", "port": "metrics"}]]
    assert policy["policyTypes"] == ["Ingress", "Egress"]


@pytest.mark.parametrize("kustomization", ["base", "overlays/sharded", "overlays/prometheus-operator"])
def test_service_and_network_policy_mean_the_agents_pods_and_no_others(kustomization: str) -> None:
    labels = {"app.kubernetes.io/name": "smtp-exporter"}
    assert one(kustomization, *WORKLOADS)["spec"]["template"]["metadata"]["labels"] == labels
    assert one(kustomization, "Service")["spec"]["selector"] == labels
    assert one(kustomization, "NetworkPolicy")["spec"]["podSelector"] == {"matchLabels": labels}


# --- true to the other files ----------------------------------------------------------------------------------


@kustomizations
def test_the_image_is_of_this_version(kustomization: str) -> None:
    assert container(kustomization)["image"].endswith(f"/smtp-exporter:{__version__}")


@kustomizations
def test_its_flags_are_flags_of_the_agent(kustomization: str) -> None:
    given = [argument.replace("$(SHARD_INDEX)", "3") for argument in container(kustomization)["args"]]
    options = cli.parser().parse_args([argument.replace("$(SHARD_COUNT)", "4") for argument in given])
    assert options.config_file == "/etc/smtp-exporter/smtp-exporter.yaml"


@kustomizations
def test_its_configuration_loads(kustomization: str, tmp_path: Path) -> None:
    (tmp_path / "smtp-exporter.yaml").write_text(one(kustomization, "ConfigMap")["data"]["smtp-exporter.yaml"])
    assert load(tmp_path / "smtp-exporter.yaml").targets


@kustomizations
def test_it_is_asked_whether_it_lives_and_is_ready_on_the_port_of_its_metrics(kustomization: str) -> None:
    agent = container(kustomization)
    probes = {name: agent[name]["httpGet"] for name in agent if name.endswith("Probe")}
    assert probes["livenessProbe"] == {"path": "/-/healthy", "port": "metrics"}
    assert probes.get("readinessProbe", probes["startupProbe"]) == {"path": "/-/ready", "port": "metrics"}
    assert agent["ports"] == [{"name": "metrics", "containerPort": 10225}]


def test_the_memory_is_enough_for_the_ten_thousand_endpoints_of_the_scaling_page() -> None:
    (needed,) = re.findall(r"(\d+) MB with 10,000", (ROOT / "docs/scaling.md").read_text())
    limit = int(container("base")["resources"]["limits"]["memory"].removesuffix("Mi"))
    assert limit > 1.5 * int(needed)
    assert "cpu" not in container("base")["resources"]["limits"]


def test_every_shard_has_its_ordinal_and_all_are_counted() -> None:
    shards = one("overlays/sharded", "StatefulSet")["spec"]
    environment = {each["name"]: each for each in container("overlays/sharded")["env"]}
    assert int(environment["SHARD_COUNT"]["value"]) == shards["replicas"]
    path = environment["SHARD_INDEX"]["valueFrom"]["fieldRef"]["fieldPath"]
    assert path == "metadata.labels['apps.kubernetes.io/pod-index']"
    assert shards["serviceName"] == one("overlays/sharded", "Service")["metadata"]["name"]


def test_the_sidecar_is_the_container_of_the_base_and_never_takes_the_mail_server_out_of_service() -> None:
    base = container("base")
    del base["readinessProbe"]
    assert container("overlays/sidecar") == base
    assert len(one("overlays/sidecar", "StatefulSet")["spec"]["template"]["spec"]["containers"]) == 2


def test_the_operator_scrapes_as_the_scrape_configuration_does() -> None:
    (job,) = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())["scrape_configs"]
    monitor = one("overlays/prometheus-operator", "ServiceMonitor")["spec"]
    (endpoint,) = monitor["endpoints"]
    assert (endpoint["honorLabels"], endpoint["interval"], endpoint["scrapeTimeout"]) == (
        job["honor_labels"], job["scrape_interval"], job["scrape_timeout"],
    )  # fmt: skip
    for service in (service_of(kustomization) for kustomization in KUSTOMIZATIONS):
        assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
        assert service["metadata"]["labels"][monitor["jobLabel"]] == job["job_name"]
        assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}


def service_of(kustomization: str) -> Manifest:
    """The agent's: its pods are scraped."""
    found = [each for each in rendered(kustomization) if each["kind"] == "Service"]
    (service,) = [each for each in found if each["spec"]["ports"][0]["name"] == "metrics"]
    return service


def discovered(kustomization: str, pod: str, **labels: str) -> dict[str, str]:
    """What Prometheus learns of a pod of ours: meta labels, and those that the operator makes of them."""
    given = one(kustomization, *WORKLOADS)["spec"]["template"]["metadata"]["labels"] | labels
    meta = {f"__meta_kubernetes_pod_label_{re.sub(r'[^a-zA-Z0-9_]', '_', key)}": value for key, value in given.items()}
    service = service_of(kustomization)["metadata"]["name"]
    return meta | {
        "__meta_kubernetes_namespace": "mail", "__meta_kubernetes_service_name": service,
        "__meta_kubernetes_pod_name": pod, "pod": pod, "endpoint": "metrics", "container": "smtp-exporter",
        "namespace": "mail", "service": service,
    }  # fmt: skip


PODS: list[tuple[str, str, dict[str, str], str]] = [
    ("base", "smtp-exporter-7f9-abcde", {}, "smtp-exporter"),
    ("overlays/sharded", "smtp-exporter-2", {ORDINAL: "2"}, "smtp-exporter-2"),
    ("overlays/sidecar", "mail-0", {ORDINAL: "0"}, "mail/mail-0"),
    ("overlays/sidecar", "mail-1", {ORDINAL: "1"}, "mail/mail-1"),
    ("overlays/sidecar", "relay-64d-fghjk", {}, "mail/relay-64d-fghjk"),
    ("overlays/sidecar", "relay-64d-lmnpq", {}, "mail/relay-64d-lmnpq"),
]
"""Pods with labels that Kubernetes gives them, and the `instance` of each: no two share one."""


def test_the_instance_of_an_agent_outlasts_its_pod_and_no_two_pods_share_one(tmp_path: Path) -> None:
    """The relabelling of the ServiceMonitor, done by Prometheus to what the operator makes it discover."""
    pods = [
        {"targets": [f"10.0.0.{number}:10225"], "labels": discovered(kustomization, pod, **labels)}
        for number, (kustomization, pod, labels, _) in enumerate(PODS, 1)
    ]
    job = {"job_name": "smtp-exporter", "static_configs": pods, "relabel_configs": relabelling()}
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump({"scrape_configs": [job]}))
    command = ["promtool", "check", "service-discovery", "--timeout=3s", tmp_path / "prometheus.yml", "smtp-exporter"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True)
    found = [{k: v for k, v in each["labels"].items() if not k.startswith("__")} for each in json.loads(done.stdout)]
    assert sorted(labels["instance"] for labels in found) == sorted(instance for *_, instance in PODS)
    assert [labels.keys() for labels in found] == [{"job", "instance", "namespace", "service"}] * len(PODS)


def test_the_rules_know_whose_pods_a_rollout_replaces() -> None:
    replaced = {instance for *_, instance in PODS if re.fullmatch(REPLACED, instance)}
    assert replaced == {"mail/relay-64d-fghjk", "mail/relay-64d-lmnpq"}


def relabelling() -> list[Manifest]:
    """That of the ServiceMonitor, as Prometheus spells it."""
    (endpoint,) = one("overlays/prometheus-operator", "ServiceMonitor")["spec"]["endpoints"]
    names = {"sourceLabels": "source_labels", "targetLabel": "target_label"}
    return [{names.get(key, key): value for key, value in step.items()} for step in endpoint["relabelings"]]


def test_the_page_names_instances_in_kubernetes_as_the_operator_does() -> None:
    (job,) = [
        job
        for block in blocks("docs/deploying.md")
        if "kubernetes_sd_configs" in block.text
        for job in yaml.safe_load(block.text)["scrape_configs"]
    ]
    assert [step for step in relabelling() if step.get("target_label") == "instance"] == [
        step for step in job["relabel_configs"] if step.get("target_label") == "instance"
    ]


def test_the_rules_for_the_operator_are_those_of_prometheus() -> None:
    assert KUBERNETES.read_text("utf-8") == files()[KUBERNETES], "run: .venv/bin/python -m tools.orchestrated"
