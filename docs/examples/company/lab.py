"""Example Corp on loopback, without root and network: its DNS server, its mail servers, and a command among them.

python lab.py                                                     until Ctrl-C
python lab.py smtp-exporter run --config.file=smtp-exporter.yaml  until the command ends
"""

import asyncio
import contextlib
import errno
import os
import signal
import sys
from pathlib import Path

from exporter.simulated.certificates import Credentials, Zoo
from exporter.simulated.healthy import SmtpServer
from exporter.simulated.nameserver import Nameserver
from exporter.simulated.server import Script, Server

HERE = Path(__file__).parent
NAMES = ("mx1.example.com", "mx2.example.com", "mx3.example.com", "submission.example.com", "smtp-relay.example.net")
USERS = {"probe@example.com": (HERE / "submission-password").read_text().strip()}
DNS_PORT = 10053


def zone() -> str:
    """The zone file, and the customers that are like most others."""
    domains = [line for line in (HERE / "customers.txt").read_text().splitlines() if line.startswith("customer-")]
    records = (f"{domain}. MX {number}0 mx{number}.example.com.\n" for domain in domains for number in (1, 2, 3))
    return (HERE / "example.zone").read_text() + "".join(records)


def mx(certificate: Credentials) -> Script:
    """A mail exchange: STARTTLS, no login."""
    return SmtpServer(certificate, name="mx.example.com", banner="mx.example.com ESMTP Postfix")


def submission(certificate: Credentials, *, implicit: bool = False) -> Script:
    """A submission service: a login, once TLS is there."""
    return SmtpServer(certificate, implicit=implicit, auth=("PLAIN", "LOGIN"), users=USERS)


def servers(zoo: Zoo) -> dict[tuple[str, int], Script]:
    """What listens where. Nobody listens on 127.0.12.1, which was old-mx.example.net."""
    return {
        ("127.0.10.1", 10025): mx(zoo.good),
        ("127.0.10.2", 10025): mx(zoo.good),
        ("127.0.10.3", 10025): mx(zoo.expiring),
        ("127.0.10.4", 10587): submission(zoo.good),
        ("127.0.10.4", 10465): submission(zoo.good, implicit=True),
        ("127.0.11.1", 10587): submission(zoo.good),
        ("127.0.11.2", 10587): submission(zoo.good),
    }


async def run(command: list[str], environment: dict[str, str]) -> int:
    """Run a command to its end; return its exit code. Ctrl-C reaches it by itself, SIGTERM through us."""
    process = await asyncio.create_subprocess_exec(*command, env=environment)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, lambda: None)
    loop.add_signal_handler(signal.SIGTERM, process.terminate)
    return await process.wait()


async def main(command: list[str]) -> int:
    """Run everything as long as the command runs, or for ever; return its exit code."""
    with Zoo(names=NAMES) as zoo:
        async with contextlib.AsyncExitStack() as running:
            await running.enter_async_context(Nameserver(zone(), port=DNS_PORT))
            for (address, port), script in servers(zoo).items():
                await running.enter_async_context(Server(script, host=address, port=port, remember=1))
            roots = {"SSL_CERT_FILE": str(zoo.ca_file)}
            if command:
                return await run(command, os.environ | roots)
            print(f"Example Corp is up: DNS on 127.0.0.1:{DNS_PORT}; export SSL_CERT_FILE={zoo.ca_file}", flush=True)
            await asyncio.Event().wait()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(asyncio.run(main(sys.argv[1:])))
    except KeyboardInterrupt:
        pass
    except OSError as error:
        sys.exit(f"lab.py: {error}{': does another lab.py run?' if error.errno == errno.EADDRINUSE else ''}")
