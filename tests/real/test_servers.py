"""The real servers are what their tables say, by judges that are not ours: aiosmtplib and `openssl s_client`."""

import re
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator

import aiosmtplib
import pytest

from exporter.simulated.certificates import Zoo
from tests.patience import PATIENCE
from tests.real.client import Client
from tests.real.dovecot import PASSWORD, USER
from tests.real.processes import Server

NAME = "mail.example.test"
OK, NOT_YET_VALID, EXPIRED, SELF_SIGNED, NO_ISSUER, WRONG_HOST = 0, 9, 10, 18, 21, 62  # X509_V_ERR_* of OpenSSL
INTERNAL_ERROR = 80
"""RFC 8446 section 6.2."""
ALL_MECHANISMS = {"plain", "login", "cram-md5"}


def openssl(port: int, zoo: Zoo, *options: str, host: str = "127.0.0.1") -> subprocess.CompletedProcess[str]:
    """Shake hands, and give all that openssl said."""
    command = ["openssl", "s_client", "-connect", f"{host}:{port}", "-servername", NAME, "-verify_hostname", NAME]
    command += ["-CAfile", str(zoo.ca_file), "-no-CApath", "-no-CAstore", *options]
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False
    )


def s_client(port: int, zoo: Zoo, *options: str, host: str = "127.0.0.1") -> tuple[str, int]:
    """Ask openssl for the TLS version and for its verdict on the certificate."""
    said = openssl(port, zoo, *options, host=host)
    version, verdict = re.search(r"New, (\S+),", said.stdout), re.search(r"Verify return code: (\d+)", said.stdout)
    assert version, said
    assert verdict, said
    return version[1], int(verdict[1])


def client(port: int, zoo: Zoo, *, use_tls: bool = False) -> Client:
    """Make an independent client that verifies, and turns to TLS only when told to."""
    context = ssl.create_default_context(cafile=zoo.ca_file)
    return Client(
        hostname="127.0.0.1", port=port, use_tls=use_tls, start_tls=False, tls_context=context, timeout=PATIENCE
    )


# --- certificates ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("listener", "verdict"),
    [
        ("healthy", OK),
        ("submission", OK),
        ("expired", EXPIRED),
        ("not_yet_valid", NOT_YET_VALID),
        ("wrong_host", WRONG_HOST),
        ("self_signed", SELF_SIGNED),
        ("no_intermediate", NO_ISSUER),
        ("auth_in_clear", OK),
        ("slow", OK),
        ("postscreen", OK),
    ],
)
def test_postfix_certificate(postfix: Server, zoo: Zoo, listener: str, verdict: int) -> None:
    assert s_client(postfix.port(listener), zoo, "-starttls", "smtp") == ("TLSv1.3", verdict)


@pytest.mark.parametrize(
    ("listener", "verdict"), [("healthy", OK), ("submission", OK), ("expired", EXPIRED), ("slow", OK)]
)
def test_exim_certificate(exim: Server, zoo: Zoo, listener: str, verdict: int) -> None:
    assert s_client(exim.port(listener), zoo, "-starttls", "smtp") == ("TLSv1.3", verdict)


@pytest.mark.parametrize(
    ("server", "listener"),
    [
        ("sendmail", "healthy"),
        ("courier", "healthy"),
        ("dovecot_submission", "submission"),
        ("nginx", "submission"),
        ("haproxy", "healthy"),
        ("haraka", "healthy"),
    ],
)
def test_certificate_after_starttls(request: pytest.FixtureRequest, zoo: Zoo, server: str, listener: str) -> None:
    port = request.getfixturevalue(server).port(listener)
    assert s_client(port, zoo, "-starttls", "smtp") == ("TLSv1.3", OK)


@pytest.mark.parametrize(
    ("server", "listener"), [("nginx", "submissions"), ("stunnel", "healthy"), ("haraka", "implicit")]
)
def test_certificate_of_implicit_tls(request: pytest.FixtureRequest, zoo: Zoo, server: str, listener: str) -> None:
    assert s_client(request.getfixturevalue(server).port(listener), zoo) == ("TLSv1.3", OK)


@pytest.mark.parametrize("group", ["P-521", "X448", "ffdhe2048", "ffdhe3072"])
def test_stunnel_knows_one_group(stunnel: Server, zoo: Zoo, group: str) -> None:
    port = stunnel.port(group.replace("-", "").lower())
    assert s_client(port, zoo, "-groups", group) == ("TLSv1.3", OK)
    assert openssl(port, zoo, "-groups", "X25519:P-256:P-384").returncode == 1


def test_postfix_speaks_tls_from_the_start(postfix: Server, zoo: Zoo) -> None:
    assert s_client(postfix.port("submissions"), zoo) == ("TLSv1.3", OK)


def test_exim_speaks_tls_from_the_start(exim: Server, zoo: Zoo) -> None:
    assert s_client(exim.port("implicit"), zoo) == ("TLSv1.3", OK)


def test_postfix_tls12_only(postfix: Server, zoo: Zoo) -> None:
    assert s_client(postfix.port("tls12_only"), zoo, "-starttls", "smtp") == ("TLSv1.2", OK)


def test_postfix_tls10_only_needs_a_lax_client(postfix: Server, zoo: Zoo) -> None:
    assert openssl(postfix.port("tls10_only"), zoo, "-starttls", "smtp").returncode == 1
    lax = ("-starttls", "smtp", "-tls1", "-cipher", "ALL:@SECLEVEL=0")
    said = openssl(postfix.port("tls10_only"), zoo, *lax)
    assert "Protocol  : TLSv1\n" in said.stdout
    assert f"Verify return code: {OK} " in said.stdout


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_opensmtpd_fails_the_handshake_with_internal_error(opensmtpd: Server, zoo: Zoo, version: str) -> None:
    said = openssl(opensmtpd.port("starttls"), zoo, "-starttls", "smtp", version)
    assert said.returncode == 1
    assert f"SSL alert number {INTERNAL_ERROR}\n" in said.stderr
    assert f"Verify return code: {OK} " in said.stdout  # its certificate came first, and is good


def test_postfix_on_ipv6(postfix: Server, zoo: Zoo) -> None:
    assert s_client(postfix.port("healthy"), zoo, "-starttls", "smtp", host="[::1]") == ("TLSv1.3", OK)


def test_exim_on_ipv6(exim: Server, zoo: Zoo) -> None:
    assert s_client(exim.port("healthy"), zoo, "-starttls", "smtp", host="[::1]") == ("TLSv1.3", OK)


# --- what is offered, and when --------------------------------------------------------------------------------


async def test_postfix_without_starttls(postfix: Server, zoo: Zoo) -> None:
    async with client(postfix.port("no_starttls"), zoo) as smtp:
        await smtp.ehlo()
        assert smtp.supports_extension("pipelining")
        assert not smtp.supports_extension("starttls")


async def test_postfix_stripped_of_starttls(postfix: Server, zoo: Zoo) -> None:
    async with client(postfix.port("stripped"), zoo) as smtp:
        await smtp.ehlo()
        assert smtp.supports_extension("8bitmime")
        assert not smtp.supports_extension("starttls")
        assert not smtp.supports_extension("pipelining")


async def test_opensmtpd_without_starttls(opensmtpd: Server, zoo: Zoo) -> None:
    async with client(opensmtpd.port("plain"), zoo) as smtp:
        await smtp.ehlo()
        assert smtp.supports_extension("8bitmime")
        assert not smtp.supports_extension("starttls")


async def test_exim_without_starttls(exim: Server, zoo: Zoo) -> None:
    async with client(exim.port("no_tls"), zoo) as smtp:
        await smtp.ehlo()
        assert smtp.supports_extension("pipelining")
        assert not smtp.supports_extension("starttls")


async def test_postfix_submission_offers_auth_only_after_tls(postfix: Server, zoo: Zoo) -> None:
    async with client(postfix.port("submission"), zoo) as smtp:
        await smtp.ehlo()
        assert not smtp.supports_extension("auth")
        await smtp.starttls()
        await smtp.ehlo()
        assert set(smtp.server_auth_methods) == ALL_MECHANISMS


async def test_postfix_submission_requires_starttls(postfix: Server, zoo: Zoo) -> None:
    async with client(postfix.port("submission"), zoo) as smtp:
        await smtp.ehlo()
        with pytest.raises(aiosmtplib.SMTPSenderRefused) as refused:
            await smtp.mail("a@example.test")
        assert refused.value.code == 530


async def test_exim_submission_offers_auth_only_after_tls(exim: Server, zoo: Zoo) -> None:
    async with client(exim.port("submission"), zoo) as smtp:
        await smtp.ehlo()
        assert not smtp.supports_extension("auth")
        await smtp.starttls()
        await smtp.ehlo()
        assert smtp.server_auth_methods == ["plain"]


async def test_exim_relay_offers_no_auth(exim: Server, zoo: Zoo) -> None:
    async with client(exim.port("healthy"), zoo) as smtp:
        await smtp.starttls()
        await smtp.ehlo()
        assert not smtp.supports_extension("auth")


async def test_postfix_offers_auth_in_clear(postfix: Server, zoo: Zoo) -> None:
    async with client(postfix.port("auth_in_clear"), zoo) as smtp:
        await smtp.ehlo()
        assert set(smtp.server_auth_methods) == ALL_MECHANISMS


# --- logins ---------------------------------------------------------------------------------------------------


@pytest.fixture(params=["postfix submissions", "exim implicit"])
def login_port(request: pytest.FixtureRequest) -> int:
    """A port with implicit TLS where the user of Dovecot, or of Exim, may log in."""
    name, listener = request.param.split()
    server: Server = request.getfixturevalue(name)
    return server.port(listener)


async def test_the_right_password(login_port: int, zoo: Zoo) -> None:
    async with client(login_port, zoo, use_tls=True) as smtp:
        assert (await smtp.login(USER, PASSWORD)).code == 235


@pytest.mark.parametrize(("user", "password"), [(USER, "wrong"), ("nobody", PASSWORD)])
async def test_a_wrong_login(login_port: int, zoo: Zoo, user: str, password: str) -> None:
    async with client(login_port, zoo, use_tls=True) as smtp:
        await smtp.ehlo()
        with pytest.raises(aiosmtplib.SMTPAuthenticationError) as refused:
            await smtp.auth_plain(user, password)
        assert refused.value.code == 535


@pytest.mark.parametrize("mechanism", ["auth_plain", "auth_login", "auth_crammd5"])
async def test_postfix_takes_each_mechanism(postfix: Server, zoo: Zoo, mechanism: str) -> None:
    async with client(postfix.port("submission"), zoo) as smtp:
        await smtp.starttls()
        await smtp.ehlo()
        assert (await getattr(smtp, mechanism)(USER, PASSWORD)).code == 235


async def test_mail_is_taken(login_port: int, zoo: Zoo) -> None:
    async with client(login_port, zoo, use_tls=True) as smtp:
        await smtp.login(USER, PASSWORD)
        errors, _ = await smtp.sendmail("a@example.test", ["b@example.test"], b"Subject: hello\r\n\r\n")
        assert not errors


# --- greetings ------------------------------------------------------------------------------------------------


def hear(port: int) -> Iterator[tuple[float, bytes]]:
    """Say nothing, and give each line of the greeting with the seconds that it took: more, on a busy machine."""
    started = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as one, one.makefile("rb") as lines:
        for line in lines:
            yield time.monotonic() - started, line
            if line[3:4] == b" ":
                return


def test_postfix_greets_slowly(postfix: Server) -> None:
    [(seconds, line)] = hear(postfix.port("slow"))
    assert line == b"220 mail.example.test ESMTP Postfix\r\n"
    assert seconds >= 1


def test_postfix_rejects_in_its_greeting(postfix: Server) -> None:
    [(_, line)] = hear(postfix.port("rejecting"))
    assert line.startswith(b"554 ")


def test_exim_greets_slowly(exim: Server) -> None:
    [(seconds, line)] = hear(exim.port("slow"))
    assert line.startswith(b"220 mail.example.test ESMTP Exim 4.")
    assert seconds >= 1


def test_exim_rejects_in_its_greeting_and_closes(exim: Server) -> None:
    with (
        socket.create_connection(("127.0.0.1", exim.port("rejecting")), timeout=PATIENCE) as one,
        one.makefile("rb") as said,
    ):
        assert said.read() == b"550 Administrative prohibition\r\n"


def test_opensmtpd_greets_with_its_name(opensmtpd: Server) -> None:
    [(_, line)] = hear(opensmtpd.port("starttls"))
    assert line == b"220 mail.example.test ESMTP OpenSMTPD\r\n"


def test_postscreen_teases_at_once_and_greets_late(postfix: Server) -> None:
    (teased, teaser), (greeted, greeting) = hear(postfix.port("postscreen"))
    assert teaser.startswith(b"220-mail.example.test")
    assert greeting.startswith(b"220 mail.example.test")
    assert teased <= greeted
    assert greeted > 1.9


def test_exim_greets_with_a_date(exim: Server) -> None:
    [(_, line)] = hear(exim.port("healthy"))
    assert re.match(rb"220 mail\.example\.test ESMTP Exim 4\.\d+ \w+, \d+", line)
