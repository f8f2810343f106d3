"""The real Prometheus scrapes what it is told to, and says what it saw."""

import http.server
import threading
import urllib.error
from collections.abc import Iterator

import pytest

from tests.real.prometheus import Start


class Exposition(http.server.BaseHTTPRequestHandler):
    """Serves one sample, whose label says what was asked for."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(f'smtp_probe_success{{path="{self.path}"}} 1\n'.encode())

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@pytest.fixture
def exposition() -> Iterator[str]:
    """A web server with metrics: its host:port."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Exposition) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


def test_prometheus_scrapes_as_told_and_answers(prometheus: Start, exposition: str) -> None:
    scraping = prometheus([exposition], metrics_path="/probe", params={"target": ["mail.example.test"]})
    [sample] = scraping.wait_for("smtp_probe_success")
    assert sample.labels["instance"] == exposition
    assert sample.labels["path"] == "/probe?target=mail.example.test"
    assert sample.value == 1


def test_prometheus_refuses_a_wrong_expression(prometheus: Start) -> None:
    with pytest.raises(urllib.error.HTTPError, match="400"):
        prometheus([]).query("smtp_probe_success{")


def test_prometheus_says_when_nothing_comes(prometheus: Start) -> None:
    with pytest.raises(TimeoutError, match="nonesuch gives nothing"):
        prometheus([]).wait_for("nonesuch", timeout=0.1)
