import asyncio
import gc
import socket
import ssl
from typing import TYPE_CHECKING

import pytest

from exporter.simulated.client import Client, UnexpectedLineError
from exporter.simulated.server import Server, in_turn

if TYPE_CHECKING:
    from exporter.simulated.certificates import Zoo
    from tests.conftest import Serve
    from tests.simulated.conftest import Dial


async def greet(client: Client) -> None:
    await client.say("220 mail.example.test ESMTP")
    await client.hear("QUIT")
    await client.say("221 Bye")


@pytest.mark.parametrize(("host", "shown"), [("127.0.0.1", "127.0.0.1:{}"), ("::1", "[::1]:{}")])
async def test_serves_on_both_families_of_loopback(serve: "Serve", dial: "Dial", host: str, shown: str) -> None:
    server = await serve(greet, host=host)
    reader, _ = await dial(server)
    assert await reader.readline() == b"220 mail.example.test ESMTP\r\n"
    assert str(server) == shown.format(server.port)


async def test_several_serve_several_clients_at_once(serve: "Serve", dial: "Dial") -> None:
    servers = [await serve(greet) for _ in range(3)]
    clients = [await dial(server) for server in servers for _ in range(5)]
    for reader, writer in clients:
        await reader.readline()
        writer.write(b"QUIT\r\n")
        assert await reader.read() == b"221 Bye\r\n"
    assert [len(server.conversations) for server in servers] == [5, 5, 5]


async def test_a_port_can_be_asked_for(serve: "Serve") -> None:
    first = await serve(greet)
    second = await serve(greet, host="127.0.0.2", port=first.port)
    assert first.port == second.port


async def test_remembers_the_last_conversations_only(serve: "Serve", dial: "Dial") -> None:
    server = await serve(Client.hang_up, remember=2)
    for _ in range(3):
        reader, _ = await dial(server)
        await reader.read()
    assert len(server.conversations) == 2


async def test_implicit_tls_shakes_hands_before_the_script(
    serve: "Serve", dial: "Dial", zoo: "Zoo", blind: ssl.SSLContext
) -> None:
    server = await serve(greet, implicit_tls=zoo.good)
    reader, _ = await dial(server, tls=blind)
    assert await reader.readline() == b"220 mail.example.test ESMTP\r\n"
    assert server.conversations[0].tls_version == "TLSv1.3"


async def test_the_script_may_change_while_the_server_runs(serve: "Serve", dial: "Dial") -> None:
    server = await serve(greet)
    server.script = Client.hang_up
    reader, _ = await dial(server)
    assert await reader.read() == b""


async def test_in_turn_gives_each_client_the_next_script_and_the_last_to_all_others(
    serve: "Serve", dial: "Dial"
) -> None:
    server = await serve(in_turn(Client.hang_up, greet))
    said = [await (await dial(server))[0].read(3) for _ in range(3)]
    assert said == [b"", b"220", b"220"]


async def test_a_script_that_ends_hangs_up(serve: "Serve", dial: "Dial") -> None:
    async def brief(client: Client) -> None:
        await client.say("421 closing")

    reader, _ = await dial(await serve(brief))
    assert await reader.read() == b"421 closing\r\n"


# --- the end ----------------------------------------------------------------------------------------------------


async def test_ends_at_once_while_clients_are_stalled_and_leaves_no_task_and_no_socket(dial: "Dial") -> None:
    before = asyncio.all_tasks()
    async with Server(Client.stall) as server:
        clients = [await dial(server) for _ in range(10)]
    assert asyncio.all_tasks() == before
    assert [await reader.read() for reader, _ in clients] == [b""] * 10
    with pytest.raises(ConnectionRefusedError):
        await dial(server)


async def test_ends_at_once_while_a_flood_is_not_read(dial: "Dial") -> None:
    async def flood(client: Client) -> None:
        await client.flood(b"250-more\r\n")

    async with Server(flood) as server:
        reader, writer = await dial(server)
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # typeshed: a WriteTransport; it is a socket's
        del reader
    assert server.conversations[0].left is None


@pytest.mark.parametrize("steps", range(5))
async def test_ends_cleanly_however_far_an_accept_has_come(steps: int) -> None:
    before = asyncio.all_tasks()
    with socket.socket() as client:
        async with Server(Client.stall) as server:
            client.connect(("127.0.0.1", server.port))
            for _ in range(steps):
                await asyncio.sleep(0)
    del server
    gc.collect()  # a socket left open would be a ResourceWarning here, and that an error
    assert asyncio.all_tasks() == before


async def test_an_unexpected_line_surfaces_when_the_server_closes(dial: "Dial") -> None:
    async def scene() -> None:
        async with Server(greet) as server:
            reader, writer = await dial(server)
            writer.write(b"EHLO there\r\n")
            await reader.read()

    with pytest.raises(UnexpectedLineError, match="QUIT was to be heard, and the client said 'EHLO there'"):
        await scene()


async def test_failures_of_several_scripts_surface_together(dial: "Dial") -> None:
    async def failing(_client: Client) -> None:
        raise ValueError("a bug in the script")

    async def scene() -> None:
        async with Server(failing) as server:
            for _ in range(2):
                reader, _ = await dial(server)
                await reader.read()

    with pytest.raises(ExceptionGroup) as caught:
        await scene()
    assert [str(error) for error in caught.value.exceptions] == ["a bug in the script"] * 2


async def test_a_failure_of_the_test_itself_is_not_hidden_by_one_of_the_script(dial: "Dial") -> None:
    async def scene() -> None:
        async with Server(greet) as server:
            reader, writer = await dial(server)
            writer.write(b"RSET\r\n")
            await reader.read()
            raise KeyError("the test")

    with pytest.raises(KeyError) as caught:
        await scene()
    assert "A script failed as well: UnexpectedLineError" in caught.value.__notes__[0]


async def test_settled_waits_until_all_clients_have_left(serve: "Serve", dial: "Dial") -> None:
    server = await serve(greet)
    reader, writer = await dial(server)
    await reader.readline()
    writer.write(b"QUIT\r\n")
    await reader.read()
    writer.close()
    await server.settled()
    assert (server.conversations[0].quit, server.conversations[0].left) == (True, "FIN")
