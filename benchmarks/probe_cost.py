"""CPU a STARTTLS probe costs, and how much memory 100 endpoints take. Prints figures; asserts nothing.

    python benchmarks/probe_cost.py [--loop=uvloop|asyncio] [--probes=2000] [--concurrency=20]

The server runs in a process of its own (aiosmtplib's peer is irrelevant here: the simulated server serves TLS 1.3 with
an ECDSA certificate), so that only the agent's CPU is counted.
"""

import argparse
import asyncio
import gc
import multiprocessing
import resource
import ssl
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

from exporter.model import Expect, Peer, Result, Settings, TlsSettings
from exporter.probe.prober import Prober
from exporter.simulated.certificates import Zoo
from exporter.simulated.healthy import SmtpServer
from exporter.simulated.server import Server
from exporter.trust import Judge


def serve(ports: int, pipe: Connection) -> None:
    """Run simulated servers until the pipe closes."""

    async def work() -> None:
        with Zoo() as zoo:
            servers = [await Server(SmtpServer(zoo.good), remember=1).__aenter__() for _ in range(ports)]
            pipe.send((str(zoo.ca_file), [server.port for server in servers]))
            await asyncio.get_running_loop().run_in_executor(None, pipe.poll, None)

    asyncio.run(work())


def megabytes() -> float:
    """Resident memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


async def measure(peers: list[Peer], probes: int, concurrency: int) -> None:
    loop = asyncio.get_running_loop()
    prober = Prober(loop, Judge(), ehlo_name="probe.example.net")
    results: list[Result] = []

    async def one(number: int) -> None:
        done: asyncio.Future[Result] = loop.create_future()
        prober.probe(peers[number % len(peers)], ("127.0.0.1",), None, done.set_result)
        results.append(await done)

    async def batch(n: int) -> None:
        for start in range(0, n, concurrency):
            await asyncio.gather(*(one(start + k) for k in range(min(concurrency, n - start))))

    await batch(200)
    results.clear()
    gc.collect()
    cpu, wall = time.process_time(), time.perf_counter()
    await batch(probes)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    bad = [result for result in results if result.ended or not (result.verdict and result.verdict.valid)]
    version = results[0].session.version if results[0].session else "no TLS"
    print(
        f"{type(loop).__module__:<20} {probes} probes, {version}: {cpu / probes * 1000:.3f} ms CPU each, "
        f"{probes / wall:.0f}/s, {len(bad)} not healthy, {megabytes():.0f} MB"
    )


def main() -> None:
    flags = argparse.ArgumentParser()
    flags.add_argument("--loop", choices=["uvloop", "asyncio"], default="uvloop")
    flags.add_argument("--probes", type=int, default=2000)
    flags.add_argument("--concurrency", type=int, default=20)
    options = flags.parse_args()
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(10, theirs), daemon=True)
    server.start()
    ca_file, ports = ours.recv()
    settings = Settings(tls=TlsSettings(ca_file, "mail.example.test"), expect=Expect(certificate="trusted"))
    peers = [Peer("127.0.0.1", "127.0.0.1", port, settings) for port in ports]
    factory = None
    if options.loop == "uvloop":
        import uvloop

        factory = uvloop.new_event_loop
    print(f"Python {sys.version.split()[0]}, {ssl.OPENSSL_VERSION}")
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(measure(peers, options.probes, options.concurrency))
    ours.send(None)
    server.join()


if __name__ == "__main__":
    main()
