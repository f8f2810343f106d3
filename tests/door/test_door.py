"""The door as its visitors see it: passwords, headers, TLS and client certificates, over real sockets on loopback."""

import asyncio
import base64
import contextlib
import logging
import socket
import ssl
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from aiohttp import web
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from exporter.config import ConfigErrors
from exporter.door import Door, Limits
from exporter.door.door import credentials
from exporter.door.following import LOOK_EVERY
from exporter.simulated.certificates import Kind, Zoo
from tests.door.conftest import CANARY, HASH, Build, Clock, House, Write
from tests.patience import PATIENCE

USERS = f"basic_auth_users: {{alice: {HASH}}}\n"
CLIENT = Kind(names=("client.example.test", "192.0.2.7"), purpose=ExtendedKeyUsageOID.CLIENT_AUTH)


def get(*headers: str, path: str = "/metrics") -> bytes:
    """Write a request that is the last one of its connection."""
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: x", "Connection: close", *headers, "", ""]).encode()


def basic(user: str, password: str, encoding: str = "utf-8") -> str:
    """Write the header for it."""
    return "Authorization: Basic " + base64.b64encode(f"{user}:{password}".encode(encoding)).decode()


def client(zoo: Zoo, version: ssl.TLSVersion | None = None, certificate: Kind | str | None = None) -> ssl.SSLContext:
    """Make a client that trusts the zoo, with a certificate of its own where one is asked for."""
    context = ssl.create_default_context(cafile=str(zoo.ca_file))
    if version:
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # old versions are what is tested
            context.minimum_version = context.maximum_version = version
    if certificate:
        context.load_cert_chain((zoo[certificate] if isinstance(certificate, str) else zoo.issue(certificate)).pem_file)
    return context


async def status(house: House, *headers: str, tls: ssl.SSLContext | None = None) -> str:
    """Ask, and give the status; empty where there was no answer."""
    try:
        return (await house.ask(get(*headers), tls=tls))[9:12].decode()
    except (ssl.SSLError, ConnectionError):
        return ""


# --- passwords ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "answer"),
    [
        (basic("alice", CANARY), "200"),
        (basic("alice", CANARY).replace("Basic", "bAsIc"), "200"),
        (basic("alice", CANARY, "latin-1"), "401"),
        (basic("alice", "wrong"), "401"),
        (basic("bob", CANARY), "401"),
        (basic("", ""), "401"),
        (basic("alice", CANARY).replace("Basic", "Bearer"), "401"),
        ("Authorization: Basic", "401"),
        ("Authorization: Basic !!!", "401"),
        ("Authorization: Basic \u00ff", "401"),
        ("Authorization: Basic " + base64.b64encode(b"alice").decode(), "401"),
        ("X: y", "401"),
    ],
    ids=["right", "right, in other letters", "not UTF-8", "wrong", "nobody", "empty", "another scheme", "no token",
         "no base64", "no ASCII", "no colon", "no header"],
)  # fmt: skip
async def test_who_is_let_in(header: str, answer: str, build: Build, write: Write) -> None:
    house = await build(write(USERS))
    assert await status(house, header) == answer


async def test_who_is_not_let_in_is_asked_who_they_are(build: Build, write: Write) -> None:
    house = await build(write(USERS))
    answer = await house.ask(get())
    assert b'\r\nWWW-Authenticate: Basic realm="smtp-exporter", charset="UTF-8"\r\n' in answer
    assert answer.endswith(b"\r\n\r\nUnauthorized\n")


@pytest.mark.parametrize("path", ["/", "/metrics", "/-/healthy", "/no/such/page", "*"])
async def test_every_path_is_behind_the_door(path: str, build: Build, write: Write) -> None:
    house = await build(write(USERS))
    assert (await house.ask(get(path=path))).startswith((b"HTTP/1.1 401 ", b"HTTP/1.0 400 "))


async def test_where_there_are_no_users_everybody_is_let_in(build: Build, write: Write) -> None:
    assert await status(await build()) == "200"
    assert await status(await build(write("http_server_config: {http2: false}"))) == "200"


async def test_too_many_guesses_at_once_are_told_to_come_back(
    build: Build, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.door.passwords.PER_CLIENT", 0)
    answer = await (await build(write(USERS))).ask(get(basic("alice", CANARY)))
    assert answer.startswith(b"HTTP/1.1 429 ")
    assert b"\r\nRetry-After: 1\r\n" in answer


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("Basic YTpiOmM=", ("a", b"b:c")),
        ("basic  YTo= ", ("a", b"")),
        ("Basic", None),
        ("", None),
        ("Digest YTpi", None),
    ],
)
def test_credentials(header: str, found: tuple[str, bytes] | None) -> None:
    assert credentials(header) == found


@pytest.mark.parametrize("path", ["/metrics", "/no/such/page"])
@pytest.mark.parametrize("expected", ["foo", "100-continue", "100-continue, foo"])
async def test_what_a_request_expects_is_answered_after_the_password(
    path: str, expected: str, build: Build, write: Write
) -> None:
    house = await build(write(USERS))
    assert (await house.ask(get(f"Expect: {expected}", path=path)))[9:13] == b"401 "
    answer = await house.ask(get(f"Expect: {expected}", basic("alice", CANARY), path=path))
    known = {"/metrics": b"200 ", "/no/such/page": b"404 "}[path]
    assert answer[9:13] == (known if expected == "100-continue" else b"417 ")


# --- headers ------------------------------------------------------------------------------------------------------


async def test_headers_are_on_every_answer_and_beat_our_own(build: Build, write: Write) -> None:
    async def page(_: web.Request) -> web.Response:
        return web.Response(headers={"X-Frame-Options": "sameorigin"})

    house = await build(write(USERS + "http_server_config: {headers: {X-Frame-Options: deny}}"), get=page)
    for question in (get(), get(basic("alice", CANARY)), get(basic("alice", CANARY), path="/nowhere")):
        answer = await house.ask(question)
        assert answer.count(b"\r\nX-Frame-Options: ") == answer.count(b"\r\nX-Frame-Options: deny\r\n") == 1


# --- TLS ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def tls(zoo: Zoo, write: Write) -> str:
    """The beginning of a web configuration with TLS."""
    write(zoo.good.pem_file.read_bytes(), "own.pem")
    write(zoo.ca_file.read_bytes(), "ca.pem")
    return "tls_server_config:\n  cert_file: own.pem\n  key_file: own.pem\n"


async def test_answers_come_over_tls(tls: str, zoo: Zoo, build: Build, write: Write) -> None:
    house = await build(write(tls))
    answer = await house.ask(get(), tls=client(zoo))
    assert answer.endswith(b"up 1 https\n")


async def test_a_large_answer_comes_whole(tls: str, zoo: Zoo, build: Build, write: Write) -> None:
    body = bytes(range(256)) * 40_000

    async def large(_: web.Request) -> web.Response:
        return web.Response(body=body)

    house = await build(write(tls), get=large)
    answer = await house.ask(get(), tls=client(zoo))
    assert answer.partition(b"\r\n\r\n")[2] == body


async def test_a_large_question_comes_whole(tls: str, zoo: Zoo, build: Build, write: Write) -> None:
    async def echo(request: web.Request) -> web.Response:
        return web.Response(body=await request.read())

    body = b"0123456789abcdef" * 3000
    house = await build(write(tls), get=echo)
    head = f"POST /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    pieces = [bytes([byte]) for byte in head] + [body]
    assert (await house.ask(*pieces, tls=client(zoo))).endswith(b"\r\n\r\n" + body)


async def test_who_speaks_http_to_a_tls_port_is_told(tls: str, build: Build, write: Write) -> None:
    house = await build(write(tls))
    assert (await house.ask(get())).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("said", [b"\x16\x03\x01\xff\xff" + b"x" * 200, b"\0" * 10, b"\x15\x03\x01\0\x02\x02\x28"])
async def test_who_speaks_rubbish_to_a_tls_port_is_let_go(said: bytes, tls: str, build: Build, write: Write) -> None:
    house = await build(write(tls))
    async with asyncio.timeout(PATIENCE):
        await house.ask(said)
    assert not house.door.connections.by_protocol


async def test_a_handshake_that_does_not_go_on_takes_only_the_time_of_a_question(
    tls: str, build: Build, write: Write
) -> None:
    house = await build(write(tls))
    asking = asyncio.create_task(house.ask(b"\x16\x03\x01"))
    async with asyncio.timeout(PATIENCE):
        while not any(each.heard for each in house.door.connections.waiting):  # noqa: ASYNC110 - no event tells it
            await asyncio.sleep(0)
        house.timers.expire(Limits().asking)
        with contextlib.suppress(ConnectionError):
            assert await asking == b""
    assert not house.door.connections.waiting


@pytest.mark.parametrize(
    ("keys", "version", "answer"),
    [
        ("", ssl.TLSVersion.TLSv1_3, "200"),
        ("", ssl.TLSVersion.TLSv1_2, "200"),
        ("", ssl.TLSVersion.TLSv1_1, ""),
        ("  min_version: TLS13\n", ssl.TLSVersion.TLSv1_2, ""),
        ("  max_version: TLS12\n", ssl.TLSVersion.TLSv1_3, ""),
        ("  min_version: TLS10\n", ssl.TLSVersion.TLSv1, "200"),
        ("  min_version: TLS11\n", ssl.TLSVersion.TLSv1, ""),
    ],
)
async def test_which_versions_of_tls_are_spoken(
    keys: str, version: ssl.TLSVersion, answer: str, tls: str, zoo: Zoo, build: Build, write: Write
) -> None:
    house = await build(write(tls + keys))
    assert await status(house, tls=client(zoo, version)) == answer


NO_CERTIFICATE, ANY, OURS = None, "self_signed", CLIENT
CA = "  client_ca_file: ca.pem\n"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize(
    ("policy", "keys", "let_in"),
    [
        ("NoClientCert", "", {"none", "any", "ours"}),
        ("RequestClientCert", "", {"none", "any", "ours"}),
        ("RequireAnyClientCert", "", {"any", "ours"}),
        ("RequireClientCert", "", {"any", "ours"}),
        ("VerifyClientCertIfGiven", CA, {"none", "ours"}),
        ("RequireAndVerifyClientCert", CA, {"ours"}),
        ("RequireAndVerifyClientCert", CA + "  client_allowed_sans: [x, client.example.test]\n", {"ours"}),
        ("RequireAndVerifyClientCert", CA + "  client_allowed_sans: [192.0.2.7]\n", {"ours"}),
        ("RequireAndVerifyClientCert", CA + "  client_allowed_sans: [example.test]\n", set()),
        ("RequireAnyClientCert", "  client_allowed_sans: [mail.example.test]\n", {"any"}),
    ],
)
async def test_whose_certificate_is_good_enough(
    policy: str, keys: str, let_in: set[str], version: ssl.TLSVersion, tls: str, zoo: Zoo, build: Build, write: Write
) -> None:
    house = await build(write(f"{tls}  client_auth_type: {policy}\n{keys}"))
    shown: dict[str, Kind | str | None] = {"none": None, "any": "self_signed", "ours": CLIENT}
    answers = {who: await status(house, tls=client(zoo, version, each)) for who, each in shown.items()}
    assert answers == {who: "200" if who in let_in else "" for who in shown}


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("policy", ["RequestClientCert", "RequireAnyClientCert", "RequireAndVerifyClientCert"])
@pytest.mark.parametrize("named", [True, False], ids=["allowed names", "any name"])
async def test_a_client_certificate_that_cannot_be_read_is_refused_quietly(
    version: ssl.TLSVersion,
    policy: str,
    tls: str,
    zoo: Zoo,
    build: Build,
    write: Write,
    caplog: pytest.LogCaptureFixture,
    *,
    named: bool,
) -> None:
    sans = "  client_allowed_sans: [x]\n" if named and "Require" in policy else ""
    ca = CA if "Verify" in policy else ""
    house = await build(write(f"{tls}  client_auth_type: {policy}\n{ca}{sans}"))
    said = await asyncio.to_thread(shaken_by_openssl, house.port, write(of_version_5(zoo), "v5.pem"), version)
    assert b"Verification" in said or b"alert" in said
    assert [each.getMessage() for each in caplog.records if each.levelno > logging.DEBUG] == []
    if "Verify" in policy or sans:
        assert b"HTTP/1.1" not in said


def of_version_5(zoo: Zoo) -> bytes:
    """A certificate like any other, but for its version (RFC 5280 4.1.2.1): 4 means the fifth."""
    made = zoo.issue(CLIENT)
    der = made.certificate.public_bytes(Encoding.DER)
    v3, v5 = bytes.fromhex("a003020102"), bytes.fromhex("a003020104")
    assert der.count(v3) == 1
    body = base64.encodebytes(der.replace(v3, v5)).decode()
    return f"-----BEGIN CERTIFICATE-----\n{body}-----END CERTIFICATE-----\n".encode() + made.key_pem


def shaken_by_openssl(port: int, pem: Path, version: ssl.TLSVersion) -> bytes:
    """Ask with openssl: Python refuses to load such a certificate."""
    flag = {ssl.TLSVersion.TLSv1_2: "-tls1_2", ssl.TLSVersion.TLSv1_3: "-tls1_3"}[version]
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-cert", str(pem), "-key", str(pem), flag,
               "-ign_eof"]  # fmt: skip
    done = subprocess.run(command, input=get(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.stdout


async def test_an_expired_client_certificate_is_refused(tls: str, zoo: Zoo, build: Build, write: Write) -> None:
    house = await build(write(f"{tls}  client_auth_type: RequireAndVerifyClientCert\n{CA}"))
    assert await status(house, tls=client(zoo, certificate="expired")) == ""


async def test_a_new_certificate_is_shown_to_the_next_who_comes(tls: str, zoo: Zoo, build: Build, write: Write) -> None:
    clock = Clock()
    house = await build(write(tls), clock=clock)
    seen = []
    for credentials_ in (zoo.good, zoo.good_rsa):
        write(credentials_.pem_file.read_bytes(), "own.pem")
        clock.time += LOOK_EVERY
        _, writer = await asyncio.open_connection("127.0.0.1", house.port, ssl=client(zoo), server_hostname="localhost")
        seen.append(writer.get_extra_info("peercert")["serialNumber"])
        writer.transport.abort()
    assert [int(serial, 16) for serial in seen] == [zoo.good.certificate.serial_number,
                                                    zoo.good_rsa.certificate.serial_number]  # fmt: skip


async def test_a_session_is_not_resumed_past_a_new_policy(tls: str, zoo: Zoo, build: Build, write: Write) -> None:
    house = await build(write(tls))
    context = client(zoo, ssl.TLSVersion.TLSv1_2)

    def twice() -> list[bool]:
        session, reused = None, []
        for _ in range(2):
            plain = socket.create_connection(("127.0.0.1", house.port))
            with context.wrap_socket(plain, server_hostname="localhost", session=session) as one:
                one.sendall(get())
                one.recv(100)
                session = one.session
                reused.append(bool(one.session_reused))
        return reused

    assert await asyncio.to_thread(twice) == [False, False]


# --- secrets ------------------------------------------------------------------------------------------------------


def test_without_a_web_configuration_no_yaml_is_loaded() -> None:
    ask = "import sys, exporter.door; sys.exit(bool({'yaml', 'pydantic'} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", ask], check=False).returncode == 0


def test_with_a_web_configuration_no_pydantic_is_loaded() -> None:
    ask = "import sys, exporter.door.following; sys.exit('pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", ask], check=False).returncode == 0


async def test_a_door_that_cannot_be_opened_says_why(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors, match="No such file"):
        await Door.open(tmp_path / "web.yml")


async def test_nothing_says_a_secret(
    tls: str, zoo: Zoo, build: Build, write: Write, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    clock = Clock()
    token = basic("alice", CANARY)

    async def fail(_: web.Request) -> web.Response:
        raise RuntimeError("a bug of ours")

    house = await build(write(tls + USERS), clock=clock, get=fail)
    said = [
        await house.ask(question, tls=client(zoo))
        for question in (
            get(token),
            get(basic("alice", CANARY + "x")),
            get(token.replace(":", " :")),
            get(token + "\x01"),
            get(token + "x" * 9000),
            token.encode() + b"\r\n\r\n",
        )
    ]
    assert said[0].startswith(b"HTTP/1.1 500 ")
    write(tls + f"basic_auth_users: {{alice: {CANARY}, bob: [{HASH}]}}\n")
    clock.time += LOOK_EVERY
    await house.ask(get(token), tls=client(zoo))
    out = "".join(capfd.readouterr()) + caplog.text + repr([vars(record) for record in caplog.records])
    assert "a bug of ours" in out
    assert "previous one stays" in out
    key = zoo.good.key_pem.decode().splitlines()[1]
    own = b"".join(said[:2]).decode() + repr(house.door.settings)
    for secret in (CANARY, token.rpartition(" ")[2], HASH[7:], key):
        assert secret not in out
        assert secret not in own
