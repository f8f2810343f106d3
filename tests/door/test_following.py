"""The web configuration follows its files: when it looks, what it takes, and what it refuses to take."""

import asyncio
import logging
import os
from pathlib import Path

import pytest

from exporter.door.following import LOOK_EVERY, SETTLED, Following
from exporter.simulated.certificates import Zoo
from tests.door.conftest import CANARY, HASH, Clock, Write

ALICE = f"basic_auth_users: {{alice: {HASH}}}"
BOB = f"basic_auth_users: {{bob: {HASH}}}"
TLS = "tls_server_config: {cert_file: own.pem, key_file: own.pem}"


async def later(following: Following, clock: Clock) -> list[str]:
    """Ask after the next look: who is let in."""
    clock.time += LOOK_EVERY
    return list((await following.latest()).users)


async def test_a_change_is_taken_at_the_next_look(write: Write) -> None:
    clock = Clock()
    following = Following(write(ALICE), clock)
    write(BOB)
    clock.time += LOOK_EVERY - 0.1
    assert list((await following.latest()).users) == ["alice"]
    clock.time += 0.1
    assert list((await following.latest()).users) == ["bob"]


async def test_files_left_alone_are_not_read_again(write: Write) -> None:
    clock = Clock()
    following = Following(write(ALICE), clock)
    before = following.settings
    await later(following, clock)
    assert following.settings is before


async def test_a_file_written_this_moment_is_left_to_settle(write: Write) -> None:
    clock, now = Clock(), Clock(5000.0)
    path = write(ALICE)
    following = Following(path, clock, now)
    write(BOB)
    os.utime(path, (5000, 5000))
    assert await later(following, clock) == ["alice"]
    now.time += SETTLED
    assert await later(following, clock) == ["bob"]


async def test_a_change_while_it_was_read_is_not_missed(write: Write) -> None:
    clock, now = Clock(), Clock(5000.0)
    path = write(ALICE)
    os.utime(path, (5000, 5000))
    following = Following(path, clock, now)
    size = path.stat().st_size
    path.write_text(ALICE.replace("alice", "clara"))
    os.utime(path, (5000, 5000))
    assert path.stat().st_size == size
    now.time += SETTLED
    assert await later(following, clock) == ["clara"]


async def test_a_broken_file_keeps_the_old_one_and_is_logged_once(
    write: Write, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    following = Following(write(ALICE), clock)
    write(f"basic_auth_users: {{bob: {CANARY}}}\nnope: 1")
    for _ in range(3):
        assert await later(following, clock) == ["alice"]
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 2
    assert CANARY not in str([vars(record) for record in caplog.records])
    write(BOB)
    assert await later(following, clock) == ["bob"]


async def test_a_file_that_is_gone_keeps_the_old_one(write: Write, caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    path = write(ALICE)
    following = Following(path, clock)
    path.unlink()
    for _ in range(3):
        assert await later(following, clock) == ["alice"]
    assert len(caplog.records) == 1


async def test_a_new_certificate_is_taken(write: Write, zoo: Zoo) -> None:
    clock = Clock()
    write(zoo.good.pem_file.read_bytes(), "own.pem")
    following = Following(write(TLS), clock)
    before = following.settings.tls
    write(zoo.good_rsa.pem_file.read_bytes(), "own.pem")
    await later(following, clock)
    assert following.settings.tls is not before


async def test_a_configmap_swap_is_seen(tmp_path: Path, zoo: Zoo, write: Write) -> None:
    clock = Clock()
    for version, credentials in (("v1", zoo.good), ("v2", zoo.good_rsa)):
        (tmp_path / version).mkdir()
        write(credentials.pem_file.read_bytes(), f"{version}/own.pem")
    (tmp_path / "..data").symlink_to("v1")
    (tmp_path / "own.pem").symlink_to("..data/own.pem")
    following = Following(write(TLS), clock)
    before = following.settings.tls
    (tmp_path / "..new").symlink_to("v2")
    (tmp_path / "..new").rename(tmp_path / "..data")
    await later(following, clock)
    assert following.settings.tls is not before


async def test_a_key_that_comes_after_its_certificate_is_waited_for(write: Write, zoo: Zoo) -> None:
    clock = Clock()
    write(zoo.good.cert_chain_pem, "cert.pem")
    write(zoo.good.key_pem, "key.pem")
    following = Following(write("tls_server_config: {cert_file: cert.pem, key_file: key.pem}"), clock)
    before = following.settings.tls
    write(zoo.good_rsa.cert_chain_pem, "cert.pem")
    await later(following, clock)
    assert following.settings.tls is before
    write(zoo.good_rsa.key_pem, "key.pem")
    await later(following, clock)
    assert following.settings.tls is not before


async def test_a_file_newly_named_is_waited_for(write: Write, zoo: Zoo) -> None:
    clock = Clock()
    write(zoo.good.pem_file.read_bytes(), "own.pem")
    following = Following(write(TLS), clock)
    before = following.settings.tls
    write(TLS.replace("own", "new"))
    await later(following, clock)
    assert following.settings.tls is before
    write(zoo.good_rsa.pem_file.read_bytes(), "new.pem")
    await later(following, clock)
    assert following.settings.tls is not before


@pytest.mark.parametrize(
    ("before", "after"), [(ALICE, ""), (ALICE, "# cut"), (ALICE, f"{ALICE}\n{TLS}"), (f"{ALICE}\n{TLS}", ALICE)]
)
async def test_what_would_open_the_door_by_mistake_takes_a_restart(
    before: str, after: str, write: Write, zoo: Zoo, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    write(zoo.good.pem_file.read_bytes(), "own.pem")
    following = Following(write(before), clock)
    write(after)
    assert await later(following, clock) == ["alice"]
    assert "restart" in str(vars(caplog.records[0])["error"])


async def test_passwords_that_are_removed_are_required_until_a_restart(
    write: Write, zoo: Zoo, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    write(zoo.good.pem_file.read_bytes(), "own.pem")
    following = Following(write(f"{ALICE}\n{TLS}"), clock)
    before = following.settings.tls
    write(TLS)
    for _ in range(3):
        assert await later(following, clock) == ["alice"]
    assert following.settings.tls is not before
    assert [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING] == [
        "basic_auth_users was removed: the old passwords are required until a restart"
    ]
    write(f"{BOB}\n{TLS}")
    assert await later(following, clock) == ["bob"]


@pytest.mark.parametrize("after", ["NoClientCert", "RequireAnyClientCert", "VerifyClientCertIfGiven"])
async def test_client_certificates_that_are_verified_no_more_take_a_restart(
    after: str, write: Write, zoo: Zoo, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    write(zoo.good.pem_file.read_bytes(), "own.pem")
    verified = TLS.replace("}", ", client_auth_type: RequireAndVerifyClientCert, client_ca_file: own.pem}")
    following = Following(write(verified), clock)
    before = following.settings
    ca = "" if after == "NoClientCert" else ", client_ca_file: own.pem"
    write(TLS.replace("}", f", client_auth_type: {after}{ca}}}"))
    await later(following, clock)
    assert following.settings is before
    assert "restart" in str(vars(caplog.records[0])["error"])


async def test_one_look_serves_all_who_ask(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    following = Following(write(ALICE), clock)
    looks: list[float] = []
    monkeypatch.setattr(following, "_follow", lambda: looks.append(clock()))
    clock.time += LOOK_EVERY
    await asyncio.gather(*(following.latest() for _ in range(50)))
    assert len(looks) == 1


async def test_a_bug_of_ours_keeps_the_old_settings(
    write: Write, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    following = Following(write(ALICE), clock)

    def fail() -> None:
        raise RuntimeError(CANARY)

    monkeypatch.setattr(following, "_follow", fail)
    assert await later(following, clock) == ["alice"]
    assert vars(caplog.records[0])["error"] == "RuntimeError"
    assert CANARY not in caplog.text
