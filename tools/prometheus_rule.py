"""Writes the PrometheusRule of deploy/kubernetes: the groups of deploy/prometheus/rules, for the Prometheus operator.

.venv/bin/python -m tools.prometheus_rule
"""

from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent
RULES = ROOT / "deploy/prometheus/rules"
WRITTEN = ROOT / "deploy/kubernetes/overlays/prometheus-operator/prometheusrule.yaml"
HEAD = "# Written by tools/prometheus_rule.py from deploy/prometheus/rules: change those, then `make reference`.\n"


class Dumper(yaml.SafeDumper):
    """YAML as people write it: texts of several lines stay such."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


Dumper.add_representer(str, _text)


def text() -> str:
    """The whole file."""
    files = (yaml.safe_load(file.read_text("utf-8")) for file in sorted(RULES.glob("*.yml")))
    document = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "smtp-exporter"},
        "spec": {"groups": [group for file in files for group in file["groups"]]},
    }
    return HEAD + yaml.dump(document, Dumper=Dumper, sort_keys=False, width=120, allow_unicode=True)


if __name__ == "__main__":
    WRITTEN.write_text(text(), "utf-8")
