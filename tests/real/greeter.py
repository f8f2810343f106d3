"""The least that an SMTP server may say, on several ports and in both families: to be blocked, not to be looked at."""

import contextlib
import socket
import socketserver
import sys
import threading
from pathlib import Path

from tests.real.processes import Server, running


class Greeter(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.wfile.write(b"220 mail.example.test ESMTP\r\n")
        for line in self.rfile:
            self.wfile.write(b"221 Bye\r\n" if line == b"QUIT\r\n" else b"250 mail.example.test\r\n")


class Listener(socketserver.ThreadingTCPServer):
    address_family = socket.AF_INET6  # and IPv4 as well
    daemon_threads = True


def run_greeter(directory: Path, *ports: int) -> contextlib.AbstractContextManager[Server]:
    """Run one on these ports of the network namespace one is in."""
    command = [sys.executable, "-m", "tests.real.greeter", *map(str, ports)]
    root = str(Path(__file__).parents[2])
    return running(
        Server("greeter", directory, {str(port): port for port in ports}), command, environment={"PYTHONPATH": root}
    )


if __name__ == "__main__":
    for each in sys.argv[1:]:
        threading.Thread(target=Listener(("::", int(each)), Greeter).serve_forever).start()
