"""What a page tells to type is typed, from its top to its end: in a copy of the checkout and a network of its own.

There `mail.example.com` is a simulated mail server, and the agent watches it already where the page does not start it;
nothing else exists. A YAML block that names its file in its first line becomes that file. A `text` block right after a
`sh` block is what that one prints, numbers aside. A program that does not end by itself runs until it is wanted again,
or the page ends. A block that no test can type says why in its first line (NOT_HERE); what it calls is held against our
own command line all the same.
"""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.docs.markdown import ROOT, Block, blocks, pages
from tests.patience import PATIENCE
from tests.real.conftest import require
from tests.real.machine import can_mount

NOT_HERE = ("as root", "needs Docker", "needs a cluster", "on the mail server", "needs the internet")
"""The first line of a block that is not run: `# as root`."""
AGENT = "http://127.0.0.1:10225/-/ready"
LASTS = {
    "make demo": AGENT,
    "make run": AGENT,
    "smtp-exporter run": AGENT,
    "python lab.py smtp-exporter run": AGENT,
    "smtp-exporter demo": AGENT,
    "prometheus ": "http://127.0.0.1:9090/-/ready",
    "prometheus-alertmanager ": "http://127.0.0.1:9093/-/ready",
}
"""Programs that do not end by themselves, and where each says that it is ready."""
INSTEAD = {f"make {target}": f"make --dry-run {target}" for target in ("test", "unit", "check")}
"""What is typed instead: this test is a part of `make test`, which does all of them."""
PARSE = "import sys; from exporter import cli; cli.parser().parse_args(sys.argv[1:])"
"""Reads a command line of ours, and does nothing."""
SHELL = """
set -euo pipefail
declare -A running
lasting() { # URL COMMAND...: in the background, until it is ready; what ran there before ends
  local url=$1 process=${running[$1]:-}
  shift
  [[ -z $process ]] || { kill -INT -- "-$process"; wait "$process" || true; }
  set -m; "$@" & set +m
  running[$url]=$!
  for _ in {1..300}; do curl --silent --fail --output /dev/null "$url" && return; sleep 0.1; done
  echo "$* is not ready"; return 1
}
end() { for process in "${running[@]}"; do kill -INT -- "-$process" || true; done; }
trap end EXIT
for _ in {1..300}; do [[ -e $MAIL/ready ]] && break; sleep 0.1; done
"""

TOLD = [page for page in pages() if any(block.language == "sh" for block in blocks(page))]
SHELL_BLOCKS = [block for page in TOLD for block in blocks(page) if block.language == "sh"]


def first_line(block: Block) -> str:
    return block.text.partition("\n")[0].removeprefix("# ")


def typed(block: Block) -> Iterator[str]:
    """The lines of a block as the shell is to read them."""
    for line in block.text.replace("\\\n", " ").splitlines():
        url = next((url for command, url in LASTS.items() if f"{line} ".startswith(command)), None)
        yield f"lasting {url} {line}" if url else INSTEAD.get(line, line)


def script(page: str) -> str:
    """The page as one script; each block prints into a file of its own."""
    lines = []
    for block in blocks(page):
        if block.language == "sh" and not first_line(block).startswith(NOT_HERE):
            lines += [f"echo {block.line}", "{", *typed(block), f"}} >$OUTPUT/{block.line} 2>&1"]
        elif block.language == "yaml" and block.file:
            lines += [f"cat >{block.file} <<'END_OF_FILE'", block.text + "END_OF_FILE"]
    if not any(line.startswith(f"lasting {AGENT}") for line in lines):
        lines.insert(0, f"lasting {AGENT} smtp-exporter run --config.file=$MAIL/agent.yaml 2>/dev/null")
    return "\n".join((SHELL, *lines))


def checkout(directory: Path) -> Path:
    """A copy of the checkout as far as a reader can tell: what is written there is written here."""
    copy = directory / "smtp-exporter"
    copy.mkdir()
    for path in ROOT.iterdir():
        if path.name not in {".git", ".cache"}:
            (copy / path.name).symlink_to(path)
    return copy


def run(page: str, directory: Path) -> subprocess.CompletedProcess[str]:
    """Type the page; its network, hosts file and name servers end with it."""
    mail = directory / "mail"
    mail.mkdir()
    (mail / "agent.yaml").write_text("targets: [{host: mail.example.com, ports: [25, 465, 587], labels: {team: mail}}]")
    (directory / "output").mkdir()
    (directory / "hosts").write_text("127.0.0.1 localhost mail.example.com\n")
    (directory / "page.sh").write_text(script(page))
    prelude = (
        "ip link set lo up && mount --bind hosts /etc/hosts && "
        f"({sys.executable} -m tests.docs.mailserver $MAIL & exec bash -c 'cd smtp-exporter && exec bash ../page.sh')"
    )
    environment = {
        **{name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")},
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "HOME": str(directory),
        "MAIL": str(mail),
        "OUTPUT": str(directory / "output"),
        "SSL_CERT_FILE": str(mail / "ca.pem"),
    }
    checkout(directory)
    command = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "bash", "-c", prelude]
    return subprocess.run(
        command, cwd=directory, env=environment, text=True, timeout=PATIENCE, check=False,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def same(shown: str) -> str:
    """A line of output whatever its numbers and spaces are."""
    return " ".join(re.sub(r"\d+", "N", shown).split())


@pytest.mark.real
@pytest.mark.parametrize("page", TOLD)
def test_what_it_tells_to_type_works_and_prints_what_it_shows(page: str, tmp_path: Path) -> None:
    require(there=can_mount(), otherwise="a network and a hosts file of one's own need root")
    done = run(page, tmp_path)
    assert done.returncode == 0, (done.stdout, (tmp_path / "output" / done.stdout.split()[-1]).read_text())
    told = list(blocks(page))
    for block, after in pairwise(told):
        if block.language == "sh" and after.language == "text" and (tmp_path / "output" / str(block.line)).exists():
            printed = {same(line) for line in (tmp_path / "output" / str(block.line)).read_text().splitlines()}
            shown = [same(line) for line in after.text.splitlines() if line.strip() not in {"", "..."}]
            assert [line for line in shown if line not in printed] == [], after.id


@pytest.mark.parametrize("block", SHELL_BLOCKS, ids=lambda block: block.id)
def test_a_shell_can_read_it_and_its_commands_of_ours_exist(block: Block) -> None:
    read = subprocess.run(["bash", "-n"], input=block.text, text=True, capture_output=True, check=False)
    assert (read.returncode, read.stderr) == (0, "")
    for line in block.text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words and Path(words[0]).name == "smtp-exporter":
            end = next((number for number, word in enumerate(words) if word in {"|", ">", "&&", ";"}), None)
            asked = subprocess.run([sys.executable, "-c", PARSE, *words[1:end]], capture_output=True, check=False)
            assert asked.returncode == 0, (line, asked.stderr)


@pytest.mark.parametrize("block", SHELL_BLOCKS, ids=lambda block: block.id)
def test_the_files_of_the_checkout_that_it_names_are_there(block: Block) -> None:
    named = re.findall(r"(?<![\w/.])(?:deploy|docs|grafana|tools)/[\w./-]+", block.text)
    assert [path for path in named if not (ROOT / path).exists()] == []
