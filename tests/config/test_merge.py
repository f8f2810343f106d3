from collections.abc import Callable

import pytest

from exporter.config import Config
from exporter.config.merge import overlay
from exporter.model import AuthSettings, Expect, Security, Settings, TlsSettings

Read = Callable[[str], Config]

RELAY = Settings()
SUBMISSIONS = Settings(
    "submissions",
    security=Security.IMPLICIT,
    expect=Expect(starttls=None, certificate="trusted", auth="required", min_tls="TLSv1.2"),
)
SUBMISSION = Settings(
    "submission", expect=Expect(starttls="required", certificate="trusted", auth="required", min_tls="TLSv1.2")
)


def only(config: Config) -> Settings:
    """The settings of the only port of the only target."""
    ((_, settings),) = config.targets[0].ports
    return settings


@pytest.mark.parametrize(
    ("port", "settings"),
    [(25, RELAY), (465, SUBMISSIONS), (587, SUBMISSION), (2525, SUBMISSION), (10025, RELAY)],
)
def test_a_bare_port_has_what_the_contract_says(read: Read, port: int, settings: Settings) -> None:
    config = read(f"targets: [{{host: a.example, ports: [{port}]}}]")
    assert only(config) == settings == config.settings_for(port)


@pytest.mark.parametrize(
    ("text", "timeout"),
    [
        ("targets: [{host: a, ports: [25]}]", 30),
        ("{global: {timeout: 5s}, targets: [{host: a, ports: [25]}]}", 5),
        ("{global: {timeout: 5s}, modules: {m: {timeout: 6s}}, targets: [{host: a, ports: [25], module: m}]}", 6),
        ("{modules: {m: {timeout: 6s}}, targets: [{host: a, ports: [25], module: m, timeout: 7s}]}", 7),
        ("targets: [{host: a, timeout: 7s, ports: [{port: 25, timeout: 8s}]}]", 8),
        ("{modules: {m: {timeout: 6s}}, targets: [{host: a, timeout: 7s, ports: [{port: 25, module: m}]}]}", 7),
    ],
    ids=["built in", "global", "module", "target", "port entry", "a target beats the module of its port entry"],
)
def test_the_nearest_wins(read: Read, text: str, timeout: float) -> None:
    assert only(read(text)).timeout == timeout


@pytest.mark.parametrize(
    ("keys", "confirm_interval"),
    [
        ("interval: 60s", 15.0),
        ("interval: 30s", 15.0),
        ("interval: 10s, timeout: 5s", 10.0),
        ("interval: 5m", 75.0),
        ("interval: 1h", 900.0),
        ("interval: 60s, confirm_interval: 5s", 5.0),
        ("interval: 60s, confirm_interval: 60s", 60.0),
        ("interval: 60s, confirm_interval: off", None),
        ("interval: 60s, confirm_interval: 'off'", None),
        ("interval: 2s, timeout: 1s, confirm_interval: off", None),
    ],
)
def test_a_failure_is_confirmed_after_a_quarter_of_the_interval_unless_configured(
    read: Read, keys: str, confirm_interval: float | None
) -> None:
    assert only(read(f"targets: [{{host: a, ports: [25], {keys}}}]")).confirm_interval == confirm_interval


@pytest.mark.parametrize(
    ("text", "confirm_interval"),
    [
        ("targets: [{domain: a.test}]", 75.0),
        ("{global: {confirm_interval: 20s}, targets: [{domain: a.test}]}", 20.0),
        ("{global: {confirm_interval: off}, targets: [{host: a, ports: [25], confirm_interval: 30s}]}", 30.0),
        ("{modules: {m: {confirm_interval: off}}, targets: [{host: a, ports: [{port: 25, module: m}]}]}", None),
        ("targets: [{host: a, confirm_interval: off, ports: [{port: 25, confirm_interval: 9s}]}]", 9.0),
        ("targets: [{host: a, interval: 2m, ports: [{port: 25, interval: 4m}]}]", 60.0),
    ],
    ids=["a domain", "global, for domains too", "target", "module", "port entry", "a quarter of the nearest interval"],
)
def test_the_confirm_interval_has_layers(read: Read, text: str, confirm_interval: float | None) -> None:
    assert only(read(text)).confirm_interval == confirm_interval


def test_mappings_merge_key_by_key(read: Read) -> None:
    settings = only(
        read("""
        global: {expect: {min_days_left: 14, extensions: [size, SIZE]}}
        modules: {m: {expect: {min_tls: TLSv1.3}, tls: {server_name: M.example}}}
        targets: [{host: a, module: m, expect: {auth: required}, ports: [{port: 25, expect: {banner: "^x"}}]}]
        """)
    )
    assert settings.module == "m"
    assert settings.tls == TlsSettings(server_name="m.example")
    assert settings.expect == Expect(
        auth="required", min_tls="TLSv1.3", banner="^x", min_days_left=14, extensions=("SIZE",), user_wants_trust=True
    )


def test_a_built_in_module_beats_global_as_any_module_does(read: Read) -> None:
    config = read("{global: {expect: {certificate: any, min_days_left: 9}}, targets: [{host: a, ports: [465]}]}")
    assert only(config).expect.certificate == "trusted"
    assert only(config).expect.min_days_left == 9


def test_an_own_module_of_the_same_name_changes_a_built_in_one(read: Read) -> None:
    config = read("{modules: {submissions: {expect: {certificate: any}}}, targets: [{host: a, ports: [465]}]}")
    assert only(config).expect.certificate == "any"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("targets: [{host: a, ports: [587]}]", False),
        ("targets: [{host: a, ports: [587], expect: {certificate: trusted}}]", True),
        ("targets: [{host: a, ports: [{port: 25, expect: {certificate: trusted}}]}]", True),
        ("targets: [{host: a, ports: [25], tls: {server_name: b}}]", True),
        ("{global: {expect: {certificate: trusted}}, targets: [{host: a, ports: [25]}]}", False),
        ("{modules: {m: {expect: {certificate: trusted}}}, targets: [{host: a, ports: [25], module: m}]}", True),
        ("targets: [{host: a, ports: [25], module: submission}]", False),
        (
            "targets: [{host: a, expect: {certificate: trusted}, ports: [{port: 25, expect: {certificate: any}}]}]",
            False,
        ),
    ],
    ids=["built in", "target", "port", "server_name", "global", "module", "built-in module", "taken back"],
)
def test_trust_is_the_users_wish_only_where_the_user_wrote_it(read: Read, text: str, *, wanted: bool) -> None:
    assert only(read(text)).expect.user_wants_trust is wanted


def test_a_module_builds_on_the_one_of_the_port_unless_it_names_another(read: Read) -> None:
    config = read("""
        modules:
          mine: {timeout: 9s}
          based: {module: submission, timeout: 8s}
          deeper: {module: based, interval: 2m}
        targets: [{host: a, module: mine, ports: [25, 465]}, {host: b, module: deeper, ports: [25]}]
        """)
    (_, on_25), (_, on_465) = config.targets[0].ports
    assert (on_25.security, on_465.security, on_465.expect.min_tls) == ("starttls", "implicit", "TLSv1.2")
    (_, deeper) = config.targets[1].ports[0]
    assert (deeper.module, deeper.timeout, deeper.interval, deeper.expect.starttls) == ("deeper", 8, 120, "required")


def test_a_module_named_as_a_built_in_one_changes_it(read: Read) -> None:
    config = read("{modules: {relay: {interval: 2m}}, targets: [{host: a, ports: [25, 465]}]}")
    assert [(each.module, each.interval) for _, each in config.targets[0].ports] == [
        ("relay", 120),
        ("submissions", 60),
    ]


@pytest.mark.parametrize(
    ("text", "interval"),
    [
        ("targets: [{domain: a.test}]", 300),
        ("{global: {interval: 45s}, targets: [{domain: a.test}]}", 300),
        ("targets: [{domain: a.test, interval: 45s}]", 45),
        ("targets: [{domain: a.test, ports: [{port: 25, interval: 45s}]}]", 45),
        ("{modules: {m: {interval: 45s}}, targets: [{domain: a.test, module: m}]}", 45),
    ],
    ids=["default", "not global", "target", "port entry", "module"],
)
def test_a_domain_has_an_interval_of_its_own(read: Read, text: str, interval: float) -> None:
    settings = only(read(text))
    assert (settings.interval, settings.resolve) == (interval, "dns")


def test_a_domain_asks_the_dns_only(read: Read) -> None:
    assert only(read("{global: {resolve: system}, targets: [{domain: a.test}]}")).resolve == "dns"


def test_the_connection_has_no_more_time_than_the_probe(read: Read) -> None:
    assert only(read("targets: [{host: a, ports: [25], timeout: 5s}]")).connect_timeout == 5


def test_with_a_login_auth_is_required(read: Read) -> None:
    settings = only(
        read("targets: [{host: a, ports: [25], auth: {username: u, password_env: SMTP_PASSWORD, mechanism: PLAIN}}]")
    )
    assert settings.auth == AuthSettings("u", password_env="SMTP_PASSWORD", mechanism="PLAIN")
    assert settings.expect.auth == "required"


def test_an_interval_alone_is_no_login(read: Read) -> None:
    assert only(read("{global: {auth: {interval: 10m}}, targets: [{host: a, ports: [25]}]}")).auth is None


@pytest.mark.parametrize("above", [{"password_file": "g"}, {"password_env": "E"}], ids=lambda keys: next(iter(keys)))
@pytest.mark.parametrize("below", [{"password_file": "f"}, {"password_env": "D"}], ids=lambda keys: next(iter(keys)))
def test_a_password_in_another_place_replaces_the_one_above(below: dict[str, str], above: dict[str, str]) -> None:
    assert overlay({"auth": {"username": "u", **below}}, {"auth": above}) == {"auth": {"username": "u", **above}}


def test_a_login_in_several_layers_keeps_its_password() -> None:
    login = {"username": "u", "password_file": "f"}
    assert overlay({"auth": login}, {"auth": {"mechanism": "PLAIN"}}) == {"auth": {**login, "mechanism": "PLAIN"}}


def test_without_starttls_nothing_is_expected_of_it(read: Read) -> None:
    assert only(read("targets: [{host: a, ports: [587], security: none}]")).expect.starttls is None


def test_equal_settings_are_one_object(read: Read) -> None:
    config = read("""
        targets:
          - {host: a, ports: [25, {port: 26, timeout: 9s}]}
          - {host: b, ports: [25, {port: 26, timeout: 9s}]}
        """)
    assert len({id(settings) for target in config.targets for _, settings in target.ports}) == 2


def test_modules_are_to_be_had_for_any_port(read: Read) -> None:
    config = read("{modules: {mine: {timeout: 9s}}, targets: [{host: a, ports: [25]}]}")
    assert list(config.modules) == ["relay", "submissions", "submission", "mine"]
    assert config.settings_for(25, "submissions") == SUBMISSIONS
    assert config.settings_for(465, "mine").security == "implicit"
    with pytest.raises(LookupError, match="unknown module 'mien'; did you mean 'mine'"):
        config.settings_for(25, "mien")
