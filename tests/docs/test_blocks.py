"""Every code block of every page is what it says it is: YAML that its program accepts, PromQL, JSON, shell.

What a page tells to type is run in test_stories.py.
"""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from exporter import config
from exporter.door.reading import Reading
from exporter.families import EVERY, LABELS
from exporter.simulated.certificates import Zoo
from tests.docs.markdown import PRINTED, ROOT, Block, blocks, pages, prose, text_of
from tools.alerts.states import AGENT

BLOCKS = [block for page in pages() for block in blocks(page)]
LANGUAGES = {"sh", "yaml", "promql", "json", "text", "ini"}
LABELS_OF = {family.name: LABELS[family.scope] + family.labels for family in EVERY}
OWN_KEYS = {"targets", "modules", "global", "probe_endpoint", "egress", "target_files"}


def of(language: str) -> pytest.MarkDecorator:
    """One test a block of a language."""
    return pytest.mark.parametrize("block", [one for one in BLOCKS if one.language == language], ids=lambda one: one.id)


def promtool(*arguments: str | Path) -> None:
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_block_says_its_language() -> None:
    assert [block.id for block in BLOCKS if block.language not in LANGUAGES] == []


@pytest.mark.parametrize("page", [page for page in pages() if page not in PRINTED])
def test_no_block_hides_in_an_indent(page: str) -> None:
    """Only fences say a language."""
    assert re.findall(r"\n\n {4}\S.*", prose(page)) == []


# --- YAML ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory, zoo: Zoo) -> Path:
    """Where the files are that examples name: certificates, keys, passwords."""
    made = tmp_path_factory.mktemp("examples")
    for name in {name for block in BLOCKS for name in re.findall(r"[\w-]+\.pem\b", block.text)}:
        (made / name).write_bytes(zoo.good.cert_chain_pem)
    (made / "exporter.key").write_bytes(zoo.good.key_pem)
    for name in ("probe-password", "exporter.password", "customers.txt"):
        (made / name).write_text("example.org\n")
    return made


def own_configuration(file: Path, document: dict[str, Any]) -> None:
    if "targets" not in document:  # a part of one
        file.write_text(yaml.safe_dump({**document, "targets": [{"host": "mail.example.com", "ports": [25]}]}))
    config.load(file)


def own_targets(file: Path, _document: object) -> None:
    (file.parent / "whole.yaml").write_text(yaml.safe_dump({"target_files": [file.name]}))
    config.load(file.parent / "whole.yaml")


def prometheus(file: Path, document: dict[str, Any]) -> None:
    document.pop("rule_files", None)  # as they lie on the reader's machine
    for job in document.get("scrape_configs", ()):
        job.pop("kubernetes_sd_configs", None)  # Debian builds Prometheus without it
    file.write_text(yaml.safe_dump(document))
    promtool("check", "config", file)


def rules(file: Path, _document: object) -> None:
    promtool("check", "rules", file)


def alertmanager(file: Path, _document: object) -> None:
    done = subprocess.run(["amtool", "check-config", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def web(file: Path, _document: object) -> None:
    Reading(file).settings()


def kind(document: object) -> Callable[[Path, Any], object]:
    """Who accepts a document, told by its keys."""
    keys = set(document) if isinstance(document, dict) else set()
    if isinstance(document, list) and all({"host", "domain"} & set(one) for one in document):
        return own_targets
    if keys & {"scrape_configs", "alerting", "rule_files"}:
        return prometheus
    if "groups" in keys:
        return rules
    if "route" in keys:
        return alertmanager
    if keys & {"tls_server_config", "basic_auth_users", "http_server_config"}:
        return web
    assert keys <= OWN_KEYS, f"whose are the keys {sorted(keys - OWN_KEYS)}?"
    return own_configuration


@of("yaml")
@pytest.mark.real
def test_its_program_accepts_it(block: Block, folder: Path) -> None:
    for number, document in enumerate(yaml.safe_load_all(block.text)):
        if isinstance(document, dict) and "apiVersion" in document:
            kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)
            continue
        file = folder / f"{number}.yaml"
        file.write_text(yaml.safe_dump(document) if number else block.text)
        kind(document)(file, document)


# --- the others ---------------------------------------------------------------------------------------------------


@of("promql")
@pytest.mark.real
def test_prometheus_understands_it(block: Block, tmp_path: Path) -> None:
    """An expression a line; what is indented belongs to the line before."""
    bare = re.sub(r" *#.*", "", block.text).replace("\n ", " ")
    asked = [{"record": f"line:{number}", "expr": line} for number, line in enumerate(bare.splitlines()) if line]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "page", "rules": asked}]}))
    promtool("check", "rules", tmp_path / "rules.yml")


@of("promql")
def test_or_joins_what_differs_in_labels(block: Block) -> None:
    """`or` ignores the names of metrics: of series with equal labels only the left one is shown."""
    for line in block.text.replace("\n ", " ").splitlines():
        sides = line.split(" or ")
        assert not any(side.lstrip().startswith(("on ", "ignoring ")) for side in sides)
        named = [re.findall(r"[a-z]\w*(?::\w+)+|(?:smtp|process)_\w+", side)[:1] for side in sides]
        labels = [LABELS_OF.get(name, ()) for names in named for name in names]
        assert len(labels) == len(set(labels))


@of("promql")
def test_agents_are_told_apart_by_all_their_labels(block: Block) -> None:
    """One Prometheus may scrape several clusters and vantage points, with the same `job` and `instance` in each."""
    matched = [set(labels.split(", ")) for labels in re.findall(r"\bon \(([^)]*)\)", block.text)]
    assert [labels for labels in matched if "instance" in labels and not set(AGENT.split(", ")) <= labels] == []


@of("json")
def test_it_is_json(block: Block) -> None:
    json.loads(block.text)


# --- what stands twice --------------------------------------------------------------------------------------------


def test_the_unit_is_installed_as_its_first_lines_say() -> None:
    unit = (ROOT / "deploy/systemd/smtp-exporter.service").read_text()
    told = [line[4:] for line in unit.partition("[Unit]")[0].splitlines() if line.startswith("#   ")]
    page = [block for block in BLOCKS if block.page == "docs/deploying.md" and block.language == "sh"]
    typed = [line for block in page[:2] for line in block.text.splitlines()[1:]]
    assert [line for line in typed if not line.startswith("journalctl")] == told


def test_the_log_lines_that_are_explained_are_those_of_the_agent() -> None:
    section = text_of("docs/troubleshooting.md").partition("## What the agent's log says")[2].partition("\n## ")[0]
    explained = re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)
    assert len(explained) > 5
    code = "".join(path.read_text() for path in (ROOT / "exporter").rglob("*.py"))
    assert [message for message in explained if f'"{message}"' not in code and message != "msg"] == []
