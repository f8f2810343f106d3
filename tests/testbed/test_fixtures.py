"""The test bed as other tests use it: the fixtures `zoo` and `serve` of tests/conftest.py."""

import asyncio
from typing import TYPE_CHECKING

from exporter.simulated.certificates import KINDS

if TYPE_CHECKING:
    from exporter.simulated.certificates import Zoo
    from exporter.simulated.client import Client
    from tests.conftest import Serve


async def postscreen(client: "Client") -> None:
    """Three days of patience."""
    await client.say("220-mail.example.test ESMTP")
    await client.pause(3 * 86400)
    await client.say("220 mail.example.test ESMTP")


def test_the_zoo_has_every_kind(zoo: "Zoo") -> None:
    assert {zoo[kind].pem_file.name for kind in zoo} == {f"{kind}.pem" for kind in KINDS}


async def test_pauses_of_a_served_script_take_no_time(serve: "Serve") -> None:
    server = await serve(postscreen)
    reader, writer = await asyncio.open_connection(server.host, server.port)
    assert await reader.read() == b"220-mail.example.test ESMTP\r\n220 mail.example.test ESMTP\r\n"
    writer.close()


async def test_a_clock_of_ones_own_can_be_handed_in(serve: "Serve") -> None:
    slept = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    server = await serve(postscreen, sleep=sleep)
    reader, writer = await asyncio.open_connection(server.host, server.port)
    await reader.read()
    writer.close()
    assert slept == [259200]
