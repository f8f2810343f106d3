"""Writes the rules, and the configurations of Prometheus and Alertmanager: `python -m tools.alerts [--help]`."""

import argparse
from pathlib import Path

from tools.alerts import FOLDER, JOB, files
from tools.annotations import DOCS, GRAFANA, PAGE
from tools.prometheus import Site


def main() -> None:
    """Write all files, as shipped or for the addresses of a site."""
    flags = argparse.ArgumentParser(prog="python -m tools.alerts", description=__doc__)
    flags.add_argument("--output", type=Path, default=FOLDER, help="folder; default: deploy/prometheus")
    flags.add_argument("--job", default=JOB, help=f"job name of the scrape configuration; default: {JOB}")
    flags.add_argument("--page-url", type=_url, default=PAGE, help="of the agent's page; default: the instance itself")
    flags.add_argument("--grafana-url", type=_url, default=GRAFANA, help=f"where Grafana is; default: {GRAFANA}")
    flags.add_argument("--docs-url", type=_url, default=DOCS, help="where runbooks and reasons are explained")
    options = flags.parse_args()
    site = Site(options.job, options.page_url, options.grafana_url, options.docs_url)
    for name, text in files(site).items():
        file: Path = options.output / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")


def _url(text: str) -> str:
    """A URL that paths are appended to."""
    return text.rstrip("/")


if __name__ == "__main__":
    main()
