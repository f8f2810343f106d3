"""Writes what Compose and Kubernetes need of deploy/prometheus: the same, for the names and kinds that hold there.

    .venv/bin/python -m tools.orchestrated

The rules are those of `alerts`.
"""

from pathlib import Path

import yaml

from tools import alerts

DEPLOY = Path(__file__).parent.parent / "deploy"
COMPOSE = DEPLOY / "docker/prometheus.yml"
KUBERNETES = DEPLOY / "kubernetes/overlays/prometheus-operator/prometheusrule.yaml"
HEAD = "# Written by tools/orchestrated.py from the alerts in tools/alerts: change those, then `make reference`.\n"


class _Dumper(yaml.SafeDumper):
    """Writes a text of several lines as it is."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def prometheus_rule(files: dict[str, str]) -> str:
    """All groups of rules as one object of the Prometheus operator."""
    rules = [yaml.safe_load(text)["groups"] for name, text in files.items() if name.startswith("rules/")]
    document = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "smtp-exporter"},
        "spec": {"groups": [group for groups in rules for group in groups]},
    }
    return HEAD + yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True)


def files() -> dict[Path, str]:
    """The texts by their files."""
    compose = alerts.files(agents=("smtp-exporter:10225",), alertmanagers=("alertmanager:9093",))
    return {COMPOSE: compose["prometheus.yml"], KUBERNETES: prometheus_rule(compose)}


if __name__ == "__main__":
    for file, text in files().items():
        file.write_text(text, "utf-8")
