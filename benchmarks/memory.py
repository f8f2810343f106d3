"""Whether memory and descriptors stay what they are over a million probes, good and bad mixed.

The real agent probes 1,000 endpoints as fast as it can (each is due every 500 ms), of the kinds in KINDS; one in five
speaks TLS. No more than 100 at once: with the default, 1,000, a loop that is always busy takes too long to answer the
scrapes that count the probes. Memory is Pss of the process after each tenth of the probes, counted by their starts. A
descriptor is left behind where it is there still, the same socket, when every probe that could have opened it is over.
"""

import contextlib
import multiprocessing
import select
import socket
import time
from collections.abc import Iterator
from itertools import chain, repeat
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.agent import agent, scraped
from benchmarks.figures import Figure
from benchmarks.processes import Process
from benchmarks.server import NAME, MailServer, addresses, mail_server

BYE = b"221 2.0.0 Bye\r\n"
BROKEN: dict[str, tuple[bytes, bool]] = {
    "turned away": (b"554 5.7.1 mail.example.test refuses you\r\n", False),
    "closes": (b"", True),
    "garbage": (bytes(range(128, 256)) + b"\r\n", True),
    "stalls": (b"", False),
}
"""What a broken server sends to everybody who connects, and whether it closes then."""
KINDS = {
    "clear": 14,
    "TLS": 8,
    "wrong name": 2,
    "refused": 10,
    "turned away": 6,
    "closes": 5,
    "garbage": 4,
    "stalls": 1,
}
"""How many in fifty."""
OPTIONS: dict[str, dict[str, Any]] = {
    "TLS": {"tls": {"server_name": NAME}},
    "wrong name": {"tls": {"server_name": "other.example.test"}},
}
"""Endpoint keys of those that speak TLS; the others do not."""
FLAT = 5.0
"""MB that the probes after the first 100,000 may add: one reading differs from the next by as much."""
TIMEOUT = 0.5


def figures(*, short: bool) -> Iterator[Figure]:
    """Memory after the first tenth and at the end, and what is left open."""
    probes, endpoints = (5_000, 500) if short else (1_000_000, 1_000)
    with mail_server() as healthy, broken_server() as broken, closed_port() as closed:
        ports = broken | dict.fromkeys(["clear", "TLS", "wrong name"], healthy.port) | {"refused": closed}
        with agent(_config(healthy, ports, endpoints)) as process:
            healthy.wait()  # with the first probe come descriptors that stay
            before = _lasting(process)
            sizes = list(_sizes(process, probes, 10))
            left = _lasting(process) - before
            told = ", ".join([str(len(left)), *(named(process.pid, each) for each in sorted(left))])
    grown = sizes[-1] - sizes[0]
    yield Figure(
        f"memory over {probes:,} probes, good and bad mixed, {_share_of_tls():.0%} with TLS",
        "flat after the first 100,000",
        f"{sizes[0]:.1f} MB after {probes // 10:,}, {sizes[-1]:.1f} MB at the end ({grown:+.1f} MB)",
        met=None if short else grown < FLAT,
    )
    yield Figure("descriptors left behind", "none", told, met=not left)


def _share_of_tls() -> float:
    return sum(KINDS[kind] for kind in OPTIONS) / sum(KINDS.values())


def _config(server: MailServer, ports: dict[str, int], count: int) -> dict[str, Any]:
    kinds = list(chain.from_iterable(repeat(kind, share) for kind, share in KINDS.items()))
    targets = [
        {"host": address, "ports": [{"port": ports[kind], **OPTIONS.get(kind, {"security": "none"})}]}
        for number, address in enumerate(addresses(count))
        for kind in [kinds[number % len(kinds)]]
    ]
    trust = {"tls": {"ca_file": server.ca_file}, "expect": {"certificate": "trusted"}}
    often = dict.fromkeys(("interval", "timeout", "connect_timeout"), f"{TIMEOUT * 1000:.0f}ms")
    return {"global": {**often, **trust, "module": "relay", "max_concurrent_probes": 100}, "targets": targets}


def _sizes(process: Process, probes: int, parts: int) -> Iterator[float]:
    """Megabytes each time that another part of the probes has begun."""
    for part in range(1, parts + 1):
        while scraped(process).sums["smtp_exporter_schedule_delay_seconds_count"] < probes * part / parts:
            time.sleep(0.2 if probes < 100_000 else 2.0)
        yield min(_several(process))


def _several(process: Process) -> Iterator[float]:
    """What it takes now, and a little later: the scrape before still weighs."""
    for _ in range(5):
        yield process.megabytes("Pss")
        time.sleep(0.2)


def _lasting(process: Process) -> set[str]:
    """The descriptors that outlive every probe, by number and what they are."""
    before = _descriptors(process)
    time.sleep(6 * TIMEOUT)
    return before & _descriptors(process)


def _descriptors(process: Process) -> set[str]:
    found = set()
    for entry in Path(f"/proc/{process.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            found.add(f"{entry.name} {entry.readlink()}")
    return found


def named(pid: int, descriptor: str) -> str:
    """What a descriptor is; of TCP over IPv4 both ends and the state, hexadecimal as in proc_pid_net(5)."""
    for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
        _, *ends, state, _, _, _, _, _, inode = line.split()[:10]
        if descriptor.endswith(f"socket:[{inode}]"):
            return f"{descriptor} {' to '.join(map(_address, ends))} in state {state}"
    return descriptor


def _address(field: str) -> str:
    address, port = (bytes.fromhex(each) for each in field.split(":"))
    return f"{socket.inet_ntoa(address[::-1])}:{int.from_bytes(port)}"


@contextlib.contextmanager
def closed_port() -> Iterator[int]:
    """A port on all of loopback where every connection is refused, and nobody else may listen."""
    with socket.socket() as bound:
        bound.bind(("0.0.0.0", 0))
        yield int(bound.getsockname()[1])


@contextlib.contextmanager
def broken_server() -> Iterator[dict[str, int]]:
    """Run the broken servers in one process of their own; where each kind is."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=serve, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    try:
        yield ours.recv()
    finally:
        ours.close()
        process.join()


def serve(parent: Connection) -> None:
    """Be all broken servers until the parent closes its end of the pipe."""
    listeners = {kind: socket.create_server(("0.0.0.0", 0), backlog=4096) for kind in BROKEN}
    parent.send({kind: listener.getsockname()[1] for kind, listener in listeners.items()})
    by_number = {listener.fileno(): (kind, listener) for kind, listener in listeners.items()}
    clients: dict[int, socket.socket] = {}
    epoll = select.epoll()
    for number in (parent.fileno(), *by_number):
        epoll.register(number, select.EPOLLIN)
    while True:
        for number, _ in epoll.poll():
            if number == parent.fileno():
                return
            if number in by_number:
                kind, listener = by_number[number]
                if client := _greeted(listener, *BROKEN[kind]):
                    clients[client.fileno()] = client
                    epoll.register(client, select.EPOLLIN)
            else:
                with clients.pop(number) as client, contextlib.suppress(OSError):
                    if client.recv(4096):
                        client.send(BYE)


def _greeted(listener: socket.socket, greeting: bytes, closes: bool) -> socket.socket | None:
    client, _ = listener.accept()
    with contextlib.suppress(OSError):
        client.send(greeting)
    if closes:
        client.close()
        return None
    return client
