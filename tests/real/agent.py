"""The agent as it is run: a process with a directory of its own, asked by curl. Knows nothing of what is tested."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.patience import PATIENCE
from tests.real.processes import wait_until

ROOT = Path(__file__).parents[2]
RUN = (sys.executable, "-m", "exporter", "run")
"""The command; what stands before it may start it in another way."""
VALUE = r"^{name}(?:\{{(?P<labels>.*)\}})? (?P<value>\S+)$"


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent that runs; its standard output and its log are files in its directory."""

    process: "subprocess.Popen[bytes]"
    directory: Path
    scheme: str = "http"

    def said(self) -> str:
        """Give all that it has written so far."""
        return "".join((self.directory / name).read_text(errors="replace") for name in ("stdout", "stderr"))

    @property
    def address(self) -> str:
        """Where it listens, host:port; empty until it does."""
        found = re.search(r"msg=listening address=(\S+)", self.said())
        return found[1] if found else ""

    def curl(self, path: str, *arguments: str, scheme: str = "", address: str = "") -> tuple[int, str]:
        """Ask it; the status (0: none) and what came. `--data ""` makes it a POST."""
        done = subprocess.run(
            ["curl", "--silent", "--noproxy", "*", "--max-time", str(PATIENCE), "--write-out", "%{http_code}",
             *arguments, f"{scheme or self.scheme}://{address or self.address}{path}"],
            capture_output=True, text=True, errors="replace", check=False,
        )  # fmt: skip
        return int(done.stdout[-3:]), done.stdout[:-3]

    def samples(self, name: str, *arguments: str) -> dict[str, float]:
        """Scrape one family: its values by their labels, as they are written."""
        return samples(self.curl("/metrics", *arguments)[1], name)

    def kill(self) -> None:
        """End it as the kernel does where memory runs out."""
        self.process.kill()
        self.process.wait()

    def until_said(self, text: str) -> None:
        """Wait until it has written a text."""
        wait_until(lambda: text in self.said(), PATIENCE, self.said)


def samples(exposition: str, name: str) -> dict[str, float]:
    """Find one family in a scrape: its values by their labels, as they are written."""
    found = re.finditer(VALUE.format(name=name), exposition, re.MULTILINE)
    return {each["labels"] or "": float(each["value"]) for each in found}


@contextlib.contextmanager
def running(
    directory: Path,
    *flags: str,
    before: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    scheme: str = "http",
) -> Iterator[Agent]:
    """Run the agent on smtp-exporter.yaml in a directory until the end of the block: SIGTERM, and it ends with 0.

    `before` stands before its command, `flags` after it; without one that says where, it listens on a free port.
    """
    if not any(flag.startswith("--web.") and ("listen" in flag or "systemd" in flag) for flag in flags):
        flags = ("--web.listen-address=127.0.0.1:0", *flags)
    with (directory / "stdout").open("wb") as output, (directory / "stderr").open("wb") as log:
        process = subprocess.Popen(
            [*before, *RUN, *flags], cwd=directory, stdin=subprocess.DEVNULL, stdout=output, stderr=log,
            env=os.environ | {"PYTHONPATH": str(ROOT)} | dict(environment or {}),
        )  # fmt: skip
    agent = Agent(process, directory, scheme)
    try:
        yield agent
        if process.returncode is None:  # the block did not kill it
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE) == 0
        assert "Traceback" not in agent.said()
    finally:
        process.kill()
        process.wait()
