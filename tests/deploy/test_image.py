"""The image, built on Debian's root filesystem and run without rights: deploy/docker/build-check.sh says how."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.real.conftest import require

pytestmark = pytest.mark.real

SCRIPT = Path(__file__).parents[2] / "deploy/docker/build-check.sh"


def test_it_is_built_and_runs_as_nobody_without_a_place_to_write() -> None:
    require(there=os.geteuid() == 0 and shutil.which("podman"), otherwise="an image needs root and podman")
    done = subprocess.run([SCRIPT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].endswith(" broken, by uid 65534")
