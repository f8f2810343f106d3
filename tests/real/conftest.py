"""Real servers as fixtures: each starts when a test first asks for it, and lasts as long as the tests do.

Under pytest-xdist every worker has its own. Where a machine cannot run one, its tests are skipped with the reason,
and fail when CI=true. The log of a server is shown with each failed test that used it.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from exporter.simulated.certificates import Zoo
from tests.real.dovecot import run_dovecot
from tests.real.exim import run_exim
from tests.real.machine import can_mount
from tests.real.opensmtpd import run_opensmtpd
from tests.real.postfix import run_postfix
from tests.real.processes import PACKAGES, Server
from tests.real.prometheus import Prometheus, Start, run_prometheus

HERE = Path(__file__).parent

NewDirectory = Callable[[str], Path]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all tests of this folder: `-m "not real"` leaves them out."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker("real")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show with a failed test what its servers logged."""
    report = yield
    if report.failed:
        used = getattr(item, "funcargs", {}).values()
        report.sections += [(f"log of {one.name}", one.log()) for one in used if isinstance(one, Server)]
    return report


def require(*, there: object, otherwise: str) -> None:
    """Leave out what cannot be tested on this machine, loudly; in CI that is a failure."""
    if there:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI=true, and {otherwise}")
    pytest.skip(f"NOT TESTED: {otherwise}")


@pytest.fixture(scope="session")
def new_directory() -> Iterator[NewDirectory]:
    """Make directories that servers may enter after they gave up root; pytest's own are private."""
    with ExitStack() as stack:

        def make(name: str) -> Path:
            path = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=f"smtp-exporter-{name}-")))
            path.chmod(0o755)
            return path

        yield make


@pytest.fixture(scope="session")
def dovecot(new_directory: NewDirectory) -> Iterator[Server]:
    """Dovecot's authentication service, with its socket `auth`."""
    require(there=os.geteuid() == 0, otherwise="Dovecot needs root")
    require(there=shutil.which("dovecot", path="/usr/sbin"), otherwise="dovecot-core is missing: make tools")
    with run_dovecot(new_directory("dovecot")) as server:
        yield server


@pytest.fixture(scope="session")
def postfix(new_directory: NewDirectory, zoo: Zoo, dovecot: Server) -> Iterator[Server]:
    """Postfix; its listeners are the rows of tests.real.postfix.LISTENERS."""
    require(there=(PACKAGES / "postfix").is_dir(), otherwise="Postfix is missing: make tools")
    with run_postfix(new_directory("postfix"), zoo, dovecot.directory / "auth") as server:
        yield server


@pytest.fixture(scope="session")
def exim(new_directory: NewDirectory, zoo: Zoo) -> Iterator[Server]:
    """Exim; its listeners are tests.real.exim.LISTENERS."""
    require(there=os.geteuid() == 0, otherwise="Exim needs root")
    require(there=(PACKAGES / "exim").is_dir(), otherwise="Exim is missing: make tools")
    with run_exim(new_directory("exim"), zoo) as server:
        yield server


@pytest.fixture(scope="session")
def opensmtpd(new_directory: NewDirectory, zoo: Zoo) -> Iterator[Server]:
    """OpenSMTPD; its listeners are tests.real.opensmtpd.LISTENERS."""
    require(there=os.geteuid() == 0 and can_mount(), otherwise="OpenSMTPD needs root and a mount namespace")
    require(there=(PACKAGES / "opensmtpd").is_dir(), otherwise="OpenSMTPD is missing: make tools")
    with run_opensmtpd(new_directory("opensmtpd"), zoo) as server:
        yield server


@pytest.fixture
def prometheus(new_directory: NewDirectory) -> Iterator[Start]:
    """Start Prometheus on host:port targets; keywords go into its scrape_config."""
    require(there=shutil.which("prometheus"), otherwise="prometheus is missing: make tools")
    with ExitStack() as stack:

        def start(targets: list[str], **scrape: object) -> Prometheus:
            return stack.enter_context(run_prometheus(new_directory("prometheus"), targets, scrape))

        yield start
