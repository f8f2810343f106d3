"""Every scrape configuration that is shipped, or that a page shows: all name the job that the rules ask for."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.docs.markdown import ROOT, blocks, pages
from tools.alerts import JOB


def documents() -> Iterator[tuple[str, Any]]:
    """All YAML of deploy/ and of the pages, by where it is."""
    for file in sorted((ROOT / "deploy").rglob("*.y*ml")):
        yield from ((str(file.relative_to(ROOT)), document) for document in yaml.safe_load_all(file.read_text("utf-8")))
    for block in (block for page in pages() for block in blocks(page) if block.language == "yaml"):
        yield from ((block.id, document) for document in yaml.safe_load_all(block.text))


JOBS: list[tuple[str, dict[str, Any]]] = [
    (where, job)
    for where, document in documents()
    if isinstance(document, dict)
    for job in document.get("scrape_configs", ())
]
SCRAPES = [row for row in JOBS if row[1].get("metrics_path") != "/probe"]
PROBES = [row for row in JOBS if row not in SCRAPES]


@pytest.mark.parametrize("job", [job for _, job in SCRAPES], ids=[where for where, _ in SCRAPES])
def test_a_scrape_has_the_job_of_the_rules_and_keeps_the_agents_labels(job: dict[str, Any]) -> None:
    assert (job["job_name"], job["honor_labels"]) == (JOB, True)


@pytest.mark.parametrize("job", [job for _, job in PROBES], ids=[where for where, _ in PROBES])
def test_probes_have_a_job_of_their_own_for_the_rules_would_take_each_target_for_an_agent(job: dict[str, Any]) -> None:
    assert job["job_name"] != JOB


def test_there_are_as_many_as_there_were_so_silence_means_something() -> None:
    assert (len(SCRAPES), len(PROBES)) == (9, 1)
