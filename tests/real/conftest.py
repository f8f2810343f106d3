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
from tests.real.courier import run_courier
from tests.real.dovecot import run_dovecot
from tests.real.dovecot_submission import SUBMISSION_LOGIN, run_submission
from tests.real.exim import run_exim
from tests.real.haproxy import run_haproxy
from tests.real.haraka import HARAKA, has_node, run_haraka, run_haraka_with_limit
from tests.real.machine import can_mount
from tests.real.nginx import run_nginx
from tests.real.opensmtpd import run_opensmtpd
from tests.real.postfix import run_postfix
from tests.real.processes import PACKAGES, Server
from tests.real.prometheus import Prometheus, Start, run_prometheus
from tests.real.sendmail import run_sendmail
from tests.real.stunnel import run_stunnel

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


def require_package(name: str) -> None:
    """Leave out what needs a server that `make tools` unpacks, and has not."""
    require(there=(PACKAGES / name).is_dir(), otherwise=f"{name} is missing: make tools")


def require_machine() -> None:
    """Leave out what needs a machine of its own."""
    require(there=os.geteuid() == 0 and can_mount(), otherwise="a machine of its own needs root and a mount namespace")


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
    require_package("postfix")
    with run_postfix(new_directory("postfix"), zoo, dovecot.directory / "auth") as server:
        yield server


@pytest.fixture(scope="session")
def exim(new_directory: NewDirectory, zoo: Zoo) -> Iterator[Server]:
    """Exim; its listeners are tests.real.exim.LISTENERS."""
    require(there=os.geteuid() == 0, otherwise="Exim needs root")
    require_package("exim")
    with run_exim(new_directory("exim"), zoo) as server:
        yield server


@pytest.fixture(scope="session")
def opensmtpd(new_directory: NewDirectory, zoo: Zoo) -> Iterator[Server]:
    """OpenSMTPD; its listeners are tests.real.opensmtpd.LISTENERS."""
    require_machine()
    require_package("opensmtpd")
    with run_opensmtpd(new_directory("opensmtpd"), zoo) as server:
        yield server


@pytest.fixture(scope="session")
def sendmail(new_directory: NewDirectory, zoo: Zoo) -> Iterator[Server]:
    """Sendmail; its listeners are the rows of tests.real.sendmail.LISTENERS."""
    require_machine()
    require_package("sendmail")
    with run_sendmail(new_directory("sendmail"), zoo) as server:
        yield server


@pytest.fixture(scope="session")
def courier(new_directory: NewDirectory, zoo: Zoo) -> Iterator[Server]:
    """Courier's esmtpd, `healthy`."""
    require_machine()
    require_package("courier")
    with run_courier(new_directory("courier"), zoo) as server:
        yield server


@pytest.fixture(scope="session")
def dovecot_submission(new_directory: NewDirectory, zoo: Zoo) -> Iterator[Server]:
    """Dovecot as a submission server; its listeners are the rows of tests.real.dovecot_submission.LISTENERS."""
    require(there=os.geteuid() == 0, otherwise="Dovecot needs root")
    require(there=SUBMISSION_LOGIN.exists(), otherwise="dovecot-submissiond is missing: make tools")
    with run_submission(new_directory("submission"), zoo) as server:
        yield server


@pytest.fixture(scope="session")
def nginx(new_directory: NewDirectory, zoo: Zoo) -> Iterator[Server]:
    """nginx as a mail proxy; its listeners are the rows of tests.real.nginx.LISTENERS."""
    require(there=os.geteuid() == 0, otherwise="nginx needs root")
    require_package("nginx")
    with run_nginx(new_directory("nginx"), zoo) as server:
        yield server


@pytest.fixture(scope="session")
def haproxy(new_directory: NewDirectory, postfix: Server) -> Iterator[Server]:
    """HAProxy before Postfix; its listeners are the rows of tests.real.haproxy.LISTENERS."""
    require_package("haproxy")
    with run_haproxy(new_directory("haproxy"), postfix.port("healthy")) as server:
        yield server


@pytest.fixture(scope="session")
def stunnel(new_directory: NewDirectory, zoo: Zoo, postfix: Server) -> Iterator[Server]:
    """The program stunnel before Postfix; its listeners are the rows of tests.real.stunnel.LISTENERS."""
    require_package("stunnel")
    with run_stunnel(new_directory("stunnel"), zoo, postfix.port("behind_tls")) as server:
        yield server


@pytest.fixture(scope="session")
def haraka(new_directory: NewDirectory, zoo: Zoo) -> Iterator[Server]:
    """Haraka; its listeners are tests.real.haraka.LISTENERS."""
    _require_haraka()
    with run_haraka(new_directory("haraka"), zoo) as server:
        yield server


@pytest.fixture
def haraka_with_limit(new_directory: NewDirectory, zoo: Zoo) -> Iterator[Server]:
    """Haraka for one test: it takes tests.real.haraka.MAX_PER_ADDRESS connections from an address."""
    _require_haraka()
    require_package("redis")
    with run_haraka_with_limit(new_directory("haraka-limit"), zoo) as server:
        yield server


def _require_haraka() -> None:
    require(there=has_node() and HARAKA.is_dir(), otherwise="Haraka, or a Node.js for it, is missing: make tools")


@pytest.fixture
def prometheus(new_directory: NewDirectory) -> Iterator[Start]:
    """Start Prometheus on host:port targets; keywords go into its scrape_config."""
    require(there=shutil.which("prometheus"), otherwise="prometheus is missing: make tools")
    with ExitStack() as stack:

        def start(targets: list[str], **scrape: object) -> Prometheus:
            return stack.enter_context(run_prometheus(new_directory("prometheus"), targets, scrape))

        yield start
