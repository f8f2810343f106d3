"""A web server of MTA-STS policies: python -m tests.real.policy_host HOSTS.json ADDRESS

The file tells of each host name its certificate (a PEM file with the key), and the status, headers and body it answers.
"""

import json
import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


def answering(hosts: dict[str, Any]) -> type[BaseHTTPRequestHandler]:
    """What answers by the name it is asked for."""

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            host = hosts[self.headers["Host"]]
            status = host["status"] if self.path == "/.well-known/mta-sts.txt" else 404
            body = host["body"].encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **host["headers"]}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

    return Answering


def context(hosts: dict[str, Any]) -> ssl.SSLContext:
    """A certificate for each name that a client may ask for (RFC 6066 3)."""
    contexts = {}
    for name, host in hosts.items():
        contexts[name] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        contexts[name].load_cert_chain(host["pem"])

    def choose(connection: ssl.SSLSocket | ssl.SSLObject, name: str | None, _: ssl.SSLSocket) -> None:
        connection.context = contexts.get(name or "", connection.context)

    first: ssl.SSLContext = next(iter(contexts.values()))
    first.set_servername_callback(choose)
    return first


def main() -> None:
    """Serve until the process is ended."""
    hosts = json.loads(Path(sys.argv[1]).read_text())
    with ThreadingHTTPServer((sys.argv[2], 443), answering(hosts)) as server:
        server.socket = context(hosts).wrap_socket(server.socket, server_side=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
