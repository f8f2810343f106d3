"""The door before real visitors: curl, openssl, and a real Prometheus with a certificate, and with a wrong password.

The door runs in a thread of its own: Prometheus is asked by calls that block. `test_operations` has the whole agent
behind it.
"""

import asyncio
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import bcrypt
import pytest
from aiohttp import web
from cryptography.x509.oid import ExtendedKeyUsageOID

from exporter.door import Door
from exporter.simulated.certificates import Kind, Zoo
from tests.patience import PATIENCE
from tests.real.prometheus import Start

PASSWORD = "pässwörd: canary"
CLIENT = Kind(names=("client.example.test",), purpose=ExtendedKeyUsageOID.CLIENT_AUTH)


@dataclass(frozen=True, slots=True)
class House:
    """A door that runs, with /metrics behind it."""

    port: int
    zoo: Zoo

    def curl(self, *arguments: str, scheme: str = "https", path: str = "/metrics") -> tuple[int, str]:
        """Ask as curl does: the status (0: none) and what came."""
        url = f"{scheme}://localhost:{self.port}{path}"
        done = subprocess.run(
            ["curl", "--silent", "--show-error", "--noproxy", "*", "--max-time", str(PATIENCE),
             "--write-out", "%{http_code}", "--cacert", str(self.zoo.ca_file), *arguments, url],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return int(done.stdout[-3:]), done.stdout[:-3] + done.stderr


Open = Callable[[str], House]


@pytest.fixture
def open_door(tmp_path: Path, zoo: Zoo) -> Iterator[Open]:
    """Open a door by a web configuration, with own.pem (certificate and key) and ca.pem beside it."""
    (tmp_path / "own.pem").write_bytes(zoo.good.pem_file.read_bytes())
    (tmp_path / "ca.pem").write_bytes(zoo.ca_file.read_bytes())

    async def serve(path: Path, listening: Callable[[int], None], stop: asyncio.Event) -> None:
        async def metrics(_: web.Request) -> web.Response:
            return web.Response(text="smtp_probe_success 1\n")

        door = await Door.open(path)
        application = web.Application()
        application.add_routes([web.get("/metrics", metrics), web.get("/-/healthy", metrics)])
        door.stand_before(application)
        runner = web.AppRunner(application, access_log=None, handle_signals=False, shutdown_timeout=0.1)
        await runner.setup()
        await door.site(runner, "127.0.0.1", 0).start()
        listening(runner.addresses[0][1])
        await stop.wait()
        await runner.cleanup()

    def start(text: str) -> House:
        path = tmp_path / "web.yml"
        path.write_text(text, encoding="utf-8")
        loop, stop = asyncio.new_event_loop(), asyncio.Event()
        port: Future[int] = Future()

        def run() -> None:
            loop.run_until_complete(serve(path, port.set_result, stop))
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()

        thread = threading.Thread(target=run)
        thread.start()
        stack.callback(thread.join)
        stack.callback(loop.call_soon_threadsafe, stop.set)
        return House(port.result(PATIENCE), zoo)

    with ExitStack() as stack:
        yield start


TLS = "tls_server_config:\n  cert_file: own.pem\n  key_file: own.pem\n"
USERS = f"basic_auth_users:\n  alice: {bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()}\n"


def test_curl_is_let_in_with_the_password(open_door: Open) -> None:
    house = open_door(TLS + USERS)
    assert house.curl("--user", f"alice:{PASSWORD}") == (200, "smtp_probe_success 1\n")
    assert house.curl("--user", "alice:wrong") == (401, "Unauthorized\n")
    assert house.curl(path="/-/healthy") == (401, "Unauthorized\n")
    assert house.curl("--http2", "--user", f"alice:{PASSWORD}")[0] == 200


def test_curl_is_let_in_with_a_certificate(open_door: Open, zoo: Zoo) -> None:
    house = open_door(TLS + "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n")
    assert house.curl("--cert", str(zoo.issue(CLIENT).pem_file))[0] == 200
    status, said = house.curl("--cert", str(zoo.self_signed.pem_file))
    assert (status, "alert" in said) == (0, True)
    assert house.curl()[0] == 0


def test_curl_without_tls_is_told(open_door: Open) -> None:
    assert open_door(TLS).curl(scheme="http") == (400, "This port speaks HTTPS.\n")


def test_curl_may_keep_its_connection(open_door: Open) -> None:
    house = open_door(TLS + USERS)
    url = f"https://localhost:{house.port}/metrics"
    status, said = house.curl("--user", f"alice:{PASSWORD}", "--verbose", url)
    assert status == 200
    assert "Re-using existing connection" in said


def test_openssl_shakes_hands_as_often_as_it_likes(open_door: Open, zoo: Zoo) -> None:
    house = open_door(TLS)
    command = ["openssl", "s_client", "-connect", f"localhost:{house.port}", "-CAfile", str(zoo.ca_file), "-reconnect"]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert done.stdout.count("Verify return code: 0 (ok)") >= 1
    assert "Reused, TLS" not in done.stdout


def test_prometheus_scrapes_with_a_client_certificate(prometheus: Start, open_door: Open, zoo: Zoo) -> None:
    own = zoo.issue(CLIENT)
    house = open_door(
        TLS
        + "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n"
        + "  client_allowed_sans: [client.example.test]\n"
    )
    scraping = prometheus(
        [f"localhost:{house.port}"],
        scheme="https",
        tls_config={"ca_file": str(zoo.ca_file), "cert_file": str(own.pem_file), "key_file": str(own.pem_file)},
    )
    assert scraping.wait_for("smtp_probe_success")


def test_prometheus_with_a_wrong_password_sees_a_target_that_is_down(
    prometheus: Start, open_door: Open, zoo: Zoo
) -> None:
    house = open_door(TLS + USERS)
    scraping = prometheus(
        [f"localhost:{house.port}"],
        scheme="https",
        tls_config={"ca_file": str(zoo.ca_file)},
        basic_auth={"username": "alice", "password": "wrong"},
    )
    assert scraping.wait_for("up == 0")
