"""A real Alertmanager on a configuration of one's own, and the webhook that it tells. Knows nothing of alerts."""

import contextlib
import http.server
import json
import shutil
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.real.processes import Server, running


@dataclass(frozen=True, slots=True)
class Told:
    """One alert of a notification."""

    status: str
    """firing or resolved."""
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


@dataclass(slots=True)
class Webhook:
    """A receiver: all notifications it got, in order."""

    url: str = ""
    notifications: list[list[Told]] = field(default_factory=list)

    def told(self, since: int = 0, until: int | None = None) -> list[Told]:
        """Give the alerts of these notifications."""
        return [one for notification in self.notifications[since:until] for one in notification]

    def now(self) -> dict[tuple[tuple[str, str], ...], Told]:
        """Give what was said last of each alert, by its labels."""
        return {tuple(sorted(one.labels.items())): one for one in self.told()}

    def firing(self) -> list[Told]:
        """Give the alerts that fire, as far as it was told."""
        return [one for one in self.now().values() if one.status == "firing"]


@contextlib.contextmanager
def webhook() -> Iterator[Webhook]:
    """Listen on loopback, in the network namespace one is in, until the end of the block."""
    receiver = Webhook()

    class Receive(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            notification: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            receiver.notifications.append(
                [Told(one["status"], one["labels"], one["annotations"]) for one in notification["alerts"]]
            )
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receive) as server:
        receiver.url = f"http://127.0.0.1:{server.server_port}/"
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        try:
            yield receiver
        finally:
            server.shutdown()


def run_alertmanager(directory: Path, port: int) -> contextlib.AbstractContextManager[Server]:
    """Run Alertmanager in a directory on the alertmanager.yml that is there, without a cluster."""
    command = [
        shutil.which("prometheus-alertmanager") or "alertmanager",
        f"--config.file={directory / 'alertmanager.yml'}",
        f"--storage.path={directory / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    return running(Server("Alertmanager", directory, {"web": port}), command)
