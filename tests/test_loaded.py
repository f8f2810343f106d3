"""Commands load nothing that they do not need: loading is most of what a command by hand takes."""

import socket
import subprocess
import sys

import pytest

MAIN = """
import contextlib, io, sys
from exporter import cli
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    cli.main(sys.argv[1:])
print(*sys.modules)
"""
PAGES = {
    "aiohttp",
    "h11",
    "jinja2",
    "markupsafe",
    "prometheus_client",
    "exporter.page",
    "exporter.web",
    "exporter.agent",
}
FILES = {"yaml", "pydantic", "exporter.config.reading", "exporter.config.apart", "multiprocessing"}
"""What reads configurations, here or in a child."""
OTHERS = {"h11", "dns.dnssec", "dns.query", "dns.resolver", "dns.asyncresolver", "httpx"}
PROBING = {
    "asyncio",
    "OpenSSL",
    "cryptography",
    "dns",
    "aiosmtplib",
    "exporter.probe",
    "exporter.config",
    "exporter.model",
}


def loaded_by(*arguments: str) -> set[str]:
    command = [sys.executable, "-c", MAIN, *arguments]
    return set(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())


@pytest.mark.parametrize("arguments", [["--help"], ["probe", "--help"], ["--version"], ["help", "run"]], ids=" ".join)
def test_help_and_version_load_nothing_that_works(arguments: list[str]) -> None:
    assert not loaded_by(*arguments) & (PROBING | PAGES | FILES)


@pytest.mark.parametrize(
    ("form", "unwanted"), [("text", {"exporter.exposition", "exporter.facts"}), ("json", set()), ("line", set())]
)
def test_a_probe_by_hand_loads_no_pages_no_metrics_and_nothing_that_reads_files(form: str, unwanted: set[str]) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        loaded = loaded_by("probe", f"127.0.0.1:{closed.getsockname()[1]}", f"--format={form}")
    assert "exporter.probe.prober" in loaded
    assert not loaded & (PAGES | FILES | OTHERS | unwanted)
