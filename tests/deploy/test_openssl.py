"""What deploy/openssl.cnf does to the ClientHello of this very Python."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CNF = ROOT / "deploy/openssl.cnf"

CLIENT_HELLO = """
import ssl
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.minimum_version = ssl.TLSVersion.TLSv1_2
sent = ssl.MemoryBIO()
tls = context.wrap_bio(ssl.MemoryBIO(), sent, server_hostname="mail.example.test")
try:
    tls.do_handshake()
except ssl.SSLWantReadError:
    print(sent.read().hex())
"""

GROUPS = {0x0017: "P-256", 0x0018: "P-384", 0x001D: "X25519"}  # RFC 8446 4.2.7


def client_hello(**environment: str) -> bytes:
    """The first record that a new interpreter sends, which reads OPENSSL_CONF once."""
    command = [sys.executable, "-c", CLIENT_HELLO]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=True)
    return bytes.fromhex(done.stdout)


def supported_groups(record: bytes) -> list[int]:
    """Extension 10 of a ClientHello: its length, the length of the list, then two bytes a group (RFC 8446 4.2.7)."""
    body = record[9 + 2 + 32 :]  # after record and handshake header, version and random
    body = body[1 + body[0] :]  # session id
    body = body[2 + int.from_bytes(body[:2]) :]  # cipher suites
    body = body[1 + body[0] + 2 :]  # compression methods, length of all extensions
    extensions = {}
    while body:
        end = 4 + int.from_bytes(body[2:4])
        extensions[int.from_bytes(body[:2])], body = body[4:end], body[end:]
    groups = extensions[10][2:]
    return [int.from_bytes(groups[at : at + 2]) for at in range(0, len(groups), 2)]


@pytest.fixture(scope="module")
def hello() -> bytes:
    return client_hello(OPENSSL_CONF=str(CNF))


def test_the_groups_of_the_file_are_those_offered_in_its_order(hello: bytes) -> None:
    match = re.search(r"^Groups = (.+)$", CNF.read_text(), re.MULTILINE)
    assert match
    assert [GROUPS[group] for group in supported_groups(hello)] == match[1].split(":")


def test_the_client_hello_fits_into_one_small_packet(hello: bytes) -> None:
    assert len(hello) < 600


def test_without_the_file_other_groups_are_offered_so_it_is_what_makes_the_difference() -> None:
    assert set(supported_groups(client_hello(OPENSSL_CONF=os.devnull))) > set(GROUPS)
