import asyncio
import ssl
from base64 import b64encode
from typing import TYPE_CHECKING

import aiosmtplib
import pytest

from exporter.simulated.client import Client
from exporter.simulated.healthy import SmtpServer, saying
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from exporter.simulated.certificates import Zoo
    from exporter.simulated.server import Server
    from tests.conftest import Serve
    from tests.simulated.conftest import Dial

MECHANISMS = ("PLAIN", "LOGIN", "CRAM-MD5")


def library(server: "Server", zoo: "Zoo", *, implicit: bool = False) -> aiosmtplib.SMTP:
    """An independent client, that trusts the zoo and nothing else."""
    context = ssl.create_default_context(cafile=str(zoo.ca_file))
    return aiosmtplib.SMTP(
        hostname=server.host,
        port=server.port,
        use_tls=implicit,
        tls_context=context,
        local_hostname="probe.example.test",
        timeout=PATIENCE,
    )


def encoded(text: str) -> str:
    return b64encode(text.encode()).decode()


@pytest.mark.parametrize("implicit", [False, True], ids=["starttls", "implicit"])
@pytest.mark.parametrize("mechanism", MECHANISMS)
async def test_an_independent_client_logs_in(serve: "Serve", zoo: "Zoo", mechanism: str, *, implicit: bool) -> None:
    server = await serve(SmtpServer(zoo.good, implicit=implicit, auth=(mechanism,), users={"müller": "geh eim"}))
    async with library(server, zoo, implicit=implicit) as client:
        assert (await client.login("müller", "geh eim")).code == 235
        await client.noop()
        await client.rset()
    assert server.conversations[0].quit
    assert server.conversations[0].early == b""


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize(("user", "password"), [("user", "wrong"), ("nobody", ""), ("nobody", "password")])
async def test_a_wrong_password_or_user_is_refused(
    serve: "Serve", zoo: "Zoo", mechanism: str, user: str, password: str
) -> None:
    server = await serve(SmtpServer(zoo.good, auth=(mechanism,)))
    async with library(server, zoo) as client:
        with pytest.raises(aiosmtplib.SMTPAuthenticationError) as caught:
            await client.login(user, password)
    assert caught.value.code == 535


async def test_starttls_and_auth_are_offered_where_they_are_to_be_used(serve: "Serve", zoo: "Zoo") -> None:
    server = await serve(SmtpServer(zoo.good, auth=MECHANISMS))
    client = library(server, zoo)
    await client.connect(start_tls=False)
    await client.ehlo()
    in_clear = set(client.esmtp_extensions)
    await client.starttls()
    await client.ehlo()
    assert (in_clear - set(client.esmtp_extensions), set(client.esmtp_extensions) - in_clear) == (
        {"starttls"},
        {"auth"},
    )
    await client.quit()


@pytest.mark.parametrize(
    ("options", "offered"),
    [
        ({}, "250 8BITMIME"),
        ({"extensions": ()}, "250 mail.example.test"),
        ({"extensions": ("starttls",)}, "250 starttls"),
        ({"auth": ("PLAIN", "LOGIN"), "auth_before_tls": True}, "250 AUTH PLAIN LOGIN"),
        ({"auth": ("PLAIN",)}, "250 8BITMIME"),
    ],
    ids=str,
)
async def test_ehlo_ends_with_the_last_extension(
    serve: "Serve", dial: "Dial", options: dict[str, object], offered: str
) -> None:
    server = await serve(SmtpServer(**options))  # type: ignore[arg-type]  # the rows are right
    assert (await converse(server, dial, "EHLO there"))[-1].splitlines()[-1] == offered


PLAIN_OK = "AUTH PLAIN " + encoded("\0user\0password")
IN_CLEAR = {"auth": MECHANISMS, "auth_before_tls": True}


@pytest.mark.parametrize(
    ("options", "commands", "codes"),
    [
        ({}, ["HELO there", "NOOP", "RSET", "QUIT"], "250 250 250 221"),
        ({}, ["quit"], "221"),
        ({}, ["EHLO", "HELO", "FOO", "MAIL FROM:<>"], "501 501 502 502"),
        ({}, ["STARTTLS"], "502"),
        ({}, ["EHLO there", PLAIN_OK], "250 530"),
        (IN_CLEAR, [PLAIN_OK], "503"),
        (IN_CLEAR, ["EHLO there", PLAIN_OK, PLAIN_OK], "250 235 503"),
        (IN_CLEAR, ["EHLO there", "AUTH GSSAPI"], "250 504"),
        (IN_CLEAR, ["EHLO there", "AUTH"], "250 504"),
        (IN_CLEAR, ["EHLO there", "auth plain", encoded("\0user\0password")], "250 334 235"),
        (IN_CLEAR, ["EHLO there", "AUTH PLAIN", "*", PLAIN_OK], "250 334 501 235"),
        (IN_CLEAR, ["EHLO there", "AUTH PLAIN no*base64"], "250 501"),
        (IN_CLEAR, ["EHLO there", "AUTH PLAIN " + encoded("user password")], "250 501"),
        (IN_CLEAR, ["EHLO there", "AUTH PLAIN ="], "250 501"),
        (IN_CLEAR, ["EHLO there", "AUTH LOGIN", encoded("user"), encoded("password")], "250 334 334 235"),
        (IN_CLEAR, ["EHLO there", "AUTH LOGIN " + encoded("user"), encoded("password")], "250 334 235"),
        (IN_CLEAR, ["EHLO there", "AUTH LOGIN", "*"], "250 334 501"),
        (IN_CLEAR, ["EHLO there", "AUTH CRAM-MD5", encoded("user")], "250 334 501"),
        (IN_CLEAR, ["EHLO there", "AUTH CRAM-MD5 " + encoded("user")], "250 501"),
    ],
    ids=str,
)
async def test_each_command_gets_the_code_that_the_norms_say(
    serve: "Serve", dial: "Dial", options: dict[str, object], commands: list[str], codes: str
) -> None:
    server = await serve(SmtpServer(**options))  # type: ignore[arg-type]  # the rows are right
    replies = await converse(server, dial, *commands)
    assert " ".join(reply[:3] for reply in replies[1:]) == codes


async def converse(server: "Server", dial: "Dial", *commands: str) -> list[str]:
    """Say the commands one after the other; return the greeting and the replies."""
    reader, writer = await dial(server)
    replies = [await reply(reader)]
    for command in commands:
        writer.write(f"{command}\r\n".encode())
        replies.append(await reply(reader))
    return replies


async def reply(reader: asyncio.StreamReader) -> str:
    lines = [(await reader.readline()).decode()]
    while lines[-1][3:4] == "-":
        lines.append((await reader.readline()).decode())
    return "".join(lines)


async def test_starttls_wants_no_parameter_and_happens_once(
    serve: "Serve", dial: "Dial", zoo: "Zoo", blind: ssl.SSLContext
) -> None:
    reader, writer = await dial(await serve(SmtpServer(zoo.good)))
    said = [await reply(reader)]
    for command in ("STARTTLS now", "STARTTLS"):
        writer.write(f"{command}\r\n".encode())
        said.append(await reply(reader))
    await writer.start_tls(blind, server_hostname="mail.example.test")
    writer.write(b"STARTTLS\r\n")
    said.append(await reply(reader))
    assert [one[:3] for one in said] == ["220", "501", "220", "554"]


async def test_starttls_forgets_the_greeting_that_came_before(
    serve: "Serve", dial: "Dial", zoo: "Zoo", blind: ssl.SSLContext
) -> None:
    reader, writer = await dial(await serve(SmtpServer(zoo.good, auth=("PLAIN",))))
    await reply(reader)
    for command in ("EHLO there", "STARTTLS"):
        writer.write(f"{command}\r\n".encode())
        await reply(reader)
    await writer.start_tls(blind, server_hostname="mail.example.test")
    writer.write(f"{PLAIN_OK}\r\n".encode())
    assert (await reply(reader))[:3] == "503"


async def test_a_teaser_comes_before_the_delay_and_the_banner_after_it(serve: "Serve", dial: "Dial") -> None:
    delays = []
    over = asyncio.Event()

    async def sleep(seconds: float) -> None:
        delays.append(seconds)
        await over.wait()

    server = await serve(SmtpServer(teaser="wait", banner="go", greeting_delay=6.0), sleep=sleep)
    reader, _ = await dial(server)
    assert await reader.readline() == b"220-wait\r\n"
    over.set()
    assert (await reader.readline(), delays) == (b"220 go\r\n", [6.0])


async def test_another_script_can_stand_in_the_place_of_the_greeting(serve: "Serve", dial: "Dial") -> None:
    server = await serve(SmtpServer(greeting=saying("220-a", "220 b")))
    assert await converse(server, dial, "NOOP") == ["220-a\r\n220 b\r\n", "250 2.0.0 Ok\r\n"]


async def test_another_script_can_stand_in_the_place_of_a_command(serve: "Serve", dial: "Dial") -> None:
    server = await serve(SmtpServer(on={"EHLO": saying("550 no"), "QUIT": Client.hang_up}))
    replies = await converse(server, dial, "EHLO there", "HELO there", "QUIT")
    assert [one[:3] for one in replies] == ["220", "550", "250", ""]


async def test_another_script_can_stand_there_inside_tls_only(
    serve: "Serve", dial: "Dial", zoo: "Zoo", blind: ssl.SSLContext
) -> None:
    server = await serve(SmtpServer(zoo.good, inside_tls={"NOOP": saying("421 gone")}))
    reader, writer = await dial(server)
    said = [await reply(reader)]
    for command in ("NOOP", "STARTTLS"):
        writer.write(f"{command}\r\n".encode())
        said.append(await reply(reader))
    await writer.start_tls(blind, server_hostname="mail.example.test")
    writer.write(b"NOOP\r\n")
    said.append(await reply(reader))
    assert [one[:3] for one in said] == ["220", "250", "220", "421"]


async def test_options_of_tls_reach_the_handshake(serve: "Serve", zoo: "Zoo") -> None:
    server = await serve(SmtpServer(zoo.good, tls={"versions": ("TLSv1.2", "TLSv1.2")}))
    async with library(server, zoo):
        pass
    assert server.conversations[0].tls_version == "TLSv1.2"
