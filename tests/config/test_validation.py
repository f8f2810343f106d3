"""That an error in one place does not hide another, and makes up no further ones."""

from collections.abc import Callable

from exporter.config import Config

Errors = Callable[[str], list[str]]


def test_what_is_empty_is_as_if_it_were_not_there(read: Callable[[str], Config]) -> None:
    config = read("""
        global:
        modules:
          mine:
        targets:
          - host: a.example
            ports: [25]
            labels:
            expect:
              extensions:
        target_files:
        egress:
        """)
    assert [target.host for target in config.targets] == ["a.example"]


def test_a_wrong_interval_makes_no_wrong_timeout(errors: Errors) -> None:
    wrong = errors("{global: {interval: 10}, targets: [{host: a, ports: [25], timeout: 50s}, {host: b, ports: [x]}]}")
    assert [each.split(": ")[1] for each in wrong] == ["global.interval", "targets[1].ports[0]"]


def test_a_misspelt_host_is_not_a_missing_one_too(errors: Errors) -> None:
    assert len(errors("targets: [{hots: a, ports: [25]}]")) == 1


def test_beside_an_unknown_key_everything_else_is_judged(errors: Errors) -> None:
    wrong = errors("""
        targets:
          - {host: a, ports: [{port: 25, nope: 1, timeout: 2m}, 25, {port: 26, expect: {nope: 1, banner: "["}}]}
          - {host: a, ports: [25], nope: 1}
        """)
    assert [each.partition(": ")[2].partition(": ")[0] for each in wrong] == [
        "targets[0].ports[0].nope",
        "targets[0].ports[0].timeout",
        "targets[0].ports[1]",
        "targets[0].ports[2].expect.nope",
        "targets[0].ports[2].expect.banner",
        "targets[1]",
        "targets[1].nope",
    ]


def test_no_error_shows_a_password(errors: Errors) -> None:
    wrong = errors("""
        targets:
          - {host: a, ports: [587], auth: {username: u, password: hunter2}}
          - {host: b, ports: [587], auth: {username: u, passwort: hunter2}}
          - {host: c, ports: [587], auth: {username: u, password_env: "hunter2!"}}
          - {host: d, ports: [587], auth: {username: u, password_file: [hunter2]}}
        """)
    assert len(wrong) >= 4
    assert "hunter2" not in "\n".join(wrong)
