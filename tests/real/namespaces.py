"""Networks of our own: namespaces joined by a cable, with nftables and routes in them. Needs root, iproute2, nftables.

A namespace lives as long as the process that holds it, which ends with its block or with the tests. Nothing here
knows what is tested.
"""

import contextlib
import ctypes
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.patience import PATIENCE

_LIBC = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Namespace:
    """A network namespace, as the process that holds it."""

    pid: int

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Be in it, with this thread and all processes it starts, until the end of the block."""
        with Path("/proc/thread-self/ns/net").open() as home, Path(f"/proc/{self.pid}/ns/net").open() as there:
            _enter(there.fileno())
            try:
                yield
            finally:
                _enter(home.fileno())

    def ip(self, *commands: str) -> None:
        """Run commands of ip(8), in one batch."""
        self._feed(["ip", "-batch", "-"], commands)

    def filter(self, hook: str, rules: Iterable[str]) -> None:
        """Put these rules of nft(8), and no others, at a hook: input or output."""
        self._chain(f"type filter hook {hook} priority 0;", rules)

    def redirect(self, port: int, *ports: int) -> None:
        """Send the connections that come in to a port to these ports in turn, and filter nothing."""
        turns = ", ".join(f"{turn} : {each}" for turn, each in enumerate(ports))
        rule = f"tcp dport {port} redirect to :numgen inc mod {len(ports)} map {{ {turns} }}"
        self._chain("type nat hook prerouting priority -100;", [rule])

    def _chain(self, chain: str, rules: Iterable[str]) -> None:
        self._feed(["nft", "-f", "-"], ["flush ruleset", "table inet t {", "chain c {", chain, *rules, "}", "}"])

    def _feed(self, command: list[str], lines: Iterable[str]) -> None:
        with self.entered():
            fed = "".join(f"{line}\n" for line in lines)
            subprocess.run(command, input=fed, text=True, timeout=PATIENCE, check=True)


def _enter(descriptor: int) -> None:
    if _LIBC.setns(descriptor, 0):
        raise OSError(ctypes.get_errno(), "setns")


def can_have_namespaces() -> bool:
    """Whether this machine lets us make them."""
    made = subprocess.run(["unshare", "--net", "true"], capture_output=True, timeout=PATIENCE, check=False)
    return made.returncode == 0


@contextlib.contextmanager
def namespace() -> Iterator[Namespace]:
    """Make a namespace in which only loopback is up."""
    with subprocess.Popen(["unshare", "--net", "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdin
        assert holder.stdout
        holder.stdin.write(b"it is there\n")  # comes back once the namespace does
        holder.stdin.flush()
        holder.stdout.readline()
        made = Namespace(holder.pid)
        made.ip("link set lo up")
        yield made


@contextlib.contextmanager
def cable(addresses: Iterable[str], own: Iterable[str]) -> Iterator[tuple[Namespace, Namespace]]:
    """Make a client and a server joined by a cable: the server has these addresses, the client its own."""
    with namespace() as client, namespace() as server:
        client.ip(f"link add c type veth peer name s netns {server.pid}")
        for end, name, has in ((client, "c", own), (server, "s", addresses)):
            with end.entered():
                Path("/proc/sys/net/ipv4/icmp_ratelimit").write_text("0")
                Path("/proc/sys/net/ipv6/icmp/ratelimit").write_text("0")
            end.ip(*(f"address add {each} dev {name}{' nodad' if ':' in each else ''}" for each in has))
            end.ip(f"link set {name} up")
        yield client, server
