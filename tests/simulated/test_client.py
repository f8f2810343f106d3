import asyncio
import socket
import ssl
import struct
from typing import TYPE_CHECKING

import pytest

from exporter.simulated.client import Client
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from exporter.simulated.certificates import Zoo
    from exporter.simulated.conversation import Conversation
    from exporter.simulated.server import Script, Server
    from tests.conftest import Serve
    from tests.simulated.conftest import Dial


async def after(server: "Server") -> "Conversation":
    """The conversation with the only client, when it is over."""
    await server.settled()
    return server.conversations[0]


# --- to speak ---------------------------------------------------------------------------------------------------


async def test_say_ends_each_line_by_crlf_and_writes_once(serve: "Serve") -> None:
    async def script(client: Client) -> None:
        await client.say("220-one", "220 two")
        await client.stall()

    server = await serve(script)
    with socket.create_connection((server.host, server.port)) as plain:
        plain.settimeout(0)
        assert await asyncio.get_running_loop().sock_recv(plain, 1000) == b"220-one\r\n220 two\r\n"


async def test_send_sends_bytes_as_they_are(serve: "Serve", dial: "Dial") -> None:
    async def script(client: Client) -> None:
        await client.send(b"220 \xff\x00\n")

    reader, _ = await dial(await serve(script))
    assert await reader.read() == b"220 \xff\x00\n"


async def test_drip_pauses_before_each_piece(serve: "Serve", dial: "Dial") -> None:
    async def script(client: Client) -> None:
        await client.drip("220 ok", gap=1.5, size=3)

    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    reader, _ = await dial(await serve(script, sleep=sleep))
    assert (await reader.read(), pauses) == (b"220 ok\r\n", [1.5, 1.5, 1.5])


async def test_flood_never_stops_until_the_client_leaves(serve: "Serve", dial: "Dial") -> None:
    async def script(client: Client) -> None:
        await client.flood(b"250-more\r\n")

    server = await serve(script)
    reader, writer = await dial(server)
    assert await reader.readexactly(5_000_000) == b"250-more\r\n" * 500_000
    writer.transport.abort()
    assert (await after(server)).left is not None


async def test_flood_is_bounded(serve: "Serve", dial: "Dial") -> None:
    async def script(client: Client) -> None:
        await client.flood(b"x" * 65536, limit=65536 * 3)

    server = await serve(script)
    reader, writer = await dial(server)
    await reader.readexactly(65536 * 3)
    writer.write_eof()
    await server.settled()
    assert await reader.read() == b""


# --- to listen --------------------------------------------------------------------------------------------------


async def test_lines_are_heard_however_they_are_cut(serve: "Serve", dial: "Dial") -> None:
    heard = []

    async def script(client: Client) -> None:
        heard.extend([await client.hear("EHLO"), await client.hear(), await client.hear("QUIT")])

    reader, writer = await dial(await serve(script))
    for piece in (b"EH", b"LO there\r", b"\nnext\r\nqu", b"it\r\n"):
        writer.write(piece)
        await asyncio.sleep(0)
    await reader.read()
    assert heard == ["EHLO there", "next", "quit"]


async def test_line_ends_are_remembered(serve: "Serve", dial: "Dial") -> None:
    async def script(client: Client) -> None:
        await client.hear()
        await client.hear()

    server = await serve(script)
    reader, writer = await dial(server)
    writer.write(b"EHLO crlf\r\nEHLO lf\n")
    await reader.read()
    conversation = server.conversations[0]
    assert [line.data for line in conversation.lines] == [b"EHLO crlf\r\n", b"EHLO lf\n"]
    assert conversation.heard == ["EHLO crlf", "EHLO lf"]


async def test_hear_raw_and_hear_record_take_exactly_so_much(serve: "Serve", dial: "Dial") -> None:
    taken = []

    async def script(client: Client) -> None:
        taken.extend([await client.hear_raw(3), await client.hear_record(), await client.hear_raw(1)])

    reader, writer = await dial(await serve(script))
    writer.write(b"abc\x16\x03\x01\x00\x02hi!")
    await reader.read()
    assert taken == [b"abc", b"\x16\x03\x01\x00\x02hi", b"!"]


async def test_listen_leaves_what_came_to_be_heard(serve: "Serve", dial: "Dial") -> None:
    async def script(client: Client) -> None:
        await client.listen()
        await client.hear("NOOP")

    server = await serve(script)
    reader, writer = await dial(server)
    writer.write(b"NOOP\r\n")
    await reader.read()
    assert server.conversations[0].heard == ["NOOP"]


async def test_what_nobody_heard_is_remembered_too(serve: "Serve", dial: "Dial") -> None:
    server = await serve(Client.stall)
    _, writer = await dial(server)
    writer.write(b"QUIT\r\n")
    writer.close()
    conversation = await after(server)
    assert (conversation.lines, conversation.unheard, conversation.quit) == ([], b"QUIT\r\n", True)


async def test_a_byte_before_the_greeting_is_complete_is_early(serve: "Serve", dial: "Dial") -> None:
    spoke = asyncio.Event()

    async def script(client: Client) -> None:
        await client.say("220-wait")
        await spoke.wait()
        await client.say("220 go")
        await client.hear("EHLO")

    server = await serve(script)
    reader, writer = await dial(server)
    await reader.readline()
    writer.write(b"EHLO hasty\r\n")
    spoke.set()
    await reader.read()
    assert server.conversations[0].early == b"EHLO hasty\r\n"


async def test_a_pipelined_command_is_early(serve: "Serve", dial: "Dial") -> None:
    async def script(client: Client) -> None:
        for verb in ("EHLO", "QUIT"):
            await client.hear(verb)
            await client.say("250 ok")

    server = await serve(script)
    reader, writer = await dial(server)
    writer.write(b"EHLO there\r\nQUIT\r\n")
    await reader.read()
    assert server.conversations[0].early == b"QUIT\r\n"


async def test_a_patient_client_is_never_early(serve: "Serve", dial: "Dial") -> None:
    async def script(client: Client) -> None:
        await client.drip("220-wait", "220 go")
        await client.hear("QUIT")
        await client.drip("221 Bye")

    server = await serve(script)
    reader, writer = await dial(server)
    await reader.readuntil(b"220 go\r\n")
    writer.write(b"QUIT\r\n")
    await reader.read()
    assert server.conversations[0].early == b""


# --- TLS --------------------------------------------------------------------------------------------------------


def starttls(zoo: "Zoo") -> "Script":
    async def script(client: Client) -> None:
        await client.hear("STARTTLS")
        await client.say("220 go")
        await client.start_tls(zoo.good)
        await client.hear("EHLO")
        await client.say("250 mail.example.test")

    return script


async def test_what_was_said_inside_tls_is_told_from_what_was_said_in_clear(
    serve: "Serve", dial: "Dial", zoo: "Zoo", blind: ssl.SSLContext
) -> None:
    server = await serve(starttls(zoo))
    reader, writer = await dial(server)
    writer.write(b"STARTTLS\r\n")
    await reader.readline()
    await writer.start_tls(blind, server_hostname="mail.example.test")
    writer.write(b"EHLO there\r\n")
    assert await reader.readline() == b"250 mail.example.test\r\n"
    conversation = server.conversations[0]
    assert [(line.text, line.tls) for line in conversation.lines] == [("STARTTLS", False), ("EHLO there", True)]
    assert b"mail.example.test" in conversation.raw  # server_name is in clear
    assert b"EHLO" not in conversation.raw


async def test_close_notify_is_sent_before_fin(serve: "Serve", zoo: "Zoo", blind: ssl.SSLContext) -> None:
    server = await serve(Client.hang_up, implicit_tls=zoo.good)
    with await asyncio.to_thread(tls_socket, server, blind) as client:
        assert await asyncio.to_thread(client.recv, 1) == b""


async def test_close_notify_can_be_withheld(serve: "Serve", zoo: "Zoo", blind: ssl.SSLContext) -> None:
    async def script(client: Client) -> None:
        await client.hang_up(close_notify=False)

    server = await serve(script, implicit_tls=zoo.good)
    with await asyncio.to_thread(tls_socket, server, blind) as client, pytest.raises(ssl.SSLEOFError):
        await asyncio.to_thread(client.recv, 1)


def tls_socket(server: "Server", context: ssl.SSLContext) -> ssl.SSLSocket:
    """Shake hands by blocking calls, so in a thread; an end without close_notify is an error there."""
    plain = socket.create_connection((server.host, server.port), timeout=PATIENCE)
    return context.wrap_socket(plain, server_hostname="mail.example.test", suppress_ragged_eofs=False)


async def test_a_client_that_refuses_the_certificate_is_remembered_with_its_alert(serve: "Serve", zoo: "Zoo") -> None:
    server = await serve(Client.stall, implicit_tls=zoo.self_signed)
    with pytest.raises(ssl.SSLCertVerificationError):
        await asyncio.to_thread(tls_socket, server, ssl.create_default_context(cafile=str(zoo.ca_file)))
    assert (await after(server)).tls_error == "TLSV1_ALERT_UNKNOWN_CA"


async def test_what_speaks_no_tls_gets_an_alert(serve: "Serve", dial: "Dial", zoo: "Zoo") -> None:
    server = await serve(Client.stall, implicit_tls=zoo.good)
    reader, writer = await dial(server)
    writer.write(b"EHLO there\r\n")
    assert (await reader.read())[:1] in {b"\x15", b""}
    writer.close()
    assert (await after(server)).tls_error in {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL"}


async def test_the_clients_close_notify_is_noted(serve: "Serve", zoo: "Zoo", blind: ssl.SSLContext) -> None:
    async def script(client: Client) -> None:
        await client.say("220 hello")
        await client.stall()

    server = await serve(script, implicit_tls=zoo.good)

    def polite() -> None:
        with tls_socket(server, blind) as client:
            client.recv(11)
            client.unwrap()

    await asyncio.to_thread(polite)
    conversation = await after(server)
    assert (conversation.close_notify, conversation.left) == (True, "FIN")


async def test_what_came_together_with_close_notify_is_heard(
    serve: "Serve", dial: "Dial", zoo: "Zoo", blind: ssl.SSLContext
) -> None:
    server = await serve(lambda client: client.hear("QUIT"), implicit_tls=zoo.good)
    _, writer = await dial(server, tls=blind)
    writer.write(b"QUIT\r\n")
    writer.close()
    assert (await after(server)).heard == ["QUIT"]


# --- to leave ---------------------------------------------------------------------------------------------------


async def test_a_clients_fin_ends_a_stall(serve: "Serve", dial: "Dial") -> None:
    server = await serve(Client.stall)
    _, writer = await dial(server)
    writer.close()
    assert (await after(server)).left == "FIN"


async def test_a_clients_reset_ends_a_stall(serve: "Serve") -> None:
    server = await serve(Client.stall)
    client = socket.create_connection((server.host, server.port))
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    assert (await after(server)).left == "RST"


async def test_a_client_that_leaves_ends_the_script_quietly(serve: "Serve", dial: "Dial") -> None:
    async def script(client: Client) -> None:
        await client.hear("EHLO")
        raise AssertionError("the script went on without its client")

    server = await serve(script)
    _, writer = await dial(server)
    writer.close()
    assert (await after(server)).left == "FIN"


async def test_reset_is_seen_as_reset(serve: "Serve", dial: "Dial") -> None:
    async def script(client: Client) -> None:
        await client.hear("QUIT")
        await client.reset()

    server = await serve(script)
    reader, writer = await dial(server)
    writer.write(b"QUIT\r\n")
    with pytest.raises(ConnectionResetError):
        await reader.read()
    assert (await after(server)).left is None


async def test_hang_up_waits_for_the_client_to_leave(serve: "Serve", dial: "Dial") -> None:
    server = await serve(Client.hang_up)
    reader, writer = await dial(server)
    assert await reader.read() == b""
    writer.write(b"QUIT\r\n")
    writer.close()
    conversation = await after(server)
    assert (conversation.unheard, conversation.left) == (b"QUIT\r\n", "FIN")
