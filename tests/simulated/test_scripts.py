import asyncio
import ssl
from typing import TYPE_CHECKING

import aiosmtplib
import pytest
from cryptography import x509

from exporter.simulated.certificates import KINDS
from exporter.simulated.dialogues import CLOSE_NOTIFY, HANDSHAKE_FAILURE, HOSTILE, PROTOCOL_VERSION, one_at_a_time
from exporter.simulated.healthy import SmtpServer
from exporter.simulated.scripts import SCRIPTS
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from exporter.simulated.certificates import Zoo
    from exporter.simulated.server import Server
    from tests.conftest import Serve
    from tests.simulated.conftest import Dial

HELLO, QUIT = b"EHLO probe.example.test\r\n", b"QUIT\r\n"
STARTTLS = HELLO + b"STARTTLS\r\n"
CLIENT_HELLO = b"\x16\x03\x01\x00\x04\x01\x00\x00\x00"  # a record as long as it says, and no more than that

GREETING = b"220 mail.example.test ESMTP Postfix\r\n"
EHLO = b"250-mail.example.test\r\n250-PIPELINING\r\n250-SIZE 10240000\r\n250-ENHANCEDSTATUSCODES\r\n250 8BITMIME\r\n"
OFFER = GREETING + EHLO.replace(b"250 8BITMIME", b"250-8BITMIME\r\n250 STARTTLS")
READY = OFFER + b"220 2.0.0 Ready to start TLS\r\n"
BYE = b"221 2.0.0 Bye\r\n"

IN_CLEAR: dict[str, tuple[bytes, bytes]] = {
    "healthy_in_clear": (HELLO + QUIT, GREETING + EHLO + BYE),
    "healthy_helo_only": (
        HELLO + b"HELO probe\r\n" + QUIT,
        GREETING + b"502 5.5.1 Command not implemented\r\n250 mail.example.test\r\n" + BYE,
    ),
    "greeting_timeout": (HELLO, b""),
    "greeting_closed": (HELLO, b""),
    "greeting_closed_after_teaser": (HELLO, b"220-mail.example.test ESMTP\r\n"),
    "greeting_temporary": (HELLO, b"421 4.3.2 mail.example.test All server ports are busy\r\n"),
    "greeting_rate_limited": (HELLO, b"421 4.7.0 mail.example.test Error: too many connections from 127.0.0.1\r\n"),
    "greeting_rejected": (
        HELLO + QUIT,
        b"554 mail.example.test No SMTP service here\r\n503 5.5.1 Bad sequence of commands\r\n" + BYE,
    ),
    "greeting_client_rejected": (
        QUIT,
        b"554 5.7.1 Service unavailable; client [127.0.0.1] blocked using zen.spamhaus.org\r\n" + BYE,
    ),
    "greeting_http": (
        b"",
        b"HTTP/1.1 400 Bad Request\r\nServer: nginx\r\nConnection: close\r\n\r\n<html></html>\r\n",
    ),
    "greeting_ssh": (b"", b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"),
    "greeting_mixed_codes": (QUIT, b"220-mail.example.test ESMTP\r\n554 No SMTP service here\r\n" + BYE),
    "ehlo_timeout": (HELLO + QUIT, GREETING),
    "ehlo_closed": (HELLO + QUIT, GREETING),
    "ehlo_temporary": (
        HELLO + QUIT,
        GREETING + b"450 4.7.1 <localhost>: Helo command rejected: Host not found\r\n" + BYE,
    ),
    "ehlo_rejected": (
        HELLO + b"HELO probe\r\n" + QUIT,
        GREETING + b"550 5.5.0 Invalid domain name in EHLO\r\n" * 2 + BYE,
    ),
    "ehlo_mixed_codes": (HELLO, GREETING + b"250-mail.example.test\r\n251-SIZE\r\n250 STARTTLS\r\n"),
    "ehlo_malformed": (HELLO, GREETING + b"mail.example.test at your service\r\n"),
    "starttls_masked": (
        HELLO,
        b"220 " + b"*" * 40 + b"\r\n" + EHLO.replace(b"250 8BITMIME", b"250-8BITMIME\r\n250 XXXXXXXA"),
    ),
    "starttls_temporary": (STARTTLS + QUIT, OFFER + b"454 4.7.0 TLS not available due to local problem\r\n" + BYE),
    "starttls_rejected": (STARTTLS + QUIT, OFFER + b"502 5.5.1 Error: command not implemented\r\n" + BYE),
    "starttls_timeout": (STARTTLS + QUIT, OFFER),
    "starttls_closed": (STARTTLS + QUIT, OFFER),
    "starttls_injection": (STARTTLS, READY + b"250 injected\r\n"),
    "starttls_not_tls": (STARTTLS + CLIENT_HELLO, READY + b"500 5.5.2 Error: bad syntax\r\n"),
    "tls_timeout": (STARTTLS + CLIENT_HELLO, READY),
    "tls_closed": (STARTTLS + CLIENT_HELLO, READY),
    "tls_close_notify": (STARTTLS + CLIENT_HELLO, READY + CLOSE_NOTIFY),
    "tls_handshake_failed": (STARTTLS + CLIENT_HELLO, READY + HANDSHAKE_FAILURE),
    "tls_version_unsupported": (STARTTLS + CLIENT_HELLO, READY + PROTOCOL_VERSION),
    "implicit_tls_alert": (b"", HANDSHAKE_FAILURE),
    "implicit_tls_required": (b"", b""),
    "implicit_tls_closed": (b"", b""),
    "plaintext_on_tls_port": (QUIT, b"220 mail.example.test ESMTP\r\n" + BYE),
    "plaintext_to_client_hello": (CLIENT_HELLO, b"500 5.5.2 Error: bad syntax\r\n"),
    "busy_in_clear_on_tls_port": (
        b"",
        b"421 mail.example.test: Too many concurrent SMTP connections; please try again later\r\n",
    ),
}
RESETTING = {"greeting_reset": b"", "tls_reset": STARTTLS + CLIENT_HELLO, "quit_resets": QUIT}
ENDLESS = {
    "greeting_drip_endless": (b"", b"220-mail.example.test please wait\r\n"),
    "greeting_endless_line": (b"", b"220 mail.example.test "),
    "greeting_endless_lines": (b"", b"220-mail.example.test\r\n"),
    "ehlo_endless_line": (HELLO, b"250 mail.example.test "),
    "ehlo_endless_lines": (HELLO, b"250-X-MAIL\r\n"),
}
TLS_VERSIONS = {
    "healthy": "TLSv1.3",
    "healthy_implicit": "TLSv1.3",
    "healthy_submission": "TLSv1.3",
    "healthy_submissions": "TLSv1.3",
    "healthy_without_esmtp": "TLSv1.3",
    "healthy_untidy": "TLSv1.3",
    "healthy_postscreen": "TLSv1.3",
    "healthy_drip": "TLSv1.3",
    "healthy_8bit_banner": "TLSv1.3",
    "healthy_hostile_banner": "TLSv1.3",
    "healthy_changing_banner": "TLSv1.3",
    "healthy_tls_1_2_only": "TLSv1.2",
    "healthy_client_certificate_requested": "TLSv1.3",
    "quit_closes": "TLSv1.3",
    "quit_without_close_notify": "TLSv1.3",
    "starttls_after_tls": "TLSv1.3",
    "ehlo_closed_inside_tls": "TLSv1.3",
    "ehlo_timeout_inside_tls": "TLSv1.3",
    "quit_unanswered": "TLSv1.3",
    "starttls_injection_later": None,
    "tls_1_0_only": "TLSv1",
    "tls_1_1_only": "TLSv1.1",
    "tls_weak": "TLSv1.2",
    "tls_sni": "TLSv1.3",
    "tls_name_rejected": None,
    "client_certificate_required": None,
    "client_certificate_required_1_2": None,
    "auth_in_clear": "TLSv1.3",
    "auth_unknown_mechanism": "TLSv1.3",
    "auth_temporary": "TLSv1.3",
    "auth_timeout": "TLSv1.3",
    "auth_closed": "TLSv1.3",
} | {f"certificate_{kind}": "TLSv1.3" for kind in KINDS if not KINDS[kind].ca}


def test_every_script_is_in_one_of_the_tables_above() -> None:
    assert sorted(SCRIPTS) == sorted({*IN_CLEAR, *RESETTING, *ENDLESS, *TLS_VERSIONS})


@pytest.mark.parametrize(
    ("name", "said", "answered"), [(name, *row) for name, row in IN_CLEAR.items()], ids=[*IN_CLEAR]
)
async def test_says_in_clear_what_its_row_says(
    serve: "Serve", dial: "Dial", zoo: "Zoo", name: str, said: bytes, answered: bytes
) -> None:
    reader, writer = await dial(await serve(SCRIPTS[name](zoo)))
    writer.write(said)
    writer.write_eof()  # whoever stalls does so until now
    assert await reader.read() == answered


@pytest.mark.parametrize(("name", "said"), RESETTING.items(), ids=[*RESETTING])
async def test_resets_the_connection(serve: "Serve", dial: "Dial", zoo: "Zoo", name: str, said: bytes) -> None:
    reader, writer = await dial(await serve(SCRIPTS[name](zoo)))
    writer.write(said)
    with pytest.raises(ConnectionResetError):
        await reader.read()


@pytest.mark.parametrize(("name", "said", "again"), [(name, *row) for name, row in ENDLESS.items()], ids=[*ENDLESS])
async def test_never_finishes(serve: "Serve", dial: "Dial", zoo: "Zoo", name: str, said: bytes, again: bytes) -> None:
    reader, writer = await dial(await serve(SCRIPTS[name](zoo)))
    writer.write(said)
    greeting = await reader.readline() if said else b""
    assert (greeting, await reader.readexactly(len(again) * 100)) == (GREETING if said else b"", again * 100)


@pytest.fixture
def legacy(blind: ssl.SSLContext) -> ssl.SSLContext:
    """A client context that also knows what is long deprecated."""
    blind.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    return blind


@pytest.mark.parametrize(("name", "version"), TLS_VERSIONS.items(), ids=[*TLS_VERSIONS])
async def test_speaks_tls_as_its_row_says(
    serve: "Serve", dial: "Dial", zoo: "Zoo", legacy: ssl.SSLContext, name: str, version: str | None
) -> None:
    server = await serve(SCRIPTS[name](zoo))
    script = SCRIPTS[name](zoo)
    implicit = isinstance(script, SmtpServer) and script.implicit
    with_tls = shake(server, dial, legacy, implicit=implicit)
    if version is None:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await with_tls
    else:
        _, writer = await with_tls
        assert writer.get_extra_info("ssl_object").version() == version


async def shake(
    server: "Server", dial: "Dial", context: ssl.SSLContext, *, implicit: bool
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Come to TLS, and hear one answer inside it or an orderly end."""
    if implicit:
        reader, writer = await dial(server, tls=context, name="mail.example.test")
    else:
        reader, writer = await dial(server)
        while (await reader.readline())[3:4] == b"-":
            pass
        writer.write(b"STARTTLS\r\n")
        assert (await reader.readline())[:3] == b"220"
        await writer.start_tls(context, server_hostname="mail.example.test")
        writer.write(b"NOOP\r\n")
    if (await reader.readline())[:1] != b"2":
        raise ssl.SSLError("ended inside TLS")
    return reader, writer


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not KINDS[kind].ca])
async def test_shows_the_certificate_of_its_name(
    serve: "Serve", dial: "Dial", zoo: "Zoo", blind: ssl.SSLContext, kind: str
) -> None:
    server = await serve(SCRIPTS[f"certificate_{kind}"](zoo))
    _, writer = await shake(server, dial, blind, implicit=False)
    shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    assert x509.load_der_x509_certificate(shown) == zoo[kind].certificate


TOO_LONG_FOR_THE_LIBRARY = {"healthy_hostile_banner"}  # aiosmtplib takes lines of 8 KiB at most


@pytest.mark.parametrize(
    "name", [name for name in TLS_VERSIONS if name.startswith("healthy") and name not in TOO_LONG_FOR_THE_LIBRARY]
)
async def test_an_independent_client_finds_nothing_wrong_with_what_is_healthy(
    serve: "Serve", zoo: "Zoo", name: str
) -> None:
    script = SCRIPTS[name](zoo)
    server = await serve(script)
    client = aiosmtplib.SMTP(
        hostname="127.0.0.1",
        port=server.port,
        use_tls=isinstance(script, SmtpServer) and script.implicit,
        tls_context=ssl.create_default_context(cafile=str(zoo.ca_file)),
        local_hostname="probe.example.test",
        timeout=PATIENCE,
    )
    async with client:
        assert (await client.ehlo()).code == 250
    assert server.conversations[0].quit
    assert server.conversations[0].tls_version is not None


@pytest.mark.parametrize(
    ("name", "command", "answered"),
    [
        ("auth_temporary", b"AUTH PLAIN AHVzZXIAcGFzc3dvcmQ=", b"454 4.7.0 Temporary authentication failure\r\n"),
        ("auth_closed", b"AUTH PLAIN AHVzZXIAcGFzc3dvcmQ=", b""),
        ("quit_closes", b"QUIT", b""),
        ("quit_without_close_notify", b"QUIT", b"221 2.0.0 Bye\r\n"),
        ("ehlo_closed_inside_tls", b"EHLO there", b""),
        ("starttls_after_tls", b"EHLO there", b"250-mail.example.test\r\n"),
    ],
)
async def test_answers_inside_tls_as_its_row_says(
    serve: "Serve", dial: "Dial", zoo: "Zoo", blind: ssl.SSLContext, name: str, command: bytes, answered: bytes
) -> None:
    reader, writer = await shake(await serve(SCRIPTS[name](zoo)), dial, blind, implicit=False)
    writer.write(command + b"\r\n")
    assert await reader.readline() == answered


@pytest.mark.parametrize(
    ("name", "command"),
    [("auth_timeout", b"AUTH PLAIN"), ("quit_unanswered", b"QUIT"), ("ehlo_timeout_inside_tls", b"EHLO there")],
)
async def test_says_nothing_inside_tls_where_its_row_says_so(
    serve: "Serve", dial: "Dial", zoo: "Zoo", blind: ssl.SSLContext, name: str, command: bytes
) -> None:
    server = await serve(SCRIPTS[name](zoo))
    reader, writer = await shake(server, dial, blind, implicit=False)
    writer.write(command + b"\r\n")
    writer.close()
    await server.settled()
    assert (await reader.read(), server.conversations[0].heard[-1]) == (b"", command.decode())


@pytest.mark.parametrize(
    ("name", "line"),
    [("auth_in_clear", b"250 AUTH PLAIN LOGIN\r\n"), ("auth_unknown_mechanism", b"250-AUTH GSSAPI NTLM\r\n")],
)
async def test_offers_in_clear_what_its_row_says(
    serve: "Serve", dial: "Dial", zoo: "Zoo", name: str, line: bytes
) -> None:
    reader, writer = await dial(await serve(SCRIPTS[name](zoo)))
    writer.write(HELLO)
    writer.write_eof()
    assert line in await reader.read()


async def test_a_hostile_banner_is_sent_as_it_is(serve: "Serve", dial: "Dial", zoo: "Zoo") -> None:
    reader, _ = await dial(await serve(SCRIPTS["healthy_hostile_banner"](zoo)))
    assert await reader.readline() == HOSTILE


async def test_a_changing_banner_is_another_for_each_client(serve: "Serve", dial: "Dial", zoo: "Zoo") -> None:
    server = await serve(SCRIPTS["healthy_changing_banner"](zoo))
    banners = {await (await dial(server))[0].readline() for _ in range(3)}
    assert len(banners) == 3


async def test_one_at_a_time_turns_a_second_client_away_on_every_port(serve: "Serve", dial: "Dial") -> None:
    script = one_at_a_time(SmtpServer())
    first, second = await serve(script), await serve(script)
    reader, writer = await dial(first)
    assert (await reader.readline())[:3] == b"220"
    assert (await (await dial(second))[0].readline())[:9] == b"421 4.7.0"
    writer.write(QUIT)
    await reader.read()
    writer.close()
    await first.settled()
    assert (await (await dial(second))[0].readline())[:3] == b"220"
