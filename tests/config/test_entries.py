from collections.abc import Callable
from pathlib import Path

from exporter.config import Config
from exporter.model import Settings, Target

Read = Callable[[str], Config]
Errors = Callable[[str], list[str]]


def outline(config: Config) -> list[tuple[str, str | tuple[str, ...], list[int]]]:
    """Name, host or domains, and ports of each target."""
    return [(each.name, each.host or each.domains, [port for port, _ in each.ports]) for each in config.targets]


def test_a_host_is_named_by_itself_unless_it_has_a_name(read: Read) -> None:
    config = read("""
        targets:
          - {host: Mail.Example.com., ports: [25, 465]}
          - {host: "2001:db8::1", name: six, ports: [25]}
        """)
    assert outline(config) == [("mail.example.com", "mail.example.com", [25, 465]), ("six", "2001:db8::1", [25])]


def test_domains_are_one_target_where_they_have_a_name_and_else_each_its_own(read: Read) -> None:
    Path("customers.txt").write_text("# ours\na.test\n\n  B.Test.  # moved\n", encoding="utf-8")
    config = read("""
        targets:
          - domain: example.com
          - {domains: [c.test, d.test], ports: [25, 2525]}
          - {domains: [c.test, d.test], name: both}
          - {domains_file: customers.txt, name: customers}
        """)
    assert outline(config) == [
        ("example.com", ("example.com",), [25]),
        ("c.test", ("c.test",), [25, 2525]),
        ("d.test", ("d.test",), [25, 2525]),
        ("both", ("c.test", "d.test"), [25]),
        ("customers", ("a.test", "b.test"), [25]),
    ]


def test_a_host_and_a_domain_may_have_the_same_name(read: Read) -> None:
    config = read("targets: [{host: example.com, ports: [25]}, {domain: example.com}]")
    assert [each.name for each in config.targets] == ["example.com", "example.com"]


def test_labels_are_sorted_pairs(read: Read) -> None:
    config = read("targets: [{host: a, ports: [25], labels: {team: mail, env: prod}}]")
    assert config.targets[0].labels == (("env", "prod"), ("team", "mail"))


def test_target_files_hold_lists_of_targets_and_file_sd_groups(read: Read) -> None:
    Path("targets.d").mkdir()
    Path("targets.d/a.yaml").write_text("- {host: a.example, ports: [25], labels: {x: y}}\n")
    Path("targets.d/b.json").write_text(
        '[{"targets": ["b.example:25", "b.example:465", "[::1]:25"],'
        ' "labels": {"__meta_x": "1", "job": "smtp", "instance": "i", "team": "mail"}}]'
    )
    Path("targets.d/c.yaml").write_text("# nothing yet\n")
    config = read("target_files: [targets.d/*.yaml, targets.d/*.json, none/*.yaml]")
    assert config.targets == (
        Target("a.example", ((25, Settings()),), host="a.example", labels=(("x", "y"),)),
        Target(
            "b.example",
            ((25, config.settings_for(25)), (465, config.settings_for(465))),
            host="b.example",
            labels=(("team", "mail"),),
        ),
        Target("::1", ((25, Settings()),), host="::1", labels=(("team", "mail"),)),
    )


def test_a_file_that_two_patterns_match_is_read_once(read: Read) -> None:
    Path("a.yml").write_text("- {host: a.example, ports: [25]}\n")
    assert len(read("target_files: [a.yml, '*.yml']").targets) == 1


def test_paths_are_relative_to_the_file_that_names_them(read: Read) -> None:
    Path("sub").mkdir()
    Path("sub/secret").write_text("hunter2\n")
    Path("sub/t.yaml").write_text("- {host: a, ports: [587], auth: {username: u, password_file: secret}}\n")
    ((_, settings),) = read("target_files: [sub/*.yaml]").targets[0].ports
    assert settings.auth
    assert settings.auth.password_file == str(Path("sub/secret").absolute())


def test_hosts_share_everything_but_their_name(read: Read) -> None:
    config = read("""
        targets:
          - {hosts: [MX1.example., "2001:db8::1"], ports: [25, {port: 465, addresses: any}], labels: {team: mail}}
          - {hosts: [a.example, b.example], name: both, ports: [587]}
        """)
    assert outline(config) == [
        ("mx1.example", "mx1.example", [25, 465]),
        ("2001:db8::1", "2001:db8::1", [25, 465]),
        ("both", "a.example", [587]),
        ("both", "b.example", [587]),
    ]
    first, second, *_ = config.targets
    assert (first.ports, first.labels) == (second.ports, second.labels) == (first.ports, (("team", "mail"),))
    assert config.targets[0].ports[1][1].addresses == "any"
    assert config.targets[2].ports[0][1] == config.settings_for(587)


def test_a_host_may_stand_in_two_targets_with_names(read: Read) -> None:
    text = "targets: [{hosts: [a, b], ports: [25], name: x}, {hosts: [b, c], ports: [25], name: y}]"
    assert [(each.name, each.host) for each in read(text).targets] == [("x", "a"), ("x", "b"), ("y", "b"), ("y", "c")]
