"""Servers that never stop talking, many at once: what they cost, and that nobody else waits for them.

The prober runs in a process of its own: the memory counted is its own, not that of the floods.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from exporter.reasons import Reason
from exporter.simulated.dialogues import after_ready, after_starttls, flooding
from exporter.simulated.healthy import SmtpServer
from tests.probe import beside_floods

if TYPE_CHECKING:
    from exporter.simulated.certificates import Zoo
    from tests.conftest import Serve

MEGABYTES = 100


async def test_32_floods_at_once_stay_under_100_mb_and_others_finish(serve: "Serve", zoo: "Zoo") -> None:
    handshake = b"\x16\x03\x03\x40\x00\x0b\x00\xff\xff" + b"\0" * 0x3FFC  # a certificate message without end
    kinds = {
        "one line": flooding(b"220-x"),
        "many lines": flooding(b"220-\r\n"),
        "empty lines": flooding(b"\r\n"),
        "EHLO": SmtpServer(on={"EHLO": flooding(b"250-PIPELINING\r\n")}),
        "STARTTLS": after_starttls(flooding(b"220-go\r\n")),
        "handshake": after_ready(flooding(handshake)),
        "inside TLS": SmtpServer(zoo.good, inside_tls={"EHLO": flooding(b"250-" + b"x" * 900 + b"\r\n")}),
        "QUIT": SmtpServer(on={"QUIT": flooding(b"221-bye\r\n")}),
    }
    floods = [await serve(script) for script in kinds.values() for _ in range(4)]
    healthy = [await serve(SmtpServer(zoo.good)) for _ in range(4)]
    ports = {"floods": [each.port for each in floods], "healthy": [each.port for each in healthy]}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", beside_floods.__name__, json.dumps(ports),
        cwd=Path(__file__).parents[2], stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, _ = await process.communicate()
    seen = json.loads(said)
    assert len(floods) == 32
    assert seen["well"] == [True] * len(healthy) * beside_floods.ROUNDS
    assert seen["megabytes"] < MEGABYTES
    known = {str(reason) for reason in Reason if reason is not Reason.INTERNAL_ERROR} | {""}
    assert set(seen["flooded"]) <= known
    assert Reason.REPLY_TOO_LONG in seen["flooded"]
