"""What exporter/openssl.cnf does to the ClientHello of a probe."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CNF = ROOT / "exporter/openssl.cnf"

CLIENT_HELLO = """
import exporter.__main__
from exporter.probe.second_look import client_hello
print(client_hello("mail.example.test").hex())
"""

GROUPS = {0x0017: "P-256", 0x0018: "P-384", 0x001D: "X25519"}  # RFC 8446 4.2.7


def client_hello(**environment: str) -> bytes:
    """The first record that a new interpreter sends, which reads OPENSSL_CONF once."""
    command = [sys.executable, "-c", CLIENT_HELLO]
    clean = {name: value for name, value in os.environ.items() if name != "OPENSSL_CONF"}
    done = subprocess.run(command, env=clean | environment, capture_output=True, text=True, check=True)
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
    return client_hello()


def test_the_groups_of_the_file_are_those_offered_in_its_order(hello: bytes) -> None:
    match = re.search(r"^Groups = (.+)$", CNF.read_text(), re.MULTILINE)
    assert match
    assert [GROUPS[group] for group in supported_groups(hello)] == match[1].split(":")


def test_the_client_hello_fits_into_one_small_packet(hello: bytes) -> None:
    assert len(hello) < 600


def test_a_file_that_the_operator_names_is_taken_instead() -> None:
    assert set(supported_groups(client_hello(OPENSSL_CONF=os.devnull))) > set(GROUPS)
