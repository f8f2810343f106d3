"""Ways in which a mail server misbehaves: scripts, and scripts made out of scripts. Each reads like the conversation.

The texts are those of real servers. No script judges its client: what the client said is in the conversation that the
server keeps. What is only an option of a healthy server stands in the table, `scripts`.
"""

import asyncio

from exporter.simulated.certificates import Zoo
from exporter.simulated.client import Client
from exporter.simulated.healthy import EXTENSIONS, SmtpServer, saying
from exporter.simulated.server import Script

GREETING = "220 mail.example.test ESMTP"
READY = "220 2.0.0 Ready to start TLS"
PROXY_REFUSED = "502 5.5.2 Error: command not recognized"
"""What the server behind a proxy says to a PROXY line that it does not expect."""
EIGHT_BIT = "220 mail.example.test Grüße aus Köln\r\n".encode("latin-1")
HOSTILE = (
    b'220 "quote\\" \x1b[31mred\x1b[0m \x00\x07\x7f \xff\xfe\xc3( \xe2\x80\xae {le="1"} ' + b"x" * 10_000 + b"\r\n"
)

HANDSHAKE_FAILURE = b"\x15\x03\x03\x00\x02\x02\x28"  # RFC 8446 6: a fatal alert, 40
PROTOCOL_VERSION = b"\x15\x03\x03\x00\x02\x02\x46"
CLOSE_NOTIFY = b"\x15\x03\x03\x00\x02\x01\x00"


# --- out of scripts other scripts -----------------------------------------------------------------------------------


def refusing(*greeting: str) -> Script:
    """Make a script that greets so, and then takes nothing but QUIT (RFC 5321 3.1)."""

    async def script(client: Client) -> None:
        await client.say(*greeting)
        while await client.hear() != "QUIT":
            await client.say("503 5.5.1 Bad sequence of commands")
        await client.say("221 2.0.0 Bye")

    return script


def sending(data: bytes) -> Script:
    """Make a script that sends these bytes."""

    async def script(client: Client) -> None:
        await client.send(data)

    return script


def flooding(data: bytes) -> Script:
    """Make a script that sends these bytes without end."""

    async def script(client: Client) -> None:
        await client.flood(data)

    return script


def in_order(*scripts: Script) -> Script:
    """Make a script that performs all of these with each client, one after the other."""

    async def script(client: Client) -> None:
        for one in scripts:
            await one(client)

    return script


def after_starttls(script: Script) -> SmtpServer:
    """Make a script that offers STARTTLS, and performs this one when it is asked for."""
    return SmtpServer(extensions=(*EXTENSIONS, "STARTTLS"), on={"STARTTLS": script})


def after_client_hello(script: Script) -> Script:
    """Make a script that hears one TLS record, and performs this one in the place of a handshake, the last."""

    async def instead_of_handshake(client: Client) -> None:
        await client.hear_record()
        await script(client)
        await client.hang_up()

    return instead_of_handshake


def after_ready(script: Script) -> SmtpServer:
    """Make a script that says 220 to STARTTLS and performs this one when the ClientHello comes."""
    return after_starttls(in_order(saying(READY), after_client_hello(script)))


def one_at_a_time(script: Script) -> Script:
    """Make a script that turns a second client away, on any of the servers that perform it, while one is there."""
    occupied = asyncio.Lock()

    async def limited(client: Client) -> None:
        if occupied.locked():
            await client.say("421 4.7.0 mail.example.test Error: too many connections from 127.0.0.1")
            return
        async with occupied:
            await script(client)

    return limited


# --- dialogues ------------------------------------------------------------------------------------------------------


async def greeting_closed_after_teaser(client: Client) -> None:
    """Close in the middle of the greeting."""
    await client.say("220-mail.example.test ESMTP")


async def greeting_changing(client: Client) -> None:
    """Put the date and a session id into the banner, as Exim and Google do."""
    minute, second = divmod(client.number, 60)
    date = f"Sat, 21 Nov 2026 05:{minute % 60:02}:{second:02} +0000"
    await client.say(f"220 mail.example.test ESMTP Exim 4.96 {date} - gsmtp {client.number:016x}")


async def greeting_drip(client: Client) -> None:
    """Greet byte by byte, and finish."""
    await client.drip(GREETING, gap=0.1)


async def greeting_drip_endless(client: Client) -> None:
    """Greet byte by byte, and never finish: a tarpit, as spamd is one."""
    while True:
        await client.drip("220-mail.example.test please wait", gap=1.0)


async def starttls_injection(client: Client) -> None:
    """Slip a reply in behind the 220, in one segment with it (CVE-2011-0411)."""
    await client.say(READY, "250 injected")
    await client.stall()


def starttls_injection_later(zoo: Zoo) -> Script:
    """Slip a reply in between the ClientHello and the answer to it, then shake hands as if nothing had been."""

    async def script(client: Client) -> None:
        await client.say(READY)
        await client.listen()
        await client.say("250 injected")
        await client.start_tls(zoo.good)

    return after_starttls(script)


async def proxy_refused(client: Client) -> None:
    """Refuse the PROXY line of a proxy in between: each command of the client gets the reply to the one before."""
    await client.say(GREETING)
    await client.hear()
    await client.say(PROXY_REFUSED)
    await client.hear()
    await client.say("250-mail.example.test", "250-SIZE 1000", "250 STARTTLS")
    await client.stall()


async def quit_without_close_notify(client: Client) -> None:
    """Answer QUIT and close TCP at once, as Amazon SES does."""
    await client.say("221 2.0.0 Bye")
    await client.hang_up(close_notify=False)
