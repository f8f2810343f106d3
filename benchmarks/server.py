"""The server that all are measured against: STARTTLS with TLS 1.3 and an ECDSA certificate, as cheap as Python allows.

One process of its own (its CPU is nobody's figure), one thread, one epoll loop over `ssl.SSLSocket`s, no event loop in
between: about 0.4 ms a conversation, most of it OpenSSL's. It listens on 0.0.0.0, so that each address in 127.0.0.0/8
is an endpoint of its own. It counts the conversations that came to QUIT inside TLS.
"""

import contextlib
import ipaddress
import multiprocessing
import select
import socket
import ssl
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.sharedctypes import RawValue
from typing import Any

from benchmarks.processes import wait_until
from exporter.simulated.certificates import Zoo

NAME = "mail.example.test"
GREETING, REFUSAL = b"220 mail.example.test ESMTP\r\n", b"554 5.3.2 not now\r\n"
FLAPPING = ipaddress.ip_network("127.128.0.0/9")
"""Of each three conversations at one of these addresses two are refused."""
IN_CLEAR = {
    b"EHLO": b"250-mail.example.test\r\n250-SIZE 52428800\r\n250-8BITMIME\r\n250-STARTTLS\r\n250 HELP\r\n",
    b"STAR": b"220 2.0.0 Ready to start TLS\r\n",
    b"QUIT": b"221 2.0.0 Bye\r\n",
}
IN_TLS = IN_CLEAR | {
    b"EHLO": b"250-mail.example.test\r\n250-SIZE 52428800\r\n250-AUTH PLAIN LOGIN\r\n250-8BITMIME\r\n250 HELP\r\n"
}


@dataclass(frozen=True, slots=True)
class MailServer:
    """A server that runs: where, whom to trust for it, and what it has counted."""

    port: int
    ca_file: str
    _count: Any
    _greeted: Any

    @property
    def greeted(self) -> int:
        """How many connections have been greeted so far, or refused."""
        return int(self._greeted.value)

    @property
    def conversations(self) -> int:
        """How many conversations have come to QUIT inside TLS so far."""
        return int(self._count.value)

    def wait(self) -> None:
        """Wait until the first conversation has come that far.

        Raises:
            TimeoutError: none did.
        """
        wait_until(lambda: self.conversations, "no conversation came to QUIT inside TLS")


def addresses(count: int, first: int = 1) -> list[str]:
    """So many addresses of loopback, each an endpoint of its own: 127.1.0.1, 127.1.0.2, ..."""
    return [f"127.{first + n // 62500}.{n // 250 % 250}.{1 + n % 250}" for n in range(count)]


@contextlib.contextmanager
def mail_server() -> Iterator[MailServer]:
    """Run the server in a process of its own."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    count, greeted = RawValue("L", 0), RawValue("L", 0)
    process = spawn.Process(target=serve, args=(theirs, count, greeted), daemon=True)
    process.start()
    theirs.close()
    try:
        port, ca_file = ours.recv()
        yield MailServer(port, ca_file, count, greeted)
    finally:
        ours.close()
        process.join()


def serve(parent: Connection, count: Any, greeted: Any) -> None:
    """Serve until the parent closes its end of the pipe."""
    with Zoo() as zoo, socket.create_server(("0.0.0.0", 0), backlog=4096) as listener:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(zoo.good.pem_file)
        listener.settimeout(0)
        parent.send((listener.getsockname()[1], str(zoo.ca_file)))
        epoll, clients, refusals = select.epoll(), dict[int, Client](), Counter[str]()
        epoll.register(parent, select.EPOLLIN)
        epoll.register(listener, select.EPOLLIN)
        while True:
            for number, _ in epoll.poll():
                if number == parent.fileno():
                    return
                if number == listener.fileno():
                    greeted.value += _accept(listener, context, epoll, clients, refusals)
                elif (client := clients[number]).goes_on(count):
                    del clients[number]
                    client.socket.close()


def _accept(
    listener: socket.socket,
    context: ssl.SSLContext,
    epoll: select.epoll,
    clients: "dict[int, Client]",
    refusals: "Counter[str]",
) -> int:
    """Accept all waiting connections and count them. `refusals`: connections so far at each address of FLAPPING."""
    greeted = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            connection, _ = listener.accept()
            greeted += 1
            connection.settimeout(0)
            address = connection.getsockname()[0]
            if ipaddress.ip_address(address) in FLAPPING:
                refusals[address] += 1
                if refusals[address] % 3:
                    connection.send(REFUSAL)
                    connection.close()
                    continue
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            epoll.register(connection, select.EPOLLIN)
            clients[connection.fileno()] = Client(connection, context)
    return greeted


class Client:
    """One conversation."""

    def __init__(self, connection: socket.socket, context: ssl.SSLContext) -> None:
        self.socket, self._context = connection, context
        self._answers, self._shaking = IN_CLEAR, False
        connection.send(GREETING)

    def goes_on(self, count: Any) -> bool:
        """Answer what was said; True when the conversation is over."""
        try:
            if self._shaking:
                self.socket.do_handshake()  # type: ignore[attr-defined]  # it is an SSLSocket by now
                self._shaking = False
            said = self.socket.recv(4096)  # a command a read: nobody pipelines here
            self._answer(said[:4].upper())
        except ssl.SSLWantReadError:
            return False
        except OSError:  # it left, or gave up the handshake
            return True
        if said[:4].upper() == b"QUIT":
            count.value += self._answers is IN_TLS
            return True
        return not said

    def _answer(self, verb: bytes) -> None:
        if not verb:
            return
        self.socket.send(self._answers[verb])
        if verb == b"STAR":
            self.socket = self._context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
            self._answers, self._shaking = IN_TLS, True
