"""The table of figures, measured: `python -m benchmarks [--short] [--write] [NAME...]`. How is said in each module.

Each row is printed when it is there. With --write the table in docs/performance.md is replaced, with the machine and
the versions it was measured with. Nothing here measures, and nothing asserts: a figure depends on the machine.
"""

import argparse
import contextlib
import importlib
import platform
import re
import subprocess
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.figures import HEAD, Figure
from exporter.wire import OPENSSL

NAMES = (
    "paced", "one_probe", "ten_thousand", "saturation", "memory", "fairness", "domains", "overview", "hostile",
    "rules", "confirm",
)  # fmt: skip
PAGE = Path(__file__).parent.parent / "docs" / "performance.md"
BEGIN, END = "<!-- begin: make bench writes this -->", "<!-- end -->"


def machine() -> str:
    """One line: the day, the machine, the versions."""
    cpuinfo = Path("/proc/cpuinfo").read_text()
    cpu = re.search(r"model name\s*: (.*)", cpuinfo)
    named = {
        "": time.strftime("%Y-%m-%d"),
        "CPUs": f"{cpuinfo.count('processor	:')} x {cpu[1] if cpu else platform.machine()}",
        "Linux": platform.release(),
        "Python": platform.python_version(),
        "OpenSSL": OPENSSL,
        "uvloop": _version_of("uvloop"),
        "blackbox_exporter": _blackbox_version(),
    }
    return ", ".join(f"{what} {value}".strip() for what, value in named.items())


def _version_of(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _blackbox_version() -> str:
    with contextlib.suppress(FileNotFoundError):
        said = subprocess.run(["prometheus-blackbox-exporter", "--version"], capture_output=True, text=True, check=True)
        if found := re.search(r"version (\S+)", said.stdout + said.stderr):
            return found[1]
    return "not installed"


def rewritten(page: str, table: str) -> str:
    """The page with this table between its two markers.

    Raises:
        ValueError: the markers are not there.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"no {BEGIN} ... {END}")
    return f"{before}{begin}\n{table}\n{end}{after}"


def main() -> None:
    """Measure what was named, or everything."""
    flags = argparse.ArgumentParser(prog="python -m benchmarks")
    flags.add_argument("--short", action="store_true", help="seconds: proves that it works, measures nothing")
    flags.add_argument("--write", action="store_true", help="replace the table in docs/performance.md")
    flags.add_argument("names", metavar="NAME", nargs="*", help=f"of {', '.join(NAMES)}; default: all")
    options = flags.parse_args()
    if unknown := set(options.names) - set(NAMES):
        flags.error(f"no benchmark {', '.join(sorted(unknown))}: there are {', '.join(NAMES)}")
    lines = [machine() + ("; short form: these are no figures" if options.short else ""), "", HEAD]
    print(*lines, sep="\n", flush=True)
    for name in options.names or NAMES:
        figure: Figure
        for figure in importlib.import_module(f"benchmarks.{name}").figures(short=options.short):
            lines.append(figure.row())
            print(lines[-1], flush=True)
    if options.write:
        PAGE.write_text(rewritten(PAGE.read_text(), "\n".join(lines)))


if __name__ == "__main__":
    main()
