"""Which targets a command line means, and with which keys."""

from dataclasses import fields
from pathlib import Path

import pytest

from exporter.config import Config, load
from exporter.model import AuthSettings
from exporter.report.asked import Asked, Wanted, asked
from tests.patience import PATIENCE

CONFIGURATION = """
global: {timeout: 20s}
modules: {own: {connect_timeout: 3s}}
targets:
  - {host: mail.example.com, name: corporate,
     ports: [25, {port: 587, module: own, auth: {username: u, password_env: P}}]}
  - {host: mail.example.com, name: again, ports: [{port: 25, security: none}]}
  - {host: "2001:db8::1", ports: [25]}
  - {domains: [example.com, example.net], name: ours, ports: [{port: 25, addresses: ipv4}]}
"""


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    file = tmp_path_factory.mktemp("configuration") / "c.yaml"
    file.write_text(CONFIGURATION)
    return load(file, {"P": "secret"})


def asked_for(value: object) -> str:
    """Name a case by what is asked for in it."""
    if not isinstance(value, Wanted):
        return ""
    given = {each.name: getattr(value, each.name) for each in fields(value)}
    return " ".join(f"{name}={said}" for name, said in given.items() if said) or "nothing"


def told(found: list[Asked]) -> list[str]:
    """Each as `target: hosts or domains, ports`, with a question mark where closed ports may be left out."""
    return [
        f"{each.target.name}: {' '.join((each.target.host or '', *each.target.domains)).strip()} "
        f"{' '.join(str(port) for port, _ in each.target.ports)}{'?' * each.tried}"
        for each in found
    ]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Wanted(targets=["corporate"]), ["corporate: mail.example.com 25 587"]),
        (Wanted(targets=["2001:db8::1", "ours"]), ["2001:db8::1: 2001:db8::1 25", "ours: example.com example.net 25"]),
        (Wanted(hosts=["mail.example.com"]), ["corporate: mail.example.com 25 587", "again: mail.example.com 25"]),
        (Wanted(hosts=["Mail.Example.COM.:587"]), ["corporate: mail.example.com 587"]),
        (Wanted(hosts=["mail.example.com:2525"]), ["mail.example.com: mail.example.com 2525"]),
        (Wanted(hosts=["[2001:DB8:0::1]:25"]), ["2001:db8::1: 2001:db8::1 25"]),
        (Wanted(hosts=["other.example.com"]), ["other.example.com: other.example.com 25 465 587?"]),
        (Wanted(hosts=["mail.example.com"], module="relay"), ["mail.example.com: mail.example.com 25 465 587?"]),
        (Wanted(domains=["example.net"]), ["ours: example.net 25"]),
        (Wanted(domains=["example.org"]), ["example.org: example.org 25"]),
        (Wanted(domains=["example.net"], module="own"), ["example.net: example.net 25"]),
        (Wanted(domains=["example.net"], targets=["ours"]), ["ours: example.com example.net 25"]),
        (
            Wanted(hosts=["mail.example.com:587", "mail.example.com"]),
            ["corporate: mail.example.com 587", "corporate: mail.example.com 25", "again: mail.example.com 25"],
        ),
    ],
    ids=asked_for,
)
def test_each_target_that_is_meant_is_probed_once(config: Config, wanted: Wanted, found: list[str]) -> None:
    assert told(asked(config, wanted)) == found


def test_all_of_them(config: Config) -> None:
    assert [each.target for each in asked(config, Wanted(all=True))] == list(config.targets)


def test_a_target_keeps_all_its_keys(config: Config) -> None:
    [one] = asked(config, Wanted(hosts=["mail.example.com:587"]))
    [(_, settings)] = one.target.ports
    assert (settings.auth, settings.module, settings.timeout) == (AuthSettings("u", None, "P"), "own", 20.0)


def test_the_command_line_has_the_last_word(config: Config) -> None:
    wanted = Wanted(targets=["corporate"], ehlo_name="probe.test", timeout=PATIENCE, connect_timeout=2 * PATIENCE)
    [one] = asked(config, wanted)
    told = {(each.ehlo_name, each.timeout, each.connect_timeout) for _, each in one.target.ports}
    assert told == {("probe.test", PATIENCE, PATIENCE)}


@pytest.mark.parametrize(
    ("wanted", "notice"),
    [
        (Wanted(hosts=["mail.example.com:25"]), ""),
        (Wanted(hosts=["[::1]:25"]), "[::1]:25: no target of {} has this host and port"),
        (Wanted(hosts=["other.example.com"]), "other.example.com: no target of {} has this host"),
        (Wanted(domains=["example.org"]), "example.org: no target of {} has this domain"),
        (Wanted(hosts=["other.example.com"], module="own"), ""),
    ],
    ids=asked_for,
)
def test_where_no_target_matches_it_says_so_and_which_keys_apply(config: Config, wanted: Wanted, notice: str) -> None:
    first, *_ = asked(config, wanted)
    end = "; only its global keys and modules apply"
    assert first.notice == (notice.format(config.path) + end if notice else "")
    assert {settings.timeout for _, settings in first.target.ports} == {20.0}


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (Wanted(), "nothing to probe"),
        (Wanted(targets=["corporat"]), "unknown target 'corporat'; did you mean 'corporate'?"),
        (Wanted(targets=["xyz"]), "unknown target 'xyz'; there are 'corporate', 'again', '2001:db8::1', 'ours'"),
        (Wanted(targets=["corporate"], module="relais"), "unknown module 'relais'"),
        (Wanted(targets=["corporate"], module="relay"), "--module takes the place of a target's keys"),
        (Wanted(all=True, module="relay"), "--module takes the place of a target's keys"),
    ],
    ids=asked_for,
)
def test_what_cannot_be_probed_is_one_sentence(config: Config, wanted: Wanted, said: str) -> None:
    with pytest.raises(ValueError, match=r".") as raised:
        asked(config, wanted)
    assert str(raised.value).startswith(said)


def test_without_targets_there_is_none_to_name(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("probe_endpoint: {enabled: true, allow: ['*.example.com']}\n")
    for wanted in (Wanted(all=True), Wanted(targets=["x"])):
        with pytest.raises(ValueError, match="the configuration has no targets"):
            asked(load(tmp_path / "c.yaml"), wanted)
