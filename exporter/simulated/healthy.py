"""The script of a mail server as the norms want it (RFC 5321, 3207, 4954), out of parts that can be exchanged.

It answers EHLO, HELO, STARTTLS, AUTH, NOOP, RSET and QUIT in any order, really checks passwords, and takes no mail.
Misbehaviour is not written here but handed in: `on` and `inside_tls` put another script in the place of a command.
"""

import hmac
import ssl
from base64 import b64decode, b64encode
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import KW_ONLY, dataclass, field
from functools import cached_property
from typing import Any

from exporter.simulated.certificates import Credentials
from exporter.simulated.client import Client
from exporter.simulated.server import Script
from exporter.simulated.tls import server_context

EXTENSIONS = ("PIPELINING", "SIZE 10240000", "ENHANCEDSTATUSCODES", "8BITMIME")


def saying(*lines: str) -> Script:
    """Make a script that says these lines, for `SmtpServer.on`."""

    async def script(client: Client) -> None:
        await client.say(*lines)

    return script


@dataclass(frozen=True)
class SmtpServer:
    """The script of a mail server: `Server(SmtpServer(zoo.good))`. Without credentials it knows no TLS."""

    credentials: Credentials | ssl.SSLContext | None = None
    _: KW_ONLY
    implicit: bool = False
    """TLS from the first byte."""
    starttls: bool = True
    """STARTTLS is offered. It is accepted all the same."""
    name: str = "mail.example.test"
    banner: str = "mail.example.test ESMTP Postfix"
    teaser: str = ""
    """Said at once as `220-`, before the delay, as postscreen does."""
    greeting_delay: float = 0.0
    greeting: Script | None = None
    """Another script in the place of teaser, delay and banner."""
    extensions: tuple[str, ...] = EXTENSIONS
    """What EHLO offers besides STARTTLS and AUTH."""
    auth: tuple[str, ...] = ()
    """SASL mechanisms among PLAIN, LOGIN and CRAM-MD5."""
    auth_before_tls: bool = False
    users: Mapping[str, str] = field(default_factory=lambda: {"user": "password"})
    """Passwords by user."""
    tls: Mapping[str, Any] = field(default_factory=dict)
    """Options of `tls.server_context`."""
    on: Mapping[str, Script] = field(default_factory=dict)
    """Other scripts in the place of a command: `{"QUIT": Client.reset}`."""
    inside_tls: Mapping[str, Script] = field(default_factory=dict)
    """The same, inside TLS only."""

    @cached_property
    def context(self) -> ssl.SSLContext | None:
        """The TLS side, made when first needed."""
        if isinstance(self.credentials, Credentials):
            return server_context(self.credentials, **self.tls)
        return self.credentials

    async def __call__(self, client: Client) -> None:
        """Perform with one client."""
        await _Session(client, self, self.context).perform()


class _Session:
    """One client of the mail server, and how far it came."""

    def __init__(self, client: Client, server: SmtpServer, context: ssl.SSLContext | None) -> None:
        self.client, self.server, self.context = client, server, context
        self.greeted = self.authenticated = False
        self.commands: Mapping[str, Callable[[str], Coroutine[Any, Any, None]]] = {
            "EHLO": self.ehlo,
            "HELO": self.helo,
            "STARTTLS": self.starttls,
            "AUTH": self.auth,
            "NOOP": self.ok,
            "RSET": self.ok,
            "QUIT": self.quit,
        }

    async def perform(self) -> None:
        if self.server.implicit and self.context:
            await self.client.start_tls(self.context)
        await (self.server.greeting or self.greet)(self.client)
        while True:
            verb, _, argument = (await self.client.hear()).partition(" ")
            await self.answer(verb.upper(), argument.strip())

    async def greet(self, client: Client) -> None:
        if self.server.teaser:
            await client.say(f"220-{self.server.teaser}")
        if self.server.greeting_delay:
            await client.pause(self.server.greeting_delay)
        await client.say(f"220 {self.server.banner}")

    async def answer(self, verb: str, argument: str) -> None:
        replaced = (self.client.inside_tls and self.server.inside_tls.get(verb)) or self.server.on.get(verb)
        if replaced:
            await replaced(self.client)
        elif verb not in self.commands:
            await self.client.say("502 5.5.1 Command not implemented")
        else:
            await self.commands[verb](argument)

    async def ehlo(self, name: str) -> None:
        lines = [self.server.name, *self.server.extensions]
        if self.server.starttls and self.context and not self.client.inside_tls:  # RFC 3207 4.2: not again
            lines.append("STARTTLS")
        if self.may_authenticate:
            lines.append(f"AUTH {' '.join(self.server.auth)}")
        self.greeted = bool(name)
        if not name:
            await self.client.say("501 5.5.4 Syntax: EHLO hostname")
        else:
            await self.client.say(*(f"250-{line}" for line in lines[:-1]), f"250 {lines[-1]}")

    async def helo(self, name: str) -> None:
        self.greeted = bool(name)
        await self.client.say(f"250 {self.server.name}" if name else "501 5.5.4 Syntax: HELO hostname")

    async def starttls(self, argument: str) -> None:
        if not self.context:
            await self.client.say("502 5.5.1 STARTTLS is not known here")
        elif argument:
            await self.client.say("501 5.5.4 Syntax: STARTTLS")
        elif self.client.inside_tls:
            await self.client.say("554 5.5.1 Error: TLS already active")
        else:
            await self.client.say("220 2.0.0 Ready to start TLS")
            await self.client.start_tls(self.context)
            self.greeted = False  # RFC 3207 4.2: all that was said before is forgotten

    async def ok(self, _argument: str) -> None:
        await self.client.say("250 2.0.0 Ok")

    async def quit(self, _argument: str) -> None:
        await self.client.say("221 2.0.0 Bye")
        await self.client.hang_up()

    # --- AUTH (RFC 4954) ----------------------------------------------------------------------------------------

    @property
    def may_authenticate(self) -> bool:
        return bool(self.server.auth) and (self.client.inside_tls or self.server.auth_before_tls)

    async def auth(self, argument: str) -> None:
        mechanism, _, initial = argument.partition(" ")
        answer = {"PLAIN": self.plain, "LOGIN": self.login, "CRAM-MD5": self.cram_md5}.get(mechanism.upper())
        if not self.may_authenticate:
            await self.client.say("530 5.7.0 Must issue a STARTTLS command first")
        elif not self.greeted or self.authenticated:
            await self.client.say("503 5.5.1 Error: bad sequence of commands")
        elif answer is None or mechanism.upper() not in self.server.auth:
            await self.client.say("504 5.5.4 Unrecognized authentication type")
        else:
            try:
                self.authenticated = await answer(initial)
            except ValueError:  # cancelled by "*", or neither base64 nor what the mechanism says
                await self.client.say("501 5.5.2 Authentication cancelled or malformed")
            else:
                failed = "535 5.7.8 Error: authentication failed: authentication failure"
                await self.client.say("235 2.7.0 Authentication successful" if self.authenticated else failed)

    async def plain(self, initial: str) -> bool:
        """RFC 4616: authorisation identity, user and password, separated by NUL."""
        _, user, password = (_decoded(initial) if initial else await self.ask("")).split("\0")
        return self.knows(user, password)

    async def login(self, initial: str) -> bool:
        user = _decoded(initial) if initial else await self.ask("Username:")
        return self.knows(user, await self.ask("Password:"))

    async def cram_md5(self, initial: str) -> bool:
        """RFC 2195: the user, and the challenge keyed with the password."""
        if initial:
            raise ValueError("CRAM-MD5 has no initial response")
        challenge = f"<{self.client.number}.1896@{self.server.name}>"
        user, digest = (await self.ask(challenge)).rsplit(" ", 1)
        key = self.server.users.get(user, "").encode()
        expected = hmac.new(key, challenge.encode(), "md5").hexdigest()
        return user in self.server.users and hmac.compare_digest(digest.encode(), expected.encode())

    def knows(self, user: str, password: str) -> bool:
        return user in self.server.users and self.server.users[user] == password

    async def ask(self, question: str) -> str:
        await self.client.say(f"334 {b64encode(question.encode()).decode()}")
        return _decoded(await self.client.hear())


def _decoded(text: str) -> str:
    """Decode base64 UTF-8; "=" is the empty answer (RFC 4954 4). Raises ValueError."""
    return b64decode("" if text == "=" else text, validate=True).decode()
